// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {RoyaltyValidator} from "../../src/media/RoyaltyValidator.sol";
import {BidEscrow} from "../../src/venues/BidEscrow.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportOrders} from "../../src/venues/SeaportOrders.sol";
import {SeaportVenue} from "../../src/venues/SeaportVenue.sol";
import {RoyaltyFixture} from "../media/RoyaltyFixture.sol";
import {SeaportBench} from "./SeaportParts.sol";

/// Patron's own MediaAsset behind a royalty validator that knows Seaport as a venue that pays: the venue names it as
/// its zone.
contract SeaportMediaTest is RoyaltyFixture {
    SeaportBench private _bench;
    SeaportVenue private _venue;
    BidEscrow private _escrow;

    function setUp() public {
        _market(false);
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        _bench = new SeaportBench(address(usd));
        usd.mint(address(_bench), 10 * PRICE);
        _bench.grantRole(keccak256("OWNER_ROLE"), address(this));
        _bench.grantRole(keccak256("KEEPER_ROLE"), address(this));
        _venue = _made(address(validator));
        _escrow = _venue.escrow();
    }

    function test_a_zone_that_is_not_named_is_refused() public {
        _venue = _made(address(0));
        ISeaport.Order memory order = _listing(PRICE, ROYALTY, address(validator));
        vm.expectRevert(abi.encodeWithSelector(SeaportOrders.ZoneRefused.selector, validator));
        _buy(order, 0);
    }

    function test_bought_listed_and_sold_through_the_zone() public {
        _buy(_listing(PRICE, ROYALTY, address(validator)), 0);
        assertEq(media.ownerOf(id), address(_venue));
        _venue.list(address(media), id, 2 * PRICE, block.timestamp + 1 days);
        SeaportOrders.Ask memory ask = _venue.held()[0].ask;
        ISeaport.OrderParameters memory p = _order(address(_venue), address(validator), 2);
        p.offer[0] = _asset();
        (p.consideration[0], p.consideration[1]) = (_dollars(ask.net, address(_venue)), _dollars(ask.royalty, revenue));
        (p.startTime, p.endTime, p.salt) = (0, ask.expiry, ask.salt);
        vm.prank(buyer);
        seaport.fulfillOrder(ISeaport.Order(p, ""), 0);
        assertEq(media.ownerOf(id), buyer);
        assertEq(_sell(0, ""), 2 * (PRICE - ROYALTY));
        assertEq(usd.balanceOf(revenue), 3 * ROYALTY);
    }

    function test_a_cancelled_listing_through_the_zone_is_dead() public {
        _buy(_listing(PRICE, ROYALTY, address(validator)), 0);
        bytes32 hash = _venue.list(address(media), id, 2 * PRICE, block.timestamp + 1 days);
        _venue.cancel(address(media), id);
        (, bool cancelled,,) = seaport.getOrderStatus(hash);
        assertTrue(cancelled);
    }

    function test_a_buyers_order_through_the_zone_pays_the_royalty_once() public {
        _buy(_listing(PRICE, ROYALTY, address(validator)), 0);
        assertEq(_sell(0, abi.encode(_bid(2 * PRICE, 2 * ROYALTY, address(validator)))), 2 * (PRICE - ROYALTY));
        assertEq(usd.balanceOf(revenue), 3 * ROYALTY);
        assertEq(media.ownerOf(id), buyer);
    }

    /// Hitting a bid is a transfer of the owner's own: where those are refused, the venue must be vouched for.
    function test_hitting_a_bid_needs_the_validators_trust() public {
        vm.startPrank(buyer);
        usd.approve(address(_escrow), 2 * PRICE);
        uint256 bid = _escrow.place(address(media), id, false, 2 * PRICE, uint48(block.timestamp + 14 days));
        vm.stopPrank();
        _buy(_listing(PRICE, ROYALTY, address(validator)), bid);
        assertEq(_venue.value(), PRICE);
        bytes memory data = _sale(bid, "");
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.DirectTransferRefused.selector, _venue));
        _bench.exit(_venue, 1, data);
        _stand(address(_venue), RoyaltyValidator.Standing.Vouched);
        assertEq(_sell(bid, ""), 2 * (PRICE - ROYALTY));
        assertEq(media.ownerOf(id), buyer);
    }

    /// One venue, one collection; the exact restricted order only with the zone that was named.
    function test_restricted_without_a_zone_is_refused() public {
        ISeaport.Order memory order = _listing(PRICE, ROYALTY, address(0));
        order.parameters.orderType = ISeaport.OrderType.FULL_RESTRICTED;
        bytes memory err =
            abi.encodeWithSelector(SeaportOrders.OrderTypeRefused.selector, ISeaport.OrderType.FULL_RESTRICTED);
        vm.expectRevert(err);
        _buy(order, 0);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.NotHeld.selector, media, id));
        _venue.isSold(address(media), id);
    }

    function _made(address zone) private returns (SeaportVenue venue) {
        venue = new SeaportVenue(address(_bench), seaport, 0, zone, 14 days, 30 days);
        venue.setMaxPrice(address(media), uint128(10 * PRICE));
    }

    function _buy(ISeaport.Order memory order, uint256 bid) private {
        SeaportVenue.Purchase[] memory purchases = new SeaportVenue.Purchase[](1);
        purchases[0] = SeaportVenue.Purchase(order, bid);
        _bench.enter(_venue, PRICE, abi.encode(purchases));
    }

    function _sell(uint256 bid, bytes memory order) private returns (uint256) {
        return _bench.exit(_venue, 1, _sale(bid, order));
    }

    function _sale(uint256 bid, bytes memory order) private view returns (bytes memory) {
        SeaportVenue.Sale[] memory sales = new SeaportVenue.Sale[](1);
        sales[0] = SeaportVenue.Sale(address(media), id, bid, order);
        return abi.encode(sales);
    }
}
