// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Who may hold what
/// @notice Close to ERC-3643's identity registry and compliance module, so that such a registry can stand behind it.
interface ICompliance {
    /// @return True when `who` may receive `asset`: not denied, identity valid (or exempt), the asset's rule satisfied.
    function canHold(address who, address asset) external view returns (bool);

    /// @return True when `who` may let go of what it has: not denied. An expired identity may leave.
    function canLeave(address who) external view returns (bool);

    /// @return Whether `who` is denied: frozen, but for a transfer to `escrow`.
    function denied(address who) external view returns (bool);

    /// @return The named place to which what a denied holder has may be moved.
    function escrow() external view returns (address);
}
