// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {UniswapV3Range} from "../../src/venues/UniswapV3Range.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {V3Fixture} from "./V3Fixture.sol";

abstract contract UniswapV3RangeBase is V3Fixture {
    UniswapV3Range internal venue;
    IUniswapV3Pool internal trader;
    int24 internal mid;

    function _buildRange(bool assetIsToken0) internal {
        _build(assetIsToken0);
        venue = _range(pool);
        trader = _driver(pool, media);
        mid = assetIsToken0 ? TICK : -TICK;
        vm.warp(block.timestamp + AGE);
    }

    function _data(int24 lower, int24 upper, uint256 swapAssets) internal pure returns (bytes memory) {
        return abi.encode(lower, upper, swapAssets);
    }

    /// A hundred thousand, half of it swapped, over about ±22 %.
    function _enter() internal returns (uint256 units, uint256 spent) {
        return vault.enter(venue, 100_000e6, _data(mid - 2_040, mid + 2_040, 50_000e6));
    }

    /// Back to where the mean is, and there long enough to be the mean.
    function _settle() internal {
        _pushTo(pool, mid);
        vm.warp(block.timestamp + WINDOW);
        assertEq(venue.twapTick(), mid);
    }

    function _nothingStays() internal view {
        assertEq(usd.balanceOf(address(venue)), 0, "assets stay");
        assertEq(media.balanceOf(address(venue)), 0, "base tokens stay");
        assertEq(usd.allowance(address(vault), address(venue)), 0);
    }
}

