// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// A Merkle tree as the contracts expect it: double-hashed leaves, pairs in sorted order, a heap of 2n - 1 nodes.
library MediaTree {
    /// The tree over EIP-712 digests; its root is node 0.
    function build(bytes32[] memory digests) internal pure returns (bytes32[] memory nodes) {
        uint256 count = digests.length;
        nodes = new bytes32[](2 * count - 1);
        for (uint256 i = 0; i < count; ++i) {
            nodes[count - 1 + i] = leaf(digests[i]);
        }
        for (uint256 i = count - 1; i > 0; --i) {
            nodes[i - 1] = Hashes.commutativeKeccak256(nodes[2 * i - 1], nodes[2 * i]);
        }
    }

    function leaf(bytes32 digest) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(digest))));
    }

    /// The siblings from digest `index` up to the root.
    function proof(bytes32[] memory nodes, uint256 index) internal pure returns (bytes32[] memory path) {
        return proofOfNode(nodes, nodes.length / 2 + index);
    }

    /// The siblings from any node, inner ones too, up to the root.
    function proofOfNode(bytes32[] memory nodes, uint256 node) internal pure returns (bytes32[] memory path) {
        uint256 depth = 0;
        for (uint256 at = node; at > 0; at = (at - 1) / 2) {
            ++depth;
        }
        path = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            path[i] = nodes[node % 2 == 1 ? node + 1 : node - 1];
            node = (node - 1) / 2;
        }
    }
}
