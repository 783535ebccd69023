// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {CompliantERC20} from "../../src/media/CompliantERC20.sol";
import {Fractionaliser} from "../../src/media/Fractionaliser.sol";
import {ReserveVotes} from "../../src/media/ReserveVotes.sol";
import {IERC20} from "../../src/media/RevenueShare.sol";
import {FractionFixture, FractionNft} from "./FractionFixture.sol";
import {RevenueCallbackMoney, RevenueFeeMoney} from "./RevenueMoney.sol";

contract FractionaliserTest is FractionFixture {
    function setUp() public {
        _lock(300);
    }

    function test_locks_the_nft_and_issues_all_shares_to_its_owner() public view {
        assertEq(nft.ownerOf(ID), address(lot));
        assertEq(lot.totalSupply(), SUPPLY);
        assertEq(lot.balanceOf(ann) + lot.balanceOf(ben) + lot.balanceOf(cay), SUPPLY);
        assertEq(lot.royaltyTo(), mallory);
        assertEq(lot.royaltyBps(), 300);
        assertEq(uint8(lot.stage()), uint8(Fractionaliser.Stage.Locked));
    }

    function test_refuses_what_it_could_not_sell_fairly() public {
        nft.mint(ben, 8);
        Fractionaliser.Lot memory bad = Fractionaliser.Lot(nft, 8, ben, RESERVE, 7 days);
        vm.expectRevert(); // not approved
        new Fractionaliser(_issue(usd, ben, SUPPLY), bad);
        vm.prank(ben);
        nft.setApprovalForAll(vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 3), true);
        bad.duration = 7 days - 1;
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.TooShort.selector, 7 days - 1, 7 days));
        new Fractionaliser(_issue(usd, ben, SUPPLY), bad);
        (bad.duration, bad.openingReserve) = (7 days, 0);
        vm.expectRevert(ReserveVotes.ZeroReserve.selector);
        new Fractionaliser(_issue(usd, ben, SUPPLY), bad);
        bad.openingReserve = RESERVE;
        nft.set(true, address(0));
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.NotDelivered.selector, ben));
        new Fractionaliser(_issue(usd, ben, SUPPLY), bad);
        nft.set(false, address(0));
        nft.setRoyalty(mallory, 1_001);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.RoyaltyTooHigh.selector, 1_001, 1_000));
        new Fractionaliser(_issue(usd, ben, SUPPLY), bad);
    }

    function test_what_the_nft_earns_is_the_holders_before_during_and_after_the_auction() public {
        _pay(1_000e6);
        assertApproxEqAbs(lot.claimable(ben), 300e6, 1);
        _bid(xan, RESERVE);
        assertApproxEqAbs(lot.claimable(ben), 300e6, 1, "a bid is no revenue");
        _pay(1_000e6);
        assertApproxEqAbs(_claim(ben), 600e6, 1);
        vm.warp(lot.end());
        lot.settle(xan);
        _pay(1_000e6);
        assertApproxEqAbs(_claim(ben), 300e6, 2);
        assertApproxEqAbs(_claim(ann), 1_800e6, 2);
    }

    function test_an_auction_opens_at_the_reserve_and_runs_its_time() public {
        usd.mint(xan, RESERVE);
        vm.startPrank(xan);
        usd.approve(address(lot), RESERVE);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.BidTooLow.selector, RESERVE - 1, RESERVE));
        lot.bid(RESERVE - 1);
        lot.bid(RESERVE);
        vm.stopPrank();
        assertEq(lot.end(), block.timestamp + DURATION);
        assertEq(lot.bidder(), xan);
        assertEq(lot.price(), RESERVE);
        assertEq(nft.ownerOf(ID), address(lot));
    }

    function test_each_bid_raises_by_a_twentieth_rounded_up_and_the_outbid_is_credited() public {
        _bid(xan, RESERVE + 1);
        uint256 least = RESERVE + 1 + RESERVE / 20 + 1;
        usd.mint(yve, least);
        vm.startPrank(yve);
        usd.approve(address(lot), least);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.BidTooLow.selector, least - 1, least));
        lot.bid(least - 1);
        lot.bid(least);
        vm.stopPrank();
        assertEq(lot.credits(xan), RESERVE + 1);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.NotYours.selector, xan));
        vm.prank(mallory);
        lot.withdraw(xan, mallory);
        assertEq(lot.withdraw(xan, xan), RESERVE + 1);
        assertEq(usd.balanceOf(xan), RESERVE + 1);
        assertEq(lot.withdraw(xan, xan), 0);
        _bid(yve, least * 2); // raising one's own bid
        vm.prank(yve);
        assertEq(lot.withdraw(yve, cay), least);
        assertEq(usd.balanceOf(cay), least);
    }

    function test_a_late_bid_moves_the_end() public {
        _bid(xan, RESERVE);
        uint256 end = lot.end();
        vm.warp(end - 1 hours);
        _bid(yve, 110_000e6);
        assertEq(lot.end(), end);
        vm.warp(end - 1);
        _bid(xan, 120_000e6);
        assertEq(lot.end(), end - 1 + 1 hours);
        vm.warp(lot.end());
        usd.mint(yve, 1e12);
        vm.startPrank(yve);
        usd.approve(address(lot), 1e12);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.AuctionEnded.selector, lot.end()));
        lot.bid(1e12);
        vm.stopPrank();
    }

    function test_anyone_settles_for_the_winner_and_only_the_winner_for_another() public {
        _bid(xan, RESERVE);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.AuctionRuns.selector, lot.end()));
        lot.settle(xan);
        vm.warp(lot.end());
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.NotYours.selector, mallory));
        vm.prank(mallory);
        lot.settle(mallory);
        uint256 state = vm.snapshotState();
        vm.prank(mallory);
        lot.settle(xan);
        assertEq(nft.ownerOf(ID), xan);
        vm.revertToState(state);
        vm.prank(xan);
        lot.settle(cay);
        assertEq(nft.ownerOf(ID), cay);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.WrongStage.selector, Fractionaliser.Stage.Sold));
        lot.settle(xan);
    }

    function test_the_price_less_royalty_is_paid_for_the_shares(uint256 price, uint256 redeemed) public {
        price = bound(price, RESERVE, 1e24);
        redeemed = bound(redeemed, 0, SUPPLY * 3 / 10);
        _sell(xan, price);
        assertEq(lot.credits(mallory), price * 300 / 10_000);
        uint256 proceeds = price - price * 300 / 10_000;
        assertEq(lot.price(), proceeds);
        assertEq(_redeem(ben, redeemed), proceeds * redeemed / SUPPLY);
        vm.prank(cay);
        lot.transfer(address(lot), SUPPLY / 10); // sent back by hand: the same
        assertEq(lot.credits(cay), proceeds / 10);
        assertEq(_redeem(ann, SUPPLY * 6 / 10), proceeds * 6 / 10);
        lot.withdraw(cay, cay);
        lot.withdraw(mallory, mallory);
        _redeem(ben, SUPPLY * 3 / 10 - redeemed);
        assertLe(usd.balanceOf(address(lot)), 4, "less than a unit for each redemption stays");
        assertEq(lot.balanceOf(address(lot)), SUPPLY);
    }

    function test_what_redeemed_shares_earn_later_is_the_buyers() public {
        _sell(xan, RESERVE);
        _redeem(ann, SUPPLY * 6 / 10);
        _pay(1_000e6);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.NotYours.selector, xan));
        vm.prank(mallory);
        lot.claimRetired(mallory);
        assertApproxEqAbs(lot.claimRetired(xan), 600e6, 1);
        assertApproxEqAbs(_claim(ben), 300e6, 1);
        _pay(1_000e6);
        vm.prank(xan);
        assertApproxEqAbs(lot.claimRetired(yve), 600e6, 2);
        assertEq(lot.price(), RESERVE * 97 / 100);
        assertEq(_redeem(ben, SUPPLY * 3 / 10), RESERVE * 97 * 3 / 1_000);
    }

    function test_a_winner_who_cannot_receive_may_name_another_or_the_auction_lapses() public {
        nft.refuse(xan, true);
        _bid(xan, RESERVE);
        vm.warp(lot.end());
        vm.expectRevert("not to him");
        lot.settle(xan);
        uint256 state = vm.snapshotState();
        vm.prank(xan);
        lot.settle(yve);
        assertEq(nft.ownerOf(ID), yve);
        vm.revertToState(state);
        uint256 until = lot.end() + lot.GRACE();
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.AuctionRuns.selector, until));
        lot.lapse();
        vm.warp(until);
        vm.prank(mallory);
        lot.lapse();
        assertEq(nft.ownerOf(ID), address(lot));
        assertEq(uint8(lot.stage()), uint8(Fractionaliser.Stage.Locked));
        assertEq(lot.withdraw(xan, xan), RESERVE);
        _sell(yve, RESERVE); // and again
        assertEq(nft.ownerOf(ID), yve);
    }

    function test_an_nft_that_only_says_it_moved_is_not_paid_for() public {
        _bid(xan, RESERVE);
        vm.warp(lot.end());
        nft.set(true, address(0));
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.NotDelivered.selector, address(lot)));
        lot.settle(xan);
        nft.set(false, address(0));
        vm.prank(xan);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.NotDelivered.selector, address(lot)));
        lot.settle(address(lot));
    }

    function test_the_holder_of_all_shares_takes_the_nft_back() public {
        vm.prank(ann);
        vm.expectRevert();
        lot.reunite(ann);
        _send(ben, ann, SUPPLY * 3 / 10);
        _send(cay, ann, SUPPLY / 10);
        vm.prank(ann);
        lot.reunite(xan);
        assertEq(nft.ownerOf(ID), xan);
        _pay(100e6);
        assertApproxEqAbs(lot.claimRetired(ann), 100e6, 1);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.WrongStage.selector, Fractionaliser.Stage.Sold));
        lot.reunite(ann);
    }

    function test_shares_come_back_only_after_the_sale() public {
        vm.expectRevert(CompliantERC20.ToItself.selector);
        vm.prank(ann);
        lot.redeem(1, ann);
        _bid(xan, RESERVE);
        vm.expectRevert(CompliantERC20.ToItself.selector);
        vm.prank(ann);
        lot.transfer(address(lot), 1);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.WrongStage.selector, Fractionaliser.Stage.Live));
        lot.claimRetired(xan);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.WrongStage.selector, Fractionaliser.Stage.Live));
        vm.prank(ann);
        lot.reunite(ann);
        vm.warp(lot.end());
        lot.settle(xan);
        usd.mint(yve, 1e12);
        vm.prank(yve);
        vm.expectRevert(abi.encodeWithSelector(Fractionaliser.WrongStage.selector, Fractionaliser.Stage.Sold));
        lot.bid(1e12);
    }

    function test_money_that_does_not_come_whole_is_no_bid() public {
        RevenueFeeMoney money = new RevenueFeeMoney(100, false);
        _relock(IERC20(money));
        money.mint(xan, RESERVE);
        vm.startPrank(xan);
        money.approve(address(lot), RESERVE);
        vm.expectRevert(
            abi.encodeWithSelector(Fractionaliser.WrongReceipt.selector, RESERVE, uint256(RESERVE) * 99 / 100)
        );
        lot.bid(RESERVE);
        vm.stopPrank();
    }

    // ---- money and NFTs that call back: this contract is the hook

    function moneyMoves() external {
        lot.sync(); // a bid on its way must not be taken for revenue
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        lot.withdraw(xan, xan);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        lot.bid(1e30);
    }

    function nftMoves() external {
        lot.sync();
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        lot.settle(xan);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        lot.withdraw(xan, xan);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vm.prank(ann);
        lot.redeem(1, ann);
    }

    function test_nothing_is_taken_by_calling_back(bool before, uint96 revenue) public {
        RevenueCallbackMoney money = new RevenueCallbackMoney();
        _relock(IERC20(money));
        money.mint(address(lot), revenue);
        money.mint(xan, RESERVE);
        money.register(xan, address(this), before);
        vm.prank(xan);
        money.approve(address(lot), RESERVE);
        vm.prank(xan);
        lot.bid(RESERVE);
        money.register(xan, address(0), before);
        assertApproxEqAbs(lot.claimable(ann), uint256(revenue) * 6 / 10, 1);
        assertApproxEqAbs(_claim(ben), uint256(revenue) * 3 / 10, 1);
        vm.warp(lot.end());
        nft.set(false, address(this));
        lot.settle(xan);
        assertEq(_redeem(ben, SUPPLY * 3 / 10), uint256(RESERVE) * 97 * 3 / 1_000);
        assertGe(money.balanceOf(address(lot)), lot.claimable(ann) + lot.claimable(cay) + lot.credits(mallory));
    }

    /// The same lot in other money.
    function _relock(IERC20 money) private {
        nft = new FractionNft();
        nft.mint(ann, ID);
        nft.setRoyalty(mallory, 300);
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.prank(ann);
        nft.approve(at, ID);
        lot = new Fractionaliser(_issue(money, ann, SUPPLY), _lotOf(ann, RESERVE, DURATION));
        share = lot;
        _send(ann, ben, SUPPLY * 3 / 10);
        _send(ann, cay, SUPPLY / 10);
    }
}
