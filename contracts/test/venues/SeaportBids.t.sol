// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BidEscrow} from "../../src/venues/BidEscrow.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportFixture} from "./SeaportFixture.sol";

/// Standing bids: the money is locked until they expire, and a bid keeps a value without ever making one.
contract SeaportBidsTest is SeaportFixture {
    function test_fuzz_a_bid_cannot_be_withdrawn_before_it_expires(uint256 price, uint256 life, uint256 wait) public {
        price = bound(price, 1, 1_000_000e6);
        life = bound(life, 1, 1_000 days);
        wait = bound(wait, 0, 2_000 days);
        uint256 expiry = block.timestamp + life;
        uint256 bid = _bid(1, price, life);
        assertEq(usd.balanceOf(address(escrow)), price);
        vm.warp(block.timestamp + wait);
        if (wait <= life) {
            vm.prank(buyer);
            vm.expectRevert(abi.encodeWithSelector(BidEscrow.NotExpired.selector, bid, expiry));
            escrow.withdraw(bid);
            (uint256 pays, uint256 until) = escrow.quote(bid, address(art), 1);
            assertEq(pays, price);
            assertEq(until, expiry);
        } else {
            vm.expectRevert(abi.encodeWithSelector(BidEscrow.NotStanding.selector, bid));
            escrow.quote(bid, address(art), 1);
            escrow.withdraw(bid); // anyone, to the bidder
            assertEq(usd.balanceOf(buyer), 1_000_000e6);
            vm.expectRevert(abi.encodeWithSelector(BidEscrow.NotStanding.selector, bid));
            escrow.withdraw(bid);
        }
    }

    function test_only_the_venue_hits_and_only_for_the_piece_named() public {
        uint256 bid = _bid(1, 1_500e6, DECAY);
        vm.expectRevert(abi.encodeWithSelector(BidEscrow.NotVenue.selector, address(this)));
        escrow.hit(bid, address(art), 1);
        vm.startPrank(address(venue));
        vm.expectRevert(abi.encodeWithSelector(BidEscrow.NotCovered.selector, bid, address(art), 2));
        escrow.hit(bid, address(art), 2);
        vm.expectRevert(abi.encodeWithSelector(BidEscrow.NotCovered.selector, bid, address(usd), 1));
        escrow.hit(bid, address(usd), 1);
        vm.expectRevert(abi.encodeWithSelector(BidEscrow.NotStanding.selector, bid + 1));
        escrow.hit(bid + 1, address(art), 1);
        (address bidder, uint256 price) = escrow.hit(bid, address(art), 1);
        vm.stopPrank();
        assertEq(bidder, buyer);
        assertEq(price, 1_500e6);
        assertEq(escrow.bidOf(bid).price, 0);
        assertEq(usd.balanceOf(address(venue)), 1_500e6);
    }

    function test_a_bid_without_money_or_time_is_refused() public {
        vm.startPrank(buyer);
        vm.expectRevert(abi.encodeWithSelector(BidEscrow.BadBid.selector, 0, block.timestamp + 1));
        escrow.place(address(art), 1, false, 0, uint48(block.timestamp + 1));
        vm.expectRevert(abi.encodeWithSelector(BidEscrow.BadBid.selector, 1, block.timestamp));
        escrow.place(address(art), 1, false, 1, uint48(block.timestamp));
        vm.stopPrank();
    }

    function test_a_bid_for_any_piece_buys_any_and_backs_one() public {
        vm.prank(buyer);
        uint256 bid = escrow.place(address(art), 0, true, 2_000e6, uint48(block.timestamp + DECAY));
        _bought(1, 1_000e6, bid);
        assertEq(venue.value(), 1_000e6);
        art.mint(seller, 2);
        bytes memory data = _purchase(_signed(_listing(art, 2, 950e6, 50e6), sellerKey), bid);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.BidBacksAnother.selector, bid));
        bench.enter(venue, 1_000e6, data);
        _bought(3, 1_000e6, 0);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.BidBacksAnother.selector, bid));
        bench.exit(venue, 1, _sale(address(art), 3, bid, "")); // the value of 1 hangs on it
        bench.exit(venue, 1, _sale(address(art), 1, 0, abi.encode(_signed(_offer(art, 1, 2_000e6), buyerKey))));
        assertEq(bench.exit(venue, 1, _sale(address(art), 3, bid, "")), 1_900e6); // free once 1 is gone
    }

    function test_a_bid_must_outlast_the_decay_to_back_a_piece() public {
        uint256 bid = _bid(1, 2_000e6, DECAY - 1);
        art.mint(seller, 1);
        bytes memory data = _purchase(_signed(_listing(art, 1, 950e6, 50e6), sellerKey), bid);
        uint256 now_ = block.timestamp;
        vm.expectRevert(abi.encodeWithSelector(PieceBook.BidTooShort.selector, bid, now_ + DECAY - 1, now_ + DECAY));
        bench.enter(venue, 1_000e6, data);
    }

    function test_a_later_bid_makes_no_value() public {
        _bought(1, 1_000e6, 0);
        uint256 bid = _bid(1, 5_000e6, 2 * uint256(DECAY));
        vm.expectRevert(abi.encodeWithSelector(PieceBook.NothingCarried.selector, address(art), 1));
        venue.confirm(address(art), 1, bid);
        assertEq(venue.value(), 0);
    }

    function test_fuzz_confirming_keeps_a_value_and_never_raises_it(uint256 first, uint256 second, uint256 age) public {
        first = bound(first, 100, 5_000e6);
        second = bound(second, 100, 5_000e6);
        age = bound(age, 0, DECAY - 1);
        uint256 start = block.timestamp;
        _bought(1, 1_000e6, _bid(1, first, DECAY));
        uint256 floor = _held(1).floor;
        vm.warp(start + age);
        uint256 bid = _bid(1, second, DECAY);
        uint256 before = venue.value();
        uint256 leaves = second - second / 10;
        if (before == 0) {
            vm.expectRevert(abi.encodeWithSelector(PieceBook.NothingCarried.selector, address(art), 1));
        } else if (leaves < floor) {
            vm.expectRevert(abi.encodeWithSelector(PieceBook.BelowFloor.selector, leaves, floor));
        }
        venue.confirm(address(art), 1, bid);
        assertEq(venue.value(), before, "nothing changes now");
        vm.warp(start + age + DECAY / 2);
        assertLe(venue.value(), before);
        if (before != 0 && leaves >= floor) {
            assertEq(venue.value(), before / 2);
            uint256 value = venue.value();
            assertGe(bench.exit(venue, 1, _sale(address(art), 1, bid, "")), value);
        }
    }

    function test_the_same_bid_may_be_confirmed_again_while_it_lasts() public {
        uint256 start = block.timestamp;
        uint256 bid = _bid(1, 2_000e6, 2 * uint256(DECAY));
        _bought(1, 1_000e6, bid);
        vm.warp(start + DECAY / 2);
        venue.confirm(address(art), 1, bid);
        assertEq(venue.value(), 500e6);
        vm.warp(start + DECAY);
        assertEq(venue.value(), 250e6);
        venue.confirm(address(art), 1, bid);
        vm.warp(start + DECAY + 1);
        vm.expectPartialRevert(PieceBook.BidTooShort.selector);
        venue.confirm(address(art), 1, bid);
    }

    function test_an_expired_bid_cannot_be_hit() public {
        uint256 bid = _bid(1, 2_000e6, DECAY);
        _bought(1, 1_000e6, bid);
        vm.warp(block.timestamp + DECAY + 1);
        assertEq(venue.value(), 0);
        vm.expectRevert(abi.encodeWithSelector(BidEscrow.NotStanding.selector, bid));
        bench.exit(venue, 1, _sale(address(art), 1, bid, ""));
    }
}
