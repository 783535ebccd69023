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

    /// @notice Takes liquidity of the sender out and credits what it held, with its fees; 0 only brings fees up to
    /// date.
    /// @return amount0 Credited for the liquidity, rounded down; `collect` pays it.
    function burn(int24 tickLower, int24 tickUpper, uint128 amount) external returns (uint256 amount0, uint256 amount1);

    /// @notice Pays out at most what is asked for of what the sender's position has been credited.
    function collect(
        address recipient,
        int24 tickLower,
        int24 tickUpper,
        uint128 amount0Requested,
        uint128 amount1Requested
    ) external returns (uint128 amount0, uint128 amount1);

    /// @notice A position: fees per unit of liquidity (Q128.128) and what is owed are as of when it was last touched.
    /// @param key keccak256(abi.encodePacked(owner, tickLower, tickUpper)).
    function positions(bytes32 key)
        external
        view
        returns (
            uint128 liquidity,
            uint256 feeGrowthInside0LastX128,
            uint256 feeGrowthInside1LastX128,
            uint128 tokensOwed0,
            uint128 tokensOwed1
        );

    /// @notice One tick; fee growth outside is on the other side of it from the current tick, and only differences
    /// count.
    function ticks(int24 tick)
        external
        view
        returns (
            uint128 liquidityGross,
            int128 liquidityNet,
            uint256 feeGrowthOutside0X128,
            uint256 feeGrowthOutside1X128,
            int56 tickCumulativeOutside,
            uint160 secondsPerLiquidityOutsideX128,
            uint32 secondsOutside,
            bool initialized
        );

    /// @return Fees per unit of liquidity ever, Q128.128; wraps around.
    function feeGrowthGlobal0X128() external view returns (uint256);

    function feeGrowthGlobal1X128() external view returns (uint256);
}
