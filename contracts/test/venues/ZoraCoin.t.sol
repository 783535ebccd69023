// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SwapMath} from "@uniswap/v4-core/src/libraries/SwapMath.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IZoraCoin} from "../../src/interfaces/IZoraCoin.sol";
import {ZoraWorld} from "./ZoraWorld.sol";

/// What the adapter relies on in the real coin, in either order of the pair.
abstract contract ZoraCoinFacts is ZoraWorld {
    IZoraCoin internal coin;
    IUniswapV3Pool internal pool;

    function _coinIsToken0() internal pure virtual returns (bool);

    function setUp() public {
        _buildZora();
        (coin, pool) = _coin(_coinIsToken0());
        _buy(coin, buyers, 5_000_000e6);
    }

    /// In whole numbers: 1 % of the money off, then one step of the pool with 1 % of the rest off.
    function testFuzz_a_purchase_is_the_formula(uint256 assets) public {
        assets = bound(assets, 1, 20_000_000e6);
        uint256 expected = _step(assets - assets / 100, !_coinIsToken0());
        assertEq(_buy(coin, buyers, assets), expected);
        assertEq(usd.balanceOf(address(coin)), 0, "the coin keeps no currency after a whole fill");
    }

    /// One step of the pool, then 1 % of the money off.
    function testFuzz_a_sale_is_the_formula(uint256 coins) public {
        _buy(coin, buyers, 5_000_000e6);
        coins = bound(coins, 1, _held(coin, buyers));
        uint256 brought = _step(coins, _coinIsToken0());
        assertEq(_sell(coin, buyers, coins), brought - brought / 100);
    }

    function test_where_the_fees_of_a_purchase_go() public {
        uint256[3] memory before = [usd.balanceOf(creator), usd.balanceOf(platform), usd.balanceOf(protocol)];
        _buy(coin, buyers, 1_000_000e6);
        uint256 pooled = uint256(990_000e6) / 100; // the pool's fee, of what the coin's fee of 10,000 left
        assertApproxEqAbs(usd.balanceOf(creator) - before[0], 5_000e6 + pooled / 2, 2);
        assertApproxEqAbs(usd.balanceOf(platform) - before[1], 1_500e6 + pooled / 4, 2);
        assertApproxEqAbs(usd.balanceOf(protocol) - before[2], 3_500e6 + pooled / 5, 2, "and the missing referrer's");
    }

    function test_the_creator_has_one_percent_from_birth_and_the_rest_is_locked() public view {
        assertEq(_held(coin, creator), CREATORS);
        (int24 lower, int24 upper, uint128 liquidity) = _locked(coin);
        assertGt(liquidity, 0);
        assertEq(pool.liquidity(), liquidity);
        assertEq(_coinIsToken0() ? lower : -upper, FIRST_TICK);
        assertEq(pool.fee(), 10_000);
        assertEq(coin.contractVersion(), "0.7.1");
    }

    function test_a_curved_coin_locks_every_position_too() public {
        (IZoraCoin curved, IUniswapV3Pool its) = _curvedCoin(_coinIsToken0(), FIRST_TICK, -280_000, 11, 0.5e18);
        _buy(curved, buyers, 5_000_000e6);
        assertGt(its.liquidity(), 0);
        assertEq(_held(curved, creator), CREATORS);
        assertApproxEqAbs(
            _held(curved, address(its)) + _held(curved, buyers) + _held(curved, address(curved)), LAUNCHED, 0
        );
    }

    function test_a_purchase_beyond_the_pool_strands_money_with_the_coin() public {
        // A price limit stands in for a pool without coins: the router stops there and the rest stays behind.
        (uint160 price,,,,,,) = pool.slot0();
        uint160 limit = _coinIsToken0() ? price + price / 100 : price - price / 100;
        usd.mint(buyers, 1_000_000e6); // takes the price up by about 14 %
        vm.startPrank(buyers);
        usd.approve(address(coin), 1_000_000e6);
        coin.buy(buyers, 1_000_000e6, 0, limit, address(0));
        assertGt(usd.balanceOf(address(coin)), 800_000e6);
        assertEq(usd.balanceOf(buyers), 0);
    }

    /// Swaps step at the edges of the pool's tick bitmap words (256 spacings) even where no liquidity begins or ends.
    function _step(uint256 amountIn, bool zeroForOne) private view returns (uint256 amountOut) {
        (uint160 price, int24 tick,,,,,) = pool.slot0();
        while (amountIn > 0) {
            int24 edge = _edge(zeroForOne ? tick : tick + 200, zeroForOne);
            uint160 target = TickMath.getSqrtPriceAtTick(edge);
            uint256 taken;
            uint256 paid;
            uint256 fee;
            (price, taken, paid, fee) =
                SwapMath.computeSwapStep(price, target, pool.liquidity(), -int256(amountIn), 10_000);
            amountIn -= taken + fee;
            amountOut += paid;
            tick = zeroForOne ? edge - 1 : edge;
        }
    }

    function _edge(int24 tick, bool zeroForOne) private pure returns (int24) {
        int24 word = tick / 51_200 - (tick < 0 && tick % 51_200 != 0 ? int24(1) : int24(0));
        return word * 51_200 + (zeroForOne ? int24(0) : int24(51_000));
    }
}

contract ZoraCoinAsToken0Test is ZoraCoinFacts {
    function _coinIsToken0() internal pure override returns (bool) {
        return true;
    }
}

contract ZoraCoinAsToken1Test is ZoraCoinFacts {
    function _coinIsToken0() internal pure override returns (bool) {
        return false;
    }
}
