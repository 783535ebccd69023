// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Where decisions are committed to before they are carried out
/// @notice One Merkle root per batch. Leaves are double-hashed; pairs are hashed in sorted order (OpenZeppelin's MerkleProof).
interface IDecisionRegistry {
    /// @param by Who anchored.
    /// @param number 1 for the first root of `by`, then rising by one.
    /// @param head keccak256(abi.encode(previous head, root, leafCount, universe, number)).
    /// @param leafCount Leaves under the root: one for each member of the universe, so that none can be withheld.
    /// @param universe keccak256(abi.encode(address[] venues)) of the whole universe that was scored, in order.
    event Anchored(
        address indexed by,
        uint256 indexed number,
        bytes32 indexed root,
        bytes32 head,
        uint256 leafCount,
        bytes32 universe
    );

    /// @notice Anchors a root in the name of the caller, once.
    function anchor(bytes32 root, uint256 leafCount, bytes32 universe) external returns (bytes32 newHead);

    /// @return blockNumber At which `by` anchored `root`; 0 if never.
    function anchoredAt(address by, bytes32 root) external view returns (uint256 blockNumber);

    /// @return The head of the hash chain of `by`, and how many roots it folds.
    function head(address by) external view returns (bytes32, uint256 count);

    /// @param recordHash keccak256 of the record that the leaf was made of. It is hashed once more here: were the leaf itself
    /// taken, an inner node of the tree could be passed off as one.
    /// @return True when `by` anchored `root` and keccak256(recordHash) is under it.
    function verify(address by, bytes32 root, bytes32 recordHash, bytes32[] calldata proof) external view returns (bool);
}
