// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IVenue} from "../interfaces/IVenue.sol";

/// @title Holds shares of one ERC-4626 vault, the target, for one vault
/// @notice Immutable, ownerless, without a sweep: assets go only to the target and, redeemed, only to the vault. Units
/// are the target's shares. The target's fees are a cost like any other: the vault measures what they take.
/// @dev A target's share price can be lifted within one block (by a gift to it), so a price is believed only up to a
/// slow one of our own. The slow price follows the target's at every checkpoint, upwards by at most `maxGrowthBps` a
/// window and downwards by at most half; between checkpoints only one window's growth counts. A mean over samples would
/// not do: we see the price only when somebody looks, so whoever looks in the moments of his own gifts would make the
/// mean. A limit on the rate holds whoever looks, and when nobody does.
contract Erc4626Venue is IVenue {
    using SafeERC20 for IERC20;

    /// @param window Seconds over which a rise is let in, and that the adapter must be old to be priced.
    /// @param maxGrowthBps Most that the believed share price rises in one window; more than a target ever earns.
    struct ShareRules {
        uint32 window;
        uint16 maxGrowthBps;
    }

    /// @param price Slow share price: assets per `probe` shares.
    /// @param at When it was last moved, in seconds.
    struct Mark {
        uint192 price;
        uint64 at;
    }

    uint256 private constant BPS = 10_000;

    /// @inheritdoc IVenue
    address public immutable vault;
    /// @inheritdoc IVenue
    address public immutable asset;
    IERC4626 public immutable target;
    uint32 public immutable window;
    uint16 public immutable maxGrowthBps;
    /// @notice The number of shares whose worth is the share price: a thousand million whole ones, for precision.
    uint256 public immutable probe;
    /// @notice When the adapter was made, in seconds.
    uint256 public immutable since;
    /// @inheritdoc IVenue
    uint256 public position;
    /// @notice The slow share price as of the last checkpoint.
    Mark public mark;

    event Entered(uint256 assets, uint256 units);
    event Exited(uint256 units, uint256 assets);
    event Checkpointed(uint256 price, uint256 slowPrice);

    error NotVault(address caller);
    error BadRules(uint32 window, uint16 maxGrowthBps);
    error WrongTarget(address target, address targetAsset, address asset);
    error PartialDeposit(uint256 wanted, uint256 taken);
    error Illiquid(uint256 wanted, uint256 available);
    error WrongRedeem(uint256 wanted, uint256 redeemed);

    constructor(address vault_, IERC4626 target_, ShareRules memory rules) {
        if (rules.window == 0 || rules.maxGrowthBps == 0 || rules.maxGrowthBps > BPS) {
            revert BadRules(rules.window, rules.maxGrowthBps);
        }
        (address asset_, address targetAsset) = (IERC4626(vault_).asset(), target_.asset());
        if (targetAsset != asset_ || address(target_) == vault_) {
            revert WrongTarget(address(target_), targetAsset, asset_);
        }
        (vault, asset, target) = (vault_, asset_, target_);
        (window, maxGrowthBps) = (rules.window, rules.maxGrowthBps);
        probe = 10 ** (uint256(target_.decimals()) + 9);
        since = block.timestamp;
        mark = Mark(SafeCast.toUint192(target_.convertToAssets(probe)), uint64(block.timestamp));
    }

    modifier onlyVault() {
        if (msg.sender != vault) revert NotVault(msg.sender);
        _;
    }

    /// @inheritdoc IVenue
    function token() external view returns (address) {
        return address(target);
    }

    /// @inheritdoc IVenue
    /// @dev The least of: the units at the believed price (a rise has to age, a fall is believed at once); what
    /// redeeming them would pay, the target's fees off; what the target lets us withdraw now.
    function value() external view returns (uint256) {
        uint256 units = position;
        if (units == 0) return 0;
        (, uint256 high) = _slowRange();
        uint256 believedDown = Math.mulDiv(units, Math.min(_price(), high), probe);
        return Math.min(believedDown, Math.min(target.previewRedeem(units), target.maxWithdraw(address(this))));
    }

    /// @inheritdoc IVenue
    /// @dev The price is within one window's growth of the last checkpoint's, on either side, and all units can be
    /// redeemed.
    function steady() external view returns (bool) {
        (uint256 price, uint256 slow) = (_price(), mark.price);
        uint256 band = Math.mulDiv(slow, maxGrowthBps, BPS);
        return price <= slow + band && price + band >= slow && target.maxRedeem(address(this)) >= position;
    }

    /// @inheritdoc IVenue
    function priced() external view returns (bool) {
        return block.timestamp >= since + window;
    }

    /// @inheritdoc IVenue
    function most() external pure returns (uint256) {
        return type(uint256).max;
    }

    /// @notice Moves the slow price towards the target's present one. Anyone may call it, as often as they like.
    function checkpoint() public {
        uint256 price = _price();
        (uint256 low, uint256 high) = _slowRange();
        uint256 slow = Math.max(low, Math.min(price, high));
        mark = Mark(SafeCast.toUint192(slow), uint64(block.timestamp));
        emit Checkpointed(price, slow);
    }

    /// @inheritdoc IVenue
    /// @dev `data` is not read.
    function enter(uint256 assets, bytes calldata) external onlyVault returns (uint256 units) {
        checkpoint();
        uint256 sharesBefore = target.balanceOf(address(this));
        uint256 heldBefore = IERC20(asset).balanceOf(address(this));
        IERC20(asset).safeTransferFrom(vault, address(this), assets);
        IERC20(asset).forceApprove(address(target), assets);
        target.deposit(assets, address(this));
        IERC20(asset).forceApprove(address(target), 0);
        uint256 left = IERC20(asset).balanceOf(address(this)) - heldBefore;
        if (left != 0) revert PartialDeposit(assets, assets - left);
        units = target.balanceOf(address(this)) - sharesBefore;
        position += units;
        emit Entered(assets, units);
    }

    /// @inheritdoc IVenue
    /// @dev `data` is not read. Never waits for a steady price: whoever holds shares of a failing target must be able
    /// to go.
    function exit(uint256 units, bytes calldata) external onlyVault returns (uint256 assets) {
        uint256 available = Math.min(position, target.maxRedeem(address(this)));
        if (units > available) revert Illiquid(units, available);
        position -= units;
        uint256 sharesBefore = target.balanceOf(address(this));
        assets = target.redeem(units, vault, address(this));
        uint256 redeemed = sharesBefore - target.balanceOf(address(this));
        if (redeemed != units) revert WrongRedeem(units, redeemed);
        emit Exited(units, assets);
    }

    /// @inheritdoc IVenue
    /// @dev A target's income is in its share price: there is nothing to collect, but the slow price moves on.
    function collect() external onlyVault returns (uint256) {
        checkpoint();
        return 0;
    }

    function _price() private view returns (uint256) {
        return target.convertToAssets(probe);
    }

    /// @dev Where the slow price may stand by now.
    function _slowRange() private view returns (uint256 low, uint256 high) {
        uint256 slow = mark.price;
        uint256 elapsed = Math.min(block.timestamp - mark.at, window);
        low = slow - Math.mulDiv(slow, elapsed, 2 * uint256(window));
        high = slow + Math.mulDiv(slow, maxGrowthBps * elapsed, BPS * window);
    }
}
