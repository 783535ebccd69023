// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Accounts} from "./Accounts.sol";
import {VaultAccounts} from "./VaultAccounts.sol";

/// @title The withdrawal queue: first come, first served, whenever assets are idle
/// @notice Requested shares are locked here. Anyone may settle; settling sets assets aside at the lower of the price at
/// the request and the price now, so that waiting gains nothing; the receiver claims in one step, whatever the queue's length.
abstract contract WithdrawalQueue is VaultAccounts {
    using SafeCast for uint256;

    /// @param owner Whose shares they were, and who may cancel what is not settled.
    /// @param at When it was made, in seconds.
    /// @param receiver Who claims.
    /// @param shares Not settled yet.
    /// @param worth Most that these shares may bring: their worth at the request, in assets.
    /// @param claimable Settled and not claimed yet, in assets.
    struct Request {
        address owner;
        uint64 at;
        address receiver;
        uint128 shares;
        uint128 worth;
        uint128 claimable;
    }

    /// @notice Shares that wait to be settled.
    uint256 public queuedShares;
    /// @notice No request before this one waits.
    uint256 public queueHead;
    /// @notice Requests ever made; they are numbered from 0.
    uint256 public queueLength;
    mapping(uint256 id => Request) public requests;

    event Requested(uint256 indexed id, address indexed owner, address indexed receiver, uint256 shares, uint256 worth);
    event Cancelled(uint256 indexed id, uint256 shares);
    event Settled(uint256 indexed id, uint256 shares, uint256 assets);
    event Claimed(uint256 indexed id, address indexed to, uint256 assets);

    error TooLittleReceived(address venue, uint256 received, uint256 minReceived);
    error RequestTooSmall(uint256 worth, uint256 least);
    error NotOwner(uint256 id, address caller);
    error NotReceiver(uint256 id, address caller);
    error NothingThere(uint256 id);

    // ---- now

    /// @inheritdoc ERC4626
    function withdraw(uint256 assets, address receiver, address owner)
        public
        override
        nonReentrant
        returns (uint256 shares)
    {
        Accounts.Sheet memory sheet = _read();
        uint256 most = _mostAssetsOut(sheet, owner);
        if (assets > most) revert ERC4626ExceededMaxWithdraw(owner, assets, most);
        shares = _sharesFor(assets, _low(sheet), Math.Rounding.Ceil);
        _report(sheet);
        _withdraw(msg.sender, receiver, owner, assets, shares);
    }

    /// @inheritdoc ERC4626
    function redeem(uint256 shares, address receiver, address owner)
        public
        override
        nonReentrant
        returns (uint256 assets)
    {
        Accounts.Sheet memory sheet = _read();
        uint256 most = _mostSharesOut(sheet, owner);
        if (shares > most) revert ERC4626ExceededMaxRedeem(owner, shares, most);
        assets = _assetsFor(shares, _low(sheet), Math.Rounding.Floor);
        _report(sheet);
        _withdraw(msg.sender, receiver, owner, assets, shares);
    }

    /// @notice Redeems for no less than `minAssets`: the price falls with a spot price that somebody pushes down before.
    function redeem(uint256 shares, address receiver, address owner, uint256 minAssets)
        external
        returns (uint256 assets)
    {
        assets = redeem(shares, receiver, owner);
        if (assets < minAssets) revert TooLittleReceived(address(this), assets, minAssets);
    }

    /// @notice What the owner's shares would bring now, or what is idle beyond the queue's need if that is less.
    function maxWithdraw(address owner) public view override nonReentrantView returns (uint256) {
        return _mostAssetsOut(_read(), owner);
    }

    /// @notice The owner's shares, or those that idle assets beyond the queue's need pay for if that is less.
    function maxRedeem(address owner) public view override nonReentrantView returns (uint256) {
        return _mostSharesOut(_read(), owner);
    }

    /// @inheritdoc ERC4626
    function previewWithdraw(uint256 assets) public view override nonReentrantView returns (uint256) {
        return _sharesFor(assets, _low(_read()), Math.Rounding.Ceil);
    }

    /// @inheritdoc ERC4626
    function previewRedeem(uint256 shares) public view override nonReentrantView returns (uint256) {
        return _assetsFor(shares, _low(_read()), Math.Rounding.Floor);
    }

    // ---- later

    /// @notice Locks shares of the caller until they are settled.
    /// @param receiver Who may claim the assets.
    function requestRedeem(uint256 shares, address receiver) external nonReentrant returns (uint256 id) {
        if (receiver == address(0)) revert ZeroAddress();
        uint256 worth = _assetsFor(shares, _total(_read()), Math.Rounding.Floor);
        if (worth < _book.limits.minRequest) revert RequestTooSmall(worth, _book.limits.minRequest);
        id = queueLength++;
        requests[id] = Request(msg.sender, uint64(block.timestamp), receiver, shares.toUint128(), worth.toUint128(), 0);
        queuedShares += shares;
        _transfer(msg.sender, address(this), shares);
        emit Requested(id, msg.sender, receiver, shares, worth);
    }

    /// @notice Gives back the shares of a request that are not settled.
    function cancel(uint256 id) external nonReentrant returns (uint256 shares) {
        Request storage request = requests[id];
        if (msg.sender != request.owner) revert NotOwner(id, msg.sender);
        shares = request.shares;
        if (shares == 0) revert NothingThere(id);
        (request.shares, request.worth) = (0, 0);
        queuedShares -= shares;
        _transfer(address(this), msg.sender, shares);
        emit Cancelled(id, shares);
    }

    /// @notice Settles from the head, in order, as far as idle assets go. Anyone may call it. While a venue is not
    /// believed, and has not been so for `staleGrace`, nothing is settled: a blip must not price anybody's exit.
    /// @param most Requests looked at, at most, cancelled ones too.
    /// @return assets Set aside to be claimed.
    function settle(uint256 most) external nonReentrant returns (uint256 assets) {
        Accounts.Sheet memory sheet = _read();
        if (_report(sheet)) return 0;
        uint256 low = _low(sheet);
        uint256 left = _idle();
        uint256 id = queueHead;
        uint256 end = Math.min(queueLength, id + most);
        for (; id < end; ++id) {
            Request storage request = requests[id];
            if (request.shares == 0) continue;
            uint256 paid = low == 0 ? 0 : _fill(id, request, low, left);
            (low, left, assets) = (low - paid, left - paid, assets + paid);
            if (request.shares != 0) break;
        }
        queueHead = id;
        _setAside(assets);
        _accounts.reserved += assets;
    }

    /// @notice Pays what is settled of a request to its receiver, who alone may call it; or to the escrow, and then anyone
    /// may, when owner or receiver is denied.
    function claim(uint256 id) external nonReentrant returns (uint256 assets) {
        Request storage request = requests[id];
        assets = request.claimable;
        if (assets == 0) revert NothingThere(id);
        address to = request.receiver;
        if (!_mayLeave(request.owner) || !_mayLeave(to)) to = _escrow();
        else if (msg.sender != to) revert NotReceiver(id, msg.sender);
        request.claimable = 0;
        _accounts.reserved -= assets;
        ERC4626._transferOut(to, assets); // not ours: these assets have left the accounts already
        emit Claimed(id, to, assets);
    }

    // ---- inside

    /// @dev Idle assets beyond what the queue needs.
    function _free(Accounts.Sheet memory sheet) private view returns (uint256) {
        return Math.saturatingSub(_idle(), _queueNeedUp(_total(sheet)));
    }

    function _mostAssetsOut(Accounts.Sheet memory sheet, address owner) private view returns (uint256) {
        if (!_mayLeave(owner)) return 0;
        return Math.min(_assetsFor(balanceOf(owner), _low(sheet), Math.Rounding.Floor), _free(sheet));
    }

    function _mostSharesOut(Accounts.Sheet memory sheet, address owner) private view returns (uint256) {
        if (!_mayLeave(owner)) return 0;
        (uint256 shares, uint256 low, uint256 free) = (balanceOf(owner), _low(sheet), _free(sheet));
        return
            _assetsFor(shares, low, Math.Rounding.Floor) <= free ? shares : _sharesFor(free, low, Math.Rounding.Floor);
    }

    /// @dev Assets that the queue may need; its price may still fall, so this is rounded up in every way.
    function _queueNeedUp(uint256 total) internal view returns (uint256) {
        return _assetsFor(queuedShares, total, Math.Rounding.Ceil);
    }

    /// @dev Settles a request, or the part that `left` pays for.
    function _fill(uint256 id, Request storage request, uint256 low, uint256 left) private returns (uint256 paid) {
        (uint256 shares, uint256 worth) = (request.shares, request.worth);
        uint256 filled = shares;
        paid = Math.min(_assetsFor(shares, low, Math.Rounding.Floor), worth);
        if (paid > left) {
            filled = Math.mulDiv(shares, left, paid);
            paid = Math.min(_assetsFor(filled, low, Math.Rounding.Floor), Math.mulDiv(worth, filled, shares));
            if (paid == 0) return 0;
        }
        request.shares = uint128(shares - filled);
        request.worth = uint128(Math.mulDiv(worth, shares - filled, shares));
        request.claimable += uint128(paid);
        queuedShares -= filled;
        _burn(address(this), filled);
        emit Settled(id, filled, paid);
    }
}
