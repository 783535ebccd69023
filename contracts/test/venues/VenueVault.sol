// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IVenue} from "../../src/interfaces/IVenue.sol";
import {DecisionRegistry} from "../../src/registries/DecisionRegistry.sol";
import {DecisionLeaf} from "../../src/vault/DecisionLeaf.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VaultBook} from "../../src/vault/VaultBook.sol";

/// The real vault of dollars in which Alice has a million, with its roles and its decisions.
abstract contract VenueVault is Test {
    address internal owner = makeAddr("owner");
    address internal keeper = makeAddr("keeper");
    address internal anchorer = makeAddr("anchorer");
    address internal alice = makeAddr("alice");

    Vault internal vault;
    DecisionRegistry internal decisions;
    DevDollar private _money;
    uint256 private _records;

    function _openVault(DevDollar money) internal {
        _money = money;
        decisions = new DecisionRegistry();
        vault = _newVault();
        _depositAs(alice, 1_000_000e6);
    }

    function _newVault() internal returns (Vault) {
        IRules.Limits memory limits = IRules.Limits({
            minIdleBps: 1_000,
            turnoverBps: 4_000,
            lossBps: 100,
            drawdownBps: 2_000,
            performanceFeeBps: 0,
            epoch: 1 days,
            profitUnlock: 6 hours,
            staleGrace: 1 days,
            queueGrace: 3 days,
            anchorBlocks: 1,
            unpricedBudget: 5_000e6,
            minRequest: 1e6
        });
        return new Vault(
            VaultBook.Setup({
                asset: _money,
                name: "Patron Vault",
                symbol: "pVLT",
                owner: owner,
                curator: makeAddr("curator"),
                guardian: makeAddr("guardian"),
                keeper: keeper,
                anchorer: anchorer,
                feeRecipient: address(0),
                decisions: decisions,
                compliance: ICompliance(address(0)),
                limits: limits
            })
        );
    }

    function _depositAs(address who, uint256 assets) internal returns (uint256 shares) {
        _money.mint(who, assets);
        vm.startPrank(who);
        _money.approve(address(vault), assets);
        shares = vault.deposit(assets, who);
        vm.stopPrank();
    }

    function _list(IVenue venue, uint16 capBps, uint16 maxLossBps) internal {
        vm.startPrank(owner);
        vault.setGroupCap(1, 10_000);
        vault.setVenue(address(venue), 1, capBps, maxLossBps);
        vm.stopPrank();
    }

    /// The keeper enters; false when the vault refuses.
    function _tryEnter(IVenue venue, uint256 amount) internal returns (bool) {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(venue, amount);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(_one(venue, true, amount), permits, root, nonce, block.timestamp) {
            return true;
        } catch {
            return false;
        }
    }

    /// The keeper enters, and must.
    function _enter(IVenue venue, uint256 amount) internal returns (uint256 units) {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(venue, amount);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        return vault.allocate(_one(venue, true, amount), permits, root, nonce, block.timestamp)[0];
    }

    /// A decision of one leaf, anchored a block earlier.
    function _decide(IVenue venue, uint256 amount) internal returns (IRules.Permit[] memory permits, bytes32 root) {
        permits = new IRules.Permit[](1);
        permits[0] = IRules.Permit(amount, block.timestamp, bytes32(++_records), new bytes32[](0));
        root = DecisionLeaf.hash(
            address(vault), address(venue), true, amount, vault.nonce(), block.timestamp, permits[0].record
        );
        vm.prank(anchorer);
        decisions.anchor(root, 1, keccak256("universe"));
        vm.roll(block.number + 1);
    }

    function _leave(IVenue venue, uint256 units) internal returns (uint256 assets) {
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        return vault.allocate(_one(venue, false, units), new IRules.Permit[](0), 0, nonce, block.timestamp)[0];
    }

    function _one(IVenue venue, bool entry, uint256 amount) internal pure returns (Vault.Action[] memory actions) {
        actions = new Vault.Action[](1);
        actions[0] = Vault.Action(address(venue), entry, amount, 0, "");
    }
}
