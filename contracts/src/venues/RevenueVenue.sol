// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {PoolDepth} from "../libraries/PoolDepth.sol";
import {RevenueShare} from "../media/RevenueShare.sol";
import {RevenueWrapper} from "../media/RevenueWrapper.sol";
import {V3Venue} from "./V3Venue.sol";

/// @title Holds revenue shares, bought and sold in their wrapper's Uniswap V3 pool, for one vault
/// @notice An entry buys wrapper shares and redeems them at once: units are the revenue shares themselves, which earn
/// here and whose claims go straight to the vault; the money that was in the wrapper shares goes back to it. An exit
/// wraps the units again, for the pool, with money that the pool has already paid. `data` is empty.
///
/// Value: claims that wait, plus the least of what the units cost, what they have really paid to the vault in the
/// trailing window times `multipleBps`, and what selling them into independent depth would pay net of wrapping.
/// Announced revenue and numbers of uses count for nothing. Never priced: an entry counts as lost, whole, against the
/// vault's budget.
/// @dev Why the multiple is at most 1. Whoever issues the shares can pay himself for uses. Each unit of money that so
/// reaches the vault raises what the vault counts by itself and by `multipleBps` of itself. So he who owns a part p of
/// the vault takes back at most p * (1 + multiple) of what he paid: nothing while p <= 1/2, and never more than he
/// paid.
contract RevenueVenue is V3Venue {
    using PoolDepth for PoolDepth.Band;
    using SafeERC20 for IERC20;

    /// @param window Seconds over which claims count; by `PARTS`, so between three quarters of it and all of it. At
    /// most a year.
    /// @param multipleBps How much of these claims the units are worth, in ten-thousandths; at most 10,000.
    struct ClaimRules {
        uint32 window;
        uint16 multipleBps;
    }

    uint256 public constant PARTS = 4;
    uint256 private constant BPS = 10_000;
    RevenueWrapper public immutable wrapper;
    RevenueShare public immutable share;
    uint32 public immutable window;
    uint16 public immutable multipleBps;
    /// @notice Assets that the units cost.
    uint256 public cost;
    /// @notice Assets that units still held have paid, by number of the part of a window: timestamp / (window / PARTS).
    mapping(uint256 part => uint256 assets) public earned;

    error BadClaimRules(ClaimRules rules);
    error WrongMoney(address money, address asset);

    /// @param pool_ Of the vault's asset and the wrapper's shares.
    constructor(
        address vault_,
        IUniswapV3Pool pool_,
        PriceRules memory rules,
        Witness[] memory witnesses_,
        ClaimRules memory claimRules
    ) V3Venue(vault_, pool_, rules, witnesses_) {
        (uint32 window_, uint16 multiple) = (claimRules.window, claimRules.multipleBps);
        if (window_ < PARTS || window_ > 365 days || multiple == 0 || multiple > BPS) revert BadClaimRules(claimRules);
        (window, multipleBps) = (window_, multiple);
        wrapper = RevenueWrapper(base);
        share = wrapper.share();
        if (address(share.money()) != asset) revert WrongMoney(address(share.money()), asset);
    }

    /// @inheritdoc IVenue
    function token() external view returns (address) {
        return address(share);
    }

    /// @inheritdoc IVenue
    /// @dev Without a position the pool need not have a history.
    function value() external view returns (uint256) {
        uint256 owed = share.claimable(address(this));
        uint256 units = position;
        if (units == 0) return owed;
        uint256 paid = Math.saturatingSub(_band().sellDown(units, fee), wrapper.previewMint(units));
        uint256 carried = Math.mulDiv(earnedWithin(), multipleBps, BPS);
        return owed + Math.min(cost, Math.min(paid, carried));
    }

    /// @inheritdoc IVenue
    function priced() external pure override returns (bool) {
        return false;
    }

    /// @inheritdoc IVenue
    function most() external pure override returns (uint256) {
        return type(uint256).max;
    }

    /// @notice Assets that the units have paid in the trailing window.
    function earnedWithin() public view returns (uint256 assets) {
        uint256 part = _part();
        for (uint256 i = 0; i < PARTS; ++i) {
            assets += earned[part - i];
        }
    }

    /// @inheritdoc IVenue
    function enter(uint256 assets, bytes calldata) external onlyVault returns (uint256 units) {
        _requireNearTwap();
        units = _buy(assets);
        uint256 before = _held(address(this));
        wrapper.redeem(units, address(this), address(this));
        uint256 back = _held(address(this)) - before;
        uint256 spent = Math.saturatingSub(assets, back);
        position += units;
        cost += spent;
        IERC20(asset).safeTransfer(vault, back);
        emit Entered(spent, units);
    }

    /// @inheritdoc IVenue
    /// @dev Claims that wait stay ours, for the next collection.
    function exit(uint256 units, bytes calldata) external onlyVault returns (uint256 assets) {
        if (units > position) revert NotHeld(units, position);
        _requireNearTwap();
        _keep(position - units);
        uint256 before = _held(address(this));
        _swap(!assetIsToken0, units, address(this));
        assets = _held(address(this)) - before;
        IERC20(asset).safeTransfer(vault, assets);
        emit Exited(units, assets);
    }

    /// @inheritdoc IVenue
    function collect() external onlyVault returns (uint256 assets) {
        uint256 before = _held(vault);
        share.claim(vault);
        assets = _held(vault) - before;
        if (position > 0) earned[_part()] += assets;
    }

    /// @dev Wraps what is sold, with money that the pool has paid before it asks.
    function _payPool(uint256 amount0, uint256 amount1) internal override {
        (, uint256 units) = _sorted(amount0, amount1);
        if (units > 0) {
            IERC20(address(share)).forceApprove(address(wrapper), units);
            IERC20(asset).forceApprove(address(wrapper), wrapper.previewMint(units));
            wrapper.mint(units, address(this));
        }
        super._payPool(amount0, amount1);
    }

    /// @dev Units that leave take their part of the cost and of the claims with them, rounded in their favour.
    function _keep(uint256 units) private {
        uint256 all = position;
        cost = Math.mulDiv(cost, units, all);
        uint256 part = _part();
        for (uint256 i = 0; i < PARTS; ++i) {
            earned[part - i] = Math.mulDiv(earned[part - i], units, all);
        }
        position = units;
    }

    function _part() private view returns (uint256) {
        return block.timestamp / (window / PARTS);
    }

    function _held(address who) private view returns (uint256) {
        return IERC20(asset).balanceOf(who);
    }
}
