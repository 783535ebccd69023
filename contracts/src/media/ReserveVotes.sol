// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {RevenueShare} from "./RevenueShare.sol";

/// @title The reserve of a buy-out, set by the holders' votes
/// @notice A vote is a price, as ticks (powers of 1.0001) above or below the opening reserve; the reserve is the mean
/// of the votes, weighted by shares: a geometric mean of prices. Only shares held when their owner voted count, and
/// only as long as they stay; they must stay a day. The opener's own shares do not count.
/// @dev Why ticks: in a plain mean one vote for a billion from one share in a hundred would close the auction for ever.
/// Why `VOTE_REACH`: with each vote within a factor two of the present mean, holders of a part f of the voting shares
/// can move the reserve by 2^(f / (1 - f)) and no further, up or down, while the others stand. `VOTE_MOST` bounds a
/// vote that was left behind alone. Why a day: shares borrowed for a transaction cannot vote. What no rule here can see
/// is who votes: a bidder's shares under another name do count, within that bound, and the open auction is what
/// corrects it.
abstract contract ReserveVotes is RevenueShare {
    /// @param shares Raw units that voted and have not left.
    /// @param at When, in seconds.
    struct Vote {
        uint128 shares;
        uint64 at;
        int24 tick;
    }

    uint256 internal constant BPS = 10_000;
    /// @notice Least part of the shares that are not the opener's that must have voted.
    uint256 public constant QUORUM_BPS = 5_000;
    /// @notice Seconds for which shares that voted cannot leave.
    uint32 public constant VOTE_HOLD = 1 days;
    /// @notice Most ticks between a vote and the present mean: a factor of two.
    int24 public constant VOTE_REACH = 6_931;
    /// @notice Most ticks between a vote and the opening reserve: a factor of a hundred.
    int24 public constant VOTE_MOST = 46_054;
    /// @notice Raw units of money that tick 0 stands for.
    uint128 public immutable openingReserve;
    mapping(address holder => Vote) public votes;
    /// @notice Shares that vote, and the sum of their ticks.
    uint256 public votedShares;
    int256 public votedTicks;

    event Voted(address indexed holder, uint256 shares, int24 tick, uint256 votedShares, int256 votedTicks);

    error ZeroReserve();
    error VotesClosed();
    error VoteOutOfReach(int24 tick, int256 meanTick);
    error VoteHeld(uint256 until);
    error NoQuorum(uint256 voted, uint256 shares);

    /// @dev All shares are the locker's, and vote for the opening reserve until they leave.
    constructor(address locker, uint128 openingReserve_) {
        if (openingReserve_ == 0) revert ZeroReserve();
        openingReserve = openingReserve_;
        votes[locker].shares = uint128(totalSupply());
        votedShares = totalSupply();
    }

    /// @notice Votes with all shares that the caller has, in place of any vote before.
    function vote(int24 tick) external {
        if (!_mayVote()) revert VotesClosed();
        if (!_mayLeave(msg.sender)) revert Frozen(msg.sender);
        int256 mean = _meanTickUp(votedShares, votedTicks);
        bool reached = votedShares == 0 || (tick <= mean + VOTE_REACH && tick >= mean - VOTE_REACH);
        if (!reached || tick > VOTE_MOST || tick < -VOTE_MOST) revert VoteOutOfReach(tick, mean);
        Vote storage mine = votes[msg.sender];
        _count(mine, 0);
        (mine.tick, mine.at) = (tick, uint64(block.timestamp));
        _count(mine, balanceOf(msg.sender));
        emit Voted(msg.sender, mine.shares, tick, votedShares, votedTicks);
    }

    /// @notice Least raw units of money, rounded up, with which `opener` may open an auction: the mean of the others'
    /// votes.
    function reserveFor(address opener) public view returns (uint256) {
        Vote memory own = votes[opener];
        (uint256 voted, uint256 others) = (votedShares - own.shares, totalSupply() - balanceOf(opener));
        if (voted == 0 || voted * BPS < others * QUORUM_BPS) revert NoQuorum(voted, others);
        int256 mean = _meanTickUp(voted, votedTicks - int256(uint256(own.shares)) * own.tick);
        uint256 root = TickMath.getSqrtPriceAtTick(int24(mean));
        return Math.mulDiv(openingReserve, root * root, 1 << 192, Math.Rounding.Ceil);
    }

    function _mayVote() internal view virtual returns (bool);

    function _votesCount() internal view virtual returns (bool);

    /// @dev Shares that leave stop voting; those that arrive do not vote until their new owner does.
    function _update(address from, address to, uint256 amount) internal virtual override {
        super._update(from, to, amount);
        if (!_votesCount()) return;
        Vote storage left = votes[from];
        uint256 remaining = balanceOf(from);
        if (left.shares <= remaining) return;
        if (block.timestamp < left.at + VOTE_HOLD) revert VoteHeld(left.at + VOTE_HOLD);
        _count(left, remaining);
    }

    /// @dev Lets `shares` of the voter count, instead of those that did.
    function _count(Vote storage voter, uint256 shares) private {
        votedTicks += (int256(shares) - int256(uint256(voter.shares))) * voter.tick;
        votedShares = votedShares + shares - voter.shares;
        voter.shares = uint128(shares);
    }

    /// @dev Rounded toward positive infinity, in the holders' favour; 0 without votes.
    function _meanTickUp(uint256 shares, int256 ticks) private pure returns (int256 mean) {
        if (shares == 0) return 0;
        mean = ticks / int256(shares);
        if (ticks > 0 && ticks % int256(shares) != 0) ++mean;
    }
}
