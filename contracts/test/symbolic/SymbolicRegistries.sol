// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {DecisionRegistry} from "../../src/registries/DecisionRegistry.sol";
import {Symbolic} from "./Symbolic.sol";

contract SymbolicCompliance is Symbolic {
    address private constant OWNER = address(0x1001);
    address private constant OFFICER = address(0x1002);
    address private constant ESCROW = address(0x1003);
    ComplianceRegistry private registry;

    function setUp() public {
        registry = new ComplianceRegistry(OWNER, OFFICER, ESCROW);
    }

    /// Whoever holds no role changes nothing: a call passes only to give up a role of the caller's own, which is none.
    function check_nobody_without_a_role_gets_through(address caller) public {
        vm.assume(caller != OWNER && caller != OFFICER);
        (bool ok, bytes4 selector) = _anyCall(caller, address(registry), "ComplianceRegistry");
        assert(!ok || selector == registry.renounceRole.selector);
        assert(registry.hasRole(registry.OWNER_ROLE(), OWNER) && registry.hasRole(registry.OFFICER_ROLE(), OFFICER));
    }

    function check_the_officer_only_identifies_and_tightens() public {
        (bool ok, bytes4 selector) = _anyCall(OFFICER, address(registry), "ComplianceRegistry");
        assert(
            !ok || selector == registry.identify.selector || selector == registry.deny.selector
                || selector == registry.tightenRule.selector || selector == registry.revokeExemption.selector
                || selector == registry.dropSource.selector || selector == registry.renounceRole.selector
        );
    }

    /// No call of the officer's makes a denied person less than denied or admits one who was not.
    function check_the_officer_never_undenies(address who) public {
        address[] memory list = new address[](1);
        list[0] = who;
        vm.assume(who != ESCROW && who != address(0));
        vm.prank(OFFICER);
        registry.deny(list, 0);
        _anyCall(OFFICER, address(registry), "ComplianceRegistry");
        assert(registry.denied(who));
        assert(!registry.canHold(who, address(0xA55E7)));
    }
}

contract SymbolicDecisions is Symbolic {
    DecisionRegistry private registry;

    function setUp() public {
        registry = new DecisionRegistry();
    }

    /// A root once anchored stays as it is, whatever anybody calls, and a second time is refused.
    function check_a_root_is_anchored_once_per_sender(address by, bytes32 root, uint256 leaves, bytes32 universe)
        public
    {
        vm.roll(100);
        vm.prank(by);
        registry.anchor(root, leaves, universe);
        vm.roll(200);
        address other = svm.createAddress("other");
        (bool ok, bytes4 selector) = _anyCall(other, address(registry), "DecisionRegistry");
        assert(!ok || selector == registry.anchor.selector);
        assert(registry.anchoredAt(by, root) == 100);
        vm.prank(by);
        (ok,) = address(registry).call(abi.encodeCall(registry.anchor, (root, leaves, universe)));
        assert(!ok);
    }

    /// Nobody touches another sender's chain.
    function check_nobody_anchors_in_anothers_name(address by, bytes32 root) public {
        address other = svm.createAddress("other");
        vm.assume(other != by);
        _anyCall(other, address(registry), "DecisionRegistry");
        (bytes32 head, uint256 count) = registry.head(by);
        assert(head == 0 && count == 0 && registry.anchoredAt(by, root) == 0);
    }
}
