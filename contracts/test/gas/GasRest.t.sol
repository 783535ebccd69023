// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {Fractionaliser} from "../../src/media/Fractionaliser.sol";
import {RevenueShare} from "../../src/media/RevenueShare.sol";
import {RevenueWrapper} from "../../src/media/RevenueWrapper.sol";
import {RoyaltyValidator} from "../../src/media/RoyaltyValidator.sol";
import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {FractionFixture, FractionNft} from "../media/FractionFixture.sol";
import {RoyaltyFixture} from "../media/RoyaltyFixture.sol";
import {RegistriesIdentities} from "../registries/ComplianceFixture.sol";

/// What the other tests call only from inside a call, or in a world that cannot be built with each call apart: once each,
/// so that GAS.md has a figure of it.
contract GasRestOfRevenueTest is FractionFixture {
    bytes32 private constant LIST = keccak256("list");
    ComplianceRegistry private registry;

    /// Everybody is on the list of those who need no identity.
    function setUp() public {
        _build();
        registry = new ComplianceRegistry(address(this), address(this), xan);
        ICompliance rules = ICompliance(address(registry));
        _exempt(ann);
        _exempt(ben);
        _exempt(xan);
        share = new RevenueShare(RevenueShare.Issue(usd, "Song", "SONG", ann, SUPPLY, rules));
        wrapper = new RevenueWrapper(share, "Wrapped Song", "wSONG", UNLOCK);
        _exempt(address(wrapper));
        nft = new FractionNft();
        nft.mint(ann, ID);
        nft.setRoyalty(mallory, 300);
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.prank(ann);
        nft.approve(at, ID);
        lot = new Fractionaliser(
            RevenueShare.Issue(usd, "Lot", "LOT", address(0), SUPPLY, rules), _lotOf(ann, RESERVE, DURATION)
        );
    }

    function _exempt(address who) private {
        registry.exempt(_just(who), LIST);
    }

    function _just(address who) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = who;
    }

    function test_shares_move_by_allowance_and_what_a_denied_holder_has_is_seized() public {
        _wrap(ann, 10e18);
        lot.sync();
        vm.startPrank(ann);
        share.approve(ben, 2e18);
        wrapper.approve(ben, 2e18);
        lot.approve(ben, 2e18);
        vm.stopPrank();
        vm.startPrank(ben);
        share.transferFrom(ann, ben, 1e18);
        wrapper.transferFrom(ann, ben, 1e18);
        lot.transferFrom(ann, ben, 1e18);
        vm.stopPrank();
        registry.deny(_just(ben), LIST);
        share.seize(ben);
        wrapper.seize(ben);
        lot.seize(ben);
        assertEq(share.balanceOf(xan) + wrapper.balanceOf(xan) + lot.balanceOf(xan), 3e18);
    }
}

contract GasRestOfComplianceTest is Test {
    bytes32 private constant LIST = keccak256("list");
    address private officer = makeAddr("officer");
    address private who = makeAddr("who");

    function test_what_owner_and_officer_may_do_besides() public {
        ComplianceRegistry registry = new ComplianceRegistry(address(this), officer, makeAddr("escrow"));
        bytes32 role = registry.OFFICER_ROLE();
        address[] memory list = new address[](1);
        list[0] = who;
        ComplianceRegistry.Rule memory rule;
        registry.exempt(list, LIST);
        registry.setSource(new RegistriesIdentities(), 2);
        registry.setEscrow(makeAddr("another"));
        registry.grantRole(role, who);
        registry.undeny(list, LIST);
        vm.startPrank(who);
        registry.dropSource();
        registry.revokeExemption(list, LIST);
        registry.tightenRule(address(this), rule);
        registry.renounceRole(role, who);
        vm.stopPrank();
        registry.revokeRole(role, officer);
        assertFalse(registry.hasRole(role, officer) || registry.hasRole(role, who));
        assertEq(address(registry.source()), address(0));
        assertFalse(registry.canHold(who, address(this)));
    }
}

contract GasRestOfMediaTest is RoyaltyFixture {
    function test_a_validators_owner_moves_on_and_an_owner_gives_away() public {
        _market(true);
        vm.prank(seller);
        media.safeTransferFrom(seller, buyer, id, "with a word");
        assertEq(media.ownerOf(id), buyer);
        validator.validateTransfer(seller, seller, buyer, id);
        vm.prank(timelock);
        validator.transferOwnership(buyer);
        vm.prank(buyer);
        validator.renounceOwnership();
        assertEq(validator.owner(), address(0));
    }
}
