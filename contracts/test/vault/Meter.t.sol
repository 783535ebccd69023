// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {Meter} from "../../src/vault/Meter.sol";
import {HostileFixture} from "./HostileFixture.sol";

contract MeterTest is Test {
    using Meter for Meter.Bucket;

    uint256 private constant EPOCH = 1 days;
    uint256 private constant BUDGET = 1_000e6;
    Meter.Bucket private bucket;

    function setUp() public {
        vm.warp(1_700_000_000);
    }

    /// Takes as much as it gets, after each of sixteen waits, and looks at every stretch of time between two of them.
    function test_no_stretch_of_n_epochs_takes_more_than_n_plus_one_budgets(
        uint256[16] memory waits,
        uint256[16] memory wanted
    ) public {
        uint256[16] memory at;
        uint256[16] memory taken;
        for (uint256 i = 0; i < 16; ++i) {
            vm.warp(block.timestamp + bound(waits[i], 0, 2 * EPOCH));
            uint256 free = BUDGET - bucket.level(BUDGET, EPOCH);
            uint256 amount = bound(wanted[i], 0, free);
            bucket.take(amount, BUDGET, EPOCH);
            (at[i], taken[i]) = (block.timestamp, amount);
            uint256 sum = 0;
            for (uint256 j = i + 1; j > 0; --j) {
                sum += taken[j - 1];
                uint256 span = at[i] - at[j - 1];
                assertLe(sum, BUDGET + BUDGET * span / EPOCH + i, "a unit for each take, by rounding");
            }
        }
    }

    function test_refuses_one_unit_more_and_allows_the_rest(uint256 used, uint256 elapsed) public {
        used = bound(used, 0, BUDGET);
        elapsed = bound(elapsed, 0, 2 * EPOCH);
        bucket.take(used, BUDGET, EPOCH);
        vm.warp(block.timestamp + elapsed);
        uint256 drained = BUDGET * elapsed / EPOCH;
        uint256 level = used > drained ? used - drained : 0;
        assertEq(bucket.level(BUDGET, EPOCH), level);
        uint256 state = vm.snapshotState();
        bucket.take(BUDGET - level, BUDGET, EPOCH);
        vm.revertToState(state);
        vm.expectRevert(abi.encodeWithSelector(Meter.BudgetSpent.selector, BUDGET - level + 1, level, BUDGET));
        this.takeMore(BUDGET - level + 1);
    }

    function takeMore(uint256 amount) external {
        bucket.take(amount, BUDGET, EPOCH);
    }

    function test_taking_nothing_holds_nothing_back() public {
        bucket.take(10, 10, EPOCH);
        for (uint256 i = 0; i < 100; ++i) {
            vm.warp(block.timestamp + EPOCH / 100);
            bucket.take(0, 10, EPOCH);
        }
        assertEq(bucket.level(10, EPOCH), 0);
    }

    function test_a_change_of_budget_never_reaches_back() public {
        bucket.take(BUDGET, BUDGET, EPOCH);
        vm.warp(block.timestamp + EPOCH / 2);
        bucket.settle(BUDGET, EPOCH);
        assertEq(bucket.level(1_000 * BUDGET, EPOCH), BUDGET / 2, "not drained at the new rate for the old time");
        assertEq(bucket.level(0, EPOCH), BUDGET / 2);
    }
}

/// The three budgets in the vault.
contract BudgetTest is HostileFixture {
    function setUp() public {
        _buildHostile();
        vm.startPrank(owner);
        vault.setVenue(address(hostile), GROUP, 10_000, 1_000);
        vm.stopPrank();
    }

    function test_turnover_is_refused_beyond_its_budget_and_refills_with_time() public {
        _enter(address(hostile), 300_000e6);
        assertEq(vault.turnoverUsed(), 0.3e18);
        _exit(address(hostile), 300_000e6);
        bytes memory err = abi.encodeWithSelector(Meter.BudgetSpent.selector, 0.3e18, 0.3e18, 0.5e18);
        _refused(_one(address(hostile), true, 300_000e6, 0), err);
        _enter(address(hostile), 200_000e6);
        assertEq(vault.turnoverUsed(), 0.5e18);
        vm.warp(block.timestamp + 12 hours);
        assertEq(vault.turnoverUsed(), 0.25e18);
        _enter(address(hostile), 250_000e6);
    }

    function test_measured_losses_are_refused_beyond_their_budget_of_entries_and_exits_together() public {
        hostile.set(10_000, 9_000, 9_000, 10_000);
        _enter(address(hostile), 200_000e6); // 20,000 of 980,000 lost
        assertApproxEqRel(vault.lossUsed(), 0.020408e18, 0.001e18);
        _refused(_one(address(hostile), false, 200_000e6, 0), _kind(Meter.BudgetSpent.selector));
        _exit(address(hostile), 50_000e6); // 4,500 more
        assertApproxEqRel(vault.lossUsed(), 0.025e18, 0.01e18);
        vm.prank(guardian);
        vault.unwind(address(hostile), 150_000e6, 0, ""); // the guardian is outside the budget
    }

    function test_unpriced_entries_count_whole_and_are_not_judged_by_value() public {
        hostile.setPriced(false);
        hostile.set(10_000, 0, 10_000, 10_000); // worth nothing as soon as it is bought
        _enter(address(hostile), 6_000e6);
        assertEq(vault.unpricedUsed(), 6_000e6);
        assertEq(vault.turnoverUsed(), 0);
        assertEq(vault.lossUsed(), 0);
        bytes memory err = abi.encodeWithSelector(Meter.BudgetSpent.selector, 4_000e6 + 1, 6_000e6, 10_000e6);
        _refused(_one(address(hostile), true, 4_000e6 + 1, 0), err);
        _enter(address(hostile), 4_000e6);
        vm.warp(block.timestamp + 6 hours);
        assertEq(vault.unpricedUsed(), 7_500e6);
    }

    function test_who_swells_the_vault_for_a_while_buys_no_budget() public {
        _enter(address(hostile), 500_000e6);
        assertEq(vault.turnoverUsed(), 0.5e18);
        _deposit(mallory, 1e15); // a thousand times the vault
        assertEq(vault.turnoverUsed(), 0.5e18);
        _refused(_one(address(hostile), true, 1e6, 0), _kind(Meter.BudgetSpent.selector));
    }

    function test_only_what_was_really_spent_counts() public {
        hostile.set(2_500, 2_500, 10_000, 10_000); // takes a quarter
        _enter(address(hostile), 400_000e6);
        assertEq(vault.turnoverUsed(), 0.1e18);
        assertEq(vault.cost(address(hostile)), 100_000e6);
        assertEq(vault.idle(), 900_000e6);
    }

    function test_new_limits_do_not_reach_back_and_forgive_nothing() public {
        _enter(address(hostile), 500_000e6);
        vm.warp(block.timestamp + 6 hours);
        IRules.Limits memory limits = _limits();
        (limits.turnoverBps, limits.epoch) = (10_000, 1 hours);
        _setLimits(limits);
        assertEq(vault.turnoverUsed(), 0.375e18);
        vm.warp(block.timestamp + 15 minutes);
        assertEq(vault.turnoverUsed(), 0.125e18);
    }
}
