// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VaultBook} from "../../src/vault/VaultBook.sol";
import {RegistriesMerkle} from "../registries/RegistriesMerkle.sol";
import {HostileFixture} from "./HostileFixture.sol";
import {HostileVenue} from "./HostileVenue.sol";

/// What a decision must be, and when and by whom it must have been anchored, before an entry runs on it.
contract CommitmentTest is HostileFixture {
    uint256 private constant AMOUNT = 10_000e6;

    function setUp() public {
        _buildHostile();
    }

    function test_an_entry_needs_a_leaf_of_an_anchored_decision_and_uses_it_up() public {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_entry(AMOUNT));
        assertFalse(vault.leafUsed(root));
        _run(_entry(AMOUNT), permits, root, "");
        assertTrue(vault.leafUsed(root), "a tree of one leaf is the leaf");
        assertEq(hostile.position(), AMOUNT);
    }

    function test_every_field_of_the_leaf_is_bound(uint8 field) public {
        field = uint8(bound(field, 0, 7));
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_entry(AMOUNT));
        Vault.Action[] memory actions = _entry(AMOUNT);
        if (field == 0) permits[0].maxAssets++;
        if (field == 1) permits[0].expiry++;
        if (field == 2) permits[0].record = keccak256("another");
        if (field == 3) actions[0].venue = address(venue);
        if (field == 4) vm.chainId(block.chainid + 1);
        if (field == 5) _exit(_held(), 1); // the nonce moves on
        if (field == 6) permits[0].proof = new bytes32[](1);
        if (field == 7) {
            (vault, hostile) = (_newVault(usd), hostile); // another vault that trusts the same anchorer
            HostileVenue twin = _newHostile();
            _list(address(twin), CAP_BPS);
            _deposit(alice, 100_000e6);
            actions[0].venue = address(twin);
        }
        _run(actions, permits, root, _kind(IRules.NotInDecision.selector));
    }

    function test_a_leaf_of_a_venue_that_was_only_scored_allows_nothing() public {
        IRules.Permit[] memory permits = new IRules.Permit[](1);
        permits[0] = IRules.Permit(0, block.timestamp, "scored", new bytes32[](0));
        bytes memory fields =
            abi.encode(block.chainid, vault, hostile, false, 0, vault.nonce(), block.timestamp, bytes32("scored"));
        bytes32 root = keccak256(bytes.concat(keccak256(fields)));
        _anchor(root);
        _run(_entry(1), permits, root, abi.encodeWithSelector(IRules.OverPermit.selector, 1, 0));
        permits[0].maxAssets = 1;
        _run(_entry(1), permits, root, _kind(IRules.NotInDecision.selector));
    }

    function test_an_inner_node_is_no_leaf() public {
        Vault.Action[] memory two = new Vault.Action[](2);
        two[0] = Vault.Action(address(hostile), true, AMOUNT, 0, "");
        two[1] = Vault.Action(address(venue), true, AMOUNT, 0, "");
        (IRules.Permit[] memory permits, bytes32 root) = _decide(two);
        bytes32 left = _leaf(address(hostile), permits[0], 0);
        bytes32 right = _leaf(address(venue), permits[1], 0);
        assertEq(root, RegistriesMerkle.pair(left, right));
        permits[0].proof = new bytes32[](0); // the root itself, as if it were a leaf
        _run(two, permits, root, abi.encodeWithSelector(IRules.NotInDecision.selector, root, left));
    }

    function test_a_batch_of_many_entries_needs_a_leaf_for_each_in_order() public {
        Vault.Action[] memory actions = new Vault.Action[](3);
        actions[0] = Vault.Action(address(hostile), true, AMOUNT, 0, "");
        actions[1] = Vault.Action(_held(), false, 1_000, 0, "");
        actions[2] = Vault.Action(address(venue), true, 2 * AMOUNT, 0, "");
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        IRules.Permit[] memory swapped = new IRules.Permit[](2);
        (swapped[0], swapped[1]) = (permits[1], permits[0]);
        _run(actions, swapped, root, _kind(IRules.NotInDecision.selector));
        IRules.Permit[] memory fewer = new IRules.Permit[](1);
        fewer[0] = permits[0];
        _run(actions, fewer, root, abi.encodeWithSelector(Vault.PermitsMismatch.selector, 1, 2));
        IRules.Permit[] memory more = new IRules.Permit[](3);
        (more[0], more[1]) = (permits[0], permits[1]);
        _run(actions, more, root, abi.encodeWithSelector(Vault.PermitsMismatch.selector, 3, 2));
        _run(actions, permits, root, "");
    }

    function test_one_leaf_allows_one_entry_even_within_a_batch() public {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_entry(AMOUNT));
        Vault.Action[] memory twice = new Vault.Action[](2);
        twice[0] = Vault.Action(address(hostile), true, AMOUNT / 2, 0, "");
        twice[1] = twice[0];
        IRules.Permit[] memory same = new IRules.Permit[](2);
        (same[0], same[1]) = (permits[0], permits[0]);
        _run(twice, same, root, abi.encodeWithSelector(IRules.LeafUsed.selector, root));
    }

    function test_less_than_the_leaf_allows_may_be_spent_and_more_may_not(uint256 amount) public {
        amount = bound(amount, 1, 2 * AMOUNT);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_entry(AMOUNT));
        bytes memory err =
            amount > AMOUNT ? abi.encodeWithSelector(IRules.OverPermit.selector, amount, AMOUNT) : bytes("");
        _run(_entry(amount), permits, root, err);
    }

    function test_a_leaf_lasts_until_its_expiry_and_not_a_second_longer(uint32 late) public {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_entry(AMOUNT));
        bool passed = late > 0;
        vm.warp(permits[0].expiry + late);
        bytes4 kind = IRules.PermitExpired.selector;
        bytes memory err = passed ? abi.encodeWithSelector(kind, permits[0].expiry, block.timestamp) : bytes("");
        _run(_entry(AMOUNT), permits, root, err);
    }

    function test_the_root_must_be_anchored_by_the_anchorer_and_by_nobody_else() public {
        IRules.Permit[] memory permits = new IRules.Permit[](1);
        permits[0] = IRules.Permit(AMOUNT, block.timestamp, "r", new bytes32[](0));
        bytes32 root = _leaf(address(hostile), permits[0], 0);
        bytes memory never = abi.encodeWithSelector(Vault.NotAnchored.selector, root, 0);
        _run(_entry(AMOUNT), permits, root, never);
        address[3] memory others = [keeper, curator, mallory];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(others[i]);
            decisions.anchor(root, 1, "u");
            vm.roll(block.number + 1);
            _run(_entry(AMOUNT), permits, root, never);
        }
        _anchor(root);
        _run(_entry(AMOUNT), permits, root, "");
    }

    function test_the_root_must_be_old_enough_in_blocks(uint32 blocks, uint256 age) public {
        blocks = uint32(bound(blocks, 1, 100));
        age = bound(age, 0, 200);
        IRules.Limits memory limits = _limits();
        limits.anchorBlocks = blocks;
        _setLimits(limits);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_entry(AMOUNT)); // and a block passes
        uint256 at = decisions.anchoredAt(anchorer, root);
        vm.roll(at + age);
        bytes memory err = age < blocks ? abi.encodeWithSelector(Vault.NotAnchored.selector, root, at) : bytes("");
        _run(_entry(AMOUNT), permits, root, err);
    }

    function test_without_an_anchorer_nothing_is_entered_and_everything_can_be_left() public {
        address held = _held();
        (IRules.Permit[] memory permits, bytes32 root) = _decide(_entry(AMOUNT));
        vm.prank(guardian);
        vault.setAnchorer(address(0));
        _run(_entry(AMOUNT), permits, root, abi.encodeWithSelector(Vault.NotAnchored.selector, root, 0));
        assertGt(_exit(held, 1_000), 0);
    }

    function test_a_keeper_is_never_the_anchorer_and_has_no_other_role() public {
        bytes memory err = abi.encodeWithSelector(VaultBook.KeeperMustStandAlone.selector, keeper);
        bytes32[4] memory roles = [vault.KEEPER_ROLE(), vault.OWNER_ROLE(), vault.CURATOR_ROLE(), vault.GUARDIAN_ROLE()];
        vm.startPrank(owner);
        vm.expectRevert(err);
        vault.setAnchorer(keeper);
        for (uint256 i = 1; i < 4; ++i) {
            vm.expectRevert(err);
            vault.grantRole(roles[i], keeper);
        }
        address[4] memory others = [anchorer, owner, curator, guardian];
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectRevert(abi.encodeWithSelector(VaultBook.KeeperMustStandAlone.selector, others[i]));
            vault.grantRole(roles[0], others[i]);
        }
        vault.grantRole(roles[0], bob);
        assertTrue(vault.hasRole(roles[0], bob));
        vm.stopPrank();
        VaultBook.Setup memory setup = _setup(usd);
        setup.anchorer = keeper;
        vm.expectRevert(err);
        new Vault(setup);
    }

    /// The keeper's batch at the present nonce; `err` empty when it must pass.
    function _run(Vault.Action[] memory actions, IRules.Permit[] memory permits, bytes32 root, bytes memory err)
        private
    {
        uint256 nonce = vault.nonce();
        if (err.length == 4) vm.expectPartialRevert(bytes4(err));
        else if (err.length != 0) vm.expectRevert(err);
        vm.prank(keeper);
        vault.allocate(actions, permits, root, nonce, block.timestamp);
    }

    function _entry(uint256 amount) private view returns (Vault.Action[] memory) {
        return _one(address(hostile), true, amount, 0);
    }

    /// A venue that holds units at once, without any allocation.
    function _held() private returns (address) {
        HostileVenue held = _newHostile();
        _list(address(held), CAP_BPS);
        usd.mint(address(held), 1_000);
        vm.prank(address(vault));
        usd.approve(address(held), 1_000);
        deal(address(usd), address(vault), usd.balanceOf(address(vault)) + 1_000);
        held.enter(1_000, "");
        return address(held);
    }
}
