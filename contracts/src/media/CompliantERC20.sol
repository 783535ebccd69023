// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {ICompliance} from "../interfaces/ICompliance.sol";

/// @title A token that asks a compliance registry who may hold it
/// @notice Receivers must be able to hold it; an expired identity may still send. What a denied holder has stays where
/// it is until anyone moves it to the registry's escrow, and goes nowhere else. Nothing may be sent to the token
/// itself.
abstract contract CompliantERC20 is ERC20 {
    /// @notice Asked at each issue, transfer and burn; zero for no rule. It never changes.
    ICompliance public immutable compliance;
    /// @notice The asset whose rule holds for this token: itself, or what it wraps.
    address public immutable ruledAs;

    event Seized(address indexed holder, address indexed escrow, uint256 amount);

    error ToItself();
    error NotCompliant(address who);
    error Frozen(address holder);
    error NotDenied(address holder);

    /// @param ruledAs_ Zero for the token itself.
    constructor(ICompliance compliance_, address ruledAs_) {
        compliance = compliance_;
        ruledAs = ruledAs_ == address(0) ? address(this) : ruledAs_;
    }

    /// @notice Moves all that a denied holder has to the escrow. Anyone may call it.
    function seize(address holder) external returns (uint256 amount) {
        if (address(compliance) == address(0) || !compliance.denied(holder)) revert NotDenied(holder);
        address escrow = compliance.escrow();
        amount = balanceOf(holder);
        _transfer(holder, escrow, amount);
        emit Seized(holder, escrow, amount);
    }

    function _mayHold(address who) internal view returns (bool) {
        return address(compliance) == address(0) || compliance.canHold(who, ruledAs);
    }

    function _mayLeave(address who) internal view returns (bool) {
        return address(compliance) == address(0) || compliance.canLeave(who);
    }

    /// @dev `from` is zero for an issue, `to` for a burn.
    function _requireMayMove(address from, address to) internal view virtual {
        if (to == address(this)) revert ToItself();
        if (from != address(0) && !_mayLeave(from) && to != compliance.escrow()) revert Frozen(from);
        if (to != address(0) && !_mayHold(to)) revert NotCompliant(to);
    }

    function _update(address from, address to, uint256 amount) internal virtual override {
        _requireMayMove(from, to);
        super._update(from, to, amount);
    }
}
