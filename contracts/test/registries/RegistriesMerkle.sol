// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// A plain Merkle tree, written out apart from OpenZeppelin's: pairs are hashed in sorted order, a last odd node rises
/// as it is.
library RegistriesMerkle {
    function leafOf(bytes memory record) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(keccak256(record)));
    }

    function root(bytes32[] memory leaves) internal pure returns (bytes32) {
        while (leaves.length > 1) leaves = _above(leaves);
        return leaves[0];
    }

    /// From the leaf upward; a level where the node has no neighbour adds nothing.
    function proof(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory path) {
        bytes32[] memory all = new bytes32[](32);
        uint256 n = 0;
        while (leaves.length > 1) {
            uint256 neighbour = index % 2 == 0 ? index + 1 : index - 1;
            if (neighbour < leaves.length) all[n++] = leaves[neighbour];
            leaves = _above(leaves);
            index /= 2;
        }
        path = new bytes32[](n);
        for (uint256 i = 0; i < n; ++i) {
            path[i] = all[i];
        }
    }

    function pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    function _above(bytes32[] memory level) private pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            bool alone = 2 * i + 1 == level.length;
            next[i] = alone ? level[2 * i] : pair(level[2 * i], level[2 * i + 1]);
        }
    }
}
