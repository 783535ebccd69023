// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20, ERC4626, IERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title The devnet's savings account: an ERC-4626 vault that pays interest out of a fund
/// @notice The fund is put in once and becomes the shareholders' evenly over `period` seconds.
contract DevSavings is ERC4626 {
    using SafeERC20 for IERC20;

    uint256 public immutable start;
    uint256 public immutable period;
    /// @notice Assets that become interest over the period.
    uint256 public fund;

    constructor(IERC20 asset_, uint256 period_) ERC20("Patron Dev Savings", "SAVE") ERC4626(asset_) {
        (start, period) = (block.timestamp, period_);
    }

    /// @notice Adds to the fund, out of the caller's approval.
    function endow(uint256 assets) external {
        fund += assets;
        IERC20(asset()).safeTransferFrom(msg.sender, address(this), assets);
    }

    /// @inheritdoc ERC4626
    function totalAssets() public view override returns (uint256) {
        uint256 left = period - Math.min(period, block.timestamp - start);
        return super.totalAssets() - Math.mulDiv(fund, left, period, Math.Rounding.Ceil);
    }

    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }
}
