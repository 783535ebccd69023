// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {IZoraCoin} from "../interfaces/IZoraCoin.sol";
import {PoolDepth} from "../libraries/PoolDepth.sol";
import {V3Venue} from "./V3Venue.sol";

/// @title Holds one Zora Coin 0.7.1, bought and sold through the coin, for one vault
/// @notice Zora Coins 0.7.1 are ERC-20 media tokens, each with a Uniswap V3 pool of its own. Coins that are minted on
/// the live network today trade on Uniswap V4 pools with a hook: they are not this, and the constructor refuses them.
///
/// Code: a coin is a fixed clone, but the factory that makes them can be upgraded; so the clone's implementation is
/// pinned by its code hash, which covers the router, the pool's factory and the receivers that are built into it.
/// Cost: a trade through the coin pays 1 % of the money to creator, referrers and protocol and 1 % to the pool's
/// liquidity. The pool can be traded without the coin's 1 %; we pay it because it is how the maker of the medium lives.
/// Trades name no referrer, so that an entry costs exactly its amount and more trading earns the vault nothing (15 % of
/// the 1 % forgone).
/// Depth: positions that the coin holds itself; its code can take nothing out of them but fees. Read, not vouched for.
/// Share: half of the pool's fee goes to the creator and a quarter to a referrer, who may be the creator; so to a
/// creator moving the price costs only the last quarter. A coin has no other market and so no arbitrage to rely on: the
/// position is worth at most that quarter of the fee on its depth.
/// Value: what selling into that depth pays, both fees off, after the 1 % of the supply that the creator got for
/// nothing has been sold first. Those coins may be anywhere, so they always count.
contract ZoraCoinVenue is V3Venue {
    using PoolDepth for PoolDepth.Band;
    using SafeERC20 for IERC20;

    /// @notice A position of the coin in its pool.
    struct Range {
        int24 lower;
        int24 upper;
    }

    string public constant VERSION = "0.7.1";
    /// @notice Of the money, in bps, on each trade through the coin; beside the pool's fee.
    uint256 public constant TRADE_FEE_BPS = 100;
    /// @notice Raw coins that each creator is given at birth.
    uint256 public constant CREATOR_COINS = 10_000_000e18;
    /// @notice A quarter of the pool's fee of 1 %: the part that a creator who trades with himself loses.
    uint16 public constant MAX_DEPTH_SHARE_BPS = 25;
    uint256 private constant BPS = 10_000;

    IZoraCoin public immutable coin;
    /// @notice The code behind the coin.
    address public immutable implementation;

    error NotACloneOf(address coin, address implementation);
    error WrongCode(address implementation, bytes32 found, bytes32 expected);
    error WrongVersion(string found);
    error ShareAboveLostFee(uint16 depthShareBps, uint16 most);

    /// @param codeHash Of the implementation as it lies on this chain (its constructor's arguments are part of it).
    /// @param ranges Of those positions of the coin that count as depth: the ones around the present price.
    constructor(
        address vault_,
        IZoraCoin coin_,
        address implementation_,
        bytes32 codeHash,
        PriceRules memory rules,
        Range[] memory ranges
    ) V3Venue(vault_, IUniswapV3Pool(coin_.poolAddress()), rules, _locked(coin_, ranges)) {
        // EIP-1167
        bytes memory clone =
            abi.encodePacked(hex"363d3d373d3d3d363d73", implementation_, hex"5af43d82803e903d91602b57fd5bf3");
        if (address(coin_).codehash != keccak256(clone)) revert NotACloneOf(address(coin_), implementation_);
        if (implementation_.codehash != codeHash) {
            revert WrongCode(implementation_, implementation_.codehash, codeHash);
        }
        string memory version = coin_.contractVersion();
        if (keccak256(bytes(version)) != keccak256(bytes(VERSION))) revert WrongVersion(version);
        if (rules.depthShareBps > MAX_DEPTH_SHARE_BPS) {
            revert ShareAboveLostFee(rules.depthShareBps, MAX_DEPTH_SHARE_BPS);
        }
        coin = coin_;
        implementation = implementation_;
    }

    /// @inheritdoc IVenue
    function token() external view returns (address) {
        return base;
    }

    /// @inheritdoc IVenue
    /// @dev An empty venue is worth 0 whether or not the pool has a history.
    function value() external view returns (uint256) {
        uint256 units = position;
        if (units == 0) return 0;
        PoolDepth.Band memory band = _band();
        uint256 gross = band.sellDown(CREATOR_COINS + units, fee) - band.sellDown(CREATOR_COINS, fee);
        return Math.mulDiv(gross, BPS - TRADE_FEE_BPS, BPS);
    }

    /// @inheritdoc IVenue
    /// @dev `data` is not read. What the pool does not take stays with the coin for good, so it must take all. The
    /// router takes an order of nothing for one of all it has: there is none.
    function enter(uint256 assets, bytes calldata) external onlyVault returns (uint256 units) {
        if (assets == 0) revert ZeroAmount();
        _requireNearTwap();
        uint256 strandedBefore = IERC20(asset).balanceOf(address(coin));
        IERC20(asset).safeTransferFrom(vault, address(this), assets);
        IERC20(asset).forceApprove(address(coin), assets);
        (, units) = coin.buy(address(this), assets, 0, 0, address(0));
        IERC20(asset).forceApprove(address(coin), 0);
        uint256 stranded = IERC20(asset).balanceOf(address(coin)) - strandedBefore;
        if (stranded != 0) revert PartialFill(assets, assets - stranded);
        position += units;
        emit Entered(assets, units);
    }

    /// @inheritdoc IVenue
    /// @dev `data` is not read. The coin pays its creator and referrers in every sale, and whoever names a receiver
    /// that the asset refuses (a blocked address) thereby stops sales through it; then the pool is sold to directly.
    function exit(uint256 units, bytes calldata) external onlyVault returns (uint256 assets) {
        if (units == 0) revert ZeroAmount();
        if (units > position) revert NotHeld(units, position);
        _requireNearTwap();
        position -= units;
        try coin.sell(vault, units, 0, 0, address(0)) returns (uint256 sold, uint256 paid) {
            if (sold != units) revert PartialFill(units, sold);
            assets = paid;
        } catch {
            assets = _sell(units);
        }
        emit Exited(units, assets);
    }

    /// @inheritdoc IVenue
    /// @dev A coin that is only held earns nothing.
    function collect() external view onlyVault returns (uint256) {
        return 0;
    }

    /// @dev The coin's own positions as they are; later gifts to them do not count.
    function _locked(IZoraCoin coin_, Range[] memory ranges) private view returns (Witness[] memory listed) {
        IUniswapV3Pool pool_ = IUniswapV3Pool(coin_.poolAddress());
        listed = new Witness[](ranges.length);
        for (uint256 i = 0; i < ranges.length; ++i) {
            (int24 lower, int24 upper) = (ranges[i].lower, ranges[i].upper);
            bytes32 key = keccak256(abi.encodePacked(address(coin_), lower, upper));
            (uint128 liquidity,,,,) = pool_.positions(key);
            listed[i] = Witness(address(coin_), lower, upper, liquidity, true);
        }
    }
}
