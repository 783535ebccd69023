// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {DecisionRegistry} from "../../src/registries/DecisionRegistry.sol";
import {DecisionLeaf} from "../../src/vault/DecisionLeaf.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VaultBook} from "../../src/vault/VaultBook.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {RegistriesMerkle} from "../registries/RegistriesMerkle.sol";
import {V3Market} from "../venues/V3Market.sol";

/// A vault of dollars (6 decimals) with one venue on a real Uniswap V3 pool whose band holds about 39 million dollars, so
/// that an entry of a tenth of the vault measures a loss of two pool fees and little more.
abstract contract VaultFixture is V3Market {
    uint256 internal constant BPS = 10_000;
    uint32 internal constant GROUP = 1;
    uint16 internal constant CAP_BPS = 3_000;
    uint16 internal constant MAX_LOSS_BPS = 300;

    address internal owner = makeAddr("owner");
    address internal curator = makeAddr("curator");
    address internal guardian = makeAddr("guardian");
    address internal keeper = makeAddr("keeper");
    address internal anchorer = makeAddr("anchorer");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal feeTo;
    ICompliance internal compliance;

    Vault internal vault;
    DecisionRegistry internal decisions;
    UniswapV3Hold internal venue;
    uint256 private _records;

    /// Everything ready: the venue is listed, priced and empty, and Alice has deposited a million dollars.
    function _build(bool assetIsToken0) internal {
        _buildMarket(assetIsToken0);
        decisions = new DecisionRegistry();
        vault = _newVault(usd);
        _admit(address(vault));
        venue = _newHold(pool);
        _list(address(venue), CAP_BPS);
        vm.warp(block.timestamp + AGE);
        _deposit(alice, 1_000_000e6);
    }

    function _newVault(IERC20 asset) internal returns (Vault) {
        return new Vault(_setup(asset));
    }

    function _setup(IERC20 asset) internal view returns (VaultBook.Setup memory) {
        return VaultBook.Setup({
            asset: asset,
            name: "Patron Vault",
            symbol: "pVLT",
            owner: owner,
            curator: curator,
            guardian: guardian,
            keeper: keeper,
            anchorer: anchorer,
            feeRecipient: feeTo,
            decisions: decisions,
            compliance: compliance,
            limits: _limits()
        });
    }

    function _limits() internal pure returns (IRules.Limits memory) {
        return IRules.Limits({
            minIdleBps: 1_000,
            turnoverBps: 5_000,
            lossBps: 300,
            drawdownBps: 2_000,
            performanceFeeBps: 0,
            epoch: 1 days,
            profitUnlock: 6 hours,
            staleGrace: 1 days,
            queueGrace: 3 days,
            anchorBlocks: 1,
            unpricedBudget: 10_000e6,
            minRequest: 10e6
        });
    }

    /// With a compliance registry: it must let the vault hold what its venues hold.
    function _admit(address) internal virtual {}

    function _newHold(IUniswapV3Pool at) internal returns (UniswapV3Hold) {
        V3Venue.PriceRules memory rules = _rules();
        rules.depthShareBps = 500;
        return new UniswapV3Hold(address(vault), at, rules, _witnesses());
    }

    function _list(address at, uint16 capBps) internal {
        vm.startPrank(owner);
        vault.setGroupCap(GROUP, 10_000);
        vault.setVenue(at, GROUP, capBps, MAX_LOSS_BPS);
        vm.stopPrank();
    }

    function _setLimits(IRules.Limits memory limits) internal {
        vm.prank(owner);
        vault.setLimits(limits);
    }

    function _deposit(address who, uint256 assets) internal virtual returns (uint256 shares) {
        usd.mint(who, assets);
        vm.startPrank(who);
        usd.approve(address(vault), assets);
        shares = vault.deposit(assets, who);
        vm.stopPrank();
    }

    function _redeem(address who, uint256 shares) internal returns (uint256 assets) {
        vm.prank(who);
        return vault.redeem(shares, who, who);
    }

    function _request(address who, uint256 shares) internal returns (uint256 id) {
        vm.prank(who);
        return vault.requestRedeem(shares, who);
    }

    // ---- allocation

    function _one(address at, bool entry, uint256 amount, uint256 minReceived)
        internal
        pure
        returns (Vault.Action[] memory actions)
    {
        actions = new Vault.Action[](1);
        actions[0] = Vault.Action(at, entry, amount, minReceived, "");
    }

    /// One leaf for each entry, under a root that the anchorer anchored a block ago.
    function _decide(Vault.Action[] memory actions) internal returns (IRules.Permit[] memory permits, bytes32 root) {
        uint256 entries = 0;
        for (uint256 i = 0; i < actions.length; ++i) {
            if (actions[i].entry) entries++;
        }
        permits = new IRules.Permit[](entries);
        if (entries == 0) return (permits, "exits only");
        bytes32[] memory leaves = new bytes32[](entries);
        uint256 at = 0;
        for (uint256 i = 0; i < actions.length; ++i) {
            if (!actions[i].entry) continue;
            permits[at] = IRules.Permit(actions[i].amount, block.timestamp, bytes32(++_records), new bytes32[](0));
            leaves[at] = _leaf(actions[i].venue, permits[at], vault.nonce());
            at++;
        }
        for (uint256 i = 0; i < entries; ++i) {
            permits[i].proof = RegistriesMerkle.proof(leaves, i);
        }
        root = RegistriesMerkle.root(leaves);
        _anchor(root);
    }

    function _leaf(address at, IRules.Permit memory permit, uint256 nonce) internal view returns (bytes32) {
        return DecisionLeaf.hash(address(vault), at, true, permit.maxAssets, nonce, permit.expiry, permit.record);
    }

    function _anchor(bytes32 root) internal {
        vm.prank(anchorer);
        decisions.anchor(root, 1, keccak256("universe"));
        vm.roll(block.number + 1);
    }

    /// Runs as the keeper, now, with the current nonce and a decision that allows it.
    function _allocate(Vault.Action[] memory actions) internal returns (uint256[] memory received) {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        return vault.allocate(actions, permits, root, nonce, block.timestamp);
    }

    function _enter(address at, uint256 assets) internal returns (uint256 units) {
        return _allocate(_one(at, true, assets, 0))[0];
    }

    function _exit(address at, uint256 units) internal returns (uint256 assets) {
        return _allocate(_one(at, false, units, 0))[0];
    }

    /// The keeper's batch must fail with exactly this error, or with this kind of it when only a selector is given.
    function _refused(Vault.Action[] memory actions, bytes memory err) internal {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        uint256 nonce = vault.nonce();
        if (err.length == 4) vm.expectPartialRevert(bytes4(err));
        else vm.expectRevert(err);
        vm.prank(keeper);
        vault.allocate(actions, permits, root, nonce, block.timestamp);
        assertEq(vault.nonce(), nonce, "a refused batch does not use up its nonce");
    }

    function _kind(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodePacked(selector);
    }

    /// What the vault holds beyond its accounts.
    function _surplus() internal view returns (uint256) {
        return usd.balanceOf(address(vault)) - vault.idle() - vault.reserved();
    }
}
