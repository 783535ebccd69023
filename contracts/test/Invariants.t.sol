// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Vault} from "../src/Vault.sol";
import {UniswapV3Hold} from "../src/venues/UniswapV3Hold.sol";
import {Handler} from "./Handler.sol";

/// INVARIANTS.md lists these sentences and says where each is judged.
contract InvariantsTest is Test {
    Handler internal handler;

    function setUp() public {
        handler = new Handler();
        bytes4[] memory moves = new bytes4[](14);
        moves[0] = handler.keeperEnters.selector;
        moves[1] = handler.keeperExits.selector;
        moves[2] = handler.keeperTriesToSteal.selector;
        moves[3] = handler.keeperReplays.selector;
        moves[4] = handler.deposits.selector;
        moves[5] = handler.withdrawsSome.selector;
        moves[6] = handler.everythingIdleCanLeave.selector;
        moves[7] = handler.roundTrips.selector;
        moves[8] = handler.gives.selector;
        moves[9] = handler.guardianTightens.selector;
        moves[10] = handler.curatorSets.selector;
        moves[11] = handler.trades.selector;
        moves[12] = handler.waits.selector;
        moves[13] = handler.keeperUsesALossyVenue.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), moves));
    }

    function invariant_keeper_can_never_move_assets_outside_vault_and_listed_venues() public view {
        (Vault vault, IERC20 usd, UniswapV3Hold[2] memory holds) = handler.book();
        assertEq(handler.theftsAccepted(), 0);
        assertEq(vault.idle(), handler.idleExpected(), "assets left the vault unseen");
        address[2] memory robbers = handler.robbers();
        for (uint256 i = 0; i < 2; ++i) {
            assertEq(usd.balanceOf(robbers[i]), 0);
            assertEq(vault.balanceOf(robbers[i]), 0);
            assertEq(usd.allowance(address(vault), robbers[i]), 0);
            for (uint256 j = 0; j < 2; ++j) {
                assertEq(IERC20(holds[j].token()).balanceOf(robbers[i]), 0);
            }
            assertEq(usd.allowance(address(vault), address(holds[i])), 0, "an approval was left");
            assertEq(usd.balanceOf(address(holds[i])), 0, "assets rest at a venue");
        }
    }

    function invariant_nonce_only_rises_by_one() public view {
        (Vault vault,,) = handler.book();
        assertEq(vault.nonce(), handler.allocations());
        assertEq(handler.replaysAccepted(), 0);
    }

    function invariant_no_entry_leaves_a_venue_over_its_cap() public view {
        assertEq(handler.entriesOverCap(), 0);
    }

    function invariant_no_entry_takes_idle_under_its_floor() public view {
        assertEq(handler.entriesUnderIdle(), 0);
    }

    function invariant_no_action_loses_more_than_its_limit() public view {
        assertEq(handler.lossesOverLimit(), 0);
    }

    function invariant_round_trip_never_profits() public view {
        (Vault vault,,) = handler.book();
        assertEq(handler.roundTripProfits(), 0);
        assertLe(vault.convertToAssets(vault.totalSupply()), vault.totalAssets());
    }

    function invariant_exits_and_idle_withdrawals_always_work() public {
        assertEq(handler.exitsRefused(), 0);
        handler.everythingIdleCanLeave();
    }

    function invariant_tightening_never_loosens() public view {
        (Vault vault,, UniswapV3Hold[2] memory holds) = handler.book();
        assertEq(vault.minIdleBps(), handler.curatorMinIdle());
        for (uint256 i = 0; i < 2; ++i) {
            (bool listed, bool known, uint16 capBps, uint16 lossBps) = vault.venues(address(holds[i]));
            assertEq(capBps, handler.curatorCap(i));
            assertEq(listed, handler.curatorListed(i));
            assertTrue(known);
            assertEq(lossBps, 300);
        }
    }

    /// The campaigns mean something only if the attacker's calls get through.
    function test_the_handlers_moves_reach_the_vault() public {
        handler.keeperEnters(0, 20_000e6);
        handler.keeperEnters(1, 20_000e6);
        handler.trades(0, true, 150);
        handler.waits(600);
        handler.keeperExits(0, 1e20);
        handler.keeperExits(1, 1e20);
        handler.trades(1, false, 250);
        handler.keeperExits(1, 1e20);
        assertEq(handler.entries(), 2);
        assertEq(handler.exits(), 2);
        assertEq(handler.allocations(), 4);
        assertEq(handler.exitsRefused(), 0, "off the twap, an exit is refused for a reason");
    }
}
