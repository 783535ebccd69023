// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

import {VaultBook} from "../../src/vault/VaultBook.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {WithdrawalQueue} from "../../src/vault/WithdrawalQueue.sol";
import {HostileFixture} from "./HostileFixture.sol";
import {HostileVenue} from "./HostileVenue.sol";

/// Requests, settlement and claims: order, price, what waits for what.
contract QueueTest is HostileFixture {
    uint256 private constant WHOLE = 1e12; // one share

    function setUp() public {
        _buildHostile();
        _deposit(bob, 100_000e6);
        vm.prank(owner);
        vault.setVenue(address(hostile), GROUP, 10_000, 1_000);
    }

    /// About a tenth stays idle.
    function _invest() private {
        for (uint256 i = 0; i < 2; ++i) {
            _enter(address(hostile), 450_000e6);
            vm.warp(block.timestamp + 2 days);
        }
    }

    function test_a_request_is_settled_and_claimed_at_the_present_price() public {
        vm.expectEmit(address(vault));
        emit WithdrawalQueue.Requested(0, alice, alice, 1_000 * WHOLE, 1_000e6);
        uint256 id = _request(alice, 1_000 * WHOLE);
        assertEq(vault.balanceOf(address(vault)), 1_000 * WHOLE);
        assertEq(vault.queuedShares(), 1_000 * WHOLE);
        vm.expectEmit(address(vault));
        emit WithdrawalQueue.Settled(id, 1_000 * WHOLE, 1_000e6);
        vm.prank(mallory);
        assertEq(vault.settle(10), 1_000e6);
        assertEq(vault.reserved(), 1_000e6);
        assertEq(vault.queuedShares(), 0);
        assertEq(vault.queueHead(), 1);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalQueue.NotReceiver.selector, id, bob));
        vm.prank(bob);
        vault.claim(id);
        vm.expectEmit(address(vault));
        emit WithdrawalQueue.Claimed(id, alice, 1_000e6);
        vm.startPrank(alice);
        assertEq(vault.claim(id), 1_000e6);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalQueue.NothingThere.selector, id));
        vault.claim(id);
        vm.stopPrank();
        assertEq(usd.balanceOf(alice), 1_000e6);
        assertEq(vault.reserved(), 0);
    }

    /// What leaves is charged to idle and to the lock's checkpoint alike: a gift of the same size shows where it was not.
    function test_settling_and_withdrawing_charge_the_accounts_and_touch_no_locked_profit() public {
        usd.mint(address(vault), 10_000e6);
        vm.prank(owner);
        vault.absorb();
        vm.warp(block.timestamp + 3 hours);
        (uint256 idle, uint256 total, uint256 locked) = (vault.idle(), vault.totalAssets(), vault.lockedProfit());
        assertEq(locked, 5_000e6, "half of what was absorbed");
        uint256 shares = vault.convertToShares(25_000e6);
        _request(alice, shares);
        assertApproxEqAbs(vault.settle(1), 25_000e6, 1);
        assertApproxEqAbs(_redeem(bob, shares), 25_000e6, 1);
        usd.mint(address(vault), 50_000e6);
        vault.refresh();
        assertApproxEqAbs(vault.idle(), idle - 50_000e6, 2);
        assertApproxEqAbs(vault.totalAssets(), total - 50_000e6, 2);
        assertEq(vault.lockedProfit(), locked);
        vm.prank(owner);
        assertEq(vault.absorb(), 50_000e6);
        assertApproxEqAbs(vault.idle(), idle, 2);
        assertEq(vault.lockedProfit(), locked + 50_000e6);
    }

    function test_the_receiver_claims_and_not_the_owner() public {
        vm.prank(alice);
        uint256 id = vault.requestRedeem(1_000 * WHOLE, bob);
        vault.settle(1);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalQueue.NotReceiver.selector, id, alice));
        vm.prank(alice);
        vault.claim(id);
        vm.prank(bob);
        vault.claim(id);
        assertEq(usd.balanceOf(bob), 1_000e6);
    }

    function test_requests_that_are_too_small_or_go_to_nobody_are_refused(uint256 shares) public {
        shares = bound(shares, 0, 10 * WHOLE - 1);
        vm.startPrank(alice);
        uint256 worth = vault.convertToAssets(shares);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalQueue.RequestTooSmall.selector, worth, 10e6));
        vault.requestRedeem(shares, alice);
        vm.expectRevert(VaultBook.ZeroAddress.selector);
        vault.requestRedeem(100 * WHOLE, address(0));
        vault.requestRedeem(10 * WHOLE, alice);
        vm.stopPrank();
    }

    function test_first_come_first_served_and_the_head_is_filled_in_part() public {
        _invest();
        uint256 idle = vault.idle();
        uint256 first = _request(alice, vault.convertToShares(2 * idle));
        uint256 second = _request(bob, 100 * WHOLE);
        assertApproxEqAbs(vault.settle(10), idle, 1);
        assertLe(vault.idle(), 1);
        assertEq(vault.queueHead(), first, "what is left of it stays at the head");
        (,,, uint128 shares, uint128 worth, uint128 claimable) = vault.requests(first);
        assertApproxEqRel(shares, vault.convertToShares(idle), 1e12);
        assertApproxEqAbs(worth, idle, 2);
        assertApproxEqAbs(claimable, idle, 1);
        (,,,,, claimable) = vault.requests(second);
        assertEq(claimable, 0);
        vm.prank(alice);
        vault.claim(first);
        vm.prank(guardian);
        vault.unwind(address(hostile), idle + 200e6, 0, "");
        vault.settle(10);
        assertEq(vault.queueHead(), 2);
        vm.prank(bob);
        assertApproxEqAbs(vault.claim(second), 100e6, 1);
        vm.prank(alice);
        assertApproxEqAbs(vault.claim(first), idle, 2);
    }

    function test_settles_at_most_so_many_at_a_time_and_nobody_out_of_turn(uint8 count, uint8 most) public {
        count = uint8(bound(count, 1, 30));
        for (uint256 i = 0; i < count; ++i) {
            _request(i % 2 == 0 ? alice : bob, 10 * WHOLE);
        }
        vault.settle(most);
        uint256 settled = most < count ? most : count;
        assertEq(vault.queueHead(), settled);
        for (uint256 i = 0; i < count; ++i) {
            (,,,,, uint128 claimable) = vault.requests(i);
            assertEq(claimable, i < settled ? 10e6 : 0);
        }
    }

    function test_pays_the_lower_of_the_price_at_the_request_and_the_price_now(uint256 moved, bool up) public {
        _enter(address(hostile), 300_000e6);
        moved = bound(moved, 0, 200_000e6);
        uint256 id = _request(alice, 1_000 * WHOLE);
        if (up) _gain(moved);
        else _lose(moved);
        vm.warp(block.timestamp + 6 hours); // a gain counts only now
        vault.settle(1);
        uint256 worth = up ? 1_000e6 : 1_000e6 * (1_100_000e6 - moved) / 1_100_000e6;
        vm.prank(alice);
        assertApproxEqAbs(vault.claim(id), worth, 1);
    }

    function test_what_is_not_settled_can_be_cancelled_by_its_owner_and_what_is_can_be_claimed() public {
        _invest();
        uint256 idle = vault.idle();
        uint256 asked = vault.convertToShares(2 * idle);
        uint256 id = _request(alice, asked);
        vault.settle(1);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalQueue.NotOwner.selector, id, bob));
        vm.prank(bob);
        vault.cancel(id);
        uint256 held = vault.balanceOf(alice);
        vm.startPrank(alice);
        uint256 back = vault.cancel(id);
        assertEq(vault.balanceOf(alice), held + back);
        assertApproxEqRel(back, asked / 2, 1e12);
        assertEq(vault.queuedShares(), 0);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalQueue.NothingThere.selector, id));
        vault.cancel(id);
        assertApproxEqAbs(vault.claim(id), idle, 1);
        vm.stopPrank();
        vault.settle(1);
        assertEq(vault.queueHead(), 1, "what was cancelled is stepped over");
    }

    function test_while_the_queue_lacks_assets_only_what_is_idle_beyond_it_can_be_withdrawn_at_once(uint256 queued)
        public
    {
        _invest();
        uint256 idle = vault.idle();
        queued = bound(queued, 10e6, 2 * idle);
        _request(alice, vault.convertToShares(queued));
        uint256 free = queued >= idle ? 0 : idle - queued;
        assertApproxEqAbs(vault.maxWithdraw(bob), free < 100_000e6 ? free : 100_000e6, 2);
        uint256 most = vault.maxWithdraw(bob);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, bob, most + 1, most));
        vault.withdraw(most + 1, bob, bob);
    }

    function test_an_entry_never_takes_what_the_queue_needs() public {
        _request(alice, 900_000 * WHOLE);
        // 1,100,000 are idle, 900,000 of them the queue's, 110,000 the floor
        bytes memory err = abi.encodeWithSelector(Vault.IdleTooLow.selector, 1_009_999e6, 1_010_000e6);
        _refused(_one(address(hostile), true, 90_001e6, 0), err);
        _enter(address(hostile), 90_000e6);
        vault.settle(1);
        assertEq(vault.reserved(), 900_000e6);
        vm.warp(block.timestamp + 1 days);
        _refused(_one(address(hostile), true, 90_001e6, 0), _kind(Vault.IdleTooLow.selector));
    }

    function test_claims_cost_the_same_whatever_the_length_of_the_queue() public {
        uint256 cheap;
        uint256 dear;
        uint256 id = _request(alice, 10 * WHOLE);
        vault.settle(1);
        vm.prank(alice);
        vault.claim(id); // the balance and the slots are warm from now on
        id = _request(alice, 10 * WHOLE);
        vault.settle(1);
        vm.startPrank(alice);
        cheap = gasleft();
        vault.claim(id);
        cheap -= gasleft();
        for (uint256 i = 0; i < 200; ++i) {
            id = vault.requestRedeem(10 * WHOLE, alice);
        }
        vault.settle(500);
        dear = gasleft();
        vault.claim(id);
        dear -= gasleft();
        vm.stopPrank();
        assertApproxEqAbs(dear, cheap, 500);
    }

    function test_settling_works_paused_tripped_and_with_every_venue_broken() public {
        _enter(address(hostile), 300_000e6);
        _enter(address(venue), 50_000e6);
        uint256 id = _request(alice, 1_000 * WHOLE);
        _lose(300_000e6);
        assertTrue(vault.tripped());
        vm.prank(guardian);
        vault.pause();
        hostile.setMood(HostileVenue.Mood.Reverting);
        vm.mockCallRevert(address(venue), abi.encodeCall(venue.value, ()), "broken");
        for (uint256 i = 0; i < 4; ++i) {
            vault.refresh();
            assertEq(vault.settle(1), 0, "not before the grace period is over");
            vm.warp(block.timestamp + 6 hours);
        }
        assertGt(vault.settle(1), 0);
        vm.prank(alice);
        assertApproxEqAbs(vault.claim(id), uint256(1_000e6) * 75 / 110, 2); // idle alone counts
    }

    function test_a_remainder_of_dust_does_not_block_the_queue() public {
        _enter(address(hostile), 300_000e6);
        uint256 id = _request(alice, 10 * WHOLE);
        uint256 next = _request(bob, 10 * WHOLE);
        vm.startPrank(alice);
        vault.withdraw(vault.maxWithdraw(alice), alice, alice);
        vm.stopPrank();
        vault.settle(10);
        assertEq(vault.queueHead(), 2);
        for (uint256 i = 0; i < 2; ++i) {
            (,,, uint128 shares, uint128 worth, uint128 claimable) = vault.requests(i == 0 ? id : next);
            assertEq(shares + worth, 0);
            assertApproxEqAbs(claimable, 10e6, 1);
        }
    }
}
