// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {ICompliance} from "../interfaces/ICompliance.sol";
import {IERC7496} from "../interfaces/IERC7496.sol";
import {IRevenueSplitFactory} from "../interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../interfaces/ITransferValidator.sol";
import {MediaAnchors} from "./MediaAnchors.sol";
import {MediaLicences, MediaTraits} from "./MediaLicences.sol";
import {Parent, Provenance, ProvenanceHash, Terms} from "./ProvenanceHash.sol";

/// @title Tokenised media that carries its provenance, pays its holders and keeps its own history
/// @notice ERC-721 with ERC-2981, ERC-7496, ERC-4906 and EIP-712. Nobody owns the collection, nothing can be burnt, and no
/// pointer changes. An asset comes into being by its creator's signature (EOA or ERC-1271) or out of a batch that its
/// creator anchored; anyone may bring either, and can alter nothing. See SPEC.md for promises and known limits.
contract MediaAsset is MediaLicences, MediaAnchors, EIP712 {
    /// @param traitKeys keccak256 of the traits' names.
    /// @param compliance Zero for no rule.
    /// @param validator Judges transfers (`RoyaltyValidator`); zero to leave them free.
    struct Setup {
        string name;
        string symbol;
        string baseURI;
        string traitsURI;
        bytes32[] traitKeys;
        IERC20 money;
        IRevenueSplitFactory splits;
        ICompliance compliance;
        ITransferValidator validator;
    }

    bytes4 private constant ERC4906_ID = 0x49064906; // named by the ERC, which has events only
    uint256 public constant MAX_ROYALTY_BPS = 1_000;
    uint256 public constant MAX_PARENTS = 8;
    IRevenueSplitFactory public immutable splits;
    /// @notice Judges transfers; zero when they are free. Named as marketplaces ask for it (ERC721-C).
    ITransferValidator public immutable getTransferValidator;
    string private _uri;
    mapping(uint256 tokenId => Provenance) private _provenance;

    /// @param revenue Takes royalties and use payments: the terms' revenue address, or the split made of it.
    event Minted(
        uint256 indexed tokenId, address indexed creator, bytes32 indexed modelHash, address revenue, uint256 royaltyBps
    );
    event Derived(uint256 indexed tokenId, uint256 indexed parent, bytes32 licence, uint256 shareBps);

    error BadSignature(address creator);
    error DeadlinePassed(uint256 deadline, uint256 timestamp);
    error CreatedInFuture(uint256 createdAt, uint256 timestamp);
    error RoyaltyTooHigh(uint256 royaltyBps, uint256 most);
    error TooManyParents(uint256 count, uint256 most);
    error ZeroRevenue();
    error AlreadyMinted(uint256 tokenId);
    error Frozen(address holder);

    constructor(Setup memory setup)
        ERC721(setup.name, setup.symbol)
        EIP712("Patron Media Asset", "1")
        MediaTraits(setup.traitKeys, setup.traitsURI)
        MediaLicences(setup.money, setup.compliance)
    {
        splits = setup.splits;
        getTransferValidator = setup.validator;
        _uri = setup.baseURI;
    }

    /// @notice Mints an asset that its creator signed. Anyone may call it; the receiver is the signed one.
    function mint(Provenance calldata provenance, Terms calldata terms, bytes calldata signature)
        external
        nonReentrant
        returns (uint256 tokenId)
    {
        bytes32 digest = digestOf(provenance, terms);
        if (!SignatureChecker.isValidSignatureNowCalldata(provenance.creator, digest, signature)) {
            revert BadSignature(provenance.creator);
        }
        return _mintAsset(provenance, terms);
    }

    /// @notice Mints an asset out of a batch that its creator anchored. Anyone may call it.
    function mintFromBatch(Provenance calldata provenance, Terms calldata terms, bytes32 root, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 tokenId)
    {
        (address creator, bytes32 digest) = (provenance.creator, digestOf(provenance, terms));
        if (!isAnchored(creator, root, digest, proof)) revert NotAnchored(creator, root, digest);
        return _mintAsset(provenance, terms);
    }

    /// @return The record that the asset was minted with. It never changes.
    function provenanceOf(uint256 tokenId) external view returns (Provenance memory) {
        _requireOwned(tokenId);
        return _provenance[tokenId];
    }

    /// @return The validator's function, and whether it is a view.
    function getTransferValidationFunction() external pure returns (bytes4, bool) {
        return (ITransferValidator.validateTransfer.selector, false);
    }

    /// @return The id that an asset has or will have. The creator is in it: who copies a pending content hash gets another.
    function idOf(address creator, bytes32 contentHash) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(creator, contentHash)));
    }

    /// @return What the creator signs, or puts under a root (EIP-712; domain "Patron Media Asset", version "1").
    function digestOf(Provenance calldata provenance, Terms calldata terms) public view returns (bytes32) {
        return _hashTypedDataV4(ProvenanceHash.hash(provenance, terms));
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 id) public view override(ERC721, IERC165) returns (bool) {
        return id == type(IERC2981).interfaceId || id == type(IERC7496).interfaceId || id == ERC4906_ID
            || super.supportsInterface(id);
    }

    /// @dev The id stands for the nonce: it is minted once and never burnt. The receiver is called last.
    function _mintAsset(Provenance calldata p, Terms calldata t) private returns (uint256 tokenId) {
        if (block.timestamp > t.deadline) revert DeadlinePassed(t.deadline, block.timestamp);
        if (p.createdAt > block.timestamp) revert CreatedInFuture(p.createdAt, block.timestamp);
        if (t.royaltyBps > MAX_ROYALTY_BPS) revert RoyaltyTooHigh(t.royaltyBps, MAX_ROYALTY_BPS);
        tokenId = idOf(p.creator, p.contentHash);
        if (_ownerOf(tokenId) != address(0)) revert AlreadyMinted(tokenId);

        _provenance[tokenId] = p;
        address revenue = t.parents.length == 0 ? t.revenue : _split(tokenId, p.creator, t);
        if (revenue == address(0)) revert ZeroRevenue();
        revenueOf[tokenId] = Revenue(revenue, t.royaltyBps);
        _setAgent(tokenId, t.agent);
        emit Minted(tokenId, p.creator, p.modelHash, revenue, t.royaltyBps);
        _safeMint(t.receiver, tokenId);
    }

    /// @dev Each parent's share goes to the parent's own revenue, which may be a split again.
    function _split(uint256 tokenId, address creator, Terms calldata t) private returns (address) {
        uint256 count = t.parents.length;
        if (count > MAX_PARENTS) revert TooManyParents(count, MAX_PARENTS);
        address[] memory payees = new address[](count + 1);
        uint16[] memory shares = new uint16[](count + 1);
        uint256 parentsBps = 0;
        for (uint256 i = 0; i < count; ++i) {
            Parent calldata parent = t.parents[i];
            _requireDerivable(parent.tokenId, parent.licence, parent.shareBps, creator);
            (payees[i], shares[i]) = (revenueOf[parent.tokenId].to, parent.shareBps);
            parentsBps += parent.shareBps;
            emit Derived(tokenId, parent.tokenId, parent.licence, parent.shareBps);
        }
        if (parentsBps >= BPS) revert BadShare(parentsBps);
        (payees[count], shares[count]) = (t.revenue, uint16(BPS - parentsBps));
        return splits.make(payees, shares);
    }

    /// @dev Every mint and transfer. A denied holder's asset moves to the escrow and nowhere else, by anyone's hand.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address from) {
        from = _ownerOf(tokenId);
        if (from != address(0) && address(compliance) != address(0) && compliance.denied(from)) {
            if (to != compliance.escrow()) revert Frozen(from);
            return super._update(to, tokenId, address(0));
        }
        _requireCanHold(to);
        if (from != address(0) && address(getTransferValidator) != address(0)) {
            getTransferValidator.validateTransfer(msg.sender, from, to, tokenId);
        }
        return super._update(to, tokenId, auth);
    }

    function _baseURI() internal view override returns (string memory) {
        return _uri;
    }
}
