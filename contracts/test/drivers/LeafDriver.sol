// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {DecisionLeaf} from "../../src/vault/DecisionLeaf.sol";

/// @title The vault's leaf and its proof, callable from outside
/// @notice For differential tests only: what the vault computes inside `allocate`, in the same bytecode.
contract LeafDriver {
    function leaf(
        address vault,
        address venue,
        bool entry,
        uint256 maxAssets,
        uint256 nonce,
        uint256 expiry,
        bytes32 record
    ) external view returns (bytes32) {
        return DecisionLeaf.hash(vault, venue, entry, maxAssets, nonce, expiry, record);
    }

    function verify(bytes32[] calldata proof, bytes32 root, bytes32 hash) external pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, hash);
    }
}
