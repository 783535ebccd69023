// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IZoraCoin} from "../../src/interfaces/IZoraCoin.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {ZoraCoinVenue} from "../../src/venues/ZoraCoinVenue.sol";
import {VenueVault} from "../venues/VenueVault.sol";
import {ZoraWorld} from "../venues/ZoraWorld.sol";
import {Bound} from "./Bound.sol";

interface IZoraRewards {
    function claimSecondaryRewards(bool push) external;
}

/// The creator of a real Zora coin has 1 % of its supply for nothing, is its platform referrer too, so gets three
/// quarters of the pool's fees back, trades past the coin's own fee, and has any amount of money. The coin is bought
/// up, the price held until the mean believes it, the vault enters as deep as it may, and everything is sold.
contract CreatorDumpAttackTest is ZoraWorld, VenueVault {
    uint32 private constant WINDOW = 1800;
    uint16 private constant MAX_LOSS_BPS = 1_000;

    struct Result {
        uint256 loss; // the vault's, when it leaves a window after the dump
        uint256 bound; // on it: what the vault may have put in
        int256 profit; // the creator's, beside selling the free coins at once
    }

    IZoraCoin private coin;
    IUniswapV3Pool private pool;
    ZoraCoinVenue private venue;

    function setUp() public {
        _buildZora();
        platform = creator;
        _openVault(usd);
        (coin, pool) = _coin(true);
        _buy(coin, buyers, 5_000_000e6);
        ZoraCoinVenue.Range[] memory ranges = new ZoraCoinVenue.Range[](1);
        (ranges[0].lower, ranges[0].upper,) = _locked(coin);
        venue = new ZoraCoinVenue(
            address(vault),
            coin,
            coinCode,
            coinCode.codehash,
            V3Venue.PriceRules(WINDOW, 200, 1 days, 2_000, 25, 100_000e6),
            ranges
        );
        _list(venue, 2_000, MAX_LOSS_BPS);
        vm.warp(block.timestamp + 1 days);
    }

    function test_attack_creator_pumps_and_dumps() public {
        Result memory worst;
        Result memory plain;
        int256 bestPumped = type(int256).min;
        uint256[9] memory pumps =
            [uint256(0), 1_000e6, 10_000e6, 50_000e6, 200_000e6, 1_000_000e6, 5_000_000e6, 20_000_000e6, 100_000_000e6];
        for (uint256 i = 0; i < pumps.length; ++i) {
            for (uint256 part = 1; part <= 4; ++part) {
                Result memory r = _pumpAndDump(pumps[i], part);
                if (r.loss * (worst.bound + 1) > worst.loss * (r.bound + 1)) worst = r;
                if (i == 0 && r.profit > plain.profit) plain = r;
                if (i != 0 && r.profit > bestPumped) bestPumped = r.profit;
            }
        }
        assertGt(worst.loss, 0, "the vault did enter");
        Bound.judge("creator pumps, the vault enters, creator dumps", worst.loss, worst.bound, "raw dollars");
        // Whoever sells after somebody bought gets more: that much any holder has from the entry. Pumping adds nothing.
        uint256 best = bestPumped > 0 ? uint256(bestPumped) : 0;
        Bound.judge("creator's gain from pumping before the dump", best, uint256(plain.profit), "raw dollars");
    }

    function _pumpAndDump(uint256 pump, uint256 part) private returns (Result memory r) {
        uint256 snapshot = vm.snapshotState();
        uint256 plain = _dump(CREATORS);
        vm.revertToState(snapshot);
        usd.mint(creator, pump);
        uint256 coins = pump == 0 ? 0 : _swapPast(creator, address(usd), address(coin), pump);
        vm.warp(block.timestamp + 2 * WINDOW);
        uint256 most = venue.most();
        uint256 amount = most * part / 4 * 10_000 / 9_200; // worth about 8 % less once it is in
        while (!_tryEnter(venue, amount)) {
            amount = amount * 4 / 5;
            if (amount < 10e6) amount = 0;
            if (amount == 0) break;
        }
        r.bound = most * 10_000 / (10_000 - MAX_LOSS_BPS);
        uint256 dumped = _dump(CREATORS + coins);
        r.profit = int256(dumped) - int256(pump) - int256(plain);
        vm.warp(block.timestamp + 2 * WINDOW);
        if (amount > 0) {
            uint256 units = venue.position();
            uint256 idle = vault.idle();
            vm.prank(owner);
            vault.unwind(address(venue), units, 0, "");
            uint256 back = vault.idle() - idle;
            r.loss = back < amount ? amount - back : 0;
        }
        vm.revertToState(snapshot);
    }

    /// What the creator has in the end, fees that come back to him included.
    function _dump(uint256 coins) private returns (uint256) {
        _swapPast(creator, address(coin), address(usd), coins);
        IZoraRewards(address(coin)).claimSecondaryRewards(false);
        uint256 rest = _held(coin, creator); // three quarters of the fees in coins
        if (rest > 0) _swapPast(creator, address(coin), address(usd), rest);
        return usd.balanceOf(creator);
    }
}
