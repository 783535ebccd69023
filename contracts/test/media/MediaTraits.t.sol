// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Vm} from "forge-std/Vm.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IERC7496} from "../../src/interfaces/IERC7496.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaTraits} from "../../src/media/MediaTraits.sol";
import {MediaFixture} from "./MediaFixture.sol";

contract MediaTraitsTest is MediaFixture {
    uint256 private _id;

    function setUp() public {
        _build(IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)));
        _id = _mint(keccak256("a picture that lives"));
    }

    function test_the_agent_sets_a_trait_and_all_three_standards_hear_of_it() public {
        bytes32 head = keccak256(abi.encode(bytes32(0), uint64(1), MOOD, bytes32("calm"), agent, block.timestamp));
        vm.expectEmit(address(media));
        emit IERC7496.TraitUpdated(MOOD, _id, "calm");
        vm.expectEmit(address(media));
        emit MediaTraits.TraitChained(_id, 1, agent, block.timestamp, head);
        vm.expectEmit(address(media));
        emit IERC4906.MetadataUpdate(_id);
        _set(MOOD, "calm");
        assertEq(media.getTraitValue(_id, MOOD), "calm");
        (, uint64 changes, bytes32 stored) = media.lives(_id);
        assertEq(changes, 1);
        assertEq(stored, head);
    }

    function testFuzz_nobody_but_the_agent_sets_traits(address who) public {
        vm.assume(who != agent);
        vm.expectRevert(abi.encodeWithSelector(MediaTraits.NotAgent.selector, _id, who));
        vm.prank(who);
        media.setTrait(_id, MOOD, "stolen");
    }

    function test_owner_and_creator_are_not_the_agent() public {
        testFuzz_nobody_but_the_agent_sets_traits(receiver);
        testFuzz_nobody_but_the_agent_sets_traits(creator);
        vm.expectRevert(abi.encodeWithSelector(MediaTraits.NotAgent.selector, 1, agent));
        vm.prank(agent); // of another token, but there is no token 1
        media.setTrait(1, MOOD, "ghost");
    }

    function test_the_owner_names_the_agent_and_it_outlives_a_transfer() public {
        vm.prank(receiver);
        media.setApprovalForAll(mallory, true);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, mallory, _id, receiver));
        vm.prank(mallory); // an operator may sell it, not name its agent
        media.setAgent(_id, mallory);

        vm.prank(receiver);
        media.transferFrom(receiver, creator, _id);
        _set(MOOD, "sold"); // still the same agent
        vm.expectEmit(address(media));
        emit MediaTraits.AgentSet(_id, mallory);
        vm.prank(creator);
        media.setAgent(_id, mallory);
        testFuzz_nobody_but_the_agent_sets_traits(receiver);
        vm.prank(mallory);
        media.setTrait(_id, MOOD, "new agent");
    }

    function test_unknown_keys_and_tokens_are_named() public {
        bytes32 unknown = keccak256("unknown");
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitKeyUnknown.selector, unknown));
        _set(unknown, "x");
        vm.expectRevert(abi.encodeWithSelector(IERC7496.TraitKeyUnknown.selector, unknown));
        media.getTraitValue(_id, unknown);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        media.getTraitValue(1, MOOD);
        assertEq(media.getTraitMetadataURI(), "https://media.example/traits.json");
    }

    function test_values_come_in_the_order_of_the_keys() public {
        _set(LEVEL, bytes32(uint256(3)));
        _set(MOOD, "calm");
        bytes32[] memory keys = new bytes32[](3);
        (keys[0], keys[1], keys[2]) = (MOOD, LEVEL, MOOD);
        bytes32[] memory values = media.getTraitValues(_id, keys);
        assertEq(values[0], "calm");
        assertEq(values[1], bytes32(uint256(3)));
        assertEq(values[2], "calm");
    }

    /// Folding the events gives the head; folding them with any one left out, changed or moved does not.
    function testFuzz_replaying_events_gives_the_head_and_nothing_can_be_thinned(uint256 seed) public {
        uint256 count = bound(seed, 2, 12);
        vm.recordLogs();
        for (uint256 i = 0; i < count; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            skip(seed % 3 * 12); // several in one second too
            _set(seed % 2 == 0 ? MOOD : LEVEL, bytes32(seed % 4)); // and the same value again
        }
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (, uint64 changes, bytes32 head) = media.lives(_id);
        assertEq(changes, count);
        assertEq(_fold(logs, type(uint256).max, false), head);
        for (uint256 i = 0; i < count; ++i) {
            assertNotEq(_fold(logs, i, false), head, "one left out");
            assertNotEq(_fold(logs, i, true), head, "one changed");
        }
    }

    /// @param victim The change that is left out, or whose value is changed; none if out of range.
    function _fold(Vm.Log[] memory logs, uint256 victim, bool altered) private view returns (bytes32 head) {
        uint64 number = 0;
        for (uint256 i = 0; i + 1 < logs.length; ++i) {
            if (logs[i].topics[0] != IERC7496.TraitUpdated.selector) continue;
            assertEq(logs[i + 1].topics[0], MediaTraits.TraitChained.selector);
            (uint256 tokenId, bytes32 value) = abi.decode(logs[i].data, (uint256, bytes32));
            (address by, uint256 at, bytes32 said) = abi.decode(logs[i + 1].data, (address, uint256, bytes32));
            assertEq(tokenId, _id);
            bool here = i / 3 == victim;
            if (here && !altered) continue;
            if (here) value = ~value;
            head = keccak256(abi.encode(head, ++number, logs[i].topics[1], value, by, at));
            if (victim == type(uint256).max) assertEq(said, head);
        }
    }

    function _set(bytes32 key, bytes32 value) private {
        vm.prank(agent);
        media.setTrait(_id, key, value);
    }
}
