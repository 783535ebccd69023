// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The part of a Uniswap V3 pool that Patron calls
/// @notice Prices are square roots of token1 per token0 (raw units) as Q64.96; ticks are powers of 1.0001.
interface IUniswapV3Pool {
    function token0() external view returns (address);

    function token1() external view returns (address);

    /// @return Fee on the input, in hundredths of a basis point (3000 = 0.30 %).
    function fee() external view returns (uint24);

    function tickSpacing() external view returns (int24);

    /// @return Liquidity in range at the current tick.
    function liquidity() external view returns (uint128);

    function slot0()
        external
        view
        returns (
            uint160 sqrtPriceX96,
            int24 tick,
            uint16 observationIndex,
            uint16 observationCardinality,
            uint16 observationCardinalityNext,
            uint8 feeProtocol,
            bool unlocked
        );

    /// @notice One entry of the ring of price observations.
    function observations(uint256 index)
        external
        view
        returns (
            uint32 blockTimestamp,
            int56 tickCumulative,
            uint160 secondsPerLiquidityCumulativeX128,
            bool initialized
        );

    /// @notice Cumulative ticks as of each `secondsAgos`; reverts with "OLD" beyond the oldest observation.
    function observe(uint32[] calldata secondsAgos)
        external
        view
        returns (int56[] memory tickCumulatives, uint160[] memory secondsPerLiquidityCumulativeX128s);

    function increaseObservationCardinalityNext(uint16 observationCardinalityNext) external;

    function initialize(uint160 sqrtPriceX96) external;

    /// @notice Swaps and calls `uniswapV3SwapCallback` on the sender for the input.
    /// @param zeroForOne True sells token0 for token1 (the price falls).
    /// @param amountSpecified Positive: exact input. Negative: exact output.
    /// @param sqrtPriceLimitX96 The swap stops at this price, possibly with part of the input left.
    /// @return amount0 Change of the pool's token0 (positive: received by the pool).
    /// @return amount1 Change of the pool's token1 (positive: received by the pool).
    function swap(
        address recipient,
        bool zeroForOne,
        int256 amountSpecified,
        uint160 sqrtPriceLimitX96,
        bytes calldata data
    ) external returns (int256 amount0, int256 amount1);

    /// @notice Mints liquidity and calls `uniswapV3MintCallback` on the sender for both tokens.
    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data)
        external
        returns (uint256 amount0, uint256 amount1);
}
