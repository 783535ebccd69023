// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {VaultAccounts} from "../../src/vault/VaultAccounts.sol";
import {WithdrawalQueue} from "../../src/vault/WithdrawalQueue.sol";
import {HostileFixture} from "./HostileFixture.sol";

/// Deposits, withdrawals and the share price, with a position on a real pool and one whose value the test moves.
contract SharesTest is HostileFixture {
    function setUp() public {
        feeTo = makeAddr("fee recipient");
        _buildHostile();
        _enter(address(hostile), 100_000e6);
    }

    function test_inflation_attack_never_pays_and_costs_the_victim_one_unit_at_most(
        uint256 seedAssets,
        uint256 gift,
        uint256 victims
    ) public {
        seedAssets = bound(seedAssets, 1, 100);
        gift = bound(gift, 1, 1e15);
        victims = bound(victims, 1, 1e12);
        vault = _newVault(usd);
        uint256 shares = _deposit(mallory, seedAssets);
        usd.mint(address(vault), gift);
        uint256 victimShares = _deposit(alice, victims);
        assertGe(vault.previewRedeem(victimShares) + 1, victims, "a gift is not counted");
        assertLe(_redeem(mallory, shares), seedAssets);
    }

    function test_a_gift_changes_nothing_until_the_owner_absorbs_it_and_then_it_is_locked(uint256 gift) public {
        gift = bound(gift, 1, 1e15);
        (uint256 idle, uint256 total) = (vault.idle(), vault.totalAssets());
        usd.mint(address(vault), gift);
        assertEq(vault.idle(), idle);
        assertEq(vault.totalAssets(), total);
        vault.refresh();
        assertEq(vault.totalAssets(), total);
        vm.expectEmit(address(vault));
        emit VaultAccounts.Absorbed(gift);
        vm.prank(owner);
        vault.absorb();
        assertEq(vault.idle(), idle + gift);
        assertEq(vault.totalAssets(), total, "a gift is a gain: locked");
        assertEq(vault.lockedProfit(), gift);
        vm.warp(block.timestamp + 6 hours);
        assertEq(vault.totalAssets(), total + gift);
    }

    function test_deposit_and_redeem_never_profits_with_positions_a_gain_and_a_gift(
        uint256 assets,
        uint256 gain,
        uint256 gift
    ) public {
        assets = bound(assets, 1, 1e15);
        _enter(address(venue), 77_777e6);
        _gain(bound(gain, 0, 1e10));
        vm.warp(block.timestamp + 1 hours);
        hostile.setWorth(hostile.worth() + gain % 1e10); // not reported yet
        usd.mint(address(vault), bound(gift, 0, 1e12));
        uint256 shares = _deposit(mallory, assets);
        uint256 most = vault.maxRedeem(mallory);
        assertLe(most, shares);
        assertLe(_redeem(mallory, most), assets);
    }

    function test_previews_tell_exactly_what_happens(uint256 assets, uint256 moved, bool gain, uint16 feeBps) public {
        IRules.Limits memory limits = _limits();
        limits.performanceFeeBps = uint16(bound(feeBps, 0, 2_000));
        _setLimits(limits);
        assets = bound(assets, 1, 200_000e6);
        moved = bound(moved, 0, 30_000e6);
        hostile.setWorth(gain ? 100_000e6 + moved : 100_000e6 - moved); // and nobody has reported it
        usd.mint(alice, 1e12);
        vm.startPrank(alice);
        usd.approve(address(vault), type(uint256).max);
        uint256 state = vm.snapshotState();
        uint256 said = vault.previewDeposit(assets);
        assertEq(vault.deposit(assets, alice), said);
        vm.revertToState(state);
        said = vault.previewMint(assets * 1e6);
        assertEq(vault.mint(assets * 1e6, alice), said);
        vm.revertToState(state);
        said = vault.previewWithdraw(assets);
        assertEq(vault.withdraw(assets, alice, alice), said);
        vm.revertToState(state);
        said = vault.previewRedeem(assets * 1e5);
        assertEq(vault.redeem(assets * 1e5, alice, alice), said);
    }

    function test_max_withdraw_and_max_redeem_tell_the_truth(uint256 moved, uint256 share, uint256 queued) public {
        _enter(address(venue), 200_000e6);
        hostile.setWorth(bound(moved, 0, 200_000e6));
        hostile.setSteady(moved % 3 != 0);
        uint256 part = bound(share, 0, vault.balanceOf(alice) - 1e12);
        vm.prank(alice);
        vault.transfer(mallory, part);
        queued = bound(queued, 0, vault.balanceOf(alice));
        if (vault.convertToAssets(queued) >= 10e6) _request(alice, queued);
        address[2] memory owners = [alice, mallory];
        for (uint256 i = 0; i < 2; ++i) {
            vm.startPrank(owners[i]);
            uint256 state = vm.snapshotState();
            vault.withdraw(vault.maxWithdraw(owners[i]), owners[i], owners[i]);
            vm.revertToState(state);
            vault.redeem(vault.maxRedeem(owners[i]), owners[i], owners[i]);
            vm.revertToState(state);
            uint256 tooMuch = vault.maxWithdraw(owners[i]) + 1;
            vm.expectRevert();
            vault.withdraw(tooMuch, owners[i], owners[i]);
            vm.stopPrank();
        }
    }

    function test_max_deposit_and_max_mint_tell_the_truth() public {
        uint256 most = vault.maxDeposit(bob);
        deal(address(usd), bob, most);
        vm.startPrank(bob);
        usd.approve(address(vault), type(uint256).max);
        uint256 state = vm.snapshotState();
        vault.deposit(most, bob);
        assertEq(vault.maxDeposit(bob), 0, "values must fit 120 bits");
        vm.revertToState(state);
        vault.mint(vault.maxMint(bob), bob);
        vm.revertToState(state);
        uint256 tooMuch = vault.maxMint(bob) + 1;
        vm.expectRevert();
        vault.mint(tooMuch, bob);
        vm.stopPrank();
    }

    function test_redemption_for_too_little_can_be_refused() public {
        uint256 shares = vault.balanceOf(alice) / 10;
        uint256 worth = vault.previewRedeem(shares);
        hostile.setSteady(false);
        hostile.setWorth(50_000e6); // pushed down in front of the redemption
        vm.startPrank(alice);
        bytes4 kind = WithdrawalQueue.TooLittleReceived.selector;
        vm.expectRevert(abi.encodeWithSelector(kind, vault, vault.previewRedeem(shares), worth));
        vault.redeem(shares, alice, alice, worth);
        hostile.setWorth(100_000e6);
        assertEq(vault.redeem(shares, alice, alice, worth), worth);
        vm.stopPrank();
    }

    function test_withdrawal_for_somebody_else_uses_his_allowance() public {
        vm.prank(alice);
        vault.approve(bob, 1e12);
        vm.startPrank(bob);
        vault.redeem(1e12, bob, alice);
        assertEq(vault.allowance(alice, bob), 0);
        vm.expectRevert();
        vault.redeem(1, bob, alice);
        vm.stopPrank();
    }

    function test_last_holder_out_leaves_nothing_but_rounding_and_what_is_locked() public {
        _exit(address(hostile), 100_000e6);
        _redeem(alice, vault.balanceOf(alice));
        assertEq(vault.totalSupply(), 0);
        assertLe(vault.totalAssets(), 1);
        uint256 shares = _deposit(bob, 1_000e6);
        assertApproxEqAbs(_redeem(bob, shares), 1_000e6, 1);
    }

    function test_shares_have_twelve_decimals_and_the_first_price_is_one() public {
        vault = _newVault(usd);
        assertEq(vault.decimals(), 12);
        assertEq(vault.convertToAssets(1e12), 1e6);
        assertEq(_deposit(alice, 1e6), 1e12);
        assertEq(vault.totalAssets(), 1e6);
        assertEq(IERC20(vault.asset()).balanceOf(address(vault)), 1e6);
    }
}
