// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {PoolDepth} from "../libraries/PoolDepth.sol";
import {RangeMath} from "../libraries/RangeMath.sol";
import {V3Venue} from "./V3Venue.sol";

/// @title Provides liquidity over one range of ticks of one Uniswap V3 pool, for one vault
/// @notice Units are liquidity, owned in the pool itself and counted as it was minted: liquidity that somebody else
/// adds to our position changes no units, is never taken out, and its fees are a gift. See V3Venue for price and depth.
///
/// Nothing but liquidity stays here: what an entry does not use comes back as assets at once. What an entry swaps is
/// the keeper's choice; a bad one wastes a pool fee and impact, which the vault measures against what was spent.
contract UniswapV3Range is V3Venue {
    using PoolDepth for PoolDepth.Band;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @notice Least and most ticks between the ends of a range.
    int24 public immutable minWidth;
    int24 public immutable maxWidth;
    /// @notice Ends of the range that is held; both 0 while none is.
    int24 public lower;
    int24 public upper;

    event Collected(uint256 assets);

    error BadWidths(int24 minWidth, int24 maxWidth);
    error BadRange(int24 lower, int24 upper, int24 meanTick);
    error SwapAboveEntry(uint256 swapAssets, uint256 assets);
    error NothingMinted(uint256 assets, uint256 swapAssets);

    constructor(
        address vault_,
        IUniswapV3Pool pool_,
        PriceRules memory rules,
        Witness[] memory witnesses_,
        int24 minWidth_,
        int24 maxWidth_
    ) V3Venue(vault_, pool_, rules, witnesses_) {
        if (minWidth_ <= 0 || maxWidth_ < minWidth_) {
            revert BadWidths(minWidth_, maxWidth_);
        }
        minWidth = minWidth_;
        maxWidth = maxWidth_;
    }

    /// @inheritdoc IVenue
    function token() external view returns (address) {
        return address(pool);
    }

    /// @notice (token0, token1) of fees that a collection would bring in now, before base tokens are sold.
    function owed() public view returns (uint256, uint256) {
        return RangeMath.owed(pool, address(this), lower, upper);
    }

    /// @inheritdoc IVenue
    /// @dev What the liquidity holds at the mean, with its fees; base tokens at what independent depth pays, and never
    /// more in all than that depth. The tokens at spot would be worth more at the mean the further spot is pushed,
    /// either way.
    function value() external view returns (uint256) {
        if (position == 0) return 0;
        PoolDepth.Band memory band = _band();
        (uint256 held0, uint256 held1) = RangeMath.amountsDown(band.from, lower, upper, uint128(position));
        (uint256 owed0, uint256 owed1) = owed();
        (uint256 assets, uint256 units) = _sorted(held0 + owed0, held1 + owed1);
        return Math.min(assets + band.sellDown(units, fee), band.wholeDown());
    }

    /// @inheritdoc IVenue
    /// @param data abi.encode(int24 lower, int24 upper, uint256 swapAssets): first exactly `swapAssets` buy base
    /// tokens, then the most liquidity that those and the rest of the assets pay for is minted, then base tokens that
    /// the mint left are sold. The ends are ignored while a range is held; a new one must contain the mean tick.
    function enter(uint256 assets, bytes calldata data) external onlyVault returns (uint256 units) {
        int24 meanTick = _requireNearTwap();
        (int24 newLower, int24 newUpper, uint256 swapAssets) = abi.decode(data, (int24, int24, uint256));
        if (swapAssets > assets) revert SwapAboveEntry(swapAssets, assets);
        if (position == 0) _open(newLower, newUpper, meanTick);
        uint256 bought = swapAssets == 0 ? 0 : _buy(swapAssets);
        units = _affordable(assets - swapAssets, bought);
        if (units == 0) revert NothingMinted(assets, swapAssets);
        position += units;
        _expectCallback();
        (uint256 paid0, uint256 paid1) = pool.mint(address(this), lower, upper, units.toUint128(), "");
        (uint256 paid, uint256 used) = _sorted(paid0, paid1);
        uint256 back = bought > used ? _sell(bought - used) : 0;
        emit Entered(swapAssets + paid - back, units);
    }

    /// @inheritdoc IVenue
    /// @dev The liquidity's tokens and its share of the fees, rounded down; all of them with all of it. `data` is
    /// empty.
    function exit(uint256 units, bytes calldata) external onlyVault returns (uint256 assets) {
        uint256 held = position;
        if (units == 0) revert ZeroAmount();
        if (units > held) revert NotHeld(units, held);
        _requireNearTwap();
        (uint256 burned0, uint256 burned1) = pool.burn(lower, upper, uint128(units));
        (uint256 credit0, uint256 credit1) = _credits(); // uint128 each: fees and what was burned
        position = held - units;
        assets = _take(burned0 + (credit0 - burned0) * units / held, burned1 + (credit1 - burned1) * units / held);
        if (units == held) (lower, upper) = (0, 0);
        emit Exited(units, assets);
    }

    /// @inheritdoc IVenue
    function collect() external onlyVault returns (uint256 assets) {
        if (position == 0) return 0;
        _requireNearTwap();
        pool.burn(lower, upper, 0);
        (uint256 credit0, uint256 credit1) = _credits();
        assets = _take(credit0, credit1);
        emit Collected(assets);
    }

    /// @notice Called by the pool, once per mint of ours, to be paid.
    function uniswapV3MintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata) external {
        _payPool(amount0Owed, amount1Owed);
    }

    function _open(int24 newLower, int24 newUpper, int24 meanTick) private {
        int24 spacing = pool.tickSpacing();
        int256 width = int256(newUpper) - newLower;
        if (
            newLower > meanTick || newUpper <= meanTick || width < minWidth || width > maxWidth
                || newLower % spacing != 0 || newUpper % spacing != 0
        ) revert BadRange(newLower, newUpper, meanTick);
        (lower, upper) = (newLower, newUpper);
    }

    function _affordable(uint256 assets, uint256 bought) private view returns (uint256) {
        (uint160 root,,,,,,) = pool.slot0();
        (uint256 amount0, uint256 amount1) = _sorted(assets, bought); // its own inverse
        return RangeMath.affordable(root, lower, upper, amount0, amount1);
    }

    function _credits() private view returns (uint128 credit0, uint128 credit1) {
        (,,, credit0, credit1) = pool.positions(keccak256(abi.encodePacked(address(this), lower, upper)));
    }

    /// @dev Collects these credits, sends the assets to the vault and sells the base tokens.
    function _take(uint256 amount0, uint256 amount1) private returns (uint256 assets) {
        uint256 units;
        (amount0, amount1) = pool.collect(address(this), lower, upper, uint128(amount0), uint128(amount1));
        (assets, units) = _sorted(amount0, amount1);
        if (assets > 0) IERC20(asset).safeTransfer(vault, assets);
        if (units > 0) assets += _sell(units);
    }
}
