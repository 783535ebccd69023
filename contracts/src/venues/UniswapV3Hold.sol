// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {TwapQuote} from "../libraries/TwapQuote.sol";

/// @title Holds one token, bought and sold on one Uniswap V3 pool, for one vault
/// @notice Immutable, ownerless, without a sweep: tokens leave only to the pool (as the input of a sale) and assets only
/// to the vault. Trades only while spot is within `maxTickDeviation` of the mean tick over `twapWindow` seconds.
contract UniswapV3Hold is IVenue {
    using SafeERC20 for IERC20;

    /// @inheritdoc IVenue
    address public immutable vault;
    /// @inheritdoc IVenue
    address public immutable asset;
    /// @inheritdoc IVenue
    address public immutable token;
    IUniswapV3Pool public immutable pool;
    /// @notice Seconds over which the price is averaged.
    uint32 public immutable twapWindow;
    /// @notice Most ticks (about basis points of price) that spot may stand off the mean.
    int24 public immutable maxTickDeviation;
    /// @notice True when the asset is the pool's token0.
    bool public immutable assetIsToken0;

    event Entered(uint256 assets, uint256 units);
    event Exited(uint256 units, uint256 assets);

    error NotVault(address caller);
    error NotPoolInSwap(address caller);
    error PoolWithoutAsset(address token0, address token1, address asset);
    error BadWindow(uint32 twapWindow, int24 maxTickDeviation);
    error HistoryTooShort(uint32 twapWindow);
    error SpotOffTwap(int24 spotTick, int24 meanTick, int24 maxTickDeviation);
    error ZeroAmount();
    error PartialFill(uint256 wanted, uint256 consumed);

    /// @dev 0: no swap of ours is running. 1: buying, the vault pays. 2: selling, we pay.
    uint8 private transient _swapping;

    constructor(address vault_, IUniswapV3Pool pool_, uint32 twapWindow_, int24 maxTickDeviation_) {
        if (twapWindow_ == 0 || maxTickDeviation_ <= 0) revert BadWindow(twapWindow_, maxTickDeviation_);
        address asset_ = IERC4626(vault_).asset();
        (address token0, address token1) = (pool_.token0(), pool_.token1());
        if (asset_ != token0 && asset_ != token1) revert PoolWithoutAsset(token0, token1, asset_);
        vault = vault_;
        asset = asset_;
        token = asset_ == token0 ? token1 : token0;
        pool = pool_;
        twapWindow = twapWindow_;
        maxTickDeviation = maxTickDeviation_;
        assetIsToken0 = asset_ == token0;
    }

    modifier onlyVault() {
        if (msg.sender != vault) revert NotVault(msg.sender);
        _;
    }

    /// @inheritdoc IVenue
    /// @dev An empty venue is worth 0 whether or not the pool has a history. A gift of the token counts as position.
    function value() external view returns (uint256) {
        uint256 units = position();
        if (units == 0) return 0;
        return TwapQuote.quoteDown(_meanTick(), units, !assetIsToken0);
    }

    /// @inheritdoc IVenue
    function position() public view returns (uint256) {
        return IERC20(token).balanceOf(address(this));
    }

    /// @inheritdoc IVenue
    function nearTwap() external view returns (bool) {
        (bool known, int24 meanTick) = _tryMeanTick();
        return known && _isNear(_spotTick(), meanTick);
    }

    /// @notice The mean tick that `value` is computed at; reverts while the pool's history is shorter than the window.
    function twapTick() external view returns (int24) {
        return _meanTick();
    }

    /// @inheritdoc IVenue
    function enter(uint256 assets) external onlyVault returns (uint256 units) {
        units = _swap(1, assets, assetIsToken0, address(this));
        emit Entered(assets, units);
    }

    /// @inheritdoc IVenue
    function exit(uint256 units) external onlyVault returns (uint256 assets) {
        assets = _swap(2, units, !assetIsToken0, vault);
        emit Exited(units, assets);
    }

    /// @notice Called by the pool, once per swap of ours, to be paid.
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata) external {
        uint8 swapping = _swapping;
        if (msg.sender != address(pool) || swapping == 0) revert NotPoolInSwap(msg.sender);
        _swapping = 0;
        bool buying = swapping == 1;
        uint256 owed = uint256(buying == assetIsToken0 ? amount0Delta : amount1Delta);
        if (buying) IERC20(asset).safeTransferFrom(vault, msg.sender, owed);
        else IERC20(token).safeTransfer(msg.sender, owed);
    }

    /// @dev Exact input at any legal price: the vault judges the outcome by measured value, we judge the start by the TWAP.
    function _swap(uint8 kind, uint256 amountIn, bool zeroForOne, address recipient) private returns (uint256) {
        if (amountIn == 0 || amountIn > uint256(type(int256).max)) revert ZeroAmount();
        int24 meanTick = _meanTick();
        int24 spotTick = _spotTick();
        if (!_isNear(spotTick, meanTick)) revert SpotOffTwap(spotTick, meanTick, maxTickDeviation);
        uint160 limit = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
        _swapping = kind;
        (int256 amount0, int256 amount1) = pool.swap(recipient, zeroForOne, int256(amountIn), limit, "");
        _swapping = 0;
        uint256 consumed = uint256(zeroForOne ? amount0 : amount1);
        if (consumed != amountIn) revert PartialFill(amountIn, consumed);
        return uint256(-(zeroForOne ? amount1 : amount0));
    }

    function _isNear(int24 spotTick, int24 meanTick) private view returns (bool) {
        int256 off = int256(spotTick) - int256(meanTick);
        return off <= maxTickDeviation && -off <= maxTickDeviation;
    }

    function _spotTick() private view returns (int24 tick) {
        (, tick,,,,,) = pool.slot0();
    }

    function _meanTick() private view returns (int24 tick) {
        bool known;
        (known, tick) = _tryMeanTick();
        if (!known) revert HistoryTooShort(twapWindow);
    }

    /// @dev Not known when the pool refuses: its oldest observation ("OLD") is younger than the window, or it was never
    /// initialised. The spot price is never a substitute.
    function _tryMeanTick() private view returns (bool known, int24 tick) {
        uint32[] memory secondsAgos = new uint32[](2);
        secondsAgos[0] = twapWindow;
        try pool.observe(secondsAgos) returns (int56[] memory cumulatives, uint160[] memory) {
            return (true, TwapQuote.meanTickFloor(cumulatives[0], cumulatives[1], twapWindow));
        } catch {
            return (false, 0);
        }
    }
}
