// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {CompliantERC20} from "../../src/media/CompliantERC20.sol";
import {RevenueShare} from "../../src/media/RevenueShare.sol";
import {RevenueWrapper} from "../../src/media/RevenueWrapper.sol";
import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {RevenueFixture} from "./RevenueFixture.sol";

contract RevenueWrapperTest is RevenueFixture {
    function setUp() public {
        _build();
        _send(ann, ben, SUPPLY / 10);
        _send(ann, cay, SUPPLY / 10);
    }

    function test_is_an_erc4626_of_money_with_the_decimals_of_the_shares() public {
        assertEq(wrapper.asset(), address(usd));
        assertEq(wrapper.decimals(), 18);
        assertEq(wrapper.totalAssets(), 0);
        assertEq(wrapper.maxDeposit(ben), 0);
        assertEq(wrapper.maxMint(ben), type(uint256).max);
        vm.expectRevert(RevenueWrapper.ZeroUnlock.selector);
        new RevenueWrapper(share, "", "", 0);
    }

    function test_each_share_is_one_revenue_share() public {
        assertEq(_wrap(ben, 3e18), 0, "nothing was earned yet");
        assertEq(wrapper.balanceOf(ben), 3e18);
        assertEq(share.balanceOf(address(wrapper)), 3e18);
        assertEq(_unwrap(ben, 3e18), 0);
        assertEq(share.balanceOf(ben), SUPPLY / 10);
        assertEq(wrapper.totalSupply(), 0);
    }

    function test_income_unlocks_linearly_into_the_price() public {
        _wrap(ben, SUPPLY / 10);
        _pay(10_000e6);
        assertEq(wrapper.totalAssets(), 0);
        wrapper.harvest();
        assertEq(wrapper.totalAssets(), 0, "a harvest changes no price");
        vm.warp(block.timestamp + UNLOCK / 4);
        assertApproxEqAbs(wrapper.totalAssets(), 250e6, 2);
        vm.warp(block.timestamp + UNLOCK / 4);
        assertApproxEqAbs(wrapper.totalAssets(), 500e6, 2);
        vm.warp(block.timestamp + UNLOCK);
        assertApproxEqAbs(wrapper.totalAssets(), 1_000e6, 2);
        assertApproxEqAbs(_unwrap(ben, SUPPLY / 10), 1_000e6, 2);
    }

    function test_an_entry_pays_for_all_that_a_share_has_earned(uint256 first, uint256 second, uint256 wait) public {
        first = bound(first, 0, 1e14);
        second = bound(second, 0, 1e14);
        _wrap(ben, SUPPLY / 10);
        _pay(first);
        wrapper.harvest();
        vm.warp(block.timestamp + bound(wait, 0, 2 * UNLOCK));
        _pay(second); // not even counted
        uint256 paid = _wrap(cay, SUPPLY / 20);
        assertApproxEqAbs(paid, (first + second) / 20, 2);
        vm.warp(block.timestamp + UNLOCK);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK);
        uint256 got = _unwrap(cay, SUPPLY / 20);
        assertLe(got, paid);
        assertApproxEqAbs(got, paid, 3, "who stays gets back what he paid for");
        assertApproxEqAbs(_unwrap(ben, SUPPLY / 10), (first + second) / 10, 4);
    }

    function test_leavers_leave_what_is_locked_to_the_revenue_shares() public {
        _wrap(ben, SUPPLY / 10);
        _wrap(cay, SUPPLY / 10);
        _pay(10_000e6);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK / 2);
        assertApproxEqAbs(_unwrap(ben, SUPPLY / 10), 500e6, 2);
        uint256 counted = share.perShareX128();
        assertApproxEqAbs(wrapper.giveBack(), 500e6, 3);
        share.sync();
        assertGt(share.perShareX128(), counted);
        vm.warp(block.timestamp + UNLOCK);
        assertApproxEqAbs(wrapper.convertToAssets(SUPPLY / 10), 1_000e6, 3, "cay's is as it was");
    }

    function test_gifts_of_money_and_of_shares_are_everybodys_revenue_and_no_price() public {
        _wrap(ben, 1); // one raw unit: what is given must not count as its
        usd.mint(address(wrapper), 1_000e6);
        _send(cay, address(wrapper), SUPPLY / 10);
        _pay(10_000e6);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK);
        assertEq(wrapper.convertToAssets(SUPPLY), 10_000e6 - 1);
        assertApproxEqAbs(wrapper.giveBack(), 2_000e6, 3);
        assertApproxEqAbs(share.claimable(ann), 8_000e6 + 1_600e6, 4);
    }

    function test_dust_does_not_restart_the_clock() public {
        _wrap(ben, SUPPLY / 10);
        _pay(100_000e6);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK / 2);
        _pay(490e6); // below a hundredth of the 50,000 that are locked
        assertEq(wrapper.harvest(), 0);
        _pay(20e6);
        assertGt(wrapper.harvest(), 0);
        assertEq(wrapper.harvestedAt(), block.timestamp);
        assertApproxEqAbs(wrapper.totalAssets(), 5_000e6, 3, "what had unlocked stays unlocked");
    }

    function test_deposit_and_withdraw_are_mint_and_redeem_in_money() public {
        _wrap(ben, SUPPLY / 10);
        _pay(10_000e6);
        wrapper.harvest();
        assertEq(wrapper.maxDeposit(cay), type(uint256).max);
        uint256 shares = wrapper.previewDeposit(100e6);
        usd.mint(cay, 100e6);
        vm.startPrank(cay);
        share.approve(address(wrapper), shares);
        usd.approve(address(wrapper), 100e6);
        assertEq(wrapper.deposit(100e6, cay), shares);
        assertApproxEqRel(shares, SUPPLY / 100, 1e9);
        vm.warp(block.timestamp + UNLOCK);
        uint256 most = wrapper.maxWithdraw(cay);
        assertApproxEqAbs(most, 100e6, 2);
        uint256 burnt = wrapper.withdraw(most / 2, cay, cay);
        assertApproxEqRel(burnt, shares / 2, 1e12);
        assertEq(share.balanceOf(cay), SUPPLY / 10 - shares + burnt);
        vm.stopPrank();
    }

    function test_refuses_a_deposit_without_the_revenue_shares_and_one_that_mints_nothing() public {
        _wrap(ben, SUPPLY / 10);
        vm.expectRevert(RevenueWrapper.ZeroShares.selector);
        vm.prank(cay);
        wrapper.mint(0, cay);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxDeposit.selector, cay, 1, 0));
        wrapper.deposit(1, cay);
        _pay(10_000e6);
        usd.mint(mallory, 100e6);
        vm.startPrank(mallory);
        usd.approve(address(wrapper), 100e6);
        vm.expectRevert();
        wrapper.deposit(100e6, mallory);
        vm.stopPrank();
    }

    function test_units_can_be_had_without_the_money(uint256 revenue) public {
        _wrap(ben, SUPPLY / 10);
        _wrap(cay, SUPPLY / 10);
        _pay(bound(revenue, 0, 1e14));
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK);
        uint256 cays = wrapper.convertToAssets(SUPPLY / 10);
        vm.prank(ben);
        wrapper.unwrap(SUPPLY / 10, ben);
        assertEq(share.balanceOf(ben), SUPPLY / 10);
        assertEq(usd.balanceOf(ben), 0);
        assertEq(_unwrap(cay, SUPPLY / 10), cays);
    }

    function test_what_was_earned_before_the_wrapper_was_made_is_not_in_its_price() public {
        _pay(10_000e6);
        wrapper = new RevenueWrapper(share, "", "", UNLOCK);
        assertEq(wrapper.fullX128(), 0);
        assertEq(_wrap(ben, SUPPLY / 10), 0);
    }

    function test_previews_are_exact(uint256 revenue, uint256 wait, uint256 shares) public {
        shares = bound(shares, 1, SUPPLY / 20);
        _wrap(ben, SUPPLY / 20);
        _pay(bound(revenue, 1, 1e14));
        wrapper.harvest();
        vm.warp(block.timestamp + bound(wait, 0, UNLOCK));
        _wrap(ben, shares);
        uint256 said = wrapper.previewRedeem(shares);
        assertEq(_unwrap(ben, shares), said);
        assertEq(usd.balanceOf(ben), said);
        uint256 most = wrapper.maxWithdraw(ben);
        uint256 takes = wrapper.previewWithdraw(most);
        assertLe(takes, wrapper.balanceOf(ben));
        vm.prank(ben);
        assertEq(wrapper.withdraw(most, ben, ben), takes);
    }

    function test_a_denied_holder_is_frozen_under_the_rule_of_the_revenue_share() public {
        address escrow = makeAddr("escrow");
        ComplianceRegistry registry = new ComplianceRegistry(address(this), address(this), escrow);
        address[] memory all = new address[](2);
        all[0] = ann;
        all[1] = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        registry.exempt(all, "");
        share = new RevenueShare(RevenueShare.Issue(usd, "Song", "SONG", ann, SUPPLY, ICompliance(address(registry))));
        wrapper = new RevenueWrapper(share, "", "", UNLOCK);
        assertEq(wrapper.ruledAs(), address(share));
        _wrap(ann, 2e18);
        assertEq(wrapper.maxMint(ben), 0);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.NotCompliant.selector, ben));
        wrapper.transfer(ben, 1e18);
        address[] memory just = new address[](1);
        just[0] = ann;
        registry.deny(just, "");
        assertEq(wrapper.maxRedeem(ann), 0);
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.Frozen.selector, ann));
        wrapper.unwrap(1e18, ann);
        assertEq(wrapper.seize(ann), 2e18);
        assertEq(wrapper.balanceOf(escrow), 2e18);
    }
}
