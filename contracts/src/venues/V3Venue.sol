// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {PoolDepth} from "../libraries/PoolDepth.sol";
import {TwapQuote} from "../libraries/TwapQuote.sol";

/// @dev A list kept as code, which one read of an account brings. It begins with a zero byte, so it cannot be run.
contract V3WitnessList {
    constructor(bytes memory list) {
        assembly ("memory-safe") {
            return(add(list, 32), mload(list))
        }
    }
}

/// @title A venue that is priced by, and trades on, one Uniswap V3 pool of the vault's asset and a base token
/// @notice Immutable, ownerless, without a sweep: base tokens leave only to the pool, assets come only from the vault's
/// approval and go only to the pool or the vault. Trades start only while spot is within `maxTickDeviation` of the
/// mean.
///
/// Price: the mean tick over `twapWindow` seconds, and never spot, so that nothing done within one block moves a value.
/// Depth: liquidity of listed *witnesses*, whom whoever lists the venue vouches to be independent of the issuer, of the
/// keeper and of each other; each counts with the least of what it has now and what was vouched for, and only while it
/// covers the whole band of `depthBand` ticks on both sides of the mean. Base tokens are worth what selling them into
/// that depth, from the mean to the edge of the band, pays after the pool's fee; beyond the edge nothing. A pool whose
/// depth nobody vouches for is worth nothing.
///
/// What `depthShareBps` means. To hold the mean anywhere but at the true price (whatever that is), the price must first
/// be carried into the place where the witnesses cover the whole band, so through at least their half of the band that
/// faces the true price, paying the fee on what that half holds; and back. A position worth at most the fee on the
/// band's depth is therefore worth no more than moving the price costs, even if all of it were lost (SPEC.md). A larger
/// share is allowed, up to `MAX_SHARE_BPS`: then it is arbitrage, through all of the window, that makes holding the
/// price off cost more than it yields, and whoever lists the venue relies on it.
abstract contract V3Venue is IVenue {
    using PoolDepth for PoolDepth.Band;
    using SafeERC20 for IERC20;

    /// @param twapWindow Seconds over which the price is averaged.
    /// @param maxTickDeviation Most ticks (about basis points of price) that spot may stand off the mean.
    /// @param minAge Seconds from the making of this venue until it can be priced.
    /// @param depthBand Ticks on each side of the mean that a witness must cover, and beyond which nothing is paid.
    /// @param depthShareBps Most of the band's depth that the position may be worth; up to the pool's fee it is safe
    /// without arbitrage.
    /// @param minDepth Least depth of a priced venue, in assets.
    struct PriceRules {
        uint32 twapWindow;
        int24 maxTickDeviation;
        uint32 minAge;
        int24 depthBand;
        uint16 depthShareBps;
        uint128 minDepth;
    }

    /// @param owner Of a position held in the pool itself (a position manager's mixes many owners: not a witness).
    /// @param liquidity Most that counts.
    /// @param locked True when nobody can take the liquidity out: then it may be more than half of all that counts.
    struct Witness {
        address owner;
        int24 lower;
        int24 upper;
        uint128 liquidity;
        bool locked;
    }

    uint256 public constant MAX_WITNESSES = 4;
    uint16 public constant MAX_SHARE_BPS = 1_000;

    /// @inheritdoc IVenue
    address public immutable vault;
    /// @inheritdoc IVenue
    address public immutable asset;
    /// @notice The pool's other token.
    address public immutable base;
    IUniswapV3Pool public immutable pool;
    /// @notice Of the pool, in hundredths of a basis point.
    uint24 public immutable fee;
    /// @notice True when the asset is the pool's token0.
    bool public immutable assetIsToken0;
    uint32 public immutable twapWindow;
    int24 public immutable maxTickDeviation;
    /// @notice First second at which the venue is old enough to be priced.
    uint256 public immutable pricedFrom;
    int24 public immutable depthBand;
    uint16 public immutable depthShareBps;
    uint128 public immutable minDepth;

    /// @inheritdoc IVenue
    uint256 public position;
    V3WitnessList private immutable _list;

    /// @dev True while one call of ours to the pool runs that it has not yet been paid for.
    bool private transient _owing;

    event Entered(uint256 assets, uint256 units);
    event Exited(uint256 units, uint256 assets);

    error NotVault(address caller);
    error NotPoolInCall(address caller);
    error PoolWithoutAsset(address token0, address token1, address asset);
    error BadRules(PriceRules rules);
    error BadWitness(uint256 index);
    error HistoryTooShort(uint32 twapWindow);
    error SpotOffTwap(int24 spotTick, int24 meanTick, int24 maxTickDeviation);
    error ZeroAmount();
    error NotHeld(uint256 units, uint256 position);
    error PartialFill(uint256 wanted, uint256 consumed);

    constructor(address vault_, IUniswapV3Pool pool_, PriceRules memory rules, Witness[] memory witnesses_) {
        address asset_ = IERC4626(vault_).asset();
        (address token0, address token1) = (pool_.token0(), pool_.token1());
        if (asset_ != token0 && asset_ != token1) revert PoolWithoutAsset(token0, token1, asset_);
        if (
            rules.twapWindow == 0 || rules.maxTickDeviation <= 0 || rules.depthBand <= 0
                || rules.depthBand > TickMath.MAX_TICK || rules.depthShareBps == 0
                || rules.depthShareBps > MAX_SHARE_BPS || rules.minDepth == 0
        ) revert BadRules(rules);
        uint24 fee_ = pool_.fee();
        vault = vault_;
        asset = asset_;
        base = asset_ == token0 ? token1 : token0;
        pool = pool_;
        fee = fee_;
        assetIsToken0 = asset_ == token0;
        twapWindow = rules.twapWindow;
        maxTickDeviation = rules.maxTickDeviation;
        pricedFrom = block.timestamp + rules.minAge;
        depthBand = rules.depthBand;
        depthShareBps = rules.depthShareBps;
        minDepth = rules.minDepth;
        _checkWitnesses(witnesses_, vault_);
        _list = new V3WitnessList(abi.encode(witnesses_));
    }

    modifier onlyVault() {
        if (msg.sender != vault) revert NotVault(msg.sender);
        _;
    }

    /// @inheritdoc IVenue
    function steady() external view returns (bool) {
        (bool known, int24 meanTick) = _tryMeanTick();
        (, int24 spotTick,,,,, bool unlocked) = pool.slot0();
        return known && unlocked && _isNear(spotTick, meanTick);
    }

    /// @inheritdoc IVenue
    /// @dev No one owner of liquidity that can be taken out may have more than half of what counts.
    function priced() external view virtual returns (bool isPriced) {
        (isPriced,) = _judgeDepth();
    }

    /// @inheritdoc IVenue
    /// @dev An unpriced venue is bounded by the vault's budget for what counts as lost, not by depth.
    function most() external view virtual returns (uint256) {
        (bool isPriced, uint256 depth) = _judgeDepth();
        return isPriced ? depth * depthShareBps / 10_000 : type(uint256).max;
    }

    /// @notice What is vouched for, as it was listed.
    function witnesses() public view returns (Witness[] memory) {
        return abi.decode(address(_list).code, (Witness[]));
    }

    /// @notice The mean tick that `value` is computed at; reverts while the pool's history is shorter than the window.
    function twapTick() public view returns (int24 tick) {
        bool known;
        (known, tick) = _tryMeanTick();
        if (!known) revert HistoryTooShort(twapWindow);
    }

    /// @notice Called by the pool, once per swap of ours, to be paid.
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata) external {
        _payPool(amount0Delta > 0 ? uint256(amount0Delta) : 0, amount1Delta > 0 ? uint256(amount1Delta) : 0);
    }

    /// @dev The depth that base tokens are valued at. Reverts while the mean is not known.
    function _band() internal view returns (PoolDepth.Band memory band) {
        (band,) = _independent(twapTick());
    }

    /// @dev The vault judges the outcome by measured value; each trade judges its start by the mean.
    function _requireNearTwap() internal view returns (int24 meanTick) {
        meanTick = twapTick();
        (, int24 spotTick,,,,,) = pool.slot0();
        if (!_isNear(spotTick, meanTick)) revert SpotOffTwap(spotTick, meanTick, maxTickDeviation);
    }

    /// @dev Buys base tokens for exactly `assets` of the vault's; units are what really arrived here.
    function _buy(uint256 assets) internal returns (uint256 units) {
        uint256 before = IERC20(base).balanceOf(address(this));
        _swap(assetIsToken0, assets, address(this));
        return IERC20(base).balanceOf(address(this)) - before;
    }

    /// @dev Sells exactly `units` of our base tokens; the pool pays the vault.
    function _sell(uint256 units) internal returns (uint256 assets) {
        return _swap(!assetIsToken0, units, vault);
    }

    /// @dev Before a call that the pool answers by a callback.
    function _expectCallback() internal {
        _owing = true;
    }

    /// @dev Pays the pool what it asks for, once per call of ours: assets out of the vault's approval, base tokens
    /// ours.
    function _payPool(uint256 amount0, uint256 amount1) internal virtual {
        if (msg.sender != address(pool) || !_owing) revert NotPoolInCall(msg.sender);
        _owing = false;
        (uint256 assets, uint256 units) = _sorted(amount0, amount1);
        if (assets > 0) IERC20(asset).safeTransferFrom(vault, msg.sender, assets);
        if (units > 0) IERC20(base).safeTransfer(msg.sender, units);
    }

    /// @dev (token0, token1) as (asset, base token).
    function _sorted(uint256 amount0, uint256 amount1) internal view returns (uint256 assets, uint256 units) {
        return assetIsToken0 ? (amount0, amount1) : (amount1, amount0);
    }

    /// @dev Exact input, all of it, at any legal price.
    function _swap(bool zeroForOne, uint256 amountIn, address recipient) internal returns (uint256) {
        if (amountIn == 0 || amountIn > uint256(type(int256).max)) revert ZeroAmount();
        uint160 limit = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
        _expectCallback();
        (int256 amount0, int256 amount1) = pool.swap(recipient, zeroForOne, int256(amountIn), limit, "");
        uint256 consumed = uint256(zeroForOne ? amount0 : amount1);
        if (consumed != amountIn) revert PartialFill(amountIn, consumed);
        return uint256(-(zeroForOne ? amount1 : amount0));
    }

    function _judgeDepth() private view returns (bool isPriced, uint256 depth) {
        (bool known, int24 meanTick) = _tryMeanTick();
        if (!known || block.timestamp < pricedFrom) return (false, 0);
        (PoolDepth.Band memory band, bool shared) = _independent(meanTick);
        depth = band.wholeDown();
        isPriced = shared && depth >= minDepth;
    }

    /// @dev The liquidity that counts at a mean tick, from the price to the edge on the side where base tokens are
    /// sold. shared: no owner of liquidity that can be taken out has more than half of it. Where the asset is token0
    /// the price is that of the next tick, so that it is rounded against us in both token orders.
    function _independent(int24 meanTick) private view returns (PoolDepth.Band memory band, bool shared) {
        int24 tick = assetIsToken0 ? meanTick + 1 : meanTick;
        (int24 low, int24 high) = (tick - depthBand, tick + depthBand);
        Witness[] memory listed = witnesses();
        uint256 count = listed.length;
        uint256[] memory loose = new uint256[](count);
        address[] memory owners = new address[](count);
        uint256 total = 0;
        for (uint256 i = 0; i < count; ++i) {
            Witness memory witness = listed[i];
            if (low < witness.lower || high > witness.upper) continue;
            uint256 counted = Math.min(_live(witness), witness.liquidity);
            total += counted;
            if (witness.locked) continue;
            uint256 at = 0; // the first place of the same owner
            while (owners[at] != address(0) && owners[at] != witness.owner) ++at;
            owners[at] = witness.owner;
            loose[at] += counted;
        }
        shared = true;
        for (uint256 i = 0; i < count; ++i) {
            if (loose[i] * 2 > total) shared = false;
        }
        band.from = TickMath.getSqrtPriceAtTick(tick);
        if (total == 0) return (band, shared); // the edge may be past the last tick
        band.liquidity = SafeCast.toUint128(total);
        band.edge = TickMath.getSqrtPriceAtTick(assetIsToken0 ? high : low);
    }

    function _live(Witness memory witness) private view returns (uint128 liquidity) {
        (liquidity,,,,) = pool.positions(keccak256(abi.encodePacked(witness.owner, witness.lower, witness.upper)));
    }

    function _isNear(int24 spotTick, int24 meanTick) private view returns (bool) {
        int256 off = int256(spotTick) - int256(meanTick);
        return off <= maxTickDeviation && -off <= maxTickDeviation;
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

    /// @dev Each once, and neither the vault's nor ours.
    function _checkWitnesses(Witness[] memory listed, address vault_) private view {
        if (listed.length > MAX_WITNESSES) revert BadWitness(MAX_WITNESSES);
        for (uint256 i = 0; i < listed.length; ++i) {
            Witness memory one = listed[i];
            bool bad = one.owner == address(0) || one.owner == address(this) || one.owner == vault_
                || one.lower >= one.upper || one.liquidity == 0;
            for (uint256 j = 0; j < i; ++j) {
                Witness memory other = listed[j];
                if (one.owner == other.owner && one.lower == other.lower && one.upper == other.upper) bad = true;
            }
            if (bad) revert BadWitness(i);
        }
    }
}
