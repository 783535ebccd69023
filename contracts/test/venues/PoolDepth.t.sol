// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SqrtPriceMath} from "@uniswap/v4-core/src/libraries/SqrtPriceMath.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {MediaToken} from "../../src/devnet/MediaToken.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {PoolDepth} from "../../src/libraries/PoolDepth.sol";
import {RangeMath} from "../../src/libraries/RangeMath.sol";
import {TwapQuote} from "../../src/libraries/TwapQuote.sol";
import {V3Market} from "./V3Market.sol";

/// What the libraries say, beside what a real pool then does, at prices over the whole of 0 to 36 decimals' difference.
contract PoolMathTest is V3Market {
    using PoolDepth for PoolDepth.Band;

    IUniswapV3Pool private _user;

    function setUp() public {
        _buildMarket(true);
    }

    /// A real swap stops at each word of the pool's bitmap of ticks (256 spacings), and rounds the input up and the
    /// output down at each stop. So the library is exact within a word, and beyond it no more than those units above.
    function test_sell_pays_what_a_real_swap_pays(int24 tick, uint128 liquidity, uint256 units, uint256 pick) public {
        bool zeroForOne = pick % 2 == 0;
        uint24 fee = [uint24(500), 3000, 10_000][pick / 2 % 3];
        (IUniswapV3Pool at, PoolDepth.Band memory band) = _bandAt(tick, liquidity, fee, zeroForOne);
        units = _spread(units, 100);
        (int256 amount0, int256 amount1) = _user.swap(address(_user), zeroForOne, int256(units), band.edge, "");
        uint256 paid = uint256(-(zeroForOne ? amount1 : amount0));
        uint256 said = band.sellDown(units, fee);
        uint256 stops = _words(at, band);
        (uint160 root,,,,,,) = at.slot0();
        if (stops == 0) assertEq(said, paid);
        assertGe(said, paid);
        assertGe(paid + stops, band.sellDown(units - Math.min(units, 2 * stops), fee));
        if (root == band.edge) assertEq(said, band.wholeDown(), "past the edge the whole band is paid, and no more");
    }

    /// Ends of words passed or reached: multiples of 256 spacings on the way down, one spacing less on the way up.
    function _words(IUniswapV3Pool at, PoolDepth.Band memory band) private view returns (uint256) {
        int24 spacing = at.tickSpacing();
        (int24 from, int24 to) = (TickMath.getTickAtSqrtPrice(band.from), _spotTick(at));
        if (band.edge > band.from) return _multiples(from + spacing, to + spacing, spacing * 256);
        return _multiples(to, from, spacing * 256);
    }

    /// How many multiples of `word` there are from `low` to `high`, both included.
    function _multiples(int24 low, int24 high, int24 word) private pure returns (uint256) {
        int24 offset = 2_000_000 / word * word + word; // so that nothing is negative
        return uint256(int256((high + offset) / word - (low + offset - 1) / word));
    }

    function test_sell_is_never_above_the_quote(
        int24 tick,
        uint128 liquidity,
        uint256 units,
        uint24 fee,
        bool zeroForOne
    ) public pure {
        tick = int24(bound(tick, -500_000, 500_000));
        liquidity = uint128(bound(liquidity, 1, type(uint120).max));
        units = _spread(units, 120);
        fee = uint24(bound(fee, 1, 100_000));
        uint160 edge = TickMath.getSqrtPriceAtTick(zeroForOne ? tick - BAND : tick + BAND);
        PoolDepth.Band memory band = PoolDepth.Band(TickMath.getSqrtPriceAtTick(tick), edge, liquidity);
        // units * price, rounded up
        (uint256 over, uint256 under) = (band.from, 1 << 96);
        if (!zeroForOne) (over, under) = (under, over);
        uint256 quote = Math.mulDiv(units, over, under, Math.Rounding.Ceil);
        assertLe(band.sellDown(units, fee), Math.mulDiv(quote, over, under, Math.Rounding.Ceil));
    }

    function test_a_band_without_liquidity_pays_nothing(uint160 from, uint256 units, uint24 fee) public pure {
        PoolDepth.Band memory band = PoolDepth.Band(from, 0, 0);
        assertEq(band.sellDown(units, fee), 0);
        assertEq(band.wholeDown(), 0);
    }

    function test_amounts_are_what_a_real_burn_returns(int24 tick, uint128 liquidity, int24 low, int24 width) public {
        (, PoolDepth.Band memory band) = _bandAt(tick, 1e18, FEE, true);
        (int24 lower, int24 upper) = _rangeNear(TickMath.getTickAtSqrtPrice(band.from), low, width);
        liquidity = uint128(_spread(liquidity, 90));
        _user.mint(address(_user), lower, upper, liquidity, "");
        (uint256 said0, uint256 said1) = RangeMath.amountsDown(band.from, lower, upper, liquidity);
        (uint256 burned0, uint256 burned1) = _user.burn(lower, upper, liquidity);
        assertEq(said0, burned0);
        assertEq(said1, burned1);
    }

    /// One more unit of liquidity would ask a real mint for more than there is of one of the tokens.
    function test_affordable_is_the_greatest_liquidity_that_a_mint_takes(
        int24 tick,
        uint256 amount0,
        uint256 amount1,
        int24 low,
        int24 width
    ) public {
        (, PoolDepth.Band memory band) = _bandAt(tick, 1e18, FEE, true);
        (int24 lower, int24 upper) = _rangeNear(TickMath.getTickAtSqrtPrice(band.from), low, width);
        (amount0, amount1) = (_spread(amount0, 96), _spread(amount1, 96));
        uint256 liquidity = RangeMath.affordable(band.from, lower, upper, amount0, amount1);
        vm.assume(liquidity < 1e33); // what a tick may carry
        (uint256 asks0, uint256 asks1) = (0, 0);
        if (liquidity > 0) (asks0, asks1) = _user.mint(address(_user), lower, upper, uint128(liquidity), "");
        assertTrue(asks0 <= amount0 && asks1 <= amount1, "too much");
        (asks0, asks1) = _user.mint(address(_user), lower, upper, uint128(liquidity + 1), "");
        assertTrue(asks0 > amount0 || asks1 > amount1, "too little");
    }

    /// The same where the product of amount and price leaves 256 bits: against the mint's own formula.
    function test_affordable_is_exact_at_the_highest_prices(uint256 amount0, int24 lower, int24 width) public pure {
        lower = int24(bound(lower, 700_000, 880_000));
        int24 upper = lower + int24(bound(width, 1, 7_000));
        amount0 = _spread(amount0, 128);
        (uint160 low, uint160 high) = (TickMath.getSqrtPriceAtTick(lower), TickMath.getSqrtPriceAtTick(upper));
        uint256 liquidity = RangeMath.affordable(low, lower, upper, amount0, 0);
        if (liquidity == type(uint128).max) return; // more than any pool takes
        assertLe(SqrtPriceMath.getAmount0Delta(low, high, uint128(liquidity), true), amount0);
        assertGt(SqrtPriceMath.getAmount0Delta(low, high, uint128(liquidity + 1), true), amount0);
    }

    /// A fresh pool at any price with a position that covers the band; `_user` owns and trades.
    function _bandAt(int24 tick, uint128 liquidity, uint24 fee, bool zeroForOne)
        private
        returns (IUniswapV3Pool at, PoolDepth.Band memory band)
    {
        MediaToken token;
        tick = int24(bound(tick, -415_000, 415_000)); // 1e-18 to 1e18
        (token, at) = _market(tick, fee);
        _user = _driver(at, token);
        int24 spacing = at.tickSpacing();
        liquidity = uint128(_spread(liquidity, 85));
        int24 reach = 20_000 + 200;
        _user.mint(
            address(_user), (tick - reach) / spacing * spacing, (tick + reach) / spacing * spacing, liquidity, ""
        );
        (uint160 from,,,,,,) = at.slot0();
        band = PoolDepth.Band(from, TickMath.getSqrtPriceAtTick(zeroForOne ? tick - BAND : tick + BAND), liquidity);
    }

    function _rangeNear(int24 tick, int24 low, int24 width) private pure returns (int24 lower, int24 upper) {
        lower = (tick + int24(bound(low, -5_000, 1_000))) / 60 * 60;
        upper = lower + int24(bound(width, 1, 100)) * 60;
    }

    /// Numbers of every length, as likely short as long.
    function _spread(uint256 seed, uint256 bits) private pure returns (uint256) {
        return bound(seed >> 8, 1, 1 << (1 + (seed & 0xff) % bits));
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
}
