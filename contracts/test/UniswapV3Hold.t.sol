// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {Vault} from "../src/Vault.sol";
import {IUniswapV3Pool} from "../src/interfaces/IUniswapV3Pool.sol";
import {TwapQuote} from "../src/libraries/TwapQuote.sol";
import {UniswapV3Hold} from "../src/venues/UniswapV3Hold.sol";
import {MediaToken} from "../src/devnet/MediaToken.sol";
import {Fixture} from "./Fixture.sol";

abstract contract UniswapV3HoldTests is Fixture {
    function test_position_is_worth_its_units_at_the_mean_price() public {
        uint256 units = _enter(100_000e6);
        uint256 atPar = 100_000e6 * 997 / 1000; // the price that the pool was opened at, less the fee
        assertApproxEqRel(venue.value(), atPar, 0.002e18);
        assertEq(venue.position(), units);
        assertEq(venue.twapTick(), venue.assetIsToken0() ? TICK : -TICK);
    }

    function test_value_follows_the_mean_and_not_the_spot() public {
        _enter(100_000e6);
        vm.warp(block.timestamp + 2 * WINDOW);
        uint256 before = venue.value();
        _push(pool, true, 1_000); // about +10.5 %
        assertEq(venue.value(), before);
        vm.warp(block.timestamp + WINDOW / 2);
        assertApproxEqRel(venue.value(), before * 10_513 / 10_000, 0.001e18);
        vm.warp(block.timestamp + WINDOW / 2);
        assertApproxEqRel(venue.value(), before * 11_052 / 10_000, 0.001e18);
    }

    function test_near_twap_ends_exactly_beyond_the_deviation() public {
        int24 mean = venue.twapTick();
        for (int24 off = DEVIATION - 1; off <= DEVIATION + 1; ++off) {
            for (int24 side = -1; side <= 1; side += 2) {
                bytes memory slot = abi.encode(uint160(1 << 96), mean + side * off, 0, 1, 1, 0, true);
                vm.mockCall(address(pool), abi.encodeCall(pool.slot0, ()), slot);
                assertEq(venue.nearTwap(), off <= DEVIATION);
            }
        }
    }

    function test_young_history_is_refused_and_never_replaced_by_spot() public {
        (MediaToken young, IUniswapV3Pool youngPool) = _market(venue.assetIsToken0(), -887_220, 887_220, LIQUIDITY);
        UniswapV3Hold hold = new UniswapV3Hold(address(vault), youngPool, WINDOW, DEVIATION);
        vm.prank(curator);
        vault.setVenue(address(hold), CAP_BPS, MAX_LOSS_BPS);
        assertEq(hold.value(), 0, "an empty venue is worth nothing at any age");
        assertFalse(hold.nearTwap());
        assertTrue(vault.depositsOpen(), "an empty young venue closes nothing");
        bytes memory err = abi.encodeWithSelector(UniswapV3Hold.HistoryTooShort.selector, WINDOW);
        vm.warp(block.timestamp + WINDOW - 1);
        _refused(_one(address(hold), true, 1_000e6, 0), err);
        deal(address(young), address(hold), 1e18);
        vm.expectRevert(err);
        hold.value();
        vm.warp(block.timestamp + 1);
        assertTrue(hold.nearTwap());
        assertGt(hold.value(), 0);
        assertGt(_allocate(_one(address(hold), true, 1_000e6, 0))[0], 0);
    }

    function test_refuses_a_swap_that_leaves_part_of_the_input() public {
        int24 mid = venue.twapTick();
        (, IUniswapV3Pool thin) = _market(venue.assetIsToken0(), mid - 600, mid + 600, 1e17); // about 2,100 dollars
        UniswapV3Hold hold = new UniswapV3Hold(address(vault), thin, WINDOW, DEVIATION);
        vm.prank(curator);
        vault.setVenue(address(hold), CAP_BPS, MAX_LOSS_BPS);
        vm.warp(block.timestamp + WINDOW);
        uint256 nonce = vault.nonce();
        Vault.Action[] memory actions = _one(address(hold), true, 10_000e6, 0);
        vm.expectPartialRevert(UniswapV3Hold.PartialFill.selector);
        vm.prank(keeper);
        vault.allocate(actions, "decision", nonce, block.timestamp);
    }

    function test_only_the_vault_enters_and_exits() public {
        _enter(1_000e6);
        address[5] memory others = [curator, guardian, keeper, mallory, address(pool)];
        for (uint256 i = 0; i < 5; ++i) {
            vm.startPrank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(UniswapV3Hold.NotVault.selector, others[i]));
            venue.enter(1e6);
            vm.expectRevert(abi.encodeWithSelector(UniswapV3Hold.NotVault.selector, others[i]));
            venue.exit(1e18);
            vm.stopPrank();
        }
    }

    function test_pays_nobody_outside_a_swap_of_its_own(int256 amount0, int256 amount1) public {
        _enter(1_000e6);
        address[3] memory others = [mallory, address(vault), address(pool)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(UniswapV3Hold.NotPoolInSwap.selector, others[i]));
            vm.prank(others[i]);
            venue.uniswapV3SwapCallback(amount0, amount1, "");
        }
    }

    function test_refuses_zero_and_absurd_amounts() public {
        vm.startPrank(address(vault));
        vm.expectRevert(UniswapV3Hold.ZeroAmount.selector);
        venue.enter(0);
        vm.expectRevert(UniswapV3Hold.ZeroAmount.selector);
        venue.exit(1 << 255);
        vm.stopPrank();
    }

    function test_refuses_a_pool_without_the_asset_and_a_bad_window() public {
        MediaToken other = new MediaToken("Other", "OTH", address(this), 1e18);
        IUniswapV3Pool foreign = IUniswapV3Pool(factory.createPool(address(media), address(other), FEE));
        vm.expectPartialRevert(UniswapV3Hold.PoolWithoutAsset.selector);
        new UniswapV3Hold(address(vault), foreign, WINDOW, DEVIATION);
        vm.expectPartialRevert(UniswapV3Hold.BadWindow.selector);
        new UniswapV3Hold(address(vault), pool, 0, DEVIATION);
        vm.expectPartialRevert(UniswapV3Hold.BadWindow.selector);
        new UniswapV3Hold(address(vault), pool, WINDOW, 0);
    }
}

