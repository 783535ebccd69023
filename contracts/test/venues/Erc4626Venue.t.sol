// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {IVenue} from "../../src/interfaces/IVenue.sol";
import {Erc4626Venue} from "../../src/venues/Erc4626Venue.sol";
import {
    Erc4626Faulty,
    Erc4626Fee,
    Erc4626Honest,
    Erc4626Locked,
    Erc4626Lossy,
    Erc4626Money
} from "./Erc4626Targets.sol";
import {VenueDesk} from "./VenueDesk.sol";

/// A desk of dollars (6 decimals) and an adapter over one target in which others hold a million dollars.
abstract contract Erc4626VenueWorld is Test {
    uint32 internal constant WINDOW = 1 days;
    uint16 internal constant GROWTH_BPS = 50;
    uint256 internal constant OTHERS = 1_000_000e6;

    Erc4626Money internal usd = new Erc4626Money(6);
    VenueDesk internal desk = new VenueDesk(address(usd));

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        usd.mint(address(desk), 1_000_000e6);
    }

    function _open(Erc4626Honest target) internal returns (Erc4626Venue venue) {
        _stake(target, address(this), OTHERS);
        venue = new Erc4626Venue(address(desk), target, Erc4626Venue.ShareRules(WINDOW, GROWTH_BPS));
        vm.warp(block.timestamp + WINDOW);
    }

    function _stake(Erc4626Honest target, address who, uint256 assets) internal returns (uint256) {
        usd.mint(who, assets);
        vm.startPrank(who);
        usd.approve(address(target), assets);
        uint256 shares = target.deposit(assets, who);
        vm.stopPrank();
        return shares;
    }
}

