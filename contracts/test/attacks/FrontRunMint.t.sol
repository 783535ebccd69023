// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {Kind, Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {MediaFixture} from "../media/MediaFixture.sol";
import {MediaTree} from "../media/MediaTree.sol";
import {Bound} from "./Bound.sol";

/// The attacker sees each mint and each anchor while it is pending, knows all of its calldata, and is always first. It
/// wants the asset: another receiver, revenue address, agent or royalty, another record under the victim's id, or the
/// victim's mint refused. Every strategy is tried on every field, with many values, and the worst outcome is kept.
contract FrontRunMintAttackTest is MediaFixture {
    using MediaTree for bytes32[];

    uint256 private constant FIELDS = 14;
    uint256 private constant VALUES = 24; // tried per field
    uint256 private constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141; // of secp256k1

    Provenance private _p;
    bytes private _signature;
    uint256 private _attempts;

    function setUp() public {
        _build(IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)));
        _p = _provenance(creator, keccak256("a pending picture"));
        _signature = _sign(creatorKey, _p, _terms());
    }

    function test_attack_copying_a_pending_mint() public {
        (uint256 best, uint256 attempts) = (0, 0);
        for (uint256 field = 0; field < FIELDS; ++field) {
            for (uint256 i = 0; i < VALUES; ++i) {
                uint256 state = vm.snapshotState();
                (Provenance memory p, Terms memory t) = _altered(field, uint256(keccak256(abi.encode(field, i))));
                _try(p, t, _signature); // the victim's signature on other words
                _try(p, t, _flipped(_signature));
                _try(p, t, _sign(malloryKey, p, t)); // the attacker's signature, still naming the victim
                p.creator = mallory;
                _try(p, t, _sign(malloryKey, p, t)); // the copy under its own name: another id
                _tryBatch(p, t);
                p.creator = creator;
                _tryBatch(p, t); // an anchor of its own, naming the victim
                best = _max(best, _lost(false));
                attempts += _attempts; // counted before the state goes back
                vm.revertToState(state);
            }
        }
        // Carrying the victim's own mint first gives the victim its asset.
        uint256 before = vm.snapshotState();
        _try(_p, _terms(), _signature);
        best = _max(best, _lost(false));
        vm.revertToState(before);
        assertEq(attempts, FIELDS * VALUES * 6);
        Bound.judge("front-run of a signed mint", best, 0, "assets");
    }

    function test_attack_copying_a_pending_anchor() public {
        uint256 best = 0;
        for (uint256 field = 0; field < FIELDS; ++field) {
            for (uint256 i = 0; i < VALUES; ++i) {
                uint256 state = vm.snapshotState();
                (bytes32[] memory tree,) = _pendingBatch();
                vm.prank(mallory);
                media.anchorBatch(tree[0], 4); // the same root, first
                (Provenance memory p, Terms memory t) = _altered(field, uint256(keccak256(abi.encode(field, i))));
                _tryProof(p, t, tree[0], tree.proof(1));
                p.creator = mallory;
                _tryProof(p, t, tree[0], tree.proof(1));
                _tryBatch(p, t);
                p.creator = creator;
                _tryBatch(p, t);
                best = _max(best, _lost(true));
                vm.revertToState(state);
            }
        }
        Bound.judge("front-run of an anchored batch", best, 0, "assets");
    }

    /// The victim's transaction comes now. 1 when the asset is not the victim's, word for word.
    function _lost(bool anchored) private returns (uint256) {
        if (anchored) {
            (bytes32[] memory tree,) = _pendingBatch();
            vm.prank(creator);
            media.anchorBatch(tree[0], 4);
            try media.mintFromBatch(_p, _terms(), tree[0], tree.proof(1)) {} catch {}
        } else {
            try media.mint(_p, _terms(), _signature) {} catch {}
        }
        uint256 id = media.idOf(creator, _p.contentHash);
        Terms memory t = _terms();
        try media.provenanceOf(id) returns (Provenance memory p) {
            (address to, uint16 royaltyBps) = media.revenueOf(id);
            (address by,,) = media.lives(id);
            bool same = keccak256(abi.encode(p)) == keccak256(abi.encode(_p)) && media.ownerOf(id) == t.receiver
                && to == t.revenue && royaltyBps == t.royaltyBps && by == t.agent;
            return same ? 0 : 1;
        } catch {
            return 1;
        }
    }

    function _try(Provenance memory p, Terms memory t, bytes memory signature) private {
        _attempts++;
        vm.prank(mallory);
        try media.mint(p, t, signature) {} catch {}
    }

    /// A batch that the attacker anchors in its own name.
    function _tryBatch(Provenance memory p, Terms memory t) private {
        bytes32[] memory digests = new bytes32[](1);
        digests[0] = media.digestOf(p, t);
        bytes32 root = digests.build()[0];
        vm.prank(mallory);
        try media.anchorBatch(root, 1) {} catch {}
        _tryProof(p, t, root, new bytes32[](0));
    }

    function _tryProof(Provenance memory p, Terms memory t, bytes32 root, bytes32[] memory proof) private {
        _attempts++;
        vm.prank(mallory);
        try media.mintFromBatch(p, t, root, proof) {} catch {}
    }

    function _pendingBatch() private view returns (bytes32[] memory tree, bytes32[] memory digests) {
        digests = new bytes32[](4);
        (digests[0], digests[1], digests[2], digests[3]) = ("first", media.digestOf(_p, _terms()), "third", "fourth");
        tree = digests.build();
    }

    /// The other valid form of an ECDSA signature: s becomes n - s and v changes sides.
    function _flipped(bytes memory signature) private pure returns (bytes memory) {
        (bytes32 r, uint256 s, uint8 v) = (bytes32(0), 0, 0);
        assembly {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
            v := byte(0, mload(add(signature, 96)))
        }
        return abi.encodePacked(r, ORDER - s, v == 27 ? uint8(28) : uint8(27));
    }

    function _altered(uint256 field, uint256 bits) private view returns (Provenance memory p, Terms memory t) {
        (p, t) = (_p, _terms());
        address other = bits % 3 == 0 ? mallory : address(uint160(bits | 1));
        if (field == 1) p.fileHash = bytes32(bits);
        if (field == 2) p.pixelHash = bytes32(bits);
        if (field == 3) p.modelHash = bytes32(bits);
        if (field == 4) p.promptCommitment = bytes32(bits);
        if (field == 5) p.didHash = bytes32(bits);
        if (field == 6) p.createdAt = uint64(bits % block.timestamp);
        if (field == 7) p.kind = Kind(bits % 4);
        if (field == 8) t.receiver = other;
        if (field == 9) t.revenue = other;
        if (field == 10) t.agent = other;
        if (field == 11) t.royaltyBps = uint16(bits % 1_001);
        if (field == 12) t.deadline = block.timestamp + bits % 1_000 days;
        if (field == 13) (t.receiver, t.revenue, t.agent) = (mallory, mallory, mallory);
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
