// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IVenue} from "../interfaces/IVenue.sol";
import {VenueReads} from "../libraries/VenueReads.sol";
import {Accounts} from "./Accounts.sol";
import {Rules} from "./Rules.sol";
import {VaultBook} from "./VaultBook.sol";
import {WithdrawalQueue} from "./WithdrawalQueue.sol";

/// @title Patron's vault: depositors' assets, moved by a keeper between listed venues and idle
/// @notice An ERC-4626 vault. The keeper can do one thing, `allocate`; each of its moves is committed to beforehand,
/// measured and judged here. Withdrawals are never paused. See SPEC.md for promises and known limits.
contract Vault is WithdrawalQueue {
    using SafeERC20 for IERC20;
    using Rules for Rules.Book;

    /// @param entry True: at most `amount` assets are spent for units. False: `amount` units are sold for assets.
    /// @param minReceived Least units (entry) or assets (exit) that must arrive, as measured by the vault.
    /// @param data For the venue; see there.
    struct Action {
        address venue;
        bool entry;
        uint256 amount;
        uint256 minReceived;
        bytes data;
    }

    /// @dev What a batch has used so far, in assets.
    struct Usage {
        uint256 turnover;
        uint256 lost;
        uint256 unpriced;
    }

    /// @dev A venue and the vault's balance at one moment.
    struct Measure {
        uint256 held;
        uint256 units;
        uint256 value;
        bool fresh;
    }

    /// @notice Number of allocations so far, and the nonce that the next one must name.
    uint256 public nonce;

    /// @param amount Assets really spent (entry) or units sold (exit).
    event Allocated(
        uint256 indexed nonce,
        address indexed venue,
        bytes32 indexed decision,
        bool entry,
        uint256 amount,
        uint256 received
    );
    event Collected(address indexed venue, uint256 assets);
    event Unwound(address indexed venue, address indexed by, uint256 units, uint256 received);

    error BadBatchSize(uint256 size, uint256 most);
    error WrongNonce(uint256 expected, uint256 current);
    error DeadlinePassed(uint256 deadline, uint256 timestamp);
    error BreakerTripped();
    error NotAnchored(bytes32 decision, uint256 blockNumber);
    error PermitsMismatch(uint256 permits, uint256 entries);
    error ZeroAmount(address venue);
    error NotListed(address venue);
    error VenueStale(address venue);
    error NotSteady(address venue);
    error WrongSpend(address venue, uint256 wanted, uint256 spent);
    error LossTooHigh(address venue, uint256 gained, uint256 least);
    error IdleTooLow(uint256 idle, uint256 least);
    error QueueNotWaiting(uint256 id, uint256 since);
    error MoreThanQueueLacks(uint256 idle, uint256 need);

    constructor(Setup memory setup) VaultBook(setup) {}

    // ---- the keeper

    /// @notice Carries out a batch of entries and exits, in order, all or nothing.
    /// @param permits One per entry, in order. Exits need none.
    /// @param decision Merkle root of the decision, anchored by `anchorer` at least `anchorBlocks` earlier when the batch
    /// has an entry; only logged otherwise.
    /// @param expectedNonce Must equal `nonce`, so that no decision runs twice or on a book it did not see.
    /// @param deadline Last second at which the batch may run.
    /// @return received Per action: units bought or assets brought back, measured.
    function allocate(
        Action[] calldata actions,
        Permit[] calldata permits,
        bytes32 decision,
        uint256 expectedNonce,
        uint256 deadline
    ) external onlyRole(KEEPER_ROLE) nonReentrant returns (uint256[] memory received) {
        if (actions.length == 0 || actions.length > Rules.MAX_VENUES) {
            revert BadBatchSize(actions.length, Rules.MAX_VENUES);
        }
        if (expectedNonce != nonce) revert WrongNonce(expectedNonce, nonce);
        if (block.timestamp > deadline) revert DeadlinePassed(deadline, block.timestamp);
        nonce = expectedNonce + 1;
        if (permits.length != 0) _checkAnchored(decision);

        received = new uint256[](actions.length);
        Usage memory usage;
        uint256 entries = 0;
        for (uint256 i = 0; i < actions.length; ++i) {
            Action calldata action = actions[i];
            uint256 amount = action.amount;
            if (amount == 0) revert ZeroAmount(action.venue);
            if (action.entry) {
                if (entries == permits.length) revert PermitsMismatch(permits.length, entries + 1);
                _book.usePermit(permits[entries++], action.venue, action.amount, decision, expectedNonce);
                (amount, received[i]) = _enter(action, usage);
            } else {
                uint256 lost;
                (received[i], lost) = _leave(action.venue, amount, action.minReceived, action.data);
                usage.lost += lost;
            }
            emit Allocated(expectedNonce, action.venue, decision, action.entry, amount, received[i]);
        }
        if (entries != permits.length) revert PermitsMismatch(permits.length, entries);

        Accounts.Sheet memory sheet = _read();
        _report(sheet);
        _book.take(usage.turnover, usage.lost, usage.unpriced, Math.max(sheet.gross, 1));
        if (entries != 0) _judgeBook(actions, sheet);
    }

    // ---- leaving without the keeper

    /// @notice Leaves a venue. Guardian or owner; outside the keeper's loss budget, but within the venue's loss limit.
    /// Only the owner may leave a venue that cannot tell its value: nothing but `minReceived` judges that.
    function unwind(address venue, uint256 units, uint256 minReceived, bytes calldata data)
        external
        nonReentrant
        returns (uint256 received)
    {
        if (!hasRole(OWNER_ROLE, msg.sender)) _checkRole(GUARDIAN_ROLE);
        return _unwind(venue, units, minReceived, data);
    }

    /// @notice Leaves a venue for the queue, when its head has waited for `queueGrace`. Anyone may call it, for units worth
    /// no more than what the queue lacks (but for one unit), while the venue is priced and steady.
    function unwindForQueue(address venue, uint256 units, uint256 minReceived, bytes calldata data)
        external
        nonReentrant
        returns (uint256 received)
    {
        Request storage head = requests[queueHead];
        uint256 since = uint256(head.at) + _book.limits.queueGrace;
        if (head.shares == 0 || block.timestamp < since) revert QueueNotWaiting(queueHead, since);
        if (!VenueReads.isPriced(venue) || !VenueReads.isSteady(venue)) revert NotSteady(venue);
        uint256 need = _queueNeedUp(_total(_read()));
        uint256 before = _idle();
        received = _unwind(venue, units, minReceived, data);
        if (before >= need || (units > 1 && before + received > need)) revert MoreThanQueueLacks(before, need);
    }

    /// @notice Brings income that a venue owes to the vault. Anyone may call it.
    function collect(address venue) external nonReentrant returns (uint256 assets) {
        (assets,) = _leave(venue, 0, 0, msg.data[0:0]);
        _report(_read());
        emit Collected(venue, assets);
    }

    // ---- moves

    function _checkAnchored(bytes32 decision) private view {
        uint256 at = decisions.anchoredAt(anchorer, decision);
        if (at == 0 || at + _book.limits.anchorBlocks > block.number) {
            revert NotAnchored(decision, at);
        }
    }

    /// @dev The units and value of a venue, and what the vault holds of its asset, claims and gifts included.
    function _measure(address venue) private view returns (Measure memory at) {
        (at.held, at.units) = (_held(), IVenue(venue).position());
        (at.fresh, at.value) = VenueReads.tryValue(venue);
    }

    /// @dev An unpriced entry is not judged by value: all of it counts as lost.
    function _enter(Action calldata action, Usage memory usage) private returns (uint256 spent, uint256 received) {
        _requireNotPaused();
        if (_accounts.tripped) revert BreakerTripped();
        (address venue, uint256 amount) = (action.venue, action.amount);
        if (!_book.venues[venue].listed) revert NotListed(venue);
        _requireIdle(amount);
        bool priced = VenueReads.isPriced(venue);
        Measure memory before = _measure(venue);

        IERC20 asset_ = IERC20(asset());
        asset_.forceApprove(venue, amount);
        IVenue(venue).enter(amount, action.data);
        asset_.forceApprove(venue, 0);

        Measure memory then = _measure(venue);
        if (!before.fresh || !then.fresh) revert VenueStale(venue);
        spent = Math.saturatingSub(before.held, then.held);
        if (spent > amount) revert WrongSpend(venue, amount, spent);
        _accounts.idle -= spent;
        Accounts.Standing storage standing = _accounts.standings[venue];
        standing.lastGood = uint120(Math.saturatingSub(standing.lastGood + then.value, before.value));
        (standing.unpriced, standing.cost) = (!priced, standing.cost + spent);
        received = Math.saturatingSub(then.units, before.units);
        if (received < action.minReceived) revert TooLittleReceived(venue, received, action.minReceived);
        if (priced) {
            usage.turnover += spent;
            usage.lost += _judgeLoss(venue, spent, Math.saturatingSub(then.value, before.value));
        } else {
            usage.unpriced += spent;
        }
    }

    /// @dev Sells units, or collects if there are none to sell. Returns the measured loss. When the venue cannot tell its
    /// value, only the owner may go on, and nothing is judged.
    function _leave(address venue, uint256 units, uint256 minReceived, bytes calldata data)
        private
        returns (uint256 received, uint256 lost)
    {
        _book.known(venue);
        Measure memory before = _measure(venue);
        if (units == 0) IVenue(venue).collect();
        else IVenue(venue).exit(units, data);
        Measure memory then = _measure(venue);

        uint256 sold = Math.saturatingSub(before.units, then.units);
        if (sold != units) revert WrongSpend(venue, units, sold);
        received = Math.saturatingSub(then.held, before.held);
        if (received < minReceived) revert TooLittleReceived(venue, received, minReceived);
        _accounts.idle += received;
        Accounts.Standing storage standing = _accounts.standings[venue];
        // What is believed of the rest changes with what was taken, whatever the venue says now: see Accounts.look.
        if (units != 0) {
            standing.cost -= Math.mulDiv(standing.cost, units, before.units);
            standing.lastGood = uint120(Math.mulDiv(standing.lastGood, then.units, before.units));
        } else {
            standing.lastGood = uint120(Math.saturatingSub(standing.lastGood + then.value, before.value));
        }
        if (before.fresh && then.fresh) {
            return (received, _judgeLoss(venue, Math.saturatingSub(before.value, then.value), received));
        }
        if (!hasRole(OWNER_ROLE, msg.sender)) revert VenueStale(venue);
    }

    function _unwind(address venue, uint256 units, uint256 minReceived, bytes calldata data)
        private
        returns (uint256 received)
    {
        if (units == 0) revert ZeroAmount(venue);
        (received,) = _leave(venue, units, minReceived, data);
        _report(_read());
        emit Unwound(venue, msg.sender, units, received);
    }

    /// @dev The allowed loss is rounded down, so the least gain is rounded up.
    function _judgeLoss(address venue, uint256 given, uint256 gained) private view returns (uint256 lost) {
        uint256 leastUp = given - given * _book.venues[venue].maxLossBps / Rules.BPS;
        if (gained < leastUp) revert LossTooHigh(venue, gained, leastUp);
        return Math.saturatingSub(given, gained);
    }

    /// @dev After a batch with an entry. Exits alone are never judged by caps or by idle: they only bring both nearer.
    function _judgeBook(Action[] calldata actions, Accounts.Sheet memory sheet) private view {
        if (sheet.stale != address(0)) revert VenueStale(sheet.stale);
        if (_accounts.tripped) revert BreakerTripped();
        for (uint256 i = 0; i < actions.length; ++i) {
            if (actions[i].entry) _book.judge(_accounts, actions[i].venue, sheet.gross);
        }
        uint256 leastUp = Math.ceilDiv(sheet.gross * _book.limits.minIdleBps, Rules.BPS) + _queueNeedUp(_total(sheet));
        _requireIdle(leastUp);
    }

    function _requireIdle(uint256 least) private view {
        uint256 idleAssets = _idle();
        if (idleAssets < least) revert IdleTooLow(idleAssets, least);
    }
}