contract Erc4626VenueTest is Erc4626VenueWorld {
    Erc4626Honest internal target = new Erc4626Honest(usd, 6);
    Erc4626Venue internal venue;

    function setUp() public override {
        super.setUp();
        venue = _open(target);
    }

    function test_a_round_trip_brings_everything_back_but_rounding() public {
        VenueDesk.Outcome memory entry = desk.enter(venue, 100_000e6, "");
        assertEq(entry.spent, 100_000e6);
        assertEq(entry.units, 100_000e12);
        assertApproxEqAbs(entry.valueAfter, 100_000e6, 1);
        assertLe(entry.valueAfter, 100_000e6);
        assertEq(usd.allowance(address(venue), address(target)), 0, "no approval is left");
        assertEq(usd.balanceOf(address(venue)), 0);
        VenueDesk.Outcome memory exit = desk.exit(venue, entry.units, "");
        assertEq(exit.received, entry.valueAfter);
        assertEq(venue.position(), 0);
        assertEq(venue.value(), 0);
    }

    function test_reports_what_it_is_in() public view {
        assertEq(venue.token(), address(target));
        assertEq(venue.asset(), address(usd));
        assertEq(venue.vault(), address(desk));
        assertEq(venue.most(), type(uint256).max);
    }

    function test_only_the_vault_moves_it() public {
        bytes memory err = abi.encodeWithSelector(Erc4626Venue.NotVault.selector, address(this));
        vm.expectRevert(err);
        venue.enter(1, "");
        vm.expectRevert(err);
        venue.exit(1, "");
        vm.expectRevert(err);
        venue.collect();
    }

    function test_a_gift_of_shares_changes_nothing() public {
        desk.enter(venue, 100_000e6, "");
        (uint256 units, uint256 worth) = (venue.position(), venue.value());
        target.transfer(address(venue), 5_000e12);
        assertEq(venue.position(), units);
        assertEq(venue.value(), worth);
        vm.expectRevert(abi.encodeWithSelector(Erc4626Venue.Illiquid.selector, units + 1, units));
        desk.exit(venue, units + 1, "");
        uint256 more = desk.enter(venue, 1_000e6, "").units;
        assertEq(more, 1_000e12);
        assertEq(venue.position(), units + more);
    }

    function test_it_is_priced_only_after_a_window() public {
        Erc4626Venue young = new Erc4626Venue(address(desk), target, Erc4626Venue.ShareRules(WINDOW, GROWTH_BPS));
        vm.warp(young.since() + WINDOW - 1);
        assertFalse(young.priced());
        vm.warp(young.since() + WINDOW);
        assertTrue(young.priced());
    }

    function test_a_jump_is_believed_only_as_it_ages() public {
        desk.enter(venue, 100_000e6, "");
        usd.mint(address(target), 110_000e6); // shares are worth 10 % more
        assertApproxEqAbs(venue.value(), 100_000e6, 1, "nothing of it at once");
        assertFalse(venue.steady(), "and no new shares are priced by it");
        vm.warp(block.timestamp + WINDOW / 2);
        assertApproxEqAbs(venue.value(), 100_250e6, 2, "half a window, half the growth");
        vm.warp(block.timestamp + 30 * WINDOW);
        assertApproxEqAbs(venue.value(), 100_500e6, 2, "silence counts as one window");
        for (uint256 i = 0; i < 18; ++i) {
            venue.checkpoint();
            vm.warp(block.timestamp + WINDOW);
        }
        assertLt(venue.value(), 110_000e6 - 2);
        venue.checkpoint();
        vm.warp(block.timestamp + WINDOW);
        assertApproxEqAbs(venue.value(), 110_000e6, 2, "1.005^20 is above 1.1: believed whole");
        assertTrue(venue.steady());
    }

    function test_an_ordinary_yield_is_believed_as_it_comes() public {
        desk.enter(venue, 100_000e6, "");
        for (uint256 i = 0; i < 30; ++i) {
            vm.warp(block.timestamp + 1 days);
            usd.mint(address(target), 301e6); // about 0.027 % a day, 10 % a year
            assertApproxEqAbs(venue.value(), target.convertToAssets(venue.position()), 1);
            assertTrue(venue.steady());
            desk.collect(venue);
        }
    }

    function test_a_fall_is_believed_at_once_and_recovery_too() public {
        desk.enter(venue, 100_000e6, "");
        target.lose(110_000e6);
        assertApproxEqAbs(venue.value(), 90_000e6, 1);
        assertFalse(venue.steady());
        usd.mint(address(target), 110_000e6);
        assertApproxEqAbs(venue.value(), 100_000e6, 1, "a passing fall leaves no mark");
        assertTrue(venue.steady());
    }

    function test_the_slow_price_follows_a_fall_by_half_a_window_and_is_steady_again() public {
        desk.enter(venue, 100_000e6, "");
        target.lose(110_000e6);
        vm.warp(block.timestamp + WINDOW / 10); // down by at most 5 %
        venue.checkpoint();
        assertFalse(venue.steady());
        usd.mint(address(target), 220_000e6); // pumped to 110 %: believed up to the slow price and its growth only
        assertApproxEqAbs(venue.value(), 95_000e6, 2);
        target.lose(220_000e6);
        vm.warp(block.timestamp + WINDOW / 5);
        venue.checkpoint();
        assertTrue(venue.steady());
        assertApproxEqAbs(venue.value(), 90_000e6, 1);
    }

    function test_the_exit_does_not_wait_for_a_steady_price() public {
        uint256 units = desk.enter(venue, 100_000e6, "").units;
        target.lose(550_000e6);
        VenueDesk.Outcome memory exit = desk.exit(venue, units, "");
        assertApproxEqAbs(exit.received, 50_000e6, 1);
        assertApproxEqAbs(exit.received, exit.valueBefore, 1);
    }

    function test_a_first_depositors_attack_shows_as_loss() public {
        Erc4626Honest bare = new Erc4626Honest(usd, 0); // one virtual share only
        Erc4626Venue fresh = new Erc4626Venue(address(desk), bare, Erc4626Venue.ShareRules(WINDOW, GROWTH_BPS));
        _stake(bare, address(this), 1);
        usd.mint(address(bare), 200_000e6);
        VenueDesk.Outcome memory entry = desk.enter(fresh, 100_000e6, "");
        assertEq(entry.units, 0);
        assertEq(entry.valueAfter, 0, "the vault sees a gain of nothing for what it gave, and refuses");
    }

    function test_refuses_bad_rules_and_wrong_targets() public {
        vm.expectRevert(abi.encodeWithSelector(Erc4626Venue.BadRules.selector, 0, GROWTH_BPS));
        new Erc4626Venue(address(desk), target, Erc4626Venue.ShareRules(0, GROWTH_BPS));
        vm.expectRevert(abi.encodeWithSelector(Erc4626Venue.BadRules.selector, WINDOW, 0));
        new Erc4626Venue(address(desk), target, Erc4626Venue.ShareRules(WINDOW, 0));
        vm.expectRevert(abi.encodeWithSelector(Erc4626Venue.BadRules.selector, WINDOW, 10_001));
        new Erc4626Venue(address(desk), target, Erc4626Venue.ShareRules(WINDOW, 10_001));
        Erc4626Money other = new Erc4626Money(18);
        Erc4626Honest foreign = new Erc4626Honest(other, 6);
        vm.expectRevert(
            abi.encodeWithSelector(Erc4626Venue.WrongTarget.selector, address(foreign), address(other), address(usd))
        );
        new Erc4626Venue(address(desk), foreign, Erc4626Venue.ShareRules(WINDOW, GROWTH_BPS));
        vm.expectRevert(
            abi.encodeWithSelector(Erc4626Venue.WrongTarget.selector, address(target), address(usd), address(usd))
        );
        new Erc4626Venue(address(target), target, Erc4626Venue.ShareRules(WINDOW, GROWTH_BPS));
    }

    /// Gifts, losses, waits and checkpoints in any order: the believed price never outruns its limit, and a position is
    /// never worth more than its redemption would pay.
    function testFuzz_the_believed_price_never_outruns_its_limit(uint256 seed) public {
        uint256 units = desk.enter(venue, 100_000e6, "").units;
        uint256 limit = venue.value() + 1;
        uint256 budget; // window-seconds of growth that time has granted
        for (uint256 i = 0; i < 24; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 size = (seed >> 8) % 200_000e6;
            uint256 move = seed % 4;
            if (move == 0) usd.mint(address(target), size);
            if (move == 1) target.lose(size % (usd.balanceOf(address(target)) / 2));
            if (move == 2) venue.checkpoint();
            if (move == 3) {
                uint256 wait = 1 + (seed >> 8) % (2 * WINDOW);
                vm.warp(block.timestamp + wait);
                budget += wait;
            }
            uint256 worth = venue.value();
            assertLe(worth, target.previewRedeem(units));
            // (1 + g/n)^n < exp(g): 1 + x + x^2 bounds it for x < 1.7, here x <= 24 * 2 * 0.005
            uint256 x = budget * GROWTH_BPS * 1e18 / (WINDOW * 10_000);
            assertLe(worth, limit * (1e18 + x + x * x / 1e18) / 1e18 + 24);
        }
        assertApproxEqAbs(desk.exit(venue, units, "").received, target.convertToAssets(units), 1);
    }

    function testFuzz_any_decimals_round_against_the_position(
        uint8 decimals,
        uint8 offset,
        uint256 assets,
        uint256 gift
    ) public {
        decimals = uint8(bound(decimals, 0, 36));
        offset = uint8(bound(offset, 0, 12));
        Erc4626Money money = new Erc4626Money(decimals);
        VenueDesk other = new VenueDesk(address(money));
        Erc4626Honest any = new Erc4626Honest(money, offset);
        uint256 one = 10 ** decimals;
        assets = bound(assets, 1, 1e9 * one);
        money.mint(address(this), 2e9 * one);
        money.approve(address(any), 1e9 * one);
        any.deposit(1e9 * one, address(this));
        money.transfer(address(any), bound(gift, 0, 1e9 * one));
        Erc4626Venue v = new Erc4626Venue(address(other), any, Erc4626Venue.ShareRules(WINDOW, GROWTH_BPS));
        money.mint(address(other), assets);
        VenueDesk.Outcome memory entry = other.enter(v, assets, "");
        assertLe(entry.valueAfter, assets, "an entry never shows a gain");
        assertApproxEqAbs(entry.valueAfter, assets, 3 + assets / 1e9);
        if (entry.units > 0) assertGe(other.exit(v, entry.units, "").received, entry.valueAfter);
    }
}

