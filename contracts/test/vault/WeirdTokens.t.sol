// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Vault} from "../../src/vault/Vault.sol";
import {VaultAccounts} from "../../src/vault/VaultAccounts.sol";
import {VaultBook} from "../../src/vault/VaultBook.sol";
import {DecisionRegistry} from "../../src/registries/DecisionRegistry.sol";
import {HostileVenue} from "./HostileVenue.sol";
import {VaultFixture} from "./VaultFixture.sol";
import {
    WeirdBlocklist,
    WeirdCallback,
    WeirdFalse,
    WeirdFee,
    WeirdLiar,
    WeirdNoReturn,
    WeirdRebase,
    WeirdReentrant,
    WeirdSenderFee,
    WeirdToken
} from "./WeirdTokens.sol";

/// Assets that are not like a dollar: which are refused, and how; which work; what the others cost, and whom.
contract WeirdTokensTest is VaultFixture {
    using SafeERC20 for IERC20;

    HostileVenue private hostile;

    function setUp() public {
        vm.warp(1_700_000_000);
        decisions = new DecisionRegistry();
    }

    // ---- refused

    function test_more_than_eighteen_decimals_are_refused_at_construction(uint8 decimals) public {
        WeirdToken token = new WeirdToken(decimals = uint8(bound(decimals, 0, 249)));
        VaultBook.Setup memory setup = _setup(IERC20(address(token)));
        if (decimals > 18) {
            vm.expectRevert(abi.encodeWithSelector(VaultBook.DecimalsTooMany.selector, decimals + 6));
        }
        new Vault(setup);
    }

    function test_a_fee_on_transfer_is_refused_at_the_first_deposit() public {
        _open(new WeirdFee());
        _depositRefused(abi.encodeWithSelector(VaultAccounts.WrongTransfer.selector, 1_000e6, 990e6));
    }

    function test_a_token_that_says_yes_and_moves_nothing_is_refused_at_the_first_deposit() public {
        _open(new WeirdLiar());
        _depositRefused(abi.encodeWithSelector(VaultAccounts.WrongTransfer.selector, 1_000e6, 0));
    }

    function test_a_token_that_returns_false_gives_no_shares() public {
        WeirdFalse token = new WeirdFalse();
        _open(token);
        vm.prank(alice);
        token.approve(address(vault), type(uint256).max); // but Alice has nothing
        bytes memory err = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token);
        vm.expectRevert(err);
        vm.prank(alice);
        vault.deposit(1_000e6, alice);
        assertEq(vault.totalSupply(), 0);
        _give(token, alice, 1_000e6);
        _wholeLife(token, 1_000e6);
    }

    // ---- works

    function test_zero_to_eighteen_decimals_work_through_the_whole_life(uint8 decimals, uint256 assets) public {
        uint8[5] memory kinds = [0, 2, 6, 8, 18];
        decimals = kinds[decimals % 5];
        assets = bound(assets, 1_000, 1e9) * 10 ** decimals;
        WeirdToken token = new WeirdToken(decimals);
        _open(token);
        _give(token, alice, assets);
        assertEq(vault.decimals(), decimals + 6);
        _wholeLife(token, assets);
    }

    function test_a_token_without_return_values_works_through_the_whole_life() public {
        WeirdNoReturn token = new WeirdNoReturn();
        _open(token);
        _give(token, alice, 1_000_000e6);
        _wholeLife(token, 1_000_000e6);
    }

    function test_a_blocked_receiver_stops_nobody_but_himself() public {
        WeirdBlocklist token = new WeirdBlocklist();
        _open(token);
        _giveAndDeposit(token, alice, 1_000e6);
        _giveAndDeposit(token, bob, 1_000e6);
        uint256 first = _request(alice, 500e12);
        uint256 second = _request(bob, 500e12);
        token.block_(alice, true);
        assertEq(vault.settle(2), 1_000e6, "settling moves no token");
        vm.expectRevert("stopped");
        vm.prank(alice);
        vault.claim(first);
        vm.prank(bob);
        vault.claim(second);
        vm.prank(alice);
        vault.redeem(100e12, bob, alice); // to another address
        assertEq(token.balanceOf(bob), 600e6);
        token.block_(alice, false);
        vm.prank(alice);
        assertEq(vault.claim(first), 500e6, "the claim has waited");
    }

    function test_a_paused_token_loses_nothing() public {
        WeirdBlocklist token = new WeirdBlocklist();
        _open(token);
        _giveAndDeposit(token, alice, 1_000e6);
        uint256 id = _request(alice, 500e12);
        token.pause(true);
        vault.settle(1);
        vm.expectRevert("stopped");
        vm.prank(alice);
        vault.claim(id);
        vm.expectRevert("stopped");
        _redeem(alice, 1e12);
        assertEq(vault.totalAssets(), 500e6);
        token.pause(false);
        vm.prank(alice);
        vault.claim(id);
        _redeem(alice, 500e12);
        assertEq(token.balanceOf(alice), 1_000e6);
    }

    function test_a_token_that_calls_back_lets_nobody_reenter() public {
        WeirdCallback token = new WeirdCallback();
        _open(token);
        _giveAndDeposit(token, alice, 1_000e6);
        WeirdReentrant thief = new WeirdReentrant(address(vault));
        _give(token, address(thief), 1_000e6);
        thief.act(address(token), abi.encodeCall(token.approve, (address(vault), 1_000e6)));
        bytes[4] memory calls = [
            abi.encodeCall(vault.deposit, (1, address(thief))),
            abi.encodeCall(vault.withdraw, (1, address(thief), address(thief))),
            abi.encodeCall(vault.settle, (1)),
            abi.encodeCall(vault.totalAssets, ())
        ];
        for (uint256 i = 0; i < 4; ++i) {
            thief.arm(calls[i]);
            thief.act(address(vault), abi.encodeCall(vault.deposit, (100e6, address(thief))));
            thief.act(address(vault), abi.encodeCall(vault.requestRedeem, (50e12, address(thief))));
            vault.settle(5);
            thief.act(address(vault), abi.encodeCall(vault.claim, (i)));
            bytes memory out = abi.encodeCall(vault.withdraw, (50e6, address(thief), address(thief)));
            thief.act(address(vault), out);
        }
        assertEq(thief.tried(), 12);
        assertEq(thief.succeeded(), 0);
        assertEq(thief.refusal(), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        assertEq(token.balanceOf(address(thief)), 1_000e6);
        assertEq(vault.totalAssets(), 1_000e6);
    }

    // ---- neither: what it costs, and whom

    function test_a_shrinking_token_is_everybodys_loss_at_once_and_a_growing_one_is_a_gift(uint256 bps) public {
        bps = bound(bps, 1, 20_000);
        WeirdRebase token = new WeirdRebase();
        _open(token);
        _giveAndDeposit(token, alice, 1_000e6);
        _giveAndDeposit(token, bob, 3_000e6);
        token.rebase(bps);
        uint256 left = bps < 10_000 ? 4_000e6 * bps / 10_000 : 4_000e6;
        assertEq(vault.idle(), left);
        assertEq(vault.totalAssets(), left);
        assertApproxEqAbs(vault.previewRedeem(1_000e12), left / 4, 1);
        assertEq(vault.tripped(), false);
        vault.refresh();
        assertEq(vault.tripped(), bps < 8_000);
    }

    function test_a_fee_that_starts_later_on_the_senders_side_is_everybodys_loss() public {
        WeirdSenderFee token = new WeirdSenderFee();
        _open(token);
        _giveAndDeposit(token, alice, 1_000e6);
        _giveAndDeposit(token, bob, 1_000e6);
        token.charge();
        _redeem(alice, 500e12);
        assertEq(vault.idle(), 1_495e6, "5 went as a fee");
        assertApproxEqAbs(vault.previewRedeem(1_000e12), 996_666_666, 1);
    }

    // ----

    function _open(WeirdToken token) private {
        vault = _newVault(IERC20(address(token)));
        hostile = new HostileVenue(address(vault), address(token));
        _list(address(hostile), CAP_BPS);
    }

    /// In, to a venue, out of it, through the queue and at once.
    function _wholeLife(WeirdToken token, uint256 assets) private {
        vm.startPrank(owner);
        vault.setVenue(address(hostile), GROUP, CAP_BPS, 0);
        vm.stopPrank();
        vm.startPrank(alice);
        IERC20(address(token)).forceApprove(address(vault), type(uint256).max);
        assertEq(vault.deposit(assets, alice), assets * 1e6);
        vm.stopPrank();
        _enter(address(hostile), assets / 4);
        _exit(address(hostile), assets / 4);
        vm.startPrank(alice);
        if (assets / 2 >= 10e6) {
            uint256 id = vault.requestRedeem(vault.balanceOf(alice) / 2, alice);
            vault.settle(1);
            vault.claim(id);
        }
        vault.redeem(vault.balanceOf(alice), alice, alice);
        vm.stopPrank();
        assertLe(token.balanceOf(alice), assets);
        assertApproxEqAbs(token.balanceOf(alice), assets, 2, "rounding of the request and of the redemption");
        assertEq(token.balanceOf(alice) + vault.idle(), assets);
        assertEq(vault.reserved(), 0);
    }

    function _depositRefused(bytes memory err) private {
        WeirdToken token = WeirdToken(vault.asset());
        _give(token, alice, 1_000e6);
        vm.startPrank(alice);
        token.approve(address(vault), 1_000e6);
        vm.expectRevert(err);
        vault.deposit(1_000e6, alice);
        vm.stopPrank();
    }

    function _giveAndDeposit(WeirdToken token, address who, uint256 assets) private {
        _give(token, who, assets);
        vm.startPrank(who);
        token.approve(address(vault), assets);
        vault.deposit(assets, who);
        vm.stopPrank();
    }

    function _give(WeirdToken token, address to, uint256 assets) private {
        token.mint(to, assets);
    }
}
