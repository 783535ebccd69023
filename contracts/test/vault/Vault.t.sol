// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {WithdrawalQueue} from "../../src/vault/WithdrawalQueue.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {VaultFixture} from "./VaultFixture.sol";

/// Allocation over a real pool. Each test runs twice: with the asset as token0 and as token1 of the pool.
abstract contract VaultTests is VaultFixture {
    function test_entry_spends_exactly_the_amount_and_logs_what_it_measured() public {
        uint256 nonce = vault.nonce();
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_one(address(venue), true, 100_000e6, 0));
        vm.recordLogs();
        vm.prank(keeper);
        uint256 units =
            vault.allocate(_one(address(venue), true, 100_000e6, 0), permits, root, nonce, block.timestamp)[0];
        assertEq(vault.idle(), 900_000e6);
        assertEq(vault.cost(address(venue)), 100_000e6);
        assertEq(venue.position(), units);
        assertGt(units, 199_000e18); // 1e11 * 1.0001^283260 * 0.997, less about 0.1 % of impact: 199,282
        assertLt(units, 199_500e18);
        assertEq(usd.allowance(address(vault), address(venue)), 0);
        assertEq(vault.nonce(), nonce + 1);
        (uint256 counted, bool fresh) = vault.valueOf(address(venue));
        assertEq(counted, venue.value());
        assertTrue(fresh);
        _assertLogged(nonce, root, true, 100_000e6, units);
    }

    function test_exit_brings_the_assets_to_the_vault_and_logs_what_it_measured() public {
        uint256 units = _enter(address(venue), 50_000e6);
        uint256 idleBefore = vault.idle();
        vm.recordLogs();
        uint256 assets = _exit(address(venue), units / 4);
        assertEq(vault.idle(), idleBefore + assets);
        assertEq(venue.position(), units - units / 4);
        assertApproxEqAbs(vault.cost(address(venue)), 37_500e6, 1, "three quarters of the cost stay");
        assertLt(assets, 12_500e6);
        assertEq(usd.balanceOf(address(venue)), 0);
        _assertLogged(1, "exits only", false, units / 4, assets);
        _exit(address(venue), venue.position());
        assertEq(vault.cost(address(venue)), 0);
    }

    function test_batch_runs_in_order_and_shares_one_nonce() public {
        uint256 units = _enter(address(venue), 10_000e6);
        Vault.Action[] memory actions = new Vault.Action[](2);
        actions[0] = Vault.Action(address(venue), false, units, 0, "");
        actions[1] = Vault.Action(address(venue), true, 20_000e6, 0, "");
        uint256[] memory received = _allocate(actions);
        assertGt(received[0], 9_800e6);
        assertEq(received[1], venue.position());
        assertEq(vault.nonce(), 2);
    }

    function test_refuses_a_decision_twice(uint256 wrong) public {
        vm.assume(wrong != 1);
        _enter(address(venue), 1_000e6);
        Vault.Action[] memory actions = _one(address(venue), true, 1_000e6, 0);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        vm.expectRevert(abi.encodeWithSelector(Vault.WrongNonce.selector, wrong, 1));
        vm.prank(keeper);
        vault.allocate(actions, permits, root, wrong, block.timestamp);
    }

    function test_refuses_after_the_deadline_and_not_at_it(uint32 late) public {
        uint256 units = _enter(address(venue), 1_000e6);
        Vault.Action[] memory actions = _one(address(venue), false, units, 0);
        uint256 deadline = block.timestamp + 5;
        vm.warp(deadline + 1 + uint256(late));
        vm.expectRevert(abi.encodeWithSelector(Vault.DeadlinePassed.selector, deadline, block.timestamp));
        vm.prank(keeper);
        vault.allocate(actions, new IRules.Permit[](0), 0, 1, deadline);
        vm.prank(keeper);
        vault.allocate(actions, new IRules.Permit[](0), 0, 1, block.timestamp);
    }

    function test_refuses_empty_and_oversized_batches_and_zero_amounts() public {
        _refused(new Vault.Action[](0), abi.encodeWithSelector(Vault.BadBatchSize.selector, 0, 16));
        _refused(new Vault.Action[](17), abi.encodeWithSelector(Vault.BadBatchSize.selector, 17, 16));
        bytes memory zero = abi.encodeWithSelector(Vault.ZeroAmount.selector, venue);
        _refused(_one(address(venue), true, 0, 0), zero);
        _refused(_one(address(venue), false, 0, 0), zero);
        vm.expectRevert(zero);
        vm.prank(guardian);
        vault.unwind(address(venue), 0, 0, "");
    }

    function test_min_received_is_judged_to_the_unit() public {
        uint256 state = vm.snapshotState();
        uint256 units = _enter(address(venue), 5_000e6);
        vm.revertToState(state);
        bytes memory err = abi.encodeWithSelector(WithdrawalQueue.TooLittleReceived.selector, venue, units, units + 1);
        _refused(_one(address(venue), true, 5_000e6, units + 1), err);
        _allocate(_one(address(venue), true, 5_000e6, units));

        state = vm.snapshotState();
        uint256 assets = _exit(address(venue), units);
        vm.revertToState(state);
        err = abi.encodeWithSelector(WithdrawalQueue.TooLittleReceived.selector, venue, assets, assets + 1);
        _refused(_one(address(venue), false, units, assets + 1), err);
        _allocate(_one(address(venue), false, units, assets));
    }

    function test_entry_is_allowed_exactly_up_to_the_cap(uint16 capBps, uint256 assets) public {
        capBps = uint16(bound(capBps, 0, 300));
        assets = bound(assets, 1e6, 30_000e6);
        vm.prank(owner);
        vault.setVenue(address(venue), GROUP, capBps, MAX_LOSS_BPS);
        Vault.Action[] memory actions = _one(address(venue), true, assets, 0);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        vm.prank(keeper);
        try vault.allocate(actions, permits, root, 0, block.timestamp) {
            assertLe(venue.value() * BPS, vault.totalAssets() * capBps, "over the cap");
        } catch (bytes memory err) {
            assertEq(bytes4(err), IRules.OverCap.selector);
            assertGt(assets * BPS, (1_000_000e6 - assets / 10) * capBps, "refused although under the cap");
        }
    }

    function test_second_entry_counts_what_is_already_held() public {
        vm.prank(owner);
        vault.setVenue(address(venue), GROUP, 500, MAX_LOSS_BPS);
        _enter(address(venue), 30_000e6);
        _refused(_one(address(venue), true, 30_000e6, 0), _kind(IRules.OverCap.selector));
    }

    function test_entry_leaves_the_idle_floor(uint16 minIdleBps) public {
        IRules.Limits memory limits = _limits();
        limits.minIdleBps = uint16(bound(minIdleBps, 9_500, BPS));
        _setLimits(limits);
        Vault.Action[] memory actions = _one(address(venue), true, 25_000e6, 0);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        vm.prank(keeper);
        try vault.allocate(actions, permits, root, 0, block.timestamp) {
            assertGe(vault.idle() * BPS, vault.totalAssets() * limits.minIdleBps);
        } catch (bytes memory err) {
            assertEq(bytes4(err), Vault.IdleTooLow.selector);
            assertLt(975_000e6 * BPS, 1_000_000e6 * uint256(limits.minIdleBps));
        }
    }

    function test_entry_spends_no_more_than_is_idle() public {
        usd.mint(address(vault), 1e12); // a gift is no idle asset
        bytes memory err = abi.encodeWithSelector(Vault.IdleTooLow.selector, 1_000_000e6, 1_000_000e6 + 1);
        _refused(_one(address(venue), true, 1_000_000e6 + 1, 0), err);
    }

    function test_exit_is_allowed_over_cap_and_under_the_idle_floor() public {
        uint256 units = _enter(address(venue), 100_000e6);
        IRules.Limits memory limits = _limits();
        limits.minIdleBps = 10_000;
        _setLimits(limits);
        vm.prank(owner);
        vault.setVenue(address(venue), GROUP, 0, MAX_LOSS_BPS);
        assertGt(_exit(address(venue), units / 4), 0);
    }

    function test_entry_is_refused_when_fee_and_impact_exceed_the_loss_limit() public {
        vm.prank(owner);
        vault.setVenue(address(venue), GROUP, CAP_BPS, 59); // the pool's fee there and back alone is 60
        _refused(_one(address(venue), true, 1_000e6, 0), _kind(Vault.LossTooHigh.selector));
        vm.prank(owner);
        vault.setVenue(address(venue), GROUP, CAP_BPS, 75);
        assertGt(_enter(address(venue), 1_000e6), 0);
    }

    function test_no_entry_and_no_exit_loses_more_than_the_limit(uint16 lossBps, uint256 assets) public {
        lossBps = uint16(bound(lossBps, 0, 400));
        assets = bound(assets, 1e6, 60_000e6);
        uint256 units = _enter(address(venue), 60_000e6);
        vm.prank(owner);
        vault.setVenue(address(venue), GROUP, CAP_BPS, lossBps);
        vm.warp(block.timestamp + 1 hours);
        _judged(_one(address(venue), true, assets, 0), assets, lossBps);
        _judged(_one(address(venue), false, units / 2, 0), venue.value() / 2, lossBps);
    }

    function _judged(Vault.Action[] memory actions, uint256 worth, uint16 lossBps) private {
        uint256 before = vault.totalAssets();
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(actions, permits, root, nonce, block.timestamp) {
            uint256 after_ = vault.totalAssets();
            if (after_ < before) assertLe(before - after_, worth * lossBps / BPS + 2, "lost more than the limit");
        } catch (bytes memory err) {
            assertEq(bytes4(err), Vault.LossTooHigh.selector);
        }
    }

    function test_while_paused_entries_and_deposits_stop_and_exits_and_withdrawals_go_on() public {
        uint256 units = _enter(address(venue), 10_000e6);
        vm.prank(guardian);
        vault.pause();
        _refused(_one(address(venue), true, 1_000e6, 0), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        assertEq(vault.maxDeposit(alice), 0);
        assertEq(vault.maxMint(alice), 0);
        assertFalse(vault.depositsOpen());
        assertGt(_exit(address(venue), units), 0);
        vm.prank(alice);
        vault.withdraw(1_000e6, alice, alice);
        assertEq(usd.balanceOf(alice), 1_000e6);
        vm.prank(owner);
        vault.unpause();
        assertTrue(vault.depositsOpen());
    }

    function test_delisted_venue_still_counts_and_can_be_left_but_not_entered() public {
        uint256 units = _enter(address(venue), 10_000e6);
        uint256 total = vault.totalAssets();
        vm.prank(guardian);
        vault.delist(address(venue));
        assertEq(vault.totalAssets(), total);
        bytes memory err = abi.encodeWithSelector(Vault.NotListed.selector, venue);
        _refused(_one(address(venue), true, 1_000e6, 0), err);
        assertGt(_exit(address(venue), units), 0);
    }

    function test_spot_off_the_twap_closes_entries_exits_and_deposits_but_not_withdrawals() public {
        uint256 units = _enter(address(venue), 10_000e6);
        uint256 total = vault.totalAssets();
        _push(pool, true, 500);
        assertEq(vault.totalAssets(), total, "a push within the block does not move the value");
        for (uint256 i = 0; i < 2; ++i) {
            Vault.Action[] memory actions = _one(address(venue), i == 0, i == 0 ? 1_000e6 : units, 0);
            _refused(actions, _kind(V3Venue.SpotOffTwap.selector));
        }
        assertEq(vault.maxDeposit(alice), 0);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxDeposit.selector, alice, 1, 0));
        vm.prank(alice);
        vault.deposit(1, alice);
        vm.prank(alice);
        vault.withdraw(1_000e6, alice, alice);
        vm.warp(block.timestamp + WINDOW);
        assertGt(vault.maxDeposit(alice), 0, "opens again when the mean has caught up");
    }

    function test_income_of_a_venue_is_collected_by_anyone_and_logged() public {
        _enter(address(venue), 10_000e6);
        vm.expectEmit(address(vault));
        emit Vault.Collected(address(venue), 0); // a token that is only held earns nothing
        vm.prank(mallory);
        assertEq(vault.collect(address(venue)), 0);
    }

    function _assertLogged(uint256 nonce, bytes32 root, bool entry, uint256 amount, uint256 received) private {
        bytes32 topic = keccak256("Allocated(uint256,address,bytes32,bool,uint256,uint256)");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 found = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != topic) continue;
            found++;
            assertEq(uint256(logs[i].topics[1]), nonce);
            assertEq(address(uint160(uint256(logs[i].topics[2]))), address(venue));
            assertEq(logs[i].topics[3], root);
            assertEq(logs[i].data, abi.encode(entry, amount, received));
        }
        assertEq(found, 1);
    }
}

contract VaultWithAssetAsToken0Test is VaultTests {
    function setUp() public {
        _build(true);
    }
}

contract VaultWithAssetAsToken1Test is VaultTests {
    function setUp() public {
        _build(false);
    }
}
