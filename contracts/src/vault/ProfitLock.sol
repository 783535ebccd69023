// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Gains that reach the share price slowly
/// @notice A gain is locked when it is reported and unlocks evenly over a period, so that nobody can buy in before a gain
/// and leave with it. A loss is taken at once, first out of what is still locked.
/// @dev Between reports, assets count for no more than `unlocked`: a gain that nobody has reported is locked whole.
library ProfitLock {
    using SafeCast for uint256;

    /// @param checkpoint Gross assets at the last report, moved since by deposits and withdrawals.
    /// @param locked Part of the checkpoint that was locked at `at`.
    /// @param deficit Losses that no gain has made good yet: the distance to the high-water mark of gross assets.
    /// @param until When all of it will be unlocked; both times in seconds.
    struct Lock {
        uint128 checkpoint;
        uint128 locked;
        uint128 deficit;
        uint64 at;
        uint64 until;
    }

    /// @return The part that is locked now, rounded up.
    function lockedUp(Lock storage lock) internal view returns (uint256) {
        if (block.timestamp >= lock.until) return 0;
        return Math.mulDiv(lock.locked, lock.until - block.timestamp, lock.until - lock.at, Math.Rounding.Ceil);
    }

    /// @return The most that the assets may count for now.
    function unlocked(Lock storage lock) internal view returns (uint256) {
        return lock.checkpoint - lockedUp(lock);
    }

    /// @notice Books gross assets as they are now. Does not change what assets count for, but by the fee.
    /// @param period Seconds over which a gain unlocks. Older locked gains and the new one share a mean time that is left,
    /// weighted by amount and rounded up: a report of dust holds nothing back.
    /// @param feeBps Part of a gain above the high-water mark that is not locked, because the caller pays it out at once.
    /// @return fee Assets, rounded down.
    function report(Lock storage lock, uint256 gross, uint256 period, uint256 feeBps) internal returns (uint256 fee) {
        uint256 before = lock.checkpoint;
        if (gross == before) return 0;
        uint256 locked = lockedUp(lock);
        uint256 left = Math.saturatingSub(lock.until, block.timestamp);
        if (gross > before) {
            uint256 regained = Math.min(gross - before, lock.deficit);
            fee = Math.mulDiv(gross - before - regained, feeBps, 10_000);
            uint256 gain = gross - before - fee;
            left = Math.ceilDiv(locked * left + gain * period, locked + gain);
            lock.deficit -= uint128(regained);
            locked += gain;
        } else {
            lock.deficit += (before - gross).toUint128();
            locked = Math.saturatingSub(locked, before - gross);
        }
        (lock.checkpoint, lock.locked) = (gross.toUint128(), locked.toUint128());
        (lock.at, lock.until) = (uint64(block.timestamp), uint64(block.timestamp + left));
    }
}
