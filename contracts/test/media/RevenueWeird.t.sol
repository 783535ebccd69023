// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IERC20, RevenueShare} from "../../src/media/RevenueShare.sol";
import {RevenueSplitFactory} from "../../src/media/RevenueSplit.sol";
import {IRevenueSplit} from "../../src/interfaces/IRevenueSplit.sol";
import {RevenueWrapper} from "../../src/media/RevenueWrapper.sol";
import {RevenueFixture} from "./RevenueFixture.sol";
import {
    RevenueBlockMoney,
    RevenueCallbackMoney,
    RevenueFeeMoney,
    RevenueMoney,
    RevenueRebaseMoney,
    RevenueSilentMoney
} from "./RevenueMoney.sol";

/// The hook of a split: whenever the money moves, it asks for Ben's part.
contract RevenueReleaser {
    address private immutable _split;
    address private immutable _money;
    address private immutable _payee;

    constructor(address split, address money, address payee) {
        (_split, _money, _payee) = (split, money, payee);
    }

    function moneyMoves() external {
        IRevenueSplit(_split).release(_money, _payee);
    }
}

/// Money that does not belong here must take nothing from anybody but through its own oddity, and never stop the
/// shares.
contract RevenueWeirdTest is RevenueFixture {
    uint256 private constant EVEN = 1 << 80; // shares: a power of two, so that nothing is rounded
    uint256 private _calls;

    function setUp() public {
        _build();
    }

    function _shareOf(address money) private {
        share = new RevenueShare(_issue(IERC20(money), ann, EVEN));
        _send(ann, ben, EVEN / 2);
    }

    function test_a_fee_on_what_arrives_is_the_receivers_loss_alone(uint96 paid, uint16 feeBps) public {
        RevenueFeeMoney money = new RevenueFeeMoney(bound(feeBps, 0, 9_999), false);
        _shareOf(address(money));
        money.mint(address(this), paid);
        money.transfer(address(share), paid);
        uint256 arrived = money.balanceOf(address(share));
        uint256 claimed = _claim(ann) + _claim(ben);
        assertLe(claimed, arrived);
        assertApproxEqAbs(claimed, arrived, 3);
        assertEq(money.balanceOf(address(share)), arrived - claimed);
    }

    function test_a_fee_on_top_makes_the_last_claim_fail_and_nothing_else() public {
        RevenueFeeMoney money = new RevenueFeeMoney(100, true);
        _shareOf(address(money));
        money.mint(address(share), 1_000e6);
        assertEq(_claim(ann), 500e6);
        vm.expectRevert();
        vm.prank(ben);
        share.claim(ben);
        _send(ben, ann, 1e18); // shares move on
        money.mint(address(share), 10e6); // the missing five are made up out of new revenue, never counted twice
        assertApproxEqAbs(share.claimable(ann) + share.claimable(ben), 505e6, 3);
        assertLe(share.claimable(ben), money.balanceOf(address(share)));
    }

    function test_a_rebase_never_stops_the_shares_and_is_never_paid_twice(uint16 partBps, uint96 paid) public {
        RevenueRebaseMoney money = new RevenueRebaseMoney();
        _shareOf(address(money));
        money.mint(address(share), paid);
        share.sync();
        money.rebase(bound(partBps, 0, 10_000)); // shrinks
        _send(ann, ben, 1e18);
        share.sync();
        assertLe(share.claimable(ann) + share.claimable(ben), paid, "what was owed stays what it was");
        money.rebase(20_000); // grows: revenue
        assertApproxEqAbs(share.claimable(ann) + share.claimable(ben), 2 * uint256(paid), 4);
        money.rebase(10_000);
    }

    function test_a_blocked_holder_claims_to_another_address_and_blocks_nobody() public {
        RevenueBlockMoney money = new RevenueBlockMoney();
        _shareOf(address(money));
        money.mint(address(share), 1_000e6);
        money.set(ann, true);
        vm.expectRevert(abi.encodeWithSelector(RevenueBlockMoney.Blocked.selector, ann));
        vm.prank(ann);
        share.claim(ann);
        assertEq(_claim(ben), 500e6);
        vm.prank(ann);
        assertEq(share.claim(cay), 500e6);
    }

    function test_paused_money_and_a_blocked_contract_stop_claims_but_not_shares() public {
        RevenueBlockMoney money = new RevenueBlockMoney();
        _shareOf(address(money));
        wrapper = new RevenueWrapper(share, "", "", UNLOCK);
        vm.startPrank(ben);
        share.approve(address(wrapper), EVEN / 2);
        wrapper.mint(EVEN / 2, ben);
        vm.stopPrank();
        money.mint(address(share), 1_000e6);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK);
        money.pause(true);
        _send(ann, cay, 1e18);
        vm.startPrank(ben);
        wrapper.transfer(cay, 1e18);
        vm.expectRevert();
        wrapper.redeem(1e18, ben, ben);
        wrapper.unwrap(2e18, ben); // without its money
        vm.stopPrank();
        assertEq(share.balanceOf(ben), 2e18);
        money.pause(false);
        assertApproxEqAbs(_claim(ann), 500e6, 2);
    }

    function test_silent_money_works_and_lying_money_is_refused() public {
        RevenueSilentMoney silent = new RevenueSilentMoney(0, false);
        _shareOf(address(silent));
        silent.mint(address(share), 10);
        assertEq(_claim(ann), 5);
        assertEq(silent.balanceOf(ann), 5);
        RevenueSilentMoney lying = new RevenueSilentMoney(36, true);
        _shareOf(address(lying));
        lying.mint(address(share), 1e40); // above what is promised for, and still exact
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(lying)));
        vm.prank(ann);
        share.claim(ann);
        assertEq(share.claimable(ann), 5e39);
    }

    function test_the_wrapper_refuses_money_that_does_not_come_whole() public {
        RevenueFeeMoney money = new RevenueFeeMoney(100, false);
        _shareOf(address(money));
        wrapper = new RevenueWrapper(share, "", "", UNLOCK);
        money.mint(address(share), 1_000e6);
        money.mint(ann, 1_000e6);
        vm.startPrank(ann);
        share.approve(address(wrapper), 1e24);
        money.approve(address(wrapper), 1_000e6);
        uint256 takes = wrapper.previewMint(1e23);
        uint256 arrives = takes - takes / 100;
        vm.expectRevert(abi.encodeWithSelector(RevenueWrapper.WrongReceipt.selector, takes, arrives));
        wrapper.mint(1e23, ann);
        vm.stopPrank();
    }

    // ---- money that calls back: this contract is the hook of Ann, or even of the share itself

    function moneyMoves() external {
        if (++_calls > 3) return;
        share.sync();
        vm.prank(ann);
        share.claim(ann);
        vm.prank(ben);
        share.claim(ben);
        vm.prank(ann);
        share.transfer(ben, 1e18);
        vm.prank(ben);
        share.transfer(ann, 1e18);
    }

    function test_a_reentrant_claim_takes_no_more_than_its_own(bool before, bool ownHook) public {
        RevenueCallbackMoney money = new RevenueCallbackMoney();
        _shareOf(address(money));
        money.mint(address(share), 1_000e6);
        money.register(ownHook ? address(share) : ann, address(this), before);
        _claim(ann);
        _claim(ben);
        money.register(ownHook ? address(share) : ann, address(0), before);
        assertGe(_calls, 1);
        assertEq(money.balanceOf(ann), 500e6);
        assertEq(money.balanceOf(ben), 500e6);
        assertEq(share.accounted(), 0);
        money.mint(address(share), 100e6);
        assertEq(share.claimable(ann) + share.claimable(ben), 100e6);
    }

    function test_a_reentrant_release_takes_no_more_than_its_part(bool before) public {
        RevenueCallbackMoney money = new RevenueCallbackMoney();
        address split = _splitOf(ann, ben);
        money.mint(split, 1_000e6);
        money.register(split, address(new RevenueReleaser(split, address(money), ben)), before);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        IRevenueSplit(split).release(address(money), ann);
        money.register(split, address(0), before);
        assertEq(IRevenueSplit(split).release(address(money), ann), 500e6);
        assertEq(IRevenueSplit(split).release(address(money), ben), 500e6);
    }

    function test_a_split_survives_each_oddity() public {
        address split = _splitOf(ann, ben);
        RevenueBlockMoney blocking = new RevenueBlockMoney();
        blocking.mint(split, 1_000e6);
        blocking.set(ann, true);
        vm.expectRevert();
        IRevenueSplit(split).release(address(blocking), ann);
        assertEq(IRevenueSplit(split).release(address(blocking), ben), 500e6);
        RevenueRebaseMoney rebasing = new RevenueRebaseMoney();
        rebasing.mint(split, 1_000e6);
        assertEq(IRevenueSplit(split).release(address(rebasing), ann), 500e6);
        rebasing.rebase(1_000); // 50 of 500 are left
        assertEq(IRevenueSplit(split).owed(address(rebasing), ann), 0);
        assertEq(IRevenueSplit(split).owed(address(rebasing), ben), 50e6);
        RevenueFeeMoney charging = new RevenueFeeMoney(100, true);
        charging.mint(split, 1_000e6);
        assertEq(IRevenueSplit(split).release(address(charging), ann), 500e6);
        assertEq(IRevenueSplit(split).owed(address(charging), ben), 495e6, "never more than is here");
    }

    function _splitOf(address a, address b) private returns (address) {
        address[] memory payees = new address[](2);
        uint16[] memory parts = new uint16[](2);
        (payees[0], payees[1], parts[0], parts[1]) = (a, b, 5_000, 5_000);
        return new RevenueSplitFactory().make(payees, parts);
    }
}
