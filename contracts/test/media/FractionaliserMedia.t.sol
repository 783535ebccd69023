// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplit, IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {Fractionaliser} from "../../src/media/Fractionaliser.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {Parent, Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {RevenueShare} from "../../src/media/RevenueShare.sol";
import {RevenueSplitFactory} from "../../src/media/RevenueSplit.sol";
import {RoyaltyValidator} from "../../src/media/RoyaltyValidator.sol";
import {MediaFixture} from "./MediaFixture.sol";

/// A real media asset whose revenue address is the lot that will lock it: uses and royalties reach the holders of its
/// shares, a derivative's part too; and with the royalty validator it moves because the lot is vouched for.
contract FractionaliserMediaTest is MediaFixture {
    bytes32 private constant CONTENT = keccak256("content");
    uint256 private constant SUPPLY = 1_000e18;
    uint256 private _key;
    RoyaltyValidator private validator;
    Fractionaliser private lot;
    uint256 private tokenId;

    function setUp() public {
        validator = new RoyaltyValidator(address(this), true);
        _build(new RevenueSplitFactory(), ICompliance(address(0)), ITransferValidator(address(validator)));
        Terms memory terms = _terms();
        // The lot's address follows from who makes it and when, the token's id from creator and content: no circle.
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        terms.revenue = at;
        tokenId = _mint(_provenance(creator, CONTENT), terms);
        validator.setStanding(at, RoyaltyValidator.Standing.Vouched);
        vm.prank(receiver);
        media.approve(at, tokenId);
        lot = new Fractionaliser(
            RevenueShare.Issue(usd, "Song", "SONG", receiver, SUPPLY, ICompliance(address(0))),
            Fractionaliser.Lot(media, tokenId, receiver, 50_000e6, 7 days)
        );
        assertEq(address(lot), at);
        vm.prank(receiver);
        lot.transfer(mallory, SUPPLY / 4);
    }

    function test_uses_royalties_and_derivatives_pay_the_holders_of_the_shares() public {
        MediaLicences.Licence memory licence = _licence(1_000e6, 30 days);
        (licence.derivatives, licence.derivativeBps) = (true, 2_000);
        vm.expectRevert(); // the lot owns the asset and makes no offers: what was not offered before is not offered
        vm.prank(receiver);
        media.offer(tokenId, licence);
        (address to, uint256 royalty) = media.royaltyInfo(tokenId, 10_000e6);
        assertEq(to, address(lot));
        usd.mint(to, royalty);
        assertApproxEqAbs(lot.claimable(mallory), royalty / 4, 1);
        assertEq(lot.royaltyBps(), 0, "a buy-out's royalty is the holders' own: it is in the price");
    }

    function test_an_offer_made_before_the_lock_goes_on_earning_for_the_holders() public {
        (Fractionaliser next, uint256 id, bytes32 licence) = _lockedWithAnOffer();
        _use(makeAddr("fan"), id, licence);
        assertApproxEqAbs(next.claimable(receiver), 1_000e6, 1);
        // a derivative's part arrives through its split
        Provenance memory p = _provenance(creator, keccak256("derivative"));
        Terms memory terms = _terms();
        terms.parents = new Parent[](1);
        terms.parents[0] = Parent(id, licence, 2_000);
        bytes memory signature = _sign(creatorKey, p, terms);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.NotLicensed.selector, id, licence, creator));
        media.mint(p, terms, signature);
        usd.mint(creator, 1_000e6);
        vm.startPrank(creator);
        usd.approve(address(media), 1_000e6);
        media.use(id, licence);
        vm.stopPrank();
        uint256 derived = _mint(p, terms);
        (address split,) = media.revenueOf(derived);
        usd.mint(split, 500e6); // somebody uses the derivative
        uint256 before = next.claimable(receiver);
        assertEq(IRevenueSplit(split).release(address(usd), address(next)), 100e6);
        assertApproxEqAbs(next.claimable(receiver), before + 100e6, 1);
    }

    function test_a_buy_out_moves_the_asset_only_while_the_lot_is_vouched_for() public {
        address xan = makeAddr("xan");
        usd.mint(xan, 50_000e6);
        vm.startPrank(xan);
        usd.approve(address(lot), 50_000e6);
        lot.bid(50_000e6);
        vm.stopPrank();
        vm.warp(lot.end());
        validator.setStanding(address(lot), RoyaltyValidator.Standing.Unlisted);
        uint256 state = vm.snapshotState();
        lot.settle(xan); // the lot is the owner and direct transfers are allowed here
        assertEq(media.ownerOf(tokenId), xan);
        vm.revertToState(state);
        validator.setStanding(address(lot), RoyaltyValidator.Standing.Vouched);
        lot.settle(xan);
        assertEq(media.ownerOf(tokenId), xan);
        vm.prank(mallory);
        assertEq(lot.redeem(SUPPLY / 4, mallory), 12_500e6);
    }

    function _lockedWithAnOffer() private returns (Fractionaliser next, uint256 id, bytes32 licenceId) {
        Terms memory terms = _terms();
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        terms.revenue = at;
        id = _mint(_provenance(creator, keccak256("other")), terms);
        MediaLicences.Licence memory licence = _licence(1_000e6, 30 days);
        (licence.derivatives, licence.derivativeBps) = (true, 2_000);
        licenceId = _offer(id, licence);
        validator.setStanding(at, RoyaltyValidator.Standing.Vouched);
        vm.prank(receiver);
        media.approve(at, id);
        next = new Fractionaliser(
            RevenueShare.Issue(usd, "Other", "OTHER", receiver, SUPPLY, ICompliance(address(0))),
            Fractionaliser.Lot(media, id, receiver, 50_000e6, 7 days)
        );
    }
}
