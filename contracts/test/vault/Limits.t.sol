// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDecisionRegistry} from "../../src/interfaces/IDecisionRegistry.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VaultBook} from "../../src/vault/VaultBook.sol";
import {HostileFixture} from "./HostileFixture.sol";
import {HostileVenue} from "./HostileVenue.sol";

/// Venues, groups and limits: what may be set, what judges an entry, and what it means to tighten.
contract LimitsTest is HostileFixture {
    function setUp() public {
        _buildHostile();
    }

    // ---- what judges an entry

    function test_an_ungrouped_venue_has_no_cap_at_all() public {
        vm.startPrank(owner);
        vault.setVenue(address(hostile), 0, 10_000, 100);
        vm.expectRevert(abi.encodeWithSelector(IRules.BpsTooHigh.selector, 1, 0));
        vault.setGroupCap(0, 1);
        vm.stopPrank();
        _refused(_one(address(hostile), true, 1, 0), abi.encodeWithSelector(IRules.OverGroupCap.selector, 0, 1, 0));
    }

    function test_a_group_is_judged_by_what_its_venues_hold_together(uint16 capBps, uint256 second) public {
        capBps = uint16(bound(capBps, 2_000, 4_000));
        second = bound(second, 1, 290_000e6);
        HostileVenue twin = _newHostile();
        _list(address(twin), CAP_BPS);
        vm.prank(owner);
        vault.setGroupCap(GROUP, capBps);
        _enter(address(hostile), 200_000e6);
        uint256 capDown = 1_000_000e6 * uint256(capBps) / BPS;
        Vault.Action[] memory actions = _one(address(twin), true, second, 0);
        bytes4 kind = IRules.OverGroupCap.selector;
        if (200_000e6 + second <= capDown) _allocate(actions);
        else _refused(actions, abi.encodeWithSelector(kind, GROUP, 200_000e6 + second, capDown));
    }

    function test_an_unpriced_venue_is_judged_by_no_less_than_its_cost() public {
        vm.prank(owner);
        vault.setVenue(address(hostile), GROUP, 80, 100); // 8,000 of a million
        hostile.setPriced(false);
        hostile.set(10_000, 0, 10_000, 10_000);
        _enter(address(hostile), 7_000e6);
        _refused(_one(address(hostile), true, 1_000e6, 0), _kind(IRules.OverCap.selector));
        hostile.setPriced(true);
        hostile.set(10_000, 10_000, 10_000, 10_000);
        _enter(address(hostile), 1_000e6);
    }

    function test_an_entry_leaves_no_more_than_the_depth_allows(uint256 most) public {
        most = bound(most, 0, 20_000e6);
        hostile.setMost(most);
        Vault.Action[] memory actions = _one(address(hostile), true, 10_000e6, 0);
        bytes memory err = abi.encodeWithSelector(IRules.OverDepth.selector, hostile, 10_000e6, most);
        if (most < 10_000e6) _refused(actions, err);
        else _allocate(actions);
    }

    function test_locked_gains_count_for_caps_so_that_a_good_day_stops_nothing() public {
        _enter(address(hostile), 290_000e6);
        _gain(290_000e6); // a position of 580,000 in 1,290,000, of which 290,000 are locked
        vm.prank(owner);
        vault.setVenue(address(hostile), GROUP, 4_600, 100);
        _enter(address(hostile), 1_000e6);
    }

    // ---- what may be set

    function test_refuses_venues_of_another_asset_or_vault_or_without_code() public {
        address[4] memory wrong = [
            address(new HostileVenue(address(vault), address(media))),
            address(new HostileVenue(address(this), address(usd))),
            makeAddr("nothing there"),
            address(vault)
        ];
        vm.startPrank(owner);
        for (uint256 i = 0; i < 4; ++i) {
            if (i < 3) vm.expectRevert(abi.encodeWithSelector(IRules.VenueMismatch.selector, wrong[i]));
            else vm.expectRevert();
            vault.setVenue(wrong[i], GROUP, 100, 100);
        }
        vm.stopPrank();
    }

    function test_knows_sixteen_venues_and_no_more_until_one_is_forgotten() public {
        vm.startPrank(owner);
        for (uint256 i = 2; i < 16; ++i) {
            vault.setVenue(address(_newHostile()), GROUP, 100, 100);
        }
        address extra = address(_newHostile());
        vm.expectRevert(abi.encodeWithSelector(IRules.TooManyVenues.selector, 16));
        vault.setVenue(extra, GROUP, 100, 100);
        vault.setVenue(address(hostile), GROUP, 50, 50);
        assertEq(vault.venueList().length, 16);
        vm.expectRevert(abi.encodeWithSelector(IRules.StillListed.selector, hostile));
        vault.forget(address(hostile));
        vault.delist(address(hostile));
        vault.forget(address(hostile));
        vault.setVenue(extra, GROUP, 100, 100);
        address[] memory list = vault.venueList();
        assertEq(list.length, 16);
        for (uint256 i = 0; i < 16; ++i) {
            assertTrue(list[i] != address(hostile));
            assertTrue(vault.venues(list[i]).known);
        }
        vm.stopPrank();
    }

    function test_a_forgotten_venue_counts_for_nothing_and_its_return_is_a_locked_gain() public {
        _enter(address(hostile), 100_000e6);
        uint256 total = vault.totalAssets();
        vm.startPrank(owner);
        vault.delist(address(hostile));
        vault.forget(address(hostile));
        assertEq(vault.totalAssets(), total - 100_000e6);
        assertEq(vault.cost(address(hostile)), 0);
        vm.stopPrank();
        bytes memory err = abi.encodeWithSelector(IRules.NotKnown.selector, hostile);
        _refused(_one(address(hostile), false, 1, 0), err);
        vault.refresh();
        _list(address(hostile), CAP_BPS);
        vault.refresh();
        assertEq(vault.totalAssets(), total - 100_000e6);
        assertEq(vault.lockedProfit(), 100_000e6);
        _exit(address(hostile), 100_000e6);
    }

    function test_refuses_unknown_venues_for_every_action() public {
        HostileVenue stranger = _newHostile();
        bytes memory unknown = abi.encodeWithSelector(IRules.NotKnown.selector, stranger);
        bytes memory unlisted = abi.encodeWithSelector(Vault.NotListed.selector, stranger);
        _refused(_one(address(stranger), true, 1e6, 0), unlisted);
        _refused(_one(address(stranger), false, 1e6, 0), unknown);
        vm.expectRevert(unknown);
        vault.collect(address(stranger));
        vm.startPrank(guardian);
        vm.expectRevert(unknown);
        vault.setVenue(address(stranger), GROUP, 0, 0);
        vm.expectRevert(unknown);
        vault.delist(address(stranger));
        vm.expectRevert(unknown);
        vault.unwind(address(stranger), 1, 0, "");
        vm.stopPrank();
    }

    function test_refuses_values_out_of_range() public {
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(IRules.BpsTooHigh.selector, 10_001, 10_000));
        vault.setVenue(address(hostile), GROUP, 10_001, 100);
        vm.expectRevert(abi.encodeWithSelector(IRules.BpsTooHigh.selector, 1_001, 1_000));
        vault.setVenue(address(hostile), GROUP, 100, 1_001);
        vm.expectRevert(abi.encodeWithSelector(IRules.BpsTooHigh.selector, 10_001, 10_000));
        vault.setGroupCap(GROUP, 10_001);
        for (uint256 i = 0; i < 14; ++i) {
            IRules.Limits memory bad = _limits();
            if (i == 0) bad.minIdleBps = 10_001;
            if (i == 1) bad.turnoverBps = 10_001;
            if (i == 2) bad.lossBps = 10_001;
            if (i == 3) bad.drawdownBps = 10_001;
            if (i == 4) bad.performanceFeeBps = 2_001;
            if (i == 5) bad.epoch = 0;
            if (i == 6) bad.epoch = 90 days + 1;
            if (i == 7) bad.profitUnlock = 0;
            if (i == 8) bad.profitUnlock = 90 days + 1;
            if (i == 9) bad.staleGrace = 90 days + 1;
            if (i == 10) bad.queueGrace = 90 days + 1;
            if (i == 11) bad.anchorBlocks = 0;
            if (i == 12) bad.minRequest = 0;
            if (i == 13) {
                bad = IRules.Limits(10_000, 10_000, 10_000, 10_000, 2_000, 90 days, 90 days, 90 days, 90 days, 1, 0, 1);
                vault.setLimits(bad); // the largest of all are allowed
                break;
            }
            vm.expectRevert(abi.encodeWithSelector(IRules.BadLimits.selector, bad));
            vault.setLimits(bad);
        }
        vm.stopPrank();
    }

    function test_a_vault_without_an_owner_curator_guardian_keeper_or_registry_is_refused() public {
        for (uint256 i = 0; i < 5; ++i) {
            VaultBook.Setup memory setup = _setup(usd);
            if (i == 0) setup.owner = address(0);
            if (i == 1) setup.curator = address(0);
            if (i == 2) setup.guardian = address(0);
            if (i == 3) setup.keeper = address(0);
            if (i == 4) setup.decisions = IDecisionRegistry(address(0));
            vm.expectRevert(VaultBook.ZeroAddress.selector);
            new Vault(setup);
        }
    }

    // ---- tightening

    /// A loss limit judges exits too: lowering it would keep the position from being left.
    function test_who_tightens_lowers_caps_and_raises_none_and_leaves_loss_limits_alone(uint16 capBps, uint16 lossBps)
        public
    {
        lossBps = uint16(bound(lossBps, MAX_LOSS_BPS - 1, MAX_LOSS_BPS + 1));
        capBps = uint16(bound(capBps, 0, BPS));
        bool tighter = capBps <= CAP_BPS && lossBps == MAX_LOSS_BPS;
        vm.startPrank(capBps % 2 == 0 ? guardian : curator);
        if (!tighter) vm.expectRevert(IRules.NotTighter.selector);
        vault.setVenue(address(hostile), GROUP, capBps, lossBps);
        vm.stopPrank();
        IRules.VenueConfig memory config = vault.venues(address(hostile));
        assertEq(config.capBps, tighter ? capBps : CAP_BPS);
        assertEq(config.maxLossBps, MAX_LOSS_BPS);
        assertTrue(config.listed && config.known);
    }

    function test_who_tightens_moves_no_venue_to_another_group_and_lists_none_again() public {
        vm.startPrank(guardian);
        vm.expectRevert(IRules.NotTighter.selector);
        vault.setVenue(address(hostile), 2, 0, 0);
        vault.delist(address(hostile));
        vault.setVenue(address(hostile), GROUP, 10, MAX_LOSS_BPS);
        assertFalse(vault.venues(address(hostile)).listed);
        vm.stopPrank();
    }

    function test_who_tightens_lowers_group_caps_and_names_no_anchorer(uint16 capBps) public {
        vm.startPrank(curator);
        vault.setGroupCap(GROUP, 5_000);
        if (capBps > 5_000) vm.expectRevert();
        vault.setGroupCap(GROUP, capBps);
        assertEq(vault.groupCapBps(GROUP), capBps > 5_000 ? 5_000 : capBps);
        vm.expectRevert(IRules.NotTighter.selector);
        vault.setAnchorer(bob);
        vault.setAnchorer(address(0));
        assertEq(vault.anchorer(), address(0));
        vm.stopPrank();
    }

    /// Each limit moved by itself, both ways: allowed exactly when it is the tighter way.
    function test_who_tightens_moves_each_limit_one_way_and_those_of_withdrawals_not_at_all(uint8 field, bool up)
        public
    {
        field = uint8(bound(field, 0, 11));
        IRules.Limits memory to = _limits();
        bool[12] memory mayRise = [true, false, false, false, false, true, false, false, false, true, false, false];
        bool[12] memory mayFall = [false, true, true, true, true, false, false, false, false, false, true, false];
        to.performanceFeeBps = 500;
        to.anchorBlocks = 5;
        _setLimits(to);
        _bump(to, field, up);
        bool allowed = up ? mayRise[field] : mayFall[field];
        vm.startPrank(up ? guardian : curator);
        if (!allowed) vm.expectRevert(IRules.NotTighter.selector);
        vault.setLimits(to);
        vm.stopPrank();
        assertEq(keccak256(abi.encode(vault.limits())) == keccak256(abi.encode(to)), allowed);
    }

    function _bump(IRules.Limits memory to, uint256 field, bool up) private pure {
        assembly ("memory-safe") {
            let at := add(to, mul(field, 32))
            mstore(at, add(mload(at), sub(mul(up, 2), 1)))
        }
    }
}

/// The size gate: EIP-170 allows 24,576 bytes; the vault keeps a margin.
contract VaultSizeTest is HostileFixture {
    function test_the_vault_is_smaller_than_23_000_bytes() public {
        _build(true);
        assertLe(address(vault).code.length, 23_000);
        assertGt(address(vault).code.length, 10_000);
    }
}
