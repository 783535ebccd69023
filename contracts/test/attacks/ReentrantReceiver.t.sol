// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Vm} from "forge-std/Vm.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {MediaAsset} from "../../src/media/MediaAsset.sol";
import {MediaLicences} from "../../src/media/MediaLicences.sol";
import {Provenance, Terms} from "../../src/media/ProvenanceHash.sol";
import {MediaFixture} from "../media/MediaFixture.sol";
import {MediaTree} from "../media/MediaTree.sol";
import {Bound} from "./Bound.sol";

/// Money that tells both sides of a transfer about it, before and after, as ERC-777 does.
contract ReentrantMoney is ERC20("Callback", "CALL") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        _tell(from);
        super._update(from, to, amount);
        _tell(to);
    }

    function _tell(address who) private {
        if (who.code.length > 0) ReentrantActor(who).onMoney();
    }
}

/// Owner, licensee, revenue address, signer and receiver in one, with calls to make whenever it is called.
contract ReentrantActor {
    MediaAsset private immutable _media;
    bytes[] private _calls;
    bool private _inside;
    uint256 public passed; // calls that got through from inside

    constructor(MediaAsset media, ReentrantMoney money) {
        _media = media;
        money.approve(address(media), type(uint256).max);
    }

    function arm(bytes[] calldata calls) external {
        delete _calls;
        for (uint256 i = 0; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
    }

    function go(bytes calldata call) external returns (bool ok) {
        (ok,) = address(_media).call(call);
    }

    function onMoney() external {
        _reenter();
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        _reenter();
        return this.onERC721Received.selector;
    }

    /// Says yes to everything; the call comes as a static one, so that re-entering can change nothing.
    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        (bool ok,) = address(this).call{gas: 500_000}(abi.encodeCall(this.onMoney, ()));
        ok; // a static call cannot write: it burns the gas it was given, and must not take the answer with it
        return this.isValidSignature.selector;
    }

    function _reenter() private {
        if (_inside) return;
        _inside = true;
        for (uint256 i = 0; i < _calls.length; ++i) {
            (bool ok,) = address(_media).call(_calls[i]);
            if (ok) passed++;
        }
        _inside = false;
    }
}

