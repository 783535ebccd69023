// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {ProfitLock} from "../../src/vault/ProfitLock.sol";
import {HostileFixture} from "./HostileFixture.sol";

contract ProfitLockTest is Test {
    using ProfitLock for ProfitLock.Lock;

    uint256 private constant PERIOD = 6 hours;
    ProfitLock.Lock private lock;

    function setUp() public {
        vm.warp(1_700_000_000);
        lock.report(1_000e6, PERIOD, 0);
        lock.locked = 0; // the first thousand are not a gain but a deposit
    }

    function test_a_gain_unlocks_evenly_and_all_of_it(uint256 gain, uint256 elapsed) public {
        gain = bound(gain, 1, 1e30);
        elapsed = bound(elapsed, 0, 2 * PERIOD);
        lock.report(1_000e6 + gain, PERIOD, 0);
        vm.warp(block.timestamp + elapsed);
        uint256 left = elapsed >= PERIOD ? 0 : Math.ceilDiv(gain * (PERIOD - elapsed), PERIOD);
        assertEq(lock.lockedUp(), left);
        assertEq(lock.unlocked(), 1_000e6 + gain - left);
    }

    function test_a_report_never_changes_what_assets_count_for(uint256[6] memory gross, uint256[6] memory waits)
        public
    {
        for (uint256 i = 0; i < 6; ++i) {
            vm.warp(block.timestamp + bound(waits[i], 0, PERIOD));
            uint256 now_ = bound(gross[i], 0, 1e30);
            uint256 counted = Math.min(now_, lock.unlocked());
            lock.report(now_, PERIOD, 0);
            assertEq(Math.min(now_, lock.unlocked()), counted);
            assertEq(lock.unlocked(), counted, "and it is all that counts");
        }
    }

    function test_a_loss_is_taken_out_of_the_lock_first(uint256 gain, uint256 loss) public {
        gain = bound(gain, 1, 1e12);
        loss = bound(loss, 1, 1_000e6 + gain);
        lock.report(1_000e6 + gain, PERIOD, 0);
        lock.report(1_000e6 + gain - loss, PERIOD, 0);
        assertEq(lock.lockedUp(), loss >= gain ? 0 : gain - loss);
        assertEq(lock.unlocked(), loss >= gain ? 1_000e6 + gain - loss : 1_000e6);
    }

    function test_reports_of_dust_hold_back_nothing(uint256 gain, uint8 reports) public {
        gain = bound(gain, 1e6, 1e20);
        lock.report(1_000e6 + gain, PERIOD, 0);
        uint256 until = lock.until;
        for (uint256 i = 1; i <= reports; ++i) {
            vm.warp(block.timestamp + 12);
            lock.report(1_000e6 + gain + i, PERIOD, 0);
        }
        assertLe(lock.until, until + reports * (1 + PERIOD * reports / gain), "a second for each, by rounding");
    }

    function test_what_is_locked_never_exceeds_the_gains(uint256[8] memory gross, uint256[8] memory waits) public {
        uint256 gains = 0;
        uint256 before = 1_000e6;
        for (uint256 i = 0; i < 8; ++i) {
            vm.warp(block.timestamp + bound(waits[i], 0, PERIOD));
            uint256 now_ = bound(gross[i], 0, 1e30);
            gains += Math.saturatingSub(now_, before);
            lock.report(now_, PERIOD, 0);
            before = now_;
            assertLe(lock.lockedUp(), Math.min(gains, now_));
        }
    }

    function test_the_fee_is_taken_above_the_high_water_mark_only(uint256[8] memory gross, uint16 feeBps) public {
        feeBps = uint16(bound(feeBps, 0, 2_000));
        uint256 mark = 1_000e6;
        for (uint256 i = 0; i < 8; ++i) {
            uint256 now_ = bound(gross[i], 0, 1e12);
            uint256 above = Math.saturatingSub(now_, mark);
            assertEq(lock.report(now_, PERIOD, feeBps), above * feeBps / 10_000);
            mark += above;
            assertEq(lock.deficit, mark - now_, "the distance to the mark");
        }
    }

    function test_rising_and_falling_over_and_over_pays_no_fee_twice() public {
        uint256 paid = lock.report(1_100e6, PERIOD, 1_000);
        for (uint256 i = 0; i < 50; ++i) {
            paid += lock.report(900e6, PERIOD, 1_000);
            paid += lock.report(1_100e6, PERIOD, 1_000);
        }
        assertEq(paid, 10e6);
    }
}

/// The lock in the vault: what a gain does to the share price, and what the fee does not do to it.
contract ProfitUnlockTest is HostileFixture {
    function setUp() public {
        feeTo = makeAddr("fee recipient");
        _buildHostile();
        _enter(address(hostile), 100_000e6);
    }

    function test_a_gain_reaches_the_share_price_over_the_unlock_period_and_a_loss_at_once() public {
        uint256 total = vault.totalAssets();
        hostile.setWorth(112_000e6);
        assertEq(vault.totalAssets(), total, "an unreported gain does not count");
        vm.warp(block.timestamp + 30 days);
        assertEq(vault.totalAssets(), total, "however long nobody reports it");
        vault.refresh();
        vm.warp(block.timestamp + 3 hours);
        assertEq(vault.totalAssets(), total + 6_000e6);
        hostile.setWorth(105_000e6); // 7,000 lost of the 6,000 still locked
        assertEq(vault.totalAssets(), total + 5_000e6);
        vault.refresh();
        assertEq(vault.totalAssets(), total + 5_000e6);
    }

    function test_the_fee_is_paid_in_shares_and_moves_no_price(uint256 gain, uint16 feeBps) public {
        gain = bound(gain, 1e6, 50_000e6);
        IRules.Limits memory limits = _limits();
        limits.performanceFeeBps = uint16(bound(feeBps, 1, 2_000));
        _setLimits(limits);
        uint256 price = vault.convertToAssets(1e24);
        _gain(gain);
        uint256 fee = gain * limits.performanceFeeBps / BPS;
        assertApproxEqAbs(vault.convertToAssets(vault.balanceOf(feeTo)), fee, 1);
        assertApproxEqAbs(vault.convertToAssets(1e24), price, 1e7, "the same price, to 17 digits");
        assertGe(vault.convertToAssets(1e24), price);
        assertEq(vault.lockedProfit(), gain - fee);
        uint256 shares = vault.balanceOf(feeTo);
        _lose(gain);
        _gain(gain);
        assertEq(vault.balanceOf(feeTo), shares, "what was lost and won again pays no fee");
    }
}
