// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {Vault} from "../src/Vault.sol";
import {DevDollar} from "../src/devnet/DevDollar.sol";
import {MarketMaker} from "../src/devnet/MarketMaker.sol";
import {MediaToken} from "../src/devnet/MediaToken.sol";
import {IUniswapV3Pool} from "../src/interfaces/IUniswapV3Pool.sol";
import {UniswapV3Hold} from "../src/venues/UniswapV3Hold.sol";

interface IUniswapV3Factory {
    function createPool(address tokenA, address tokenB, uint24 fee) external returns (address pool);
}

/// A vault of dollars (6 decimals) with one venue on a real Uniswap V3 pool, deployed from its npm artifact. One media
/// token (18 decimals) costs about half a dollar; the pool holds about a hundred million dollars, so that fee and impact of a tenth of the vault stay near 0.5 %.
abstract contract Fixture is Test {
    string internal constant FACTORY =
        "node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
    uint24 internal constant FEE = 3000;
    int24 internal constant TICK = 283_260; // 1.0001^tick = 2e12 raw tokens per raw dollar
    uint128 internal constant LIQUIDITY = 1.4e20;
    uint32 internal constant WINDOW = 600;
    int24 internal constant DEVIATION = 200;
    uint16 internal constant CAP_BPS = 3_000;
    uint16 internal constant MAX_LOSS_BPS = 300;
    uint16 internal constant MIN_IDLE_BPS = 1_000;

    address internal curator = makeAddr("curator");
    address internal guardian = makeAddr("guardian");
    address internal keeper = makeAddr("keeper");
    address internal alice = makeAddr("alice");
    address internal mallory = makeAddr("mallory");

    IUniswapV3Factory internal factory;
    DevDollar internal usd;
    MarketMaker internal maker;
    Vault internal vault;
    MediaToken internal media;
    IUniswapV3Pool internal pool;
    UniswapV3Hold internal venue;
    uint256 private _salt; // addresses are tried until the token sorts on the wanted side

    /// Everything ready: history longer than the window, one venue listed, a million dollars deposited by alice.
    function _build(bool assetIsToken0) internal {
        vm.warp(1_700_000_000);
        factory = IUniswapV3Factory(vm.deployCode(FACTORY));
        usd = new DevDollar(address(this));
        maker = new MarketMaker(address(this));
        usd.mint(address(maker), 1e18);
        vault = new Vault(usd, "Patron Vault", "pVLT", curator, guardian, keeper, MIN_IDLE_BPS);
        (media, pool) = _market(assetIsToken0, -887_220, 887_220, LIQUIDITY);
        venue = new UniswapV3Hold(address(vault), pool, WINDOW, DEVIATION);
        vm.prank(curator);
        vault.setVenue(address(venue), CAP_BPS, MAX_LOSS_BPS);
        vm.warp(block.timestamp + 1 hours);
        _deposit(alice, 1_000_000e6);
    }

    /// A media token on the wanted side of the dollar, and its seeded pool with room for observations.
    function _market(bool assetIsToken0, int24 lower, int24 upper, uint128 liquidity)
        internal
        returns (MediaToken token, IUniswapV3Pool newPool)
    {
        do {
            token = new MediaToken{salt: bytes32(_salt++)}("Medium", "MED", address(maker), 1e30);
        } while ((address(usd) < address(token)) != assetIsToken0);
        newPool = IUniswapV3Pool(factory.createPool(address(usd), address(token), FEE));
        newPool.initialize(TickMath.getSqrtPriceAtTick(assetIsToken0 ? TICK : -TICK));
        newPool.increaseObservationCardinalityNext(64);
        maker.seed(address(newPool), lower, upper, liquidity);
    }

    function _deposit(address who, uint256 assets) internal returns (uint256 shares) {
        usd.mint(who, assets);
        vm.startPrank(who);
        usd.approve(address(vault), assets);
        shares = vault.deposit(assets, who);
        vm.stopPrank();
    }

    function _one(address at, bool entry, uint256 amount, uint256 minReceived)
        internal
        pure
        returns (Vault.Action[] memory actions)
    {
        actions = new Vault.Action[](1);
        actions[0] = Vault.Action(at, entry, amount, minReceived);
    }

    /// Runs as the keeper, now, with the current nonce.
    function _allocate(Vault.Action[] memory actions) internal returns (uint256[] memory received) {
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        return vault.allocate(actions, "decision", nonce, block.timestamp);
    }

    function _enter(uint256 assets) internal returns (uint256 units) {
        return _allocate(_one(address(venue), true, assets, 0))[0];
    }

    function _exit(uint256 units) internal returns (uint256 assets) {
        return _allocate(_one(address(venue), false, units, 0))[0];
    }

    /// The keeper's batch must fail with exactly this error.
    function _refused(Vault.Action[] memory actions, bytes memory err) internal {
        uint256 nonce = vault.nonce();
        vm.expectRevert(err);
        vm.prank(keeper);
        vault.allocate(actions, "decision", nonce, block.timestamp);
        assertEq(vault.nonce(), nonce, "a refused batch does not use up its nonce");
    }

    /// Pushes the pool's spot price until the token is dearer (up) or cheaper by `ticks`.
    function _push(IUniswapV3Pool target, bool up, int24 ticks) internal {
        (, int24 tick,,,,,) = target.slot0();
        bool tokenIs0 = target.token0() != address(usd);
        uint160 goal = TickMath.getSqrtPriceAtTick(up == tokenIs0 ? tick + ticks : tick - ticks);
        MarketMaker.Step[] memory steps = new MarketMaker.Step[](1);
        steps[0] = MarketMaker.Step(address(target), new int256[](0), goal, goal);
        maker.step(steps);
    }
}
