// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportOrders} from "../../src/venues/SeaportOrders.sol";
import {SeaportVenue} from "../../src/venues/SeaportVenue.sol";
import {SeaportFixture} from "./SeaportFixture.sol";
import {ISeaportErrors} from "./SeaportParts.sol";

/// Listings that the venue writes: validated on chain, sold by Seaport to anyone, their money going home by an exit.
contract SeaportListingTest is SeaportFixture {
    function setUp() public override {
        super.setUp();
        _bought(1, 1_000e6, 0);
    }

    function test_anyone_buys_a_listing_and_the_money_goes_home() public {
        bytes32 hash = _list(1, 2_000e6, LISTING);
        assertEq(hash, _hash(_ours(1).parameters), "what a buyer rebuilds is what was validated");
        assertEq(art.getApproved(1), address(seaport));
        uint256 artistBefore = usd.balanceOf(artist);
        uint256 vaultBefore = usd.balanceOf(address(bench));
        _take(1);
        assertEq(art.ownerOf(1), buyer);
        assertEq(usd.balanceOf(artist) - artistBefore, 100e6);
        assertTrue(venue.isSold(address(art), 1));
        assertEq(venue.value(), 1_900e6, "the money counts before it is home");
        assertEq(venue.position(), 1, "as one unit");
        assertEq(bench.exit(venue, 1, _sale(address(art), 1, 0, "")), 1_900e6);
        assertEq(usd.balanceOf(address(bench)) - vaultBefore, 1_900e6);
        assertEq(venue.value() + venue.position() + usd.balanceOf(address(venue)), 0);
        _noApprovals(1);
    }

    function test_a_collection_brings_the_money_once_and_leaves_the_unit_to_be_struck() public {
        _bought(2, 1_000e6, 0);
        _list(1, 2_000e6, LISTING);
        _list(2, 2_000e6, LISTING);
        _take(1);
        uint256 before = usd.balanceOf(address(bench));
        vm.startPrank(address(bench));
        assertEq(venue.collect(), 1_900e6);
        assertEq(venue.collect(), 0);
        vm.stopPrank();
        assertEq(usd.balanceOf(address(bench)) - before, 1_900e6);
        assertEq(venue.position(), 2);
        assertEq(venue.value(), 0);
        assertEq(bench.exit(venue, 1, _sale(address(art), 1, 0, "")), 0);
        assertEq(venue.position(), 1);
    }

    function test_a_sale_made_meanwhile_pays_out_whatever_the_exit_names() public {
        _list(1, 2_000e6, LISTING);
        uint256 bid = _bid(1, 3_000e6, DECAY);
        _take(1);
        assertEq(bench.exit(venue, 1, _sale(address(art), 1, bid, "")), 1_900e6);
        (uint256 price,) = escrow.quote(bid, address(art), 1);
        assertEq(price, 3_000e6, "the bid still stands");
    }

    function test_a_sold_piece_can_be_bought_again_only_once_its_money_is_home() public {
        _list(1, 2_000e6, LISTING);
        _take(1);
        vm.prank(buyer);
        art.transferFrom(buyer, seller, 1);
        bytes memory data = _purchase(_signed(_listing(art, 1, 950e6, 50e6), sellerKey), 0);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.HeldAlready.selector, address(art), 1));
        bench.enter(venue, 1_000e6, data);
        bench.exit(venue, 1, _sale(address(art), 1, 0, ""));
        bench.enter(venue, 1_000e6, data);
        assertEq(venue.position(), 1);
        assertEq(venue.value(), 0, "nothing of its first life counts");
        assertFalse(venue.isSold(address(art), 1));
    }

    function test_an_old_listing_is_not_good_again_when_the_piece_comes_back() public {
        _list(1, 1_100e6, LISTING);
        ISeaport.Order memory old = _ours(1);
        bytes32 oldHash = _hash(old.parameters);
        bench.exit(venue, 1, _sale(address(art), 1, 0, abi.encode(_signed(_offer(art, 1, 2_000e6), buyerKey))));
        _noApprovals(1);
        vm.prank(buyer);
        art.transferFrom(buyer, seller, 1);
        bench.enter(venue, 3_000e6, _purchase(_signed(_listing(art, 1, 2_850e6, 150e6), sellerKey), 0));
        _list(1, 4_000e6, LISTING);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(ISeaportErrors.OrderIsCancelled.selector, oldHash));
        seaport.fulfillOrder(old, 0);
    }

    function test_cancelling_takes_the_approval_back() public {
        address[3] memory who = [keeper, curator, guardian];
        for (uint256 i = 0; i < 3; ++i) {
            bytes32 hash = _list(1, 2_000e6, LISTING);
            ISeaport.Order memory order = _ours(1);
            vm.expectRevert(abi.encodeWithSelector(PieceBook.NotAllowed.selector, address(this)));
            venue.cancel(address(art), 1);
            vm.prank(who[i]);
            venue.cancel(address(art), 1);
            _noApprovals(1);
            vm.prank(buyer);
            vm.expectRevert(abi.encodeWithSelector(ISeaportErrors.OrderIsCancelled.selector, hash));
            seaport.fulfillOrder(order, 0);
        }
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.NotListed.selector, address(art), 1));
        venue.cancel(address(art), 1);
    }

    function test_an_expired_listing_is_dead_and_anyone_clears_it() public {
        uint256 start = block.timestamp;
        _list(1, 2_000e6, LISTING);
        ISeaport.Order memory order = _ours(1);
        vm.warp(start + LISTING - 1);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.NotAllowed.selector, address(this)));
        venue.cancel(address(art), 1);
        vm.warp(start + LISTING);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(ISeaportErrors.InvalidTime.selector, 0, start + LISTING));
        seaport.fulfillOrder(order, 0);
        venue.cancel(address(art), 1);
        _noApprovals(1);
    }

    function test_a_sold_listing_cannot_be_cancelled_or_listed_again() public {
        bytes32 hash = _list(1, 2_000e6, LISTING);
        vm.startPrank(keeper);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.AlreadyListed.selector, hash));
        venue.list(address(art), 1, 2_000e6, block.timestamp + 1);
        vm.stopPrank();
        _take(1);
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.AlreadySold.selector, hash));
        venue.cancel(address(art), 1);
    }

    function test_fuzz_a_listing_asks_the_floor_or_more_and_stands_for_a_bounded_time(uint256 price, uint256 expiry)
        public
    {
        price = bound(price, 1, price % 4 == 0 ? type(uint128).max : 2_000e6);
        expiry = bound(expiry, 0, block.timestamp + 2 * uint256(LISTING));
        uint256 net = price - price * 500 / 10_000;
        uint256 latest = block.timestamp + LISTING;
        bytes memory err;
        if (expiry <= block.timestamp || expiry > latest) {
            err = abi.encodeWithSelector(SeaportVenue.BadExpiry.selector, expiry, latest);
        } else if (net < 1_000e6) {
            err = abi.encodeWithSelector(PieceBook.BelowFloor.selector, net, 1_000e6);
        }
        if (err.length != 0) vm.expectRevert(err);
        vm.prank(keeper);
        venue.list(address(art), 1, price, expiry);
        assertEq(art.getApproved(1), err.length == 0 ? address(seaport) : address(0));
    }

    function test_the_edges_of_a_listing() public {
        uint256 now_ = block.timestamp;
        vm.startPrank(keeper);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.BadExpiry.selector, now_, now_ + LISTING));
        venue.list(address(art), 1, 2_000e6, now_);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.BelowFloor.selector, 1_000e6 - 1, 1_000e6));
        venue.list(address(art), 1, 1_052_631_577, now_ + 1); // less 5 % rounded down
        venue.list(address(art), 1, 1_052_631_578, now_ + 1);
        vm.stopPrank();
    }

    function test_only_the_keeper_lists_and_only_what_is_held() public {
        address[3] memory others = [owner, curator, guardian];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(PieceBook.NotAllowed.selector, others[i]));
            venue.list(address(art), 1, 2_000e6, block.timestamp + 1);
        }
        art.mint(address(venue), 2); // a gift
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.NotHeld.selector, address(art), 2));
        venue.list(address(art), 2, 2_000e6, block.timestamp + 1);
    }

    function test_a_listing_without_a_royalty_pays_the_venue_alone() public {
        art.setRoyalty(artist, 0);
        _list(1, 1_000e6, LISTING);
        assertEq(_ours(1).parameters.consideration.length, 1);
        _take(1);
        assertEq(venue.value(), 1_000e6);
    }

    /// The venue answers no ERC-1271 question, so no key can sign in its name: neither a sale nor a purchase.
    function test_nobody_signs_for_the_venue() public {
        (address thief, uint256 key) = makeAddrAndKey("thief");
        bench.grantRole(keccak256("KEEPER_ROLE"), thief);
        _list(1, 2_000e6, LISTING);
        ISeaport.Order memory order = _ours(1);
        order.parameters.consideration = new ISeaport.ConsiderationItem[](1);
        order.parameters.consideration[0] = _pay(1, thief);
        order.parameters.totalOriginalConsiderationItems = 1;
        order.parameters.endTime = block.timestamp + 1 days;
        order = _signed(order.parameters, key);
        vm.prank(buyer);
        vm.expectRevert(ISeaportErrors.BadContractSignature.selector);
        seaport.fulfillOrder(order, 0);
    }

    function test_our_own_listing_is_no_purchase() public {
        _list(1, 2_000e6, LISTING);
        bytes memory data = _purchase(_ours(1), 0);
        vm.expectRevert(abi.encodeWithSelector(SeaportOrders.PartyRefused.selector, address(venue)));
        bench.enter(venue, 2_000e6, data);
    }
}
