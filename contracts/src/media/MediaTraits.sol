// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

import {IERC7496} from "../interfaces/IERC7496.sol";

/// @title Traits that an asset's agent changes, and that nobody can forget
/// @notice Each change is folded into a hash chain per token: head = keccak256(abi.encode(head before, number, key, value,
/// agent, timestamp)), from 0. Who replays the events arrives at the head, or knows that some are missing.
/// The collection's keys are fixed. The agent is named in the signed terms; after that the owner names it, and it stays
/// through transfers until the owner (the new one) names another. The token's own ERC-6551 account can be the agent.
abstract contract MediaTraits is ERC721, IERC7496, IERC4906 {
    /// @param agent May set traits; zero for nobody.
    /// @param changes Made so far.
    struct Life {
        address agent;
        uint64 changes;
        bytes32 head;
    }

    /// @notice The token's agent, the number of its changes and the head of their chain.
    mapping(uint256 tokenId => Life) public lives;
    mapping(uint256 tokenId => mapping(bytes32 traitKey => bytes32)) private _traits;
    mapping(bytes32 traitKey => bool) private _known;
    string private _traitsURI;

    event AgentSet(uint256 indexed tokenId, address agent);
    /// @notice Follows each `TraitUpdated`, which has key and value.
    event TraitChained(uint256 indexed tokenId, uint256 indexed number, address agent, uint256 timestamp, bytes32 head);

    error NotAgent(uint256 tokenId, address caller);

    /// @param traitKeys keccak256 of each trait's name, as in the trait metadata.
    constructor(bytes32[] memory traitKeys, string memory traitsURI) {
        for (uint256 i = 0; i < traitKeys.length; ++i) {
            _known[traitKeys[i]] = true;
        }
        _traitsURI = traitsURI;
    }

    modifier onlyTokenOwner(uint256 tokenId) {
        address owner = _requireOwned(tokenId);
        if (msg.sender != owner) revert ERC721IncorrectOwner(msg.sender, tokenId, owner);
        _;
    }

    /// @inheritdoc IERC7496
    function setTrait(uint256 tokenId, bytes32 traitKey, bytes32 newValue) external {
        Life storage life = lives[tokenId];
        if (msg.sender != life.agent) revert NotAgent(tokenId, msg.sender);
        if (!_known[traitKey]) revert TraitKeyUnknown(traitKey);
        _traits[tokenId][traitKey] = newValue;
        uint64 number = ++life.changes;
        bytes32 head = keccak256(abi.encode(life.head, number, traitKey, newValue, msg.sender, block.timestamp));
        life.head = head;
        emit TraitUpdated(traitKey, tokenId, newValue);
        emit TraitChained(tokenId, number, msg.sender, block.timestamp, head);
        emit MetadataUpdate(tokenId);
    }

    /// @notice Names another agent, or none. The token's owner only: an approved operator cannot.
    function setAgent(uint256 tokenId, address agent) external onlyTokenOwner(tokenId) {
        _setAgent(tokenId, agent);
    }

    /// @inheritdoc IERC7496
    function getTraitValues(uint256 tokenId, bytes32[] calldata traitKeys)
        external
        view
        returns (bytes32[] memory traitValues)
    {
        traitValues = new bytes32[](traitKeys.length);
        for (uint256 i = 0; i < traitKeys.length; ++i) {
            traitValues[i] = getTraitValue(tokenId, traitKeys[i]);
        }
    }

    /// @inheritdoc IERC7496
    function getTraitMetadataURI() external view returns (string memory) {
        return _traitsURI;
    }

    /// @inheritdoc IERC7496
    function getTraitValue(uint256 tokenId, bytes32 traitKey) public view returns (bytes32) {
        _requireOwned(tokenId);
        if (!_known[traitKey]) revert TraitKeyUnknown(traitKey);
        return _traits[tokenId][traitKey];
    }

    function _setAgent(uint256 tokenId, address agent) internal {
        lives[tokenId].agent = agent;
        emit AgentSet(tokenId, agent);
    }
}
