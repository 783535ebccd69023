// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A venue: one position in one token, held for one vault
/// @notice The only kind of address that a keeper can move the vault's assets to. Amounts of the vault's asset are
/// called assets, amounts of the held token are called units; both are raw (no decimals applied).
interface IVenue {
    /// @return The vault that alone may enter and exit, and alone receives what an exit brings.
    function vault() external view returns (address);

    /// @return The vault's asset.
    function asset() external view returns (address);

    /// @return The token that the position is held in.
    function token() external view returns (address);

    /// @notice What the position is worth at a time-weighted price, rounded down. Reverts when that price is unknown.
    /// @return assets In raw units of `asset`.
    function value() external view returns (uint256 assets);

    /// @return units Held, in raw units of `token`.
    function position() external view returns (uint256 units);

    /// @return True when the spot price is close enough to the time-weighted one for trades and deposits.
    function nearTwap() external view returns (bool);

    /// @notice Takes exactly `assets` from the vault (which has approved them) and turns them into the token.
    /// @return units Bought. The vault measures for itself and does not rely on it.
    function enter(uint256 assets) external returns (uint256 units);

    /// @notice Sells exactly `units` of the position; what they bring goes straight to the vault.
    /// @return assets Received. The vault measures for itself and does not rely on it.
    function exit(uint256 units) external returns (uint256 assets);
}
