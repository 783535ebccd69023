// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {Vault} from "../src/Vault.sol";
import {VenueBook} from "../src/VenueBook.sol";
import {Fixture} from "./Fixture.sol";
import {Hostile} from "./Hostile.sol";

/// What a broken or lying adapter can do to the vault: the vault believes its own measurements only.
contract HostileVenueTest is Fixture {
    Hostile internal hostile;

    function setUp() public {
        _build(true);
        hostile = new Hostile(address(vault), address(usd));
        vm.prank(curator);
        vault.setVenue(address(hostile), CAP_BPS, 100);
    }

    function test_refuses_a_venue_that_spends_less_or_nothing() public {
        hostile.set(9_999, 10_000, 10_000, 10_000);
        bytes memory err = abi.encodeWithSelector(Vault.WrongSpend.selector, hostile, 10_000e6, 9_999e6);
        _refused(_one(address(hostile), true, 10_000e6, 0), err);
    }

    function test_a_venue_cannot_take_more_than_the_amount() public {
        hostile.set(10_001, 10_000, 10_000, 10_000);
        uint256 nonce = vault.nonce();
        Vault.Action[] memory actions = _one(address(hostile), true, 10_000e6, 0);
        vm.expectRevert();
        vm.prank(keeper);
        vault.allocate(actions, "decision", nonce, block.timestamp);
    }

    function test_entry_loss_is_judged_to_the_unit(uint256 assets) public {
        assets = bound(assets, 1e4, 1e11) / 10_000 * 10_000;
        hostile.set(10_000, 9_900, 10_000, 10_000); // exactly the limit of 100 bps
        uint256 state = vm.snapshotState();
        _allocate(_one(address(hostile), true, assets, 0));
        vm.revertToState(state);
        hostile.set(10_000, 9_899, 10_000, 10_000);
        uint256 gained = assets * 9_899 / 10_000;
        uint256 least = assets * 9_900 / 10_000;
        bytes memory err = abi.encodeWithSelector(Vault.LossTooHigh.selector, hostile, gained, least);
        _refused(_one(address(hostile), true, assets, 0), err);
    }

    function test_exit_loss_is_judged_by_the_value_given_up(uint256 payBps) public {
        payBps = bound(payBps, 9_000, 10_000);
        _allocate(_one(address(hostile), true, 10_000e6, 0));
        hostile.set(10_000, 10_000, payBps, 10_000);
        uint256 paid = 5_000e6 * payBps / 10_000;
        Vault.Action[] memory actions = _one(address(hostile), false, 5_000e6, 0);
        if (payBps < 9_900) {
            _refused(actions, abi.encodeWithSelector(Vault.LossTooHigh.selector, hostile, paid, 4_950e6));
        } else {
            assertEq(_allocate(actions)[0], paid);
        }
    }

    function test_refuses_an_exit_that_gives_up_other_units_than_it_was_told() public {
        _allocate(_one(address(hostile), true, 10_000e6, 0));
        hostile.set(10_000, 10_000, 10_000, 5_000);
        bytes memory err = abi.encodeWithSelector(Vault.WrongSpend.selector, hostile, 1_000e6, 500e6);
        _refused(_one(address(hostile), false, 1_000e6, 0), err);
    }

    function test_received_is_measured_and_not_what_the_venue_returns() public {
        uint256[] memory received = _allocate(_one(address(hostile), true, 10_000e6, 0));
        assertEq(received[0], 10_000e6);
        received = _allocate(_one(address(hostile), false, 4_000e6, 0));
        assertEq(received[0], 4_000e6);
    }

    function test_a_venue_cannot_reenter_the_vault() public {
        bytes[2] memory calls =
            [abi.encodeCall(vault.refresh, ()), abi.encodeCall(vault.deposit, (0, address(hostile)))];
        for (uint256 i = 0; i < 2; ++i) {
            hostile.setReentry(calls[i]);
            _refused(
                _one(address(hostile), true, 1_000e6, 0),
                abi.encodeWithSelector(ReentrancyGuard.ReentrancyGuardReentrantCall.selector)
            );
        }
        hostile.setReentry(abi.encodeCall(vault.withdraw, (0, address(hostile), address(hostile))));
        _refused(
            _one(address(hostile), true, 1_000e6, 0),
            abi.encodeWithSelector(ReentrancyGuard.ReentrancyGuardReentrantCall.selector)
        );
    }

    function test_a_stale_venue_counts_at_its_last_good_value_and_never_freezes_withdrawals() public {
        _allocate(_one(address(hostile), true, 10_000e6, 0));
        uint256 units = _enter(10_000e6);
        uint256 total = vault.totalAssets();
        hostile.setBroken(true);
        (uint256 counted, bool fresh) = vault.valueOf(address(hostile));
        assertEq(counted, 10_000e6);
        assertFalse(fresh);
        assertEq(vault.totalAssets(), total);
        assertFalse(vault.depositsOpen());
        assertEq(vault.maxDeposit(alice), 0);
        uint256 most = vault.maxWithdraw(alice);
        assertEq(most, vault.idle());
        vm.prank(alice);
        vault.withdraw(most / 2, alice, alice);
        bytes memory stale = abi.encodeWithSelector(Vault.VenueStale.selector, hostile);
        _refused(_one(address(hostile), true, 1_000e6, 0), stale);
        _refused(_one(address(hostile), false, 1_000e6, 0), stale);
        _refused(_one(address(venue), true, 1_000e6, 0), stale);
        assertGt(_exit(units), 0, "other venues can be left");
        vault.refresh();
        assertEq(vault.lastGoodValue(address(hostile)), 10_000e6, "refresh keeps the last good value");
        hostile.setBroken(false);
        assertTrue(vault.depositsOpen());
    }

    function test_an_answer_that_is_not_one_word_counts_as_stale() public {
        _allocate(_one(address(hostile), true, 10_000e6, 0));
        bytes[2] memory nonsense = [bytes(""), abi.encode(1, 2)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.mockCall(address(hostile), abi.encodeCall(hostile.value, ()), nonsense[i]);
            (uint256 counted, bool fresh) = vault.valueOf(address(hostile));
            assertEq(counted, 10_000e6);
            assertFalse(fresh);
        }
    }

    function test_refresh_records_the_present_value_for_a_venue_that_goes_stale_later() public {
        deal(address(media), address(venue), 1e18);
        assertEq(vault.lastGoodValue(address(venue)), 0);
        vault.refresh();
        uint256 value = venue.value();
        assertGt(value, 0);
        assertEq(vault.lastGoodValue(address(venue)), value);
    }

    function test_deposits_close_off_the_twap_only_while_a_position_is_held() public {
        hostile.setNear(false);
        assertTrue(vault.depositsOpen());
        _allocate(_one(address(hostile), true, 1_000e6, 0));
        assertFalse(vault.depositsOpen());
        hostile.setNear(true);
        assertTrue(vault.depositsOpen());
    }

    function test_refuses_venues_of_another_asset_or_vault_or_without_code() public {
        address[3] memory wrong = [
            address(new Hostile(address(vault), address(media))),
            address(new Hostile(address(this), address(usd))),
            makeAddr("nothing there")
        ];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(VenueBook.VenueMismatch.selector, wrong[i]));
            vm.prank(curator);
            vault.setVenue(wrong[i], 100, 100);
        }
        vm.expectRevert();
        vm.prank(curator);
        vault.setVenue(address(vault), 100, 100);
    }

    function test_knows_sixteen_venues_and_no_more() public {
        vm.startPrank(curator);
        for (uint256 i = 2; i < 16; ++i) {
            vault.setVenue(address(new Hostile(address(vault), address(usd))), 100, 100);
        }
        address extra = address(new Hostile(address(vault), address(usd)));
        vm.expectRevert(abi.encodeWithSelector(VenueBook.TooManyVenues.selector, 16));
        vault.setVenue(extra, 100, 100);
        vault.setVenue(address(hostile), 50, 50);
        assertEq(vault.venueList().length, 16);
        vm.stopPrank();
    }

    function test_refuses_unknown_venues_for_every_action() public {
        Hostile stranger = new Hostile(address(vault), address(usd));
        _refused(_one(address(stranger), true, 1e6, 0), abi.encodeWithSelector(Vault.NotListed.selector, stranger));
        _refused(_one(address(stranger), false, 1e6, 0), abi.encodeWithSelector(VenueBook.NotKnown.selector, stranger));
        vm.startPrank(guardian);
        vm.expectRevert(abi.encodeWithSelector(VenueBook.NotKnown.selector, stranger));
        vault.lowerCap(address(stranger), 0);
        vm.expectRevert(abi.encodeWithSelector(VenueBook.NotKnown.selector, stranger));
        vault.delist(address(stranger));
        vm.stopPrank();
    }

    function test_refuses_limits_out_of_range() public {
        vm.startPrank(curator);
        vm.expectRevert(abi.encodeWithSelector(VenueBook.BpsTooHigh.selector, 10_001, 10_000));
        vault.setVenue(address(hostile), 10_001, 100);
        vm.expectRevert(abi.encodeWithSelector(VenueBook.BpsTooHigh.selector, 1_001, 1_000));
        vault.setVenue(address(hostile), 100, 1_001);
        vm.expectRevert(abi.encodeWithSelector(VenueBook.BpsTooHigh.selector, 10_001, 10_000));
        vault.setMinIdle(10_001);
        vm.stopPrank();
        vm.expectRevert(VenueBook.ZeroAddress.selector);
        new Vault(usd, "v", "v", curator, address(0), keeper, 0);
    }

    function test_guardian_lowers_a_cap_and_never_raises_it(uint16 proposed) public {
        vm.prank(guardian);
        if (proposed >= CAP_BPS) {
            vm.expectRevert(abi.encodeWithSelector(VenueBook.NotTighter.selector, CAP_BPS, proposed));
        }
        vault.lowerCap(address(hostile), proposed);
        (bool listed, bool known, uint16 capBps, uint16 lossBps) = vault.venues(address(hostile));
        assertEq(capBps, proposed < CAP_BPS ? proposed : CAP_BPS);
        assertTrue(listed && known);
        assertEq(lossBps, 100);
    }
}
