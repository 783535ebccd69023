// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {ComplianceFixture, RegistriesToken} from "./ComplianceFixture.sol";

/// Four people, a pool and the escrow pass a token around while officer and owner change their lists. The handler keeps
/// its own book of who is what, in its own words, and says before each move whether it must pass.
contract ComplianceHandler is ComplianceFixture {
    struct Book {
        uint256 validUntil;
        uint16 country;
        uint8 tier;
        bool denied;
        bool exempt;
    }

    uint256 public constant PEOPLE = 6;
    address[PEOPLE] public people;
    mapping(address who => Book) public book;
    uint8 public minTier = 1;
    uint256 public countries = 3; // bit 0: Switzerland, bit 1: France
    bool public assetDenied;

    uint256 public receivedThoughDenied;
    uint256 public receivedThoughNotAdmitted;
    uint256 public leftThoughDenied;
    uint256 public refusedThoughAdmitted;
    uint256 public editsByOthers;
    uint256 public transfers;
    uint256 public refusals;

    constructor() {
        _build();
        people = [ann, ben, makeAddr("cleo"), makeAddr("dan"), pool, escrow];
        book[ann] = Book(block.timestamp + 1 days, CHE, 2, false, false);
        book[pool].exempt = true;
        token.mint(pool, 1e24);
    }

    // ---- the lists

    function identifies(uint256 who, uint256 country, uint8 tier, uint32 lifetime) external {
        address person = people[who % PEOPLE];
        Book storage entry = book[person];
        (entry.country, entry.tier) = ([CHE, FRA, 276][country % 3], tier % 4);
        entry.validUntil = block.timestamp + lifetime % 2 days;
        _identify(person, entry.country, entry.tier, entry.validUntil);
    }

    function denies(uint256 who) external {
        address person = people[who % (PEOPLE - 1)];
        book[person].denied = true;
        _deny(person);
    }

    function undenies(uint256 who) external {
        address person = people[who % (PEOPLE - 1)];
        book[person].denied = false;
        vm.prank(owner);
        registry.undeny(_just(person), LIST);
    }

    function exempts(uint256 who, bool exempt) external {
        address person = people[who % PEOPLE];
        book[person].exempt = exempt;
        vm.prank(exempt ? owner : officer);
        exempt ? registry.exempt(_just(person), LIST) : registry.revokeExemption(_just(person), LIST);
    }

    function setsTheRule(uint8 tier, uint256 mask, bool denied) external {
        (minTier, countries, assetDenied) = (tier % 4, mask % 4, denied);
        ComplianceRegistry.Rule memory rule;
        (rule.minTier, rule.denied) = (minTier, assetDenied);
        if (countries & 1 != 0) rule.countries[CHE / 256] |= uint256(1) << (CHE % 256);
        if (countries & 2 != 0) rule.countries[FRA / 256] |= uint256(1) << (FRA % 256);
        vm.prank(owner);
        registry.setRule(address(token), rule);
    }

    /// Anybody but the role tries each edit of a list; the keys are not theirs.
    function strangersEdit(uint256 who, uint256 which, address stranger) external {
        address[] memory list = _just(people[who % PEOPLE]);
        ComplianceRegistry.Rule memory rule;
        bytes[6] memory edits = [
            abi.encodeCall(registry.undeny, (list, LIST)),
            abi.encodeCall(registry.exempt, (list, LIST)),
            abi.encodeCall(registry.setRule, (address(token), rule)),
            abi.encodeCall(registry.deny, (list, LIST)),
            abi.encodeCall(registry.revokeExemption, (list, LIST)),
            abi.encodeCall(registry.identify, (list, new ComplianceRegistry.Identity[](1), LIST))
        ];
        which %= 6;
        if (stranger == owner && which < 3) stranger = officer;
        if (stranger == officer && which > 2) stranger = owner;
        vm.prank(stranger);
        (bool ok, bytes memory err) = address(registry).call(edits[which]);
        if (ok || bytes4(err) != IAccessControl.AccessControlUnauthorizedAccount.selector) editsByOthers++;
    }

    // ---- the people

    function transfersSome(uint256 from, uint256 to, uint256 amount) external {
        (address giver, address taker) = (people[from % PEOPLE], people[to % PEOPLE]);
        amount = bound(amount, 0, token.balanceOf(giver));
        bool admitted = admits(taker);
        bool mayPass = book[giver].denied ? taker == escrow : admitted;
        vm.prank(giver);
        try token.transfer(taker, amount) {
            transfers++;
            if (book[taker].denied) receivedThoughDenied++;
            if (!admitted) receivedThoughNotAdmitted++;
            if (book[giver].denied && taker != escrow) leftThoughDenied++;
        } catch (bytes memory err) {
            require(bytes4(err) == RegistriesToken.Refused.selector, "refused for another reason");
            refusals++;
            if (mayPass) refusedThoughAdmitted++;
        }
    }

    function waits(uint32 time) external {
        vm.warp(block.timestamp + time % 1 days);
    }

    /// The rule in the handler's own words.
    function admits(address who) public view returns (bool) {
        if (who == escrow) return true;
        Book memory entry = book[who];
        if (entry.denied || assetDenied) return false;
        if (entry.exempt) return true;
        bool listed = (entry.country == CHE && countries % 2 == 1) || (entry.country == FRA && countries > 1);
        return listed && block.timestamp <= entry.validUntil && entry.tier >= minTier;
    }

    function book_() external view returns (ComplianceRegistry, RegistriesToken) {
        return (registry, token);
    }
}

