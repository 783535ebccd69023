// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20, ERC4626, IERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {IVenue} from "./interfaces/IVenue.sol";
import {VenueBook} from "./VenueBook.sol";

/// @title Patron's vault: depositors' assets, moved by a keeper between listed venues and idle
/// @notice An ERC-4626 vault. The keeper can do one thing, `allocate`, and each of its moves is measured and judged here.
/// Withdrawals are paid out of idle assets and are never paused. See SPEC.md for promises and known limits.
contract Vault is VenueBook, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /// @param entry True: `amount` assets are spent for token units. False: `amount` token units are sold for assets.
    /// @param minReceived Least units (entry) or assets (exit) that must arrive, as measured by the vault.
    struct Action {
        address venue;
        bool entry;
        uint256 amount;
        uint256 minReceived;
    }

    /// @notice Number of allocations so far, and the nonce that the next one must name.
    uint256 public nonce;

    event Allocated(
        uint256 indexed nonce,
        address indexed venue,
        bytes32 indexed decision,
        bool entry,
        uint256 amount,
        uint256 received
    );

    error BadBatchSize(uint256 size, uint256 most);
    error WrongNonce(uint256 expected, uint256 current);
    error DeadlinePassed(uint256 deadline, uint256 timestamp);
    error ZeroAmount(address venue);
    error NotListed(address venue);
    error VenueStale(address venue);
    error WrongSpend(address venue, uint256 wanted, uint256 spent);
    error TooLittleReceived(address venue, uint256 received, uint256 minReceived);
    error LossTooHigh(address venue, uint256 gained, uint256 least);
    error OverCap(address venue, uint256 value, uint256 cap);
    error IdleTooLow(uint256 idle, uint256 least);

    constructor(
        IERC20 asset_,
        string memory name_,
        string memory symbol_,
        address curator,
        address guardian,
        address keeper,
        uint16 minIdleBps_
    ) ERC20(name_, symbol_) ERC4626(asset_) VenueBook(curator, guardian, keeper, minIdleBps_) {}

    /// @notice Carries out a batch of entries and exits, in order, all or nothing.
    /// @param decision Hash of the off-chain decision record; only logged.
    /// @param expectedNonce Must equal `nonce`, so that no decision runs twice or on a book it did not see.
    /// @param deadline Last second at which the batch may run.
    /// @return received Per action: units bought or assets brought back, measured.
    function allocate(Action[] calldata actions, bytes32 decision, uint256 expectedNonce, uint256 deadline)
        external
        onlyRole(KEEPER_ROLE)
        nonReentrant
        returns (uint256[] memory received)
    {
        if (actions.length == 0 || actions.length > MAX_VENUES) {
            revert BadBatchSize(actions.length, MAX_VENUES);
        }
        if (expectedNonce != nonce) revert WrongNonce(expectedNonce, nonce);
        if (block.timestamp > deadline) revert DeadlinePassed(deadline, block.timestamp);
        nonce = expectedNonce + 1;

        received = new uint256[](actions.length);
        bool entered = false;
        for (uint256 i = 0; i < actions.length; ++i) {
            Action calldata action = actions[i];
            uint256 got = action.entry ? _enter(action.venue, action.amount) : _exit(action.venue, action.amount);
            if (got < action.minReceived) revert TooLittleReceived(action.venue, got, action.minReceived);
            received[i] = got;
            entered = entered || action.entry;
            emit Allocated(expectedNonce, action.venue, decision, action.entry, action.amount, got);
        }

        (uint256 total, address stale) = _record();
        if (entered) {
            if (stale != address(0)) revert VenueStale(stale);
            _judgeBook(actions, total);
        }
    }

    /// @notice Records the present value of each venue that can tell, as `lastGoodValue`. Anyone may call it.
    function refresh() external nonReentrant {
        _record();
    }

    /// @inheritdoc ERC4626
    function maxDeposit(address receiver) public view override returns (uint256) {
        return depositsOpen() ? super.maxDeposit(receiver) : 0;
    }

    /// @inheritdoc ERC4626
    function maxMint(address receiver) public view override returns (uint256) {
        return depositsOpen() ? super.maxMint(receiver) : 0;
    }

    /// @notice The owner's share of the vault, or all that is idle if that is less.
    function maxWithdraw(address owner) public view override returns (uint256) {
        return Math.min(previewRedeem(balanceOf(owner)), idle());
    }

    /// @notice The owner's shares, or those that all idle assets pay for if that is less.
    function maxRedeem(address owner) public view override returns (uint256) {
        return Math.min(balanceOf(owner), convertToShares(idle()));
    }

    /// @dev Virtual shares make a first-depositor attack cost more than it takes. Shares have the asset's decimals + 6.
    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }

    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override nonReentrant {
        super._deposit(caller, receiver, assets, shares);
    }

    function _withdraw(address caller, address receiver, address owner, uint256 assets, uint256 shares)
        internal
        override
        nonReentrant
    {
        super._withdraw(caller, receiver, owner, assets, shares);
    }

    function _enter(address venue, uint256 amount) private returns (uint256 received) {
        _requireNotPaused();
        if (amount == 0) revert ZeroAmount(venue);
        if (!venues[venue].listed) revert NotListed(venue);
        (uint256 idleBefore, uint256 unitsBefore, uint256 valueBefore) = _measure(venue);
        IERC20(asset()).forceApprove(venue, amount);
        IVenue(venue).enter(amount);
        IERC20(asset()).forceApprove(venue, 0);
        (uint256 idleAfter, uint256 unitsAfter, uint256 valueAfter) = _measure(venue);
        uint256 spent = Math.saturatingSub(idleBefore, idleAfter);
        if (spent != amount) revert WrongSpend(venue, amount, spent);
        _judgeLoss(venue, amount, Math.saturatingSub(valueAfter, valueBefore));
        received = Math.saturatingSub(unitsAfter, unitsBefore);
    }

    function _exit(address venue, uint256 amount) private returns (uint256 received) {
        if (amount == 0) revert ZeroAmount(venue);
        _known(venue);
        (uint256 idleBefore, uint256 unitsBefore, uint256 valueBefore) = _measure(venue);
        IVenue(venue).exit(amount);
        (uint256 idleAfter, uint256 unitsAfter, uint256 valueAfter) = _measure(venue);
        uint256 sold = Math.saturatingSub(unitsBefore, unitsAfter);
        if (sold != amount) revert WrongSpend(venue, amount, sold);
        received = Math.saturatingSub(idleAfter, idleBefore);
        _judgeLoss(venue, Math.saturatingSub(valueBefore, valueAfter), received);
    }

    /// @dev The idle assets, and the venue's units and value; a venue that cannot tell its value cannot be judged.
    function _measure(address venue) private view returns (uint256 idleAssets, uint256 units, uint256 value) {
        bool fresh;
        (value, fresh) = valueOf(venue);
        if (!fresh) revert VenueStale(venue);
        return (idle(), IVenue(venue).position(), value);
    }

    /// @dev The allowed loss is rounded down, so the least gain is rounded up.
    function _judgeLoss(address venue, uint256 given, uint256 gained) private view {
        uint256 leastUp = given - Math.mulDiv(given, venues[venue].maxLossBps, BPS);
        if (gained < leastUp) revert LossTooHigh(venue, gained, leastUp);
    }

    /// @dev After a batch with an entry. Exits alone are never judged by caps or by idle: they only bring both nearer.
    function _judgeBook(Action[] calldata actions, uint256 total) private view {
        for (uint256 i = 0; i < actions.length; ++i) {
            address venue = actions[i].venue;
            uint256 capDown = Math.mulDiv(total, venues[venue].capBps, BPS);
            uint256 value = lastGoodValue[venue];
            if (actions[i].entry && value > capDown) revert OverCap(venue, value, capDown);
        }
        uint256 leastUp = Math.mulDiv(total, minIdleBps, BPS, Math.Rounding.Ceil);
        uint256 idleAssets = idle();
        if (idleAssets < leastUp) revert IdleTooLow(idleAssets, leastUp);
    }
}
