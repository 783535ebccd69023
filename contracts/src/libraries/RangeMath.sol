// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SqrtPriceMath} from "@uniswap/v4-core/src/libraries/SqrtPriceMath.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";

/// @title What liquidity over a range of ticks holds, costs and has earned
/// @notice Whitepaper, sections 6.3 and 6.4.1, to the unit: held to real pools by the tests.
library RangeMath {
    /// @notice What a burn of `liquidity` at a square root price (Q64.96) returns, rounded down.
    function amountsDown(uint160 root, int24 lower, int24 upper, uint128 liquidity)
        internal
        pure
        returns (uint256 amount0, uint256 amount1)
    {
        (uint160 low, uint160 high, uint160 inside) = _roots(root, lower, upper);
        amount0 = SqrtPriceMath.getAmount0Delta(inside, high, liquidity, false);
        amount1 = SqrtPriceMath.getAmount1Delta(low, inside, liquidity, false);
    }

    /// @notice The greatest liquidity whose mint asks at most these amounts; a token that it does not ask for bounds
    /// nothing.
    /// @dev Exact: a mint asks the ceiling of a quotient, and ceil(x) <= n holds just where x <= n. At most 2^128 - 1.
    function affordable(uint160 root, int24 lower, int24 upper, uint256 amount0, uint256 amount1)
        internal
        pure
        returns (uint256 liquidity)
    {
        (uint160 low, uint160 high, uint160 inside) = _roots(root, lower, upper);
        liquidity = type(uint128).max;
        if (inside < high && SqrtPriceMath.getAmount0Delta(inside, high, type(uint128).max, true) > amount0) {
            // amount0 * high * inside / (span * 2^96), its 608 bits divided in two steps
            uint256 span = high - inside;
            uint256 whole = Math.mulDiv(amount0, high, span) * inside;
            liquidity = (whole + Math.mulDiv(mulmod(amount0, high, span), inside, span)) >> 96;
        }
        if (inside > low) liquidity = Math.min(liquidity, Math.mulDiv(amount1, 1 << 96, inside - low));
    }

    /// @notice What a collect of everything would pay for a position now: what it was credited, and its fees since
    /// then.
    function owed(IUniswapV3Pool pool, address owner, int24 lower, int24 upper)
        internal
        view
        returns (uint256 owed0, uint256 owed1)
    {
        (uint128 liquidity, uint256 last0, uint256 last1, uint128 credited0, uint128 credited1) =
            pool.positions(keccak256(abi.encodePacked(owner, lower, upper)));
        (uint256 inside0, uint256 inside1) = _growthInside(pool, lower, upper);
        unchecked {
            // Growth wraps around by design: only differences mean anything. So do credits, at 2^128, as in the pool.
            owed0 = credited0 + uint128(Math.mulDiv(inside0 - last0, liquidity, 1 << 128));
            owed1 = credited1 + uint128(Math.mulDiv(inside1 - last1, liquidity, 1 << 128));
        }
    }

    function _growthInside(IUniswapV3Pool pool, int24 lower, int24 upper)
        private
        view
        returns (uint256 inside0, uint256 inside1)
    {
        (, int24 tick,,,,,) = pool.slot0();
        (,, uint256 below0, uint256 below1,,,,) = pool.ticks(lower);
        (,, uint256 above0, uint256 above1,,,,) = pool.ticks(upper);
        unchecked {
            if (tick < lower) return (below0 - above0, below1 - above1);
            if (tick >= upper) return (above0 - below0, above1 - below1);
            return (pool.feeGrowthGlobal0X128() - below0 - above0, pool.feeGrowthGlobal1X128() - below1 - above1);
        }
    }

    function _roots(uint160 root, int24 lower, int24 upper)
        private
        pure
        returns (uint160 low, uint160 high, uint160 inside)
    {
        low = TickMath.getSqrtPriceAtTick(lower);
        high = TickMath.getSqrtPriceAtTick(upper);
        inside = root < low ? low : root > high ? high : root;
    }
}
