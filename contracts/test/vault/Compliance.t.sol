// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {VaultAccounts} from "../../src/vault/VaultAccounts.sol";
import {WithdrawalQueue} from "../../src/vault/WithdrawalQueue.sol";
import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {HostileFixture} from "./HostileFixture.sol";

/// The vault with the real registry: people of one country may hold its shares.
contract VaultComplianceTest is HostileFixture {
    uint16 private constant CHE = 756;
    bytes32 private constant LIST = keccak256("list");
    address private officer = makeAddr("officer");
    address private escrow = makeAddr("escrow");
    ComplianceRegistry private registry;

    function setUp() public {
        vm.warp(1_700_000_000);
        registry = new ComplianceRegistry(owner, officer, escrow);
        compliance = registry;
        feeTo = makeAddr("fee recipient");
        _identify(alice, 100 days);
        _identify(bob, 100 days);
        _buildHostile();
    }

    function test_only_who_may_hold_shares_receives_them_by_deposit_or_transfer() public {
        assertEq(vault.maxDeposit(mallory), 0);
        assertEq(vault.maxMint(mallory), 0);
        usd.mint(alice, 1e6);
        vm.startPrank(alice);
        usd.approve(address(vault), 1e6);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxDeposit.selector, mallory, 1e6, 0));
        vault.deposit(1e6, mallory);
        bytes memory err = abi.encodeWithSelector(VaultAccounts.MayNotHold.selector, mallory);
        vm.expectRevert(err);
        vault.transfer(mallory, 1);
        vault.transfer(bob, 1);
        vault.approve(bob, 1);
        vm.stopPrank();
        vm.expectRevert(err);
        vm.prank(bob);
        vault.transferFrom(alice, mallory, 1);
    }

    function test_an_expired_identity_may_leave_by_every_way_and_receive_nothing() public {
        uint256 first = _request(alice, 1e12 * 100);
        uint256 second = _request(alice, 1e12 * 100);
        vm.warp(block.timestamp + 101 days);
        assertEq(vault.maxDeposit(alice), 0);
        vm.startPrank(alice);
        vault.cancel(second); // its own shares come back
        vault.settle(10);
        assertApproxEqAbs(vault.claim(first), 100e6, 1);
        vault.withdraw(1e6, alice, alice);
        vault.redeem(1e12, alice, alice);
        vm.stopPrank();
        _identify(bob, 1 days);
        vm.prank(alice);
        vault.transfer(bob, 1);
        vm.expectRevert(abi.encodeWithSelector(VaultAccounts.MayNotHold.selector, alice));
        vm.prank(bob);
        vault.transfer(alice, 1);
    }

    function test_a_venue_whose_token_is_denied_to_the_vault_is_not_listed() public {
        ComplianceRegistry.Rule memory denied;
        denied.denied = true;
        vm.startPrank(owner);
        registry.setRule(hostile.token(), denied);
        vm.expectRevert(abi.encodeWithSelector(IRules.VenueNotAllowed.selector, hostile, hostile.token()));
        vault.setVenue(address(hostile), GROUP, 100, 100);
        vm.stopPrank();
        vm.startPrank(guardian); // tightening asks nobody
        vault.setVenue(address(hostile), GROUP, 100, MAX_LOSS_BPS);
        vault.delist(address(hostile));
        vm.stopPrank();
    }

    function test_a_denied_holder_is_frozen_in_every_way() public {
        uint256 id = _request(alice, 1e12 * 100);
        _deny(alice);
        uint256 shares = vault.balanceOf(alice);
        bytes memory err = abi.encodeWithSelector(VaultAccounts.Denied.selector, alice);
        assertEq(vault.maxWithdraw(alice), 0);
        assertEq(vault.maxRedeem(alice), 0);
        vm.startPrank(alice);
        vm.expectRevert(err);
        vault.transfer(bob, 1);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, alice, 1e12, 0));
        vault.redeem(1e12, alice, alice);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, alice, 1, 0));
        vault.withdraw(1, alice, alice);
        vm.expectRevert(err);
        vault.requestRedeem(1e12 * 100, bob);
        vm.expectRevert(err);
        vault.cancel(id);
        vm.stopPrank();
        assertEq(vault.balanceOf(alice), shares);
    }

    function test_anyone_moves_a_denied_holders_shares_to_the_escrow_and_nowhere_else() public {
        uint256 shares = vault.balanceOf(alice);
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(VaultAccounts.NotDenied.selector, alice));
        vault.seize(alice);
        _deny(alice);
        vm.prank(mallory);
        vault.seize(alice);
        assertEq(vault.balanceOf(alice), 0);
        assertEq(vault.balanceOf(escrow), shares);
        assertGt(_redeem(escrow, 1e12), 0, "the escrow is free to redeem");
    }

    function test_a_denied_holders_claim_is_paid_to_the_escrow_by_anyone() public {
        uint256 own = _request(alice, 1e12 * 100);
        vm.prank(alice);
        uint256 gone = vault.requestRedeem(1e12 * 100, bob); // another receives
        vault.settle(10);
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(WithdrawalQueue.NotReceiver.selector, own, mallory));
        vault.claim(own);
        _deny(alice);
        vm.startPrank(mallory);
        uint256 assets = vault.claim(own) + vault.claim(gone);
        vm.stopPrank();
        assertEq(usd.balanceOf(escrow), assets);
        assertEq(usd.balanceOf(alice) + usd.balanceOf(bob), 0);
    }

    function test_a_denied_receivers_claim_is_paid_to_the_escrow() public {
        vm.prank(alice);
        uint256 id = vault.requestRedeem(1e12 * 100, bob);
        vault.settle(1);
        _deny(bob);
        vault.claim(id);
        assertApproxEqAbs(usd.balanceOf(escrow), 100e6, 1);
    }

    function test_settling_goes_on_past_a_denied_head() public {
        _deposit(bob, 1_000e6);
        _request(alice, 1e12 * 100);
        uint256 id = _request(bob, 1e12 * 100);
        _deny(alice);
        vault.settle(2);
        vm.prank(bob);
        assertApproxEqAbs(vault.claim(id), 100e6, 1);
    }

    function test_a_fee_recipient_who_may_not_hold_shares_gets_none_and_stops_nothing() public {
        IRules.Limits memory limits = _limits();
        limits.performanceFeeBps = 1_000;
        _setLimits(limits);
        _enter(address(hostile), 100_000e6);
        _gain(10_000e6);
        assertEq(vault.balanceOf(feeTo), 0);
        assertEq(vault.lockedProfit(), 10_000e6, "all of it is the holders'");
        _identify(feeTo, 1 days);
        _gain(10_000e6);
        assertGt(vault.balanceOf(feeTo), 0);
    }

    function _identify(address who, uint64 days_) private {
        (address[] memory people, ComplianceRegistry.Identity[] memory identities) =
            (_list1(who), new ComplianceRegistry.Identity[](1));
        identities[0] = ComplianceRegistry.Identity(uint64(block.timestamp) + days_, CHE, 1);
        vm.startPrank(officer);
        registry.identify(people, identities, LIST);
        vm.stopPrank();
    }

    function _admit(address who) internal override {
        vm.prank(owner);
        registry.exempt(_list1(who), LIST);
    }

    function _deny(address who) private {
        vm.prank(officer);
        registry.deny(_list1(who), LIST);
    }

    function _list1(address who) private pure returns (address[] memory people) {
        people = new address[](1);
        people[0] = who;
    }

    /// The rule must be there before Alice's first deposit.
    function _deposit(address who, uint256 assets) internal override returns (uint256) {
        ComplianceRegistry.Rule memory rule;
        rule.countries[CHE >> 8] = 1 << (CHE & 0xff);
        vm.prank(owner);
        registry.setRule(address(vault), rule);
        return super._deposit(who, assets);
    }
}
