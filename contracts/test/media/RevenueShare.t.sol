// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {CompliantERC20} from "../../src/media/CompliantERC20.sol";
import {IERC20, RevenueShare} from "../../src/media/RevenueShare.sol";
import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {RevenueFixture} from "./RevenueFixture.sol";

contract RevenueShareTest is RevenueFixture {
    function setUp() public {
        _build();
    }

    function test_issues_all_shares_once_and_refuses_nonsense() public {
        assertEq(share.totalSupply(), SUPPLY);
        assertEq(share.balanceOf(ann), SUPPLY);
        assertEq(share.decimals(), 18);
        assertEq(address(share.money()), address(usd));
        vm.expectRevert(abi.encodeWithSelector(RevenueShare.BadSupply.selector, 0));
        new RevenueShare(_issue(usd, ann, 0));
        vm.expectRevert(abi.encodeWithSelector(RevenueShare.BadSupply.selector, uint256(1) << 128));
        new RevenueShare(_issue(usd, ann, 1 << 128));
        vm.expectRevert(abi.encodeWithSelector(RevenueShare.NotAToken.selector, mallory));
        new RevenueShare(_issue(IERC20(mallory), ann, SUPPLY));
        assertEq(new RevenueShare(_issue(usd, ann, type(uint128).max)).balanceOf(ann), type(uint128).max);
    }

    function test_revenue_is_shared_in_proportion(uint128 supply, uint128 bens, uint128 revenue) public {
        supply = uint128(bound(supply, 1, type(uint128).max));
        bens = uint128(bound(bens, 0, supply));
        share = new RevenueShare(_issue(usd, ann, supply));
        _send(ann, ben, bens);
        _pay(revenue);
        uint256 exact = uint256(revenue) * bens / supply;
        uint256 got = _claim(ben);
        assertLe(got, exact);
        assertLe(exact - got, 1, "one count and one settlement round down by less than a unit each");
        assertEq(usd.balanceOf(ben), got);
        assertLe(got + _claim(ann), revenue);
    }

    function test_one_unit_of_money_reaches_the_shares_of_any_supply() public {
        share = new RevenueShare(_issue(usd, ann, type(uint128).max));
        for (uint256 i = 0; i < 10; ++i) {
            _pay(1);
            share.sync();
        }
        assertEq(share.claimable(ann), 9, "each count loses less than a unit, all ten together one");
    }

    function test_a_transfer_never_moves_past_revenue(uint256 first, uint256 moved, uint256 second) public {
        first = bound(first, 0, 1e30);
        second = bound(second, 0, 1e30);
        moved = bound(moved, 0, SUPPLY);
        _pay(first);
        uint256 anns = share.claimable(ann);
        _send(ann, ben, moved);
        assertEq(share.claimable(ann), anns);
        assertEq(share.claimable(ben), 0);
        _pay(second);
        assertApproxEqAbs(share.claimable(ben), second * moved / SUPPLY, 1);
        assertApproxEqAbs(share.claimable(ann), anns + second * (SUPPLY - moved) / SUPPLY, 2);
    }

    function test_a_transfer_to_oneself_changes_nothing(uint256 revenue, uint256 moved) public {
        revenue = bound(revenue, 0, 1e30);
        moved = bound(moved, 0, SUPPLY);
        _pay(revenue);
        uint256 before = share.claimable(ann);
        _send(ann, ann, moved);
        _send(ann, ann, moved);
        assertEq(share.claimable(ann), before);
        assertEq(share.balanceOf(ann), SUPPLY);
        assertEq(_claim(ann), before);
    }

    /// The same moves between two payments, in two orders.
    function test_the_order_of_transfers_does_not_matter(uint256 first, uint256 second, uint256[4] memory moves)
        public
    {
        RevenueShare other = new RevenueShare(_issue(usd, ann, SUPPLY));
        (first, second) = (bound(first, 0, 1e30), bound(second, 0, 1e30));
        for (uint256 i = 0; i < 4; ++i) {
            moves[i] = bound(moves[i], 0, SUPPLY / 4);
        }
        address[4] memory to = [ben, cay, ben, mallory];
        _pay(first);
        usd.mint(address(other), first);
        for (uint256 i = 0; i < 4; ++i) {
            _send(ann, to[i], moves[i]);
            vm.prank(ann);
            other.transfer(to[3 - i], moves[3 - i]);
        }
        _pay(second);
        usd.mint(address(other), second);
        address[4] memory all = [ann, ben, cay, mallory];
        for (uint256 i = 0; i < 4; ++i) {
            assertEq(share.balanceOf(all[i]), other.balanceOf(all[i]));
            assertEq(share.claimable(all[i]), other.claimable(all[i]));
        }
    }

    function test_a_claim_is_paid_once_and_where_it_is_sent(uint128 revenue) public {
        _pay(revenue);
        uint256 due = share.claimable(ann);
        vm.prank(ann);
        assertEq(share.claim(cay), due);
        assertEq(usd.balanceOf(cay), due);
        assertEq(_claim(ann), 0);
        assertEq(_claim(mallory), 0);
        assertEq(usd.balanceOf(address(share)), revenue - due);
    }

    function test_counting_often_costs_less_than_a_unit_each_time(uint8 times, uint96 revenue, uint256 bens) public {
        bens = bound(bens, 0, SUPPLY);
        _send(ann, ben, bens);
        for (uint256 i = 0; i < times; ++i) {
            _pay(revenue);
            share.sync();
            assertEq(share.sync(), 0);
        }
        uint256 all = uint256(revenue) * times;
        uint256 owed = share.claimable(ann) + share.claimable(ben);
        assertLe(owed, all);
        assertLe(all - owed, uint256(times) + 2);
    }

    function test_a_transfer_costs_the_same_after_any_history() public {
        uint256 short = _gasOfTransfer(2);
        uint256 long = _gasOfTransfer(200);
        assertApproxEqAbs(long, short, 500);
    }

    function test_revenue_that_came_before_the_contract_is_the_holders() public {
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        usd.mint(at, 100e6);
        share = new RevenueShare(_issue(usd, ann, SUPPLY));
        assertEq(address(share), at);
        assertApproxEqAbs(_claim(ann), 100e6, 1);
    }

    function test_shares_cannot_be_sent_to_their_own_contract() public {
        vm.expectRevert(CompliantERC20.ToItself.selector);
        vm.prank(ann);
        share.transfer(address(share), 1);
    }

    function _gasOfTransfer(uint256 payments) private returns (uint256 used) {
        share = new RevenueShare(_issue(usd, ann, SUPPLY));
        _send(ann, ben, 1e18);
        for (uint256 i = 0; i < payments; ++i) {
            _pay(1e6);
            _send(ann, address(uint160(0x1000 + i)), 1e18);
        }
        _send(ann, ben, 1e18);
        _pay(1e6);
        vm.prank(ann);
        uint256 before = gasleft();
        share.transfer(ben, 1e18);
        used = before - gasleft();
    }
}

