// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

import {IDecisionRegistry} from "../../src/interfaces/IDecisionRegistry.sol";
import {DecisionRegistry} from "../../src/registries/DecisionRegistry.sol";
import {RegistriesMerkle} from "./RegistriesMerkle.sol";

contract DecisionRegistryTest is Test {
    DecisionRegistry internal registry = new DecisionRegistry();
    address internal ann = makeAddr("ann");
    address internal ben = makeAddr("ben");
    bytes32 internal constant UNIVERSE = keccak256("universe");

    function setUp() public {
        vm.roll(1_000);
    }

    function _records(uint256 n, uint256 seed) private pure returns (bytes[] memory records, bytes32[] memory leaves) {
        records = new bytes[](n);
        leaves = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            records[i] = abi.encode(seed, i, "decision");
            leaves[i] = RegistriesMerkle.leafOf(records[i]);
        }
    }

    function test_a_root_is_anchored_once_per_sender() public {
        vm.prank(ann);
        bytes32 head = registry.anchor("root", 3, UNIVERSE);
        assertEq(registry.anchoredAt(ann, "root"), 1_000);
        assertEq(head, keccak256(abi.encode(bytes32(0), bytes32("root"), 3, UNIVERSE, 1)));
        vm.roll(1_007);
        vm.expectRevert(abi.encodeWithSelector(DecisionRegistry.AlreadyAnchored.selector, ann, bytes32("root"), 1_000));
        vm.prank(ann);
        registry.anchor("root", 3, UNIVERSE);
        assertEq(registry.anchoredAt(ann, "root"), 1_000, "the first time stands");

        assertEq(registry.anchoredAt(ben, "root"), 0, "nobody anchors in another's name");
        vm.prank(ben);
        registry.anchor("root", 3, UNIVERSE);
        assertEq(registry.anchoredAt(ben, "root"), 1_007, "a copied root takes nothing from its author");
    }

    function test_an_empty_root_or_batch_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(DecisionRegistry.EmptyAnchor.selector, bytes32(0), 1));
        registry.anchor(0, 1, UNIVERSE);
        vm.expectRevert(abi.encodeWithSelector(DecisionRegistry.EmptyAnchor.selector, bytes32("root"), 0));
        registry.anchor("root", 0, UNIVERSE);
        registry.anchor("root", 1, UNIVERSE);
    }

    function test_the_event_says_all_that_the_head_folds() public {
        bytes32 first = keccak256(abi.encode(bytes32(0), bytes32("one"), 1, UNIVERSE, 1));
        bytes32 second = keccak256(abi.encode(first, bytes32("two"), 7, bytes32(0), 2));
        vm.startPrank(ann);
        vm.expectEmit(address(registry));
        emit IDecisionRegistry.Anchored(ann, 1, "one", first, 1, UNIVERSE);
        registry.anchor("one", 1, UNIVERSE);
        vm.expectEmit(address(registry));
        emit IDecisionRegistry.Anchored(ann, 2, "two", second, 7, 0);
        assertEq(registry.anchor("two", 7, 0), second);
        (bytes32 head, uint256 count) = registry.head(ann);
        assertEq(head, second);
        assertEq(count, 2);
        (head, count) = registry.head(ben);
        assertEq(head, 0, "each sender has a chain of its own");
        assertEq(count, 0);
    }

    function testFuzz_verify_is_true_for_each_leaf_and_for_nothing_else(uint256 n, uint256 pick, uint256 seed) public {
        n = bound(n, 1, 70);
        pick = bound(pick, 0, n - 1);
        (bytes[] memory records, bytes32[] memory leaves) = _records(n, seed);
        bytes32 root = RegistriesMerkle.root(leaves);
        bytes32[] memory proof = RegistriesMerkle.proof(leaves, pick);
        bytes32 recordHash = keccak256(records[pick]);
        assertFalse(registry.verify(ann, root, recordHash, proof), "not anchored yet");
        vm.prank(ann);
        registry.anchor(root, n, UNIVERSE);
        assertTrue(registry.verify(ann, root, recordHash, proof));
        assertFalse(registry.verify(ben, root, recordHash, proof), "anchored by somebody else");
        assertFalse(registry.verify(ann, root, recordHash ^ bytes32(uint256(1)), proof), "another record");
        assertFalse(registry.verify(ann, root, leaves[pick], proof), "the leaf in the record's place");
        if (n == 1) return;
        assertFalse(registry.verify(ann, root, keccak256(records[(pick + 1) % n]), proof), "a neighbour's record");
        proof[seed % proof.length] ^= bytes32(uint256(1) << (seed % 256));
        assertFalse(registry.verify(ann, root, recordHash, proof), "a bit of the proof flipped");
    }

    function testFuzz_no_inner_node_passes_for_a_leaf(uint256 n, uint256 pick, uint256 seed) public {
        n = bound(n, 2, 70);
        pick = bound(pick, 0, n - 1);
        (bytes[] memory records, bytes32[] memory leaves) = _records(n, seed);
        bytes32 root = RegistriesMerkle.root(leaves);
        vm.prank(ann);
        registry.anchor(root, n, UNIVERSE);
        bytes32[] memory proof = RegistriesMerkle.proof(leaves, pick);
        bytes32 node = RegistriesMerkle.leafOf(records[pick]);
        for (uint256 level = 0; level < proof.length; ++level) {
            // The second preimage: 64 bytes whose hash is the node above, with what is left of the proof.
            bytes memory twoNodes =
                node < proof[level] ? bytes.concat(node, proof[level]) : bytes.concat(proof[level], node);
            node = keccak256(twoNodes);
            bytes32[] memory rest = new bytes32[](proof.length - level - 1);
            for (uint256 i = 0; i < rest.length; ++i) {
                rest[i] = proof[level + 1 + i];
            }
            assertFalse(registry.verify(ann, root, node, rest), "the node itself");
            assertFalse(registry.verify(ann, root, keccak256(twoNodes), rest), "64 bytes as a record");
            assertFalse(
                registry.verify(ann, root, keccak256(bytes.concat(keccak256(twoNodes))), rest), "hashed as a leaf"
            );
        }
        assertEq(node, root, "the walk reached the root");
    }

    /// OpenZeppelin's tree and the plain one agree: the leaf's own proof passes and its length is the tree's depth.
    function testFuzz_a_proof_of_another_tree_fails(uint256 n, uint256 pick, uint256 seed) public {
        n = bound(n, 2, 70);
        pick = bound(pick, 0, n - 1);
        (bytes[] memory records, bytes32[] memory leaves) = _records(n, seed);
        (, bytes32[] memory others) = _records(n, seed ^ 1);
        bytes32 root = RegistriesMerkle.root(leaves);
        vm.prank(ann);
        registry.anchor(root, n, UNIVERSE);
        assertFalse(registry.verify(ann, root, keccak256(records[pick]), RegistriesMerkle.proof(others, pick)));
        assertFalse(
            registry.verify(
                ann, RegistriesMerkle.root(others), keccak256(records[pick]), RegistriesMerkle.proof(leaves, pick)
            )
        );
    }
}

