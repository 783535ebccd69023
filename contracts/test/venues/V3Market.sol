// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {MarketMaker} from "../../src/devnet/MarketMaker.sol";
import {MediaToken} from "../../src/devnet/MediaToken.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {PoolDriver} from "../drivers/PoolDriver.sol";

interface IV3Factory {
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address pool);
}

/// Real Uniswap V3 pools, deployed from their npm artefact, of an asset and a base token, in either order, and a market
/// maker whose liquidity nobody can ever take out. The asset has 6 decimals and the base token 18, and one base token
/// costs half an asset, unless a test asks for another tick. L * sqrt(P) is about 1e14 raw assets, 100 million.
abstract contract V3Market is Test {
    string internal constant FACTORY =
        "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
    uint24 internal constant FEE = 3000;
    int24 internal constant TICK = 283_260; // 1.0001^tick = 2e12 raw base tokens per raw asset
    int24 internal constant FULL = 887_220;
    uint128 internal constant LIQUIDITY = 1.4e20;
    uint32 internal constant WINDOW = 600;
    int24 internal constant DEVIATION = 200;
    int24 internal constant BAND = 10_000;
    uint32 internal constant AGE = 1 days;
    uint128 internal constant MIN_DEPTH = 1_000_000e6;

    address internal mallory = makeAddr("mallory");
    IV3Factory internal factory;
    MarketMaker internal maker;
    DevDollar internal usd;
    MediaToken internal media;
    IUniswapV3Pool internal pool;
    bool internal assetIs0;
    uint256 private _salt;

    /// A pool with full-range liquidity whose history is longer than the window.
    function _buildMarket(bool assetIsToken0) internal {
        vm.warp(1_700_000_000);
        assetIs0 = assetIsToken0;
        factory = IV3Factory(vm.deployCode(FACTORY));
        usd = new DevDollar(address(this));
        maker = new MarketMaker(address(this));
        usd.mint(address(maker), 1e40);
        (media, pool) = _market(TICK, FEE);
        maker.seed(address(pool), -FULL, FULL, LIQUIDITY);
        _age(pool);
    }

    /// A new base token on the wanted side of the asset, and its empty pool at `tick` (base tokens per asset).
    function _market(int24 tick, uint24 fee) internal returns (MediaToken token, IUniswapV3Pool newPool) {
        do {
            token = new MediaToken{salt: bytes32(_salt++)}("Medium", "MED", address(maker), 1e45);
        } while ((address(usd) < address(token)) != assetIs0);
        newPool = IUniswapV3Pool(factory.createPool(address(usd), address(token), fee));
        newPool.initialize(TickMath.getSqrtPriceAtTick(assetIs0 ? tick : -tick));
        newPool.increaseObservationCardinalityNext(64);
    }

    /// The clock past the window, and one swap there and back, so that the ring of observations has grown.
    function _age(IUniswapV3Pool aged) internal {
        _push(aged, true, 1);
        _push(aged, false, 1);
        vm.warp(block.timestamp + 2 * WINDOW);
    }

    function _rules() internal pure returns (V3Venue.PriceRules memory) {
        return V3Venue.PriceRules(WINDOW, DEVIATION, AGE, BAND, uint16(FEE / 100), MIN_DEPTH);
    }

    /// The market maker's full range: nobody can ever take it out.
    function _witnesses() internal view returns (V3Venue.Witness[] memory listed) {
        listed = new V3Venue.Witness[](1);
        listed[0] = V3Venue.Witness(address(maker), -FULL, FULL, LIQUIDITY, true);
    }

    /// Somebody with tokens without end who calls the pool as itself.
    function _driver(IUniswapV3Pool at, MediaToken token) internal returns (IUniswapV3Pool) {
        (IERC20 asset, IERC20 base) = (IERC20(usd), IERC20(token));
        PoolDriver driver = new PoolDriver(address(at), assetIs0 ? asset : base, assetIs0 ? base : asset);
        usd.mint(address(driver), 1e39);
        _give(token, address(driver), 1e42);
        return IUniswapV3Pool(address(driver));
    }

    function _give(MediaToken token, address to, uint256 amount) internal {
        vm.prank(address(maker));
        token.transfer(to, amount);
    }

    function _spotTick(IUniswapV3Pool at) internal view returns (int24 tick) {
        (, tick,,,,,) = at.slot0();
    }

    function _limit(bool zeroForOne) internal pure returns (uint160) {
        return zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
    }

    /// Pushes spot until the base token is dearer (up) or cheaper by `ticks`.
    function _push(IUniswapV3Pool at, bool up, int24 ticks) internal {
        _pushTo(at, up != assetIs0 ? _spotTick(at) + ticks : _spotTick(at) - ticks);
    }

    function _pushTo(IUniswapV3Pool at, int24 tick) internal {
        uint160 goal = TickMath.getSqrtPriceAtTick(tick);
        MarketMaker.Step[] memory steps = new MarketMaker.Step[](1);
        steps[0] = MarketMaker.Step(address(at), new int256[](0), goal, goal);
        maker.step(steps);
    }
}
