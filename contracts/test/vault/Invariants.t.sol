// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VaultHandler} from "./VaultHandler.sol";
import {VaultLife} from "./VaultLife.sol";

/// INVARIANTS.md lists these sentences and says how each is judged. Each has a campaign of its own, so each is short.
/// forge-config: default.invariant.runs = 8
/// forge-config: ci.invariant.runs = 32
contract InvariantsTest is Test {
    uint256 private constant BPS = 10_000;
    VaultHandler internal handler;

    function setUp() public {
        handler = new VaultHandler();
        bytes4[22] memory moves = [
            handler.keeperEnters.selector,
            handler.keeperEntersALossyVenue.selector,
            handler.keeperBuysTheUnpriced.selector,
            handler.keeperExits.selector,
            handler.keeperTriesToSteal.selector,
            handler.keeperReplays.selector,
            handler.deposits.selector,
            handler.withdraws.selector,
            handler.roundTrips.selector,
            handler.requests.selector,
            handler.cancels.selector,
            handler.settles.selector,
            handler.claims.selector,
            handler.gives.selector,
            handler.guardianTightens.selector,
            handler.guardianUnwinds.selector,
            handler.ownerSets.selector,
            handler.reports.selector,
            handler.trades.selector,
            handler.lossyVenueMoves.selector,
            handler.waits.selector,
            handler.keeperEnters.selector
        ];
        bytes4[] memory list = new bytes4[](22);
        for (uint256 i = 0; i < 22; ++i) {
            list[i] = moves[i];
        }
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), list));
    }

    function invariant_keeper_can_never_move_assets_outside_vault_and_listed_venues() public view {
        (Vault vault, IERC20 usd, address[4] memory places,) = handler.book();
        assertEq(handler.theftsAccepted(), 0);
        address[3] memory robbers = handler.robbers();
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(usd.balanceOf(robbers[i]), 0);
            assertEq(vault.balanceOf(robbers[i]), 0);
            assertEq(usd.allowance(address(vault), robbers[i]), 0);
        }
        for (uint256 i = 0; i < 4; ++i) {
            assertEq(usd.allowance(address(vault), places[i]), 0, "an approval was left");
            if (i < 2) assertEq(usd.balanceOf(places[i]), 0, "assets rest at a venue");
        }
    }

    function invariant_idle_claims_and_gifts_are_all_that_the_vault_holds() public view {
        (Vault vault, IERC20 usd,,) = handler.book();
        assertEq(vault.idle(), handler.idleExpected(), "assets moved unseen");
        assertEq(vault.reserved(), handler.reservedExpected());
        assertEq(usd.balanceOf(address(vault)), vault.idle() + vault.reserved() + handler.gifts());
        uint256 claims = 0;
        for (uint256 id = 0; id < vault.queueLength(); ++id) {
            (,,,,, uint128 claimable) = vault.requests(id);
            claims += claimable;
        }
        assertEq(claims, vault.reserved(), "claims are not backed one for one");
    }

    function invariant_nonce_only_rises_by_one_and_no_leaf_runs_twice() public view {
        (Vault vault,,,) = handler.book();
        assertEq(vault.nonce(), handler.allocations());
        assertEq(handler.replaysAccepted(), 0);
    }

    function invariant_no_entry_leaves_a_cap_or_the_idle_floor_broken() public view {
        assertEq(handler.entriesOverLimits(), 0);
    }

    function invariant_no_entry_takes_what_the_queue_needs() public view {
        assertEq(handler.entriesThatStarve(), 0);
    }

    function invariant_no_action_loses_more_than_its_limit() public view {
        assertEq(handler.lossesOverLimit(), 0);
    }

    /// Turnover and loss as parts of the whole, what is unpriced in assets; looked at over every stretch between two takes.
    function invariant_n_epochs_never_take_more_than_n_plus_one_budgets() public view {
        (,,, IRules.Limits memory limits) = handler.book();
        uint256[3] memory budgets =
            [1e18 * uint256(limits.turnoverBps) / BPS, 1e18 * uint256(limits.lossBps) / BPS, limits.unpricedBudget];
        for (uint256 b = 0; b < 3; ++b) {
            VaultLife.Take[] memory takes = handler.takesOf(b);
            for (uint256 i = 0; i < takes.length; ++i) {
                uint256 sum = 0;
                for (uint256 j = i; j < takes.length && j < i + 40; ++j) {
                    sum += takes[j].amount;
                    uint256 span = takes[j].at - takes[i].at;
                    assertLe(sum, budgets[b] + budgets[b] * span / limits.epoch + (j - i) + 1);
                }
            }
        }
    }

    function invariant_shares_are_never_worth_more_than_all_assets_and_round_trips_never_profit() public view {
        (Vault vault,,,) = handler.book();
        assertEq(handler.roundTripProfits(), 0);
        assertLe(vault.convertToAssets(vault.totalSupply()), vault.totalAssets());
    }

    function invariant_locked_profit_never_exceeds_the_gains() public view {
        (Vault vault,,,) = handler.book();
        assertLe(vault.lockedProfit(), handler.gains());
    }

    function invariant_the_queue_is_first_come_first_served() public view {
        (Vault vault,,,) = handler.book();
        uint256 waiting = 0;
        for (uint256 id = 0; id < vault.queueLength(); ++id) {
            (,,, uint128 shares, uint128 worth, uint128 claimable) = vault.requests(id);
            if (id < vault.queueHead()) assertEq(shares + worth, 0, "passed over");
            if (id > vault.queueHead()) assertEq(claimable, 0, "served out of turn");
            waiting += shares;
        }
        assertEq(waiting, vault.queuedShares());
        assertEq(waiting, vault.balanceOf(address(vault)), "locked shares are the queue's");
    }

    function invariant_tightening_never_loosens() public view {
        (Vault vault,, address[4] memory places, IRules.Limits memory limits) = handler.book();
        assertEq(keccak256(abi.encode(vault.limits())), keccak256(abi.encode(limits)));
        for (uint256 i = 0; i < 4; ++i) {
            IRules.VenueConfig memory config = vault.venues(places[i]);
            assertEq(config.capBps, handler.capSet(i));
            assertEq(config.listed, handler.listedSet(i));
            assertTrue(config.known);
        }
    }

    /// At the end of each life.
    function afterInvariant() public {
        handler.everyoneLeavesWithEveryVenueBroken();
        handler.everyoneLeavesWhenTheOwnerUnwinds();
    }

    /// The campaigns mean something only if the moves get through.
    function test_the_handlers_moves_reach_the_vault() public {
        handler.keeperEnters(0, 20_000e6);
        handler.keeperEnters(1, 20_000e6);
        handler.keeperEntersALossyVenue(10_000e6, 50);
        handler.keeperBuysTheUnpriced(2_000e6, 0);
        assertEq(handler.entries(), 4);
        handler.trades(0, true, 150);
        handler.waits(600);
        for (uint256 i = 0; i < 4; ++i) {
            handler.keeperExits(i, 1e6, 50);
        }
        assertEq(handler.exits(), 4);
        handler.requests(true, 100e12);
        handler.settles(5);
        handler.claims(0);
        assertEq(handler.allocations(), 8);
        for (uint256 b = 0; b < 3; ++b) {
            assertGt(handler.takesOf(b).length, 0);
        }
        handler.everyoneLeavesWithEveryVenueBroken();
        handler.everyoneLeavesWhenTheOwnerUnwinds();
    }
}
