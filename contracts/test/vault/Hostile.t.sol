// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VenueReads} from "../../src/libraries/VenueReads.sol";
import {HostileFixture} from "./HostileFixture.sol";
import {HostileVenue} from "./HostileVenue.sol";

/// What a broken or lying adapter can do to the vault: the vault believes its own measurements only.
contract HostileVenueTest is HostileFixture {
    function setUp() public {
        _buildHostile();
        vm.prank(owner);
        vault.setVenue(address(hostile), GROUP, CAP_BPS, 100);
    }

    // ---- measuring

    function test_a_venue_cannot_take_more_than_the_amount() public {
        hostile.set(10_001, 10_000, 10_000, 10_000);
        Vault.Action[] memory actions = _one(address(hostile), true, 10_000e6, 0);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        vm.expectRevert();
        vm.prank(keeper);
        vault.allocate(actions, permits, root, 0, block.timestamp);
    }

    function test_a_venue_may_take_less_and_is_judged_by_what_it_took(uint256 spendBps) public {
        spendBps = bound(spendBps, 0, 10_000);
        hostile.set(spendBps, spendBps, 10_000, 10_000);
        _enter(address(hostile), 10_000e6);
        assertEq(vault.idle(), 1_000_000e6 - 1e6 * spendBps);
        assertEq(vault.cost(address(hostile)), 1e6 * spendBps);
        assertEq(usd.allowance(address(vault), address(hostile)), 0);
    }

    function test_entry_loss_is_judged_to_the_unit(uint256 assets) public {
        assets = bound(assets, 1e4, 1e11) / 10_000 * 10_000;
        hostile.set(10_000, 9_900, 10_000, 10_000); // exactly the limit of 100 bps
        uint256 state = vm.snapshotState();
        _enter(address(hostile), assets);
        vm.revertToState(state);
        hostile.set(10_000, 9_899, 10_000, 10_000);
        (uint256 gained, uint256 least) = (assets * 9_899 / 10_000, assets * 9_900 / 10_000);
        bytes memory err = abi.encodeWithSelector(Vault.LossTooHigh.selector, hostile, gained, least);
        _refused(_one(address(hostile), true, assets, 0), err);
    }

    function test_exit_loss_is_judged_by_the_value_given_up(uint256 payBps) public {
        payBps = bound(payBps, 9_000, 10_000);
        _enter(address(hostile), 10_000e6);
        hostile.set(10_000, 10_000, payBps, 10_000);
        uint256 paid = 5_000e6 * payBps / 10_000;
        Vault.Action[] memory actions = _one(address(hostile), false, 5_000e6, 0);
        bytes memory err = abi.encodeWithSelector(Vault.LossTooHigh.selector, hostile, paid, 4_950e6);
        if (payBps < 9_900) _refused(actions, err);
        else assertEq(_allocate(actions)[0], paid);
    }

    function test_a_collection_is_judged_like_an_exit_and_must_not_touch_units(uint256 payBps) public {
        payBps = bound(payBps, 9_000, 10_000);
        _enter(address(hostile), 10_000e6);
        usd.mint(address(hostile), 1_000e6);
        hostile.earn(1_000e6);
        hostile.set(10_000, 10_000, payBps, 10_000);
        uint256 paid = 1_000e6 * payBps / 10_000;
        uint256 idle = vault.idle();
        if (payBps < 9_900) vm.expectRevert();
        vault.collect(address(hostile));
        assertEq(vault.idle(), payBps < 9_900 ? idle : idle + paid);
        assertEq(vault.cost(address(hostile)), 10_000e6);
    }

    function test_refuses_an_exit_that_gives_up_other_units_than_it_was_told() public {
        _enter(address(hostile), 10_000e6);
        hostile.set(10_000, 10_000, 10_000, 5_000);
        bytes memory err = abi.encodeWithSelector(Vault.WrongSpend.selector, hostile, 1_000e6, 500e6);
        _refused(_one(address(hostile), false, 1_000e6, 0), err);
    }

    function test_received_is_measured_and_not_what_the_venue_returns() public {
        assertEq(_enter(address(hostile), 10_000e6), 10_000e6);
        assertEq(_exit(address(hostile), 4_000e6), 4_000e6);
    }

    // ---- re-entry

    function test_a_venue_cannot_reenter_any_function_that_changes_the_accounts() public {
        bytes[12] memory calls = [
            abi.encodeCall(vault.refresh, ()),
            abi.encodeCall(vault.deposit, (0, address(hostile))),
            abi.encodeCall(vault.mint, (0, address(hostile))),
            abi.encodeCall(vault.withdraw, (0, address(hostile), address(hostile))),
            abi.encodeWithSignature("redeem(uint256,address,address)", 0, hostile, hostile),
            abi.encodeWithSignature("redeem(uint256,address,address,uint256)", 0, hostile, hostile, 0),
            abi.encodeCall(vault.requestRedeem, (0, address(hostile))),
            abi.encodeCall(vault.cancel, (0)),
            abi.encodeCall(vault.settle, (1)),
            abi.encodeCall(vault.claim, (0)),
            abi.encodeCall(vault.collect, (address(hostile))),
            abi.encodeCall(vault.unwindForQueue, (address(hostile), 1, 0, ""))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            _reentersAndIsRefused(calls[i]);
        }
    }

    /// Read-only re-entry: a price read in the middle of a move would be wrong.
    function test_every_view_of_the_accounts_reverts_while_a_move_is_under_way() public {
        bytes[16] memory calls = [
            abi.encodeCall(vault.totalAssets, ()),
            abi.encodeCall(vault.convertToAssets, (1e12)),
            abi.encodeCall(vault.convertToShares, (1e6)),
            abi.encodeCall(vault.previewDeposit, (1e6)),
            abi.encodeCall(vault.previewMint, (1e12)),
            abi.encodeCall(vault.previewWithdraw, (1e6)),
            abi.encodeCall(vault.previewRedeem, (1e12)),
            abi.encodeCall(vault.maxDeposit, (alice)),
            abi.encodeCall(vault.maxMint, (alice)),
            abi.encodeCall(vault.maxWithdraw, (alice)),
            abi.encodeCall(vault.maxRedeem, (alice)),
            abi.encodeCall(vault.idle, ()),
            abi.encodeCall(vault.valueOf, (address(venue))),
            abi.encodeCall(vault.depositsOpen, ()),
            abi.encodeCall(vault.refresh, ()),
            abi.encodeCall(vault.seize, (alice))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            _reentersAndIsRefused(calls[i]);
        }
    }

    function _reentersAndIsRefused(bytes memory call) private {
        hostile.setReentry(call);
        _enter(address(hostile), 1_000e6); // the venue swallows the refusal
        assertFalse(hostile.entered());
        bytes4 guarded = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;
        assertEq(bytes4(hostile.answer()), guarded);
        _exit(address(hostile), 1_000e6);
        assertEq(bytes4(hostile.answer()), guarded);
        vault.collect(address(hostile));
        assertEq(bytes4(hostile.answer()), guarded);
        assertEq(vault.totalAssets(), 1_000_000e6);
    }

    // ---- answers that are none

    function test_a_stale_venue_counts_at_its_last_good_value_and_never_freezes_withdrawals() public {
        for (uint8 mood = 1; mood <= uint8(type(HostileVenue.Mood).max); ++mood) {
            uint256 state = vm.snapshotState();
            _staysUsable(HostileVenue.Mood(mood));
            vm.revertToState(state);
        }
    }

    function _staysUsable(HostileVenue.Mood mood) private {
        _enter(address(hostile), 10_000e6);
        uint256 units = _enter(address(venue), 10_000e6);
        uint256 total = vault.totalAssets();
        hostile.setMood(mood);
        (uint256 counted, bool fresh) = vault.valueOf(address(hostile));
        assertEq(counted, 10_000e6);
        assertFalse(fresh);
        assertEq(vault.totalAssets(), total);
        assertFalse(vault.depositsOpen());
        assertEq(vault.maxDeposit(alice), 0);
        uint256 free = vault.maxWithdraw(alice);
        assertEq(free, vault.idle());
        vm.prank(alice);
        vault.withdraw(free / 2, alice, alice);
        bytes memory stale = abi.encodeWithSelector(Vault.VenueStale.selector, hostile);
        _refused(_one(address(hostile), true, 1_000e6, 0), stale);
        _refused(_one(address(hostile), false, 1_000e6, 0), stale);
        _refused(_one(address(venue), true, 1_000e6, 0), stale);
        assertGt(_exit(address(venue), units), 0, "other venues can be left");
        vault.refresh();
        (counted,) = vault.valueOf(address(hostile));
        assertEq(counted, 10_000e6, "a report keeps the last good value");
        hostile.setMood(HostileVenue.Mood.Well);
        assertTrue(vault.depositsOpen());
    }

    function test_a_venue_that_eats_gas_takes_no_more_than_its_share() public {
        _enter(address(hostile), 10_000e6);
        hostile.setMood(HostileVenue.Mood.Hungry);
        uint256 gas = gasleft();
        _redeem(alice, 1e12);
        assertLt(gas - gasleft(), VenueReads.READ_GAS + 400_000);
    }

    function test_a_venue_that_returns_a_flood_is_not_copied() public {
        _enter(address(hostile), 10_000e6);
        hostile.setMood(HostileVenue.Mood.Bomb);
        uint256 gas = gasleft();
        _redeem(alice, 1e12);
        assertLt(gas - gasleft(), VenueReads.READ_GAS + 400_000);
    }

    function test_nobody_makes_a_venue_look_broken_by_sending_little_gas(uint256 gas) public {
        _enter(address(venue), 10_000e6);
        vault.refresh();
        gas = bound(gas, 30_000, 400_000);
        vm.prank(mallory);
        try vault.refresh{gas: gas}() {} catch {}
        (, bool fresh) = vault.valueOf(address(venue));
        assertTrue(fresh);
        assertTrue(vault.depositsOpen());
        _request(alice, 100e12);
        assertEq(vault.settle(1), vault.reserved());
        assertGt(vault.reserved(), 0, "no report saw a stale venue");
    }

    function test_deposits_close_off_the_band_only_while_a_position_is_held() public {
        hostile.setSteady(false);
        assertTrue(vault.depositsOpen());
        _enter(address(hostile), 1_000e6);
        assertFalse(vault.depositsOpen());
        hostile.setSteady(true);
        assertTrue(vault.depositsOpen());
    }

    // ---- values that nobody should believe yet

    function test_a_fall_off_the_band_is_not_booked_by_anybody_in_any_way() public {
        _enter(address(hostile), 100_000e6);
        hostile.setSteady(false);
        hostile.setWorth(50_000e6); // pushed down, to be pushed back in the same block
        vm.startPrank(mallory);
        vault.refresh();
        vault.collect(address(hostile));
        vault.settle(1);
        vm.stopPrank();
        _exit(address(hostile), 10_000e6); // a tenth, for the 5,000 that it is worth now
        assertEq(vault.totalAssets(), 995_000e6, "only what was really sold at that price is lost");
        hostile.setSteady(true);
        hostile.setWorth(90_000e6);
        vault.refresh();
        assertEq(vault.totalAssets(), 995_000e6);
        assertEq(vault.lockedProfit(), 0, "there was no loss, so there is no gain");
    }

    function test_a_venue_that_lies_upwards_is_believed_only_as_fast_as_profit_unlocks() public {
        _enter(address(hostile), 100_000e6);
        hostile.setWorth(1e15);
        vault.refresh();
        assertEq(vault.totalAssets(), 1_000_000e6);
        vm.startPrank(owner); // and the owner can write it off, which takes the lie out of the lock again
        vault.delist(address(hostile));
        vault.forget(address(hostile));
        vm.stopPrank();
        assertEq(vault.totalAssets(), 900_000e6);
    }
}
