// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {ZoneParameters} from "../../src/interfaces/ISeaportZone.sol";
import {RoyaltyValidator} from "../../src/media/RoyaltyValidator.sol";
import {RoyaltyFixture, RoyaltySeaport} from "./RoyaltyFixture.sol";

/// A marketplace that knows no royalties: the whole price goes to the seller.
contract RoyaltyFreeMarket {
    function buy(IERC721 token, uint256 id, address seller, IERC20 money, uint256 price) external {
        money.transferFrom(msg.sender, seller, price);
        token.transferFrom(seller, msg.sender, id);
    }
}

/// What the validator stops, with the real Seaport 1.6. RoyaltyBypass.t.sol has what it does not.
contract RoyaltyValidatorTest is RoyaltyFixture {
    function setUp() public {
        _market(true);
    }

    function test_only_its_owner_lists() public {
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, mallory));
        validator.setStanding(mallory, RoyaltyValidator.Standing.Vouched);
        vm.expectEmit(address(validator));
        emit RoyaltyValidator.StandingSet(buyer, RoyaltyValidator.Standing.Vouched);
        _stand(buyer, RoyaltyValidator.Standing.Vouched);
    }

    function test_stops_a_marketplace_that_pays_no_royalty() public {
        RoyaltyFreeMarket market = new RoyaltyFreeMarket();
        vm.prank(seller);
        media.setApprovalForAll(address(market), true);
        vm.startPrank(buyer);
        usd.approve(address(market), PRICE);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.OperatorNotListed.selector, address(market)));
        market.buy(media, id, seller, usd, PRICE);
    }

    function testFuzz_stops_any_unlisted_operator(address operator, address to) public {
        vm.assume(operator != seller && operator != address(0) && to != address(0));
        vm.prank(seller);
        media.approve(operator, id);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.OperatorNotListed.selector, operator));
        media.transferFrom(seller, to, id);
    }

    function test_stops_seaport_while_it_is_not_listed() public {
        ISeaport.Order memory free = _listing(PRICE, 0, address(0));
        ISeaport.Order memory paying = _listing(PRICE, ROYALTY, address(0));
        bytes memory refused = abi.encodeWithSelector(RoyaltyValidator.OperatorNotListed.selector, address(seaport));
        vm.startPrank(buyer);
        vm.expectRevert(refused);
        seaport.fulfillOrder(free, 0);
        vm.expectRevert(refused);
        seaport.fulfillOrder(paying, 0);
        vm.stopPrank();
        paying = _listing(PRICE, ROYALTY, address(validator));
        vm.prank(buyer);
        vm.expectRevert(refused);
        seaport.fulfillOrder(paying, 0);
    }

    function test_lets_a_checked_seaport_order_pass_that_pays() public {
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        ISeaport.Order memory order = _listing(PRICE, ROYALTY, address(validator));
        vm.prank(buyer);
        seaport.fulfillOrder(order, 0);
        assertEq(media.ownerOf(id), buyer);
        assertEq(usd.balanceOf(revenue), ROYALTY);
        assertEq(usd.balanceOf(seller), PRICE - ROYALTY);
    }

    function test_lets_a_checked_bid_pass_that_pays() public {
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        ISeaport.Order memory order = _bid(PRICE, ROYALTY, address(validator));
        vm.startPrank(seller);
        usd.approve(address(seaport), ROYALTY); // out of what the bid brings
        seaport.fulfillOrder(order, 0);
        assertEq(media.ownerOf(id), buyer);
        assertEq(usd.balanceOf(revenue), ROYALTY);
    }

    function test_lets_an_order_in_ether_pass_that_pays() public {
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        ISeaport.OrderParameters memory p = _order(seller, address(validator), 2);
        p.offer[0] = _asset();
        p.consideration[0] = ISeaport.ConsiderationItem(
            ISeaport.ItemType.NATIVE, address(0), 0, 0.925 ether, 0.925 ether, payable(seller)
        );
        p.consideration[1] = ISeaport.ConsiderationItem(
            ISeaport.ItemType.NATIVE, address(0), 0, 0.075 ether, 0.075 ether, payable(revenue)
        );
        ISeaport.Order memory order = _validated(p);
        vm.deal(buyer, 1 ether);
        vm.prank(buyer);
        seaport.fulfillOrder{value: 1 ether}(order, 0);
        assertEq(revenue.balance, 0.075 ether);
    }

    /// Whatever the order says of its royalty, the asset moves only if that is enough.
    function testFuzz_a_checked_order_pays_in_full_or_does_not_pass(uint256 price, uint256 royalty, bool bid) public {
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        price = bound(price, 1, 10 * PRICE);
        royalty = bound(royalty, 0, price - 1);
        ISeaport.Order memory order =
            bid ? _bid(price, royalty, address(validator)) : _listing(price, royalty, address(validator));
        uint256 due = price * 750 / 10_000;
        vm.startPrank(bid ? seller : buyer);
        usd.approve(address(seaport), type(uint256).max);
        if (royalty < due) {
            vm.expectRevert(
                abi.encodeWithSelector(RoyaltyValidator.RoyaltyTooLow.selector, address(media), id, due, royalty)
            );
        }
        seaport.fulfillOrder(order, 0);
        assertEq(media.ownerOf(id), royalty < due ? seller : buyer);
        assertEq(usd.balanceOf(revenue), royalty < due ? 0 : royalty);
    }

    function test_stops_a_checked_order_whose_zone_is_not_the_validator() public {
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        ISeaport.Order memory order = _listing(PRICE, ROYALTY, address(0));
        vm.prank(buyer);
        vm.expectRevert(
            abi.encodeWithSelector(RoyaltyValidator.OrderUnpaid.selector, address(seaport), address(media), id)
        );
        seaport.fulfillOrder(order, 0);
    }

    function test_stops_a_royalty_paid_to_somebody_else() public {
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        ISeaport.OrderParameters memory p = _order(seller, address(validator), 2);
        p.offer[0] = _asset();
        p.consideration[0] = _dollars(PRICE - ROYALTY, seller);
        p.consideration[1] = _dollars(ROYALTY, mallory);
        ISeaport.Order memory order = _validated(p);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.RoyaltyTooLow.selector, address(media), id, ROYALTY, 0));
        seaport.fulfillOrder(order, 0);
    }

    /// Seaport's conduits move tokens in its stead; they are listed as it is, and need the same paid order.
    function test_a_conduit_needs_a_paid_order_too() public {
        bytes32 key = bytes32(bytes20(address(this)));
        address conduit = conduits.createConduit(key, address(this));
        conduits.updateChannel(conduit, address(seaport), true);
        vm.prank(seller);
        media.setApprovalForAll(conduit, true);
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        _stand(conduit, RoyaltyValidator.Standing.Checked);

        ISeaport.OrderParameters memory p = _order(seller, address(0), 1);
        (p.offer[0], p.consideration[0], p.conduitKey) = (_asset(), _dollars(PRICE, seller), key);
        ISeaport.Order memory order = _validated(p);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.OrderUnpaid.selector, conduit, address(media), id));
        seaport.fulfillOrder(order, 0);

        p = _order(seller, address(validator), 2);
        (p.offer[0], p.conduitKey) = (_asset(), key);
        (p.consideration[0], p.consideration[1]) = (_dollars(PRICE - ROYALTY, seller), _dollars(ROYALTY, revenue));
        order = _validated(p);
        vm.prank(buyer);
        seaport.fulfillOrder(order, 0);
        assertEq(media.ownerOf(id), buyer);
    }

    function test_stops_bundles_and_mixed_money() public {
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        uint256 second = _mint(keccak256("another picture"));
        ISeaport.OrderParameters memory p = _order(seller, address(validator), 1);
        p.offer = new ISeaport.OfferItem[](2);
        (p.offer[0], p.offer[1]) = (_asset(), _asset());
        p.offer[1].identifierOrCriteria = second;
        p.consideration[0] = _dollars(PRICE, revenue);
        ISeaport.Order memory order = _validated(p);
        vm.prank(buyer);
        vm.expectPartialRevert(RoyaltyValidator.NotASale.selector);
        seaport.fulfillOrder(order, 0);

        p = _order(seller, address(validator), 2);
        p.offer[0] = _asset();
        (p.consideration[0], p.consideration[1]) = (_dollars(PRICE, revenue), _dollars(PRICE, seller));
        (p.consideration[1].itemType, p.consideration[1].token) = (ISeaport.ItemType.NATIVE, address(0));
        order = _validated(p);
        vm.deal(buyer, PRICE);
        vm.prank(buyer);
        vm.expectPartialRevert(RoyaltyValidator.NotASale.selector);
        seaport.fulfillOrder{value: PRICE}(order, 0);
    }

    function test_only_a_checked_operator_says_that_an_order_pays() public {
        ZoneParameters memory order;
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.OperatorNotListed.selector, mallory));
        validator.authorizeOrder(order);
    }

    /// A paid sale cannot carry an unpaid one on its back: in one `matchOrders` the asset is sold with royalty, and sold on
    /// by the buyer without; the second transfer finds no paid order.
    function test_one_paid_order_lets_the_asset_move_once() public {
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        address third = makeAddr("third");
        vm.prank(buyer);
        media.setApprovalForAll(address(seaport), true);
        usd.mint(third, PRICE);
        vm.prank(third);
        usd.approve(address(seaport), PRICE);

        ISeaport.Order[] memory orders = new ISeaport.Order[](4);
        orders[0] = _listing(PRICE, ROYALTY, address(validator));
        orders[1] = _bid(PRICE, 0, address(0));
        ISeaport.OrderParameters memory p = _order(buyer, address(0), 1);
        (p.offer[0], p.consideration[0]) = (_asset(), _dollars(PRICE, buyer));
        orders[2] = _validated(p);
        p = _order(third, address(0), 1);
        p.offer[0] = ISeaport.OfferItem(ISeaport.ItemType.ERC20, address(usd), 0, PRICE, PRICE);
        p.consideration[0] =
            ISeaport.ConsiderationItem(ISeaport.ItemType.ERC721, address(media), id, 1, 1, payable(third));
        orders[3] = _validated(p);

        RoyaltySeaport.Fulfillment[] memory pairs = new RoyaltySeaport.Fulfillment[](5);
        pairs[0] = _pair(1, 0, 0);
        pairs[1] = _pair(1, 0, 1);
        pairs[2] = _pair(0, 1, 0);
        pairs[3] = _pair(3, 2, 0);
        pairs[4] = _pair(2, 3, 0);
        vm.expectRevert(
            abi.encodeWithSelector(RoyaltyValidator.OrderUnpaid.selector, address(seaport), address(media), id)
        );
        RoyaltySeaport(address(seaport)).matchOrders(orders, pairs);

        // The first sale alone passes.
        ISeaport.Order[] memory one = new ISeaport.Order[](2);
        (one[0], one[1]) = (orders[0], orders[1]);
        RoyaltySeaport.Fulfillment[] memory three = new RoyaltySeaport.Fulfillment[](3);
        (three[0], three[1], three[2]) = (pairs[0], pairs[1], pairs[2]);
        RoyaltySeaport(address(seaport)).matchOrders(one, three);
        assertEq(media.ownerOf(id), buyer);
        assertEq(usd.balanceOf(revenue), ROYALTY);
    }

    function test_direct_transfers_follow_the_policy() public {
        vm.prank(seller);
        media.transferFrom(seller, buyer, id); // allowed here: a gift
        assertEq(media.ownerOf(id), buyer);
        _market(false);
        vm.prank(seller);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.DirectTransferRefused.selector, seller));
        media.transferFrom(seller, buyer, id);
    }

    function _pair(uint256 offerer, uint256 asker, uint256 item)
        private
        pure
        returns (RoyaltySeaport.Fulfillment memory pair)
    {
        pair.offerComponents = new RoyaltySeaport.Component[](1);
        pair.offerComponents[0] = RoyaltySeaport.Component(offerer, 0);
        pair.considerationComponents = new RoyaltySeaport.Component[](1);
        pair.considerationComponents[0] = RoyaltySeaport.Component(asker, item);
    }
}
