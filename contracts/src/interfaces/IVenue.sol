// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A venue: one position, held for one vault
/// @notice The only kind of address that a keeper can move the vault's assets to. Amounts of the vault's asset are
/// called assets, amounts of what is held are called units; both are raw (no decimals applied). A venue counts its units
/// by its own moves, never by a balance, so that a gift changes nothing.
interface IVenue {
    /// @return The vault that alone may enter and exit, and alone receives what an exit or a collection brings.
    function vault() external view returns (address);

    /// @return The vault's asset.
    function asset() external view returns (address);

    /// @return What the position is in: a token, a pool (liquidity), a vault (shares), a collection (pieces).
    function token() external view returns (address);

    /// @notice What the position would bring, cautiously and rounded down: never spot alone, never more than depth pays.
    /// Reverts when that is not known. Includes income that is owed but not yet collected.
    /// @return assets In raw units of `asset`.
    function value() external view returns (uint256 assets);

    /// @return units Held.
    function position() external view returns (uint256 units);

    /// @return True when `value` may price new shares now: spot stands close enough to the time-weighted price.
    function steady() external view returns (bool);

    /// @return True when `value` may judge an entry: full price history, old enough, depth that no one provider controls.
    /// Everything else is unpriced: an entry counts as lost.
    function priced() external view returns (bool);

    /// @return assets The most that the position may be worth after an entry (a share of depth); max where nothing bounds it.
    function most() external view returns (uint256 assets);

    /// @notice Takes at most `assets` from the vault (which has approved them) and turns them into units.
    /// @param data Per kind of venue; documented there. Empty where there is nothing to say.
    /// @return units Gained. The vault measures for itself and does not rely on it.
    function enter(uint256 assets, bytes calldata data) external returns (uint256 units);

    /// @notice Leaves with exactly `units` of the position; what they bring goes straight to the vault.
    /// @return assets Received. The vault measures for itself and does not rely on it.
    function exit(uint256 units, bytes calldata data) external returns (uint256 assets);

    /// @notice Sends income that is owed (fees, claims) to the vault. Units do not change. 0 where there is none.
    function collect() external returns (uint256 assets);
}
