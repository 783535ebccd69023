// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaAnchors} from "../../src/media/MediaAnchors.sol";
import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {MediaContractSigner, MediaFixture} from "./MediaFixture.sol";
import {MediaTree} from "./MediaTree.sol";

contract MediaAnchorsTest is MediaFixture {
    using MediaTree for bytes32[];

    function setUp() public {
        _build(IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)));
    }

    function testFuzz_every_leaf_of_a_batch_is_minted_by_anyone_for_its_receiver(uint256 count) public {
        count = bound(count, 1, 40);
        (Provenance[] memory works, Terms memory terms, bytes32[] memory digests) = _batch(count);
        bytes32[] memory tree = digests.build();
        vm.expectEmit(address(media));
        emit MediaAnchors.BatchAnchored(creator, tree[0], count);
        vm.prank(creator);
        media.anchorBatch(tree[0], count);
        assertEq(media.anchoredAt(creator, tree[0]), block.timestamp);
        for (uint256 i = 0; i < count; ++i) {
            assertTrue(media.isAnchored(creator, tree[0], digests[i], tree.proof(i)), "before it is minted");
            vm.prank(mallory);
            uint256 id = media.mintFromBatch(works[i], terms, tree[0], tree.proof(i));
            assertEq(media.ownerOf(id), receiver);
            assertEq(abi.encode(media.provenanceOf(id)), abi.encode(works[i]));
            assertEq(id, media.idOf(creator, works[i].contentHash));
        }
    }

    function test_a_leaf_is_minted_once_by_proof_or_by_signature() public {
        (Provenance[] memory works, Terms memory terms, bytes32[] memory tree) = _anchored(4);
        uint256 id = media.mintFromBatch(works[2], terms, tree[0], tree.proof(2));
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.AlreadyMinted.selector, id));
        media.mintFromBatch(works[2], terms, tree[0], tree.proof(2));
        bytes memory signature = _sign(creatorKey, works[2], terms);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.AlreadyMinted.selector, id));
        media.mint(works[2], terms, signature);
        vm.warp(terms.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.DeadlinePassed.selector, terms.deadline, block.timestamp));
        media.mintFromBatch(works[3], terms, tree[0], tree.proof(3));
    }

    function test_a_root_is_anchored_once_and_is_not_empty() public {
        vm.startPrank(creator);
        vm.expectRevert(MediaAnchors.EmptyBatch.selector);
        media.anchorBatch(0, 1);
        vm.expectRevert(MediaAnchors.EmptyBatch.selector);
        media.anchorBatch("root", 0);
        media.anchorBatch("root", 1);
        vm.expectRevert(abi.encodeWithSelector(MediaAnchors.AlreadyAnchored.selector, creator, bytes32("root")));
        media.anchorBatch("root", 2);
    }

    function test_a_contract_anchors_for_itself() public {
        MediaContractSigner studio = new MediaContractSigner(creator);
        Provenance memory p = _provenance(address(studio), "film");
        Terms memory t = _terms();
        bytes32 root = MediaTree.leaf(media.digestOf(p, t));
        studio.call(address(media), abi.encodeCall(media.anchorBatch, (root, 1)));
        media.mintFromBatch(p, t, root, new bytes32[](0));
    }

    function test_a_root_counts_only_for_who_anchored_it() public {
        (Provenance[] memory works, Terms memory terms, bytes32[] memory digests) = _batch(4);
        bytes32[] memory tree = digests.build();
        vm.prank(mallory);
        media.anchorBatch(tree[0], 4); // copied from the creator's pending transaction
        vm.expectRevert(_notAnchored(creator, tree[0], works[0], terms));
        media.mintFromBatch(works[0], terms, tree[0], tree.proof(0));
        works[0].creator = mallory;
        vm.expectRevert(_notAnchored(mallory, tree[0], works[0], terms));
        media.mintFromBatch(works[0], terms, tree[0], tree.proof(0));
        vm.prank(creator);
        media.anchorBatch(tree[0], 4); // mallory's copy is not in the way
        works[0].creator = creator;
        media.mintFromBatch(works[0], terms, tree[0], tree.proof(0));
    }

    function test_a_leaf_of_another_chain_or_contract_is_refused() public {
        (Provenance[] memory works, Terms memory terms, bytes32[] memory tree) = _anchored(4);
        MediaAsset here = media;
        media = new MediaAsset(
            _setup(usd, IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)))
        );
        vm.prank(creator);
        media.anchorBatch(tree[0], 4); // the same root, anchored on the other contract
        vm.expectRevert(_notAnchored(creator, tree[0], works[1], terms));
        media.mintFromBatch(works[1], terms, tree[0], tree.proof(1));
        vm.chainId(block.chainid + 1);
        media = here;
        vm.expectRevert(_notAnchored(creator, tree[0], works[1], terms));
        here.mintFromBatch(works[1], terms, tree[0], tree.proof(1));
    }

    /// Receiver, revenue, royalty, agent and deadline are under the leaf as they are under a signature.
    function testFuzz_nothing_under_a_leaf_can_be_altered(uint256 field, address other, bytes32 mask) public {
        (Provenance[] memory works, Terms memory terms, bytes32[] memory tree) = _anchored(8);
        vm.assume(mask != 0 && other != receiver && other != revenue && other != agent);
        field = bound(field, 0, 5);
        if (field == 0) works[5].fileHash ^= mask;
        if (field == 1) works[5].contentHash ^= mask;
        if (field == 2) terms.receiver = other;
        if (field == 3) terms.revenue = other;
        if (field == 4) terms.agent = other;
        if (field == 5) terms.deadline += uint128(uint256(mask)) + 1;
        vm.expectRevert(_notAnchored(creator, tree[0], works[5], terms));
        media.mintFromBatch(works[5], terms, tree[0], tree.proof(5));
    }

    /// An inner node is the hash of 64 bytes, a leaf the hash of a hash: neither passes for the other.
    function test_a_64_byte_leaf_is_refused() public {
        (Provenance[] memory works, Terms memory terms, bytes32[] memory tree) = _anchored(8);
        bytes32 digest = media.digestOf(works[0], terms);
        for (uint256 node = 0; node < tree.length; ++node) {
            if (node == 7) continue; // the leaf's own place
            bytes32[] memory proof = tree.proofOfNode(node);
            vm.expectRevert(_notAnchored(creator, tree[0], works[0], terms));
            media.mintFromBatch(works[0], terms, tree[0], proof);
        }
        // A tree of single-hashed leaves, where the pair of two digests would be a leaf: the root of this one has a leaf
        // for a pair's hash, and no digest can be found for it, because the contract hashes the digest twice.
        bytes32 pair = Hashes.commutativeKeccak256(digest, media.digestOf(works[1], terms));
        vm.prank(creator);
        media.anchorBatch(pair, 2);
        bytes32[] memory sibling = new bytes32[](1);
        sibling[0] = media.digestOf(works[1], terms);
        vm.expectRevert(_notAnchored(creator, pair, works[0], terms));
        media.mintFromBatch(works[0], terms, pair, sibling);
    }

    /// The anchor costs the same for any number of assets; what is in it can be checked before anything is minted.
    function test_gas_of_an_anchor_does_not_grow_with_its_assets() public {
        uint256[3] memory counts = [uint256(1), 100, 10_000];
        uint256[3] memory gas;
        for (uint256 i = 0; i < 3; ++i) {
            (Provenance[] memory works, Terms memory terms, bytes32[] memory digests) = _batch(counts[i]);
            bytes32[] memory tree = digests.build();
            vm.prank(creator);
            uint256 before = gasleft();
            media.anchorBatch(tree[0], counts[i]);
            gas[i] = before - gasleft();
            if (i > 0) assertApproxEqAbs(gas[i], gas[0], 5_000); // the first call warms the account
            uint256 last = counts[i] - 1;
            uint256 id = media.mintFromBatch(works[last], terms, tree[0], tree.proof(last));
            assertEq(media.provenanceOf(id).contentHash, works[last].contentHash);
        }
    }

    function _notAnchored(address by, bytes32 root, Provenance memory p, Terms memory t)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeWithSelector(MediaAnchors.NotAnchored.selector, by, root, media.digestOf(p, t));
    }

    function _anchored(uint256 count)
        private
        returns (Provenance[] memory works, Terms memory terms, bytes32[] memory tree)
    {
        bytes32[] memory digests;
        (works, terms, digests) = _batch(count);
        tree = digests.build();
        vm.prank(creator);
        media.anchorBatch(tree[0], count);
    }
}
