// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC721, IERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Holder} from "@openzeppelin/contracts/token/ERC721/utils/ERC721Holder.sol";
import {ERC721Wrapper} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Wrapper.sol";

import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {RoyaltyValidator} from "../../src/media/RoyaltyValidator.sol";
import {RoyaltyFixture, RoyaltySeaport} from "./RoyaltyFixture.sol";

/// The same asset by another name, which asks no validator.
contract RoyaltyWrapper is ERC721Wrapper {
    constructor(IERC721 token) ERC721("Wrapped", "W") ERC721Wrapper(token) {}
}

/// An account that owns an asset and is sold itself: whoever pays its price is its next owner.
contract RoyaltyAccount is ERC721Holder {
    address public owner = msg.sender;

    function buy(IERC20 money, uint256 price) external {
        money.transferFrom(msg.sender, owner, price);
        owner = msg.sender;
    }
}

contract RoyaltyWorthless is ERC20("Worthless", "NIL") {
    constructor(address to) {
        _mint(to, 1e24);
    }
}

/// Pays the price beside the order, in the same transaction: neither side has to trust the other.
contract RoyaltySideDeal {
    function buy(address seaport, ISeaport.Order calldata order, IERC20 money, uint256 stated, uint256 beside)
        external
    {
        money.transferFrom(msg.sender, address(this), stated);
        money.approve(seaport, stated);
        RoyaltySeaport.AdvancedOrder memory all =
            RoyaltySeaport.AdvancedOrder(order.parameters, 1, 1, order.signature, "");
        RoyaltySeaport(seaport).fulfillAdvancedOrder(all, new RoyaltySeaport.CriteriaResolver[](0), 0, msg.sender);
        money.transferFrom(msg.sender, order.parameters.offerer, beside);
    }
}

/// Bypasses that no transfer validator stops, carried out. Each ends with the asset sold for its price and no royalty (or
/// next to none) paid; if one begins to fail, SPEC.md says less than is true.
contract RoyaltyBypassTest is RoyaltyFixture {
    function test_erc_2981_alone_forces_nothing() public {
        _market(ITransferValidator(address(0)));
        (, uint256 due) = media.royaltyInfo(id, PRICE);
        assertEq(due, ROYALTY);
        _buyWithout();
    }

    function test_a_vouched_venues_order_can_leave_out_the_royalty() public {
        _market(false);
        _stand(address(seaport), RoyaltyValidator.Standing.Vouched);
        _buyWithout();
    }

    function test_a_wrapper_trades_freely_where_direct_transfers_are_allowed() public {
        _market(true);
        RoyaltyWrapper wrapper = new RoyaltyWrapper(media);
        vm.startPrank(seller);
        media.safeTransferFrom(seller, address(wrapper), id); // wraps it
        wrapper.approve(buyer, id);
        vm.stopPrank();
        vm.startPrank(buyer);
        usd.transfer(seller, PRICE);
        wrapper.transferFrom(seller, buyer, id);
        uint256[] memory ids = new uint256[](1);
        ids[0] = id;
        wrapper.withdrawTo(buyer, ids);
        assertEq(media.ownerOf(id), buyer);
        _soldWithout(0);
    }

    function test_a_wrapper_cannot_take_the_asset_where_direct_transfers_are_refused() public {
        _market(false);
        RoyaltyWrapper wrapper = new RoyaltyWrapper(media);
        uint256[] memory ids = new uint256[](1);
        ids[0] = id;
        vm.startPrank(seller);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.DirectTransferRefused.selector, seller));
        media.safeTransferFrom(seller, address(wrapper), id);
        media.setApprovalForAll(address(wrapper), true);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.OperatorNotListed.selector, address(wrapper)));
        wrapper.depositFor(seller, ids);
    }

    /// Not even where direct transfers are refused: the token does not move at all.
    function test_the_account_that_owns_the_asset_can_be_sold() public {
        _market(false);
        vm.prank(seller);
        RoyaltyAccount account = new RoyaltyAccount();
        receiver = address(account);
        id = _mint(keccak256("minted to the account"));
        vm.startPrank(buyer);
        usd.approve(address(account), PRICE);
        account.buy(usd, PRICE);
        assertEq(account.owner(), buyer);
        assertEq(media.ownerOf(id), address(account));
        _soldWithout(0);
    }

    function test_money_can_be_paid_outside() public {
        _market(true);
        vm.prank(buyer);
        usd.transfer(seller, PRICE);
        vm.prank(seller);
        media.transferFrom(seller, buyer, id);
        _soldWithout(0);
    }

    /// The order states a hundredth of a cent and pays the royalty on it; the rest is paid beside it, all or nothing.
    function test_an_order_can_state_too_low_a_price() public {
        _market(false);
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        RoyaltySideDeal deal = new RoyaltySideDeal();
        ISeaport.Order memory order = _listing(100, 7, address(validator));
        vm.startPrank(buyer);
        usd.approve(address(deal), PRICE + 7);
        deal.buy(address(seaport), order, usd, 100, PRICE - 93);
        assertEq(media.ownerOf(id), buyer);
        _soldWithout(7);
    }

    function test_an_order_can_be_priced_in_worthless_money() public {
        _market(false);
        _stand(address(seaport), RoyaltyValidator.Standing.Checked);
        RoyaltyWorthless nil = new RoyaltyWorthless(buyer);
        ISeaport.OrderParameters memory p = _order(seller, address(validator), 2);
        p.offer[0] = _asset();
        (p.consideration[0], p.consideration[1]) = (_dollars(925, seller), _dollars(75, revenue));
        (p.consideration[0].token, p.consideration[1].token) = (address(nil), address(nil));
        ISeaport.Order memory order = _validated(p);
        vm.startPrank(buyer);
        nil.approve(address(seaport), 1_000);
        seaport.fulfillOrder(order, 0);
        usd.transfer(seller, PRICE);
        assertEq(media.ownerOf(id), buyer);
        _soldWithout(0);
    }

    /// A Seaport order of the whole price for the seller.
    function _buyWithout() private {
        ISeaport.Order memory order = _listing(PRICE, 0, address(0));
        vm.prank(buyer);
        seaport.fulfillOrder(order, 0);
        assertEq(media.ownerOf(id), buyer);
        _soldWithout(0);
    }

    /// The seller has the whole price, the revenue address no more than `royalty`.
    function _soldWithout(uint256 royalty) private view {
        assertEq(usd.balanceOf(seller), PRICE);
        assertEq(usd.balanceOf(revenue), royalty);
    }
}
