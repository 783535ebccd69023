// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {HostileFixture} from "./HostileFixture.sol";

/// The drawdown breaker: 20 % below the highest share price.
contract BreakerTest is HostileFixture {
    function setUp() public {
        _buildHostile();
        _enter(address(hostile), 250_000e6);
    }

    function test_trips_exactly_below_the_drawdown(uint256 loss) public {
        loss = bound(loss, 0, 250_000e6);
        uint256 before = vault.highWater();
        _lose(loss);
        assertEq(vault.highWater(), before);
        // the price of a share is (assets + 1) / (shares / 1e6 + 1)
        assertEq(vault.tripped(), (1_000_000e6 - loss + 1) * 10 < (1_000_000e6 + 1) * 8);
    }

    function test_while_tripped_entries_and_deposits_stop_and_everything_that_leaves_goes_on() public {
        uint256 units = _enter(address(venue), 10_000e6);
        uint256 id = _request(alice, vault.balanceOf(alice) / 2);
        hostile.setWorth(0);
        vm.expectEmit(false, false, false, false, address(vault));
        emit IRules.Tripped(0, 0);
        vault.refresh();
        assertTrue(vault.tripped());
        bytes memory err = abi.encodeWithSelector(Vault.BreakerTripped.selector);
        _refused(_one(address(venue), true, 1_000e6, 0), err);
        assertEq(vault.maxDeposit(alice), 0);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxDeposit.selector, alice, 1, 0));
        vm.prank(alice);
        vault.deposit(1, alice);

        assertGt(_exit(address(venue), units / 2), 0, "exits");
        vm.prank(guardian);
        assertGt(vault.unwind(address(venue), units / 2, 0, ""), 0, "unwinding");
        vault.collect(address(hostile));
        assertGt(vault.settle(1), 0, "the queue");
        vm.prank(alice);
        assertGt(vault.claim(id), 0, "claims");
        assertGt(_redeem(alice, vault.balanceOf(alice) / 4), 0, "withdrawals");
    }

    function test_stays_tripped_after_a_recovery_until_the_owner_resets_it() public {
        _lose(250_000e6);
        _gain(250_000e6);
        vm.warp(block.timestamp + 1 days);
        vault.refresh();
        assertTrue(vault.tripped());
        vm.prank(owner);
        vault.resetBreaker();
        assertFalse(vault.tripped());
        assertTrue(vault.depositsOpen());
    }

    function test_the_mark_after_a_reset_is_the_price_of_that_moment() public {
        _lose(220_000e6);
        vm.prank(owner);
        vault.resetBreaker();
        assertApproxEqRel(vault.highWater(), 0.78e18, 1e12);
        vault.refresh();
        assertFalse(vault.tripped());
    }

    function test_a_gift_neither_trips_nor_untrips(uint256 gift, uint256 loss) public {
        gift = bound(gift, 1, 1e15);
        loss = bound(loss, 0, 250_000e6);
        usd.mint(address(vault), gift);
        usd.mint(address(hostile), gift);
        uint256 mark = vault.highWater();
        vault.refresh();
        assertEq(vault.highWater(), mark, "a gift sets no mark");
        _lose(loss);
        assertEq(vault.tripped(), loss > 200_000e6);
        usd.mint(address(vault), gift);
        vault.refresh();
        assertEq(vault.tripped(), loss > 200_000e6);
        assertEq(vault.depositsOpen(), loss <= 200_000e6);
    }

    function test_a_push_of_an_unsteady_venue_does_not_trip() public {
        hostile.setSteady(false);
        _lose(250_000e6);
        assertFalse(vault.tripped());
        hostile.setSteady(true);
        vault.refresh();
        assertTrue(vault.tripped(), "but a fall that stays does");
    }

    function test_a_deposit_while_profit_is_locked_does_not_trip() public {
        _gain(200_000e6);
        _deposit(mallory, 1e15); // assets per share fall from 1.2 to 1.0 with the lock counted, not without
        vault.refresh();
        assertFalse(vault.tripped());
        assertTrue(vault.depositsOpen());
    }

    function test_a_drawdown_closes_deposits_before_anybody_reports_it() public {
        hostile.setWorth(0);
        assertFalse(vault.tripped());
        assertEq(vault.maxDeposit(alice), 0);
        assertEq(vault.maxMint(alice), 0);
    }

    function test_an_entry_in_a_batch_that_trips_is_refused_whole() public {
        IRules.Limits memory limits = _limits();
        (limits.drawdownBps, limits.unpricedBudget) = (100, 100_000e6);
        _setLimits(limits);
        hostile.setPriced(false);
        hostile.set(10_000, 0, 10_000, 10_000);
        bytes memory err = abi.encodeWithSelector(Vault.BreakerTripped.selector);
        _refused(_one(address(hostile), true, 10_001e6, 0), err);
        assertFalse(vault.tripped());
        _enter(address(hostile), 9_999e6);
    }

    function test_the_mark_rises_with_the_price_as_profit_unlocks() public {
        _gain(100_000e6);
        assertApproxEqRel(vault.highWater(), 1e18, 1e12);
        vm.warp(block.timestamp + 6 hours);
        vault.refresh();
        assertApproxEqRel(vault.highWater(), 1.1e18, 1e12);
        _lose(230_000e6);
        assertTrue(vault.tripped(), "20.9 % below the new mark");
    }
}