contract Erc4626DisappointedTest is Erc4626VenueWorld {
    function test_a_withdrawal_fee_is_a_cost_of_the_entry() public {
        Erc4626Venue venue = _open(new Erc4626Fee(usd));
        VenueDesk.Outcome memory entry = desk.enter(venue, 100_000e6, "");
        assertApproxEqAbs(entry.valueAfter, 99_500e6, 2);
        VenueDesk.Outcome memory exit = desk.exit(venue, entry.units, "");
        assertApproxEqAbs(exit.received, exit.valueBefore, 1, "already counted: none on the way out");
    }

    function test_a_gift_does_not_hide_the_fee() public {
        Erc4626Fee fee = new Erc4626Fee(usd);
        Erc4626Venue venue = _open(fee);
        desk.enter(venue, 100_000e6, "");
        fee.transfer(address(venue), 50_000e12); // could be withdrawn too, as far as the target knows
        assertApproxEqAbs(venue.value(), 99_500e6, 2);
    }

    function test_lossy_pays_less_than_it_said_and_the_measure_shows_it() public {
        Erc4626Lossy lossy = new Erc4626Lossy(usd);
        Erc4626Venue venue = _open(lossy);
        uint256 units = desk.enter(venue, 100_000e6, "").units;
        lossy.setLoss(300);
        VenueDesk.Outcome memory exit = desk.exit(venue, units, "");
        assertApproxEqAbs(exit.valueBefore - exit.valueAfter, 100_000e6, 1);
        assertApproxEqAbs(exit.received, 97_000e6, 1);
    }

    function test_locked_is_worth_what_can_be_had_now() public {
        Erc4626Locked locked = new Erc4626Locked(usd);
        Erc4626Venue venue = _open(locked);
        uint256 units = desk.enter(venue, 100_000e6, "").units;
        assertTrue(venue.steady());
        locked.setLocked(1_040_000e6); // 60,000 are free
        assertEq(venue.value(), 60_000e6);
        assertFalse(venue.steady(), "nobody buys shares at the low value");
        uint256 free = locked.maxRedeem(address(venue));
        vm.expectRevert(abi.encodeWithSelector(Erc4626Venue.Illiquid.selector, units, free));
        desk.exit(venue, units, "");
        VenueDesk.Outcome memory exit = desk.exit(venue, free, "");
        assertApproxEqAbs(exit.received, 60_000e6, 1);
        assertApproxEqAbs(exit.valueBefore - exit.valueAfter, 60_000e6, 1);
        locked.setLocked(type(uint256).max);
        assertEq(venue.value(), 0);
        locked.setLocked(0);
        assertApproxEqAbs(venue.value(), 40_000e6, 2);
    }

    function test_faulty_is_refused_or_shows_its_loss() public {
        Erc4626Faulty faulty = new Erc4626Faulty(usd);
        Erc4626Venue venue = _open(faulty);
        faulty.setFault(Erc4626Faulty.Fault.TakesHalf);
        vm.expectRevert(abi.encodeWithSelector(Erc4626Venue.PartialDeposit.selector, 1_000e6, 500e6));
        desk.enter(venue, 1_000e6, "");
        faulty.setFault(Erc4626Faulty.Fault.MintsNothing);
        assertEq(desk.enter(venue, 1_000e6, "").valueAfter, 0);
        faulty.setFault(Erc4626Faulty.Fault.None);
        uint256 units = desk.enter(venue, 1_000e6, "").units;
        faulty.setFault(Erc4626Faulty.Fault.BurnsHalf);
        vm.expectRevert(abi.encodeWithSelector(Erc4626Venue.WrongRedeem.selector, units, units / 2));
        desk.exit(venue, units, "");
        faulty.setFault(Erc4626Faulty.Fault.PaysNothing);
        VenueDesk.Outcome memory exit = desk.exit(venue, units / 2, "");
        assertEq(exit.received, 0);
        assertGt(exit.valueBefore - exit.valueAfter, 490e6);
    }

    function test_faulty_without_a_price_has_no_value() public {
        Erc4626Faulty faulty = new Erc4626Faulty(usd);
        Erc4626Venue venue = _open(faulty);
        faulty.setFault(Erc4626Faulty.Fault.NoPrice);
        assertEq(venue.value(), 0, "but none is needed for nothing");
        faulty.setFault(Erc4626Faulty.Fault.None);
        desk.enter(venue, 1_000e6, "");
        faulty.setFault(Erc4626Faulty.Fault.NoPrice);
        vm.expectRevert("no price");
        venue.value();
        vm.expectRevert("no price");
        venue.checkpoint();
        faulty.setFault(Erc4626Faulty.Fault.NoPreview);
        vm.expectRevert("no preview");
        venue.value();
    }
}
