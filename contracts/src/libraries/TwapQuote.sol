// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

/// @title Prices at a tick of Uniswap V3
library TwapQuote {
    /// @notice The arithmetic-mean tick between two cumulative ticks, rounded toward negative infinity.
    /// @dev The mean of ticks is the logarithm of the geometric mean of prices.
    function meanTickFloor(int56 earlier, int56 later, uint32 window) internal pure returns (int24 tick) {
        int56 change = later - earlier;
        int56 span = int56(uint56(window));
        tick = int24(change / span);
        if (change < 0 && change % span != 0) tick--;
    }

    /// @notice What `units` of one token are worth in the pool's other token at `tick`, rounded down.
    /// @param unitsAreToken0 True when `units` counts token0 and the answer counts token1.
    /// @dev price = (sqrt / 2^96)^2 token1 per token0. Up to a root of 2^128 its square is exact in Q128.192; above, the
    /// Q128.128 square is rounded so that the answer still rounds down.
    function quoteDown(int24 tick, uint256 units, bool unitsAreToken0) internal pure returns (uint256) {
        uint256 root = TickMath.getSqrtPriceAtTick(tick);
        if (root <= type(uint128).max) {
            uint256 priceX192 = root * root;
            return unitsAreToken0 ? Math.mulDiv(priceX192, units, 1 << 192) : Math.mulDiv(1 << 192, units, priceX192);
        }
        Math.Rounding side = unitsAreToken0 ? Math.Rounding.Floor : Math.Rounding.Ceil;
        uint256 priceX128 = Math.mulDiv(root, root, 1 << 64, side);
        return unitsAreToken0 ? Math.mulDiv(priceX128, units, 1 << 128) : Math.mulDiv(1 << 128, units, priceX128);
    }
}
