// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title ERC-7496 (draft): traits of a token that change on chain
/// @dev The ERC-165 id is 0xaf332f3e, the exclusive or of the four selectors.
interface IERC7496 {
    event TraitUpdated(bytes32 indexed traitKey, uint256 tokenId, bytes32 traitValue);

    error TraitKeyUnknown(bytes32 traitKey);

    /// @return traitValue 0 while it was never set. Reverts with `TraitKeyUnknown` for a key the collection does not have.
    function getTraitValue(uint256 tokenId, bytes32 traitKey) external view returns (bytes32 traitValue);

    /// @return traitValues In the order of the keys.
    function getTraitValues(uint256 tokenId, bytes32[] calldata traitKeys)
        external
        view
        returns (bytes32[] memory traitValues);

    /// @return uri Where the traits' names and types are described.
    function getTraitMetadataURI() external view returns (string memory uri);

    /// @notice Sets one trait of one token.
    function setTrait(uint256 tokenId, bytes32 traitKey, bytes32 newValue) external;
}
