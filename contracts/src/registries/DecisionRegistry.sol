// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IDecisionRegistry} from "../interfaces/IDecisionRegistry.sol";

/// @title Commitments to decisions, made before they are carried out
/// @notice Anyone anchors in its own name; nobody can anchor in another's, take a root back or anchor it again. Each
/// sender's roots are folded into a chain of hashes, so that none can be left out or put in later unseen. No owner.
contract DecisionRegistry is IDecisionRegistry {
    struct Chain {
        bytes32 head;
        uint256 count;
    }

    /// @inheritdoc IDecisionRegistry
    mapping(address by => mapping(bytes32 root => uint256 blockNumber)) public anchoredAt;
    mapping(address by => Chain) private _chains;

    error EmptyAnchor(bytes32 root, uint256 leafCount);
    error AlreadyAnchored(address by, bytes32 root, uint256 blockNumber);

    /// @inheritdoc IDecisionRegistry
    /// @dev A block number instead of a time: a second root in the same block is not "earlier" for anybody.
    function anchor(bytes32 root, uint256 leafCount, bytes32 universe) external returns (bytes32 newHead) {
        if (root == 0 || leafCount == 0) revert EmptyAnchor(root, leafCount);
        uint256 already = anchoredAt[msg.sender][root];
        if (already != 0) revert AlreadyAnchored(msg.sender, root, already);
        anchoredAt[msg.sender][root] = block.number;
        Chain storage chain = _chains[msg.sender];
        uint256 number = chain.count + 1;
        newHead = keccak256(abi.encode(chain.head, root, leafCount, universe, number));
        chain.head = newHead;
        chain.count = number;
        emit Anchored(msg.sender, number, root, newHead, leafCount, universe);
    }

    /// @inheritdoc IDecisionRegistry
    function head(address by) external view returns (bytes32, uint256 count) {
        Chain storage chain = _chains[by];
        return (chain.head, chain.count);
    }

    /// @inheritdoc IDecisionRegistry
    function verify(address by, bytes32 root, bytes32 recordHash, bytes32[] calldata proof)
        external
        view
        returns (bool)
    {
        bytes32 leaf = keccak256(bytes.concat(recordHash));
        return anchoredAt[by][root] != 0 && MerkleProof.verifyCalldata(proof, root, leaf);
    }
}
