// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IZoraCoin} from "../../src/interfaces/IZoraCoin.sol";

interface IZoraFactory {
    function initialize(address owner) external;

    /// The legacy pool: one position from the first price up.
    function deploy(
        address payoutRecipient,
        address[] memory owners,
        string memory uri,
        string memory name,
        string memory symbol,
        address platformReferrer,
        address currency,
        int24 tickLower,
        uint256 orderSize
    ) external payable returns (address coin, uint256 bought);

    /// Any pool: `poolConfig` begins with its version.
    function deploy(
        address payoutRecipient,
        address[] memory owners,
        string memory uri,
        string memory name,
        string memory symbol,
        bytes memory poolConfig,
        address platformReferrer,
        uint256 orderSize
    ) external payable returns (address coin, uint256 bought);
}

interface IZoraCoinOwner {
    function setPayoutRecipient(address recipient) external;

    function poolConfiguration()
        external
        view
        returns (uint8 version, int24 tickLower, int24 tickUpper, uint16 numPositions, uint256 maxDiscoverySupplyShare);
}

interface IZoraRouter {
    struct ExactInputSingleParams {
        address tokenIn;
        address tokenOut;
        uint24 fee;
        address recipient;
        uint256 amountIn;
        uint256 amountOutMinimum;
        uint160 sqrtPriceLimitX96;
    }

    function exactInputSingle(ExactInputSingleParams calldata params) external payable returns (uint256 amountOut);
}

interface IZoraPositions {
    function positions(bytes32 key)
        external
        view
        returns (uint128 liquidity, uint256 growth0, uint256 growth1, uint128 owed0, uint128 owed1);
}

/// Real Zora Coins 0.7.1 over real Uniswap V3 and SwapRouter02, each from its npm package, with dollars (6 decimals) as
/// currency. At its first price a thousand million coins are worth about ten million dollars.
abstract contract ZoraWorld is Test {
    string private constant UNISWAP = "node_modules/@uniswap/";
    /// Currency per coin at the first price, in raw units, as a power of 1.0001: 1e-14. A multiple of 200.
    int24 internal constant FIRST_TICK = -322_400;
    int24 internal constant LAST_TICK = 887_200;
    uint256 internal constant LAUNCHED = 990_000_000e18;
    uint256 internal constant CREATORS = 10_000_000e18;

    address internal creator = makeAddr("creator");
    address internal platform = makeAddr("platform referrer");
    address internal protocol = makeAddr("protocol");
    address internal buyers = makeAddr("buyers");

    DevDollar internal usd;
    address internal weth;
    address internal v3Factory;
    address internal router;
    address internal rewards;
    address internal coinCode;
    IZoraFactory internal zora;
    uint256 private _made;

    function _buildZora() internal {
        vm.warp(1_700_000_000);
        usd = new DevDollar(address(this));
        weth = vm.deployCode("node_modules/canonical-weth/build/contracts/WETH9.json");
        v3Factory = vm.deployCode(
            string.concat(UNISWAP, "v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json")
        );
        // No Uniswap V2 and no position manager: a coin asks the router for nothing but V3 swaps.
        router = vm.deployCode(
            string.concat(UNISWAP, "swap-router-contracts/artifacts/contracts/SwapRouter02.sol/SwapRouter02.json"),
            abi.encode(address(0), v3Factory, address(0), weth)
        );
        rewards = vm.deployCode("out-zora/rewards/ProtocolRewards.sol/ProtocolRewards.json");
        coinCode = _implementation(protocol);
        address logic = vm.deployCode("out-zora/ZoraFactoryImpl.sol/ZoraFactoryImpl.json", abi.encode(coinCode));
        zora = IZoraFactory(vm.deployCode("out-zora/ZoraFactory.sol/ZoraFactory.json", abi.encode(logic)));
        zora.initialize(address(this));
    }

    /// The airlock is asked for its owner only, who gets 5 % of the pool's fees; Uniswap's factory has one too.
    function _implementation(address protocol_) internal returns (address) {
        return vm.deployCode(
            "out-zora/Coin.sol/Coin.json", abi.encode(protocol_, rewards, weth, v3Factory, router, v3Factory)
        );
    }

    /// A coin on the wanted side of the dollar: one position, all coins, from FIRST_TICK up. Its creator has CREATORS.
    function _coin(bool coinIsToken0) internal returns (IZoraCoin coin, IUniswapV3Pool pool) {
        do {
            (address made,) =
                zora.deploy(creator, _owners(), _uri(), "Trend", "TREND", platform, address(usd), FIRST_TICK, 0);
            coin = IZoraCoin(made);
        } while ((address(coin) < address(usd)) != coinIsToken0);
        pool = _roomy(coin);
    }

    /// The pool's other kind: `positions - 1` of them from `lower`, ending at `upper`, hold `share` (of 1e18); one the
    /// rest.
    function _curvedCoin(bool coinIsToken0, int24 lower, int24 upper, uint16 positions, uint256 share)
        internal
        returns (IZoraCoin coin, IUniswapV3Pool pool)
    {
        bytes memory config = abi.encode(uint8(2), address(usd), lower, upper, positions, share);
        do {
            (address made,) = zora.deploy(creator, _owners(), _uri(), "Trend", "TREND", config, platform, 0);
            coin = IZoraCoin(made);
        } while ((address(coin) < address(usd)) != coinIsToken0);
        pool = _roomy(coin);
    }

    /// Where the one position of a legacy coin lies, which it holds for ever, and how much it is.
    function _locked(IZoraCoin coin) internal view returns (int24 lower, int24 upper, uint128 liquidity) {
        (, lower, upper,,) = IZoraCoinOwner(address(coin)).poolConfiguration();
        bytes32 key = keccak256(abi.encodePacked(address(coin), lower, upper));
        (liquidity,,,,) = IZoraPositions(coin.poolAddress()).positions(key);
    }

    function _buy(IZoraCoin coin, address who, uint256 assets) internal returns (uint256 coins) {
        usd.mint(who, assets);
        vm.startPrank(who);
        usd.approve(address(coin), assets);
        (, coins) = coin.buy(who, assets, 0, 0, address(0));
        vm.stopPrank();
    }

    function _sell(IZoraCoin coin, address who, uint256 coins) internal returns (uint256 assets) {
        vm.prank(who);
        (, assets) = coin.sell(who, coins, 0, 0, address(0));
    }

    /// Past the coin, in its pool: without the coin's 1 %.
    function _swapPast(address who, address tokenIn, address tokenOut, uint256 amountIn) internal returns (uint256) {
        vm.startPrank(who);
        IERC20(tokenIn).approve(router, amountIn);
        uint256 amountOut = IZoraRouter(router)
            .exactInputSingle(IZoraRouter.ExactInputSingleParams(tokenIn, tokenOut, 10_000, who, amountIn, 0, 0));
        vm.stopPrank();
        return amountOut;
    }

    function _held(IZoraCoin coin, address who) internal view returns (uint256) {
        return IERC20(address(coin)).balanceOf(who);
    }

    function _roomy(IZoraCoin coin) private returns (IUniswapV3Pool pool) {
        pool = IUniswapV3Pool(coin.poolAddress());
        pool.increaseObservationCardinalityNext(64);
    }

    function _owners() private view returns (address[] memory owners) {
        owners = new address[](1);
        owners[0] = creator;
    }

    /// The coin's address follows from it, among other things.
    function _uri() private returns (string memory) {
        return string.concat("ipfs://medium-", vm.toString(_made++));
    }
}
