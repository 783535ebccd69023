// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @dev What an asset is. Models, adapters (LoRAs) and data sets are assets too, so that works made with them can pay them.
enum Kind {
    Work,
    Model,
    Adapter,
    Dataset
}

/// @param contentHash SHA-256 of the file before a manifest was put into it.
/// @param fileHash SHA-256 of the signed file, manifest included.
/// @param pixelHash SHA-256 of the decoded pixels or samples; survives a change of container or metadata.
/// @param modelHash SHA-256 of the model that made it; 0 when none did.
/// @param promptCommitment keccak256 of a salt and the prompt; the salt keeps it from being guessed.
/// @param didHash keccak256 of the creator's DID.
/// @param createdAt Seconds, as the creator says; never after the mint.
struct Provenance {
    bytes32 contentHash;
    bytes32 fileHash;
    bytes32 pixelHash;
    bytes32 modelHash;
    bytes32 promptCommitment;
    bytes32 didHash;
    address creator;
    uint64 createdAt;
    Kind kind;
}

/// @param licence Id of the parent's licence under which the derivative is made; 0 where the creator owns the parent.
/// @param shareBps Of every royalty and use of the derivative; above 0.
struct Parent {
    uint256 tokenId;
    bytes32 licence;
    uint16 shareBps;
}

/// @param receiver First owner.
/// @param revenue Takes royalties and use payments, less the parents' shares.
/// @param agent May set traits; zero for nobody.
/// @param royaltyBps Of a sale's price.
/// @param deadline Last second of the mint.
struct Terms {
    address receiver;
    address revenue;
    address agent;
    uint16 royaltyBps;
    Parent[] parents;
    uint256 deadline;
}

/// @title The one hash of all that a creator says about an asset (EIP-712)
/// @notice Signed for a mint, or put under an anchored Merkle root; either way a relayer can alter nothing.
library ProvenanceHash {
    bytes32 internal constant PARENT_TYPE = keccak256("Parent(uint256 tokenId,bytes32 licence,uint16 shareBps)");
    bytes32 internal constant PROVENANCE_TYPE = keccak256(
        "Provenance(bytes32 contentHash,bytes32 fileHash,bytes32 pixelHash,bytes32 modelHash,bytes32 promptCommitment,bytes32 didHash,address creator,uint64 createdAt,uint8 kind)"
    );
    bytes32 internal constant TERMS_TYPE = keccak256(
        "Terms(address receiver,address revenue,address agent,uint16 royaltyBps,Parent[] parents,uint256 deadline)Parent(uint256 tokenId,bytes32 licence,uint16 shareBps)"
    );
    bytes32 internal constant MINT_TYPE = keccak256(
        "Mint(Provenance provenance,Terms terms)Parent(uint256 tokenId,bytes32 licence,uint16 shareBps)Provenance(bytes32 contentHash,bytes32 fileHash,bytes32 pixelHash,bytes32 modelHash,bytes32 promptCommitment,bytes32 didHash,address creator,uint64 createdAt,uint8 kind)Terms(address receiver,address revenue,address agent,uint16 royaltyBps,Parent[] parents,uint256 deadline)"
    );

    /// @return The EIP-712 struct hash of Mint(provenance, terms).
    function hash(Provenance calldata p, Terms calldata t) internal pure returns (bytes32) {
        bytes32[] memory parents = new bytes32[](t.parents.length);
        for (uint256 i = 0; i < parents.length; ++i) {
            parents[i] = keccak256(abi.encode(PARENT_TYPE, t.parents[i]));
        }
        bytes32 terms = keccak256(
            abi.encode(
                TERMS_TYPE,
                t.receiver,
                t.revenue,
                t.agent,
                t.royaltyBps,
                keccak256(abi.encodePacked(parents)),
                t.deadline
            )
        );
        return keccak256(abi.encode(MINT_TYPE, keccak256(abi.encode(PROVENANCE_TYPE, p)), terms));
    }
}
