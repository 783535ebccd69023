// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IIdentityRegistry} from "../../src/interfaces/IIdentityRegistry.sol";
import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {ComplianceFixture, RegistriesIdentities, RegistriesToken} from "./ComplianceFixture.sol";

contract ComplianceRegistryTest is ComplianceFixture {
    function setUp() public {
        _build();
    }

    // ---- identities and rules

    function test_an_identity_of_an_admitted_country_and_tier_may_hold() public {
        assertTrue(_holds(ann));
        assertFalse(_holds(ben), "nobody knows ben");
        _identify(ben, FRA, 1, block.timestamp + 1);
        assertTrue(_holds(ben), "the least tier is enough");
        _identify(ben, FRA, 0, block.timestamp + 1);
        assertFalse(_holds(ben), "tier too low");
        _identify(ben, 276, 5, block.timestamp + 1);
        assertFalse(_holds(ben), "another country");
        assertFalse(registry.canHold(ann, makeAddr("an asset without a rule")));
        assertTrue(registry.canHold(pool, makeAddr("an asset without a rule")), "exempt addresses need no rule");
    }

    function testFuzz_exactly_the_countries_of_the_rule_are_admitted(uint16 a, uint16 b, uint16 c) public {
        (a, b, c) = (_country(a), _country(b), _country(c));
        _setRule(false, 1, a, b);
        _identify(ben, c, 1, block.timestamp);
        assertEq(_holds(ben), c == a || c == b);
    }

    function testFuzz_expiry_is_honoured_at_the_second(uint32 lifetime) public {
        _identify(ben, CHE, 1, block.timestamp + lifetime);
        uint256 last = block.timestamp + lifetime;
        vm.warp(last);
        assertTrue(_holds(ben));
        assertTrue(registry.isVerified(ben));
        vm.warp(last + 1);
        assertFalse(_holds(ben));
        assertFalse(registry.isVerified(ben));
    }

    function test_expired_may_leave_and_denied_may_not() public {
        token.mint(ann, 100);
        vm.warp(block.timestamp + 1 days + 1);
        assertTrue(registry.canLeave(ann));
        vm.prank(ann);
        token.transfer(pool, 40);
        vm.expectRevert(abi.encodeWithSelector(RegistriesToken.Refused.selector, pool, ann));
        vm.prank(pool);
        token.transfer(ann, 1);

        _deny(ann);
        assertFalse(registry.canLeave(ann));
        vm.expectRevert(abi.encodeWithSelector(RegistriesToken.Refused.selector, ann, pool));
        vm.prank(ann);
        token.transfer(pool, 1);
        vm.prank(ann);
        token.transfer(escrow, 60);
        assertEq(token.balanceOf(escrow), 60, "denied is frozen to the escrow");
    }

    function test_denied_beats_identity_exemption_and_the_outside_registry() public {
        _deny(ann);
        _deny(pool);
        outside.register(ben, CHE);
        vm.prank(owner);
        registry.setSource(outside, 9);
        assertTrue(_holds(ben));
        _deny(ben);
        for (uint256 i = 0; i < 3; ++i) {
            address who = [ann, pool, ben][i];
            assertTrue(registry.denied(who));
            assertFalse(_holds(who));
            assertFalse(registry.isVerified(who));
        }
        _identify(ann, CHE, 2, block.timestamp + 1 days);
        assertTrue(registry.denied(ann), "a new identity does not un-deny");
    }

    function test_a_denied_asset_is_received_by_the_escrow_alone() public {
        _setRule(true, 1, CHE, FRA);
        assertFalse(_holds(ann));
        assertFalse(_holds(pool));
        assertTrue(_holds(escrow));
        assertTrue(registry.canLeave(ann), "who holds it may let go");
        assertTrue(registry.isVerified(ann));
    }

    function test_an_exempt_pool_needs_no_identity_until_that_ends() public {
        assertTrue(_holds(pool));
        assertTrue(registry.isVerified(pool));
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.ExemptSet(pool, false);
        vm.prank(officer);
        registry.revokeExemption(_just(pool), LIST);
        assertFalse(_holds(pool));
        assertFalse(registry.isVerified(pool));
    }

    function test_lists_are_hashed_into_the_events() public {
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.DeniedSet(ann, true);
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.ListApplied(LIST, officer, 1);
        _deny(ann);
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.DeniedSet(ann, false);
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.ListApplied(LIST, owner, 1);
        vm.prank(owner);
        registry.undeny(_just(ann), LIST);
        assertTrue(_holds(ann));
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.Identified(ben, ComplianceRegistry.Identity(uint64(block.timestamp), FRA, 3));
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.ListApplied(LIST, officer, 1);
        _identify(ben, FRA, 3, block.timestamp);
        ComplianceRegistry.Person memory person = registry.personOf(ben);
        assertEq(person.validUntil, block.timestamp);
        assertEq(person.country, FRA);
        assertEq(person.tier, 3);
        assertFalse(person.denied || person.exempt);
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.ExemptSet(mallory, true);
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.ListApplied(LIST, owner, 1);
        vm.prank(owner);
        registry.exempt(_just(mallory), LIST);
        assertTrue(registry.personOf(mallory).exempt);
    }

    function test_a_batch_sets_each_member() public {
        (address[] memory who, ComplianceRegistry.Identity[] memory identities) =
            (new address[](3), new ComplianceRegistry.Identity[](3));
        for (uint256 i = 0; i < 3; ++i) {
            who[i] = address(uint160(100 + i));
            identities[i] = ComplianceRegistry.Identity(uint64(block.timestamp), i == 2 ? 276 : CHE, uint8(i));
        }
        vm.startPrank(officer);
        registry.identify(who, identities, LIST);
        assertFalse(_holds(who[0]), "tier 0");
        assertTrue(_holds(who[1]));
        assertFalse(_holds(who[2]), "another country");
        registry.deny(who, LIST);
        for (uint256 i = 0; i < 3; ++i) {
            assertTrue(registry.denied(who[i]));
        }
        vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.LengthMismatch.selector, 1, 3));
        registry.identify(_just(ann), identities, LIST);
    }

    function test_a_country_that_does_not_exist_is_refused() public {
        for (uint256 i = 0; i < 2; ++i) {
            uint16 country = i == 0 ? 0 : 1_000;
            ComplianceRegistry.Identity[] memory identities = new ComplianceRegistry.Identity[](1);
            identities[0] = ComplianceRegistry.Identity(1, country, 1);
            vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.BadCountry.selector, ben, country));
            vm.prank(officer);
            registry.identify(_just(ben), identities, LIST);
        }
        _identify(ben, 999, 1, block.timestamp);
        assertEq(registry.personOf(ben).country, 999);
    }

    // ---- tightening

    function testFuzz_the_officer_only_narrows_a_rule(
        ComplianceRegistry.Rule memory first,
        ComplianceRegistry.Rule memory next,
        bool within
    ) public {
        for (uint256 i = 0; within && i < 4; ++i) {
            next.countries[i] &= first.countries[i];
        }
        vm.prank(owner);
        registry.setRule(address(token), first);
        bool narrower = next.minTier >= first.minTier && (next.denied || !first.denied);
        for (uint256 i = 0; i < 4; ++i) {
            narrower = narrower && next.countries[i] | first.countries[i] == first.countries[i];
        }
        vm.prank(officer);
        if (!narrower) vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.NotTighter.selector, address(token)));
        registry.tightenRule(address(token), next);
        assertEq(abi.encode(registry.ruleOf(address(token))), abi.encode(narrower ? next : first));
    }

    function test_the_officer_tightens_each_part_and_loosens_none() public {
        vm.startPrank(officer);
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.RuleSet(address(token), _rule(false, 2, CHE, CHE));
        registry.tightenRule(address(token), _rule(false, 2, CHE, CHE));
        assertTrue(_holds(ann), "still tier 2 and Swiss");
        ComplianceRegistry.Rule[3] memory looser =
            [_rule(false, 1, CHE, CHE), _rule(false, 2, CHE, FRA), _rule(false, 3, CHE, 1)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.NotTighter.selector, address(token)));
            registry.tightenRule(address(token), looser[i]);
        }
        registry.tightenRule(address(token), _rule(true, 2, CHE, CHE));
        assertFalse(_holds(ann));
        vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.NotTighter.selector, address(token)));
        registry.tightenRule(address(token), _rule(false, 2, CHE, CHE));
    }

    // ---- the escrow

    function test_the_escrow_can_be_neither_denied_nor_the_officer() public {
        vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.CannotDeny.selector, escrow));
        vm.prank(officer);
        registry.deny(_just(escrow), LIST);
        vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.CannotDeny.selector, address(0)));
        vm.prank(officer);
        registry.deny(_just(address(0)), LIST);
        _deny(mallory);
        vm.startPrank(owner);
        address[3] memory bad = [address(0), mallory, officer];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.NotAnEscrow.selector, bad[i]));
            registry.setEscrow(bad[i]);
        }
        bytes32 role = registry.OFFICER_ROLE();
        vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.NotAnEscrow.selector, escrow));
        registry.grantRole(role, escrow);
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.EscrowSet(ben);
        registry.setEscrow(ben);
        assertEq(registry.escrow(), ben);
        assertTrue(_holds(ben));
        assertFalse(_holds(escrow));
        registry.grantRole(role, escrow); // it is an ordinary address now
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.NotAnEscrow.selector, address(0)));
        new ComplianceRegistry(owner, officer, address(0));
        vm.expectRevert(abi.encodeWithSelector(ComplianceRegistry.NotAnEscrow.selector, officer));
        new ComplianceRegistry(owner, officer, officer);
        vm.expectRevert(ComplianceRegistry.ZeroAddress.selector);
        new ComplianceRegistry(address(0), officer, escrow);
        vm.expectRevert(ComplianceRegistry.ZeroAddress.selector);
        new ComplianceRegistry(owner, address(0), escrow);
    }

    // ---- an outside registry

    function test_an_outside_registry_identifies_people_unknown_here() public {
        outside.register(ben, FRA);
        assertFalse(_holds(ben));
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.SourceSet(outside, 1);
        vm.prank(owner);
        registry.setSource(outside, 1);
        assertTrue(_holds(ben));
        assertTrue(registry.isVerified(ben));
        assertFalse(_holds(mallory), "unknown there too");
        assertFalse(registry.isVerified(mallory));
        outside.register(ben, 276);
        assertFalse(_holds(ben), "the asset's rule is judged here");
        outside.register(ben, FRA);
        _setRule(false, 2, CHE, FRA);
        assertFalse(_holds(ben), "its people have the tier the owner gave them");
        _setRule(false, 1, CHE, FRA);
        _identify(ben, FRA, 1, block.timestamp - 1);
        assertFalse(_holds(ben), "an identity here comes first, also an expired one");
    }

    function test_a_broken_outside_registry_verifies_nobody_and_blocks_nobody() public {
        outside.register(ben, FRA);
        vm.prank(owner);
        registry.setSource(outside, 1);
        ComplianceRegistry.Rule memory everybody = _rule(false, 0, CHE, FRA);
        for (uint256 i = 0; i < 4; ++i) {
            everybody.countries[i] = type(uint256).max;
        }
        vm.prank(owner);
        registry.setRule(address(token), everybody);
        for (uint256 i = 1; i < 4; ++i) {
            outside.turn(RegistriesIdentities.Mood(i));
            assertFalse(_holds(ben));
            assertFalse(registry.isVerified(ben));
            assertTrue(_holds(ann));
            assertTrue(registry.canLeave(ben));
        }
        outside.turn(RegistriesIdentities.Mood.Well);
        outside.register(ben, 1_000);
        assertFalse(_holds(ben), "a country that no rule can name");
        outside.register(ben, 999);
        assertTrue(_holds(ben));
        vm.expectEmit(address(registry));
        emit ComplianceRegistry.SourceSet(IIdentityRegistry(address(0)), 0);
        vm.prank(officer);
        registry.dropSource();
        assertFalse(_holds(ben));
        assertEq(address(registry.source()), address(0));
        vm.prank(owner);
        registry.setSource(IIdentityRegistry(makeAddr("no code there")), 1);
        assertFalse(_holds(ben));
    }

    // ---- the timelock

    function test_undenying_waits_for_the_timelock() public {
        address[] memory proposers = _just(mallory);
        TimelockController timelock = new TimelockController(2 days, proposers, _just(address(0)), address(0));
        registry = new ComplianceRegistry(address(timelock), officer, escrow);
        _deny(ann);
        bytes memory call = abi.encodeCall(registry.undeny, (_just(ann), LIST));
        vm.prank(mallory);
        timelock.schedule(address(registry), 0, call, 0, 0, 2 days);
        vm.warp(block.timestamp + 2 days - 1);
        vm.expectRevert();
        timelock.execute(address(registry), 0, call, 0, 0);
        assertTrue(registry.denied(ann));
        vm.warp(block.timestamp + 1);
        timelock.execute(address(registry), 0, call, 0, 0);
        assertFalse(registry.denied(ann));
    }

    function _country(uint16 any) private pure returns (uint16) {
        return any % 999 + 1;
    }
}
