// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {Provenance} from "../../src/media/ProvenanceHash.sol";
import {MediaHandler} from "./MediaHandler.sol";

/// INVARIANTS.md lists these sentences and says where each is judged.
contract MediaInvariantsTest is Test {
    MediaHandler private _handler;
    MediaAsset private _media;

    function setUp() public {
        _handler = new MediaHandler();
        _media = _handler.collection();
        bytes4[] memory moves = new bytes4[](9);
        moves[0] = MediaHandler.mints.selector;
        moves[1] = MediaHandler.forges.selector;
        moves[2] = MediaHandler.setsTrait.selector;
        moves[3] = MediaHandler.setsAgent.selector;
        moves[4] = MediaHandler.transfers.selector;
        moves[5] = MediaHandler.offers.selector;
        moves[6] = MediaHandler.uses.selector;
        moves[7] = MediaHandler.revokes.selector;
        moves[8] = MediaHandler.waits.selector;
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), moves));
    }

    function invariant_provenance_never_changes() public view {
        for (uint256 i = 0; i < _handler.assetCount(); ++i) {
            uint256 asset = _handler.assets(i);
            assertEq(keccak256(abi.encode(_media.provenanceOf(asset))), _handler.recordOf(asset));
        }
    }

    function invariant_one_token_per_creator_and_content() public view {
        uint256 count = _handler.assetCount();
        for (uint256 i = 0; i < count; ++i) {
            uint256 asset = _handler.assets(i);
            Provenance memory p = _media.provenanceOf(asset);
            assertEq(asset, uint256(keccak256(abi.encode(p.creator, p.contentHash))));
            for (uint256 j = 0; j < i; ++j) {
                assertNotEq(asset, _handler.assets(j), "minted twice");
            }
            assertEq(_media.ownerOf(asset), _handler.ownerOf(asset));
        }
        uint256 held = 0;
        for (uint256 i = 0; i < 4; ++i) {
            held += _media.balanceOf(_handler.people(i));
        }
        assertEq(held, count, "a token outside the book");
    }

    function invariant_royalty_is_at_most_a_tenth_and_goes_to_the_revenue_address() public view {
        for (uint256 i = 0; i < _handler.assetCount(); ++i) {
            (address to, uint256 royalty) = _media.royaltyInfo(_handler.assets(i), 10_000);
            assertLe(royalty, 1_000);
            assertEq(to, _handler.revenueFor(_handler.assets(i)));
        }
    }

    function invariant_traits_are_what_the_agents_set_and_the_chain_is_the_fold_of_the_events() public view {
        for (uint256 i = 0; i < _handler.assetCount(); ++i) {
            uint256 asset = _handler.assets(i);
            (address agent, uint64 changes, bytes32 head) = _media.lives(asset);
            assertEq(agent, _handler.agentOf(asset));
            assertEq(changes, _handler.changesOf(asset));
            assertEq(head, _handler.headOf(asset));
            bytes32[2] memory keys = [keccak256("mood"), keccak256("level")];
            for (uint256 j = 0; j < 2; ++j) {
                assertEq(_media.getTraitValue(asset, keys[j]), _handler.traitOf(asset, keys[j]));
            }
        }
    }

    function invariant_use_pays_the_revenue_address_and_nobody_else() public view {
        for (uint256 i = 0; i < _handler.assetCount(); ++i) {
            uint256 asset = _handler.assets(i);
            assertEq(_handler.money().balanceOf(_handler.revenueFor(asset)), _handler.earned(asset));
        }
        for (uint256 i = 0; i < 4; ++i) {
            assertEq(_handler.money().balanceOf(_handler.people(i)), _handler.purse(_handler.people(i)));
        }
        assertEq(_handler.money().balanceOf(address(_media)), 0);
    }

    function invariant_an_exclusive_licence_runs_alone_in_its_class() public view {
        for (uint256 i = 0; i < _handler.grantCount(); ++i) {
            (uint256 asset, bytes32 class, bool exclusive, bool runs, bytes32 holder) = _running(i);
            if (!exclusive || !runs) continue;
            for (uint256 j = 0; j < _handler.grantCount(); ++j) {
                (uint256 asset2, bytes32 class2,, bool runs2, bytes32 holder2) = _running(j);
                if (runs2 && asset2 == asset && class2 == class) assertEq(holder, holder2, "two at once");
            }
        }
    }

    function invariant_a_licence_id_is_the_hash_of_its_terms() public view {
        for (uint256 i = 0; i < _handler.grantCount(); ++i) {
            (uint256 asset, bytes32 id,,,) = _handler.grants(i);
            MediaLicences.Licence memory l;
            (l.useClass, l.price, l.term, l.derivativeBps, l.exclusive, l.derivatives, l.revocable) =
                _media.licences(asset, id);
            assertEq(keccak256(abi.encode(l)), id);
        }
    }

    /// The campaigns mean something only if the calls get through.
    function test_the_handlers_moves_reach_the_collection() public {
        for (uint256 i = 0; i < 6; ++i) {
            _handler.mints(i, i / 2, i, 500, i % 2 == 0);
            _handler.forges(i, i, i, i);
        }
        assertEq(_handler.assetCount(), 6);
        assertEq(_handler.forgeriesRefused(), 12);
        for (uint256 kind = 0; kind < 6; ++kind) {
            _handler.offers(kind, 0, kind, true);
            _handler.uses(0, 3, kind, false);
        }
        assertEq(_handler.grantCount(), 6);
        assertEq(_handler.exclusivesGranted(), 2);
        _handler.setsTrait(0, 0, true, "calm");
        assertEq(_handler.changesOf(_handler.assets(0)), 1);
        _handler.revokes(1, 0);
        invariant_an_exclusive_licence_runs_alone_in_its_class();
        invariant_use_pays_the_revenue_address_and_nobody_else();
    }

    function _running(uint256 grant)
        private
        view
        returns (uint256 asset, bytes32 class, bool exclusive, bool runs, bytes32 holder)
    {
        bytes32 licence;
        address licensee;
        (asset, licence, licensee,,) = _handler.grants(grant);
        (class,,,, exclusive,,) = _media.licences(asset, licence);
        runs = _media.licensedUntil(asset, licence, licensee) > block.timestamp;
        holder = keccak256(abi.encode(licence, licensee));
    }
}
