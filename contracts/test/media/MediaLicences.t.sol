// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Errors, IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {MediaFixture} from "./MediaFixture.sol";

/// Money that keeps a hundredth of each transfer.
contract MediaFeeMoney is ERC20("Fee", "FEE") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0xfee), amount / 100);
    }
}

contract MediaLicencesTest is MediaFixture {
    address private _alice = makeAddr("alice");
    address private _bob = makeAddr("bob");
    uint256 private _id;

    function setUp() public {
        _build(IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)));
        _id = _mint(keccak256("a licensed picture"));
    }

    function testFuzz_use_pays_the_price_into_the_revenue_and_emits_the_licence(uint128 price, uint40 term) public {
        price = uint128(bound(price, 0, 1e24));
        MediaLicences.Licence memory licence = _licence(price, term);
        vm.expectEmit(address(media));
        emit MediaLicences.Offered(_id, keccak256(abi.encode(licence)), licence);
        bytes32 id = _offer(_id, licence);
        uint64 until = term == media.FOREVER() ? type(uint64).max : uint64(block.timestamp) + term;

        usd.mint(_alice, price);
        vm.startPrank(_alice);
        usd.approve(address(media), price);
        vm.expectEmit(address(media));
        emit MediaLicences.Licensed(_id, id, _alice, until, price);
        assertEq(media.use(_id, id), until);
        vm.stopPrank();
        assertEq(usd.balanceOf(revenue), price);
        assertEq(usd.balanceOf(_alice), 0);
        assertEq(usd.balanceOf(address(media)), 0);
        assertEq(media.licensedUntil(_id, id, _alice), until);
    }

    function test_only_the_owner_offers_withdraws_and_revokes() public {
        MediaLicences.Licence memory licence = _licence(1e6, 1 days);
        licence.revocable = true;
        bytes32 id = _offer(_id, licence);
        _use(_alice, _id, id);
        vm.prank(receiver);
        media.setApprovalForAll(mallory, true); // an operator may sell the asset, not license it
        bytes memory refused =
            abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, mallory, _id, receiver);
        vm.startPrank(mallory);
        vm.expectRevert(refused);
        media.offer(_id, licence);
        vm.expectRevert(refused);
        media.withdraw(_id, id);
        vm.expectRevert(refused);
        media.revoke(_id, id, _alice);
    }

    function test_terms_behind_an_id_never_change() public {
        MediaLicences.Licence memory licence = _licence(5e6, 7 days);
        licence.derivatives = true;
        licence.derivativeBps = 250;
        bytes32 id = _offer(_id, licence);
        licence.price = 6e6;
        bytes32 dearer = _offer(_id, licence);
        assertNotEq(dearer, id);
        (bytes32 useClass, uint128 price, uint40 term, uint16 share,, bool derivatives,) = media.licences(_id, id);
        assertEq(useClass, DISPLAY);
        assertEq(price, 5e6);
        assertEq(term, 7 days);
        assertEq(share, 250);
        assertTrue(derivatives);
        licence.derivativeBps = 10_000;
        vm.prank(receiver);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.BadShare.selector, 10_000));
        media.offer(_id, licence);
    }

    function test_a_withdrawn_offer_is_taken_by_nobody_and_what_runs_goes_on() public {
        bytes32 id = _offer(_id, _licence(1e6, 1 days));
        uint64 until = _use(_alice, _id, id);
        vm.startPrank(receiver);
        vm.expectEmit(address(media));
        emit MediaLicences.Withdrawn(_id, id);
        media.withdraw(_id, id);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.NotOffered.selector, _id, id));
        media.withdraw(_id, id);
        vm.stopPrank();
        vm.prank(_bob);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.NotOffered.selector, _id, id));
        media.use(_id, id);
        assertEq(media.licensedUntil(_id, id, _alice), until);
        _offer(_id, _licence(1e6, 1 days));
        _use(_bob, _id, id); // offered again
    }

    function test_licences_and_offers_outlive_a_sale_of_the_asset() public {
        bytes32 id = _offer(_id, _licence(1e6, 1 days));
        uint64 until = _use(_alice, _id, id);
        vm.prank(receiver);
        media.transferFrom(receiver, _bob, _id);
        assertEq(media.licensedUntil(_id, id, _alice), until);
        _use(_alice, _id, id);
        assertEq(usd.balanceOf(revenue), 2e6); // the revenue address does not move with the token
        vm.prank(_bob);
        media.withdraw(_id, id);
    }

    function test_a_term_runs_out_and_taken_early_it_starts_anew() public {
        bytes32 id = _offer(_id, _licence(1e6, 10 days));
        uint64 first = _use(_alice, _id, id);
        skip(4 days);
        assertEq(_use(_alice, _id, id), first + 4 days);
        skip(10 days);
        assertEq(media.licensedUntil(_id, id, _alice), block.timestamp); // no longer later than now
    }

    function test_exclusive_runs_alone_in_its_class() public {
        MediaLicences.Licence memory exclusive = _licence(100e6, 30 days);
        exclusive.exclusive = true;
        bytes32 alone = _offer(_id, exclusive);
        bytes32 plain = _offer(_id, _licence(1e6, 10 days));
        MediaLicences.Licence memory other = _licence(2e6, 10 days);
        other.useClass = keccak256("training");
        bytes32 elsewhere = _offer(_id, other);

        uint64 until = _use(_alice, _id, plain);
        _busy(_bob, alone, 100e6, until); // not while a plain one runs
        vm.warp(until);
        until = _use(_bob, _id, alone);
        _busy(_alice, plain, 1e6, until);
        _busy(_alice, alone, 100e6, until);
        _busy(_bob, alone, 100e6, until); // nor by its holder
        _use(_alice, _id, elsewhere); // another class is free
        vm.warp(until);
        _use(_alice, _id, plain);
    }

    /// The longest of several plain ones keeps an exclusive one waiting, in whatever order they were taken.
    function test_exclusive_waits_for_the_longest() public {
        MediaLicences.Licence memory exclusive = _licence(100e6, 30 days);
        exclusive.exclusive = true;
        bytes32 alone = _offer(_id, exclusive);
        bytes32 long = _offer(_id, _licence(1e6, 10 days));
        bytes32 short = _offer(_id, _licence(1e6, 1 days));
        uint64 until = _use(_alice, _id, long);
        _use(_bob, _id, short);
        _busy(_bob, alone, 100e6, until);
        vm.warp(until);
        _use(_bob, _id, alone);
    }

    function test_a_single_use_pays_and_blocks_nobody() public {
        bytes32 single = _offer(_id, _licence(1e6, 0));
        MediaLicences.Licence memory exclusive = _licence(100e6, 30 days);
        exclusive.exclusive = true;
        bytes32 alone = _offer(_id, exclusive);
        assertEq(_use(_alice, _id, single), block.timestamp);
        assertEq(_use(_alice, _id, single), block.timestamp);
        assertEq(usd.balanceOf(revenue), 2e6);
        _use(_bob, _id, alone);
    }

    /// What is paid back and what was used up make the price, but for one unit that the owner loses to rounding.
    function testFuzz_revoking_pays_back_the_rest_of_the_term(uint128 price, uint40 term, uint40 gone) public {
        price = uint128(bound(price, 0, 1e24));
        term = uint40(bound(term, 1, media.FOREVER() - 1));
        gone = uint40(bound(gone, 0, term - 1));
        MediaLicences.Licence memory licence = _licence(price, term);
        licence.revocable = true;
        bytes32 id = _offer(_id, licence);
        _use(_alice, _id, id);
        skip(gone);
        uint256 refund = _revoke(_alice, id, price);
        uint256 usedUp = uint256(price) * gone / term;
        assertEq(refund + usedUp, price);
        assertEq(usd.balanceOf(_alice), refund);
        assertEq(usd.balanceOf(revenue), price); // what the holders got stays with them
        assertEq(media.licensedUntil(_id, id, _alice), block.timestamp);
        vm.prank(receiver);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.NotLicensed.selector, _id, id, _alice));
        media.revoke(_id, id, _alice);
    }

    function test_revoking_frees_an_exclusive_class_and_an_endless_licence_is_paid_back_whole() public {
        MediaLicences.Licence memory licence = _licence(100e6, media.FOREVER());
        (licence.exclusive, licence.revocable) = (true, true);
        bytes32 id = _offer(_id, licence);
        assertEq(_use(_alice, _id, id), type(uint64).max);
        skip(3650 days);
        assertEq(_revoke(_alice, id, 100e6), 100e6);
        _use(_bob, _id, id);
    }

    /// The class stays busy until the old end of what was revoked, and for what else runs in it.
    function test_revoking_a_plain_one_does_not_free_its_class() public {
        MediaLicences.Licence memory revocable = _licence(1e6, 10 days);
        revocable.revocable = true;
        bytes32 id = _offer(_id, revocable);
        bytes32 other = _offer(_id, _licence(1e6, 9 days));
        MediaLicences.Licence memory exclusive = _licence(100e6, 30 days);
        exclusive.exclusive = true;
        bytes32 alone = _offer(_id, exclusive);
        uint64 until = _use(_alice, _id, id);
        _use(_bob, _id, other);
        _revoke(_alice, id, 1e6);
        _busy(_alice, alone, 100e6, until);
        vm.warp(until);
        _use(_alice, _id, alone);
    }

    function test_what_is_not_revocable_cannot_be_revoked() public {
        bytes32 id = _offer(_id, _licence(1e6, 1 days));
        _use(_alice, _id, id);
        vm.prank(receiver);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.NotRevocable.selector, id));
        media.revoke(_id, id, _alice);
    }

    function test_who_does_not_pay_is_not_licensed() public {
        bytes32 id = _offer(_id, _licence(1e6, 1 days));
        vm.prank(_alice);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(media), 0, 1e6)
        );
        media.use(_id, id);
        assertEq(media.licensedUntil(_id, id, _alice), 0);
    }

    function test_the_revenue_address_pays_itself_nothing() public {
        bytes32 id = _offer(_id, _licence(1e6, 1 days));
        vm.prank(revenue);
        media.use(_id, id);
        assertGt(media.licensedUntil(_id, id, revenue), block.timestamp);
    }

    /// Receipt is measured: money that keeps a part of each transfer does not pay for a licence.
    function test_money_with_a_fee_pays_for_nothing() public {
        MediaFeeMoney money = new MediaFeeMoney();
        media = new MediaAsset(
            _setup(money, IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)))
        );
        _id = _mint(keccak256("a licensed picture"));
        bytes32 id = _offer(_id, _licence(1_000, 1 days));
        money.mint(_alice, 1_000);
        vm.startPrank(_alice);
        money.approve(address(media), 1_000);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.WrongReceipt.selector, revenue, 1_000, 990));
        media.use(_id, id);
    }

    function _busy(address who, bytes32 id, uint128 price, uint64 until) private {
        usd.mint(who, price);
        vm.startPrank(who);
        usd.approve(address(media), price);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.ClassBusy.selector, _id, DISPLAY, until));
        media.use(_id, id);
        vm.stopPrank();
    }

    function _revoke(address who, bytes32 id, uint128 purse) private returns (uint256 refund) {
        usd.mint(receiver, purse);
        vm.startPrank(receiver);
        usd.approve(address(media), purse);
        refund = media.revoke(_id, id, who);
        vm.stopPrank();
    }
}
