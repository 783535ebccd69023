// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

import {ISeaport} from "../interfaces/ISeaport.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {BidEscrow} from "./BidEscrow.sol";
import {SeaportOrders} from "./SeaportOrders.sol";

/// @title What the Seaport venue holds, what each piece is carried at, and what it may cost and go for
/// @notice A piece is carried at the least of its cost and the standing bid named when it was bought, decaying in a
/// straight line to zero; without such a bid at zero. A value never rises: if a later bid could raise it, its bidder
/// could deposit low, bid, redeem high and let the bid lapse, again and again, and no budget would count it.
abstract contract PieceBook is IVenue, ReentrancyGuardTransient {
    using ERC165Checker for address;
    using EnumerableSet for EnumerableSet.Bytes32Set;
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @notice carried <= floor <= cost. All in assets.
    /// @param confirmedAt From when `carried` decays.
    /// @param cost Paid for the piece, royalty included. @param floor The least that a sale must leave after royalty.
    /// @param carried Value at `confirmedAt`. @param bid Backs it. @param ask Our standing listing; its hash is 0 for
    /// none.
    struct Piece {
        address collection;
        uint48 confirmedAt;
        uint256 tokenId;
        uint128 cost;
        uint128 floor;
        uint128 carried;
        uint128 bid;
        SeaportOrders.Ask ask;
    }

    bytes32 internal constant OWNER_ROLE = keccak256("OWNER_ROLE");
    bytes32 internal constant CURATOR_ROLE = keccak256("CURATOR_ROLE");
    bytes32 internal constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    bytes32 internal constant KEEPER_ROLE = keccak256("KEEPER_ROLE");
    /// @notice Most units, so that `value` stays within a block's gas.
    uint256 public constant MAX_PIECES = 32;

    /// @inheritdoc IVenue
    address public immutable vault;
    /// @inheritdoc IVenue
    address public immutable asset;
    ISeaport public immutable seaport;
    BidEscrow public immutable escrow;
    /// @notice Seconds in which the value of a piece falls to zero, in a straight line.
    uint32 public immutable decayPeriod;

    /// @notice Most assets that a piece of a collection may cost, royalty included; 0: not bought.
    mapping(address collection => uint128 assets) public maxPrice;
    /// @notice Which piece a bid backs; a bid backs one at most, and can then be hit with that one alone.
    mapping(uint256 bid => bytes32 key) public backing;
    mapping(bytes32 key => Piece) private _pieces;
    EnumerableSet.Bytes32Set private _keys;

    event MaxPriceSet(address indexed collection, uint128 assets);
    event FloorLowered(address indexed collection, uint256 indexed tokenId, uint128 assets);
    event Bought(address indexed collection, uint256 indexed tokenId, uint256 cost, uint256 carried, uint256 bid);
    event Sold(address indexed collection, uint256 indexed tokenId, uint256 net);
    event Confirmed(address indexed collection, uint256 indexed tokenId, uint256 carried, uint256 bid);

    error NotAllowed(address caller);
    error ZeroPeriod();
    error CollectionRefused(address collection);
    error TooManyPieces(uint256 most);
    error HeldAlready(address collection, uint256 tokenId);
    error NotHeld(address collection, uint256 tokenId);
    error BelowFloor(uint256 net, uint256 floor);
    error FloorNotLower(uint256 floor, uint256 current);
    error BidBacksAnother(uint256 bid);
    error BidTooShort(uint256 bid, uint256 expiry, uint256 least);
    error NothingCarried(address collection, uint256 tokenId);

    constructor(address vault_, ISeaport seaport_, uint32 decayPeriod_) {
        if (decayPeriod_ == 0) revert ZeroPeriod();
        vault = vault_;
        asset = IERC4626(vault_).asset();
        seaport = seaport_;
        decayPeriod = decayPeriod_;
        escrow = new BidEscrow(IERC20(asset), address(this));
    }

    modifier onlyVault() {
        if (msg.sender != vault) revert NotAllowed(msg.sender);
        _;
    }

    /// @inheritdoc IVenue
    /// @dev The marketplace: pieces may be of several collections.
    function token() external view returns (address) {
        return address(seaport);
    }

    /// @inheritdoc IVenue
    /// @dev Reads no bid: one that backs a piece outlasts its decay, pays no less than `carried` after the highest
    /// royalty, and can be hit only with that piece, which ends it. A piece that our listing sold counts at what it
    /// brought.
    function value() external view returns (uint256 assets) {
        for (uint256 i = 0; i < _keys.length(); ++i) {
            Piece storage piece = _pieces[_keys.at(i)];
            assets += _isSold(piece) ? piece.ask.net : _carriedDown(piece);
        }
    }

    /// @inheritdoc IVenue
    function position() external view returns (uint256 units) {
        return _keys.length();
    }

    /// @inheritdoc IVenue
    function steady() external pure returns (bool) {
        return true;
    }

    /// @inheritdoc IVenue
    /// @dev Never: what a piece is worth cannot be measured when it is bought.
    function priced() external pure returns (bool) {
        return false;
    }

    /// @inheritdoc IVenue
    function most() external pure returns (uint256) {
        return type(uint256).max;
    }

    /// @inheritdoc IVenue
    /// @dev The money of pieces that our listings sold. Each stays a unit, now worth nothing, until an exit names it.
    function collect() external onlyVault nonReentrant returns (uint256 assets) {
        for (uint256 i = 0; i < _keys.length(); ++i) {
            Piece storage piece = _pieces[_keys.at(i)];
            if (!_isSold(piece)) continue;
            assets += piece.ask.net;
            piece.ask.net = 0;
        }
        IERC20(asset).safeTransfer(vault, assets);
    }

    /// @return pieces All that is held, in no order.
    function held() external view returns (Piece[] memory pieces) {
        pieces = new Piece[](_keys.length());
        for (uint256 i = 0; i < pieces.length; ++i) {
            pieces[i] = _pieces[_keys.at(i)];
        }
    }

    /// @return True when our listing sold the piece: an exit that names it, or a collection, brings the money.
    function isSold(address collection, uint256 tokenId) external view returns (bool) {
        return _isSold(_piece(collection, tokenId));
    }

    /// @notice Sets what a piece of a collection may cost at most. The owner (timelock) raises; curator and guardian
    /// lower.
    function setMaxPrice(address collection, uint128 assets) external {
        bool lower = assets < maxPrice[collection] && (_is(CURATOR_ROLE) || _is(GUARDIAN_ROLE));
        if (!lower && !_is(OWNER_ROLE)) revert NotAllowed(msg.sender);
        if (assets != 0 && !collection.supportsInterface(type(IERC721).interfaceId)) {
            revert CollectionRefused(collection);
        }
        maxPrice[collection] = assets;
        emit MaxPriceSet(collection, assets);
    }

    /// @notice Lets a piece go for less, and carries it at no more than that. Owner (timelock) only.
    function lowerFloor(address collection, uint256 tokenId, uint128 assets) external {
        if (!_is(OWNER_ROLE)) revert NotAllowed(msg.sender);
        Piece storage piece = _piece(collection, tokenId);
        if (assets >= piece.floor) revert FloorNotLower(assets, piece.floor);
        piece.floor = assets;
        if (assets < piece.carried) piece.carried = assets;
        emit FloorLowered(collection, tokenId, assets);
    }

    /// @notice Starts a piece's decay again from its present value, backed by a bid that stands for a whole period.
    /// Anyone may call it. A bid placed after the purchase can so keep a value, but make none.
    function confirm(address collection, uint256 tokenId, uint256 bid) external nonReentrant {
        Piece storage piece = _piece(collection, tokenId);
        uint256 carriedDown = _carriedDown(piece);
        if (carriedDown == 0) revert NothingCarried(collection, tokenId);
        delete backing[piece.bid];
        uint256 net = _back(piece, bid);
        if (net < piece.floor) revert BelowFloor(net, piece.floor);
        piece.carried = carriedDown.toUint128();
        emit Confirmed(collection, tokenId, carriedDown, bid);
    }

    /// @dev Books a piece that was bought. With a bid, what that bid leaves is accepted as the least that it may go
    /// for.
    function _add(address collection, uint256 tokenId, uint256 cost, uint256 bid) internal {
        bytes32 key = _key(collection, tokenId);
        if (!_keys.add(key)) revert HeldAlready(collection, tokenId);
        if (_keys.length() > MAX_PIECES) revert TooManyPieces(MAX_PIECES);
        Piece storage piece = _pieces[key];
        (piece.collection, piece.tokenId) = (collection, tokenId);
        piece.cost = piece.floor = cost.toUint128();
        if (bid != 0) piece.carried = piece.floor = Math.min(cost, _back(piece, bid)).toUint128();
        emit Bought(collection, tokenId, cost, piece.carried, bid);
    }

    /// @dev Strikes a piece that was sold for `net`; its bid is free to back another.
    function _remove(address collection, uint256 tokenId, uint256 net) internal {
        bytes32 key = _key(collection, tokenId);
        delete backing[_pieces[key].bid];
        delete _pieces[key];
        _keys.remove(key);
        emit Sold(collection, tokenId, net);
    }

    /// @dev Reverts unless the piece is held.
    function _piece(address collection, uint256 tokenId) internal view returns (Piece storage) {
        bytes32 key = _key(collection, tokenId);
        if (!_keys.contains(key)) revert NotHeld(collection, tokenId);
        return _pieces[key];
    }

    function _isSold(Piece storage piece) internal view returns (bool) {
        if (piece.ask.hash == 0) return false;
        (,, uint256 filled,) = seaport.getOrderStatus(piece.ask.hash);
        return filled != 0;
    }

    function _key(address collection, uint256 tokenId) internal pure returns (bytes32) {
        return keccak256(abi.encode(collection, tokenId));
    }

    function _is(bytes32 role) internal view returns (bool) {
        return IAccessControl(vault).hasRole(role, msg.sender);
    }

    /// @return net What the bid leaves for the piece after the highest royalty.
    function _back(Piece storage piece, uint256 bid) private returns (uint256 net) {
        (uint256 price, uint256 expiry) = escrow.quote(bid, piece.collection, piece.tokenId);
        uint256 least = block.timestamp + decayPeriod;
        if (expiry < least) revert BidTooShort(bid, expiry, least);
        if (backing[bid] != 0) revert BidBacksAnother(bid);
        backing[bid] = _key(piece.collection, piece.tokenId);
        (piece.bid, piece.confirmedAt) = (bid.toUint128(), uint48(block.timestamp));
        return SeaportOrders.leastNet(price);
    }

    function _carriedDown(Piece storage piece) private view returns (uint256) {
        uint256 left = Math.saturatingSub(uint256(piece.confirmedAt) + decayPeriod, block.timestamp);
        return Math.mulDiv(piece.carried, left, decayPeriod);
    }
}
