// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {MarketMaker} from "../../src/devnet/MarketMaker.sol";
import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {RevenueShare} from "../../src/media/RevenueShare.sol";
import {RevenueWrapper} from "../../src/media/RevenueWrapper.sol";
import {RevenueVenue} from "../../src/venues/RevenueVenue.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {PoolDriver} from "../drivers/PoolDriver.sol";
import {VenueVault} from "./VenueVault.sol";

interface IRevenueFactory {
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address pool);
}

/// A million shares in a song; a real Uniswap V3 pool of their wrapper and dollars, at ten dollars a share, with a
/// million dollars and 100,000 wrapper shares that nobody can take out; the real vault with a million dollars, and the
/// venue. The issuer holds all other shares.
abstract contract RevenueWorld is VenueVault {
    string internal constant FACTORY =
        "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
    uint256 internal constant SUPPLY = 1_000_000e18;
    uint24 internal constant FEE = 10_000;
    int24 internal constant TICK = 253_300; // about 1e11 raw shares per raw dollar
    int24 internal constant FULL = 887_200;
    uint128 internal constant LIQUIDITY = 316_000e12;
    uint32 internal constant UNLOCK = 6 hours;
    uint32 internal constant TWAP = 1800;
    uint32 internal constant CLAIMS = 28 days;
    uint16 internal constant MULTIPLE = 10_000;

    address internal issuer = makeAddr("issuer");
    address internal mallory = makeAddr("mallory");
    DevDollar internal usd;
    MarketMaker internal maker;
    RevenueShare internal share;
    RevenueWrapper internal wrapper;
    IUniswapV3Pool internal pool;
    RevenueVenue internal venue;
    bool internal assetIs0;

    function _buildWorld(bool assetIsToken0) internal {
        vm.warp(1_700_000_000);
        assetIs0 = assetIsToken0;
        usd = new DevDollar(address(this));
        maker = new MarketMaker(address(this));
        share = new RevenueShare(RevenueShare.Issue(usd, "Song", "SONG", issuer, SUPPLY, ICompliance(address(0))));
        uint256 salt = 0;
        do {
            wrapper = new RevenueWrapper{salt: bytes32(salt++)}(share, "Wrapped Song", "wSONG", UNLOCK);
        } while ((address(usd) < address(wrapper)) != assetIsToken0);
        _openPool();
        _openVault(usd);
        venue = _newVenue(CLAIMS, MULTIPLE);
        _list(venue, 5_000, 1_000);
        vm.warp(block.timestamp + 2 * TWAP);
    }

    function _newVenue(uint32 window, uint16 multipleBps) internal returns (RevenueVenue) {
        RevenueVenue.ClaimRules memory claims = RevenueVenue.ClaimRules(window, multipleBps);
        return new RevenueVenue(address(vault), pool, _rules(), _witnesses(), claims);
    }

    function _rules() internal pure returns (V3Venue.PriceRules memory) {
        return V3Venue.PriceRules(TWAP, 300, 1 days, 10_000, 100, 100_000e6);
    }

    function _witnesses() internal view returns (V3Venue.Witness[] memory listed) {
        listed = new V3Venue.Witness[](1);
        listed[0] = V3Venue.Witness(address(maker), -FULL, FULL, LIQUIDITY, true);
    }

    function _pay(uint256 amount) internal {
        usd.mint(address(share), amount);
    }

    function _collect() internal returns (uint256 assets) {
        uint256 before = usd.balanceOf(address(vault));
        vault.collect(address(venue));
        return usd.balanceOf(address(vault)) - before;
    }

    function _wrap(address who, uint256 shares) internal returns (uint256 paid) {
        paid = wrapper.previewMint(shares);
        usd.mint(who, paid);
        vm.startPrank(who);
        share.approve(address(wrapper), shares);
        usd.approve(address(wrapper), paid);
        wrapper.mint(shares, who);
        vm.stopPrank();
    }

    /// What the pool itself pays for an exact input now. The state is put back.
    function _quote(bool sellShares, uint256 amountIn) internal returns (uint256 out) {
        uint256 state = vm.snapshotState();
        out = _trade(_driver(), sellShares, amountIn);
        vm.revertToStateAndDelete(state);
    }

    /// Somebody with dollars and wrapper shares without end.
    function _driver() internal returns (IUniswapV3Pool driver) {
        (IERC20 usd_, IERC20 base) = (IERC20(usd), IERC20(address(wrapper)));
        driver = IUniswapV3Pool(address(new PoolDriver(address(pool), assetIs0 ? usd_ : base, assetIs0 ? base : usd_)));
        deal(address(usd), address(driver), 1e18);
        deal(address(wrapper), address(driver), 1e30);
    }

    function _trade(IUniswapV3Pool driver, bool sellShares, uint256 amountIn) internal returns (uint256) {
        return _tradeFor(address(driver), driver, sellShares, amountIn);
    }

    /// What comes out goes to `to`.
    function _tradeFor(address to, IUniswapV3Pool driver, bool sellShares, uint256 amountIn)
        internal
        returns (uint256 out)
    {
        bool zeroForOne = sellShares != assetIs0;
        uint160 limit = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
        (int256 a0, int256 a1) = driver.swap(to, zeroForOne, int256(amountIn), limit, "");
        return uint256(-(zeroForOne ? a1 : a0));
    }

    function _openPool() private {
        IRevenueFactory factory = IRevenueFactory(vm.deployCode(FACTORY));
        pool = IUniswapV3Pool(factory.createPool(address(usd), address(wrapper), FEE));
        pool.initialize(TickMath.getSqrtPriceAtTick(assetIs0 ? TICK : -TICK));
        pool.increaseObservationCardinalityNext(64);
        usd.mint(address(maker), 1_100_000e6);
        _wrap(issuer, 110_000e18);
        vm.prank(issuer);
        wrapper.transfer(address(maker), 110_000e18);
        maker.seed(address(pool), -FULL, FULL, LIQUIDITY);
    }
}
