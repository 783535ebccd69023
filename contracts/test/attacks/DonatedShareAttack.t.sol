// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {Erc4626Venue} from "../../src/venues/Erc4626Venue.sol";
import {Erc4626Honest} from "../venues/Erc4626Targets.sol";
import {VenueVault} from "../venues/VenueVault.sol";
import {Bound} from "./Bound.sol";

/// Mallory lifts the share price of a target by gifts and takes the gifts back later (her target lets her). She has any
/// amount of money, all other shares of the target, and, where it says so, the keeper's key.
contract DonatedShareAttackTest is VenueVault {
    uint32 private constant WINDOW = 1 days;
    uint16 private constant GROWTH_BPS = 50;
    uint16 private constant MAX_LOSS_BPS = 100;
    uint256 private constant POSITION = 300_000e6;

    address private mallory = makeAddr("mallory");
    DevDollar private usd;
    Erc4626Honest private target;
    Erc4626Venue private venue;

    function setUp() public {
        vm.warp(1_700_000_000);
        usd = new DevDollar(address(this));
        _openVault(usd);
        target = new Erc4626Honest(usd, 6);
        _stake(1_000_000e6);
        _adapt();
    }

    /// Depositor: buys shares of Patron, lifts the value of what it holds, keeps it up, sells, and takes the gift back.
    function test_attack_donated_share_price_held_up_before_redeeming() public {
        assertTrue(_tryEnter(venue, POSITION));
        for (uint256 windows = 0; windows <= 9; windows += 3) {
            uint256 best = 0;
            for (uint256 wealth = 100_000e6; wealth <= 10_000_000e6; wealth *= 10) {
                for (uint256 times = 1; times <= 1_000; times *= 10) {
                    uint256 loss = _heldUp(wealth, times, windows);
                    if (loss > best) best = loss;
                }
            }
            uint256 believed = POSITION; // one window's growth was there before she began
            for (uint256 i = 0; i <= windows; ++i) {
                believed += believed * GROWTH_BPS / 10_000;
            }
            string memory name = string.concat("share price held up by a gift for ", vm.toString(windows), " windows");
            Bound.judge(name, best, believed - POSITION + 10, "raw dollars");
        }
    }

    /// Keeper: enters at a lifted price, the gift is taken back.
    function test_attack_entry_at_a_donated_share_price() public {
        uint256 best = 0;
        for (uint256 gift = 0; gift <= 30_000e6; gift += 250e6) {
            for (uint256 aged = 0; aged <= 2; ++aged) {
                uint256 snapshot = vm.snapshotState();
                venue.checkpoint();
                vm.warp(block.timestamp + aged * WINDOW / 2);
                usd.mint(address(target), gift);
                bool entered = _tryEnter(venue, POSITION);
                vm.prank(mallory);
                target.lose(gift);
                uint256 loss = entered ? POSITION - target.previewRedeem(venue.position()) : 0;
                if (loss > best) best = loss;
                vm.revertToState(snapshot);
            }
        }
        assertGt(best, 0, "small gifts do pass");
        uint256 kept = POSITION * (10_000 - MAX_LOSS_BPS) / (10_000 + GROWTH_BPS);
        Bound.judge("entry at a share price lifted by a gift", best, POSITION - kept, "raw dollars");
    }

    /// Keeper: the target has a few dear shares; what rounding takes from an entry goes to them.
    function test_attack_rounding_in_a_target_of_few_dear_shares() public {
        uint256 best = 0;
        for (uint256 shares = 1; shares <= 10_000; shares *= 10) {
            for (uint256 whole = 80; whole <= 120; whole += 1) {
                uint256 snapshot = vm.snapshotState();
                target = new Erc4626Honest(usd, 0);
                _stake(shares);
                uint256 each = POSITION * 100 / (whole * 100 + 99); // the entry is worth whole + 0.99 shares
                usd.mint(address(target), (shares + 1) * (each - 1));
                _adapt();
                bool entered = _tryEnter(venue, POSITION);
                uint256 loss = entered ? POSITION - target.previewRedeem(venue.position()) : 0;
                if (loss > best) best = loss;
                vm.revertToState(snapshot);
            }
        }
        assertGt(best, 0, "some entries do pass");
        uint256 bound = POSITION * MAX_LOSS_BPS / 10_000;
        Bound.judge("rounding in a target of few dear shares", best, bound, "raw dollars");
    }

    /// What Alice, the one other holder, has lost in the end.
    function _heldUp(uint256 wealth, uint256 times, uint256 windows) private returns (uint256) {
        uint256 snapshot = vm.snapshotState();
        uint256 shares = _depositAs(mallory, wealth);
        uint256 gift = target.totalAssets() * times;
        usd.mint(address(target), gift);
        for (uint256 i = 0; i < 4 * windows; ++i) {
            vm.warp(block.timestamp + WINDOW / 4);
            vault.collect(address(venue)); // moves the slow price, and reports
        }
        uint256 most = vault.maxRedeem(mallory);
        vm.startPrank(mallory);
        vault.redeem(most < shares ? most : shares, mallory, mallory);
        target.lose(gift);
        vm.stopPrank();
        uint256 total = vault.idle() + target.previewRedeem(venue.position());
        uint256 alices = total * vault.balanceOf(alice) / vault.totalSupply();
        vm.revertToState(snapshot);
        return alices < 1_000_000e6 ? 1_000_000e6 - alices : 0;
    }

    function _stake(uint256 assets) private {
        usd.mint(mallory, assets);
        vm.startPrank(mallory);
        usd.approve(address(target), assets);
        target.deposit(assets, mallory);
        vm.stopPrank();
    }

    function _adapt() private {
        venue = new Erc4626Venue(address(vault), target, Erc4626Venue.ShareRules(WINDOW, GROWTH_BPS));
        _list(venue, 4_000, MAX_LOSS_BPS);
        vm.warp(block.timestamp + WINDOW);
    }
}
