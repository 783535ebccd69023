// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IERC7496} from "../../src/interfaces/IERC7496.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {Kind, Parent, Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {MediaContractSigner, MediaFixture} from "./MediaFixture.sol";

/// forge's own EIP-712 encoder, as the second opinion.
interface TypedDataEncoder {
    function eip712HashTypedData(string calldata json) external pure returns (bytes32 digest);
}

contract MediaAssetTest is MediaFixture {
    bytes32 private constant CONTENT = keccak256("a picture");

    function setUp() public {
        _build(IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)));
    }

    function test_a_signed_asset_carries_its_provenance_and_terms() public {
        Provenance memory p = _provenance(creator, CONTENT);
        Terms memory t = _terms();
        vm.expectEmit(address(media));
        emit MediaAsset.Minted(media.idOf(creator, CONTENT), creator, p.modelHash, revenue, 750);
        vm.prank(mallory); // anyone may bring it
        uint256 id = media.mint(p, t, _sign(creatorKey, p, t));
        assertEq(id, uint256(keccak256(abi.encode(creator, CONTENT))));
        assertEq(media.ownerOf(id), receiver);
        assertEq(abi.encode(media.provenanceOf(id)), abi.encode(p));
        (address got, uint64 changes, bytes32 head) = media.lives(id);
        assertEq(got, agent);
        assertEq(changes, 0);
        assertEq(head, 0);
        assertEq(media.tokenURI(id), string.concat("https://media.example/", vm.toString(id)));
    }

    /// The typed data spelt out as JSON, hashed by forge, must be the digest that the contract checks.
    function test_digest_is_that_of_eip_712() public view {
        Provenance memory p = _provenance(creator, CONTENT);
        Terms memory t = _terms();
        p.kind = Kind.Adapter;
        t.parents = new Parent[](2);
        t.parents[0] = Parent(7, keccak256("licence"), 1_000);
        t.parents[1] = Parent(type(uint256).max, 0, 1);
        assertEq(media.digestOf(p, t), TypedDataEncoder(address(vm)).eip712HashTypedData(_json(p, t)));
    }

    function test_same_content_of_the_same_creator_is_minted_once_for_ever() public {
        uint256 id = _mint(CONTENT);
        Provenance memory p = _provenance(creator, CONTENT);
        p.fileHash = "another manifest";
        Terms memory t = _terms();
        bytes memory signature = _sign(creatorKey, p, t);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.AlreadyMinted.selector, id));
        media.mint(p, t, signature);
        vm.prank(receiver);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        media.transferFrom(receiver, address(0), id); // there is no burning
    }

    function test_a_contract_signs_by_erc_1271() public {
        MediaContractSigner signer = new MediaContractSigner(creator);
        Provenance memory p = _provenance(address(signer), CONTENT);
        Terms memory t = _terms();
        bytes memory wrong = _sign(malloryKey, p, t);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.BadSignature.selector, address(signer)));
        media.mint(p, t, wrong);
        uint256 id = media.mint(p, t, _sign(creatorKey, p, t));
        assertEq(media.provenanceOf(id).creator, address(signer));
    }

    /// One byte of anything that was signed, changed by whoever carries it, and the signature is worth nothing.
    function testFuzz_nothing_signed_can_be_altered(uint256 field, uint256 bits) public {
        Provenance memory p = _provenance(creator, CONTENT);
        Terms memory t = _terms();
        bytes memory signature = _sign(creatorKey, p, t);
        bytes32 before = media.digestOf(p, t);
        field = bound(field, 0, 13);
        bytes32 mask = bytes32(bound(bits, 1, type(uint256).max));
        address other = address(uint160(bound(bits, 1, type(uint160).max)));
        if (field == 0) p.contentHash ^= mask;
        if (field == 1) p.fileHash ^= mask;
        if (field == 2) p.pixelHash ^= mask;
        if (field == 3) p.modelHash ^= mask;
        if (field == 4) p.promptCommitment ^= mask;
        if (field == 5) p.didHash ^= mask;
        if (field == 6) p.creator = other;
        if (field == 7) p.createdAt = uint64(bound(bits, 0, block.timestamp));
        if (field == 8) p.kind = Kind(bound(bits, 1, 3));
        if (field == 9) t.receiver = other;
        if (field == 10) t.revenue = other;
        if (field == 11) t.agent = other;
        if (field == 12) t.royaltyBps = uint16(bound(bits, 0, 1_000));
        if (field == 13) t.deadline = bound(bits, block.timestamp, type(uint256).max);
        vm.assume(media.digestOf(p, t) != before && p.creator.code.length == 0);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.BadSignature.selector, p.creator));
        media.mint(p, t, signature);
    }

    function testFuzz_only_the_creators_key_signs(uint256 key) public {
        key = bound(key, 1, type(uint128).max);
        vm.assume(key != creatorKey);
        Provenance memory p = _provenance(creator, CONTENT);
        Terms memory t = _terms();
        bytes memory signature = _sign(key, p, t);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.BadSignature.selector, creator));
        media.mint(p, t, signature);
    }

    function test_the_creator_needs_its_signature_too() public {
        vm.prank(creator);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.BadSignature.selector, creator));
        media.mint(_provenance(creator, CONTENT), _terms(), "");
    }

    function test_signature_of_another_chain_or_contract_is_refused() public {
        Provenance memory p = _provenance(creator, CONTENT);
        Terms memory t = _terms();
        bytes memory signature = _sign(creatorKey, p, t);
        MediaAsset here = media;
        MediaAsset.Setup memory setup =
            _setup(usd, IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)));
        media = new MediaAsset(setup);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.BadSignature.selector, creator));
        media.mint(p, t, signature);
        uint256 chain = block.chainid;
        vm.chainId(chain + 1); // a fork of the chain, with the same contract on it
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.BadSignature.selector, creator));
        here.mint(p, t, signature);
        vm.chainId(chain);
        here.mint(p, t, signature);
    }

    function test_a_mint_too_late_or_from_the_future_is_refused() public {
        Provenance memory p = _provenance(creator, CONTENT);
        Terms memory t = _terms();
        t.deadline = block.timestamp - 1;
        bytes memory signature = _sign(creatorKey, p, t);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.DeadlinePassed.selector, t.deadline, block.timestamp));
        media.mint(p, t, signature);
        t.deadline = block.timestamp;
        p.createdAt = uint64(block.timestamp + 1);
        signature = _sign(creatorKey, p, t);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.CreatedInFuture.selector, p.createdAt, block.timestamp));
        media.mint(p, t, signature);
        p.createdAt = uint64(block.timestamp);
        _mint(p, t);
    }

    function test_revenue_must_be_somebody() public {
        Provenance memory p = _provenance(creator, CONTENT);
        Terms memory t = _terms();
        t.revenue = address(0);
        bytes memory signature = _sign(creatorKey, p, t);
        vm.expectRevert(MediaAsset.ZeroRevenue.selector);
        media.mint(p, t, signature);
    }

    function testFuzz_royalty_is_at_most_a_tenth_and_rounds_down(uint16 bps, uint256 price) public {
        Provenance memory p = _provenance(creator, CONTENT);
        Terms memory t = _terms();
        t.royaltyBps = bps = uint16(bound(bps, 0, 1_100));
        bytes memory signature = _sign(creatorKey, p, t);
        if (bps > 1_000) {
            vm.expectRevert(abi.encodeWithSelector(MediaAsset.RoyaltyTooHigh.selector, bps, 1_000));
            media.mint(p, t, signature);
            return;
        }
        uint256 id = media.mint(p, t, signature);
        (address to, uint256 royalty) = media.royaltyInfo(id, price);
        assertEq(to, revenue);
        // floor(price * bps / 10,000) without a wider word
        assertEq(royalty, price / 10_000 * bps + price % 10_000 * bps / 10_000);
        assertLe(royalty, price / 10);
    }

    function test_royalty_at_its_limit() public {
        testFuzz_royalty_is_at_most_a_tenth_and_rounds_down(1_001, 10_009);
        testFuzz_royalty_is_at_most_a_tenth_and_rounds_down(1_000, 10_009);
    }

    function test_interface_ids_are_those_of_the_ercs() public view {
        bytes4[6] memory ids = [bytes4(0x01ffc9a7), 0x80ac58cd, 0x5b5e139f, 0x2a55205a, 0x49064906, 0xaf332f3e];
        for (uint256 i = 0; i < ids.length; ++i) {
            assertTrue(media.supportsInterface(ids[i]));
        }
        assertFalse(media.supportsInterface(0xffffffff));
        assertEq(type(IERC7496).interfaceId, bytes4(0xaf332f3e));
        assertEq(type(IERC2981).interfaceId, bytes4(0x2a55205a));
        assertEq(type(IERC721).interfaceId, bytes4(0x80ac58cd));
    }

    function test_the_collection_has_no_owner_and_says_how_transfers_are_judged() public view {
        assertEq(address(media.getTransferValidator()), address(0));
        (bytes4 selector, bool isView) = media.getTransferValidationFunction();
        assertEq(selector, bytes4(keccak256("validateTransfer(address,address,address,uint256)")));
        assertFalse(isView);
    }

    function _json(Provenance memory p, Terms memory t) private view returns (string memory) {
        return string.concat(
            '{"primaryType":"Mint","types":{"EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],',
            '"Mint":[{"name":"provenance","type":"Provenance"},{"name":"terms","type":"Terms"}],',
            '"Parent":[{"name":"tokenId","type":"uint256"},{"name":"licence","type":"bytes32"},{"name":"shareBps","type":"uint16"}],',
            '"Provenance":[{"name":"contentHash","type":"bytes32"},{"name":"fileHash","type":"bytes32"},{"name":"pixelHash","type":"bytes32"},{"name":"modelHash","type":"bytes32"},{"name":"promptCommitment","type":"bytes32"},{"name":"didHash","type":"bytes32"},{"name":"creator","type":"address"},{"name":"createdAt","type":"uint64"},{"name":"kind","type":"uint8"}],',
            '"Terms":[{"name":"receiver","type":"address"},{"name":"revenue","type":"address"},{"name":"agent","type":"address"},{"name":"royaltyBps","type":"uint16"},{"name":"parents","type":"Parent[]"},{"name":"deadline","type":"uint256"}]},',
            '"domain":{"name":"Patron Media Asset","version":"1","chainId":"',
            vm.toString(block.chainid),
            '","verifyingContract":"',
            vm.toString(address(media)),
            '"},"message":{"provenance":',
            _jsonOf(p),
            ',"terms":',
            _jsonOf(t),
            "}}"
        );
    }

    function _jsonOf(Provenance memory p) private pure returns (string memory) {
        string memory hashes = string.concat(
            '{"contentHash":"',
            vm.toString(p.contentHash),
            '","fileHash":"',
            vm.toString(p.fileHash),
            '","pixelHash":"',
            vm.toString(p.pixelHash),
            '","modelHash":"',
            vm.toString(p.modelHash),
            '","promptCommitment":"',
            vm.toString(p.promptCommitment),
            '","didHash":"',
            vm.toString(p.didHash)
        );
        return string.concat(
            hashes,
            '","creator":"',
            vm.toString(p.creator),
            '","createdAt":"',
            vm.toString(p.createdAt),
            '","kind":"',
            vm.toString(uint8(p.kind)),
            '"}'
        );
    }

    function _jsonOf(Terms memory t) private pure returns (string memory) {
        string memory parents = "";
        for (uint256 i = 0; i < t.parents.length; ++i) {
            parents = string.concat(
                parents,
                i == 0 ? "" : ",",
                '{"tokenId":"',
                vm.toString(t.parents[i].tokenId),
                '","licence":"',
                vm.toString(t.parents[i].licence),
                '","shareBps":"',
                vm.toString(t.parents[i].shareBps),
                '"}'
            );
        }
        return string.concat(
            '{"receiver":"',
            vm.toString(t.receiver),
            '","revenue":"',
            vm.toString(t.revenue),
            '","agent":"',
            vm.toString(t.agent),
            '","royaltyBps":"',
            vm.toString(t.royaltyBps),
            '","parents":[',
            parents,
            '],"deadline":"',
            vm.toString(t.deadline),
            '"}'
        );
    }
}
