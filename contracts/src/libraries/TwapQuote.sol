// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The time-weighted price of a Uniswap V3 pool
library TwapQuote {
    /// @notice The arithmetic-mean tick between two cumulative ticks, rounded toward negative infinity.
    /// @dev The mean of ticks is the logarithm of the geometric mean of prices.
    function meanTickFloor(int56 earlier, int56 later, uint32 window) internal pure returns (int24 tick) {
        int56 change = later - earlier;
        int56 span = int56(uint56(window));
        tick = int24(change / span);
        if (change < 0 && change % span != 0) tick--;
    }
}
