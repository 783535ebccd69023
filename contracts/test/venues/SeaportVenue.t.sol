// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportVenue} from "../../src/venues/SeaportVenue.sol";
import {SeaportFixture} from "./SeaportFixture.sol";
import {ISeaportCheats, ISeaportErrors, SeaportArt, SeaportOddRoyalty, SeaportStuckArt} from "./SeaportParts.sol";

/// Buying, value and who may do what. Selling: SeaportExit.t.sol; orders that are refused: SeaportOrders.t.sol.
contract SeaportVenueTest is SeaportFixture {
    function test_a_signed_listing_is_bought_and_paid_to_the_unit() public {
        art.mint(seller, 1);
        ISeaport.Order memory order = _signed(_listing(art, 1, 950e6, 50e6), sellerKey);
        assertEq(bench.enter(venue, 5_000e6, _purchase(order, 0)), 1);
        assertEq(art.ownerOf(1), address(venue));
        assertEq(usd.balanceOf(address(bench)), 1_000_000e6 - 1_000e6, "no more is taken than it costs");
        assertEq(usd.balanceOf(seller), 950e6);
        assertEq(usd.balanceOf(artist), 50e6);
        assertEq(usd.balanceOf(address(venue)), 0);
        PieceBook.Piece memory piece = _held(1);
        assertEq(piece.cost, 1_000e6);
        assertEq(piece.floor, 1_000e6);
        assertEq(venue.position(), 1);
        assertEq(venue.value(), 0, "without a bid it is worth nothing");
        _noApprovals(1);
    }

    function test_an_order_validated_on_chain_needs_no_signature() public {
        art.mint(seller, 1);
        ISeaport.Order[] memory orders = new ISeaport.Order[](1);
        orders[0].parameters = _listing(art, 1, 950e6, 50e6);
        vm.expectRevert(ISeaportErrors.InvalidSignature.selector);
        bench.enter(venue, 1_000e6, _purchase(orders[0], 0));
        vm.prank(seller);
        seaport.validate(orders);
        bench.enter(venue, 1_000e6, _purchase(orders[0], 0));
        assertEq(art.ownerOf(1), address(venue));
    }

    function test_fuzz_a_royalty_left_out_is_paid_all_the_same(uint256 asked, uint256 paid) public {
        asked = bound(asked, 100, 5_000e6);
        paid = bound(paid, 0, asked / 10);
        art.mint(seller, 1);
        ISeaport.Order memory order = _signed(_listing(art, 1, asked - paid, paid), sellerKey);
        uint256 royalty = asked * 500 / 10_000;
        uint256 artistGets = paid > royalty ? paid : royalty;
        bench.enter(venue, MAX, _purchase(order, 0));
        assertEq(usd.balanceOf(artist), artistGets, "the artist has what ERC-2981 asks");
        assertEq(_held(1).cost, asked - paid + artistGets, "and it counts as cost");
        assertEq(usd.balanceOf(address(bench)), 1_000_000e6 - _held(1).cost);
        _noApprovals(1);
    }

    function test_the_royalty_counts_within_the_highest_price() public {
        vm.prank(guardian);
        venue.setMaxPrice(address(art), 1_000e6);
        art.mint(seller, 1);
        bytes memory data = _purchase(_signed(_listing(art, 1, 960e6, 0), sellerKey), 0);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.AboveMaxPrice.selector, address(art), 1_008e6, 1_000e6));
        bench.enter(venue, 5_000e6, data);
    }

    function test_the_highest_price_may_be_paid_and_not_a_unit_more() public {
        art.mint(seller, 1);
        bytes memory dear = _purchase(_signed(_listing(art, 1, MAX - 500e6 + 1, 500e6), sellerKey), 0);
        bytes memory right = _purchase(_signed(_listing(art, 1, MAX - 500e6, 500e6), sellerKey), 0);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.AboveMaxPrice.selector, address(art), MAX + 1, MAX));
        bench.enter(venue, 2 * MAX, dear);
        assertEq(bench.enter(venue, MAX, right), 1);
    }

    function test_a_piece_that_does_not_arrive_is_not_paid() public {
        SeaportArt stuck = new SeaportStuckArt();
        stuck.mint(seller, 1);
        vm.prank(owner);
        venue.setMaxPrice(address(stuck), MAX);
        bytes memory data = _purchase(_signed(_listing(stuck, 1, 100e6, 0), sellerKey), 0);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.NotReceived.selector, address(stuck), 1));
        bench.enter(venue, 100e6, data);
    }

    function test_seaport_may_take_exactly_the_price() public {
        art.mint(seller, 1);
        ISeaport.Order memory order = _signed(_listing(art, 1, 950e6, 0), sellerKey); // the royalty goes past Seaport
        art.callBack(address(usd), abi.encodeCall(usd.allowance, (address(venue), address(seaport))));
        bench.enter(venue, 1_000e6, _purchase(order, 0));
        assertEq(abi.decode(art.answer(), (uint256)), 950e6);
    }

    function test_several_are_bought_together_or_none() public {
        SeaportVenue.Purchase[] memory purchases = new SeaportVenue.Purchase[](3);
        for (uint256 i = 0; i < 3; ++i) {
            art.mint(seller, i);
            purchases[i].order = _signed(_listing(art, i, 95e6, 5e6), sellerKey);
        }
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.AboveAssets.selector, 100e6, 100e6 - 1));
        bench.enter(venue, 300e6 - 1, abi.encode(purchases));
        assertEq(bench.enter(venue, 300e6, abi.encode(purchases)), 3);
        assertEq(venue.position(), 3);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.WrongCount.selector, 1, 0));
        bench.enter(venue, 300e6, abi.encode(new SeaportVenue.Purchase[](0)));
    }

    function test_a_seller_may_use_the_conduit_that_is_named_and_no_other() public {
        bytes32 key = bytes32(abi.encodePacked(address(this), uint96(7)));
        address conduit = conduits.createConduit(key, address(this));
        conduits.updateChannel(conduit, address(seaport), true);
        vm.startPrank(seller);
        art.setApprovalForAll(address(seaport), false);
        art.setApprovalForAll(conduit, true);
        vm.stopPrank();
        art.mint(seller, 1);
        ISeaport.OrderParameters memory order = _listing(art, 1, 95e6, 5e6);
        order.conduitKey = key;
        venue = new SeaportVenue(address(bench), seaport, key, address(0), DECAY, LISTING);
        vm.prank(owner);
        venue.setMaxPrice(address(art), MAX);
        bench.enter(venue, 100e6, _purchase(_signed(order, sellerKey), 0));
        assertEq(art.ownerOf(1), address(venue));
    }

    function test_no_more_pieces_than_fit_and_value_stays_cheap() public {
        uint256 most = venue.MAX_PIECES();
        for (uint256 i = 0; i < most; ++i) {
            _bought(i, 100e6, _bid(i, 200e6, DECAY));
            _list(i, 300e6, LISTING);
        }
        ISeaportCheats(address(vm)).cool(address(venue)); // as in a transaction of its own
        ISeaportCheats(address(vm)).cool(address(seaport));
        uint256 before = gasleft();
        assertEq(venue.value(), most * 100e6);
        assertLt(before - gasleft(), 1_000_000, "the vault gives it 2 million");
        art.mint(seller, most);
        bytes memory data = _purchase(_signed(_listing(art, most, 95e6, 5e6), sellerKey), 0);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.TooManyPieces.selector, most));
        bench.enter(venue, 100e6, data);
    }

    function test_fuzz_value_is_the_lesser_of_cost_and_bid_and_decays_in_a_straight_line(uint256 price, uint256 age)
        public
    {
        price = bound(price, 1, 5_000e6);
        age = bound(age, 0, 2 * uint256(DECAY));
        uint256 bid = _bid(1, price, 10 * uint256(DECAY));
        _bought(1, 1_000e6, bid);
        uint256 leaves = price - price / 10; // after the highest royalty
        uint256 carried = leaves < 1_000e6 ? leaves : 1_000e6;
        assertEq(venue.value(), carried);
        vm.warp(block.timestamp + age);
        assertEq(venue.value(), age >= DECAY ? 0 : carried * (DECAY - age) / DECAY);
    }

    function test_a_collections_answer_about_royalties_cannot_take_more_than_a_tenth_or_stop_a_sale() public {
        for (uint8 kind = 0; kind < 6; ++kind) {
            SeaportOddRoyalty odd = new SeaportOddRoyalty(kind);
            odd.mint(seller, 1);
            vm.prank(seller);
            odd.setApprovalForAll(address(seaport), true);
            vm.prank(owner);
            venue.setMaxPrice(address(odd), MAX);
            uint256 had = usd.balanceOf(address(0xA57));
            ISeaport.Order memory order = _signed(_listing(SeaportArt(address(odd)), 1, 100e6, 0), sellerKey);
            bench.enter(venue, MAX, _purchase(order, 0));
            uint256 paid = usd.balanceOf(address(0xA57)) - had;
            assertEq(paid, kind == 3 ? 10e6 : kind == 4 ? 1e6 : 0);
            assertEq(venue.held()[kind].cost, 100e6 + paid);
        }
    }

    function test_gifts_change_nothing_and_stay() public {
        _bought(1, 1_000e6, _bid(1, 1_500e6, DECAY));
        art.mint(seller, 2);
        vm.prank(seller);
        art.transferFrom(seller, address(venue), 2);
        usd.mint(address(venue), 777e6);
        assertEq(venue.position(), 1);
        assertEq(venue.value(), 1_000e6);
        bytes memory gift = _sale(address(art), 2, 0, abi.encode(_signed(_offer(art, 2, 500e6), buyerKey)));
        vm.expectRevert(abi.encodeWithSelector(PieceBook.NotHeld.selector, address(art), 2));
        bench.exit(venue, 1, gift);
        bytes memory order = abi.encode(_signed(_offer(art, 1, 2_000e6), buyerKey));
        assertEq(bench.exit(venue, 1, _sale(address(art), 1, 0, order)), 1_900e6);
        assertEq(usd.balanceOf(address(venue)), 777e6);
    }

    function test_a_piece_sent_with_a_call_is_refused_unless_it_is_being_bought() public {
        art.mint(seller, 2);
        vm.prank(seller);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.NotExpected.selector, address(art), 2));
        art.safeTransferFrom(seller, address(venue), 2);
    }

    function test_only_the_vault_moves_and_the_roles_set_prices() public {
        bytes memory refused = abi.encodeWithSelector(PieceBook.NotAllowed.selector, address(this));
        vm.expectRevert(refused);
        venue.enter(1, "");
        vm.expectRevert(refused);
        venue.exit(1, "");
        vm.expectRevert(refused);
        venue.collect();
        vm.expectRevert(refused);
        venue.setMaxPrice(address(art), 0);
        vm.prank(keeper);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.NotAllowed.selector, keeper));
        venue.setMaxPrice(address(art), 0);
        address[2] memory tighteners = [curator, guardian];
        for (uint256 i = 0; i < 2; ++i) {
            uint128 now_ = venue.maxPrice(address(art));
            vm.startPrank(tighteners[i]);
            vm.expectRevert(abi.encodeWithSelector(PieceBook.NotAllowed.selector, tighteners[i]));
            venue.setMaxPrice(address(art), now_);
            venue.setMaxPrice(address(art), now_ - 1);
            vm.stopPrank();
        }
        assertEq(venue.maxPrice(address(art)), MAX - 2);
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(PieceBook.CollectionRefused.selector, usd));
        venue.setMaxPrice(address(usd), 1); // Seaport would move a sum of it as if it were a piece
        venue.setMaxPrice(address(usd), 0);
        vm.stopPrank();
        vm.expectRevert(PieceBook.ZeroPeriod.selector);
        new SeaportVenue(address(bench), seaport, 0, address(0), 0, LISTING);
        vm.expectRevert(PieceBook.ZeroPeriod.selector);
        new SeaportVenue(address(bench), seaport, 0, address(0), DECAY, 0);
        assertEq(venue.asset(), address(usd));
        assertEq(venue.vault(), address(bench));
        assertEq(venue.token(), address(seaport));
        assertEq(venue.most(), type(uint256).max);
        assertFalse(venue.priced());
        assertTrue(venue.steady());
        vm.prank(address(bench));
        assertEq(venue.collect(), 0);
    }

    function test_a_re_entrant_piece_gets_nowhere() public {
        _bought(1, 1_000e6, 0);
        _bought(2, 1_000e6, _bid(2, 2_000e6, 3 * uint256(DECAY)));
        bytes[6] memory calls = [
            abi.encodeCall(venue.list, (address(art), 1, 2_000e6, block.timestamp + 1)),
            abi.encodeCall(venue.cancel, (address(art), 1)),
            abi.encodeCall(venue.confirm, (address(art), 2, 1)),
            abi.encodeCall(venue.onERC721Received, (seller, seller, 1, "")),
            abi.encodeCall(venue.enter, (1, "")),
            abi.encodeCall(venue.exit, (1, ""))
        ];
        bytes4 guarded = bytes4(keccak256("ReentrancyGuardReentrantCall()"));
        bytes4[6] memory errors = [
            guarded,
            guarded,
            guarded,
            SeaportVenue.NotExpected.selector,
            PieceBook.NotAllowed.selector,
            PieceBook.NotAllowed.selector
        ];
        bench.grantRole(keccak256("KEEPER_ROLE"), address(art)); // even so
        for (uint256 i = 0; i < calls.length; ++i) {
            ISeaport.Order memory order = _mintedAndListed(10 + i);
            art.callBack(address(venue), calls[i]);
            bench.enter(venue, 100e6, _purchase(order, 0));
            assertFalse(art.answered());
            assertEq(bytes4(art.answer()), errors[i]);
        }
        art.callBack(address(venue), calls[0]);
        bench.exit(venue, 1, _sale(address(art), 1, 0, abi.encode(_signed(_offer(art, 1, 2_000e6), buyerKey))));
        assertEq(bytes4(art.answer()), guarded);
    }

    function test_the_piece_that_is_being_bought_may_come_with_a_call() public {
        art.callBack(address(venue), abi.encodeCall(venue.onERC721Received, (seller, seller, 30, "")));
        art.mint(address(1), 29); // uses up the first call back
        assertEq(bytes4(art.answer()), SeaportVenue.NotExpected.selector);
        ISeaport.Order memory order = _mintedAndListed(30);
        art.callBack(address(venue), abi.encodeCall(venue.onERC721Received, (seller, seller, 30, "")));
        bench.enter(venue, 100e6, _purchase(order, 0));
        assertTrue(art.answered());
        bench.exit(venue, 1, _sale(address(art), 30, 0, abi.encode(_signed(_offer(art, 30, 200e6), buyerKey))));
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(SeaportVenue.NotExpected.selector, address(art), 30)); // no longer
        art.safeTransferFrom(buyer, address(venue), 30);
    }

    function _mintedAndListed(uint256 tokenId) private returns (ISeaport.Order memory) {
        art.mint(seller, tokenId);
        return _signed(_listing(art, tokenId, 95e6, 5e6), sellerKey);
    }
}
