// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

import {BidEscrow} from "../../src/venues/BidEscrow.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportOrders} from "../../src/venues/SeaportOrders.sol";
import {SeaportVenue} from "../../src/venues/SeaportVenue.sol";
import {SeaportHandler} from "./SeaportHandler.sol";

/// What must hold of the Seaport venue, whatever its vault, its keeper, sellers, buyers and bidders do.
contract SeaportInvariants is Test {
    SeaportHandler private _handler;
    SeaportVenue private _venue;
    BidEscrow private _escrow;
    IERC721 private _art;
    IERC20 private _usd;
    address private _seaport;
    address private _bench;

    function setUp() public {
        _handler = new SeaportHandler();
        (address venue, address escrow, address art, address usd, address seaport, address bench) = _handler.at();
        (_venue, _escrow, _art, _usd) = (SeaportVenue(venue), BidEscrow(escrow), IERC721(art), IERC20(usd));
        (_seaport, _bench) = (seaport, bench);
        bytes4[] memory selectors = new bytes4[](12);
        selectors[0] = SeaportHandler.buy.selector;
        selectors[1] = SeaportHandler.bidFor.selector;
        selectors[2] = SeaportHandler.withdraw.selector;
        selectors[3] = SeaportHandler.confirm.selector;
        selectors[4] = SeaportHandler.list.selector;
        selectors[5] = SeaportHandler.cancel.selector;
        selectors[6] = SeaportHandler.take.selector;
        selectors[7] = SeaportHandler.hit.selector;
        selectors[8] = SeaportHandler.fulfil.selector;
        selectors[9] = SeaportHandler.give.selector;
        selectors[10] = SeaportHandler.wait_.selector;
        selectors[11] = SeaportHandler.collect.selector;
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), selectors));
    }

    /// A value rises only by a purchase, or by a sale that a listing of ours made.
    function invariant_bids_never_raise_a_value() public view {
        assertEq(_handler.worstRise(), 0);
    }

    function invariant_what_a_piece_is_carried_at_is_payable() public {
        _handler.payable_();
        assertEq(_handler.worstLoss(), 0, "an exit brought less than it took from the value");
    }

    function invariant_carried_at_most_floor_at_most_cost_and_backed_by_a_bid_of_its_own() public view {
        PieceBook.Piece[] memory all = _handler.pieces();
        for (uint256 i = 0; i < all.length; ++i) {
            PieceBook.Piece memory piece = all[i];
            assertLe(piece.carried, piece.floor);
            assertLe(piece.floor, piece.cost);
            if (piece.carried == 0 || piece.confirmedAt + _venue.decayPeriod() <= block.timestamp) continue;
            BidEscrow.Bid memory bid = _escrow.bidOf(piece.bid);
            assertEq(_venue.backing(piece.bid), keccak256(abi.encode(piece.collection, piece.tokenId)));
            assertGe(bid.expiry, piece.confirmedAt + _venue.decayPeriod());
            assertGe(SeaportOrders.leastNet(bid.price), piece.carried);
        }
    }

    function invariant_units_are_purchases_less_exits_and_each_is_held_or_sold_by_a_listing() public view {
        assertEq(_venue.position(), _handler.bought() - _handler.sold());
        PieceBook.Piece[] memory all = _handler.pieces();
        for (uint256 i = 0; i < all.length; ++i) {
            bool isSold = _venue.isSold(all[i].collection, all[i].tokenId);
            assertEq(_art.ownerOf(all[i].tokenId) == address(_venue), !isSold);
        }
    }

    /// The venue holds the money of sold listings and what was given to it, to the unit; the escrow every standing bid.
    function invariant_money_is_where_the_book_says() public view {
        uint256 proceeds = 0;
        PieceBook.Piece[] memory all = _handler.pieces();
        for (uint256 i = 0; i < all.length; ++i) {
            if (_venue.isSold(all[i].collection, all[i].tokenId)) proceeds += all[i].ask.net;
        }
        assertEq(_usd.balanceOf(address(_venue)), proceeds + _handler.given());
        assertEq(_usd.balanceOf(address(_escrow)), _handler.escrowed());
    }

    function invariant_approvals_stand_only_while_a_listing_does() public view {
        assertEq(_usd.allowance(address(_venue), _seaport), 0);
        assertEq(_usd.allowance(_bench, address(_venue)), 0);
        PieceBook.Piece[] memory all = _handler.pieces();
        for (uint256 i = 0; i < all.length; ++i) {
            if (_venue.isSold(all[i].collection, all[i].tokenId)) continue;
            assertEq(_art.getApproved(all[i].tokenId), all[i].ask.hash == 0 ? address(0) : _seaport);
        }
    }

    /// Every kind of move reaches the venue, so that the sentences above are about something.
    function test_the_handlers_moves_reach_the_venue() public {
        _handler.buy(600e6, 800e6, true);
        _handler.buy(600e6, 0, false);
        _handler.wait_(1 days);
        _handler.confirm(0, 900e6);
        _handler.list(1, 800e6, 1 days);
        _handler.take(1);
        assertEq(_venue.value(), uint256(600e6) * 13 / 14 + _handler.pieces()[1].ask.net);
        _handler.hit(1, 0);
        _handler.hit(0, 0);
        assertEq(_handler.sold(), 2);
        assertGt(_handler.got(), 900e6);
    }
}
