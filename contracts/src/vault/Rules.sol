// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ICompliance} from "../interfaces/ICompliance.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {VenueReads} from "../libraries/VenueReads.sol";
import {Accounts} from "./Accounts.sol";
import {DecisionLeaf} from "./DecisionLeaf.sol";
import {IRules} from "./IRules.sol";
import {Meter} from "./Meter.sol";

/// @title The vault's rules: venues, groups and limits, what it means to tighten them, and how they judge
/// @notice Linked, so that the vault stays small. Who may call what is the vault's affair.
library Rules {
    using Meter for Meter.Bucket;

    enum Budget {
        Turnover,
        Loss,
        Unpriced
    }

    /// @param groupCapBps Most of `totalAssets` that the venues of a group may hold together. Group 0 has none.
    struct Book {
        mapping(address venue => IRules.VenueConfig) venues;
        mapping(uint32 group => uint16) groupCapBps;
        IRules.Limits limits;
        Meter.Bucket[3] buckets;
        mapping(bytes32 leaf => bool) leafUsed;
    }

    Math.Rounding private constant UP = Math.Rounding.Ceil;
    uint256 internal constant BPS = 10_000;
    /// @dev Most venues known at a time, and most actions in one batch.
    uint256 internal constant MAX_VENUES = 16;
    /// @dev No venue may be given a loss limit above this.
    uint256 internal constant MAX_LOSS_BPS = 1_000;
    uint256 internal constant MAX_FEE_BPS = 2_000;
    /// @dev No period may be longer, so that none can freeze what is owed.
    uint256 internal constant MAX_PERIOD = 90 days;

    /// @notice Sets a venue's group, cap and loss limit, and lists it. Unless it may loosen, only the cap may change, and only
    /// downwards: a tighter loss limit would keep the position from being left.
    function setVenue(
        Book storage book,
        Accounts.Data storage accounts,
        address venue,
        uint32 group,
        uint16 capBps,
        uint16 maxLossBps,
        bool mayLoosen
    ) external {
        if (capBps > BPS) revert IRules.BpsTooHigh(capBps, BPS);
        if (maxLossBps > MAX_LOSS_BPS) revert IRules.BpsTooHigh(maxLossBps, MAX_LOSS_BPS);
        IRules.VenueConfig memory now_ = book.venues[venue];
        if (!mayLoosen) {
            if (!now_.known) revert IRules.NotKnown(venue);
            if (group != now_.group || capBps > now_.capBps || maxLossBps != now_.maxLossBps) {
                revert IRules.NotTighter();
            }
        } else {
            _checkListable(venue);
            if (!now_.known) {
                if (accounts.venues.length == MAX_VENUES) revert IRules.TooManyVenues(MAX_VENUES);
                accounts.venues.push(venue);
            }
        }
        _store(book, venue, IRules.VenueConfig(mayLoosen || now_.listed, true, capBps, maxLossBps, group));
    }

    /// @notice Ends entries into a venue. What it holds still counts and can still be left.
    function delist(Book storage book, address venue) external {
        IRules.VenueConfig memory config = known(book, venue);
        config.listed = false;
        _store(book, venue, config);
    }

    /// @notice Takes a delisted venue out of the accounts.
    function forget(Book storage book, Accounts.Data storage accounts, address venue) external {
        if (known(book, venue).listed) revert IRules.StillListed(venue);
        address[] storage venues = accounts.venues;
        for (uint256 i = 0; i < venues.length; ++i) {
            if (venues[i] == venue) venues[i] = venues[venues.length - 1];
        }
        venues.pop();
        delete book.venues[venue];
        delete accounts.standings[venue];
        emit IRules.VenueForgotten(venue);
    }

    /// @notice Sets a group's cap. Group 0 is that of ungrouped venues: its cap stays 0.
    function setGroupCap(Book storage book, uint32 group, uint16 capBps, bool mayLoosen) external {
        uint256 most = group == 0 ? 0 : BPS;
        if (capBps > most) revert IRules.BpsTooHigh(capBps, most);
        if (!mayLoosen && capBps > book.groupCapBps[group]) revert IRules.NotTighter();
        book.groupCapBps[group] = capBps;
        emit IRules.GroupCapSet(group, capBps);
    }

    /// @notice Sets all limits. Unless it may loosen, none may be looser, and those that withdrawals depend on must stay.
    function setLimits(Book storage book, IRules.Limits calldata to, bool mayLoosen) external {
        if (
            to.minIdleBps > BPS || to.turnoverBps > BPS || to.lossBps > BPS || to.drawdownBps > BPS
                || to.performanceFeeBps > MAX_FEE_BPS || to.anchorBlocks == 0 || to.minRequest == 0 || to.epoch == 0
                || to.epoch > MAX_PERIOD || to.profitUnlock == 0 || to.profitUnlock > MAX_PERIOD
                || to.staleGrace > MAX_PERIOD || to.queueGrace > MAX_PERIOD
        ) revert IRules.BadLimits(to);
        IRules.Limits memory from = book.limits;
        if (!mayLoosen) {
            bool looser = to.minIdleBps < from.minIdleBps || to.turnoverBps > from.turnoverBps
                || to.lossBps > from.lossBps || to.drawdownBps > from.drawdownBps
                || to.performanceFeeBps > from.performanceFeeBps || to.epoch < from.epoch
                || to.anchorBlocks < from.anchorBlocks || to.unpricedBudget > from.unpricedBudget;
            bool other = to.profitUnlock != from.profitUnlock || to.staleGrace != from.staleGrace
                || to.queueGrace != from.queueGrace || to.minRequest != from.minRequest;
            if (looser || other) revert IRules.NotTighter();
        }
        for (uint256 i = 0; i < 3 && from.epoch != 0; ++i) {
            book.buckets[i].settle(_budget(book, Budget(i)), from.epoch);
        }
        book.limits = to;
        emit IRules.LimitsSet(to);
    }

    /// @notice Finds the leaf that allows an entry under the root of a decision, and uses it up.
    function usePermit(
        Book storage book,
        IRules.Permit calldata permit,
        address venue,
        uint256 amount,
        bytes32 decision,
        uint256 nonce
    ) external {
        if (block.timestamp > permit.expiry) {
            revert IRules.PermitExpired(permit.expiry, block.timestamp);
        }
        if (amount > permit.maxAssets) revert IRules.OverPermit(amount, permit.maxAssets);
        bytes32 leaf =
            DecisionLeaf.hash(address(this), venue, true, permit.maxAssets, nonce, permit.expiry, permit.record);
        if (!MerkleProof.verifyCalldata(permit.proof, decision, leaf)) revert IRules.NotInDecision(decision, leaf);
        if (book.leafUsed[leaf]) revert IRules.LeafUsed(leaf);
        book.leafUsed[leaf] = true;
    }

    /// @notice Takes what a batch used out of the budgets.
    /// @param turnover Spent by entries into priced venues, in assets.
    /// @param lost Measured value lost, in assets.
    /// @param unpriced Spent by entries into unpriced venues, in assets.
    /// @param gross The vault's gross assets. Turnover and loss are parts of them, rounded up, 1e18 being all: whoever
    /// swells the vault for a while buys no budget by it.
    function take(Book storage book, uint256 turnover, uint256 lost, uint256 unpriced, uint256 gross) external {
        uint256[3] memory used = [Math.mulDiv(turnover, 1e18, gross, UP), Math.mulDiv(lost, 1e18, gross, UP), unpriced];
        for (uint256 i = 0; i < 3; ++i) {
            book.buckets[i].take(used[i], _budget(book, Budget(i)), book.limits.epoch);
        }
    }

    /// @notice What is used of a budget and not yet refilled.
    function level(Book storage book, Budget kind) external view returns (uint256) {
        return book.buckets[uint256(kind)].level(_budget(book, kind), book.limits.epoch);
    }

    /// @notice Judges a venue that was entered by its depth, its cap and its group's.
    /// @param gross The vault's gross assets: locked gains are there to be weighed, though not to be paid out.
    function judge(Book storage book, Accounts.Data storage accounts, address venue, uint256 gross) external view {
        IRules.VenueConfig memory config = book.venues[venue];
        (uint256 value, uint256 most) = (accounts.standings[venue].lastGood, VenueReads.most(venue));
        if (value > most) revert IRules.OverDepth(venue, value, most);
        value = _counted(accounts, venue);
        uint256 capDown = gross * config.capBps / BPS;
        if (value > capDown) revert IRules.OverCap(venue, value, capDown);
        value = 0;
        for (uint256 i = 0; i < accounts.venues.length; ++i) {
            address other = accounts.venues[i];
            if (book.venues[other].group == config.group) value += _counted(accounts, other);
        }
        capDown = gross * book.groupCapBps[config.group] / BPS;
        if (value > capDown) revert IRules.OverGroupCap(config.group, value, capDown);
    }

    function known(Book storage book, address venue) internal view returns (IRules.VenueConfig memory config) {
        config = book.venues[venue];
        if (!config.known) revert IRules.NotKnown(venue);
    }

    /// @dev Caps judge an unpriced venue by no less than what was put into it.
    function _counted(Accounts.Data storage accounts, address venue) private view returns (uint256) {
        Accounts.Standing storage standing = accounts.standings[venue];
        return standing.unpriced ? Math.max(standing.lastGood, standing.cost) : standing.lastGood;
    }

    function _budget(Book storage book, Budget kind) private view returns (uint256) {
        if (kind == Budget.Unpriced) return book.limits.unpricedBudget;
        uint256 bps = kind == Budget.Turnover ? book.limits.turnoverBps : book.limits.lossBps;
        return bps * 1e18 / BPS;
    }

    /// @dev It must be this vault's, and in what this vault is allowed to hold.
    function _checkListable(address venue) private view {
        if (venue.code.length == 0) revert IRules.VenueMismatch(venue);
        if (IVenue(venue).vault() != address(this) || IVenue(venue).asset() != IERC4626(address(this)).asset()) {
            revert IRules.VenueMismatch(venue);
        }
        ICompliance registry = IRules(address(this)).compliance();
        address token = IVenue(venue).token();
        if (address(registry) != address(0) && !registry.canHold(address(this), token)) {
            revert IRules.VenueNotAllowed(venue, token);
        }
    }

    function _store(Book storage book, address venue, IRules.VenueConfig memory config) private {
        book.venues[venue] = config;
        emit IRules.VenueSet(venue, config);
    }
}
