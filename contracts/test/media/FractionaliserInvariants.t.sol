// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Fractionaliser} from "../../src/media/Fractionaliser.sol";
import {FractionaliserHandler} from "./FractionaliserHandler.sol";

contract FractionaliserInvariantTest is Test {
    uint256 private constant SUPPLY = 1_000_000e18;
    FractionaliserHandler private handler;

    function setUp() public {
        handler = new FractionaliserHandler();
        bytes4[] memory moves = new bytes4[](12);
        moves[0] = handler.bidsFor.selector;
        moves[1] = handler.votesFor.selector;
        moves[2] = handler.trades.selector;
        moves[3] = handler.earns.selector;
        moves[4] = handler.claims.selector;
        moves[5] = handler.waits.selector;
        moves[6] = handler.refuses.selector;
        moves[7] = handler.settles.selector;
        moves[8] = handler.lapsing.selector;
        moves[9] = handler.redeems.selector;
        moves[10] = handler.withdraws.selector;
        moves[11] = handler.buyerClaims.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), moves));
    }

    function invariant_the_nft_is_owned_by_exactly_one_side() public view {
        bool sold = handler.theLot().stage() == Fractionaliser.Stage.Sold;
        assertEq(handler.nftOwner() == address(handler.theLot()), !sold);
        if (sold) assertEq(handler.nftOwner(), handler.everybody()[handler.soldTo() - 1]);
    }

    function invariant_refunds_and_proceeds_are_the_bids() public view {
        uint256 out = handler.withdrawn() + handler.credits() + handler.escrowed();
        assertLe(out, handler.bids());
        assertLe(handler.bids() - out, handler.redemptions() + 1, "less than a unit for each redemption stays");
    }

    function invariant_revenue_is_the_holders_and_bids_are_none() public view {
        uint256 out = handler.claimed() + handler.claimable();
        assertLe(out, handler.revenue());
        assertLe(handler.revenue() - out, handler.settlements() + 7);
    }

    function invariant_the_escrow_covers_everything_that_can_be_pulled() public {
        assertEq(
            handler.balance(), handler.bids() + handler.revenue() - handler.withdrawn() - handler.claimed(), "shadow"
        );
        assertGe(handler.balance(), handler.credits() + handler.escrowed() + handler.claimable());
        uint256 state = vm.snapshotState();
        handler.everybodyPulls();
        assertTrue(vm.revertToStateAndDelete(state));
    }

    function invariant_the_votes_are_the_sum_of_the_holders_votes() public view {
        Fractionaliser lot = handler.theLot();
        address[5] memory all = handler.everybody();
        (uint256 shares, int256 ticks, uint256 held) = (0, 0, lot.balanceOf(address(lot)));
        for (uint256 i = 0; i < 5; ++i) {
            (uint128 voted,, int24 tick) = lot.votes(all[i]);
            shares += voted;
            ticks += int256(uint256(voted)) * tick;
            held += lot.balanceOf(all[i]);
            if (lot.stage() != Fractionaliser.Stage.Sold) assertLe(voted, lot.balanceOf(all[i]));
        }
        assertEq(lot.votedShares(), shares);
        assertEq(lot.votedTicks(), ticks);
        assertEq(held, SUPPLY);
        assertEq(lot.totalSupply(), SUPPLY);
    }

    /// The moves above do reach sales and lapses.
    function test_the_handlers_moves_sell_and_lapse() public {
        handler.bidsFor(0, 0, 0);
        vm.warp(block.timestamp + 15 days);
        handler.lapsing();
        handler.bidsFor(1, 0, 0);
        vm.warp(block.timestamp + 8 days);
        handler.settles(false, 0);
        assertEq(handler.sales() + handler.lapses(), 2);
    }
}
