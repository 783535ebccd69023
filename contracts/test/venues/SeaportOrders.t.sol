// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportOrders} from "../../src/venues/SeaportOrders.sol";
import {SeaportVenue} from "../../src/venues/SeaportVenue.sol";
import {SeaportFixture} from "./SeaportFixture.sol";
import {ISeaportErrors, ISeaportSide, SeaportArt} from "./SeaportParts.sol";

/// Every malformed order is refused by the error that says why, whoever signed it, and nothing changes.
contract SeaportOrdersTest is SeaportFixture {
    uint256 private constant LISTING_TRICKS = 29;
    uint256 private constant OFFER_TRICKS = 22;

    function setUp() public override {
        super.setUp();
        _bought(1, 1_000e6, 0);
        _list(1, 2_000e6, LISTING); // so that a piece of ours is approved to Seaport
        art.mint(seller, 2);
    }

    function test_every_trick_with_a_listing_is_refused() public {
        for (uint256 trick = 0; trick < LISTING_TRICKS; ++trick) {
            _refuseListing(trick, 12_345);
        }
    }

    function test_fuzz_every_trick_with_a_listing_is_refused(uint256 trick, uint256 x) public {
        _refuseListing(trick % LISTING_TRICKS, bound(x, 2, type(uint96).max));
    }

    function test_every_trick_with_an_offer_is_refused() public {
        for (uint256 trick = 0; trick < OFFER_TRICKS; ++trick) {
            _refuseOffer(trick, 12_345);
        }
    }

    function test_fuzz_every_trick_with_an_offer_is_refused(uint256 trick, uint256 x) public {
        _refuseOffer(trick % OFFER_TRICKS, bound(x, 2, type(uint96).max));
    }

    function _refuseListing(uint256 trick, uint256 x) private {
        uint256 id = vm.snapshotState();
        (ISeaport.Order memory order, bytes memory err) = _badListing(trick, x);
        bytes memory data = _purchase(order, 0);
        uint256 had = usd.balanceOf(address(bench));
        vm.expectRevert(err);
        bench.enter(venue, 1_000e6, data);
        assertEq(usd.balanceOf(address(bench)), had);
        assertEq(venue.position(), 1);
        assertEq(art.ownerOf(1), address(venue));
        vm.revertToState(id);
    }

    function _refuseOffer(uint256 trick, uint256 x) private {
        uint256 id = vm.snapshotState();
        (ISeaport.Order memory order, bytes memory err) = _badOffer(trick, x);
        bytes memory data = _sale(address(art), 1, 0, abi.encode(order));
        vm.expectRevert(err);
        bench.exit(venue, 1, data);
        assertEq(venue.position(), 1);
        assertEq(art.ownerOf(1), address(venue));
        vm.revertToState(id);
    }

    function _badListing(uint256 trick, uint256 x) private returns (ISeaport.Order memory order, bytes memory err) {
        ISeaport.OrderParameters memory o = _listing(art, 2, 950e6, 50e6);
        ISeaport.ConsiderationItem memory ask = o.consideration[x % 2];
        ISeaport.OfferItem memory piece = o.offer[0];
        if (trick == 0) {
            ask.token = address(art); // another token
            err = _wrongItem(ask.itemType, ask.token, 0);
        } else if (trick == 1) {
            (ask.itemType, ask.token) = (ISeaport.ItemType.NATIVE, address(0));
            err = _wrongItem(ask.itemType, ask.token, 0);
        } else if (trick == 2) {
            (ask.itemType, ask.token, ask.identifierOrCriteria) = (ISeaport.ItemType.ERC1155, address(usd), x);
            err = _wrongItem(ask.itemType, ask.token, x);
        } else if (trick == 3) {
            (ask.itemType, ask.token, ask.identifierOrCriteria) = (ISeaport.ItemType.ERC721, address(art), 1);
            (ask.startAmount, ask.endAmount) = (1, 1);
            err = _wrongItem(ask.itemType, ask.token, 1);
        } else if (trick == 4) {
            ask.itemType = x % 4 < 2 ? ISeaport.ItemType.ERC721_WITH_CRITERIA : ISeaport.ItemType.ERC1155_WITH_CRITERIA;
            err = _wrongItem(ask.itemType, ask.token, 0);
        } else if (trick == 5) {
            ask.identifierOrCriteria = x;
            err = _wrongItem(ask.itemType, ask.token, x);
        } else if (trick == 6) {
            ask.endAmount = ask.startAmount + x; // a rising auction
            err = abi.encodeWithSelector(SeaportOrders.AmountRefused.selector, ask.startAmount, ask.endAmount);
        } else if (trick == 7) {
            ask.startAmount = ask.endAmount + x; // a falling one
            err = abi.encodeWithSelector(SeaportOrders.AmountRefused.selector, ask.startAmount, ask.endAmount);
        } else if (trick == 8) {
            ask.recipient = payable(x % 4 < 2 ? address(venue) : address(bench));
            err = abi.encodeWithSelector(SeaportOrders.PartyRefused.selector, ask.recipient);
        } else if (trick == 9) {
            piece.itemType = ISeaport.ItemType(x % 5 == 4 ? 5 : x % 5 >= 2 ? x % 5 + 1 : x % 5); // all but ERC-721
            err = _wrongItem(piece.itemType, address(art), 2);
        } else if (trick == 10) {
            piece.startAmount = piece.endAmount = x;
            err = abi.encodeWithSelector(SeaportOrders.AmountRefused.selector, x, x);
        } else if (trick == 11) {
            piece.endAmount = x;
            err = abi.encodeWithSelector(SeaportOrders.AmountRefused.selector, 1, x);
        } else if (trick == 12) {
            o.offer = new ISeaport.OfferItem[](x % 2 == 0 ? 0 : 2 + x % 3);
            err = abi.encodeWithSelector(SeaportOrders.WrongItemCount.selector, o.offer.length, 2);
        } else if (trick == 13) {
            (o.consideration, o.totalOriginalConsiderationItems) = (new ISeaport.ConsiderationItem[](0), 0);
            err = abi.encodeWithSelector(SeaportOrders.WrongItemCount.selector, 1, 0);
        } else if (trick == 14) {
            SeaportArt other = new SeaportArt(artist, 500);
            other.mint(seller, 2);
            piece.token = address(other);
            err = abi.encodeWithSelector(PieceBook.CollectionRefused.selector, other);
        } else if (trick == 15) {
            o.consideration[0] = _pay(MAX + x, seller);
            uint256 cost = MAX + x + (MAX + x + 50e6) * 500 / 10_000;
            err = abi.encodeWithSelector(SeaportVenue.AboveMaxPrice.selector, address(art), cost, MAX);
        } else if (trick == 16) {
            o.consideration[0] = _pay(1_000e6, seller); // the royalty is then 52.5
            err = abi.encodeWithSelector(SeaportVenue.AboveAssets.selector, 1_052.5e6, 1_000e6);
        } else if (trick == 17) {
            vm.prank(owner);
            venue.setMaxPrice(address(art), 1_000e6);
            (o.consideration, o.totalOriginalConsiderationItems) = (new ISeaport.ConsiderationItem[](1), 1);
            o.consideration[0] = _pay(1_000e6, seller); // fits only without its royalty
            err = abi.encodeWithSelector(SeaportVenue.AboveMaxPrice.selector, address(art), 1_050e6, 1_000e6);
        } else if (trick == 18) {
            (order, err) = _tipped(o, x);
            return (order, err);
        } else {
            return _badlySaid(trick - 19, o, sellerKey, x);
        }
        order = _signed(o, sellerKey);
    }

    function _badOffer(uint256 trick, uint256 x) private returns (ISeaport.Order memory order, bytes memory err) {
        ISeaport.OrderParameters memory o = _offer(art, 1, 2_000e6);
        ISeaport.OfferItem memory sum = o.offer[0];
        ISeaport.ConsiderationItem memory piece = o.consideration[0];
        if (trick == 0) {
            sum.itemType = ISeaport.ItemType(x % 5 == 0 ? 0 : x % 5 + 1); // all but ERC-20
            err = _wrongItem(sum.itemType, address(usd), 0);
        } else if (trick == 1) {
            sum.token = address(art);
            err = _wrongItem(sum.itemType, address(art), 0);
        } else if (trick == 2) {
            sum.endAmount = x;
            err = abi.encodeWithSelector(SeaportOrders.AmountRefused.selector, 2_000e6, x == 2_000e6 ? 0 : x);
            if (x == 2_000e6) sum.endAmount = 0;
        } else if (trick == 3) {
            piece.identifierOrCriteria = x; // another piece
            err = _wrongItem(piece.itemType, address(art), x);
        } else if (trick == 4) {
            piece.itemType = ISeaport.ItemType(x % 5 >= 2 ? x % 5 + 1 : x % 5);
            err = _wrongItem(piece.itemType, address(art), 1);
        } else if (trick == 5) {
            piece.recipient = payable(x % 2 == 0 ? address(venue) : address(bench));
            err = abi.encodeWithSelector(SeaportOrders.PartyRefused.selector, piece.recipient);
        } else if (trick == 6) {
            (o.consideration, o.totalOriginalConsiderationItems) = (new ISeaport.ConsiderationItem[](2), 2);
            (o.consideration[0], o.consideration[1]) = (piece, _pay(2_000e6 + x, buyer)); // more than he pays
            err = abi.encodeWithSelector(SeaportOrders.FeesAbovePrice.selector, 2_000e6 + x, 2_000e6);
        } else if (trick == 7) {
            (o.consideration, o.totalOriginalConsiderationItems) = (new ISeaport.ConsiderationItem[](2), 2);
            (o.consideration[0], o.consideration[1]) = (piece, piece); // a second piece
            err = _wrongItem(piece.itemType, address(art), 1);
        } else if (trick == 8) {
            (o.consideration, o.totalOriginalConsiderationItems) = (new ISeaport.ConsiderationItem[](2), 2);
            (o.consideration[0], o.consideration[1]) = (piece, _pay(1e6, address(venue)));
            err = abi.encodeWithSelector(SeaportOrders.PartyRefused.selector, address(venue));
        } else if (trick == 9) {
            (o.consideration, o.totalOriginalConsiderationItems) = (new ISeaport.ConsiderationItem[](0), 0);
            err = abi.encodeWithSelector(SeaportOrders.WrongItemCount.selector, 1, 0);
        } else if (trick == 10) {
            o.offer = new ISeaport.OfferItem[](x % 2 == 0 ? 0 : 2 + x % 3);
            err = abi.encodeWithSelector(SeaportOrders.WrongItemCount.selector, o.offer.length, 1);
        } else {
            return trick == 11 ? _tipped(o, x) : _badlySaid(trick - 12, o, buyerKey, x);
        }
        order = _signed(o, buyerKey);
    }

    /// An item that the offerer did not sign, put behind those that he did.
    function _tipped(ISeaport.OrderParameters memory o, uint256 x)
        private
        view
        returns (ISeaport.Order memory order, bytes memory err)
    {
        uint256 signed = o.consideration.length;
        order = _signed(o, signed == 2 ? sellerKey : buyerKey);
        order.parameters.consideration = new ISeaport.ConsiderationItem[](signed + 1);
        for (uint256 i = 0; i < signed; ++i) {
            order.parameters.consideration[i] = o.consideration[i];
        }
        order.parameters.consideration[signed] = _pay(x, keeper);
        err = abi.encodeWithSelector(SeaportOrders.TipsRefused.selector, signed + 1, signed);
    }

    /// What is wrong with either kind, in 10 ways.
    function _badlySaid(uint256 trick, ISeaport.OrderParameters memory o, uint256 key, uint256 x)
        private
        returns (ISeaport.Order memory order, bytes memory err)
    {
        bytes32 hash = _hash(o);
        order = ISeaport.Order(o, "");
        if (trick == 0) {
            o.orderType = ISeaport.OrderType(1 + x % 4); // partial, restricted, a contract's
            err = abi.encodeWithSelector(SeaportOrders.OrderTypeRefused.selector, o.orderType);
        } else if (trick == 1) {
            o.zone = address(uint160(x));
            err = abi.encodeWithSelector(SeaportOrders.ZoneRefused.selector, o.zone);
        } else if (trick == 2) {
            o.conduitKey = bytes32(x);
            err = abi.encodeWithSelector(SeaportOrders.ConduitRefused.selector, bytes32(x));
        } else if (trick == 3) {
            o.offerer = x % 2 == 0 ? address(venue) : address(bench);
            err = abi.encodeWithSelector(SeaportOrders.PartyRefused.selector, o.offerer);
        } else if (trick == 4) {
            (o.startTime, o.endTime) = (block.timestamp - 2, block.timestamp); // expired this second
            err = abi.encodeWithSelector(ISeaportErrors.InvalidTime.selector, o.startTime, o.endTime);
        } else if (trick == 5) {
            (o.startTime, o.endTime) = (block.timestamp + 1, block.timestamp + 1 + x);
            err = abi.encodeWithSelector(ISeaportErrors.InvalidTime.selector, o.startTime, o.endTime);
        } else if (trick == 6) {
            return (_signed(o, x), abi.encodeWithSelector(ISeaportErrors.InvalidSigner.selector)); // a stranger's hand
        } else if (trick == 7) {
            ISeaport.OrderComponents[] memory orders = new ISeaport.OrderComponents[](1);
            orders[0] = _components(o);
            vm.prank(o.offerer);
            seaport.cancel(orders);
            err = abi.encodeWithSelector(ISeaportErrors.OrderIsCancelled.selector, hash);
        } else if (trick == 8) {
            order = _signed(o, key);
            vm.prank(o.offerer);
            ISeaportSide(address(seaport)).incrementCounter(); // all his orders at once
            return (order, abi.encodeWithSelector(ISeaportErrors.InvalidSigner.selector));
        } else {
            return (order, abi.encodeWithSelector(ISeaportErrors.InvalidSignature.selector)); // not signed at all
        }
        order = _signed(o, key);
    }

    function _wrongItem(ISeaport.ItemType itemType, address token, uint256 identifier)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(SeaportOrders.WrongItem.selector, itemType, token, identifier);
    }
}
