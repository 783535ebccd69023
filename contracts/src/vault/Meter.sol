// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title A budget that refills with time: a leaky bucket
/// @notice What is used drains evenly, one budget per epoch. A bucket holds one budget and drains n of them in n epochs, so
/// any stretch of n epochs, wherever it begins, takes at most n + 1 budgets.
library Meter {
    /// @param used Level of the bucket at `at`, in the unit of the budget.
    /// @param at Seconds.
    struct Bucket {
        uint128 used;
        uint64 at;
    }

    error BudgetSpent(uint256 wanted, uint256 used, uint256 budget);

    /// @return What counts as used now. Drains rounded down, so that the answer is rounded up.
    function level(Bucket storage bucket, uint256 budget, uint256 epoch) internal view returns (uint256) {
        uint256 drained = Math.mulDiv(budget, block.timestamp - bucket.at, epoch);
        return Math.saturatingSub(bucket.used, drained);
    }

    /// @notice Uses `amount` more, or reverts. Nothing used writes nothing, so that rounding cannot hold the drain back.
    function take(Bucket storage bucket, uint256 amount, uint256 budget, uint256 epoch) internal {
        if (amount == 0) return;
        uint256 used = level(bucket, budget, epoch);
        if (amount > Math.saturatingSub(budget, used)) revert BudgetSpent(amount, used, budget);
        (bucket.used, bucket.at) = (uint128(used + amount), uint64(block.timestamp));
    }

    /// @notice Drains up to now, before the budget or the epoch changes: a change never reaches back.
    function settle(Bucket storage bucket, uint256 budget, uint256 epoch) internal {
        (bucket.used, bucket.at) = (uint128(level(bucket, budget, epoch)), uint64(block.timestamp));
    }
}
