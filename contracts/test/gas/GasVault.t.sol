// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IVenue} from "../../src/interfaces/IVenue.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {UniswapV3Range} from "../../src/venues/UniswapV3Range.sol";
import {Erc4626Honest} from "../venues/Erc4626Targets.sol";
import {V3Market} from "../venues/V3Market.sol";
import {VenueVault} from "../venues/VenueVault.sol";
import {GasBook} from "./GasBook.sol";

interface IGasRouter {
    struct ExactInputSingleParams {
        address tokenIn;
        address tokenOut;
        uint24 fee;
        address recipient;
        uint256 amountIn;
        uint256 amountOutMinimum;
        uint160 sqrtPriceLimitX96;
    }

    function exactInputSingle(ExactInputSingleParams calldata params) external payable returns (uint256);
}

interface IGasPositions {
    struct MintParams {
        address token0;
        address token1;
        uint24 fee;
        int24 tickLower;
        int24 tickUpper;
        uint256 amount0Desired;
        uint256 amount1Desired;
        uint256 amount0Min;
        uint256 amount1Min;
        address recipient;
        uint256 deadline;
    }

    struct DecreaseParams {
        uint256 tokenId;
        uint128 liquidity;
        uint256 amount0Min;
        uint256 amount1Min;
        uint256 deadline;
    }

    struct CollectParams {
        uint256 tokenId;
        address recipient;
        uint128 amount0Max;
        uint128 amount1Max;
    }

    function mint(MintParams calldata params) external returns (uint256 id, uint128 liquidity, uint256, uint256);
    function decreaseLiquidity(DecreaseParams calldata params) external returns (uint256, uint256);
    function collect(CollectParams calldata params) external returns (uint256, uint256);
}

