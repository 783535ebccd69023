// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The part of a Zora Coin 0.7.1 that Patron calls
/// @notice Coins of this generation trade on a Uniswap V3 pool (fee 1 %, tick spacing 200). Currency is what the coin
/// is bought with. A trade through the coin costs 1 % of the currency on top of the pool's fee, for the coin's creator,
/// referrers and protocol.
interface IZoraCoin {
    function contractVersion() external view returns (string memory);

    function currency() external view returns (address);

    function poolAddress() external view returns (address);

    function payoutRecipient() external view returns (address);

    /// @notice Buys with exactly `orderSize` of currency, fee included, taken from the caller. What the pool does not
    /// take stays with the coin for good.
    /// @param sqrtPriceLimitX96 Where the swap stops; 0 for no limit.
    /// @param tradeReferrer Gets 15 % of the fee; the protocol does when it is zero.
    /// @return The order size, and the coins bought.
    function buy(
        address recipient,
        uint256 orderSize,
        uint256 minAmountOut,
        uint160 sqrtPriceLimitX96,
        address tradeReferrer
    ) external payable returns (uint256, uint256);

    /// @notice Sells at most `orderSize` of the caller's coins. What the pool does not take goes to `recipient`.
    /// @return The coins sold, and the currency paid out, fee taken.
    function sell(
        address recipient,
        uint256 orderSize,
        uint256 minAmountOut,
        uint160 sqrtPriceLimitX96,
        address tradeReferrer
    ) external returns (uint256, uint256);
}