contract UniswapV3HoldWithAssetAsToken0Test is UniswapV3HoldTests {
    function setUp() public {
        _build(true);
    }
}

contract UniswapV3HoldWithAssetAsToken1Test is UniswapV3HoldTests {
    function setUp() public {
        _build(false);
    }
}

contract TwapQuoteTest is Test {
    function test_mean_tick_rounds_toward_negative_infinity(int56 earlier, int24 tick, uint32 window, uint32 rest)
        public
        pure
    {
        window = uint32(bound(window, 1, 30 days));
        tick = int24(bound(tick, TickMath.MIN_TICK, TickMath.MAX_TICK));
        earlier = int56(bound(earlier, -1e12, 1e12));
        int56 later = earlier + int56(tick) * int56(uint56(window)) + int56(uint56(rest % window));
        assertEq(TwapQuote.meanTickFloor(earlier, later, window), tick);
    }

    function test_quote_is_exact_at_tick_zero(uint128 units) public pure {
        assertEq(TwapQuote.quoteDown(0, units, true), units);
        assertEq(TwapQuote.quoteDown(0, units, false), units);
    }

    function test_quote_rounds_down_at_ordinary_prices(int24 tick, uint128 units) public pure {
        tick = int24(bound(tick, -443_635, 443_635)); // a root below 2^128
        uint256 root = TickMath.getSqrtPriceAtTick(tick);
        uint256 there = TwapQuote.quoteDown(tick, units, true);
        // there <= units * root^2 / 2^192 < there + 1, checked without division in 512 bits
        assertTrue(_atMost(there, 1 << 192, units, root * root), "too much");
        assertFalse(_atMost(there + 1, 1 << 192, units, root * root), "too little");
        uint256 back = TwapQuote.quoteDown(tick, units, false);
        if (back < type(uint192).max) {
            assertTrue(_atMost(back, root * root, units, 1 << 192), "too much");
            assertFalse(_atMost(back + 1, root * root, units, 1 << 192), "too little");
        }
    }

    function test_quote_there_and_back_never_gains(int24 tick, uint96 units) public pure {
        tick = int24(bound(tick, -700_000, 700_000));
        uint256 there = TwapQuote.quoteDown(tick, units, true);
        if (there < type(uint128).max) assertLe(TwapQuote.quoteDown(tick, there, false), units);
    }

    /// a * b <= c * d in full 512 bits.
    function _atMost(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (bool) {
        (uint256 high1, uint256 low1) = Math.mul512(a, b);
        (uint256 high2, uint256 low2) = Math.mul512(c, d);
        return high1 < high2 || (high1 == high2 && low1 <= low2);
    }
}