contract ComplianceInvariants is Test {
    ComplianceHandler internal handler = new ComplianceHandler();

    function setUp() public {
        targetContract(address(handler));
        bytes4[] memory moves = new bytes4[](9);
        moves[0] = handler.identifies.selector;
        moves[1] = handler.denies.selector;
        moves[2] = handler.undenies.selector;
        moves[3] = handler.exempts.selector;
        moves[4] = handler.setsTheRule.selector;
        moves[5] = handler.strangersEdit.selector;
        moves[6] = handler.transfersSome.selector;
        moves[7] = handler.transfersSome.selector; // twice as often
        moves[8] = handler.waits.selector;
        targetSelector(FuzzSelector(address(handler), moves));
    }

    function invariant_denied_never_receives() public view {
        assertEq(handler.receivedThoughDenied(), 0);
    }

    function invariant_only_the_admitted_receive() public view {
        assertEq(handler.receivedThoughNotAdmitted(), 0);
    }

    function invariant_what_a_denied_holder_has_goes_to_the_escrow_alone() public view {
        assertEq(handler.leftThoughDenied(), 0);
    }

    function invariant_nobody_admitted_is_refused_and_the_expired_may_leave() public view {
        assertEq(handler.refusedThoughAdmitted(), 0);
    }

    function invariant_lists_are_edited_by_their_role_alone() public view {
        assertEq(handler.editsByOthers(), 0);
    }

    function invariant_the_registry_answers_as_the_book_does() public view {
        (ComplianceRegistry registry, RegistriesToken token) = handler.book_();
        for (uint256 i = 0; i < handler.PEOPLE(); ++i) {
            address who = handler.people(i);
            (,,, bool denied,) = handler.book(who);
            assertEq(registry.canHold(who, address(token)), handler.admits(who));
            assertEq(registry.denied(who), denied);
            assertEq(registry.canLeave(who), !denied);
        }
    }

    function test_the_handlers_moves_reach_the_registry() public {
        handler.transfersSome(4, 0, 100);
        handler.waits(1 days - 1);
        handler.waits(2);
        handler.transfersSome(4, 0, 100);
        handler.transfersSome(0, 4, 50);
        handler.denies(0);
        handler.transfersSome(0, 4, 50);
        handler.transfersSome(0, 5, 50);
        handler.undenies(0);
        handler.identifies(1, 1, 3, 100);
        handler.transfersSome(4, 1, 7);
        handler.setsTheRule(1, 3, true);
        handler.transfersSome(4, 1, 7);
        handler.strangersEdit(0, 0, address(1));
        assertEq(handler.transfers(), 4);
        assertEq(handler.refusals(), 3);
    }
}
