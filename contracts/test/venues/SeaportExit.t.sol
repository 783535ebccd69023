// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {BidEscrow} from "../../src/venues/BidEscrow.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportVenue} from "../../src/venues/SeaportVenue.sol";
import {SeaportFixture} from "./SeaportFixture.sol";
import {SeaportFeeDollar} from "./SeaportParts.sol";

/// Selling: into standing bids, into buyers' orders, and the money of what a listing sold.
contract SeaportExitTest is SeaportFixture {
    function test_fuzz_whatever_is_carried_is_paid_by_the_bid_behind_it(uint256 price, uint256 age, uint96 royalty)
        public
    {
        price = bound(price, 1, 5_000e6);
        age = bound(age, 0, DECAY);
        uint256 bid = _bid(1, price, DECAY);
        _bought(1, 1_000e6, bid);
        art.setRoyalty(artist, uint96(bound(royalty, 0, 10_000))); // raised behind our back, up to all of it
        vm.warp(block.timestamp + age);
        uint256 value = venue.value();
        uint256 got = bench.exit(venue, 1, _sale(address(art), 1, bid, ""));
        assertGe(got, value);
        assertEq(usd.balanceOf(address(venue)), 0);
        assertEq(art.ownerOf(1), buyer);
        assertEq(venue.position(), 0);
    }

    function test_a_piece_is_sold_into_a_buyers_order_to_the_vault_alone() public {
        _bought(1, 1_000e6, 0);
        uint256 before = usd.balanceOf(address(bench));
        uint256 artistBefore = usd.balanceOf(artist);
        bytes memory order = abi.encode(_signed(_offer(art, 1, 2_000e6), buyerKey));
        assertEq(bench.exit(venue, 1, _sale(address(art), 1, 0, order)), 1_900e6);
        assertEq(usd.balanceOf(address(bench)) - before, 1_900e6);
        assertEq(usd.balanceOf(artist) - artistBefore, 100e6, "the royalty of the sale");
        assertEq(usd.balanceOf(address(venue)), 0);
        assertEq(art.ownerOf(1), buyer);
        _noApprovals(1);
    }

    function test_fuzz_a_buyers_fees_come_out_of_what_he_offers_and_a_royalty_among_them_is_paid_once(
        uint256 price,
        uint256 fee,
        uint256 royalty
    ) public {
        (price, fee, royalty) = (bound(price, 100, 9_000e6), bound(fee, 1, 200), bound(royalty, 1, 600));
        (fee, royalty) = (price * fee / 10_000 + 1, price * royalty / 10_000 + 1);
        _bought(1, 1, 0); // so that no floor is in the way
        uint256 artistBefore = usd.balanceOf(artist);
        ISeaport.OrderParameters memory order = _offer(art, 1, price);
        ISeaport.ConsiderationItem memory piece = order.consideration[0];
        order.consideration = new ISeaport.ConsiderationItem[](3);
        (order.consideration[0], order.consideration[1]) = (piece, _pay(fee, keeper));
        (order.consideration[2], order.totalOriginalConsiderationItems) = (_pay(royalty, artist), 3);
        usd.mint(address(venue), 5e6); // a gift is not touched
        uint256 asked = price * 500 / 10_000;
        uint256 artistGets = royalty > asked ? royalty : asked;
        bytes memory data = _sale(address(art), 1, 0, abi.encode(_signed(order, buyerKey)));
        assertEq(bench.exit(venue, 1, data), price - fee - artistGets);
        assertEq(usd.balanceOf(artist) - artistBefore, artistGets);
        assertEq(usd.balanceOf(address(venue)), 5e6);
        _noApprovals(1);
    }

    function test_several_are_sold_in_one_exit_each_its_own_way() public {
        uint256 bid = _bid(1, 500e6, DECAY);
        _bought(1, 400e6, bid);
        _bought(2, 400e6, 0);
        _bought(3, 400e6, 0);
        _list(3, 500e6, LISTING);
        _take(3);
        SeaportVenue.Sale[] memory sales = new SeaportVenue.Sale[](3);
        sales[0] = SeaportVenue.Sale(address(art), 1, bid, "");
        sales[1] = SeaportVenue.Sale(address(art), 2, 0, abi.encode(_signed(_offer(art, 2, 600e6), buyerKey)));
        sales[2] = SeaportVenue.Sale(address(art), 3, 0, "");
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.WrongCount.selector, 2, 3));
        bench.exit(venue, 2, abi.encode(sales));
        assertEq(bench.exit(venue, 3, abi.encode(sales)), 475e6 + 570e6 + 475e6);
        assertEq(venue.position(), 0);
    }

    function test_nothing_goes_below_its_floor_and_only_the_timelock_lowers_it() public {
        _bought(1, 1_000e6, 0);
        bytes memory order = abi.encode(_signed(_offer(art, 1, 1_000e6), buyerKey)); // leaves 950 after the royalty
        vm.expectRevert(abi.encodeWithSelector(PieceBook.BelowFloor.selector, 950e6, 1_000e6));
        bench.exit(venue, 1, _sale(address(art), 1, 0, order));
        address[3] memory others = [keeper, guardian, curator];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(PieceBook.NotAllowed.selector, others[i]));
            venue.lowerFloor(address(art), 1, 900e6);
        }
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.FloorNotLower.selector, 1_000e6, 1_000e6));
        venue.lowerFloor(address(art), 1, 1_000e6);
        venue.lowerFloor(address(art), 1, 950e6);
        vm.stopPrank();
        assertEq(bench.exit(venue, 1, _sale(address(art), 1, 0, order)), 950e6);
    }

    function test_a_lower_floor_is_a_lower_value() public {
        _bought(1, 1_000e6, _bid(1, 2_000e6, DECAY));
        vm.prank(owner);
        venue.lowerFloor(address(art), 1, 300e6);
        assertEq(venue.value(), 300e6);
    }

    function test_a_royalty_that_cannot_be_paid_blocks_no_exit() public {
        uint256 bid = _bid(1, 2_000e6, DECAY);
        _bought(1, 1_000e6, bid);
        // as a dollar with a list of its own would
        vm.mockCallRevert(address(usd), abi.encodeCall(IERC20.transfer, (artist, 100e6)), "blocked");
        assertEq(bench.exit(venue, 1, _sale(address(art), 1, bid, "")), 2_000e6);
    }
}

/// An asset that begins to charge on transfers is noticed by what arrives.
contract SeaportFeeTest is SeaportFixture {
    function _dollar() internal override returns (DevDollar) {
        return new SeaportFeeDollar(address(this));
    }

    function test_a_sale_or_a_bid_that_delivers_less_is_refused() public {
        _bought(1, 1_000e6, 0);
        SeaportFeeDollar(address(usd)).charge();
        bytes memory data = _sale(address(art), 1, 0, abi.encode(_signed(_offer(art, 1, 2_000e6), buyerKey)));
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.WrongPayment.selector, 2_000e6, 1_980e6));
        bench.exit(venue, 1, data);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(BidEscrow.WrongPayment.selector, 2_000e6, 1_980e6));
        escrow.place(address(art), 1, false, 2_000e6, uint48(block.timestamp + DECAY));
    }
}
