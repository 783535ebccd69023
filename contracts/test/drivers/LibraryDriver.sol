// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {PoolDepth} from "../../src/libraries/PoolDepth.sol";
import {RangeMath} from "../../src/libraries/RangeMath.sol";
import {TwapQuote} from "../../src/libraries/TwapQuote.sol";
import {Meter} from "../../src/vault/Meter.sol";
import {ProfitLock} from "../../src/vault/ProfitLock.sol";

/// The vault's libraries, to be called from outside: tests/mirror compares them with their mirror in Python.
contract LibraryDriver {
    using Meter for Meter.Bucket;
    using ProfitLock for ProfitLock.Lock;

    Meter.Bucket public bucket;
    ProfitLock.Lock public lock;

    function level(uint256 budget, uint256 epoch) external view returns (uint256) {
        return bucket.level(budget, epoch);
    }

    function take(uint256 amount, uint256 budget, uint256 epoch) external {
        bucket.take(amount, budget, epoch);
    }

    function settle(uint256 budget, uint256 epoch) external {
        bucket.settle(budget, epoch);
    }

    /// A deposit, or a withdrawal (negative).
    function flow(int128 assets) external {
        if (assets < 0) lock.checkpoint -= uint128(-assets);
        else lock.checkpoint += uint128(assets);
    }

    function report(uint256 gross, uint256 period, uint256 feeBps) external returns (uint256 fee) {
        return lock.report(gross, period, feeBps);
    }

    function lockedAndUnlocked() external view returns (uint256, uint256) {
        return (lock.lockedUp(), lock.unlocked());
    }

    function meanTickFloor(int56 earlier, int56 later, uint32 window) external pure returns (int24) {
        return TwapQuote.meanTickFloor(earlier, later, window);
    }

    function band(uint160 from, uint160 edge, uint128 liquidity, uint256 units, uint24 feePips)
        external
        pure
        returns (uint256 whole, uint256 paid)
    {
        PoolDepth.Band memory depth = PoolDepth.Band(from, edge, liquidity);
        return (PoolDepth.wholeDown(depth), PoolDepth.sellDown(depth, units, feePips));
    }

    function amountsDown(uint160 root, int24 lower, int24 upper, uint128 liquidity)
        external
        pure
        returns (uint256, uint256)
    {
        return RangeMath.amountsDown(root, lower, upper, liquidity);
    }

    function affordable(uint160 root, int24 lower, int24 upper, uint256 amount0, uint256 amount1)
        external
        pure
        returns (uint256)
    {
        return RangeMath.affordable(root, lower, upper, amount0, amount1);
    }
}
