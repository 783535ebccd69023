// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RevenueWorld} from "../venues/RevenueWorld.sol";
import {Bound} from "./Bound.sol";

/// The issuer pays himself for uses, so that what he sold to the vault, or holds in the wrapper, counts for more.
contract WashRevenueAttackTest is RevenueWorld {
    uint256 private constant POSITION = 4_900e6;
    int256 private _best;
    uint256 private _bestBound;

    function setUp() public {
        _buildWorld(true);
    }

    /// The issuer owns a part of the vault before the keeper buys his shares at the pool. Then he pays, lets the vault
    /// collect, waits until the gain has unlocked, and takes all that his vault shares are worth. Beside it the same
    /// without the payment. His own revenue shares get him back whatever did not go to the vault. All parts and sizes
    /// are tried; with half of the vault or less he loses, with nearly all of it he takes back at most twice what he
    /// paid.
    function test_attack_a_depositor_who_pays_himself_for_uses_gains_no_more_than_he_paid_to_the_vault() public {
        uint16[7] memory partsBps = [uint16(1_000), 3_000, 5_000, 7_000, 9_000, 9_700, 9_900];
        uint256[6] memory reach = [uint256(50e6), 300e6, 1_000e6, 2_450e6, 4_900e6, 20_000e6];
        for (uint256 i = 0; i < partsBps.length; ++i) {
            for (uint256 j = 0; j < reach.length; ++j) {
                (int256 gain, uint256 paid) = _washes(partsBps[i], reach[j]);
                if (partsBps[i] <= 5_000) assertLe(gain, 4, "with half of the vault it never pays");
                if (gain > _best) (_best, _bestBound) = (gain, paid);
                assertLe(gain, int256(paid));
            }
        }
        assertGt(_best, 0, "the search found nothing at all");
        Bound.judge("wash revenue, vault", uint256(_best), _bestBound, "raw dollars that reached the vault");
    }

    /// He wraps any part of his revenue shares, pays, harvests, waits and takes all that there is.
    function test_attack_paying_into_the_wrapper_takes_out_no_more_than_was_paid_in() public {
        uint256[5] memory waits = [uint256(0), 12, 1 hours, UNLOCK, 2 * UNLOCK];
        for (uint256 paid = 1; paid <= 1e13; paid *= 1_000) {
            for (uint256 tenths = 1; tenths <= 10; tenths += 3) {
                for (uint256 i = 0; i < 5; ++i) {
                    uint256 state = vm.snapshotState();
                    uint256 got = _milks(paid, share.balanceOf(issuer) * tenths / 10, waits[i]);
                    vm.revertToStateAndDelete(state);
                    assertLe(got, paid);
                    if (int256(got) > _best) (_best, _bestBound) = (int256(got), paid);
                }
            }
        }
        Bound.judge("wash revenue, wrapper", uint256(_best), _bestBound, "raw dollars taken of those paid");
    }

    function _milks(uint256 paid, uint256 wrapped, uint256 wait) private returns (uint256) {
        _wrap(issuer, wrapped);
        uint256 start = usd.balanceOf(issuer);
        _pay(paid);
        wrapper.harvest();
        vm.warp(block.timestamp + wait);
        vm.startPrank(issuer);
        wrapper.redeem(wrapped, issuer, issuer);
        wrapper.giveBack();
        share.claim(issuer);
        vm.stopPrank();
        return usd.balanceOf(issuer) - start;
    }

    /// Gain against the same life without the payment; `reached` dollars are what he lets the vault collect.
    function _washes(uint256 partBps, uint256 reached) private returns (int256 gain, uint256 paid) {
        uint256 state = vm.snapshotState();
        uint256 units = _holds(partBps);
        uint256 calm = _leaves();
        vm.revertToState(state);
        _holds(partBps);
        uint256 spent = reached * SUPPLY / units;
        _pay(spent);
        paid = _collect();
        uint256 back = share.claimable(issuer) + spent * (110_000e18 - units) / SUPPLY; // say the pool is his
        uint256 excited = _leaves();
        gain = int256(excited + back) - int256(calm + spent);
        vm.revertToStateAndDelete(state);
    }

    function _holds(uint256 partBps) private returns (uint256 units) {
        _depositAs(issuer, 1_000_000e6 * partBps / (10_000 - partBps));
        units = _enter(venue, POSITION);
    }

    function _leaves() private returns (uint256 got) {
        vault.refresh();
        vm.warp(block.timestamp + 7 hours); // the vault unlocks gains over six
        vault.refresh();
        uint256 most = vault.maxRedeem(issuer);
        vm.prank(issuer);
        got = vault.redeem(most, issuer, issuer);
        got += vault.previewRedeem(vault.balanceOf(issuer)); // what idle did not cover
    }
}
