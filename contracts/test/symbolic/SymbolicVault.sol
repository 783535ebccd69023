// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {DecisionRegistry} from "../../src/registries/DecisionRegistry.sol";
import {DecisionLeaf} from "../../src/vault/DecisionLeaf.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Rules} from "../../src/vault/Rules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VaultBook} from "../../src/vault/VaultBook.sol";
import {Symbolic} from "./Symbolic.sol";

/// Role x function: what each role's holder can get through of what is not everybody's, with any arguments.
contract SymbolicVaultRoles is Symbolic {
    address private constant OWNER = address(0x1001);
    address private constant CURATOR = address(0x1002);
    address private constant GUARDIAN = address(0x1003);
    address private constant KEEPER = address(0x1004);
    address private constant ANCHORER = address(0x1005);
    Vault private vault;

    function setUp() public {
        IRules.Limits memory limits =
            IRules.Limits(1_000, 4_000, 100, 2_000, 500, 1 days, 6 hours, 1 days, 3 days, 5, 5_000e6, 1e6);
        vault = new Vault(
            VaultBook.Setup(
                new DevDollar(address(this)),
                "Vault",
                "V",
                OWNER,
                CURATOR,
                GUARDIAN,
                KEEPER,
                ANCHORER,
                address(0),
                new DecisionRegistry(),
                ICompliance(address(0)),
                limits
            )
        );
    }

    function check_nobody_without_a_role_gets_through(address caller) public {
        vm.assume(caller != OWNER && caller != CURATOR && caller != GUARDIAN && caller != KEEPER);
        _refusedAllBut(caller, new bytes4[](0));
    }

    function check_the_owner_neither_allocates_nor_pauses() public {
        bytes4[] memory own = new bytes4[](12);
        (own[0], own[1], own[2]) = (vault.unwind.selector, vault.unpause.selector, vault.forget.selector);
        (own[3], own[4], own[5]) = (vault.absorb.selector, vault.resetBreaker.selector, vault.grantRole.selector);
        own[6] = vault.revokeRole.selector;
        _tightening(own, 7);
        _refusedAllBut(OWNER, own);
    }

    function check_the_curator_only_tightens() public {
        bytes4[] memory own = new bytes4[](5);
        _tightening(own, 0);
        _refusedAllBut(CURATOR, own);
    }

    function check_the_guardian_only_tightens_pauses_and_unwinds() public {
        bytes4[] memory own = new bytes4[](7);
        (own[5], own[6]) = (vault.pause.selector, vault.unwind.selector);
        _tightening(own, 0);
        _refusedAllBut(GUARDIAN, own);
    }

    function check_the_keeper_only_allocates() public {
        bytes4[] memory own = new bytes4[](1);
        own[0] = vault.allocate.selector;
        _refusedAllBut(KEEPER, own);
    }

    /// What curator and guardian get through leaves every limit as tight as it was.
    function check_curator_and_guardian_only_tighten_limits(bool curator, IRules.Limits memory to) public {
        IRules.Limits memory from = vault.limits();
        vm.prank(curator ? CURATOR : GUARDIAN);
        (bool ok,) = address(vault).call(abi.encodeCall(vault.setLimits, (to)));
        if (!ok) return;
        assert(to.minIdleBps >= from.minIdleBps && to.turnoverBps <= from.turnoverBps && to.lossBps <= from.lossBps);
        assert(to.drawdownBps <= from.drawdownBps && to.performanceFeeBps <= from.performanceFeeBps);
        assert(to.epoch >= from.epoch && to.anchorBlocks >= from.anchorBlocks);
        assert(to.unpricedBudget <= from.unpricedBudget && to.minRequest == from.minRequest);
        assert(to.profitUnlock == from.profitUnlock && to.staleGrace == from.staleGrace);
        assert(to.queueGrace == from.queueGrace);
    }

    function check_curator_and_guardian_name_no_anchorer_but_nobody(bool curator, address anchorer) public {
        vm.prank(curator ? CURATOR : GUARDIAN);
        (bool ok,) = address(vault).call(abi.encodeCall(vault.setAnchorer, (anchorer)));
        assert(!ok || anchorer == address(0));
    }

    function check_the_keeper_is_never_the_anchorer(address anchorer) public {
        vm.prank(OWNER);
        (bool ok,) = address(vault).call(abi.encodeCall(vault.setAnchorer, (anchorer)));
        assert(!ok || !vault.hasRole(vault.KEEPER_ROLE(), anchorer));
        bytes32 role = vault.KEEPER_ROLE();
        address account = vault.anchorer();
        vm.prank(OWNER);
        (ok,) = address(vault).call(abi.encodeCall(vault.grantRole, (role, account)));
        assert(!ok || account == address(0));
    }

    /// What owner, curator and guardian may all call; for the latter two a tightening only.
    function _tightening(bytes4[] memory own, uint256 at) private view {
        (own[at], own[at + 1]) = (vault.setVenue.selector, vault.delist.selector);
        (own[at + 2], own[at + 3]) = (vault.setGroupCap.selector, vault.setLimits.selector);
        own[at + 4] = vault.setAnchorer.selector;
    }

    /// Any function of the vault, with any arguments, but for everybody's and those named.
    function _refusedAllBut(address caller, bytes4[] memory own) private {
        bytes memory data = svm.createCalldata("Vault");
        bytes4 selector = bytes4(data);
        bool named = _isEverybodys(selector);
        for (uint256 i = 0; i < own.length; ++i) {
            named = named || selector == own[i];
        }
        vm.assume(!named);
        vm.prank(caller);
        (bool ok,) = address(vault).call(data);
        assert(!ok);
    }

    function _isEverybodys(bytes4 selector) private view returns (bool) {
        bool shares = selector == vault.transfer.selector || selector == vault.transferFrom.selector
            || selector == vault.approve.selector || selector == vault.seize.selector;
        bool inAndOut = selector == vault.deposit.selector || selector == vault.mint.selector
            || selector == vault.withdraw.selector || selector == bytes4(keccak256("redeem(uint256,address,address)"))
            || selector == bytes4(keccak256("redeem(uint256,address,address,uint256)"));
        bool queue = selector == vault.requestRedeem.selector || selector == vault.cancel.selector
            || selector == vault.settle.selector || selector == vault.claim.selector
            || selector == vault.unwindForQueue.selector;
        return shares || inAndOut || queue || selector == vault.refresh.selector || selector == vault.collect.selector
            || selector == vault.renounceRole.selector;
    }
}

