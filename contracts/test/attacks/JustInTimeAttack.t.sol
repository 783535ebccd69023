// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {HostileFixture} from "../vault/HostileFixture.sol";
import {Bound} from "./Bound.sol";

/// Somebody with any amount of money who sees a gain coming, deposits in front of the report and leaves behind it.
contract JustInTimeAttackTest is HostileFixture {
    uint256 private constant GAIN = 50_000e6;
    uint256 private constant UNLOCK = 6 hours;

    function setUp() public {
        _buildHostile();
        _enter(address(hostile), 200_000e6);
    }

    /// In the same block, and in the next: what unlocks meanwhile is all there is to take.
    function test_attack_deposit_before_a_report_and_leave() public {
        for (uint256 wait = 0; wait <= 12; wait += 12) {
            uint256 best = 0;
            for (uint256 own = 1e6; own <= 1e17; own *= 10) {
                for (uint256 way = 0; way < 3; ++way) {
                    best = Math.max(best, _jump(own, wait, way));
                }
            }
            string memory name = string.concat("deposit before a gain, leave after ", vm.toString(wait), " s");
            Bound.judge(name, best, GAIN * wait / UNLOCK, "raw dollars of a gain of 50,000");
        }
    }

    /// Who stays for the unlocking is a holder like any other: it takes no more than his part of what unlocks.
    function test_attack_deposit_before_a_report_and_stay() public {
        uint256 best = 0;
        for (uint256 wait = 1 hours; wait <= UNLOCK; wait += 1 hours) {
            uint256 own = 1_000_000e6; // half of the vault
            uint256 profit = _jump(own, wait, 0);
            uint256 part = GAIN * wait / UNLOCK / 2;
            best = Math.max(best, Math.saturatingSub(profit, part));
        }
        Bound.judge("deposit before a gain and stay: beyond one's part", best, 1, "raw dollars");
    }

    /// Ways: the gain is a venue's value; income that is collected; a recovery of what fell off the band.
    function _jump(uint256 own, uint256 wait, uint256 way) private returns (uint256 profit) {
        uint256 state = vm.snapshotState();
        usd.mint(address(hostile), GAIN);
        if (way == 2) {
            hostile.setSteady(false);
            hostile.setWorth(200_000e6 - GAIN);
            vault.refresh();
        }
        uint256 paid = vault.depositsOpen() ? own : 0;
        uint256 shares = paid == 0 ? 0 : _deposit(mallory, paid);
        if (way == 1) {
            hostile.earn(GAIN);
            vault.collect(address(hostile));
        } else {
            hostile.setSteady(true);
            hostile.setWorth(hostile.worth() + GAIN);
            vault.refresh();
        }
        vm.warp(block.timestamp + wait);
        profit = Math.saturatingSub(vault.previewRedeem(shares), paid);
        vm.revertToStateAndDelete(state);
    }

    /// In front of each of many small gains, in and out, with a report of dust between: the lock is not worn down.
    function test_attack_many_small_jumps() public {
        uint256 best = 0;
        for (uint256 jumps = 1; jumps <= 64; jumps *= 4) {
            uint256 state = vm.snapshotState();
            usd.mint(address(hostile), GAIN);
            uint256 paid;
            uint256 got;
            for (uint256 i = 0; i < jumps; ++i) {
                uint256 shares = _deposit(mallory, 10_000_000e6);
                hostile.setWorth(hostile.worth() + GAIN / jumps);
                vault.refresh();
                paid += 10_000_000e6;
                got += _redeem(mallory, shares);
            }
            best = Math.max(best, Math.saturatingSub(got, paid));
            vm.revertToStateAndDelete(state);
        }
        Bound.judge("in and out before each of many gains", best, 0, "raw dollars");
    }
}
