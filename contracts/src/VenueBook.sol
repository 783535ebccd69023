// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC4626, IERC20} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IVenue} from "./interfaces/IVenue.sol";
import {VenueReads} from "./libraries/VenueReads.sol";

/// @title The vault's book: who may do what, which venues it knows, their limits, and what they are worth
/// @notice The curator may loosen and tighten, the guardian only tighten, the keeper neither. The curator alone grants
/// and revokes the three roles; nobody holds the default admin role.
abstract contract VenueBook is ERC4626, AccessControl, Pausable {
    /// @param listed Entries are allowed.
    /// @param known Was listed once: counts in `totalAssets` and can be exited, for ever.
    /// @param capBps Most of `totalAssets` that an entry may leave at the venue.
    /// @param maxLossBps Most of the measured value that one action may lose.
    struct VenueConfig {
        bool listed;
        bool known;
        uint16 capBps;
        uint16 maxLossBps;
    }

    bytes32 public constant CURATOR_ROLE = keccak256("CURATOR_ROLE");
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    bytes32 public constant KEEPER_ROLE = keccak256("KEEPER_ROLE");
    uint256 public constant BPS = 10_000;
    /// @notice Most venues ever known, and most actions in one batch.
    uint256 public constant MAX_VENUES = 16;
    /// @notice No venue may be given a loss limit above this.
    uint16 public constant MAX_LOSS_BPS = 1_000;

    mapping(address venue => VenueConfig) public venues;
    /// @notice The venue's value at the last allocation or refresh; counted in its place while it cannot tell.
    mapping(address venue => uint256 assets) public lastGoodValue;
    /// @notice Least share of `totalAssets` that must stay idle after an allocation with an entry.
    uint16 public minIdleBps;
    address[] private _venueList;

    event VenueSet(address indexed venue, bool listed, uint16 capBps, uint16 maxLossBps);
    event MinIdleSet(uint16 minIdleBps);

    error ZeroAddress();
    error BpsTooHigh(uint256 given, uint256 most);
    error VenueMismatch(address venue);
    error TooManyVenues(uint256 most);
    error NotKnown(address venue);
    error NotTighter(uint256 current, uint256 proposed);

    constructor(address curator, address guardian, address keeper, uint16 minIdleBps_) {
        if (curator == address(0) || guardian == address(0) || keeper == address(0)) revert ZeroAddress();
        _setRoleAdmin(CURATOR_ROLE, CURATOR_ROLE);
        _setRoleAdmin(GUARDIAN_ROLE, CURATOR_ROLE);
        _setRoleAdmin(KEEPER_ROLE, CURATOR_ROLE);
        _grantRole(CURATOR_ROLE, curator);
        _grantRole(GUARDIAN_ROLE, guardian);
        _grantRole(KEEPER_ROLE, keeper);
        _setMinIdle(minIdleBps_);
    }

    /// @notice Lists a venue, or lists it again, or changes its limits. The one way to raise a cap.
    function setVenue(address venue, uint16 capBps, uint16 maxLossBps) external onlyRole(CURATOR_ROLE) {
        if (capBps > BPS) revert BpsTooHigh(capBps, BPS);
        if (maxLossBps > MAX_LOSS_BPS) revert BpsTooHigh(maxLossBps, MAX_LOSS_BPS);
        if (!venues[venue].known) {
            if (_venueList.length == MAX_VENUES) revert TooManyVenues(MAX_VENUES);
            if (venue.code.length == 0) revert VenueMismatch(venue);
            if (IVenue(venue).asset() != asset() || IVenue(venue).vault() != address(this)) {
                revert VenueMismatch(venue);
            }
            _venueList.push(venue);
        }
        _setVenue(venue, VenueConfig(true, true, capBps, maxLossBps));
    }

    /// @notice Sets the least idle share of `totalAssets`, up or down.
    function setMinIdle(uint16 minIdleBps_) external onlyRole(CURATOR_ROLE) {
        _setMinIdle(minIdleBps_);
    }

    /// @notice Lets entries and deposits go on after a pause.
    function unpause() external onlyRole(CURATOR_ROLE) {
        _unpause();
    }

    /// @notice Stops entries and deposits. Exits and withdrawals go on.
    function pause() external onlyRole(GUARDIAN_ROLE) {
        _pause();
    }

    /// @notice Lowers a venue's cap; a value that is not lower is refused.
    function lowerCap(address venue, uint16 capBps) external onlyRole(GUARDIAN_ROLE) {
        VenueConfig memory config = _known(venue);
        if (capBps >= config.capBps) revert NotTighter(config.capBps, capBps);
        config.capBps = capBps;
        _setVenue(venue, config);
    }

    /// @notice Ends entries into a venue. What it holds still counts and can still be exited. Curator or guardian.
    function delist(address venue) external {
        if (!hasRole(CURATOR_ROLE, msg.sender)) _checkRole(GUARDIAN_ROLE, msg.sender);
        VenueConfig memory config = _known(venue);
        config.listed = false;
        _setVenue(venue, config);
    }

    /// @return Each venue ever listed, in the order of listing.
    function venueList() external view returns (address[] memory) {
        return _venueList;
    }

    /// @return assets What the venue counts for in `totalAssets`.
    /// @return fresh False when that is the last good value because the venue cannot tell.
    function valueOf(address venue) public view returns (uint256 assets, bool fresh) {
        (fresh, assets) = VenueReads.tryValue(venue);
        if (!fresh) assets = lastGoodValue[venue];
    }

    /// @notice Assets that lie in the vault itself; the most that can be withdrawn now.
    function idle() public view returns (uint256) {
        return IERC20(asset()).balanceOf(address(this));
    }

    /// @notice Idle assets plus the value of each known venue (its last good value while it cannot tell).
    function totalAssets() public view override returns (uint256 total) {
        total = idle();
        for (uint256 i = 0; i < _venueList.length; ++i) {
            (uint256 assets,) = valueOf(_venueList[i]);
            total += assets;
        }
    }

    /// @return False while paused, while a venue is stale, and while one that holds a position is off its TWAP: new
    /// shares would be priced by a value that is known to be wrong.
    function depositsOpen() public view returns (bool) {
        if (paused()) return false;
        for (uint256 i = 0; i < _venueList.length; ++i) {
            address venue = _venueList[i];
            (, bool fresh) = valueOf(venue);
            if (!fresh) return false;
            if (VenueReads.mayHold(venue) && !VenueReads.isNearTwap(venue)) return false;
        }
        return true;
    }

    /// @dev Stores each fresh value. Returns what `totalAssets` would, and one venue that is stale, if any.
    function _record() internal returns (uint256 total, address stale) {
        total = idle();
        for (uint256 i = 0; i < _venueList.length; ++i) {
            address venue = _venueList[i];
            (uint256 assets, bool fresh) = valueOf(venue);
            if (!fresh) stale = venue;
            else if (assets != lastGoodValue[venue]) lastGoodValue[venue] = assets;
            total += assets;
        }
    }

    function _known(address venue) internal view returns (VenueConfig memory config) {
        config = venues[venue];
        if (!config.known) revert NotKnown(venue);
    }

    function _setVenue(address venue, VenueConfig memory config) private {
        venues[venue] = config;
        emit VenueSet(venue, config.listed, config.capBps, config.maxLossBps);
    }

    function _setMinIdle(uint16 minIdleBps_) private {
        if (minIdleBps_ > BPS) revert BpsTooHigh(minIdleBps_, BPS);
        minIdleBps = minIdleBps_;
        emit MinIdleSet(minIdleBps_);
    }
}
