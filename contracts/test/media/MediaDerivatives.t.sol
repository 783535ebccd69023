// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplit} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {Kind, Parent, Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {RevenueSplit, RevenueSplitFactory} from "../../src/media/RevenueSplit.sol";
import {MediaFixture} from "./MediaFixture.sol";

/// Derivatives pay their parents, by the real splits. The parents: a model and a picture, of two other creators.
contract MediaDerivativesTest is MediaFixture {
    RevenueSplitFactory private _splits;
    address private _lab;
    address private _painter;
    address private _labRevenue = makeAddr("lab revenue");
    address private _painterRevenue = makeAddr("painter revenue");
    uint256 private _model;
    uint256 private _picture;
    bytes32 private _modelLicence;
    bytes32 private _pictureLicence;

    function setUp() public {
        _splits = new RevenueSplitFactory();
        _build(_splits, ICompliance(address(0)), ITransferValidator(address(0)));
        (_lab, _model, _modelLicence) = _parent("lab", Kind.Model, _labRevenue, 500);
        (_painter, _picture, _pictureLicence) = _parent("painter", Kind.Work, _painterRevenue, 2_000);
    }

    function test_a_derivatives_sales_and_uses_pay_its_parents() public {
        _use(creator, _model, _modelLicence);
        _use(creator, _picture, _pictureLicence);
        uint256 before = usd.balanceOf(_labRevenue);
        Terms memory t = _terms();
        t.parents = new Parent[](2);
        t.parents[0] = Parent(_model, _modelLicence, 500);
        t.parents[1] = Parent(_picture, _pictureLicence, 2_500); // more than it asks
        Provenance memory p = _provenance(creator, "collage");
        vm.expectEmit(address(media));
        emit MediaAsset.Derived(media.idOf(creator, "collage"), _model, _modelLicence, 500);
        vm.expectEmit(address(media));
        emit MediaAsset.Derived(media.idOf(creator, "collage"), _picture, _pictureLicence, 2_500);
        uint256 id = _mint(p, t);

        (address split,) = media.royaltyInfo(id, 1e6);
        (address to,) = media.revenueOf(id);
        assertEq(to, split);
        usd.mint(split, 100e6); // a sale's royalty, paid as ERC-2981 says
        bytes32 licence = _offer(id, _licence(900e6, 1 days));
        _use(makeAddr("advertiser"), id, licence);
        assertEq(usd.balanceOf(split), 1_000e6);
        assertEq(IRevenueSplit(split).release(address(usd), _labRevenue), 50e6);
        assertEq(IRevenueSplit(split).release(address(usd), _painterRevenue), 250e6);
        assertEq(IRevenueSplit(split).release(address(usd), revenue), 700e6);
        assertEq(usd.balanceOf(_labRevenue) - before, 50e6);
        assertEq(usd.balanceOf(split), 0);
    }

    /// A derivative of a derivative: the grandparent is paid through the parent's split.
    function test_splits_nest() public {
        _use(creator, _model, _modelLicence);
        uint256 child = _derive("child", _model, _modelLicence, 1_000);
        MediaLicences.Licence memory open = _licence(0, media.FOREVER());
        open.derivatives = true;
        bytes32 licence = _offer(child, open);
        _use(creator, child, licence);
        uint256 grandchild = _derive("grandchild", child, licence, 5_000);
        (address split,) = media.revenueOf(grandchild);
        (address parentSplit,) = media.revenueOf(child);
        uint256 before = usd.balanceOf(_labRevenue);
        usd.mint(split, 1_000e6);
        assertEq(IRevenueSplit(split).release(address(usd), parentSplit), 500e6);
        assertEq(IRevenueSplit(parentSplit).release(address(usd), _labRevenue), 50e6);
        assertEq(usd.balanceOf(_labRevenue) - before, 50e6);
    }

    /// Every share and every amount: nobody gets less than his part but for a unit of rounding, nothing is stuck.
    function testFuzz_each_parent_gets_its_declared_part(uint256 bps, uint256 amount) public {
        bps = bound(bps, 500, 9_999);
        amount = bound(amount, 0, 1e24);
        _use(creator, _model, _modelLicence);
        (address split,) = media.revenueOf(_derive("child", _model, _modelLicence, uint16(bps)));
        uint256 before = usd.balanceOf(_labRevenue);
        usd.mint(split, amount);
        IRevenueSplit(split).release(address(usd), _labRevenue);
        IRevenueSplit(split).release(address(usd), revenue);
        assertEq(usd.balanceOf(_labRevenue) - before, amount * bps / 10_000);
        assertLe(usd.balanceOf(split), 1);
    }

    function test_without_a_running_licence_there_is_no_derivative() public {
        _refused(_model, _modelLicence, 500, _notLicensed(_model, _modelLicence));
        _use(creator, _model, _modelLicence);
        _refused(_model, _pictureLicence, 500, _notLicensed(_model, _pictureLicence));
        _refused(_model, _modelLicence, 499, abi.encodeWithSelector(MediaLicences.BadShare.selector, 499));
        _refused(_model, _modelLicence, 10_000, abi.encodeWithSelector(MediaLicences.BadShare.selector, 10_000));
        _refused(7, _modelLicence, 500, abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 7));
        skip(30 days);
        _refused(_model, _modelLicence, 500, _notLicensed(_model, _modelLicence));
    }

    function test_a_licence_without_derivatives_does_not_allow_them() public {
        MediaLicences.Licence memory display = _licence(1e6, 30 days);
        bytes32 id = _offer(_model, display);
        _use(creator, _model, id);
        _refused(_model, id, 5_000, _notLicensed(_model, id));
    }

    /// The licence is the creator's; what a buyer of the derivative or a relayer holds does not count.
    function test_the_licence_must_be_the_creators_own() public {
        _use(mallory, _model, _modelLicence);
        _refused(_model, _modelLicence, 500, _notLicensed(_model, _modelLicence));
    }

    function test_the_parents_owner_derives_without_a_licence() public {
        vm.prank(_lab);
        media.transferFrom(_lab, creator, _model);
        uint256 id = _derive("own child", _model, 0, 1);
        (address split,) = media.revenueOf(id);
        (address[] memory payees, uint16[] memory shares) = RevenueSplit(split).terms();
        assertEq(payees[0], _labRevenue);
        assertEq(shares[0], 1);
        assertEq(payees[1], revenue);
        assertEq(shares[1], 9_999);
    }

    function test_a_revoked_licence_allows_no_more_derivatives_and_leaves_those_made() public {
        _use(creator, _model, _modelLicence);
        uint256 made = _derive("made in time", _model, _modelLicence, 500);
        usd.mint(_lab, 10e6);
        vm.startPrank(_lab);
        usd.approve(address(media), 10e6);
        media.revoke(_model, _modelLicence, creator);
        vm.stopPrank();
        _refused(_model, _modelLicence, 500, _notLicensed(_model, _modelLicence));
        assertEq(media.ownerOf(made), receiver);
    }

    function test_parents_are_few_and_leave_something() public {
        Terms memory t = _terms();
        t.parents = new Parent[](9);
        Provenance memory p = _provenance(creator, "child");
        bytes memory signature = _sign(creatorKey, p, t);
        vm.expectRevert(abi.encodeWithSelector(MediaAsset.TooManyParents.selector, 9, 8));
        media.mint(p, t, signature);
        vm.prank(_lab);
        media.transferFrom(_lab, creator, _model);
        t.parents = new Parent[](8);
        for (uint256 i = 0; i < 8; ++i) {
            t.parents[i] = Parent(_model, 0, 1_249); // the same parent may stand twice
        }
        (address split,) = media.revenueOf(_mint(p, t));
        usd.mint(split, 10_000);
        assertEq(IRevenueSplit(split).owed(address(usd), _labRevenue), 9_992);
        t.parents[0].shareBps = 1_257;
        p = _provenance(creator, "another child");
        signature = _sign(creatorKey, p, t);
        vm.expectRevert(abi.encodeWithSelector(MediaLicences.BadShare.selector, 10_000));
        media.mint(p, t, signature);
    }

    function _parent(string memory name, Kind kind, address revenue_, uint16 shareBps)
        private
        returns (address by, uint256 id, bytes32 licenceId)
    {
        uint256 key;
        (by, key) = makeAddrAndKey(name);
        Provenance memory p = _provenance(by, keccak256(bytes(name)));
        p.kind = kind;
        Terms memory t = _terms();
        (t.receiver, t.revenue) = (by, revenue_);
        id = media.mint(p, t, _sign(key, p, t));
        MediaLicences.Licence memory licence = _licence(10e6, 30 days);
        (licence.useClass, licence.derivatives, licence.revocable) = (keccak256("derive"), true, true);
        licence.derivativeBps = shareBps;
        licenceId = _offer(id, licence);
    }

    function _derive(bytes32 content, uint256 parent, bytes32 licence, uint16 shareBps) private returns (uint256) {
        Terms memory t = _terms();
        t.parents = new Parent[](1);
        t.parents[0] = Parent(parent, licence, shareBps);
        return _mint(_provenance(creator, content), t);
    }

    function _refused(uint256 parent, bytes32 licence, uint16 shareBps, bytes memory reason) private {
        Terms memory t = _terms();
        t.parents = new Parent[](1);
        t.parents[0] = Parent(parent, licence, shareBps);
        Provenance memory p = _provenance(creator, "refused");
        bytes memory signature = _sign(creatorKey, p, t);
        vm.expectRevert(reason);
        media.mint(p, t, signature);
    }

    function _notLicensed(uint256 parent, bytes32 licence) private view returns (bytes memory) {
        return abi.encodeWithSelector(MediaLicences.NotLicensed.selector, parent, licence, creator);
    }
}
