// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Meter} from "../../src/vault/Meter.sol";
import {SeaportVaultFixture} from "./SeaportVaultFixture.sol";

/// The venue behind the real vault: what an entry uses up, and how pieces and their money come home without the keeper.
contract SeaportVaultTest is SeaportVaultFixture {
    function test_an_entry_uses_the_unpriced_budget_and_an_exit_gives_the_cost_back() public {
        _buys(1, 5_000e6, 0);
        assertEq(vault.unpricedUsed(), 5_000e6);
        assertEq(vault.turnoverUsed(), 0);
        assertEq(vault.cost(address(venue)), 5_000e6);
        assertEq(vault.totalAssets(), DEPOSIT - 5_000e6, "without a bid it is lost at once");
        _list(1, 8_000e6, LISTING);
        _take(1);
        (uint256 value,) = vault.valueOf(address(venue));
        assertEq(value, 7_600e6);
        (bool done,) = _tryExit(1, _sale(address(art), 1, 0, ""));
        assertTrue(done);
        assertEq(vault.cost(address(venue)), 0);
        assertEq(vault.idle(), DEPOSIT - 5_000e6 + 7_600e6);
        vm.warp(block.timestamp + UNLOCK);
        assertEq(vault.totalAssets(), DEPOSIT + 2_600e6);
    }

    function test_what_a_standing_bid_backs_is_not_lost() public {
        _buys(1, 5_000e6, _bid(1, 6_000e6, DECAY));
        assertEq(vault.totalAssets(), DEPOSIT);
        vm.warp(block.timestamp + DECAY / 2);
        assertEq(vault.totalAssets(), DEPOSIT - 2_500e6);
        assertEq(vault.unpricedUsed(), 0, "refilled meanwhile; it was used all the same");
    }

    function test_over_the_budget_nothing_is_bought() public {
        _buys(1, MAX, 0);
        _buys(2, MAX, 0);
        (bool done, bytes memory err) = _vaultBuys(3, 100e6, 0);
        assertFalse(done);
        assertEq(err, abi.encodeWithSelector(Meter.BudgetSpent.selector, 100e6, BUDGET, BUDGET));
    }

    function test_the_guardian_leaves_without_the_keeper_while_paused() public {
        uint256 bid = _bid(1, 6_000e6, DECAY);
        _buys(1, 5_000e6, bid);
        vm.startPrank(guardian);
        vault.pause();
        assertEq(vault.unwind(address(venue), 1, 5_700e6, _sale(address(art), 1, bid, "")), 5_700e6);
        vm.stopPrank();
        assertEq(vault.idle(), DEPOSIT + 700e6);
    }

    /// Keeper and guardian are gone, everything idle is claimed: anyone brings the money of sold pieces home.
    function test_anyone_brings_the_money_of_a_sale_home() public {
        _buys(1, 5_000e6, 0);
        _list(1, 8_000e6, LISTING);
        _take(1);
        assertEq(vault.collect(address(venue)), 7_600e6);
        assertEq(vault.collect(address(venue)), 0, "once");
        assertEq(venue.value(), 0);
        assertEq(vault.idle(), DEPOSIT + 2_600e6);
        vm.warp(block.timestamp + UNLOCK);
        vault.refresh();
        uint256 all = vault.balanceOf(alice);
        vm.prank(alice);
        assertApproxEqAbs(vault.redeem(all, alice, alice), DEPOSIT + 2_600e6, 2);
        assertEq(vault.cost(address(venue)), 5_000e6, "until the unit is struck");
        (bool done,) = _tryExit(1, _sale(address(art), 1, 0, ""));
        assertTrue(done);
        assertEq(vault.cost(address(venue)) + venue.position(), 0);
    }

    function _buys(uint256 tokenId, uint256 price, uint256 bid) private {
        (bool done,) = _vaultBuys(tokenId, price, bid);
        assertTrue(done);
    }
}
