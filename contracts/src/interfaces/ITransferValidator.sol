// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Judges transfers of a collection: the call that marketplaces know from ERC721-C
interface ITransferValidator {
    /// @notice Reverts when `caller` may not move the token from `from` to `to`; else the token moves now. `msg.sender` is
    /// the collection.
    function validateTransfer(address caller, address from, address to, uint256 tokenId) external;
}
