// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Vm} from "forge-std/Vm.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaAnchors} from "../../src/media/MediaAnchors.sol";
import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {MediaTraits} from "../../src/media/MediaTraits.sol";
import {Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {MediaFixture} from "./MediaFixture.sol";
import {MediaTree} from "./MediaTree.sol";

/// Two creators, four people who own, license and act as agents, and a forger. It keeps its own book of what must be; a
/// call that passes or fails against the book reverts here, and the run fails.
contract MediaHandler is MediaFixture {
    using MediaTree for bytes32[];

    struct Grant {
        uint256 asset;
        bytes32 licence;
        address licensee;
        uint64 until;
        uint64 busyUntil; // its class counts it as running until then
    }

    uint256[] public assets;
    Grant[] public grants;
    uint256 public forgeriesRefused;
    uint256 public exclusivesGranted;
    mapping(uint256 asset => bytes32) public recordOf; // keccak256 of the provenance
    mapping(uint256 asset => address) public ownerOf;
    mapping(uint256 asset => address) public agentOf;
    mapping(uint256 asset => bytes32) public headOf;
    mapping(uint256 asset => uint64) public changesOf;
    mapping(uint256 asset => mapping(bytes32 key => bytes32)) public traitOf;
    mapping(uint256 asset => uint256) public earned;
    mapping(address who => uint256) public purse;
    address[4] public people;
    MediaAsset private immutable _twin; // the same code at another address
    uint256[2] private _keys;
    address[2] private _creators;
    mapping(uint256 asset => mapping(bytes32 licence => bool)) private _offered;
    uint256[2][] private _offers; // asset and kind of each offer ever made

    constructor() {
        _build(IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)));
        _twin = new MediaAsset(
            _setup(usd, IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)))
        );
        for (uint256 i = 0; i < 4; ++i) {
            people[i] = makeAddr(string.concat("person ", vm.toString(i)));
            vm.prank(people[i]);
            usd.approve(address(media), type(uint256).max);
            usd.mint(people[i], 1e15);
            purse[people[i]] = 1e15;
        }
        (_creators, _keys) = ([creator, mallory], [creatorKey, malloryKey]);
    }

    function collection() external view returns (MediaAsset) {
        return media;
    }

    function money() external view returns (IERC20) {
        return usd;
    }

    function assetCount() external view returns (uint256) {
        return assets.length;
    }

    function grantCount() external view returns (uint256) {
        return grants.length;
    }

    function revenueFor(uint256 asset) public pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode("revenue", asset)))));
    }

    function mints(uint256 who, uint256 content, uint256 person, uint16 royaltyBps, bool byBatch) external {
        (uint256 id, Provenance memory p, Terms memory t) = _work(who % 2, content, person);
        t.royaltyBps = royaltyBps % 1_100;
        bytes memory reason;
        if (recordOf[id] != 0) reason = abi.encodeWithSelector(MediaAsset.AlreadyMinted.selector, id);
        if (t.royaltyBps > 1_000) {
            reason = abi.encodeWithSelector(MediaAsset.RoyaltyTooHigh.selector, t.royaltyBps, 1_000);
        }
        bytes memory call = byBatch ? _fromBatch(p, t) : _fromSignature(_keys[who % 2], p, t);
        if (!_does(address(this), call, reason)) return;
        assets.push(id);
        (recordOf[id], ownerOf[id], agentOf[id]) = (keccak256(abi.encode(p)), t.receiver, t.agent);
    }

    /// A signature or a leaf of another chain, contract, creator or receiver, or an inner node as a leaf.
    function forges(uint256 who, uint256 content, uint256 person, uint256 how) external {
        (who, person) = (who % 2, person % 4);
        (, Provenance memory p, Terms memory t) = _work(who, content, person);
        uint256 key = _keys[who];
        bytes memory signature = _sign(key, p, t);
        bytes32[] memory digests = new bytes32[](4);
        for (uint256 i = 0; i < 4; ++i) {
            digests[i] = keccak256(abi.encode(media.digestOf(p, t), i));
        }
        how %= 6;
        if (how == 0) signature = _signFor(key, block.chainid + 1, media, p, t);
        if (how == 1) signature = _signFor(key, block.chainid, _twin, p, t);
        if (how == 2) t.receiver = people[(person + 1) % 4];
        if (how == 3) p.creator = _creators[1 - who];
        if (how == 4) p.creator = address(uint160(content | 1 << 159));
        if (how == 5) signature = "";
        _does(
            address(this),
            abi.encodeCall(media.mint, (p, t, signature)),
            abi.encodeWithSelector(MediaAsset.BadSignature.selector, p.creator)
        );
        // The tree holds the forged digest in no leaf; every node's proof is tried.
        bytes32[] memory tree = digests.build();
        _anchor(p.creator, tree[0]);
        _does(
            address(this),
            abi.encodeCall(media.mintFromBatch, (p, t, tree[0], tree.proofOfNode(how))),
            abi.encodeWithSelector(MediaAnchors.NotAnchored.selector, p.creator, tree[0], media.digestOf(p, t))
        );
        forgeriesRefused += 2;
    }

    function setsTrait(uint256 asset, uint256 person, bool key, bytes32 value) external {
        if (assets.length == 0) return;
        asset = assets[asset % assets.length];
        address who = person % 8 < 4 ? agentOf[asset] : people[person % 4];
        bytes32 traitKey = key ? MOOD : LEVEL;
        bytes memory reason;
        if (who != agentOf[asset]) reason = abi.encodeWithSelector(MediaTraits.NotAgent.selector, asset, who);
        vm.recordLogs();
        if (!_does(who, abi.encodeCall(media.setTrait, (asset, traitKey, value)), reason)) return;
        // The book is kept from the events alone.
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (, bytes32 told) = abi.decode(logs[0].data, (uint256, bytes32));
        (address by, uint256 at,) = abi.decode(logs[1].data, (address, uint256, bytes32));
        bytes32 toldKey = logs[0].topics[1];
        headOf[asset] = keccak256(abi.encode(headOf[asset], ++changesOf[asset], toldKey, told, by, at));
        traitOf[asset][toldKey] = told;
    }

    function setsAgent(uint256 asset, uint256 person, uint256 agent_) external {
        if (assets.length == 0) return;
        asset = assets[asset % assets.length];
        address who = people[person % 4];
        if (_does(who, abi.encodeCall(media.setAgent, (asset, people[agent_ % 4])), _notOwner(asset, who))) {
            agentOf[asset] = people[agent_ % 4];
        }
    }

    function transfers(uint256 asset, uint256 person) external {
        if (assets.length == 0) return;
        asset = assets[asset % assets.length];
        address to = people[person % 4];
        _does(ownerOf[asset], abi.encodeCall(media.transferFrom, (ownerOf[asset], to, asset)), "");
        ownerOf[asset] = to;
    }

    function offers(uint256 asset, uint256 person, uint256 kind, bool open) external {
        if (assets.length == 0) return;
        asset = assets[asset % assets.length];
        address who = person % 8 < 4 ? ownerOf[asset] : people[person % 4];
        bytes32 id = keccak256(abi.encode(_kind(kind)));
        bytes memory reason = _notOwner(asset, who);
        if (reason.length == 0 && !open && !_offered[asset][id]) {
            reason = abi.encodeWithSelector(MediaLicences.NotOffered.selector, asset, id);
        }
        bytes memory call =
            open ? abi.encodeCall(media.offer, (asset, _kind(kind))) : abi.encodeCall(media.withdraw, (asset, id));
        if (!_does(who, call, reason)) return;
        _offered[asset][id] = open;
        if (open) _offers.push([asset, kind]);
    }

    /// Mostly something that was offered once.
    function uses(uint256 asset, uint256 person, uint256 kind, bool blind) external {
        if (assets.length == 0) return;
        asset = assets[asset % assets.length];
        if (!blind && _offers.length > 0) {
            (asset, kind) = (_offers[kind % _offers.length][0], _offers[kind % _offers.length][1]);
        }
        address who = people[person % 4];
        MediaLicences.Licence memory licence = _kind(kind);
        bytes32 id = keccak256(abi.encode(licence));
        bytes memory reason;
        uint64 busy = _busyUntil(asset, licence.useClass, licence.exclusive);
        if (busy > block.timestamp) {
            reason = abi.encodeWithSelector(MediaLicences.ClassBusy.selector, asset, licence.useClass, busy);
        }
        if (!_offered[asset][id]) reason = abi.encodeWithSelector(MediaLicences.NotOffered.selector, asset, id);
        if (!_does(who, abi.encodeCall(media.use, (asset, id)), reason)) return;
        uint64 until = licence.term == media.FOREVER() ? type(uint64).max : uint64(block.timestamp + licence.term);
        grants.push(Grant(asset, id, who, until, until));
        earned[asset] += licence.price;
        purse[who] -= licence.price;
        if (licence.exclusive) exclusivesGranted++;
    }

    function revokes(uint256 grant, uint256 person) external {
        if (grants.length == 0) return;
        Grant storage g = grants[_latest(grant % grants.length)];
        address who = person % 8 < 4 ? ownerOf[g.asset] : people[person % 4];
        (, uint128 price, uint40 term,, bool exclusive,, bool revocable) = media.licences(g.asset, g.licence);
        bytes memory reason;
        if (g.until <= block.timestamp) {
            reason = abi.encodeWithSelector(MediaLicences.NotLicensed.selector, g.asset, g.licence, g.licensee);
        }
        if (!revocable) reason = abi.encodeWithSelector(MediaLicences.NotRevocable.selector, g.licence);
        if (_notOwner(g.asset, who).length > 0) reason = _notOwner(g.asset, who);
        if (!_does(who, abi.encodeCall(media.revoke, (g.asset, g.licence, g.licensee)), reason)) return;
        uint256 refund = term == media.FOREVER() ? price : (price * (g.until - block.timestamp) + term - 1) / term;
        purse[who] -= refund;
        purse[g.licensee] += refund;
        g.until = uint64(block.timestamp);
        if (exclusive) g.busyUntil = g.until;
    }

    function waits(uint256 seconds_) external {
        skip(bound(seconds_, 1, 20 days));
    }

    /// Calls as `who`. The outcome must be the one that the book foretells: success, or exactly this revert.
    function _does(address who, bytes memory call, bytes memory reason) private returns (bool ok) {
        bytes memory answer;
        vm.prank(who);
        (ok, answer) = address(media).call(call);
        require(ok == (reason.length == 0), ok ? "passed against the book" : "refused against the book");
        if (!ok) assertEq(answer, reason);
    }

    /// The creator anchors a batch of three, this work in the middle.
    function _fromBatch(Provenance memory p, Terms memory t) private returns (bytes memory call) {
        bytes32[] memory digests = new bytes32[](3);
        (digests[0], digests[1], digests[2]) = ("other", media.digestOf(p, t), "another");
        bytes32[] memory tree = digests.build();
        _anchor(p.creator, tree[0]);
        return abi.encodeCall(media.mintFromBatch, (p, t, tree[0], tree.proof(1)));
    }

    function _fromSignature(uint256 key, Provenance memory p, Terms memory t) private view returns (bytes memory) {
        return abi.encodeCall(media.mint, (p, t, _sign(key, p, t)));
    }

    function _anchor(address by, bytes32 root) private {
        if (media.anchoredAt(by, root) != 0) return;
        vm.prank(by);
        media.anchorBatch(root, 3);
    }

    function _work(uint256 who, uint256 content, uint256 person)
        private
        view
        returns (uint256 id, Provenance memory p, Terms memory t)
    {
        p = _provenance(_creators[who], bytes32(content % 3));
        p.pixelHash = bytes32(content);
        id = media.idOf(p.creator, p.contentHash);
        t = _terms();
        (t.receiver, t.agent, t.revenue) = (people[person % 4], people[person / 4 % 4], revenueFor(id));
    }

    function _kind(uint256 kind) private view returns (MediaLicences.Licence memory licence) {
        licence = _licence(uint128(100e6 + kind % 6), uint40(kind % 6) * 7 days);
        licence.useClass = kind % 2 == 0 ? DISPLAY : keccak256("training");
        licence.exclusive = kind % 6 > 3;
        licence.revocable = kind % 3 != 0;
        if (kind % 6 == 2) licence.term = media.FOREVER();
    }

    function _notOwner(uint256 asset, address who) private view returns (bytes memory) {
        if (who == ownerOf[asset]) return "";
        return abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, who, asset, ownerOf[asset]);
    }

    /// Latest second until which a licence of the class runs; only an exclusive one is in the way of a plain one.
    function _busyUntil(uint256 asset, bytes32 useClass, bool exclusive) private view returns (uint64 until) {
        for (uint256 i = 0; i < grants.length; ++i) {
            if (grants[i].asset != asset) continue;
            (bytes32 class,,,, bool alone,,) = media.licences(asset, grants[i].licence);
            if (class == useClass && (alone || exclusive) && grants[i].busyUntil > until) until = grants[i].busyUntil;
        }
    }

    /// The last grant of the same licence to the same person stands for all of them.
    function _latest(uint256 grant) private view returns (uint256 latest) {
        Grant memory g = grants[grant];
        for (uint256 i = grant; i < grants.length; ++i) {
            Grant memory h = grants[i];
            if (h.asset == g.asset && h.licence == g.licence && h.licensee == g.licensee) latest = i;
        }
    }

    function _signFor(uint256 key, uint256 chain, MediaAsset at, Provenance memory p, Terms memory t)
        private
        returns (bytes memory signature)
    {
        (uint256 here, MediaAsset real) = (block.chainid, media);
        vm.chainId(chain);
        media = at;
        signature = _sign(key, p, t);
        media = real;
        vm.chainId(here);
    }
}
