// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SqrtPriceMath} from "@uniswap/v4-core/src/libraries/SqrtPriceMath.sol";
import {SwapMath} from "@uniswap/v4-core/src/libraries/SwapMath.sol";

/// @title What liquidity between two prices pays
/// @notice The arithmetic of one step of a Uniswap V3 swap (whitepaper, section 6.2.3), held to real swaps by the
/// tests.
library PoolDepth {
    /// @notice Constant liquidity, sold into from one square root price (Q64.96) toward another.
    /// @param from Where selling starts.
    /// @param edge Where it ends: below `from` token0 is sold for token1, above it token1 for token0.
    struct Band {
        uint160 from;
        uint160 edge;
        uint128 liquidity;
    }

    /// @notice All that the band holds of the token that it pays in, rounded down.
    function wholeDown(Band memory band) internal pure returns (uint256) {
        if (band.liquidity == 0) return 0;
        return band.edge < band.from
            ? SqrtPriceMath.getAmount1Delta(band.edge, band.from, band.liquidity, false)
            : SqrtPriceMath.getAmount0Delta(band.from, band.edge, band.liquidity, false);
    }

    /// @notice What selling `units` pays, fee taken off the input, rounded down. What the band cannot take pays
    /// nothing.
    /// @param feePips Fee on the input, in hundredths of a basis point.
    function sellDown(Band memory band, uint256 units, uint24 feePips) internal pure returns (uint256 paid) {
        if (band.liquidity == 0) return 0;
        uint256 most = uint256(type(int256).max);
        int256 exactIn = -int256(units < most ? units : most);
        (,, paid,) = SwapMath.computeSwapStep(band.from, band.edge, band.liquidity, exactIn, feePips);
    }
}