/// With the real registry: Ann and Ben are known, Mallory is not.
contract RevenueShareComplianceTest is RevenueFixture {
    bytes32 private constant LIST = keccak256("list");
    ComplianceRegistry private registry;
    address private escrow = makeAddr("escrow");

    function setUp() public {
        _build();
        registry = new ComplianceRegistry(address(this), address(this), escrow);
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        ComplianceRegistry.Rule memory rule;
        rule.countries[2] = 1 << 244; // 756, Switzerland
        registry.setRule(at, rule);
        _identify(ann, block.timestamp + 1 days);
        _identify(ben, block.timestamp + 30 days);
        share = new RevenueShare(RevenueShare.Issue(usd, "Song", "SONG", ann, SUPPLY, ICompliance(address(registry))));
        assertEq(address(share), at);
        _send(ann, ben, 1e18);
        _pay(1_000e6);
    }

    function test_only_those_who_may_hold_receive() public {
        vm.prank(ann);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.NotCompliant.selector, mallory));
        share.transfer(mallory, 1);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.NotCompliant.selector, mallory));
        new RevenueShare(RevenueShare.Issue(usd, "Song", "SONG", mallory, SUPPLY, ICompliance(address(registry))));
    }

    function test_an_expired_identity_may_sell_and_claim_but_not_receive() public {
        vm.warp(block.timestamp + 2 days);
        _send(ann, ben, 1e18);
        assertGt(_claim(ann), 0);
        vm.prank(ben);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.NotCompliant.selector, ann));
        share.transfer(ann, 1);
    }

    function test_a_denied_holder_is_frozen_and_anyone_may_move_its_shares_to_the_escrow() public {
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.NotDenied.selector, ann));
        share.seize(ann);
        registry.deny(_just(ann), LIST);
        vm.startPrank(ann);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.Frozen.selector, ann));
        share.transfer(ben, 1);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.Frozen.selector, ann));
        share.claim(ben);
        vm.stopPrank();
        uint256 owed = share.claimable(ann);
        vm.prank(mallory);
        assertEq(share.seize(ann), SUPPLY - 1e18);
        assertEq(share.balanceOf(escrow), SUPPLY - 1e18);
        assertEq(share.claimable(ann), owed, "past revenue stays with her account, frozen");
        assertEq(share.claimable(escrow), 0);
        _pay(1_000e6);
        assertGt(share.claimable(escrow), 999e6);
        registry.undeny(_just(ann), LIST);
        assertEq(_claim(ann), owed);
        vm.expectRevert(abi.encodeWithSelector(CompliantERC20.NotDenied.selector, ann));
        share.seize(ann);
    }

    function test_the_escrow_can_give_back_what_it_holds() public {
        registry.deny(_just(ann), LIST);
        share.seize(ann);
        _send(escrow, ben, 5e18);
        assertEq(share.balanceOf(ben), 6e18);
    }

    function _identify(address who, uint256 until) private {
        ComplianceRegistry.Identity[] memory identities = new ComplianceRegistry.Identity[](1);
        identities[0] = ComplianceRegistry.Identity(uint64(until), 756, 1);
        registry.identify(_just(who), identities, LIST);
    }

    function _just(address who) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = who;
    }
}
