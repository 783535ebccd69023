// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {HostileFixture} from "../vault/HostileFixture.sol";
import {HostileVenue} from "../vault/HostileVenue.sol";
import {Bound} from "./Bound.sol";

/// Somebody who wants others to wait, to pay gas or to be settled low. Bob is the one who waits.
contract QueueGriefAttackTest is HostileFixture {
    uint256 private constant WHOLE = 1e12;

    function setUp() public {
        _buildHostile();
        _enter(address(hostile), 250_000e6);
        _deposit(bob, 10_000e6);
        _deposit(mallory, 100_000e6);
    }

    /// One capital, requested and cancelled over and over in front of Bob. Loss: gas that settling Bob costs.
    function test_attack_requests_and_cancels_in_a_loop() public {
        uint256 worst = 0;
        for (uint256 times = 50; times <= 800; times *= 4) {
            uint256 state = vm.snapshotState();
            uint256 spent = gasleft();
            vm.startPrank(mallory);
            for (uint256 i = 0; i < times; ++i) {
                vault.cancel(vault.requestRedeem(10 * WHOLE, mallory));
            }
            vm.stopPrank();
            spent -= gasleft();
            uint256 settling = _gasToSettleBob(times + 1);
            worst = Math.max(worst, (settling * 10_000) / spent);
            vm.revertToStateAndDelete(state);
        }
        Bound.judge("cancelled requests: gas to step over them", worst, 1_000, "bps of the attacker's gas");
    }

    /// Many requests of the least size. Loss: gas that settling them all costs, beside what it cost to make them.
    function test_attack_many_tiny_requests() public {
        uint256 worst = 0;
        for (uint256 times = 50; times <= 800; times *= 4) {
            uint256 state = vm.snapshotState();
            uint256 spent = gasleft();
            vm.startPrank(mallory);
            for (uint256 i = 0; i < times; ++i) {
                vault.requestRedeem(10 * WHOLE, mallory);
            }
            vm.stopPrank();
            spent -= gasleft();
            worst = Math.max(worst, _gasToSettleBob(times + 1) * 10_000 / spent);
            vm.revertToStateAndDelete(state);
        }
        Bound.judge("tiny requests: gas to settle them", worst, 10_000, "bps of the attacker's gas");
    }

    function _gasToSettleBob(uint256 count) private returns (uint256 gas) {
        uint256 id = _request(bob, 1_000 * WHOLE);
        gas = gasleft();
        vault.settle(count);
        gas -= gasleft();
        (,,,,, uint128 claimable) = vault.requests(id);
        assertApproxEqAbs(claimable, 1_000e6, 1, "Bob is settled");
    }

    /// A head that is larger than all that is idle. Loss: of what Bob asked for, once there are assets for him.
    function test_attack_a_huge_head_in_front() public {
        uint256 worst = 0;
        for (uint256 part = 1; part <= 10; ++part) {
            uint256 state = vm.snapshotState();
            _request(alice, vault.balanceOf(alice) * part / 10);
            uint256 id = _request(bob, 10_000 * WHOLE);
            vault.settle(10);
            vm.prank(guardian);
            vault.unwind(address(hostile), 250_000e6, 0, "");
            vault.settle(10);
            vm.prank(bob);
            worst = Math.max(worst, 10_000e6 - vault.claim(id));
            vm.revertToStateAndDelete(state);
        }
        Bound.judge("a huge head: what who stands behind it loses", worst, 1, "raw dollars");
    }

    /// She breaks a venue for the very transactions in which she looks, as often as she likes, for twenty days. Once in
    /// each grace period, when she least expects it, somebody else looks too.
    function test_attack_blips_to_force_a_haircut_on_the_queue() public {
        uint256 worst = 0;
        for (uint256 apart = 30 minutes; apart <= 1 days; apart += 90 minutes) {
            for (uint256 honest = 1; honest < 24; honest += 5) {
                uint256 state = vm.snapshotState();
                worst = Math.max(worst, _blips(apart, honest * 1 hours));
                vm.revertToStateAndDelete(state);
            }
        }
        Bound.judge("blips: what who waits loses while somebody looks once a day", worst, 0, "raw dollars");
    }

    function _blips(uint256 apart, uint256 honest) private returns (uint256) {
        uint256 id = _request(bob, 10_000 * WHOLE);
        uint256 start = block.timestamp;
        uint256 looked = start + honest;
        while (block.timestamp < start + 20 days) {
            hostile.setMood(HostileVenue.Mood.Reverting);
            vm.prank(mallory);
            vault.settle(5); // which is a look, too
            hostile.setMood(HostileVenue.Mood.Well);
            uint256 next = block.timestamp + apart;
            while (looked < next) {
                vm.warp(looked);
                vault.refresh();
                looked += 1 days;
            }
            vm.warp(next);
        }
        vault.settle(5);
        vm.prank(bob);
        return 10_000e6 - vault.claim(id);
    }
}
