// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {Kind, Parent, Provenance, Terms} from "../../src/media/ProvenanceHash.sol";

/// A collection paid in dollars (6 decimals), a creator with a key, and the asset that it signs.
abstract contract MediaFixture is Test {
    bytes32 internal constant MOOD = keccak256("mood");
    bytes32 internal constant LEVEL = keccak256("level");
    bytes32 internal constant DISPLAY = keccak256("display");

    DevDollar internal usd;
    MediaAsset internal media;
    address internal creator;
    uint256 internal creatorKey;
    address internal receiver = makeAddr("receiver");
    address internal revenue = makeAddr("revenue");
    address internal agent = makeAddr("agent");
    address internal mallory;
    uint256 internal malloryKey;

    function _build(IRevenueSplitFactory splits, ICompliance compliance, ITransferValidator validator) internal {
        vm.warp(1_700_000_000);
        (creator, creatorKey) = makeAddrAndKey("creator");
        (mallory, malloryKey) = makeAddrAndKey("mallory");
        usd = new DevDollar(address(this));
        media = new MediaAsset(_setup(usd, splits, compliance, validator));
    }

    function _setup(IERC20 money, IRevenueSplitFactory splits, ICompliance compliance, ITransferValidator validator)
        internal
        pure
        returns (MediaAsset.Setup memory setup)
    {
        bytes32[] memory keys = new bytes32[](2);
        (keys[0], keys[1]) = (MOOD, LEVEL);
        return MediaAsset.Setup(
            "Patron Media",
            "MEDIA",
            "https://media.example/",
            "https://media.example/traits.json",
            keys,
            money,
            splits,
            compliance,
            validator
        );
    }

    /// Everything that follows from the content; the salt of the prompt too.
    function _provenance(address by, bytes32 content) internal view returns (Provenance memory p) {
        p.contentHash = content;
        p.fileHash = keccak256(abi.encode("file", content));
        p.pixelHash = keccak256(abi.encode("pixels", content));
        p.modelHash = keccak256("model");
        p.promptCommitment = keccak256(abi.encode("salt", "a lighthouse", content));
        p.didHash = keccak256(abi.encode("did:pkh:eip155:1:", by));
        p.creator = by;
        p.createdAt = uint64(block.timestamp - 1 days);
        p.kind = Kind.Work;
    }

    function _terms() internal view returns (Terms memory) {
        return Terms(receiver, revenue, agent, 750, new Parent[](0), block.timestamp + 1 days);
    }

    function _sign(uint256 key, Provenance memory p, Terms memory t) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, media.digestOf(p, t));
        return abi.encodePacked(r, s, v);
    }

    /// The creator's asset of this content, minted to `receiver` on the usual terms.
    function _mint(bytes32 content) internal returns (uint256 tokenId) {
        return _mint(_provenance(creator, content), _terms());
    }

    function _mint(Provenance memory p, Terms memory t) internal returns (uint256 tokenId) {
        return media.mint(p, t, _sign(creatorKey, p, t));
    }

    /// The creator's batch of `count` assets on the usual terms.
    function _batch(uint256 count)
        internal
        view
        returns (Provenance[] memory works, Terms memory terms, bytes32[] memory digests)
    {
        (works, terms, digests) = (new Provenance[](count), _terms(), new bytes32[](count));
        for (uint256 i = 0; i < count; ++i) {
            works[i] = _provenance(creator, keccak256(abi.encode("batch", i)));
            digests[i] = media.digestOf(works[i], terms);
        }
    }

    function _licence(uint128 price, uint40 term) internal pure returns (MediaLicences.Licence memory licence) {
        licence.useClass = DISPLAY;
        licence.price = price;
        licence.term = term;
    }

    function _offer(uint256 tokenId, MediaLicences.Licence memory licence) internal returns (bytes32 licenceId) {
        vm.prank(media.ownerOf(tokenId));
        return media.offer(tokenId, licence);
    }

    /// Gives `who` the price and takes the licence.
    function _use(address who, uint256 tokenId, bytes32 licenceId) internal returns (uint64 until) {
        (, uint128 price,,,,,) = media.licences(tokenId, licenceId);
        usd.mint(who, price);
        vm.startPrank(who);
        usd.approve(address(media), price);
        until = media.use(tokenId, licenceId);
        vm.stopPrank();
    }
}

/// An account that is a contract: valid is what its owner's key signed (ERC-1271).
contract MediaContractSigner {
    address private immutable _key;

    constructor(address key) {
        _key = key;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (bytes32 r, bytes32 s) = abi.decode(signature[:64], (bytes32, bytes32));
        return ecrecover(digest, uint8(signature[64]), r, s) == _key ? this.isValidSignature.selector : bytes4(0);
    }

    function call(address target, bytes calldata data) external {
        (bool ok,) = target.call(data);
        require(ok, "call failed");
    }
}