/// The vault over real Uniswap V3, beside a person who uses SwapRouter02 and the position manager.
contract GasVaultTest is V3Market, VenueVault, GasBook {
    string private constant UNISWAP = "node_modules/@uniswap/";
    uint256 private constant AMOUNT = 10_000e6;
    IGasRouter private _router;
    IGasPositions private _positions;
    UniswapV3Hold private _hold;
    UniswapV3Range private _range;
    Erc4626Honest private _plain;

    function setUp() public {
        _buildMarket(false);
        address weth = vm.deployCode("node_modules/canonical-weth/build/contracts/WETH9.json");
        string memory router = "swap-router-contracts/artifacts/contracts/SwapRouter02.sol/SwapRouter02.json";
        string memory positions = "v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/"
            "NonfungiblePositionManager.json";
        _positions =
            IGasPositions(vm.deployCode(string.concat(UNISWAP, positions), abi.encode(factory, weth, address(0))));
        _router = IGasRouter(
            vm.deployCode(string.concat(UNISWAP, router), abi.encode(address(0), factory, _positions, weth))
        );
        _openVault(usd);
        _hold = new UniswapV3Hold(address(vault), pool, _rules(), _witnesses());
        _range = new UniswapV3Range(address(vault), pool, _rules(), _witnesses(), 600, 60_000);
        _list(_hold, 5_000, 300);
        _list(_range, 5_000, 300);
        vm.warp(block.timestamp + AGE);
        _age(pool);
        vault.refresh();
        _plain = new Erc4626Honest(usd, 6);
        usd.mint(alice, 100 * AMOUNT);
        _give(media, alice, 1e30);
        address[4] memory spenders = [address(vault), address(_plain), address(_router), address(_positions)];
        vm.startPrank(alice);
        for (uint256 i = 0; i < 4; ++i) {
            usd.approve(spenders[i], type(uint256).max);
            media.approve(spenders[i], type(uint256).max);
        }
        _plain.deposit(AMOUNT, alice);
        vm.stopPrank();
    }

    function test_gas_deposit_and_withdraw() public {
        vm.prank(alice);
        vault.deposit(AMOUNT, alice);
        _note("Vault", "deposit, two venues known, none held");
        vm.prank(alice);
        _plain.deposit(AMOUNT, alice);
        _noteDirect("Vault", "deposit, two venues known, none held", "deposit into a plain ERC-4626 vault");
        _enter(_hold, AMOUNT);
        vm.prank(alice);
        vault.deposit(AMOUNT, alice);
        _note("Vault", "deposit, one venue held");
        vm.prank(alice);
        vault.withdraw(AMOUNT, alice, alice);
        _note("Vault", "withdraw, one venue held");
        vm.prank(alice);
        _plain.withdraw(AMOUNT, alice, alice);
        _noteDirect("Vault", "withdraw, one venue held", "withdraw from a plain ERC-4626 vault");
        vault.refresh();
        _note("Vault", "refresh, one venue held");
    }

    function test_gas_queue() public {
        vm.prank(alice);
        uint256 id = vault.requestRedeem(1e12, alice);
        _note("Vault", "requestRedeem");
        vault.settle(1);
        _note("Vault", "settle one request");
        vm.prank(alice);
        vault.claim(id);
        _note("Vault", "claim");
    }

    function test_gas_hold() public {
        _enter(_hold, AMOUNT);
        _note("Vault", "allocate: into a V3 token, the venue's first");
        vm.warp(block.timestamp + WINDOW);
        uint256 units = _enter(_hold, AMOUNT);
        _note("Vault", "allocate: into a V3 token");
        _leave(_hold, units);
        _note("Vault", "allocate: part of a V3 token out");
        uint256 bought = _swap(address(usd), address(media), AMOUNT);
        _noteDirect("Vault", "allocate: into a V3 token", "swap by SwapRouter02");
        _swap(address(media), address(usd), bought);
        _noteDirect("Vault", "allocate: part of a V3 token out", "swap by SwapRouter02");
    }

    function test_gas_range() public {
        (int24 lower, int24 upper) = (TICK / 60 * 60 - 6_000, TICK / 60 * 60 + 6_000);
        if (!assetIs0) (lower, upper) = (-upper, -lower);
        bytes memory data = abi.encode(lower, upper, AMOUNT / 2);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_range, AMOUNT);
        Vault.Action[] memory actions = _one(_range, true, AMOUNT);
        actions[0].data = data;
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        vault.allocate(actions, permits, root, nonce, block.timestamp);
        _note("Vault", "allocate: into a V3 range, its first");
        _earn();
        vault.collect(address(_range));
        _note("Vault", "collect a V3 range's fees");
        _leave(_range, _range.position());
        _note("Vault", "allocate: all of a V3 range out");
        _directRange(lower, upper);
    }

    /// The same by hand: half is swapped, then liquidity minted; fees collected and swapped; all burnt and swapped.
    function _directRange(int24 lower, int24 upper) private {
        uint256 gas = _swapGas(AMOUNT / 2);
        (uint256 amount0, uint256 amount1) = assetIs0 ? (AMOUNT / 2, uint256(1e30)) : (uint256(1e30), AMOUNT / 2);
        IGasPositions.MintParams memory params = IGasPositions.MintParams(
            assetIs0 ? address(usd) : address(media),
            assetIs0 ? address(media) : address(usd),
            FEE,
            lower,
            upper,
            amount0,
            amount1,
            0,
            0,
            alice,
            block.timestamp
        );
        vm.prank(alice);
        (uint256 id, uint128 liquidity,,) = _positions.mint(params);
        gas += vm.lastCallGas().gasTotalUsed;
        _noteDirectSum(
            "allocate: into a V3 range, its first", "swap by SwapRouter02, mint by the position manager", gas
        );
        _earn();
        vm.prank(alice);
        _positions.collect(IGasPositions.CollectParams(id, alice, type(uint128).max, type(uint128).max));
        gas = vm.lastCallGas().gasTotalUsed + _swapGas(1e6);
        _noteDirectSum("collect a V3 range's fees", "collect by the position manager, swap", gas);
        vm.prank(alice);
        _positions.decreaseLiquidity(IGasPositions.DecreaseParams(id, liquidity, 0, 0, block.timestamp));
        gas = vm.lastCallGas().gasTotalUsed;
        vm.prank(alice);
        _positions.collect(IGasPositions.CollectParams(id, alice, type(uint128).max, type(uint128).max));
        gas += vm.lastCallGas().gasTotalUsed + _swapGas(1e6);
        _noteDirectSum("allocate: all of a V3 range out", "decrease, collect by the position manager, swap", gas);
    }

    function _noteDirectSum(string memory action, string memory how, uint256 gas) private {
        vm.snapshotValue("direct", string.concat("Vault|", action, "|", how), gas);
    }

    /// Somebody trades there and back, so that the range earns in both tokens.
    function _earn() private {
        _push(pool, true, 20);
        _push(pool, false, 20);
        vm.warp(block.timestamp + 2 * WINDOW);
    }

    function _swapGas(uint256 amountIn) private returns (uint256) {
        _swap(address(usd), address(media), amountIn);
        return vm.lastCallGas().gasTotalUsed;
    }

    function _swap(address tokenIn, address tokenOut, uint256 amountIn) private returns (uint256) {
        vm.prank(alice);
        return
            _router.exactInputSingle(IGasRouter.ExactInputSingleParams(tokenIn, tokenOut, FEE, alice, amountIn, 0, 0));
    }
}
