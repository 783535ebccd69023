// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRevenueSplit} from "../../src/interfaces/IRevenueSplit.sol";
import {RevenueSplit, RevenueSplitFactory} from "../../src/media/RevenueSplit.sol";
import {RevenueFixture} from "./RevenueFixture.sol";

abstract contract RevenueSplitFixture is RevenueFixture {
    RevenueSplitFactory internal splits;
    address[] internal payees;
    uint16[] internal parts;

    function _three(address a, address b, address c) internal {
        splits = new RevenueSplitFactory();
        (payees, parts) = (new address[](3), new uint16[](3));
        (payees[0], payees[1], payees[2]) = (a, b, c);
        (parts[0], parts[1], parts[2]) = (5_000, 3_333, 1_667);
    }
}

contract RevenueSplitTest is RevenueSplitFixture {
    RevenueSplit private split;

    function setUp() public {
        _build();
        _three(ann, ben, cay);
        split = RevenueSplit(splits.make(payees, parts));
    }

    function test_the_same_terms_have_one_split_and_one_address_even_before_it_is_made() public {
        assertEq(splits.make(payees, parts), address(split));
        assertEq(splits.addressOf(payees, parts), address(split));
        (address[] memory saidPayees, uint16[] memory saidParts) = split.terms();
        assertEq(keccak256(abi.encode(saidPayees, saidParts)), keccak256(abi.encode(payees, parts)));
        (parts[0], parts[1]) = (4_999, 3_334);
        address other = splits.addressOf(payees, parts);
        assertTrue(other != address(split));
        usd.mint(other, 100e6);
        assertEq(other.code.length, 0);
        assertEq(splits.make(payees, parts), other);
        assertEq(IRevenueSplit(other).release(address(usd), ann), 49.99e6);
    }

    function test_refuses_terms_that_are_not_whole() public {
        parts[0] = 4_999;
        vm.expectRevert(abi.encodeWithSelector(RevenueSplitFactory.NotWhole.selector, 9_999));
        splits.make(payees, parts);
        (parts[0], parts[1]) = (8_333, 0);
        vm.expectRevert(abi.encodeWithSelector(RevenueSplitFactory.ZeroShare.selector, 1));
        splits.make(payees, parts);
        payees[0] = address(0);
        vm.expectRevert(abi.encodeWithSelector(RevenueSplitFactory.ZeroPayee.selector, 0));
        splits.make(payees, parts);
        parts.push(1);
        vm.expectRevert(abi.encodeWithSelector(RevenueSplitFactory.BadLength.selector, 3, 4, 32));
        splits.make(payees, parts);
        vm.expectRevert(abi.encodeWithSelector(RevenueSplitFactory.NotWhole.selector, 0));
        splits.make(new address[](0), new uint16[](0));
        vm.expectRevert(abi.encodeWithSelector(RevenueSplitFactory.BadLength.selector, 33, 33, 32));
        splits.make(new address[](33), new uint16[](33));
    }

    function test_a_payee_that_stands_twice_is_paid_twice_the_part() public {
        payees[1] = ann;
        split = RevenueSplit(splits.make(payees, parts));
        usd.mint(address(split), 10_000);
        assertEq(split.owed(address(usd), ann), 8_333);
        assertEq(split.release(address(usd), ann), 8_333);
        assertEq(split.owed(address(usd), ann), 0);
        assertEq(split.release(address(usd), cay), 1_667);
    }

    function test_strangers_are_owed_nothing_and_anyone_may_pay_a_payee() public {
        usd.mint(address(split), 100e6);
        assertEq(split.release(address(usd), mallory), 0);
        vm.prank(mallory);
        assertEq(split.release(address(usd), ann), 50e6);
        assertEq(usd.balanceOf(ann), 50e6);
        assertEq(usd.balanceOf(mallory), 0);
    }

    function test_pays_into_revenue_shares_and_into_other_splits() public {
        (payees[0], payees[1]) = (address(share), address(split));
        RevenueSplit outer = RevenueSplit(splits.make(payees, parts));
        usd.mint(address(outer), 10_000e6);
        outer.release(address(usd), address(share));
        outer.release(address(usd), address(split));
        assertApproxEqAbs(_claim(ann), 5_000e6, 1);
        assertEq(split.owed(address(usd), ann), 3_333e6 / 2);
    }

    function test_each_money_is_split_on_its_own() public {
        usd.mint(address(split), 100e6);
        _send(ann, address(split), 200e18);
        assertEq(split.release(address(usd), ben), 33.33e6);
        assertEq(split.release(address(share), ben), 66.66e18);
        assertEq(split.released(address(usd)), 33.33e6);
    }

    function test_the_implementation_is_no_split() public {
        address implementation = splits.implementation();
        usd.mint(implementation, 1e6);
        vm.expectRevert();
        IRevenueSplit(implementation).release(address(usd), ann);
    }
}

/// Payments and releases in any order. The shadow knows what arrived.
contract RevenueSplitHandler is RevenueSplitFixture {
    RevenueSplit private _split;
    uint256 public received;

    constructor() {
        _build();
        _three(ann, ben, cay);
        _split = RevenueSplit(splits.make(payees, parts));
    }

    function pays(uint256 amount, bool small) external {
        amount = bound(amount, 0, small ? 9 : 1e15);
        usd.mint(address(_split), amount);
        received += amount;
    }

    function releases(uint256 who, bool stranger) external {
        address payee = stranger ? mallory : payees[who % 3];
        uint256 due = _split.owed(address(usd), payee);
        uint256 before = usd.balanceOf(payee);
        require(_split.release(address(usd), payee) == due && usd.balanceOf(payee) == before + due, "not as said");
    }

    function state(uint256 i) external view returns (uint256 paid, uint256 owed, uint256 due) {
        paid = usd.balanceOf(payees[i]);
        return (paid, _split.owed(address(usd), payees[i]), received * parts[i] / 10_000);
    }

    function left() external view returns (uint256) {
        return usd.balanceOf(address(_split));
    }
}

contract RevenueSplitInvariantTest is RevenueSplitFixture {
    RevenueSplitHandler private handler;

    function setUp() public {
        handler = new RevenueSplitHandler();
        bytes4[] memory moves = new bytes4[](2);
        (moves[0], moves[1]) = (handler.pays.selector, handler.releases.selector);
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), moves));
    }

    function invariant_each_payee_has_exactly_its_part_of_all_that_arrived() public view {
        uint256 sum = 0;
        for (uint256 i = 0; i < 3; ++i) {
            (uint256 paid, uint256 owed, uint256 due) = handler.state(i);
            assertEq(paid + owed, due);
            sum += paid + owed;
        }
        assertLe(handler.received() - sum, 2, "less than a unit for each payee stays");
    }

    function invariant_what_is_left_covers_what_is_owed() public view {
        uint256 owed = 0;
        for (uint256 i = 0; i < 3; ++i) {
            (, uint256 one,) = handler.state(i);
            owed += one;
        }
        assertGe(handler.left(), owed);
    }
}
