// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ICompliance} from "../interfaces/ICompliance.sol";
import {CompliantERC20} from "./CompliantERC20.sol";

/// @title A fixed number of shares in the revenue of one asset, collection or model
/// @notice Whoever holds a share when money is counted earns its part of it, and keeps that claim when the share moves
/// on. Revenue comes by plain transfer (as ERC-2981 receivers are paid), so the contract looks at its own balance.
/// There is one money token, named once: a plain ERC-20 that neither charges on transfer nor rebases (native money only
/// wrapped), with fewer than 2^128 units. Shares in a pool or a vault that cannot claim earn for nobody: see
/// RevenueWrapper.
/// @dev Money per share since the beginning, scaled by 2^128, and where each holder last stood: O(1) for any number of
/// holders and payments. Each count and each settlement rounds down by less than one unit of money, which stays here.
contract RevenueShare is CompliantERC20 {
    using SafeERC20 for IERC20;

    /// @param money In which revenue is paid.
    /// @param to Receives all shares.
    /// @param supply Raw units (18 decimals), 1 to 2^128 - 1.
    /// @param compliance Zero for no rule.
    struct Issue {
        IERC20 money;
        string name;
        string symbol;
        address to;
        uint256 supply;
        ICompliance compliance;
    }

    /// @param perShareX128 Money per share that the holder is settled up to.
    /// @param owed Units of money, settled and not yet claimed.
    struct Account {
        uint256 perShareX128;
        uint256 owed;
    }

    IERC20 public immutable money;
    /// @notice Units of money per raw share unit since the beginning, times 2^128, rounded down.
    uint256 public perShareX128;
    /// @notice Units of money in the balance that are spoken for; what is above it is new revenue.
    uint256 public accounted;
    mapping(address holder => Account) public accounts;

    event Counted(uint256 revenue);
    event Claimed(address indexed holder, address indexed to, uint256 amount);

    error BadSupply(uint256 supply);
    error NotAToken(address money);

    constructor(Issue memory issue) ERC20(issue.name, issue.symbol) CompliantERC20(issue.compliance, address(0)) {
        if (issue.supply == 0 || issue.supply > type(uint128).max) revert BadSupply(issue.supply);
        if (address(issue.money).code.length == 0) revert NotAToken(address(issue.money));
        money = issue.money;
        _mint(issue.to, issue.supply);
    }

    /// @notice Counts what has arrived since the last time. Anyone may call it; every transfer and claim does.
    function sync() public returns (uint256 revenue) {
        revenue = uncounted();
        if (revenue == 0) return 0;
        perShareX128 = perShareNowX128();
        accounted += revenue;
        emit Counted(revenue);
    }

    /// @notice Pays the caller all that its shares have earned.
    function claim(address to) external returns (uint256 amount) {
        return _claim(msg.sender, to);
    }

    /// @notice Units of money that arrived and are not counted yet. 0 if the token took some away.
    function uncounted() public view returns (uint256) {
        return Math.saturatingSub(money.balanceOf(address(this)), accounted);
    }

    /// @notice Units of money that `holder` would be paid by a claim now, rounded down.
    function claimable(address holder) external view returns (uint256) {
        return _earned(holder, perShareNowX128());
    }

    /// @notice `perShareX128` as it would be after a count.
    function perShareNowX128() public view returns (uint256) {
        return perShareX128 + Math.mulDiv(uncounted(), 1 << 128, totalSupply());
    }

    function _claim(address holder, address to) internal returns (uint256 amount) {
        if (!_mayLeave(holder)) revert Frozen(holder);
        sync();
        _settle(holder);
        amount = accounts[holder].owed;
        accounts[holder].owed = 0;
        emit Claimed(holder, to, amount);
        _payOut(to, amount);
    }

    /// @dev Spoken for until it is gone: whatever the money calls back meanwhile, it is never taken for revenue.
    function _payOut(address to, uint256 amount) internal {
        if (amount == 0) return;
        money.safeTransfer(to, amount);
        accounted -= amount;
    }

    /// @dev The issue comes before any revenue is counted. A move between one holder's hands changes nothing.
    function _update(address from, address to, uint256 amount) internal virtual override {
        if (from != address(0)) {
            sync();
            _settle(from);
            _settle(to);
        }
        super._update(from, to, amount);
    }

    function _settle(address holder) private {
        uint256 upTo = perShareX128;
        accounts[holder] = Account(upTo, _earned(holder, upTo));
    }

    function _earned(address holder, uint256 upToX128) private view returns (uint256) {
        Account memory account = accounts[holder];
        return account.owed + Math.mulDiv(balanceOf(holder), upToX128 - account.perShareX128, 1 << 128);
    }
}