/// Random senders anchor random roots; the book folds the events as an outside reader would.
contract DecisionRegistryHandler is Test {
    DecisionRegistry public immutable registry = new DecisionRegistry();
    address[3] public senders = [makeAddr("one"), makeAddr("two"), makeAddr("three")];
    mapping(address by => bytes32) public folded;
    mapping(address by => uint256) public count;
    mapping(address by => mapping(bytes32 root => uint256)) public firstBlock;
    mapping(address by => bytes32[]) public roots;
    uint256 public twiceAccepted;

    function anchors(uint256 who, uint256 root, uint256 leafCount, bytes32 universe) external {
        address by = senders[who % 3];
        bytes32 chosen = bytes32(root % 64 + 1); // few, so that repeats happen
        leafCount = bound(leafCount, 1, type(uint64).max);
        vm.recordLogs();
        vm.prank(by);
        try registry.anchor(chosen, leafCount, universe) {
            if (firstBlock[by][chosen] != 0) twiceAccepted++;
            firstBlock[by][chosen] = block.number;
            roots[by].push(chosen);
            _fold(by);
        } catch (bytes memory err) {
            require(bytes4(err) == DecisionRegistry.AlreadyAnchored.selector, "refused for another reason");
            require(firstBlock[by][chosen] != 0, "a new root was refused");
        }
    }

    function rolls(uint8 blocks) external {
        vm.roll(block.number + blocks);
    }

    function numberOfRoots(address by) external view returns (uint256) {
        return roots[by].length;
    }

    /// What somebody computes who reads nothing but the events.
    function _fold(address by) private {
        Vm.Log memory log = vm.getRecordedLogs()[0];
        assertEq(log.topics[0], IDecisionRegistry.Anchored.selector);
        assertEq(log.topics[1], bytes32(uint256(uint160(by))));
        (, uint256 leafCount, bytes32 universe) = abi.decode(log.data, (bytes32, uint256, bytes32));
        folded[by] = keccak256(abi.encode(folded[by], log.topics[3], leafCount, universe, uint256(log.topics[2])));
    }
}

contract DecisionRegistryInvariants is Test {
    DecisionRegistryHandler internal handler = new DecisionRegistryHandler();

    function setUp() public {
        targetContract(address(handler));
        bytes4[] memory moves = new bytes4[](2);
        (moves[0], moves[1]) = (handler.anchors.selector, handler.rolls.selector);
        targetSelector(FuzzSelector(address(handler), moves));
    }

    function invariant_the_head_is_the_fold_of_the_events() public view {
        for (uint256 i = 0; i < 3; ++i) {
            address by = handler.senders(i);
            (bytes32 head, uint256 count) = handler.registry().head(by);
            assertEq(head, handler.folded(by));
            assertEq(count, handler.numberOfRoots(by));
        }
    }

    function invariant_a_root_is_anchored_once_per_sender_at_its_first_block() public view {
        assertEq(handler.twiceAccepted(), 0);
        for (uint256 i = 0; i < 3; ++i) {
            address by = handler.senders(i);
            for (uint256 j = 0; j < handler.numberOfRoots(by); ++j) {
                bytes32 root = handler.roots(by, j);
                assertEq(handler.registry().anchoredAt(by, root), handler.firstBlock(by, root));
            }
        }
    }

    function test_the_handlers_moves_reach_the_registry() public {
        handler.anchors(0, 5, 1, 0);
        handler.rolls(3);
        handler.anchors(0, 5, 1, 0);
        handler.anchors(1, 5, 1, 0);
        assertEq(handler.numberOfRoots(handler.senders(0)), 1);
        assertEq(handler.numberOfRoots(handler.senders(1)), 1);
        assertGt(
            handler.firstBlock(handler.senders(1), bytes32(uint256(6))),
            handler.firstBlock(handler.senders(0), bytes32(uint256(6)))
        );
    }
}
