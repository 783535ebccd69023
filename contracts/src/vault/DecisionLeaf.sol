// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What a decision record commits to, as one leaf of its Merkle tree
library DecisionLeaf {
    /// @notice Binds one move to one chain, vault, venue, direction and number of allocation. Hashed twice, so that no
    /// inner node passes for a leaf.
    /// @param maxAssets Most that an entry may spend. 0 with `entry` false: scored, and nothing was decided.
    /// @param nonce The vault's nonce at which alone the move may run.
    /// @param expiry Last second at which it may run.
    /// @param record Hash of the decision record: forecast, inputs, model.
    function hash(
        address vault,
        address venue,
        bool entry,
        uint256 maxAssets,
        uint256 nonce,
        uint256 expiry,
        bytes32 record
    ) internal view returns (bytes32) {
        bytes memory fields = abi.encode(block.chainid, vault, venue, entry, maxAssets, nonce, expiry, record);
        return keccak256(bytes.concat(keccak256(fields)));
    }
}