abstract contract UniswapV3RangeTests is UniswapV3RangeBase {
    function test_pays_no_stranger_for_a_swap() public {
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotPoolInCall.selector, address(this)));
        venue.uniswapV3SwapCallback(1, 1, "");
    }

    function test_entry_swaps_mints_and_gives_the_rest_back() public {
        (uint256 units, uint256 spent) = _enter();
        assertEq(venue.position(), units);
        assertEq(venue.token(), address(pool));
        (uint128 liquidity,,,,) = pool.positions(keccak256(abi.encodePacked(address(venue), mid - 2_040, mid + 2_040)));
        assertEq(liquidity, units);
        assertLe(spent, 100_000e6);
        assertApproxEqRel(spent, 100_000e6, 0.01e18);
        _nothingStays();
        assertApproxEqRel(venue.value(), spent, 0.006e18);
    }

    function test_any_swap_of_an_entry_is_measured_against_what_was_spent(uint256 assets, uint256 part) public {
        assets = bound(assets, 1e6, 1e12);
        bytes memory data = _data(mid - 2_040, mid + 2_040, assets * bound(part, 1, 999) / 1_000);
        (uint256 units, uint256 spent) = vault.enter(venue, assets, data);
        _nothingStays();
        assertLe(spent, assets);
        _settle();
        uint256 worth = venue.value();
        assertLe(worth, spent, "no choice of the keeper looks like a gain");
        uint256 brought = vault.exit(venue, units);
        assertLe(brought, spent);
        assertGe(brought + 3, worth);
    }

    function test_increase_keeps_the_range_and_ignores_its_ends() public {
        (uint256 first,) = _enter();
        (uint256 second,) = vault.enter(venue, 50_000e6, _data(0, 0, 25_000e6));
        assertEq(venue.position(), first + second);
        assertEq(venue.lower(), mid - 2_040);
        assertEq(venue.upper(), mid + 2_040);
        _nothingStays();
    }

    function test_decrease_leaves_the_rest_and_its_share_of_the_fees(uint256 part) public {
        (uint256 units,) = _enter();
        _trade(1_000_000e6);
        (uint256 owed0, uint256 owed1) = venue.owed();
        part = bound(part, 1, units - 1);
        vault.exit(venue, part);
        assertEq(venue.position(), units - part);
        (uint256 left0, uint256 left1) = venue.owed();
        // what the burn itself sells earns fees too, so there may be more, never less
        assertGe(left0, owed0 - owed0 * part / units);
        assertGe(left1, owed1 - owed1 * part / units);
        _nothingStays();
        vault.exit(venue, units - part);
        assertEq(venue.position(), 0);
        assertEq(venue.lower(), 0);
        assertEq(venue.upper(), 0);
        assertEq(venue.value(), 0);
        _nothingStays();
    }

    function test_a_new_range_may_be_elsewhere_once_all_is_left() public {
        (uint256 units,) = _enter();
        vault.exit(venue, units);
        _settle();
        vault.enter(venue, 10_000e6, _data(mid - 600, mid + 1_200, 3_000e6));
        assertEq(venue.lower(), mid - 600);
        assertEq(venue.upper(), mid + 1_200);
    }

    function test_collection_brings_the_fees_and_keeps_the_units() public {
        (uint256 units,) = _enter();
        _trade(1_000_000e6);
        _settle();
        uint256 before = venue.value();
        uint256 got = vault.collect(venue);
        assertGt(got, 0);
        assertEq(venue.position(), units);
        assertApproxEqRel(venue.value() + got, before, 0.0001e18);
        _nothingStays();
        // Selling the base tokens of the fees earned fees again.
        vault.collect(venue);
        vault.collect(venue);
        assertEq(vault.collect(venue), 0);
    }

    function test_nothing_to_collect_from_an_empty_venue() public {
        assertEq(vault.collect(venue), 0);
        (uint256 units,) = _enter();
        vault.exit(venue, units);
        assertEq(vault.collect(venue), 0);
    }

    /// Out of its range the position is all of one token: bare assets above it, base tokens below.
    function test_above_its_range_it_is_valued_entered_and_left() public {
        _outOfRange(true);
    }

    function test_below_its_range_it_is_valued_entered_and_left() public {
        _outOfRange(false);
    }

    function _outOfRange(bool up) private {
        (uint256 units,) = _enter();
        _push(pool, up, 4_000);
        vm.warp(block.timestamp + WINDOW);
        uint256 worth = venue.value();
        (uint256 more, uint256 spent) = vault.enter(venue, 10_000e6, _data(0, 0, up ? 0 : 10_000e6));
        assertGt(more, 0);
        assertApproxEqRel(spent, 10_000e6, 0.001e18);
        assertApproxEqRel(venue.value(), worth + spent, 0.002e18);
        worth = venue.value();
        uint256 brought = vault.exit(venue, units + more);
        assertGe(brought + 3, worth);
        assertApproxEqRel(brought, worth, up ? 1e9 : 0.004e18);
        _nothingStays();
    }

    function test_nothing_done_within_a_block_moves_the_value_but_by_the_fees_it_pays(uint256 seed, bool up) public {
        _enter();
        _settle();
        uint256 before = venue.value();
        _push(pool, up, int24(int256(bound(seed, 1, 200_000))));
        assertGe(venue.value(), before);
        assertLe(venue.value(), before + before * 41 / 10_000, "0.3 % of what crossing the whole range takes");
    }

    function test_a_new_range_must_hold_the_mean_and_fit_width_and_spacing() public {
        _refusesRange(mid + 60, mid + 1_260);
        _refusesRange(mid - 1_200, mid);
        _refusesRange(mid - 240, mid + 300); // narrower than 600
        _refusesRange(mid - 30_000, mid + 30_060); // wider than 60,000
        _refusesRange(mid - 1_230, mid + 1_200);
        _refusesRange(mid - 1_200, mid + 1_230);
        _refusesRange(mid + 1_200, mid - 1_200);
        _refusesRange(type(int24).min, type(int24).max);
        vm.expectRevert(abi.encodeWithSelector(UniswapV3Range.SwapAboveEntry.selector, 1e6 + 1, 1e6));
        vault.enter(venue, 1e6, _data(mid - 600, mid + 600, 1e6 + 1));
        vm.expectRevert(abi.encodeWithSelector(UniswapV3Range.NothingMinted.selector, 1e6, 0));
        vault.enter(venue, 1e6, _data(mid - 600, mid + 600, 0));
        vm.expectRevert();
        vault.enter(venue, 1e6, "");
        vm.expectRevert(abi.encodeWithSelector(UniswapV3Range.BadWidths.selector, 0, 600));
        new UniswapV3Range(address(vault), pool, _rules(), _witnesses(), 0, 600);
        vm.expectRevert(abi.encodeWithSelector(UniswapV3Range.BadWidths.selector, 660, 600));
        new UniswapV3Range(address(vault), pool, _rules(), _witnesses(), 660, 600);
    }

    function test_refuses_to_leave_with_nothing_or_too_much() public {
        (uint256 units,) = _enter();
        vm.expectRevert(V3Venue.ZeroAmount.selector);
        vault.exit(venue, 0);
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotHeld.selector, units + 1, units));
        vault.exit(venue, units + 1);
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotHeld.selector, type(uint256).max, units));
        vault.exit(venue, type(uint256).max);
    }

    function test_only_the_vault_and_only_steady_prices() public {
        (uint256 units,) = _enter();
        bytes memory err = abi.encodeWithSelector(V3Venue.NotVault.selector, mallory);
        vm.startPrank(mallory);
        vm.expectRevert(err);
        venue.enter(1e6, _data(0, 0, 0));
        vm.expectRevert(err);
        venue.exit(units, "");
        vm.expectRevert(err);
        venue.collect();
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotPoolInCall.selector, mallory));
        venue.uniswapV3MintCallback(1, 1, "");
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotPoolInCall.selector, address(pool)));
        vm.prank(address(pool));
        venue.uniswapV3MintCallback(1, 1, "");
        _push(pool, true, DEVIATION + 50);
        vm.expectPartialRevert(V3Venue.SpotOffTwap.selector);
        vault.enter(venue, 1e6, _data(0, 0, 0));
        vm.expectPartialRevert(V3Venue.SpotOffTwap.selector);
        vault.exit(venue, units);
        vm.expectPartialRevert(V3Venue.SpotOffTwap.selector);
        vault.collect(venue);
    }

    /// Tokens sent here stay for ever. Liquidity that others add to our position stays in the pool; what it earns is
    /// ours.
    function test_gifts_change_no_units_and_no_worth(uint128 gift) public {
        (uint256 units,) = _enter();
        _settle();
        uint256 before = venue.value();
        gift = uint128(bound(gift, 1, 1e24));
        _give(media, address(venue), gift);
        usd.mint(address(venue), gift);
        trader.mint(address(venue), mid - 2_040, mid + 2_040, gift, "");
        assertEq(venue.position(), units);
        assertEq(venue.value(), before);
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotHeld.selector, units + 1, units));
        vault.exit(venue, units + 1);
        uint256 brought = vault.exit(venue, units);
        assertApproxEqRel(brought, before, 0.004e18);
        assertEq(media.balanceOf(address(venue)), gift);
        assertEq(usd.balanceOf(address(venue)), gift);
        (uint128 left,,,,) = pool.positions(keccak256(abi.encodePacked(address(venue), mid - 2_040, mid + 2_040)));
        assertEq(left, gift);
        _trade(1_000e6);
        _settle();
        (units,) = _enter(); // over the same ticks, with the gift's fees waiting there
        vault.exit(venue, units);
        assertEq(venue.position(), 0);
    }

    function test_without_independent_depth_it_is_worth_nothing() public {
        V3Venue.Witness[] memory none = new V3Venue.Witness[](0);
        UniswapV3Range alone = new UniswapV3Range(address(vault), pool, _rules(), none, 600, 60_000);
        vault.enter(alone, 100_000e6, _data(mid - 2_040, mid + 2_040, 50_000e6));
        assertEq(alone.value(), 0);
        assertFalse(alone.priced());
    }

    function _refusesRange(int24 lower, int24 upper) private {
        vm.expectRevert(abi.encodeWithSelector(UniswapV3Range.BadRange.selector, lower, upper, mid));
        vault.enter(venue, 1e6, _data(lower, upper, 0));
    }

    /// Somebody trades there and back.
    function _trade(uint256 assets) private {
        (int256 amount0, int256 amount1) = trader.swap(address(trader), assetIs0, int256(assets), _limit(assetIs0), "");
        trader.swap(address(trader), !assetIs0, -(assetIs0 ? amount1 : amount0), _limit(!assetIs0), "");
    }
}

contract UniswapV3RangeWithAssetAsToken0Test is UniswapV3RangeTests {
    function setUp() public {
        _buildRange(true);
    }
}

contract UniswapV3RangeWithAssetAsToken1Test is UniswapV3RangeTests {
    function setUp() public {
        _buildRange(false);
    }
}
