// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {V3Fixture} from "./V3Fixture.sol";

abstract contract UniswapV3HoldTests is V3Fixture {
    UniswapV3Hold internal venue;

    function _buildHold(bool assetIsToken0) internal {
        _build(assetIsToken0);
        venue = _hold(pool);
        vm.warp(block.timestamp + AGE);
    }

    function test_position_is_worth_what_selling_it_at_the_mean_pays() public {
        (uint256 units, uint256 spent) = vault.enter(venue, 100_000e6, "");
        assertEq(spent, 100_000e6);
        assertEq(venue.position(), units);
        assertEq(venue.token(), address(media));
        // two fees of 0.3 %, and twice an impact of 0.1 % over a depth of 100 million
        assertApproxEqRel(venue.value(), 99_203e6, 0.0003e18);
        assertEq(venue.twapTick(), assetIs0 ? TICK : -TICK);
    }

    function test_value_follows_the_mean_and_not_the_spot() public {
        vault.enter(venue, 100_000e6, "");
        vm.warp(block.timestamp + 2 * WINDOW);
        uint256 before = venue.value();
        _push(pool, true, 1_000); // about +10.5 %
        assertEq(venue.value(), before);
        vm.warp(block.timestamp + WINDOW / 2);
        assertApproxEqRel(venue.value(), before * 10_513 / 10_000, 0.001e18);
        vm.warp(block.timestamp + WINDOW / 2);
        assertApproxEqRel(venue.value(), before * 11_052 / 10_000, 0.001e18);
    }

    function test_nothing_done_within_a_block_moves_the_value(uint256 seed, bool up) public {
        vault.enter(venue, 100_000e6, "");
        vm.warp(block.timestamp + WINDOW);
        uint256 before = venue.value();
        _push(pool, up, int24(int256(bound(seed, 1, 200_000))));
        assertEq(venue.value(), before, "spot is never looked at, so a report in between shows nothing");
        assertEq(venue.steady(), _near(_spotTick(pool), venue.twapTick()));
    }

    function test_steady_ends_exactly_beyond_the_deviation() public {
        int24 mean = venue.twapTick();
        for (int24 off = DEVIATION - 1; off <= DEVIATION + 1; ++off) {
            _pushTo(pool, mean + off);
            assertEq(_spotTick(pool), mean + off);
            assertEq(venue.steady(), off <= DEVIATION);
            _pushTo(pool, mean - off);
            assertEq(_spotTick(pool), mean - off);
            assertEq(venue.steady(), off <= DEVIATION);
        }
    }

    function test_entries_and_exits_are_refused_off_the_mean() public {
        (uint256 units,) = vault.enter(venue, 100_000e6, "");
        _push(pool, true, DEVIATION + 50);
        vm.expectPartialRevert(V3Venue.SpotOffTwap.selector);
        vault.enter(venue, 1e6, "");
        _push(pool, false, 2 * DEVIATION + 100);
        vm.expectPartialRevert(V3Venue.SpotOffTwap.selector);
        vault.exit(venue, units);
        vm.warp(block.timestamp + WINDOW);
        assertGt(vault.exit(venue, units), 0);
    }

    function test_young_history_is_refused_and_never_replaced_by_spot() public {
        (, IUniswapV3Pool young) = _market(TICK, FEE);
        maker.seed(address(young), -FULL, FULL, LIQUIDITY);
        UniswapV3Hold hold = _hold(young);
        assertEq(hold.value(), 0, "an empty venue is worth nothing at any age");
        assertFalse(hold.steady());
        assertFalse(hold.priced());
        bytes memory err = abi.encodeWithSelector(V3Venue.HistoryTooShort.selector, WINDOW);
        vm.warp(block.timestamp + WINDOW - 1);
        vm.expectRevert(err);
        hold.twapTick();
        vm.expectRevert(err);
        vault.enter(hold, 1_000e6, "");
        vm.warp(block.timestamp + 1);
        assertTrue(hold.steady());
        vault.enter(hold, 1_000e6, "");
        assertGt(hold.value(), 0);
    }

    function test_a_ring_too_small_for_the_window_is_history_too_short() public {
        (, IUniswapV3Pool small) = _market(TICK, 10_000);
        maker.seed(address(small), -887_200, 887_200, LIQUIDITY); // ring of 64 is not in use before it is written to
        V3Venue.Witness[] memory listed = _witnesses();
        (listed[0].lower, listed[0].upper) = (-887_200, 887_200);
        UniswapV3Hold hold = new UniswapV3Hold(address(vault), small, _rules(), listed);
        vm.warp(block.timestamp + 2 * WINDOW);
        vault.enter(hold, 1_000e6, "");
        assertGt(hold.value(), 0);
        for (uint256 i = 0; i < 65; ++i) {
            vm.warp(block.timestamp + WINDOW / 64 - 1);
            _push(small, i % 2 == 0, 2);
        }
        bytes memory err = abi.encodeWithSelector(V3Venue.HistoryTooShort.selector, WINDOW);
        vm.expectRevert(err);
        hold.value();
        assertFalse(hold.steady());
        assertFalse(hold.priced());
        vm.expectRevert(err);
        vault.exit(hold, 1);
    }

    function test_refuses_a_swap_that_leaves_part_of_the_input() public {
        (, IUniswapV3Pool thin) = _market(TICK, FEE);
        int24 mid = assetIs0 ? TICK : -TICK;
        maker.seed(address(thin), mid - 600, mid + 600, 1e17); // about 2,100 dollars
        UniswapV3Hold hold = _hold(thin);
        vm.warp(block.timestamp + WINDOW);
        vm.expectPartialRevert(V3Venue.PartialFill.selector);
        vault.enter(hold, 10_000e6, "");
    }

    function test_gifts_change_nothing(uint256 gift) public {
        (uint256 units,) = vault.enter(venue, 100_000e6, "");
        uint256 before = venue.value();
        gift = bound(gift, 1, 1e40);
        _give(media, address(venue), gift);
        usd.mint(address(venue), bound(gift, 1, 1e12));
        assertEq(venue.position(), units);
        assertEq(venue.value(), before);
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotHeld.selector, units + 1, units));
        vault.exit(venue, units + 1);
        vault.exit(venue, units);
        assertEq(media.balanceOf(address(venue)), gift);
        assertEq(venue.value(), 0);
    }

    function test_exits_bring_at_least_the_value_while_spot_is_the_mean(uint256 amount, uint256 parts) public {
        (uint256 units,) = vault.enter(venue, bound(amount, 1e3, 1e12), "");
        _pushTo(pool, assetIs0 ? TICK : -TICK); // back to where the mean is
        vm.warp(block.timestamp + WINDOW);
        uint256 worth = venue.value();
        uint256 first = parts % units;
        uint256 brought = (first > 0 ? vault.exit(venue, first) : 0);
        brought += vault.exit(venue, units - first);
        assertGe(brought + 2, worth);
        assertApproxEqRel(brought + 3, worth + 3, 0.002e18);
        assertEq(venue.position(), 0);
    }

    function test_only_the_vault_enters_exits_and_collects() public {
        vault.enter(venue, 1_000e6, "");
        address[3] memory others = [mallory, address(pool), address(this)];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory err = abi.encodeWithSelector(V3Venue.NotVault.selector, others[i]);
            vm.startPrank(others[i]);
            vm.expectRevert(err);
            venue.enter(1e6, "");
            vm.expectRevert(err);
            venue.exit(1e18, "");
            vm.expectRevert(err);
            venue.collect();
            vm.stopPrank();
        }
        assertEq(vault.collect(venue), 0);
    }

    function test_pays_nobody_outside_a_call_of_its_own(int256 amount0, int256 amount1) public {
        vault.enter(venue, 1_000e6, "");
        address[3] memory others = [mallory, address(vault), address(pool)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(V3Venue.NotPoolInCall.selector, others[i]));
            vm.prank(others[i]);
            venue.uniswapV3SwapCallback(amount0, amount1, "");
        }
    }

    function test_refuses_zero_and_absurd_amounts() public {
        vm.startPrank(address(vault));
        vm.expectRevert(V3Venue.ZeroAmount.selector);
        venue.enter(0, "");
        vm.expectRevert(V3Venue.ZeroAmount.selector);
        venue.enter(1 << 255, "");
        vm.expectRevert(V3Venue.ZeroAmount.selector);
        venue.exit(0, "");
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotHeld.selector, 1 << 255, 0));
        venue.exit(1 << 255, "");
        vm.stopPrank();
    }

    function _near(int24 spot, int24 mean) private pure returns (bool) {
        return spot - mean <= DEVIATION && mean - spot <= DEVIATION;
    }
}

contract UniswapV3HoldWithAssetAsToken0Test is UniswapV3HoldTests {
    function setUp() public {
        _buildHold(true);
    }
}

contract UniswapV3HoldWithAssetAsToken1Test is UniswapV3HoldTests {
    function setUp() public {
        _buildHold(false);
    }
}
