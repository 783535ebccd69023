// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IZoraCoin} from "../../src/interfaces/IZoraCoin.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Meter} from "../../src/vault/Meter.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {Erc4626Venue} from "../../src/venues/Erc4626Venue.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {ZoraCoinVenue} from "../../src/venues/ZoraCoinVenue.sol";
import {Erc4626Honest} from "./Erc4626Targets.sol";
import {VenueVault} from "./VenueVault.sol";
import {ZoraWorld} from "./ZoraWorld.sol";

/// Patron in Patron: the outer vault holds shares of an inner one, which holds shares of a plain target.
contract Erc4626InVaultTest is VenueVault {
    DevDollar private usd;
    Vault private inner;
    Vault private outer;
    Erc4626Honest private plain;
    Erc4626Venue private innerVenue;
    Erc4626Venue private outerVenue;

    function setUp() public {
        vm.warp(1_700_000_000);
        usd = new DevDollar(address(this));
        _openVault(usd);
        outer = vault;
        inner = _newVault();
        plain = new Erc4626Honest(usd, 6);
        innerVenue = new Erc4626Venue(address(inner), plain, Erc4626Venue.ShareRules(1 days, 50));
        outerVenue = new Erc4626Venue(address(outer), inner, Erc4626Venue.ShareRules(1 days, 50));
        vault = inner;
        _depositAs(address(this), 100_000e6);
        _list(innerVenue, 5_000, 100);
        vault = outer;
        _list(outerVenue, 5_000, 100);
        vm.warp(block.timestamp + 1 days);
    }

    function test_enters_and_leaves_another_patron() public {
        uint256 units = _enter(outerVenue, 200_000e6);
        assertEq(units, outerVenue.position());
        assertApproxEqAbs(outer.totalAssets(), 1_000_000e6, 1);
        assertApproxEqAbs(_leave(outerVenue, units), 200_000e6, 1);
        assertEq(inner.balanceOf(address(outerVenue)), 0);
        assertEq(outer.cost(address(outerVenue)), 0);
    }

    function test_what_the_inner_vault_has_placed_cannot_be_had_at_once() public {
        uint256 units = _enter(outerVenue, 200_000e6);
        vault = inner;
        _enter(innerVenue, 110_000e6); // 190,000 of 300,000 stay idle
        vault = outer;
        assertApproxEqAbs(outerVenue.value(), 190_000e6, 1);
        assertFalse(outerVenue.steady());
        assertFalse(outer.depositsOpen());
        assertApproxEqAbs(outer.totalAssets(), 1_000_000e6, 1, "a passing shortage of cash is no loss");
        uint256 available = inner.maxRedeem(address(outerVenue));
        uint256 nonce = outer.nonce();
        vm.expectRevert(abi.encodeWithSelector(Erc4626Venue.Illiquid.selector, units, available));
        vm.prank(keeper);
        outer.allocate(_one(outerVenue, false, units), new IRules.Permit[](0), 0, nonce, block.timestamp);
        assertApproxEqAbs(_leave(outerVenue, available), 190_000e6, 1);
    }

    function test_income_arrives_through_both() public {
        _enter(outerVenue, 200_000e6);
        vault = inner;
        _enter(innerVenue, 60_000e6); // 240,000 stay idle: what the outer vault has could be had at any time
        vault = outer;
        for (uint256 i = 0; i < 30; ++i) {
            usd.mint(address(plain), 30e6); // 0.05 % of it each day
            vm.warp(block.timestamp + 1 days);
            inner.collect(address(innerVenue));
            outer.collect(address(outerVenue));
        }
        uint256 gain = outer.totalAssets() - 1_000_000e6;
        assertApproxEqAbs(gain, 560e6, 10, "two thirds of 900, less a day's that each vault still locks");
        assertTrue(outer.depositsOpen());
    }

    function test_a_nested_value_is_read_within_the_vaults_allowance() public {
        _enter(outerVenue, 200_000e6);
        vault = inner;
        _enter(innerVenue, 100_000e6);
        uint256 before = gasleft();
        outerVenue.value();
        uint256 used = before - gasleft();
        emit log_named_uint("gas of a value read through two vaults, warm", used);
        assertLt(used, 500_000, "well below the 2,000,000 that the outer vault gives a read");
    }
}

/// A real coin in the real vault: young, then priced.
contract ZoraInVaultTest is ZoraWorld, VenueVault {
    IZoraCoin private coin;
    IUniswapV3Pool private pool;
    ZoraCoinVenue private venue;

    function setUp() public {
        _buildZora();
        _openVault(usd);
        (coin, pool) = _coin(false);
        _buy(coin, buyers, 5_000_000e6);
        ZoraCoinVenue.Range[] memory ranges = new ZoraCoinVenue.Range[](1);
        (ranges[0].lower, ranges[0].upper,) = _locked(coin);
        V3Venue.PriceRules memory rules = V3Venue.PriceRules(1800, 200, 7 days, 2_000, 25, 100_000e6);
        venue = new ZoraCoinVenue(address(vault), coin, coinCode, coinCode.codehash, rules, ranges);
        _list(venue, 2_000, 800);
        vm.warp(block.timestamp + 1 days);
    }

    function test_a_young_coin_spends_the_budget_for_what_counts_as_lost() public {
        _enter(venue, 4_000e6);
        assertEq(vault.unpricedUsed(), 4_000e6);
        assertEq(vault.lossUsed(), 0);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(venue, 2_000e6);
        vm.expectPartialRevert(Meter.BudgetSpent.selector);
        vm.prank(keeper);
        vault.allocate(_one(venue, true, 2_000e6), permits, root, 1, block.timestamp);
    }

    function test_a_priced_coin_is_bounded_by_depth_and_its_fees_are_measured_as_loss() public {
        vm.warp(venue.pricedFrom());
        uint256 most = venue.most();
        (IRules.Permit[] memory permits, bytes32 root) = _decide(venue, most * 2);
        vm.expectPartialRevert(IRules.OverDepth.selector);
        vm.prank(keeper);
        vault.allocate(_one(venue, true, most * 2), permits, root, 0, block.timestamp);
        uint256 units = _enter(venue, most);
        assertEq(vault.unpricedUsed(), 0);
        uint256 loss = vault.lossUsed(); // 1e18 is all of a million dollars
        assertApproxEqRel(loss, uint256(1e18) * (most - venue.value()) / vault.totalAssets(), 0.001e18);
        assertGt(loss * 1_000_000e6 / 1e18, most * 394 / 10_000);
        uint256 received = _leave(venue, units);
        assertGt(received, most * 958 / 1_000);
        assertEq(vault.lossUsed(), loss, "an exit brings more than the value it gives up");
        assertEq(usd.balanceOf(address(venue)), 0);
    }
}
