// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vault} from "../../src/vault/Vault.sol";
import {HostileFixture} from "./HostileFixture.sol";
import {HostileVenue} from "./HostileVenue.sol";

/// The queue while a venue is not believed, and after the keeper is gone.
contract QueueTroubleTest is HostileFixture {
    uint256 private constant WHOLE = 1e12;
    uint256 private constant GRACE = 1 days;
    uint256 private id;

    function setUp() public {
        _buildHostile();
        _enter(address(hostile), 250_000e6);
        id = _request(alice, 100_000 * WHOLE);
    }

    // ---- grace

    function test_a_venue_that_cannot_tell_its_value_holds_the_queue_until_the_grace_is_over() public {
        hostile.setMood(HostileVenue.Mood.Reverting);
        _sightings(GRACE / 4, 4);
        assertEq(vault.settle(1), 75_000e6, "a quarter of the assets counts for nothing");
    }

    function test_a_fall_off_the_band_holds_the_queue_until_the_grace_is_over() public {
        hostile.setSteady(false);
        hostile.setWorth(150_000e6);
        assertEq(vault.totalAssets(), 1_000_000e6, "not believed");
        assertEq(vault.previewRedeem(100_000 * WHOLE), 90_000e6, "but redeemed at");
        _sightings(GRACE / 4, 4);
        assertEq(vault.settle(1), 90_000e6);
    }

    function test_a_fall_on_the_band_is_believed_and_holds_nothing() public {
        hostile.setWorth(150_000e6);
        assertEq(vault.settle(1), 90_000e6);
    }

    function test_a_blip_at_each_end_of_the_grace_haircuts_nobody(uint256 gap) public {
        gap = bound(gap, GRACE / 4 + 1, 10 * GRACE);
        hostile.setMood(HostileVenue.Mood.Reverting);
        assertEq(vault.settle(1), 0);
        hostile.setMood(HostileVenue.Mood.Well); // well in between, and nobody looks
        vm.warp(block.timestamp + gap);
        hostile.setMood(HostileVenue.Mood.Reverting);
        assertEq(vault.settle(1), 0, "two sightings far apart are two blips");
        hostile.setMood(HostileVenue.Mood.Well);
        assertEq(vault.settle(1), 100_000e6);
    }

    function test_one_good_sighting_starts_the_clock_again(uint8 at) public {
        at = uint8(bound(at, 1, 3));
        for (uint256 i = 0; i < 5; ++i) {
            hostile.setMood(i == at ? HostileVenue.Mood.Well : HostileVenue.Mood.Reverting);
            vm.prank(mallory);
            vault.refresh();
            vm.warp(block.timestamp + GRACE / 4);
        }
        hostile.setMood(HostileVenue.Mood.Reverting);
        assertEq(vault.settle(1), 0);
    }

    function test_instant_redemption_while_a_venue_is_stale_is_at_the_redeemers_own_choice() public {
        hostile.setMood(HostileVenue.Mood.Reverting);
        assertEq(_redeem(alice, 100_000 * WHOLE), 75_000e6);
        hostile.setMood(HostileVenue.Mood.Well);
        assertEq(vault.totalAssets(), 925_000e6, "the haircut stays with the others");
    }

    // ---- the keeper is gone

    function test_after_the_grace_anyone_leaves_a_venue_for_what_the_queue_lacks_and_no_more() public {
        _drain();
        uint256 lack = 100_000e6 - vault.idle();
        vm.warp(block.timestamp + 3 days - 1);
        _unwindRefused(lack, abi.encodeWithSelector(Vault.QueueNotWaiting.selector, id, block.timestamp + 1));
        vm.warp(block.timestamp + 1);
        _unwindRefused(lack + 2, _kind(Vault.MoreThanQueueLacks.selector));
        vm.expectEmit(address(vault));
        emit Vault.Unwound(address(hostile), mallory, lack, lack);
        vm.prank(mallory);
        vault.unwindForQueue(address(hostile), lack, lack, "");
        _unwindRefused(2, _kind(Vault.MoreThanQueueLacks.selector));
        assertApproxEqAbs(vault.settle(1), 100_000e6, 1);
        _unwindRefused(1, _kind(Vault.QueueNotWaiting.selector));
    }

    function test_nobody_leaves_for_the_queue_at_a_bad_price_or_a_venue_whose_value_judges_nothing() public {
        _drain();
        vm.warp(block.timestamp + 3 days);
        hostile.set(10_000, 10_000, 9_699, 10_000);
        _unwindRefused(10_000e6, abi.encodeWithSelector(Vault.LossTooHigh.selector, hostile, 9_699e6, 9_700e6));
        hostile.set(10_000, 10_000, 10_000, 10_000);
        hostile.setSteady(false);
        _unwindRefused(10_000e6, abi.encodeWithSelector(Vault.NotSteady.selector, hostile));
        hostile.setSteady(true);
        hostile.setPriced(false);
        _unwindRefused(10_000e6, abi.encodeWithSelector(Vault.NotSteady.selector, hostile));
    }

    function test_a_single_indivisible_unit_may_bring_more_than_the_queue_lacks() public {
        _drain();
        vm.warp(block.timestamp + 3 days);
        // one piece of four, each worth 77,500
        vm.store(address(hostile), bytes32(uint256(3)), bytes32(uint256(4)));
        assertEq(hostile.position(), 4);
        _unwindRefused(2, _kind(Vault.MoreThanQueueLacks.selector));
        vm.prank(mallory);
        assertEq(vault.unwindForQueue(address(hostile), 1, 0, ""), 77_500e6);
        _unwindRefused(1, _kind(Vault.MoreThanQueueLacks.selector));
    }

    function test_cancelled_heads_do_not_let_anyone_unwind() public {
        _drain();
        uint256 later = _request(alice, 20 * WHOLE);
        vm.warp(block.timestamp + 2 days);
        vm.prank(alice);
        vault.cancel(id);
        vm.warp(block.timestamp + 2 days);
        _unwindRefused(1_000e6, abi.encodeWithSelector(Vault.QueueNotWaiting.selector, id, block.timestamp - 1 days));
        vault.settle(1); // steps over it
        assertEq(vault.queueHead(), later);
    }

    // ---- the guardian and the owner

    function test_the_guardian_unwinds_within_the_loss_limit_and_the_owner_alone_what_cannot_tell_its_value() public {
        hostile.set(10_000, 10_000, 9_000, 10_000);
        vm.startPrank(guardian);
        vm.expectRevert(abi.encodeWithSelector(Vault.LossTooHigh.selector, hostile, 9_000e6, 9_700e6));
        vault.unwind(address(hostile), 10_000e6, 0, "");
        hostile.set(10_000, 10_000, 10_000, 10_000);
        assertEq(vault.unwind(address(hostile), 10_000e6, 10_000e6, ""), 10_000e6);
        hostile.setMood(HostileVenue.Mood.Reverting);
        bytes memory stale = abi.encodeWithSelector(Vault.VenueStale.selector, hostile);
        vm.expectRevert(stale);
        vault.unwind(address(hostile), 10_000e6, 0, "");
        vm.stopPrank();
        _refused(_one(address(hostile), false, 10_000e6, 0), stale);
        vm.prank(owner);
        assertEq(vault.unwind(address(hostile), 24_000e6, 0, ""), 24_000e6);
        (uint256 counted, bool fresh) = vault.valueOf(address(hostile));
        assertEq(counted, 216_000e6, "what is believed of the rest falls with what was taken");
        assertFalse(fresh);
    }

    /// Alice withdraws what is idle beyond the queue, and a loss elsewhere leaves the queue short.
    function _drain() private {
        vm.startPrank(alice);
        vault.withdraw(vault.maxWithdraw(alice), alice, alice);
        vm.stopPrank();
        // the queue's assets are invested, as by a keeper who left before the request came
        vm.startPrank(owner);
        vault.setVenue(address(hostile), GROUP, 10_000, MAX_LOSS_BPS);
        vm.stopPrank();
        vm.prank(alice);
        vault.cancel(id);
        vault.settle(1);
        vm.warp(block.timestamp + 2 days);
        _enter(address(hostile), 60_000e6);
        id = _request(alice, vault.convertToShares(100_000e6));
    }

    function _sightings(uint256 apart, uint256 count) private {
        for (uint256 i = 0; i < count; ++i) {
            assertEq(vault.settle(1), 0);
            vm.warp(block.timestamp + apart);
        }
    }

    function _unwindRefused(uint256 units, bytes memory err) private {
        if (err.length == 4) vm.expectPartialRevert(bytes4(err));
        else vm.expectRevert(err);
        vm.prank(mallory);
        vault.unwindForQueue(address(hostile), units, 0, "");
    }
}