/// The rule that a leaf allows one entry, on the vault's own library.
contract SymbolicLeaf is Symbolic {
    using Rules for Rules.Book;

    Rules.Book private book;

    function use(IRules.Permit calldata permit, address venue, uint256 amount, bytes32 decision, uint256 nonce)
        external
    {
        book.usePermit(permit, venue, amount, decision, nonce);
    }

    /// Whatever decision, proof and amount come with it, a leaf that was used is refused.
    function check_a_leaf_is_used_once(
        IRules.Permit memory permit,
        address venue,
        uint256 nonce,
        uint256[2] memory amounts,
        bytes32[2] memory decisions,
        bytes32[] memory otherProof
    ) public {
        (bool ok,) = _use(permit, venue, amounts[0], decisions[0], nonce);
        vm.assume(ok);
        permit.proof = otherProof;
        (ok,) = _use(permit, venue, amounts[1], decisions[1], nonce);
        assert(!ok);
    }

    /// What passes is within its permit, in time and under its decision.
    function check_an_entry_stays_within_its_permit(
        IRules.Permit memory permit,
        address venue,
        uint256 nonce,
        uint256 amount
    ) public {
        permit.proof = new bytes32[](0);
        bytes32 leaf =
            DecisionLeaf.hash(address(this), venue, true, permit.maxAssets, nonce, permit.expiry, permit.record);
        bytes32 decision = svm.createBytes32("decision");
        (bool ok,) = _use(permit, venue, amount, decision, nonce);
        assert(!ok || (amount <= permit.maxAssets && block.timestamp <= permit.expiry && decision == leaf));
    }

    function _use(IRules.Permit memory permit, address venue, uint256 amount, bytes32 decision, uint256 nonce)
        private
        returns (bool, bytes memory)
    {
        return address(this).call(abi.encodeCall(this.use, (permit, venue, amount, decision, nonce)));
    }
}
