// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {RoyaltyValidator} from "../../src/media/RoyaltyValidator.sol";
import {MediaTree} from "../media/MediaTree.sol";
import {RoyaltyFixture} from "../media/RoyaltyFixture.sol";
import {GasBook} from "./GasBook.sol";

/// The least that a token can be.
contract GasPlainToken is ERC721("Plain", "PLAIN") {
    function mint(address to, uint256 tokenId) external {
        _mint(to, tokenId);
    }
}

/// Anchoring, minting and selling, per asset, and the single actions of a MediaAsset with a royalty validator.
contract GasMediaTest is RoyaltyFixture, GasBook {
    function setUp() public {
        _market(false);
        _stand(address(seaport), RoyaltyValidator.Standing.Vouched);
    }

    function test_gas_single_actions() public {
        Provenance memory work = _provenance(creator, "single");
        Terms memory terms = _terms();
        bytes memory signature = _sign(creatorKey, work, terms);
        uint256 made = media.mint(work, terms, signature);
        _note("MediaAsset", "mint, signed");
        GasPlainToken plain = new GasPlainToken();
        plain.mint(seller, 1);
        _noteDirect("MediaAsset", "mint, signed", "mint of a plain ERC-721 token, without provenance");

        vm.prank(agent);
        media.setTrait(made, MOOD, "calm");
        _note("MediaAsset", "setTrait, a trait's first");
        vm.prank(agent);
        media.setTrait(made, MOOD, "wild");
        _note("MediaAsset", "setTrait");

        MediaLicences.Licence memory licence = _licence(10e6, 30 days);
        vm.prank(seller);
        bytes32 licenceId = media.offer(made, licence);
        _note("MediaAsset", "offer a licence");
        usd.mint(buyer, 100e6);
        vm.prank(buyer);
        usd.approve(address(media), type(uint256).max);
        vm.prank(buyer);
        media.use(made, licenceId);
        _note("MediaAsset", "use: pay for a licence");
        vm.prank(buyer);
        usd.transfer(revenue, 10e6);
        _noteDirect("MediaAsset", "use: pay for a licence", "the dollars sent to the revenue address");
    }

    function test_gas_each_anchored_and_minted_1() public {
        _batchOf(1);
    }

    function test_gas_each_anchored_and_minted_100() public {
        _batchOf(100);
    }

    function test_gas_each_anchored_and_minted_10000() public {
        _batchOf(10_000);
    }

    function test_gas_each_sold_1() public {
        _sales(1);
    }

    function test_gas_each_sold_100() public {
        _sales(100);
    }

    function test_gas_each_sold_10000() public {
        _sales(10_000);
    }

    /// One root for all, then each minted by its proof, in a transaction of its own. Of more than a hundred, a hundred
    /// evenly spread stand for all.
    function _batchOf(uint256 count) private {
        (Provenance[] memory works, Terms memory terms, bytes32[] memory digests) = _batch(count);
        bytes32[] memory nodes = MediaTree.build(digests);
        vm.prank(creator);
        media.anchorBatch(nodes[0], count);
        _noteEach("anchored", count, vm.lastCallGas().gasTotalUsed, count);
        uint256 tried = _tried(count);
        uint256 total = 0;
        for (uint256 i = 0; i < count; i += count / tried) {
            media.mintFromBatch(works[i], terms, nodes[0], MediaTree.proof(nodes, i));
            total += vm.lastCallGas().gasTotalUsed;
        }
        _noteEach("minted from the batch", count, total, tried);
    }

    /// Listings bought one by one on Seaport, the royalty paid in each. A sale knows nothing of those before it, so that a
    /// hundred stand for more.
    function _sales(uint256 count) private {
        uint256 tried = _tried(count);
        usd.mint(buyer, tried * PRICE);
        uint256 total = 0;
        for (uint256 i = 0; i < tried; ++i) {
            id = _mint(keccak256(abi.encode("for sale", i)));
            ISeaport.Order memory order = _listing(PRICE, ROYALTY, address(0));
            vm.prank(buyer);
            seaport.fulfillOrder(order, 0);
            total += vm.lastCallGas().gasTotalUsed;
        }
        _noteEach("sold on Seaport", count, total, tried);
    }

    function _tried(uint256 count) private pure returns (uint256) {
        return count < 100 ? count : 100;
    }
}
