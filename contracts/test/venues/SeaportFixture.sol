// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {BidEscrow} from "../../src/venues/BidEscrow.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportOrders} from "../../src/venues/SeaportOrders.sol";
import {SeaportVenue} from "../../src/venues/SeaportVenue.sol";
import {ISeaportConduits, ISeaportSide, SeaportArt, SeaportBench} from "./SeaportParts.sol";

/// The real Seaport 1.6 and its conduit controller, deployed from their npm artefacts; a venue of dollars (6 decimals);
/// a collection whose artist asks 5 %; a seller and a buyer who sign EIP-712 orders.
abstract contract SeaportFixture is Test {
    string private constant DIR = "node_modules/@opensea/seaport-js/src/artifacts/seaport/contracts/";
    uint32 internal constant DECAY = 14 days;
    uint32 internal constant LISTING = 30 days;
    uint128 internal constant MAX = 10_000e6;

    address internal owner = makeAddr("owner");
    address internal curator = makeAddr("curator");
    address internal guardian = makeAddr("guardian");
    address internal keeper = makeAddr("keeper");
    address internal artist = makeAddr("artist");
    address internal seller;
    address internal buyer;
    uint256 internal sellerKey;
    uint256 internal buyerKey;

    ISeaportConduits internal conduits;
    ISeaport internal seaport;
    DevDollar internal usd;
    SeaportArt internal art;
    SeaportBench internal bench;
    SeaportVenue internal venue;
    BidEscrow internal escrow;
    uint256 private _salt;

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        (seller, sellerKey) = makeAddrAndKey("seller");
        (buyer, buyerKey) = makeAddrAndKey("buyer");
        conduits = ISeaportConduits(
            vm.deployCode(string.concat(DIR, "conduit/ConduitController.sol/LocalConduitController.json"))
        );
        seaport = ISeaport(vm.deployCode(string.concat(DIR, "Seaport.sol/Seaport.json"), abi.encode(conduits)));
        usd = _dollar();
        art = new SeaportArt(artist, 500);
        bench = new SeaportBench(address(usd));
        bench.grantRole(keccak256("OWNER_ROLE"), owner);
        bench.grantRole(keccak256("CURATOR_ROLE"), curator);
        bench.grantRole(keccak256("GUARDIAN_ROLE"), guardian);
        bench.grantRole(keccak256("KEEPER_ROLE"), keeper);
        venue = new SeaportVenue(address(bench), seaport, 0, address(0), DECAY, LISTING);
        escrow = venue.escrow();
        vm.prank(owner);
        venue.setMaxPrice(address(art), MAX);
        usd.mint(address(bench), 1_000_000e6);
        vm.prank(seller);
        art.setApprovalForAll(address(seaport), true);
        usd.mint(buyer, 1_000_000e6);
        vm.startPrank(buyer);
        usd.approve(address(seaport), type(uint256).max);
        usd.approve(address(escrow), type(uint256).max);
        vm.stopPrank();
    }

    function _dollar() internal virtual returns (DevDollar) {
        return new DevDollar(address(this));
    }

    /// A listing of the seller's: `toSeller` for himself, `toArtist` as the royalty (0: left out).
    function _listing(SeaportArt collection, uint256 tokenId, uint256 toSeller, uint256 toArtist)
        internal
        returns (ISeaport.OrderParameters memory order)
    {
        order.offerer = seller;
        order.offer = new ISeaport.OfferItem[](1);
        order.offer[0] = ISeaport.OfferItem(ISeaport.ItemType.ERC721, address(collection), tokenId, 1, 1);
        uint256 asked = toArtist == 0 ? 1 : 2;
        order.consideration = new ISeaport.ConsiderationItem[](asked);
        order.consideration[0] = _pay(toSeller, seller);
        if (asked == 2) order.consideration[1] = _pay(toArtist, artist);
        (order.startTime, order.endTime) = (block.timestamp, block.timestamp + 1 days);
        order.salt = _salt++;
        order.totalOriginalConsiderationItems = asked;
    }

    /// An offer of the buyer's for one piece.
    function _offer(SeaportArt collection, uint256 tokenId, uint256 price)
        internal
        returns (ISeaport.OrderParameters memory order)
    {
        order.offerer = buyer;
        order.offer = new ISeaport.OfferItem[](1);
        order.offer[0] = ISeaport.OfferItem(ISeaport.ItemType.ERC20, address(usd), 0, price, price);
        order.consideration = new ISeaport.ConsiderationItem[](1);
        order.consideration[0] =
            ISeaport.ConsiderationItem(ISeaport.ItemType.ERC721, address(collection), tokenId, 1, 1, payable(buyer));
        (order.startTime, order.endTime) = (block.timestamp, block.timestamp + 1 days);
        order.salt = _salt++;
        order.totalOriginalConsiderationItems = 1;
    }

    function _pay(uint256 assets, address to) internal view returns (ISeaport.ConsiderationItem memory) {
        return ISeaport.ConsiderationItem(ISeaport.ItemType.ERC20, address(usd), 0, assets, assets, payable(to));
    }

    /// The offerer signs the order's EIP-712 digest, as a wallet does.
    function _signed(ISeaport.OrderParameters memory order, uint256 key) internal view returns (ISeaport.Order memory) {
        (, bytes32 domain,) = ISeaportSide(address(seaport)).information();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked("\x19\x01", domain, _hash(order))));
        return ISeaport.Order(order, abi.encodePacked(r, s, v));
    }

    function _hash(ISeaport.OrderParameters memory order) internal view returns (bytes32) {
        return seaport.getOrderHash(_components(order));
    }

    function _components(ISeaport.OrderParameters memory order)
        internal
        view
        returns (ISeaport.OrderComponents memory)
    {
        return ISeaport.OrderComponents(
            order.offerer,
            order.zone,
            order.offer,
            order.consideration,
            order.orderType,
            order.startTime,
            order.endTime,
            order.zoneHash,
            order.salt,
            order.conduitKey,
            seaport.getCounter(order.offerer)
        );
    }

    function _purchase(ISeaport.Order memory order, uint256 bid) internal pure returns (bytes memory) {
        SeaportVenue.Purchase[] memory purchases = new SeaportVenue.Purchase[](1);
        purchases[0] = SeaportVenue.Purchase(order, bid);
        return abi.encode(purchases);
    }

    function _sale(address collection, uint256 tokenId, uint256 bid, bytes memory order)
        internal
        pure
        returns (bytes memory)
    {
        SeaportVenue.Sale[] memory sales = new SeaportVenue.Sale[](1);
        sales[0] = SeaportVenue.Sale(collection, tokenId, bid, order);
        return abi.encode(sales);
    }

    /// The vault buys a new piece for `price`, royalty included, with or without a bid behind it.
    function _bought(uint256 tokenId, uint256 price, uint256 bid) internal {
        art.mint(seller, tokenId);
        ISeaport.Order memory order = _signed(_listing(art, tokenId, price - price / 20, price / 20), sellerKey);
        bench.enter(venue, price, _purchase(order, bid));
    }

    /// A bid of the buyer's for one piece.
    function _bid(uint256 tokenId, uint256 price, uint256 seconds_) internal returns (uint256) {
        vm.prank(buyer);
        return escrow.place(address(art), tokenId, false, price, uint48(block.timestamp + seconds_));
    }

    function _list(uint256 tokenId, uint256 price, uint256 seconds_) internal returns (bytes32) {
        vm.prank(keeper);
        return venue.list(address(art), tokenId, price, block.timestamp + seconds_);
    }

    /// Our own listing, as a buyer would read it from Seaport's event.
    function _ours(uint256 tokenId) internal view returns (ISeaport.Order memory order) {
        SeaportOrders.Ask memory ask = _held(tokenId).ask;
        order.parameters.offerer = address(venue);
        order.parameters.offer = new ISeaport.OfferItem[](1);
        order.parameters.offer[0] = ISeaport.OfferItem(ISeaport.ItemType.ERC721, address(art), tokenId, 1, 1);
        order.parameters.consideration = new ISeaport.ConsiderationItem[](ask.royalty == 0 ? 1 : 2);
        order.parameters.consideration[0] = _pay(ask.net, address(venue));
        if (ask.royalty != 0) order.parameters.consideration[1] = _pay(ask.royalty, ask.royaltyTo);
        (order.parameters.endTime, order.parameters.salt) = (ask.expiry, ask.salt);
        order.parameters.totalOriginalConsiderationItems = order.parameters.consideration.length;
    }

    function _held(uint256 tokenId) internal view returns (PieceBook.Piece memory) {
        PieceBook.Piece[] memory pieces = venue.held();
        for (uint256 i = 0; i < pieces.length; ++i) {
            if (pieces[i].tokenId == tokenId) return pieces[i];
        }
        revert("not held");
    }

    function _take(uint256 tokenId) internal {
        ISeaport.Order memory order = _ours(tokenId);
        vm.prank(buyer);
        seaport.fulfillOrder(order, 0);
    }

    /// No approval of the venue's is left, for money or for the piece.
    function _noApprovals(uint256 tokenId) internal view {
        assertEq(usd.allowance(address(venue), address(seaport)), 0, "money approved to Seaport");
        assertEq(usd.allowance(address(bench), address(venue)), 0, "money approved to the venue");
        assertEq(art.getApproved(tokenId), address(0), "piece approved");
        assertFalse(art.isApprovedForAll(address(venue), address(seaport)), "all pieces approved");
    }
}
