// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC4626, IERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {CompliantERC20} from "./CompliantERC20.sol";
import {RevenueShare} from "./RevenueShare.sol";

/// @title Revenue shares for pools and vaults: the income is in the price, not in a claim
/// @notice An ERC-4626 vault over the *money* that revenue shares earn. Each of its shares is one revenue share, held
/// here, and all the money that one has earned since the wrapper was made. `redeem` and `withdraw` pay the money and
/// hand back the revenue shares with it; `mint` and `deposit` take both. `convertToAssets` is the money alone: what a
/// share has really earned and can be redeemed for now, which only rises.
/// @dev Why not an ERC-4626 over revenue shares: the income would have to be bought back into them at somebody's price.
/// Why not one over money beside a fixed block of revenue shares: whoever brought only money would earn on the block.
/// Here nothing is priced and no share depends on the supply, so there is nothing to inflate or to dilute: an entry
/// pays what a share has earned in full, counted or not, locked or not; an exit is paid what has unlocked. Income that
/// lands unlocks over hours, so that nobody can buy shares out of a pool just before it lands and redeem them just
/// after: that earns the time that they stayed, of `unlock`. What leavers leave locked goes back to the revenue shares,
/// as revenue of all.
contract RevenueWrapper is ERC4626, CompliantERC20, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Income below one part in so many of what is still locked waits, so that dust cannot restart the clock.
    uint256 public constant LEAST_PART = 100;
    RevenueShare public immutable share;
    /// @notice Seconds over which harvested income unlocks, linearly.
    uint32 public immutable unlock;
    /// @notice The revenue shares' money per share when this was made, times 2^128.
    uint256 public immutable originX128;
    /// @notice Units of money per share, times 2^128: harvested in all, and locked at the last harvest.
    uint256 public indexX128;
    uint256 public lockedThenX128;
    /// @notice When the last harvest was, in seconds.
    uint256 public harvestedAt;

    event Harvested(uint256 indexX128, uint256 lockedX128);
    event GivenBack(uint256 amount);

    error ZeroUnlock();
    error ZeroShares();
    error WrongReceipt(uint256 wanted, uint256 received);

    constructor(RevenueShare share_, string memory name_, string memory symbol_, uint32 unlock_)
        ERC20(name_, symbol_)
        ERC4626(share_.money())
        CompliantERC20(share_.compliance(), address(share_))
    {
        if (unlock_ == 0) revert ZeroUnlock();
        (share, unlock) = (share_, unlock_);
        originX128 = share_.perShareNowX128();
    }

    /// @notice Claims what the revenue shares earned and locks it, with what is locked still, for `unlock` seconds from
    /// now. Anyone may call it: it changes no price at that moment.
    /// @dev The index is held to the money that is really here, as claims round down. It never falls.
    function harvest() external nonReentrant returns (uint256 gainX128) {
        share.claim(address(this));
        (uint256 stillLocked, uint256 covered, uint256 supply) = (lockedX128(), fullX128(), totalSupply());
        if (supply > 0) covered = Math.min(covered, Math.mulDiv(_balance(), 1 << 128, supply));
        gainX128 = Math.saturatingSub(covered, indexX128);
        if (gainX128 <= stillLocked / LEAST_PART) return 0;
        indexX128 += gainX128;
        lockedThenX128 = stillLocked + gainX128;
        harvestedAt = block.timestamp;
        emit Harvested(indexX128, lockedThenX128);
    }

    /// @notice Sends money that no share has a claim to back to the revenue shares: what leavers left locked, gifts,
    /// and what revenue shares given to the wrapper earned. Anyone may call it.
    function giveBack() external nonReentrant returns (uint256 amount) {
        share.claim(address(this));
        amount = Math.saturatingSub(_balance(), Math.mulDiv(totalSupply(), fullX128(), 1 << 128, Math.Rounding.Ceil));
        emit GivenBack(amount);
        IERC20(asset()).safeTransfer(address(share), amount);
    }

    /// @notice Hands back revenue shares without their money, which is left to all. For when the money cannot be paid.
    function unwrap(uint256 shares, address receiver) external nonReentrant {
        _burn(msg.sender, shares);
        IERC20(address(share)).safeTransfer(receiver, shares);
        emit Withdraw(msg.sender, receiver, msg.sender, 0, shares);
    }

    /// @notice Units of money that each share has earned, times 2^128: counted or not, locked or not.
    function fullX128() public view returns (uint256) {
        return share.perShareNowX128() - originX128;
    }

    /// @notice Of `indexX128`, what cannot be redeemed yet, rounded up.
    function lockedX128() public view returns (uint256) {
        uint256 elapsed = Math.min(block.timestamp - harvestedAt, unlock);
        return Math.mulDiv(lockedThenX128, unlock - elapsed, unlock, Math.Rounding.Ceil);
    }

    /// @notice Units of money that all shares together can be redeemed for now.
    function totalAssets() public view override returns (uint256) {
        return _convertToAssets(totalSupply(), Math.Rounding.Floor);
    }

    /// @notice As the revenue shares: one share is one of them.
    function decimals() public view override(ERC20, ERC4626) returns (uint8) {
        return share.decimals();
    }

    /// @notice 0 until shares have earned money: until then they are minted, for revenue shares alone.
    function maxDeposit(address receiver) public view override returns (uint256) {
        return fullX128() == 0 ? 0 : maxMint(receiver);
    }

    /// @inheritdoc ERC4626
    function maxMint(address receiver) public view override returns (uint256) {
        return _mayHold(receiver) ? type(uint256).max : 0;
    }

    /// @inheritdoc ERC4626
    function maxRedeem(address owner) public view override returns (uint256) {
        return _mayLeave(owner) ? balanceOf(owner) : 0;
    }

    /// @notice Shares for `assets`, rounded down. They take as many revenue shares too.
    function previewDeposit(uint256 assets) public view override returns (uint256) {
        uint256 full = fullX128();
        return full == 0 ? 0 : Math.mulDiv(assets, 1 << 128, full);
    }

    /// @notice Money that `shares` take beside as many revenue shares, rounded up.
    function previewMint(uint256 shares) public view override returns (uint256) {
        return Math.mulDiv(shares, fullX128(), 1 << 128, Math.Rounding.Ceil);
    }

    /// @dev 0 while nothing has unlocked.
    function _convertToShares(uint256 assets, Math.Rounding rounding) internal view override returns (uint256) {
        uint256 unlocked = indexX128 - lockedX128();
        return unlocked == 0 ? 0 : Math.mulDiv(assets, 1 << 128, unlocked, rounding);
    }

    function _convertToAssets(uint256 shares, Math.Rounding rounding) internal view override returns (uint256) {
        return Math.mulDiv(shares, indexX128 - lockedX128(), 1 << 128, rounding);
    }

    /// @dev Both legs come in before the shares are minted, and the money must come whole.
    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override nonReentrant {
        if (shares == 0) revert ZeroShares();
        uint256 before = _balance();
        IERC20(address(share)).safeTransferFrom(caller, address(this), shares);
        super._deposit(caller, receiver, assets, shares);
        uint256 received = Math.saturatingSub(_balance(), before);
        if (received != assets) revert WrongReceipt(assets, received);
    }

    /// @dev Both legs go to the receiver, who must be able to hold revenue shares.
    function _withdraw(address caller, address receiver, address owner, uint256 assets, uint256 shares)
        internal
        override
        nonReentrant
    {
        super._withdraw(caller, receiver, owner, assets, shares);
        IERC20(address(share)).safeTransfer(receiver, shares);
    }

    function _update(address from, address to, uint256 amount) internal override(ERC20, CompliantERC20) {
        super._update(from, to, amount);
    }

    function _balance() private view returns (uint256) {
        return IERC20(asset()).balanceOf(address(this));
    }
}
