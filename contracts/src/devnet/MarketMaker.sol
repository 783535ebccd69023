// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";

/// @title The hand of the market mirror: trades its own tokens so that devnet pools follow a recorded market
/// @notice Devnet only. The contract holds the inventory; only its owner may make it trade. Inventory never comes back
/// out except through a pool, so fund it with tokens that can be minted at will.
contract MarketMaker is Ownable {
    using SafeERC20 for IERC20;

    /// @param noise Exact inputs, in order: n > 0 sells n raw token1, n < 0 sells -n raw token0, 0 does nothing.
    /// @param lowSqrtPriceX96 Afterwards a price below this is lifted to it.
    /// @param highSqrtPriceX96 Afterwards a price above this is lowered to it.
    struct Step {
        address pool;
        int256[] noise;
        uint160 lowSqrtPriceX96;
        uint160 highSqrtPriceX96;
    }

    /// @notice Where the pool stands after its step. A price outside the band means that the inventory ran out.
    event Stepped(address indexed pool, uint160 sqrtPriceX96);
    event Seeded(address indexed pool, int24 lower, int24 upper, uint128 liquidity, uint256 amount0, uint256 amount1);

    error NotInTrade(address caller);
    error BandInverted(address pool, uint160 lowSqrtPriceX96, uint160 highSqrtPriceX96);
    error OutOfInventory(address pool, address token);

    /// @dev The one pool that may call back, during the one call we make to it.
    address private transient _tradingWith;

    constructor(address owner_) Ownable(owner_) {}

    /// @notice For each step in order: trade the noise, then nudge the price into its band.
    function step(Step[] calldata steps) external onlyOwner {
        for (uint256 i = 0; i < steps.length; ++i) {
            _step(steps[i]);
        }
    }

    /// @notice Adds `liquidity` between two ticks, owned by this contract, paid from its inventory.
    function seed(address pool, int24 lower, int24 upper, uint128 liquidity)
        external
        onlyOwner
        returns (uint256 amount0, uint256 amount1)
    {
        _tradingWith = pool;
        (amount0, amount1) = IUniswapV3Pool(pool).mint(address(this), lower, upper, liquidity, "");
        _tradingWith = address(0);
        emit Seeded(pool, lower, upper, liquidity, amount0, amount1);
    }

    /// @notice Called by the pool of the running step to be paid for a swap.
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata) external {
        _pay(amount0Delta > 0 ? uint256(amount0Delta) : 0, amount1Delta > 0 ? uint256(amount1Delta) : 0);
    }

    /// @notice Called by the pool being seeded to be paid for its liquidity.
    function uniswapV3MintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata) external {
        _pay(amount0Owed, amount1Owed);
    }

    function _step(Step calldata s) private {
        if (s.lowSqrtPriceX96 > s.highSqrtPriceX96) {
            revert BandInverted(s.pool, s.lowSqrtPriceX96, s.highSqrtPriceX96);
        }
        for (uint256 i = 0; i < s.noise.length; ++i) {
            int256 amount = s.noise[i];
            if (amount > 0) _swap(s.pool, false, amount, TickMath.MAX_SQRT_PRICE - 1);
            else if (amount < 0) _swap(s.pool, true, -amount, TickMath.MIN_SQRT_PRICE + 1);
        }
        uint160 price = _price(s.pool);
        if (price < s.lowSqrtPriceX96) {
            _swap(s.pool, false, _inventory(s.pool, IUniswapV3Pool(s.pool).token1()), s.lowSqrtPriceX96);
        } else if (price > s.highSqrtPriceX96) {
            _swap(s.pool, true, _inventory(s.pool, IUniswapV3Pool(s.pool).token0()), s.highSqrtPriceX96);
        }
        emit Stepped(s.pool, _price(s.pool));
    }

    function _swap(address pool, bool zeroForOne, int256 amountIn, uint160 sqrtPriceLimitX96) private {
        _tradingWith = pool;
        IUniswapV3Pool(pool).swap(address(this), zeroForOne, amountIn, sqrtPriceLimitX96, "");
        _tradingWith = address(0);
    }

    function _pay(uint256 amount0, uint256 amount1) private {
        if (msg.sender != _tradingWith) revert NotInTrade(msg.sender);
        if (amount0 > 0) IERC20(IUniswapV3Pool(msg.sender).token0()).safeTransfer(msg.sender, amount0);
        if (amount1 > 0) IERC20(IUniswapV3Pool(msg.sender).token1()).safeTransfer(msg.sender, amount1);
    }

    /// @dev The whole balance as a positive int256; a nudge without any inventory is an error, not a silent nothing.
    function _inventory(address pool, address token) private view returns (int256) {
        uint256 balance = IERC20(token).balanceOf(address(this));
        if (balance == 0) revert OutOfInventory(pool, token);
        return int256(balance > uint256(type(int256).max) ? uint256(type(int256).max) : balance);
    }

    function _price(address pool) private view returns (uint160 sqrtPriceX96) {
        (sqrtPriceX96,,,,,,) = IUniswapV3Pool(pool).slot0();
    }
}
