// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportFixture} from "./SeaportFixture.sol";

/// Random moves of everybody around one venue: the vault buys and sells, bidders bid and leave, the keeper lists,
/// buyers take, anyone confirms, clears, and gives things away. Keeps its own book. Each move is legal, so none may
/// revert.
contract SeaportHandler is SeaportFixture {
    uint256 public nextId = 1;
    uint256 public bought;
    uint256 public sold;
    uint256 public got;
    uint256 public given;
    uint256 public escrowed;
    /// How far a value ever rose but by a purchase or a sale of a listing.
    uint256 public worstRise;
    /// How far an exit ever brought less than what it took from the value.
    uint256 public worstLoss;
    mapping(bytes32 move => uint256) public calls;

    constructor() {
        setUp();
    }

    modifier moves(bytes32 name, bool mayRise) {
        uint256 before = venue.value();
        _;
        uint256 value = venue.value();
        if (!mayRise && value > before + worstRise) worstRise = value - before;
        ++calls[name];
    }

    function pieces() external view returns (PieceBook.Piece[] memory) {
        return venue.held();
    }

    /// One to three at a time, so that the book grows faster than the exits empty it.
    function buy(uint256 price, uint256 bidPrice, bool withBid) external moves("buy", true) {
        price = bound(price, 100, 900e6);
        bidPrice = bound(bidPrice, 2, 2_000e6);
        for (uint256 i = 0; i <= price % 3 && venue.position() < venue.MAX_PIECES(); ++i) {
            usd.mint(address(bench), price);
            _bought(nextId, price, withBid ? _place(nextId, bidPrice, DECAY) : 0);
            (++nextId, ++bought);
        }
    }

    function bidFor(uint256 pick, uint256 price, uint256 life) external moves("bid", false) {
        _place(pick % nextId, bound(price, 1, 2_000e6), bound(life, 1, 4 * uint256(DECAY)));
    }

    function withdraw(uint256 pick) external moves("withdraw", false) {
        uint256 bid = pick % (escrow.count() + 1);
        uint256 price = escrow.bidOf(bid).price;
        if (price == 0 || escrow.bidOf(bid).expiry >= block.timestamp) return;
        escrow.withdraw(bid);
        escrowed -= price;
    }

    /// Whatever it says, the value does not move by it; refused unless the state explains why it should pass.
    function confirm(uint256 pick, uint256 seed) external moves("confirm", false) {
        (bool any, PieceBook.Piece memory piece) = _pick(pick);
        if (!any) return;
        uint256 bid = _place(piece.tokenId, bound(seed, 1, 2_000e6), DECAY);
        uint256 before = venue.value();
        try venue.confirm(address(art), piece.tokenId, bid) {
            assertEq(venue.value(), before);
        } catch (bytes memory err) {
            bool explained =
                bytes4(err) == PieceBook.NothingCarried.selector || bytes4(err) == PieceBook.BelowFloor.selector;
            assertTrue(explained);
        }
    }

    function list(uint256 pick, uint256 price, uint256 life) external moves("list", false) {
        (bool any, PieceBook.Piece memory piece) = _pick(pick);
        if (!any || piece.ask.hash != 0) return;
        uint256 least = uint256(piece.floor) * 20 / 19 + 1;
        _list(piece.tokenId, bound(price, least, least + 1_000e6), bound(life, 1, LISTING));
    }

    function cancel(uint256 pick) external moves("cancel", false) {
        (bool any, PieceBook.Piece memory piece) = _pick(pick);
        if (!any || piece.ask.hash == 0 || venue.isSold(address(art), piece.tokenId)) return;
        if (block.timestamp < piece.ask.expiry) vm.prank(guardian);
        venue.cancel(address(art), piece.tokenId);
    }

    function take(uint256 pick) external moves("take", true) {
        (bool any, PieceBook.Piece memory piece) = _pick(pick);
        if (!any || piece.ask.hash == 0 || venue.isSold(address(art), piece.tokenId)) return;
        if (block.timestamp >= piece.ask.expiry) return;
        usd.mint(buyer, uint256(piece.ask.net) + piece.ask.royalty);
        _take(piece.tokenId);
    }

    function collect() external moves("collect", false) {
        uint256 before = venue.value();
        vm.prank(address(bench));
        uint256 brought = venue.collect();
        got += brought;
        assertEq(before - venue.value(), brought);
    }

    function hit(uint256 pick, uint256 extra) external moves("hit", false) {
        (bool any, PieceBook.Piece memory piece) = _pick(pick);
        if (!any) return;
        uint256 bid = piece.bid;
        if (bid == 0 || escrow.bidOf(bid).price == 0 || escrow.bidOf(bid).expiry < block.timestamp) {
            bid = _place(piece.tokenId, uint256(piece.floor) * 20 / 19 + 1 + extra % 1_000e6, DECAY);
        }
        bool isSold = venue.isSold(address(art), piece.tokenId);
        uint256 price = escrow.bidOf(bid).price;
        _exit(piece.tokenId, _sale(address(art), piece.tokenId, bid, ""));
        if (!isSold) escrowed -= price;
    }

    function fulfil(uint256 pick, uint256 extra) external moves("fulfil", false) {
        (bool any, PieceBook.Piece memory piece) = _pick(pick);
        if (!any) return;
        uint256 price = uint256(piece.floor) * 20 / 19 + 1 + extra % 1_000e6;
        usd.mint(buyer, price);
        bytes memory order = abi.encode(_signed(_offer(art, piece.tokenId, price), buyerKey));
        _exit(piece.tokenId, _sale(address(art), piece.tokenId, 0, order));
    }

    function give(uint256 assets, bool piece) external moves("give", false) {
        assets = bound(assets, 1, 1_000e6);
        given += assets;
        usd.mint(address(venue), assets);
        if (piece) art.mint(address(venue), nextId++);
    }

    function wait_(uint256 time) external moves("wait", false) {
        vm.warp(block.timestamp + bound(time, 1, DECAY / 3));
    }

    /// A piece backed by a bid is worth no more than what hitting that bid would bring at this moment.
    function payable_() external {
        PieceBook.Piece[] memory all = venue.held();
        for (uint256 i = 0; i < all.length; ++i) {
            if (all[i].carried == 0 || all[i].confirmedAt + DECAY <= block.timestamp) continue;
            if (venue.isSold(address(art), all[i].tokenId)) continue;
            uint256 id = vm.snapshotState();
            uint256 before = venue.value();
            uint256 brought = bench.exit(venue, 1, _sale(address(art), all[i].tokenId, all[i].bid, ""));
            uint256 loss = before > venue.value() + brought ? before - venue.value() - brought : 0;
            vm.revertToState(id);
            assertEq(loss, 0, "what a bid backs is not payable");
        }
    }

    function _exit(uint256 tokenId, bytes memory data) private {
        uint256 before = venue.value();
        uint256 brought = bench.exit(venue, 1, data);
        got += brought;
        ++sold;
        uint256 after_ = venue.value() + brought;
        if (before > after_ + worstLoss) worstLoss = before - after_;
        assertTrue(art.ownerOf(tokenId) != address(venue));
    }

    function _place(uint256 tokenId, uint256 price, uint256 life) private returns (uint256 bid) {
        usd.mint(buyer, price);
        bid = _bid(tokenId, price, life);
        escrowed += price;
    }

    function _pick(uint256 pick) private view returns (bool any, PieceBook.Piece memory piece) {
        PieceBook.Piece[] memory all = venue.held();
        if (all.length == 0) return (false, piece);
        return (true, all[pick % all.length]);
    }

    function at() external view returns (address, address, address, address, address, address) {
        return (address(venue), address(escrow), address(art), address(usd), address(seaport), address(bench));
    }
}
