// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC4626, IERC20, SafeERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ICompliance} from "../interfaces/ICompliance.sol";
import {VenueReads} from "../libraries/VenueReads.sol";
import {Accounts} from "./Accounts.sol";
import {ProfitLock} from "./ProfitLock.sol";
import {VaultBook} from "./VaultBook.sol";

/// @title What the vault has, what it counts for, and who may hold shares of it
/// @notice Every view that depends on the accounts reverts while a move is under way: it is right, or it is not given.
abstract contract VaultAccounts is VaultBook, ReentrancyGuardTransient {
    using Accounts for Accounts.Data;
    using ProfitLock for ProfitLock.Lock;

    event Reported(uint256 gross, uint256 fee);
    event BreakerReset(uint256 price);
    event Absorbed(uint256 assets);

    error WrongTransfer(uint256 wanted, uint256 arrived);
    error Denied(address who);
    error NotDenied(address who);
    error MayNotHold(address who);

    /// @notice Records what each venue is worth now, and the gain or loss. Anyone may call it.
    function refresh() external nonReentrant {
        _report(_read());
    }

    /// @notice Owner: takes assets that were given to the vault into its accounts, as a gain.
    function absorb() external onlyOwner nonReentrant returns (uint256 assets) {
        assets = Math.saturatingSub(_held(), _accounts.reserved + _accounts.idle);
        _accounts.idle += assets;
        _report(_read());
        emit Absorbed(assets);
    }

    /// @notice Owner: lets entries and deposits go on after a drawdown; the present share price is the new mark.
    function resetBreaker() external onlyOwner nonReentrant {
        emit BreakerReset(_accounts.resetBreaker(_read().gross, totalSupply()));
    }

    /// @notice Moves a denied holder's shares to the registry's escrow. Anyone may call it.
    function seize(address holder) external nonReentrant {
        if (_mayLeave(holder)) revert NotDenied(holder);
        _transfer(holder, _escrow(), balanceOf(holder));
    }

    // ---- deposits

    /// @inheritdoc ERC4626
    function deposit(uint256 assets, address receiver) public override nonReentrant returns (uint256 shares) {
        Accounts.Sheet memory sheet = _read();
        uint256 most = _mostIn(sheet, receiver);
        if (assets > most) revert ERC4626ExceededMaxDeposit(receiver, assets, most);
        shares = _sharesFor(assets, _total(sheet), Math.Rounding.Floor);
        _report(sheet);
        _deposit(msg.sender, receiver, assets, shares);
    }

    /// @inheritdoc ERC4626
    function mint(uint256 shares, address receiver) public override nonReentrant returns (uint256 assets) {
        Accounts.Sheet memory sheet = _read();
        uint256 most = _sharesFor(_mostIn(sheet, receiver), _total(sheet), Math.Rounding.Floor);
        if (shares > most) revert ERC4626ExceededMaxMint(receiver, shares, most);
        assets = _assetsFor(shares, _total(sheet), Math.Rounding.Ceil);
        _report(sheet);
        _deposit(msg.sender, receiver, assets, shares);
    }

    /// @inheritdoc ERC4626
    function maxDeposit(address receiver) public view override nonReentrantView returns (uint256) {
        return _mostIn(_read(), receiver);
    }

    /// @inheritdoc ERC4626
    function maxMint(address receiver) public view override nonReentrantView returns (uint256) {
        Accounts.Sheet memory sheet = _read();
        return _sharesFor(_mostIn(sheet, receiver), _total(sheet), Math.Rounding.Floor);
    }

    // ---- views

    /// @notice Assets that lie in the vault and belong to its holders: not set aside for claims, not given.
    function idle() external view nonReentrantView returns (uint256) {
        return _idle();
    }

    /// @notice Assets of settled requests that wait to be claimed.
    function reserved() external view returns (uint256) {
        return _accounts.reserved;
    }

    /// @notice Assets put into a venue, less the part of what was taken out of it.
    function cost(address venue) external view returns (uint256) {
        return _accounts.standings[venue].cost;
    }

    /// @return assets What the venue counts for in `totalAssets`.
    /// @return fresh False when that is the last good value, because the venue cannot tell, or fell while off its band.
    function valueOf(address venue) external view nonReentrantView returns (uint256 assets, bool fresh) {
        (, assets, fresh) = _accounts.look(venue);
        if (!fresh) assets = _accounts.standings[venue].lastGood;
    }

    /// @notice The highest share price that a report saw; 1e18 is that of the first share.
    function highWater() external view returns (uint256) {
        return _accounts.highWater;
    }

    /// @notice True from a drawdown until the owner resets it: entries and deposits stop.
    function tripped() external view returns (bool) {
        return _accounts.tripped;
    }

    /// @notice Gains that were reported and do not count yet, rounded up.
    function lockedProfit() external view returns (uint256) {
        return _accounts.lock.lockedUp();
    }

    /// @notice Whether deposits are possible: see Accounts.isOpen.
    function depositsOpen() external view nonReentrantView returns (bool) {
        return _isOpen(_read());
    }

    /// @notice Idle assets plus the value of each known venue (its last good value while it is not believed), less gains
    /// that are locked or not yet reported.
    function totalAssets() public view override nonReentrantView returns (uint256) {
        return _total(_read());
    }

    // ---- reading, reporting, pricing

    function _read() internal view returns (Accounts.Sheet memory) {
        return _accounts.read(_idle());
    }

    /// @dev The fee is worth what the lock leaves out, so that paying it does not move the share price (but up, by rounding).
    function _report(Accounts.Sheet memory sheet) internal returns (bool waits) {
        uint256 total = _total(sheet);
        address to = feeRecipient;
        uint256 feeBps = to != address(0) && _mayHold(to) ? _book.limits.performanceFeeBps : 0;
        uint256 fee;
        (waits, fee) = _accounts.report(sheet, _book.limits, totalSupply(), feeBps);
        if (fee != 0) _mint(to, _sharesFor(fee, total, Math.Rounding.Floor));
        emit Reported(sheet.gross, fee);
    }

    function _isOpen(Accounts.Sheet memory sheet) internal view returns (bool) {
        return !paused() && _accounts.isOpen(sheet, _book.limits, totalSupply());
    }

    function _mostIn(Accounts.Sheet memory sheet, address receiver) private view returns (uint256) {
        return _isOpen(sheet) && _mayHold(receiver) ? Math.saturatingSub(VenueReads.MAX_VALUE, sheet.gross) : 0;
    }

    /// @dev What shares are issued at.
    function _total(Accounts.Sheet memory sheet) internal view returns (uint256) {
        return _accounts.total(sheet.gross);
    }

    /// @dev What shares are redeemed at.
    function _low(Accounts.Sheet memory sheet) internal view returns (uint256) {
        return _accounts.total(sheet.certain);
    }

    function _sharesFor(uint256 assets, uint256 total, Math.Rounding side) internal view returns (uint256) {
        return Math.mulDiv(assets, totalSupply() + Accounts.VIRTUAL_SHARES, total + 1, side);
    }

    function _assetsFor(uint256 shares, uint256 total, Math.Rounding side) internal view returns (uint256) {
        return Math.mulDiv(shares, total + 1, totalSupply() + Accounts.VIRTUAL_SHARES, side);
    }

    function _convertToShares(uint256 assets, Math.Rounding side) internal view override returns (uint256) {
        return _sharesFor(assets, totalAssets(), side);
    }

    function _convertToAssets(uint256 shares, Math.Rounding side) internal view override returns (uint256) {
        return _assetsFor(shares, totalAssets(), side);
    }

    // ---- flows

    function _held() internal view returns (uint256) {
        return IERC20(asset()).balanceOf(address(this));
    }

    /// @dev Never more than is really there: should the asset shrink by itself, the loss is everybody's at once.
    function _idle() internal view returns (uint256) {
        return Math.min(_accounts.idle, Math.saturatingSub(_held(), _accounts.reserved));
    }

    /// @dev An asset that delivers less or more than was sent is refused.
    function _transferIn(address from, uint256 assets) internal override {
        uint256 before = _held();
        SafeERC20.safeTransferFrom(IERC20(asset()), from, address(this), assets);
        uint256 arrived = Math.saturatingSub(_held(), before);
        if (arrived != assets) revert WrongTransfer(assets, arrived);
        _accounts.idle += assets;
        _accounts.lock.checkpoint += SafeCast.toUint128(assets);
    }

    function _transferOut(address to, uint256 assets) internal override {
        _setAside(assets);
        super._transferOut(to, assets);
    }

    /// @dev Takes assets that leave with shares out of the accounts.
    function _setAside(uint256 assets) internal {
        _accounts.idle -= assets;
        _accounts.lock.checkpoint -= SafeCast.toUint128(assets);
    }

    // ---- compliance

    /// @dev Shares go only to who may hold them; a denied holder's only to the escrow. What the queue gives back was its
    /// owner's already: an identity that has expired since is no obstacle.
    function _update(address from, address to, uint256 value) internal override {
        if (from == address(this)) {
            if (!_mayLeave(to)) revert Denied(to);
        } else if (!_mayLeave(from)) {
            if (to != _escrow()) revert Denied(from);
        } else if (!_mayHold(to)) {
            revert MayNotHold(to);
        }
        super._update(from, to, value);
    }

    /// @dev The zero address stands for issue and redemption.
    function _mayHold(address who) internal view returns (bool) {
        ICompliance registry = compliance;
        return who == address(0) || who == address(this) || address(registry) == address(0)
            || registry.canHold(who, address(this));
    }

    function _mayLeave(address who) internal view returns (bool) {
        ICompliance registry = compliance;
        return who == address(0) || address(registry) == address(0) || registry.canLeave(who);
    }

    function _escrow() internal view returns (address) {
        return compliance.escrow();
    }
}
