// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISeaport} from "../interfaces/ISeaport.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {PieceBook} from "./PieceBook.sol";
import {SeaportOrders} from "./SeaportOrders.sol";

/// @title ERC-721 pieces bought and sold through Seaport 1.6, for one vault
/// @notice A unit is a piece, or one that a listing of ours sold and no exit has named yet. Pieces leave only by a sale
/// at their floor or above; money only to the vault, to a seller against his piece, and to a royalty's receiver. It
/// signs nothing (no ERC-1271): its listings are validated on chain. Gifts of pieces or of money are not counted and
/// stay here.
contract SeaportVenue is PieceBook, IERC721Receiver {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @param bid Number of the standing bid in `escrow` that backs the piece's value; 0 for none: it is worth zero.
    struct Purchase {
        ISeaport.Order order;
        uint256 bid;
    }

    /// @notice One unit to leave with. When our listing sold it, `bid` and `order` are not looked at.
    /// @param bid Number of the standing bid in `escrow` to sell into; 0 to fulfil `order` instead.
    /// @param order abi.encode(ISeaport.Order) of a buyer; empty with a bid.
    struct Sale {
        address collection;
        uint256 tokenId;
        uint256 bid;
        bytes order;
    }

    /// @notice See SeaportOrders.Rules.
    bytes32 public immutable conduitKey;
    /// @notice See SeaportOrders.Rules.
    address public immutable zone;
    /// @notice Most seconds that a listing may stand.
    uint32 public immutable listingPeriod;
    uint48 private _listings;
    /// @dev Key of the piece that a purchase in progress is to bring.
    bytes32 private transient _expected;

    event Listed(address indexed collection, uint256 indexed tokenId, uint256 price, uint256 expiry, bytes32 hash);
    event Unlisted(address indexed collection, uint256 indexed tokenId, bytes32 hash);

    error WrongCount(uint256 units, uint256 named);
    error AboveMaxPrice(address collection, uint256 cost, uint256 most);
    error AboveAssets(uint256 cost, uint256 left);
    error NotReceived(address collection, uint256 tokenId);
    error NotExpected(address collection, uint256 tokenId);
    error WrongPayment(uint256 wanted, uint256 received);
    error AlreadyListed(bytes32 hash);
    error NotListed(address collection, uint256 tokenId);
    error AlreadySold(bytes32 hash);
    error BadExpiry(uint256 expiry, uint256 latest);

    constructor(
        address vault_,
        ISeaport seaport_,
        bytes32 conduitKey_,
        address zone_,
        uint32 decayPeriod_,
        uint32 listingPeriod_
    ) PieceBook(vault_, seaport_, decayPeriod_) {
        if (listingPeriod_ == 0) revert ZeroPeriod();
        (conduitKey, zone, listingPeriod) = (conduitKey_, zone_, listingPeriod_);
    }

    /// @inheritdoc IVenue
    /// @param data abi.encode(Purchase[]): all are bought, or none. What they do not cost is never taken.
    function enter(uint256 assets, bytes calldata data) external onlyVault nonReentrant returns (uint256 units) {
        Purchase[] memory purchases = abi.decode(data, (Purchase[]));
        units = purchases.length;
        if (units == 0) revert WrongCount(1, 0);
        for (uint256 i = 0; i < units; ++i) {
            assets -= _buy(purchases[i], assets);
        }
    }

    /// @inheritdoc IVenue
    /// @param data abi.encode(Sale[]): one for each unit.
    function exit(uint256 units, bytes calldata data) external onlyVault nonReentrant returns (uint256 assets) {
        Sale[] memory sales = abi.decode(data, (Sale[]));
        if (sales.length != units) revert WrongCount(units, sales.length);
        for (uint256 i = 0; i < units; ++i) {
            assets += _sell(sales[i]);
        }
        IERC20(asset).safeTransfer(vault, assets);
    }

    /// @notice Lists a piece on Seaport: validated on chain, the royalty to its receiver, the rest to this contract,
    /// which can send it to the vault alone. Keeper only.
    /// @param price In assets, royalty included. @param expiry First second at which it can no longer be bought.
    function list(address collection, uint256 tokenId, uint256 price, uint256 expiry)
        external
        nonReentrant
        returns (bytes32 hash)
    {
        if (!_is(KEEPER_ROLE)) revert NotAllowed(msg.sender);
        Piece storage piece = _piece(collection, tokenId);
        if (piece.ask.hash != 0) revert AlreadyListed(piece.ask.hash);
        uint256 latest = block.timestamp + listingPeriod;
        if (expiry <= block.timestamp || expiry > latest) revert BadExpiry(expiry, latest);
        (address receiver, uint256 royalty) = SeaportOrders.royaltyOf(collection, tokenId, price, vault);
        uint256 net = price - royalty;
        if (net < piece.floor) revert BelowFloor(net, piece.floor);

        SeaportOrders.Ask memory ask =
            SeaportOrders.Ask(0, net.toUint128(), royalty.toUint128(), receiver, uint48(expiry), ++_listings);
        ISeaport.Order[] memory orders = new ISeaport.Order[](1);
        orders[0].parameters = SeaportOrders.written(ask, collection, tokenId, _rules());
        hash = seaport.getOrderHash(SeaportOrders.components(orders[0].parameters));
        ask.hash = hash;
        piece.ask = ask;
        IERC721(collection).approve(address(seaport), tokenId);
        seaport.validate(orders);
        emit Listed(collection, tokenId, price, expiry, hash);
    }

    /// @notice Takes a listing down and its approval back. Keeper, curator and guardian; anyone once it has expired.
    function cancel(address collection, uint256 tokenId) external nonReentrant {
        Piece storage piece = _piece(collection, tokenId);
        if (piece.ask.hash == 0) revert NotListed(collection, tokenId);
        bool allowed = _is(KEEPER_ROLE) || _is(CURATOR_ROLE) || _is(GUARDIAN_ROLE);
        if (!allowed && block.timestamp < piece.ask.expiry) revert NotAllowed(msg.sender);
        if (_isSold(piece)) revert AlreadySold(piece.ask.hash);
        _unlist(piece);
    }

    /// @inheritdoc IERC721Receiver
    /// @dev Seaport does not use it; a piece that is not being bought is refused.
    function onERC721Received(address, address, uint256 tokenId, bytes calldata) external view returns (bytes4) {
        if (_expected != _key(msg.sender, tokenId)) revert NotExpected(msg.sender, tokenId);
        return IERC721Receiver.onERC721Received.selector;
    }

    /// @dev A royalty that the order leaves out is paid on top and is part of the cost.
    function _buy(Purchase memory purchase, uint256 left) private returns (uint256 cost) {
        ISeaport.OrderParameters memory order = purchase.order.parameters;
        (address collection, uint256 tokenId, uint256 price) = SeaportOrders.listing(order, _rules());
        uint256 highest = maxPrice[collection];
        if (highest == 0) revert CollectionRefused(collection);
        (address receiver, uint256 royalty) = SeaportOrders.royaltyDue(order, collection, tokenId, price, vault);
        cost = price + royalty;
        if (cost > highest) revert AboveMaxPrice(collection, cost, highest);
        if (cost > left) revert AboveAssets(cost, left);

        IERC20(asset).safeTransferFrom(vault, address(this), cost);
        IERC20(asset).forceApprove(address(seaport), price);
        _expected = _key(collection, tokenId);
        seaport.fulfillOrder(purchase.order, 0);
        _expected = 0;
        IERC20(asset).forceApprove(address(seaport), 0);
        if (IERC721(collection).ownerOf(tokenId) != address(this)) revert NotReceived(collection, tokenId);
        if (royalty != 0) IERC20(asset).safeTransfer(receiver, royalty);
        _add(collection, tokenId, cost, purchase.bid);
    }

    /// @dev A royalty that its receiver cannot be paid stays with the vault: it must not block an exit.
    function _sell(Sale memory sale) private returns (uint256 net) {
        Piece storage piece = _piece(sale.collection, sale.tokenId);
        if (_isSold(piece)) {
            net = piece.ask.net;
        } else {
            if (piece.ask.hash != 0) _unlist(piece);
            ISeaport.OrderParameters memory order;
            uint256 price;
            if (sale.bid == 0) (order, price, net) = _fulfil(sale);
            else net = price = _hit(sale);
            (address receiver, uint256 royalty) =
                SeaportOrders.royaltyDue(order, sale.collection, sale.tokenId, price, vault);
            if (royalty != 0 && IERC20(asset).trySafeTransfer(receiver, royalty)) net -= royalty;
            if (net < piece.floor) revert BelowFloor(net, piece.floor);
        }
        _remove(sale.collection, sale.tokenId, net);
    }

    function _hit(Sale memory sale) private returns (uint256 price) {
        bytes32 backed = backing[sale.bid];
        if (backed != 0 && backed != _key(sale.collection, sale.tokenId)) revert BidBacksAnother(sale.bid);
        address bidder;
        (bidder, price) = escrow.hit(sale.bid, sale.collection, sale.tokenId);
        IERC721(sale.collection).transferFrom(address(this), bidder, sale.tokenId);
    }

    /// @dev The piece's approval ends with its transfer. Seaport pays us before it takes the fees.
    function _fulfil(Sale memory sale)
        private
        returns (ISeaport.OrderParameters memory parameters, uint256 price, uint256 net)
    {
        ISeaport.Order memory order = abi.decode(sale.order, (ISeaport.Order));
        parameters = order.parameters;
        uint256 fees;
        (price, fees) = SeaportOrders.offer(parameters, _rules(), sale.collection, sale.tokenId);
        net = price - fees;
        uint256 before = IERC20(asset).balanceOf(address(this));
        IERC20(asset).forceApprove(address(seaport), fees);
        IERC721(sale.collection).approve(address(seaport), sale.tokenId);
        seaport.fulfillOrder(order, 0);
        IERC20(asset).forceApprove(address(seaport), 0);
        uint256 received = IERC20(asset).balanceOf(address(this)) - before;
        if (received != net) revert WrongPayment(net, received);
    }

    /// @dev Cancelled at Seaport too: without that, the old order would be good again if the piece were bought and
    /// listed anew.
    function _unlist(Piece storage piece) private {
        (address collection, uint256 tokenId, bytes32 hash) = (piece.collection, piece.tokenId, piece.ask.hash);
        ISeaport.OrderComponents[] memory orders = new ISeaport.OrderComponents[](1);
        orders[0] = SeaportOrders.components(SeaportOrders.written(piece.ask, collection, tokenId, _rules()));
        delete piece.ask;
        seaport.cancel(orders);
        IERC721(collection).approve(address(0), tokenId);
        emit Unlisted(collection, tokenId, hash);
    }

    function _rules() private view returns (SeaportOrders.Rules memory) {
        return SeaportOrders.Rules(asset, vault, conduitKey, zone);
    }
}