/// Re-entry from every callback the collection makes: onERC721Received, the ERC-1271 signer, the money on both sides. From
/// each, every ordered pair of calls is tried; the worst outcome for the victim is kept.
contract ReentrantReceiverAttackTest is MediaFixture {
    uint128 private constant PRICE = 100e18;

    ReentrantMoney private _money;
    ReentrantActor private _actor;
    address private _alice = makeAddr("alice");
    uint256 private _id;
    bytes32 private _plain;
    bytes32 private _alone;
    bytes[] private _moves;

    function setUp() public {
        _build(IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)));
        _money = new ReentrantMoney();
        media = new MediaAsset(
            _setup(_money, IRevenueSplitFactory(address(0)), ICompliance(address(0)), ITransferValidator(address(0)))
        );
        _actor = new ReentrantActor(media, _money);
        (receiver, agent) = (address(_actor), address(_actor));
    }

    /// More than one token of one content, or a token whose record is not the signed one.
    function test_attack_minting_again_from_the_receivers_callback() public {
        (uint256 best, uint256 passed) = (0, 0);
        for (uint256 signer = 0; signer < 2; ++signer) {
            // The attacker may be the creator too, by its own key or as a contract that says yes to everything.
            address by = signer == 0 ? mallory : address(_actor);
            Provenance memory p = _provenance(by, "a picture");
            (Terms memory t, Terms memory other) = (_terms(), _terms());
            other.receiver = mallory;
            Provenance memory changed = _provenance(by, "a picture");
            changed.fileHash = "changed";
            uint256 id = media.idOf(by, p.contentHash);
            bytes32 root = MediaTree.leaf(media.digestOf(p, other));
            vm.prank(by);
            media.anchorBatch(root, 1);
            delete _moves;
            _moves.push(abi.encodeCall(media.mint, (p, t, _sign(malloryKey, p, t))));
            _moves.push(abi.encodeCall(media.mint, (p, other, _sign(malloryKey, p, other))));
            _moves.push(abi.encodeCall(media.mint, (changed, t, _sign(malloryKey, changed, t))));
            _moves.push(abi.encodeCall(media.mintFromBatch, (p, other, root, new bytes32[](0))));
            _moves.push(abi.encodeCall(media.transferFrom, (address(_actor), mallory, id)));
            _moves.push(abi.encodeCall(media.setTrait, (id, MOOD, "inside")));
            for (uint256 pair = 0; pair < _moves.length ** 2; ++pair) {
                uint256 state = vm.snapshotState();
                _arm(pair);
                assertTrue(_actor.go(_moves[0]));
                passed += _actor.passed();
                uint256 tokens = media.balanceOf(address(_actor)) + media.balanceOf(mallory);
                bool same = keccak256(abi.encode(media.provenanceOf(id))) == keccak256(abi.encode(p));
                best = _max(best, tokens - 1 + (same ? 0 : 1));
                vm.revertToState(state);
            }
        }
        assertGt(passed, 0, "no call got through: the attack is empty");
        Bound.judge("re-entrant mint", best, 0, "assets too many or altered");
    }

    /// The attacker owns the asset and takes licences to it; its revenue belongs to others.
    function test_attack_taking_licences_unpaid_from_the_moneys_callback() public {
        _asset(revenue);
        (uint256 best, uint256 passed) = (0, 0);
        for (uint256 pair = 0; pair < _moves.length ** 2; ++pair) {
            uint256 state = vm.snapshotState();
            _money.mint(address(_actor), 10 * PRICE);
            _arm(pair);
            vm.recordLogs();
            _actor.go(abi.encodeCall(media.use, (_id, _plain)));
            passed += _actor.passed();
            best = _max(best, _priced(vm.getRecordedLogs()) - _money.balanceOf(revenue));
            // Two at once in a class of which one is exclusive: counted as a whole price lost.
            bool two = media.licensedUntil(_id, _plain, address(_actor)) > block.timestamp
                && media.licensedUntil(_id, _alone, address(_actor)) > block.timestamp;
            if (two) best = _max(best, PRICE);
            vm.revertToState(state);
        }
        assertGt(passed, 0, "no call got through: the attack is empty");
        Bound.judge("re-entrant licensee", best, 0, "raw units of licences unpaid");
    }

    /// The attacker owns the asset and is its revenue address; an honest licensee pays.
    function test_attack_robbing_the_licensee_from_the_revenues_callback() public {
        _asset(address(_actor));
        (uint256 best, uint256 passed) = (0, 0);
        for (uint256 pair = 0; pair < _moves.length ** 2; ++pair) {
            uint256 state = vm.snapshotState();
            _money.mint(address(_actor), 10 * PRICE);
            _money.mint(_alice, PRICE);
            _arm(pair);
            vm.startPrank(_alice);
            _money.approve(address(media), PRICE);
            try media.use(_id, _plain) {} catch {}
            vm.stopPrank();
            passed += _actor.passed();
            bool runs = media.licensedUntil(_id, _plain, _alice) > block.timestamp;
            if (!runs) best = _max(best, PRICE - _money.balanceOf(_alice));
            vm.revertToState(state);
        }
        assertGt(passed, 0, "no call got through: the attack is empty");
        Bound.judge("re-entrant revenue address", best, 0, "raw units of the licensee's");
    }

    /// Mints, uses and revocations are closed while one of them runs, also for what has nothing to do with it.
    function test_guarded_functions_are_closed_to_every_callback() public {
        _asset(address(_actor));
        (Provenance memory first, Provenance memory p) = (_provenance(mallory, "first"), _provenance(mallory, "second"));
        Terms memory t = _terms();
        bytes32 root = MediaTree.leaf(media.digestOf(p, t));
        vm.prank(mallory);
        media.anchorBatch(root, 1);
        bytes[] memory calls = new bytes[](4);
        calls[0] = abi.encodeCall(media.mint, (p, t, _sign(malloryKey, p, t)));
        calls[1] = abi.encodeCall(media.mintFromBatch, (p, t, root, new bytes32[](0)));
        calls[2] = abi.encodeCall(media.use, (_id, _plain));
        calls[3] = abi.encodeCall(media.revoke, (_id, _plain, _alice));
        _actor.arm(calls);
        _money.mint(_alice, PRICE);
        vm.startPrank(_alice);
        _money.approve(address(media), PRICE);
        media.use(_id, _plain); // calls the actor as its revenue address
        vm.stopPrank();
        media.mint(first, t, _sign(malloryKey, first, t)); // and as the receiver
        assertEq(_actor.passed(), 0);
        _actor.arm(new bytes[](0));
        for (uint256 i = 0; i < 4; ++i) {
            if (i != 1) assertTrue(_actor.go(calls[i]), "passes from outside");
        }
    }

    /// An asset of the attacker's, a plain and an exclusive licence to it, and everything it can call.
    function _asset(address revenue_) private {
        Provenance memory p = _provenance(creator, "a picture");
        Terms memory t = _terms();
        t.revenue = revenue_;
        _id = media.mint(p, t, _sign(creatorKey, p, t));
        MediaLicences.Licence memory licence = _licence(PRICE, 30 days);
        licence.revocable = true;
        _plain = _offer(_id, licence);
        MediaLicences.Licence memory exclusive = _licence(PRICE, 30 days);
        exclusive.exclusive = true;
        _alone = _offer(_id, exclusive);
        MediaLicences.Licence memory free = _licence(0, 30 days);
        _moves.push(abi.encodeCall(media.use, (_id, _plain)));
        _moves.push(abi.encodeCall(media.use, (_id, _alone)));
        _moves.push(abi.encodeCall(media.revoke, (_id, _plain, address(_actor))));
        _moves.push(abi.encodeCall(media.revoke, (_id, _plain, _alice)));
        _moves.push(abi.encodeCall(media.withdraw, (_id, _plain)));
        _moves.push(abi.encodeCall(media.offer, (_id, free)));
        _moves.push(abi.encodeCall(media.use, (_id, keccak256(abi.encode(free)))));
        _moves.push(abi.encodeCall(media.transferFrom, (address(_actor), mallory, _id)));
        _moves.push(abi.encodeCall(media.setTrait, (_id, MOOD, "inside")));
    }

    function _arm(uint256 pair) private {
        bytes[] memory calls = new bytes[](2);
        (calls[0], calls[1]) = (_moves[pair % _moves.length], _moves[pair / _moves.length]);
        _actor.arm(calls);
    }

    /// What the granted licences cost in sum, by their events.
    function _priced(Vm.Log[] memory logs) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != MediaLicences.Licensed.selector) continue;
            (, uint256 price) = abi.decode(logs[i].data, (uint64, uint256));
            sum += price;
        }
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
