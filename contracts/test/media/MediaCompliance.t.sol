// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {RoyaltyValidator} from "../../src/media/RoyaltyValidator.sol";
import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {MediaFixture} from "./MediaFixture.sol";

/// The asset behind the real registry, and behind a validator that refuses every transfer, to show which of the two decides.
contract MediaComplianceTest is MediaFixture {
    ComplianceRegistry private _registry;
    address private _officer = makeAddr("officer");
    address private _escrow = makeAddr("escrow");
    address private _alice = makeAddr("alice");
    uint256 private _id;

    function setUp() public {
        _registry = new ComplianceRegistry(address(this), _officer, _escrow);
        _build(IRevenueSplitFactory(address(0)), _registry, ITransferValidator(address(0)));
        _admit(media);
        _identify(receiver, 1 days);
        _identify(_alice, 1 days);
        _id = _mint(keccak256("a picture for some"));
    }

    function test_mint_transfer_and_use_ask_who_may_hold() public {
        Provenance memory p = _provenance(creator, "second");
        Terms memory t = _terms();
        t.receiver = mallory;
        bytes memory signature = _sign(creatorKey, p, t);
        bytes memory refused = abi.encodeWithSelector(MediaLicences.NotCompliant.selector, mallory);
        vm.expectRevert(refused);
        media.mint(p, t, signature);
        vm.prank(receiver);
        vm.expectRevert(refused);
        media.transferFrom(receiver, mallory, _id);
        bytes32 licence = _offer(_id, _licence(0, 1 days));
        vm.prank(mallory);
        vm.expectRevert(refused);
        media.use(_id, licence);
        _use(_alice, _id, licence);
        vm.prank(receiver);
        media.transferFrom(receiver, _alice, _id);
    }

    function test_an_expired_owner_may_let_go() public {
        skip(2 days);
        _identify(_alice, 1 days);
        vm.prank(receiver);
        media.transferFrom(receiver, _alice, _id);
        assertEq(media.ownerOf(_id), _alice);
    }

    function test_a_denied_owners_asset_moves_to_the_escrow_by_anyones_hand_and_nowhere_else() public {
        _deny(receiver);
        vm.prank(receiver);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.Frozen.selector, receiver));
        media.transferFrom(receiver, _alice, _id);
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.Frozen.selector, receiver));
        media.transferFrom(receiver, mallory, _id);
        vm.prank(mallory);
        media.transferFrom(receiver, _escrow, _id);
        assertEq(media.ownerOf(_id), _escrow);
    }

    function test_nobody_else_is_moved_to_the_escrow() public {
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, mallory, _id));
        media.transferFrom(receiver, _escrow, _id);
        assertEq(media.ownerOf(_id), receiver);
    }

    function test_freezing_is_stronger_than_the_royalty_validator() public {
        media = new MediaAsset(
            _setup(usd, IRevenueSplitFactory(address(0)), _registry, new RoyaltyValidator(address(this), false))
        );
        _admit(media);
        _id = _mint(keccak256("a picture for some"));
        vm.prank(receiver);
        vm.expectRevert(abi.encodeWithSelector(RoyaltyValidator.DirectTransferRefused.selector, receiver));
        media.transferFrom(receiver, _alice, _id);
        _deny(receiver);
        vm.prank(mallory);
        media.transferFrom(receiver, _escrow, _id);
        assertEq(media.ownerOf(_id), _escrow);
    }

    /// People of country 840 may hold the collection.
    function _admit(MediaAsset asset) private {
        uint256[4] memory countries;
        countries[840 >> 8] = 1 << (840 & 0xff);
        _registry.setRule(address(asset), ComplianceRegistry.Rule(false, 0, countries));
    }

    function _identify(address who, uint256 valid) private {
        ComplianceRegistry.Identity[] memory identities = new ComplianceRegistry.Identity[](1);
        identities[0] = ComplianceRegistry.Identity(uint64(block.timestamp + valid), 840, 0);
        vm.prank(_officer);
        _registry.identify(_list(who), identities, "list");
    }

    function _deny(address who) private {
        vm.prank(_officer);
        _registry.deny(_list(who), "list");
    }

    function _list(address who) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = who;
    }
}
