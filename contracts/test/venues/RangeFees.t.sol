// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {RangeMath} from "../../src/libraries/RangeMath.sol";
import {UniswapV3RangeBase} from "./UniswapV3Range.t.sol";

/// Fees that a position is owed, beside what the pool then pays; and what a position that has earned them is worth.
abstract contract RangeFeesTests is UniswapV3RangeBase {
    /// Swaps that leave the range and come back, positions that share its ticks: growth outside in every arrangement.
    function test_owed_is_what_a_collect_pays(int24[6] memory goals, uint256 seed) public {
        _enter();
        if (seed % 2 == 0) trader.mint(address(trader), mid - 2_040, mid + 600, 1e18, "");
        for (uint256 i = 0; i < goals.length; ++i) {
            _pushTo(pool, mid + int24(bound(goals[i], -5_000, 5_000)));
            if (seed >> (8 + i) & 1 == 1) trader.mint(address(trader), mid - 600, mid + 2_040, 1e17, "");
            if (seed >> (16 + i) & 1 == 1) vm.warp(block.timestamp + 60);
        }
        (uint256 owed0, uint256 owed1) = venue.owed();
        uint256 id = vm.snapshotState();
        vm.startPrank(address(venue));
        pool.burn(mid - 2_040, mid + 2_040, 0);
        (uint128 paid0, uint128 paid1) =
            pool.collect(mallory, mid - 2_040, mid + 2_040, type(uint128).max, type(uint128).max);
        vm.stopPrank();
        assertEq(owed0, paid0);
        assertEq(owed1, paid1);
        vm.revertToState(id);
        vm.warp(block.timestamp + WINDOW);
        vault.collect(venue);
    }

    /// A position that straddles another's growth wraps around below zero: only differences are fees.
    function test_growth_inside_wraps_around_below() public {
        _wraps(true);
    }

    function test_growth_inside_wraps_around_above() public {
        _wraps(false);
    }

    function _wraps(bool below) private {
        _pushTo(pool, below ? mid - 3_000 : mid + 3_000);
        trader.mint(address(trader), mid - 600, mid + 600, 1e18, "");
        _pushTo(pool, below ? mid - 5_000 : mid + 5_000);
        // Growth below (above) these ticks is counted from where it stood when they were first used.
        trader.mint(address(trader), mid - 1_200, mid - 600, 1e18, "");
        trader.mint(address(trader), mid + 600, mid + 1_200, 1e18, "");
        _pushTo(pool, mid);
        _pushTo(pool, below ? mid - 900 : mid + 900);
        (int24 lower, int24 upper) = below ? (mid - 1_200, mid - 600) : (mid + 600, mid + 1_200);
        (uint256 owed0, uint256 owed1) = RangeMath.owed(pool, address(trader), lower, upper);
        trader.burn(lower, upper, 0);
        (uint128 paid0, uint128 paid1) = trader.collect(mallory, lower, upper, type(uint128).max, type(uint128).max);
        assertEq(owed0, paid0);
        assertEq(owed1, paid1);
        assertGt(owed0 + owed1, 0);
    }

    /// Leaving brings what it was worth, whatever was traded, as long as spot is the mean.
    function test_exits_bring_at_least_the_value(int24[4] memory goals, uint256 assets, uint256 part, int24 shift)
        public
    {
        assets = bound(assets, 1e6, 1e12);
        shift = int24(bound(shift, -30, 30)) * 60;
        uint256 swapped = assets * bound(part, 1, 999) / 1_000;
        vault.enter(venue, assets, _data(mid - 2_040 + shift, mid + 2_040 + shift, swapped));
        for (uint256 i = 0; i < goals.length; ++i) {
            _pushTo(pool, mid + int24(bound(goals[i], -5_000, 5_000)));
        }
        vm.warp(block.timestamp + WINDOW);
        assertEq(venue.twapTick(), _spotTick(pool));
        uint256 worth = venue.value();
        uint256 units = venue.position();
        uint256 first = bound(part, 0, units);
        uint256 brought = first > 0 ? vault.exit(venue, first) : 0;
        if (first < units) brought += vault.exit(venue, units - first);
        assertGe(brought + 5, worth);
        assertLe(brought, worth + worth * 15 / 1_000 + 10);
        _nothingStays();
    }
}

contract RangeFeesWithAssetAsToken0Test is RangeFeesTests {
    function setUp() public {
        _buildRange(true);
    }
}

contract RangeFeesWithAssetAsToken1Test is RangeFeesTests {
    function setUp() public {
        _buildRange(false);
    }
}
