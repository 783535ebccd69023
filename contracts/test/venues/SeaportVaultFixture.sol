// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IDecisionRegistry} from "../../src/interfaces/IDecisionRegistry.sol";
import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {DecisionRegistry} from "../../src/registries/DecisionRegistry.sol";
import {DecisionLeaf} from "../../src/vault/DecisionLeaf.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VaultBook} from "../../src/vault/VaultBook.sol";
import {SeaportVenue} from "../../src/venues/SeaportVenue.sol";
import {SeaportFixture} from "./SeaportFixture.sol";

/// The real vault with a Seaport venue: a million of alice's dollars, an unpriced budget of 20,000 a day. The keeper's
/// key belongs to the attacker, and the decisions that were committed to allow him as much as he likes.
abstract contract SeaportVaultFixture is SeaportFixture {
    uint256 internal constant DEPOSIT = 1_000_000e6;
    uint128 internal constant BUDGET = 20_000e6;
    uint32 internal constant EPOCH = 1 days;
    uint32 internal constant UNLOCK = 1 days;

    address internal anchorer = makeAddr("anchorer");
    address internal alice = makeAddr("alice");
    Vault internal vault;
    DecisionRegistry internal registry;

    function setUp() public virtual override {
        super.setUp();
        registry = new DecisionRegistry();
        vault = new Vault(
            VaultBook.Setup({
                asset: usd,
                name: "Patron Vault",
                symbol: "pVLT",
                owner: owner,
                curator: curator,
                guardian: guardian,
                keeper: keeper,
                anchorer: anchorer,
                feeRecipient: address(0),
                decisions: IDecisionRegistry(registry),
                compliance: ICompliance(address(0)),
                limits: IRules.Limits({
                    minIdleBps: 1_000,
                    turnoverBps: 4_000,
                    lossBps: 100,
                    drawdownBps: 9_000, // out of the way: the budget alone is to hold
                    performanceFeeBps: 0,
                    epoch: EPOCH,
                    profitUnlock: UNLOCK,
                    staleGrace: 1 days,
                    queueGrace: 1 days,
                    anchorBlocks: 1,
                    unpricedBudget: BUDGET,
                    minRequest: 1e6
                })
            })
        );
        venue = new SeaportVenue(address(vault), seaport, 0, address(0), DECAY, LISTING);
        escrow = venue.escrow();
        vm.startPrank(owner);
        vault.setVenue(address(venue), 1, 9_000, 1_000);
        vault.setGroupCap(1, 9_000);
        venue.setMaxPrice(address(art), MAX);
        vm.stopPrank();
        vm.prank(buyer);
        usd.approve(address(escrow), type(uint256).max);
        _deposit(alice, DEPOSIT);
    }

    function _deposit(address who, uint256 assets) internal returns (uint256 shares) {
        usd.mint(who, assets);
        vm.startPrank(who);
        usd.approve(address(vault), assets);
        shares = vault.deposit(assets, who);
        vm.stopPrank();
    }

    /// An entry that a decision of one leaf allows, anchored a block before. False when the vault refuses, and why.
    function _tryEnter(uint256 assets, bytes memory data) internal returns (bool done, bytes memory err) {
        (Vault.Action[] memory actions, IRules.Permit[] memory permits) =
            (new Vault.Action[](1), new IRules.Permit[](1));
        actions[0] = Vault.Action(address(venue), true, assets, 0, data);
        permits[0] = IRules.Permit(type(uint128).max, block.timestamp, bytes32(vm.getBlockNumber()), new bytes32[](0));
        uint256 nonce = vault.nonce();
        bytes32 leaf = DecisionLeaf.hash(
            address(vault), address(venue), true, permits[0].maxAssets, nonce, permits[0].expiry, permits[0].record
        );
        vm.prank(anchorer);
        registry.anchor(leaf, 1, keccak256("universe"));
        vm.roll(vm.getBlockNumber() + 1);
        vm.prank(keeper);
        try vault.allocate(actions, permits, leaf, nonce, block.timestamp) {
            return (true, "");
        } catch (bytes memory reason) {
            return (false, reason);
        }
    }

    function _tryExit(uint256 units, bytes memory data) internal returns (bool done, bytes memory err) {
        Vault.Action[] memory actions = new Vault.Action[](1);
        actions[0] = Vault.Action(address(venue), false, units, 0, data);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(actions, new IRules.Permit[](0), "exit", nonce, block.timestamp) {
            return (true, "");
        } catch (bytes memory reason) {
            return (false, reason);
        }
    }

    /// The seller's new piece, offered at `price` with the royalty in it, through the vault.
    function _vaultBuys(uint256 tokenId, uint256 price, uint256 bid) internal returns (bool done, bytes memory err) {
        art.mint(seller, tokenId);
        ISeaport.Order memory order = _signed(_listing(art, tokenId, price - price / 20, price / 20), sellerKey);
        return _tryEnter(price, _purchase(order, bid));
    }
}
