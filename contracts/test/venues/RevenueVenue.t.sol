// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SwapMath} from "@uniswap/v4-core/src/libraries/SwapMath.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {RevenueShare} from "../../src/media/RevenueShare.sol";
import {RevenueWrapper} from "../../src/media/RevenueWrapper.sol";
import {Meter} from "../../src/vault/Meter.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {RevenueVenue} from "../../src/venues/RevenueVenue.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {RevenueWorld} from "./RevenueWorld.sol";

abstract contract RevenueVenueTests is RevenueWorld {
    uint256 private constant SPENT = 4_000e6;

    function test_an_entry_holds_revenue_shares_and_gives_the_money_in_them_back() public {
        _pay(100_000e6);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK / 2);
        uint256 wrapped = _quote(false, SPENT);
        uint256 back = wrapper.previewRedeem(wrapped);
        assertGt(back, 15e6);
        uint256 idle = vault.idle();
        uint256 units = _enter(venue, SPENT);
        assertEq(units, wrapped, "one for one");
        assertEq(venue.position(), units);
        assertEq(share.balanceOf(address(venue)), units);
        assertEq(wrapper.balanceOf(address(venue)), 0);
        assertEq(vault.idle(), idle - SPENT + back);
        assertEq(venue.cost(), SPENT - back);
        assertEq(vault.cost(address(venue)), SPENT - back);
        assertEq(venue.token(), address(share));
        assertEq(vault.unpricedUsed(), SPENT - back);
    }

    function test_an_exit_pays_what_the_pool_pays_less_the_money_that_goes_into_the_wrapper() public {
        uint256 units = _enter(venue, SPENT);
        _pay(100_000e6);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK / 3);
        uint256 sold = units / 3;
        uint256 exact = _quote(true, sold) - wrapper.previewMint(sold);
        assertEq(_leave(venue, sold), exact);
        assertEq(venue.position(), units - sold);
        assertEq(share.balanceOf(address(venue)), units - sold);
        exact = _quote(true, units - sold) - wrapper.previewMint(units - sold);
        assertEq(_leave(venue, units - sold), exact);
        _nothingIsLeft();
        uint256 owed = share.claimable(address(venue));
        assertGt(owed, 0);
        assertEq(venue.value(), owed, "claims that wait are worth themselves, position or not");
        assertEq(_collect(), owed);
        assertEq(venue.earnedWithin(), 0, "there are no units for which it would speak");
    }

    function test_value_is_nothing_until_money_has_really_come() public {
        uint256 units = _enter(venue, SPENT);
        assertEq(venue.value(), 0);
        assertFalse(venue.priced());
        assertEq(venue.most(), type(uint256).max);
        _pay(100_000e6);
        uint256 owed = share.claimable(address(venue));
        assertApproxEqAbs(owed, 100_000e6 * units / SUPPLY, 1);
        assertEq(venue.value(), owed, "what waits is counted once, as money");
        assertEq(_collect(), owed);
        assertEq(venue.earnedWithin(), owed);
        assertEq(venue.value(), owed, "now it is in the vault, and speaks for the units");
        assertEq(_collect(), 0);
    }

    function test_value_is_the_least_of_cost_claims_and_depth(uint256 revenue, uint256 part) public {
        uint256 units = _enter(venue, SPENT);
        _pay(bound(revenue, 0, 3_000_000e6));
        uint256 earned = _collect();
        uint256 net = _netOfWrapping(units);
        assertEq(venue.value(), Math.min(SPENT, Math.min(earned, net)));
        units = units * bound(part, 1, 99) / 100;
        if (net < wrapper.previewMint(1e18)) return; // a share is worth less than its money: it cannot be sold
        uint256 all = venue.position();
        _leave(venue, units);
        uint256 left = all - units;
        assertEq(venue.cost(), SPENT * left / all);
        assertEq(venue.earnedWithin(), earned * left / all);
    }

    function test_value_is_never_above_cost() public {
        uint256 units = _enter(venue, SPENT);
        _pay(20_000_000e6);
        assertGt(_collect(), SPENT);
        _trade(_driver(), false, 2_000_000e6); // the pool follows: a share is worth its money again, and more
        vm.warp(block.timestamp + 2 * TWAP);
        assertGt(_netOfWrapping(units), SPENT);
        assertEq(venue.value(), SPENT);
    }

    function test_claims_count_for_a_window_and_no_longer() public {
        uint256 start = uint256(CLAIMS) * 710; // the first second of a part
        _enter(venue, SPENT);
        vm.warp(start);
        _pay(100_000e6);
        uint256 first = _collect();
        vm.warp(start + CLAIMS / 2);
        _pay(100_000e6);
        uint256 second = _collect();
        assertEq(venue.earnedWithin(), first + second);
        vm.warp(start + CLAIMS - 1);
        assertEq(venue.earnedWithin(), first + second, "until the whole window is over");
        vm.warp(start + CLAIMS);
        assertEq(venue.earnedWithin(), second);
        vm.warp(start + CLAIMS + CLAIMS / 2);
        assertEq(venue.value(), 0);
    }

    function test_a_smaller_multiple_counts_less() public {
        venue = _newVenue(CLAIMS, 2_500);
        _list(venue, 5_000, 1_000);
        _enter(venue, SPENT);
        _pay(100_000e6);
        uint256 earned = _collect();
        assertEq(venue.value(), earned / 4);
    }

    function test_value_never_follows_spot() public {
        _enter(venue, SPENT);
        _pay(100_000e6);
        _collect();
        uint256 before = venue.value();
        assertGt(before, 0);
        _trade(_driver(), false, 300_000e6);
        assertEq(venue.value(), before);
        assertFalse(venue.steady());
        _trade(_driver(), true, 60_000e18);
        assertEq(venue.value(), before);
    }

    function test_trades_only_near_the_mean_and_with_a_history() public {
        uint256 units = _enter(venue, SPENT);
        _trade(_driver(), false, 100_000e6);
        assertFalse(_tryEnter(venue, 100e6));
        vm.startPrank(address(vault));
        vm.expectPartialRevert(V3Venue.SpotOffTwap.selector);
        venue.exit(units, "");
        vm.expectPartialRevert(V3Venue.SpotOffTwap.selector);
        venue.enter(1e6, "");
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotHeld.selector, units + 1, units));
        venue.exit(units + 1, "");
        vm.stopPrank();
    }

    function test_only_the_vault_moves_anything_and_only_the_pool_in_a_swap_is_paid() public {
        uint256 units = _enter(venue, SPENT);
        usd.mint(address(venue), 1e12); // a gift: it stays for ever
        vm.startPrank(mallory);
        bytes memory err = abi.encodeWithSelector(V3Venue.NotVault.selector, mallory);
        vm.expectRevert(err);
        venue.enter(1e6, "");
        vm.expectRevert(err);
        venue.exit(units, "");
        vm.expectRevert(err);
        venue.collect();
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotPoolInCall.selector, mallory));
        venue.uniswapV3SwapCallback(int256(units), int256(units), "");
        vm.stopPrank();
        vm.prank(address(pool));
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotPoolInCall.selector, address(pool)));
        venue.uniswapV3SwapCallback(int256(units), int256(units), "");
        uint256 exact = _quote(true, units) - wrapper.previewMint(units);
        assertEq(_leave(venue, units), exact, "the gift changes nothing");
        assertEq(usd.balanceOf(address(venue)), 1e12);
    }

    function test_an_entry_counts_as_lost_whole_against_the_budget() public {
        _enter(venue, SPENT);
        assertEq(vault.unpricedUsed(), SPENT);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(venue, 2_000e6);
        vm.expectPartialRevert(Meter.BudgetSpent.selector);
        vm.prank(keeper);
        vault.allocate(_one(venue, true, 2_000e6), permits, root, 1, block.timestamp);
        assertApproxEqAbs(vault.totalAssets(), 1_000_000e6 - SPENT, 1);
    }

    function test_refuses_rules_and_money_that_do_not_fit() public {
        vm.expectPartialRevert(RevenueVenue.BadClaimRules.selector);
        _newVenue(3, MULTIPLE);
        vm.expectPartialRevert(RevenueVenue.BadClaimRules.selector);
        _newVenue(365 days + 1, MULTIPLE);
        vm.expectPartialRevert(RevenueVenue.BadClaimRules.selector);
        _newVenue(CLAIMS, 0);
        vm.expectPartialRevert(RevenueVenue.BadClaimRules.selector);
        _newVenue(CLAIMS, 10_001);
        DevDollar other = new DevDollar(address(this));
        share = new RevenueShare(RevenueShare.Issue(other, "", "", issuer, SUPPLY, ICompliance(address(0))));
        RevenueWrapper foreign = new RevenueWrapper(share, "", "", UNLOCK);
        vm.mockCall(address(pool), abi.encodeCall(pool.token0, ()), abi.encode(address(usd)));
        vm.mockCall(address(pool), abi.encodeCall(pool.token1, ()), abi.encode(address(foreign)));
        vm.expectRevert(abi.encodeWithSelector(RevenueVenue.WrongMoney.selector, address(other), address(usd)));
        _newVenue(CLAIMS, MULTIPLE);
    }

    function _netOfWrapping(uint256 units) private view returns (uint256) {
        return Math.saturatingSub(_depthPays(units), wrapper.previewMint(units));
    }

    /// The one step of a swap through the witness's liquidity, from the mean tick (the next one where the asset is
    /// token0).
    function _depthPays(uint256 units) private view returns (uint256 paid) {
        int24 tick = assetIs0 ? venue.twapTick() + 1 : venue.twapTick();
        uint160 from = TickMath.getSqrtPriceAtTick(tick);
        uint160 edge = TickMath.getSqrtPriceAtTick(assetIs0 ? tick + 10_000 : tick - 10_000);
        (,, paid,) = SwapMath.computeSwapStep(from, edge, LIQUIDITY, -int256(units), FEE);
    }

    function _nothingIsLeft() private view {
        assertEq(venue.position(), 0);
        assertEq(venue.cost(), 0);
        assertEq(usd.balanceOf(address(venue)), 0);
        assertEq(share.balanceOf(address(venue)), 0);
        assertEq(wrapper.balanceOf(address(venue)), 0);
        assertEq(usd.allowance(address(venue), address(wrapper)), 0);
        assertEq(share.allowance(address(venue), address(wrapper)), 0);
        assertEq(usd.allowance(address(vault), address(venue)), 0);
    }
}

contract RevenueVenueWithAssetAsToken0Test is RevenueVenueTests {
    function setUp() public {
        _buildWorld(true);
    }
}

contract RevenueVenueWithAssetAsToken1Test is RevenueVenueTests {
    function setUp() public {
        _buildWorld(false);
    }
}
