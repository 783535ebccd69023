// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

import {Vault} from "../src/Vault.sol";
import {UniswapV3Hold} from "../src/venues/UniswapV3Hold.sol";
import {Fixture} from "./Fixture.sol";

/// Allocation over a real pool. Each test runs twice: with the asset as token0 and as token1 of the pool.
abstract contract VaultTests is Fixture {
    function test_entry_spends_exactly_the_amount_and_logs_what_it_measured() public {
        uint256 nonce = vault.nonce();
        vm.recordLogs();
        uint256 units = _enter(100_000e6);
        assertEq(vault.idle(), 900_000e6);
        assertEq(venue.position(), units);
        assertGt(units, 199_000e18); // 1e11 * 1.0001^283260 * 0.997, less about 0.1 % of impact: 199,282
        assertLt(units, 199_500e18);
        assertEq(usd.allowance(address(vault), address(venue)), 0);
        assertEq(vault.nonce(), nonce + 1);
        assertEq(vault.lastGoodValue(address(venue)), venue.value());
        _assertLogged(nonce, true, 100_000e6, units);
    }

    function test_exit_brings_the_assets_to_the_vault_and_logs_what_it_measured() public {
        uint256 units = _enter(50_000e6);
        uint256 idleBefore = vault.idle();
        vm.recordLogs();
        uint256 assets = _exit(units);
        assertEq(vault.idle(), idleBefore + assets);
        assertEq(venue.position(), 0);
        assertLt(assets, 50_000e6);
        assertEq(usd.balanceOf(address(venue)), 0);
        _assertLogged(1, false, units, assets);
    }

    function test_batch_runs_in_order_and_shares_one_nonce() public {
        uint256 units = _enter(10_000e6);
        Vault.Action[] memory actions = new Vault.Action[](2);
        actions[0] = Vault.Action(address(venue), false, units, 0);
        actions[1] = Vault.Action(address(venue), true, 20_000e6, 0);
        uint256[] memory received = _allocate(actions);
        assertGt(received[0], 9_800e6);
        assertEq(received[1], venue.position());
        assertEq(vault.nonce(), 2);
    }

    function test_refuses_a_decision_twice(uint256 wrong) public {
        vm.assume(wrong != 1);
        _enter(1_000e6);
        Vault.Action[] memory actions = _one(address(venue), true, 1_000e6, 0);
        vm.expectRevert(abi.encodeWithSelector(Vault.WrongNonce.selector, wrong, 1));
        vm.prank(keeper);
        vault.allocate(actions, "decision", wrong, block.timestamp);
    }

    function test_refuses_after_the_deadline_and_not_at_it(uint32 late) public {
        Vault.Action[] memory actions = _one(address(venue), true, 1_000e6, 0);
        uint256 deadline = block.timestamp + 5;
        vm.warp(deadline + 1 + uint256(late));
        vm.expectRevert(abi.encodeWithSelector(Vault.DeadlinePassed.selector, deadline, block.timestamp));
        vm.prank(keeper);
        vault.allocate(actions, "decision", 0, deadline);
        vm.prank(keeper);
        vault.allocate(actions, "decision", 0, block.timestamp);
    }

    function test_refuses_empty_and_oversized_batches_and_zero_amounts() public {
        _refused(new Vault.Action[](0), abi.encodeWithSelector(Vault.BadBatchSize.selector, 0, 16));
        _refused(new Vault.Action[](17), abi.encodeWithSelector(Vault.BadBatchSize.selector, 17, 16));
        bytes memory zero = abi.encodeWithSelector(Vault.ZeroAmount.selector, venue);
        _refused(_one(address(venue), true, 0, 0), zero);
        _refused(_one(address(venue), false, 0, 0), zero);
    }

    function test_min_received_is_judged_to_the_unit() public {
        uint256 state = vm.snapshotState();
        uint256 units = _enter(5_000e6);
        vm.revertToState(state);
        bytes memory err = abi.encodeWithSelector(Vault.TooLittleReceived.selector, venue, units, units + 1);
        _refused(_one(address(venue), true, 5_000e6, units + 1), err);
        _allocate(_one(address(venue), true, 5_000e6, units));

        state = vm.snapshotState();
        uint256 assets = _exit(units);
        vm.revertToState(state);
        err = abi.encodeWithSelector(Vault.TooLittleReceived.selector, venue, assets, assets + 1);
        _refused(_one(address(venue), false, units, assets + 1), err);
        _allocate(_one(address(venue), false, units, assets));
    }

    function test_entry_is_allowed_exactly_up_to_the_cap(uint16 capBps, uint256 assets) public {
        capBps = uint16(bound(capBps, 0, 300));
        assets = bound(assets, 1e6, 30_000e6);
        vm.prank(curator);
        vault.setVenue(address(venue), capBps, MAX_LOSS_BPS);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(_one(address(venue), true, assets, 0), "decision", nonce, block.timestamp) {
            assertLe(venue.value() * 10_000, vault.totalAssets() * capBps, "over the cap");
        } catch (bytes memory err) {
            assertEq(bytes4(err), Vault.OverCap.selector);
            assertGt((assets * 10_000), (1_000_000e6 - assets / 10) * capBps, "refused although under the cap");
        }
    }

    function test_second_entry_counts_what_is_already_held() public {
        vm.prank(curator);
        vault.setVenue(address(venue), 500, MAX_LOSS_BPS);
        _enter(30_000e6);
        uint256 nonce = vault.nonce();
        Vault.Action[] memory actions = _one(address(venue), true, 30_000e6, 0);
        vm.expectPartialRevert(Vault.OverCap.selector);
        vm.prank(keeper);
        vault.allocate(actions, "decision", nonce, block.timestamp);
    }

    function test_entry_leaves_the_idle_floor(uint16 minIdleBps) public {
        minIdleBps = uint16(bound(minIdleBps, 9_500, 10_000));
        vm.prank(curator);
        vault.setMinIdle(minIdleBps);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(_one(address(venue), true, 25_000e6, 0), "decision", nonce, block.timestamp) {
            assertGe(vault.idle() * 10_000, vault.totalAssets() * minIdleBps);
        } catch (bytes memory err) {
            assertEq(bytes4(err), Vault.IdleTooLow.selector);
            assertLt(975_000e6 * 10_000, 1_000_000e6 * uint256(minIdleBps));
        }
    }

    function test_exit_is_allowed_over_cap_and_under_the_idle_floor() public {
        uint256 units = _enter(100_000e6);
        vm.startPrank(curator);
        vault.setMinIdle(10_000);
        vault.setVenue(address(venue), 0, MAX_LOSS_BPS);
        vm.stopPrank();
        assertGt(_exit(units / 4), 0);
    }

    function test_entry_is_refused_when_fee_and_impact_exceed_the_loss_limit() public {
        vm.prank(curator);
        vault.setVenue(address(venue), CAP_BPS, 29); // the pool's fee alone is 30
        uint256 nonce = vault.nonce();
        Vault.Action[] memory actions = _one(address(venue), true, 1_000e6, 0);
        vm.expectPartialRevert(Vault.LossTooHigh.selector);
        vm.prank(keeper);
        vault.allocate(actions, "decision", nonce, block.timestamp);
        vm.prank(curator);
        vault.setVenue(address(venue), CAP_BPS, 45);
        assertGt(_enter(1_000e6), 0);
    }

    function test_no_entry_and_no_exit_loses_more_than_the_limit(uint16 lossBps, uint256 assets) public {
        lossBps = uint16(bound(lossBps, 0, 400));
        assets = bound(assets, 1e6, 60_000e6);
        uint256 units = _enter(60_000e6);
        vm.prank(curator);
        vault.setVenue(address(venue), CAP_BPS, lossBps);
        vm.warp(block.timestamp + 1 hours);
        _judged(_one(address(venue), true, assets, 0), assets, lossBps);
        _judged(_one(address(venue), false, units / 2, 0), venue.value() / 2, lossBps);
    }

    function _judged(Vault.Action[] memory actions, uint256 worth, uint16 lossBps) private {
        uint256 before = vault.totalAssets();
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(actions, "decision", nonce, block.timestamp) {
            uint256 lost = before - vault.totalAssets();
            assertLe(lost, worth * lossBps / 10_000 + 2, "lost more than the limit");
        } catch (bytes memory err) {
            assertEq(bytes4(err), Vault.LossTooHigh.selector);
        }
    }

    function test_while_paused_entries_and_deposits_stop_and_exits_and_withdrawals_go_on() public {
        uint256 units = _enter(10_000e6);
        vm.prank(guardian);
        vault.pause();
        _refused(_one(address(venue), true, 1_000e6, 0), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        assertEq(vault.maxDeposit(alice), 0);
        assertEq(vault.maxMint(alice), 0);
        assertGt(_exit(units), 0);
        vm.prank(alice);
        vault.withdraw(1_000e6, alice, alice);
        assertEq(usd.balanceOf(alice), 1_000e6);
    }

    function test_delisted_venue_still_counts_and_can_be_left_but_not_entered() public {
        uint256 units = _enter(10_000e6);
        uint256 total = vault.totalAssets();
        vm.prank(guardian);
        vault.delist(address(venue));
        assertEq(vault.totalAssets(), total);
        _refused(_one(address(venue), true, 1_000e6, 0), abi.encodeWithSelector(Vault.NotListed.selector, venue));
        assertGt(_exit(units), 0);
    }

    function test_spot_off_the_twap_closes_entries_exits_and_deposits_but_not_withdrawals() public {
        uint256 units = _enter(10_000e6);
        uint256 total = vault.totalAssets();
        _push(pool, true, 500);
        assertEq(vault.totalAssets(), total, "a push within the block does not move the value");
        uint256 nonce = vault.nonce();
        for (uint256 i = 0; i < 2; ++i) {
            Vault.Action[] memory actions = _one(address(venue), i == 0, i == 0 ? 1_000e6 : units, 0);
            vm.expectPartialRevert(UniswapV3Hold.SpotOffTwap.selector);
            vm.prank(keeper);
            vault.allocate(actions, "decision", nonce, block.timestamp);
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

    function test_inflation_attack_never_pays_and_costs_the_victim_a_millionth_at_most(
        uint256 seedAssets,
        uint256 gift,
        uint256 victims
    ) public {
        seedAssets = bound(seedAssets, 1, 100);
        gift = bound(gift, 1, 1e15);
        victims = bound(victims, 1, 1e12);
        vault = new Vault(usd, "v", "v", curator, guardian, keeper, 0);
        uint256 shares = _deposit(mallory, seedAssets);
        usd.mint(address(vault), gift);
        uint256 victimShares = _deposit(alice, victims);
        assertGe(vault.previewRedeem(victimShares) + (seedAssets + gift + victims) / 1e6 + 2, victims);
        vm.prank(mallory);
        assertLe(vault.redeem(shares, mallory, mallory), seedAssets + gift);
    }

    function test_deposit_and_redeem_never_profits_with_a_position_and_a_gift(uint256 assets, uint256 gift) public {
        assets = bound(assets, 1, 1e15);
        _enter(77_777e6);
        usd.mint(address(vault), bound(gift, 0, 1e12));
        uint256 shares = _deposit(mallory, assets);
        uint256 most = vault.maxRedeem(mallory);
        vm.prank(mallory);
        uint256 back = vault.redeem(most, mallory, mallory);
        assertLe(back, assets);
        assertLe(most, shares);
    }

    function test_max_withdraw_and_max_redeem_tell_the_truth(uint256 gift, uint256 share) public {
        usd.mint(address(vault), bound(gift, 0, 1e12));
        _enter(200_000e6);
        uint256 moved = bound(share, 0, vault.balanceOf(alice));
        vm.prank(alice);
        vault.transfer(mallory, moved);
        address[2] memory owners = [alice, mallory];
        for (uint256 i = 0; i < 2; ++i) {
            uint256 state = vm.snapshotState();
            uint256 most = vault.maxWithdraw(owners[i]);
            vm.startPrank(owners[i]);
            vault.withdraw(most, owners[i], owners[i]);
            vm.stopPrank();
            vm.revertToState(state);
            state = vm.snapshotState();
            most = vault.maxRedeem(owners[i]);
            vm.startPrank(owners[i]);
            vault.redeem(most, owners[i], owners[i]);
            vm.stopPrank();
            vm.revertToState(state);
        }
        uint256 tooMuch = vault.maxWithdraw(alice) + 1;
        vm.expectRevert();
        vm.prank(alice);
        vault.withdraw(tooMuch, alice, alice);
    }

    function test_shares_have_twelve_decimals_and_the_first_price_is_one() public view {
        assertEq(vault.decimals(), 12);
        assertEq(vault.convertToAssets(1e12), 1e6);
        assertEq(vault.totalAssets(), 1_000_000e6);
    }

    function _assertLogged(uint256 nonce, bool entry, uint256 amount, uint256 received) private {
        bytes32 topic = keccak256("Allocated(uint256,address,bytes32,bool,uint256,uint256)");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 found = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != topic) continue;
            found++;
            assertEq(uint256(logs[i].topics[1]), nonce);
            assertEq(address(uint160(uint256(logs[i].topics[2]))), address(venue));
            assertEq(logs[i].topics[3], bytes32("decision"));
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
