// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20, ERC4626, IERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {ICompliance} from "../interfaces/ICompliance.sol";
import {IDecisionRegistry} from "../interfaces/IDecisionRegistry.sol";
import {Accounts} from "./Accounts.sol";
import {IRules} from "./IRules.sol";
import {Rules} from "./Rules.sol";

/// @title The vault's book: who may change which rule
/// @notice The owner (a timelock) may loosen and tighten. Curator and guardian call the same setters, at once, for what is
/// tighter and for nothing else. The keeper sets nothing.
abstract contract VaultBook is IRules, ERC4626, AccessControl, Pausable {
    using Rules for Rules.Book;

    struct Setup {
        IERC20 asset;
        string name;
        string symbol;
        address owner;
        address curator;
        address guardian;
        address keeper;
        address anchorer; // whose anchored decisions count; zero: none do
        address feeRecipient; // zero: no fee
        IDecisionRegistry decisions;
        ICompliance compliance; // zero: anyone may hold shares
        Limits limits;
    }

    /// @notice The timelock. Administers every role, its own too.
    bytes32 public constant OWNER_ROLE = keccak256("OWNER_ROLE");
    bytes32 public constant CURATOR_ROLE = keccak256("CURATOR_ROLE");
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    bytes32 public constant KEEPER_ROLE = keccak256("KEEPER_ROLE");

    IDecisionRegistry public immutable decisions;
    /// @inheritdoc IRules
    ICompliance public immutable compliance;
    address public immutable feeRecipient;
    /// @notice Whose anchored decisions count; never a keeper.
    address public anchorer;
    Rules.Book internal _book;
    Accounts.Data internal _accounts;

    event AnchorerSet(address indexed anchorer);

    error ZeroAddress();
    error DecimalsTooMany(uint8 sharesDecimals);
    error KeeperMustStandAlone(address account);

    constructor(Setup memory setup) ERC20(setup.name, setup.symbol) ERC4626(setup.asset) {
        if (decimals() > 18 + _decimalsOffset()) revert DecimalsTooMany(decimals()); // amounts must fit 120 bits
        if (address(setup.decisions) == address(0)) revert ZeroAddress();
        (decisions, compliance, feeRecipient) = (setup.decisions, setup.compliance, setup.feeRecipient);
        bytes32[4] memory roles = [OWNER_ROLE, CURATOR_ROLE, GUARDIAN_ROLE, KEEPER_ROLE];
        address[4] memory holders = [setup.owner, setup.curator, setup.guardian, setup.keeper];
        for (uint256 i = 0; i < 4; ++i) {
            if (holders[i] == address(0)) revert ZeroAddress();
            _setRoleAdmin(roles[i], OWNER_ROLE);
            _grantRole(roles[i], holders[i]);
        }
        _setAnchorer(setup.anchorer);
        _book.setLimits(setup.limits, true);
        _accounts.highWater = 1e18;
    }

    modifier onlyOwner() {
        _checkRole(OWNER_ROLE);
        _;
    }

    // ---- what the owner sets, and curator and guardian tighten

    /// @notice Owner: lists a venue, or lists it again, or changes its group, cap and loss limit.
    function setVenue(address venue, uint32 group, uint16 capBps, uint16 maxLossBps) external {
        _book.setVenue(_accounts, venue, group, capBps, maxLossBps, _mayLoosen());
    }

    /// @notice Ends entries into a venue. What it holds still counts and can still be left.
    function delist(address venue) external {
        _mayLoosen();
        _book.delist(venue);
    }

    /// @notice Sets what the venues of a group may hold together. Group 0, of ungrouped venues, may hold nothing.
    function setGroupCap(uint32 group, uint16 capBps) external {
        _book.setGroupCap(group, capBps, _mayLoosen());
    }

    /// @notice Sets all limits at once. Those that withdrawals depend on are the owner's alone.
    function setLimits(Limits memory limits_) external {
        _book.setLimits(limits_, _mayLoosen());
    }

    /// @notice Names whose anchors count. Curator and guardian may name nobody, which stops entries.
    function setAnchorer(address anchorer_) external {
        if (!_mayLoosen() && anchorer_ != address(0)) revert NotTighter();
        _setAnchorer(anchorer_);
    }

    /// @notice Guardian: stops entries and deposits. Exits, collections, withdrawals and the queue go on.
    function pause() external onlyRole(GUARDIAN_ROLE) {
        _pause();
    }

    /// @notice Owner: lets them go on.
    function unpause() external onlyOwner {
        _unpause();
    }

    /// @notice Owner: writes a delisted venue off. It no longer counts, and cannot be left before it is listed again.
    function forget(address venue) external onlyOwner {
        _book.forget(_accounts, venue);
    }

    // ---- views

    function limits() external view returns (Limits memory) {
        return _book.limits;
    }

    function venues(address venue) external view returns (VenueConfig memory) {
        return _book.venues[venue];
    }

    function groupCapBps(uint32 group) external view returns (uint16) {
        return _book.groupCapBps[group];
    }

    /// @notice Leaves that have allowed an entry; none ever allows another.
    function leafUsed(bytes32 leaf) external view returns (bool) {
        return _book.leafUsed[leaf];
    }

    /// @return Each venue that is known.
    function venueList() external view returns (address[] memory) {
        return _accounts.venues;
    }

    /// @return Spent by entries into priced venues and not yet refilled; 1e18 is all gross assets.
    function turnoverUsed() external view returns (uint256) {
        return _book.level(Rules.Budget.Turnover);
    }

    /// @return Lost by the keeper's actions and not yet refilled; 1e18 is all gross assets.
    function lossUsed() external view returns (uint256) {
        return _book.level(Rules.Budget.Loss);
    }

    /// @return Spent by entries into unpriced venues and not yet refilled, in assets.
    function unpricedUsed() external view returns (uint256) {
        return _book.level(Rules.Budget.Unpriced);
    }

    // ---- inside

    /// @dev Virtual shares and assets: a first depositor's attack costs more than it takes. Shares have 6 decimals more.
    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }

    /// @dev The keeper has no second key: with the guardian's it could leave venues outside the loss budget, with the
    /// anchorer's it could approve its own decisions.
    function _grantRole(bytes32 role, address account) internal override returns (bool granted) {
        granted = super._grantRole(role, account);
        bool other = account == anchorer || hasRole(OWNER_ROLE, account) || hasRole(CURATOR_ROLE, account)
            || hasRole(GUARDIAN_ROLE, account);
        if (other && hasRole(KEEPER_ROLE, account)) revert KeeperMustStandAlone(account);
    }

    /// @dev False for curator and guardian; reverts for everybody else but the owner.
    function _mayLoosen() private view returns (bool owner) {
        owner = hasRole(OWNER_ROLE, msg.sender);
        if (!owner && !hasRole(CURATOR_ROLE, msg.sender)) _checkRole(GUARDIAN_ROLE);
    }

    function _setAnchorer(address anchorer_) private {
        if (hasRole(KEEPER_ROLE, anchorer_)) revert KeeperMustStandAlone(anchorer_);
        anchorer = anchorer_;
        emit AnchorerSet(anchorer_);
    }
}
