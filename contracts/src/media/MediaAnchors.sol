// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title Many assets in one transaction: the creator anchors a Merkle root, anyone mints a leaf of it later
/// @notice The leaf of an asset is keccak256(keccak256(digest)), its digest being the EIP-712 one that a signature would
/// sign: chain, contract, creator, receiver and terms are in it. Hashed twice, a leaf can never pass for an inner node.
/// Pairs are hashed in sorted order. A root cannot be withdrawn, and the digest's deadline is all that ends it.
abstract contract MediaAnchors {
    /// @notice Second at which the creator anchored the root; 0 if never.
    mapping(address creator => mapping(bytes32 root => uint256 timestamp)) public anchoredAt;

    /// @param count Assets under the root, as the creator says.
    event BatchAnchored(address indexed creator, bytes32 indexed root, uint256 count);

    error AlreadyAnchored(address creator, bytes32 root);
    error EmptyBatch();
    error NotAnchored(address creator, bytes32 root, bytes32 digest);

    /// @notice Anchors a batch in the caller's name, as its creator. A creator that is a contract calls for itself.
    function anchorBatch(bytes32 root, uint256 count) external {
        if (root == 0 || count == 0) revert EmptyBatch();
        if (anchoredAt[msg.sender][root] != 0) revert AlreadyAnchored(msg.sender, root);
        anchoredAt[msg.sender][root] = block.timestamp;
        emit BatchAnchored(msg.sender, root, count);
    }

    /// @notice Whether `creator` anchored `root` and the asset of this digest is under it, minted or not.
    function isAnchored(address creator, bytes32 root, bytes32 digest, bytes32[] calldata proof)
        public
        view
        returns (bool)
    {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(digest))));
        return anchoredAt[creator][root] != 0 && MerkleProof.verifyCalldata(proof, root, leaf);
    }
}
