// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DevDollar} from "../../src/devnet/DevDollar.sol";
import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {IZoraCoin} from "../../src/interfaces/IZoraCoin.sol";
import {Erc4626Venue} from "../../src/venues/Erc4626Venue.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {ZoraCoinVenue} from "../../src/venues/ZoraCoinVenue.sol";
import {Erc4626Honest} from "../venues/Erc4626Targets.sol";
import {SeaportVaultFixture} from "../venues/SeaportVaultFixture.sol";
import {VenueVault} from "../venues/VenueVault.sol";
import {ZoraWorld} from "../venues/ZoraWorld.sol";
import {GasBook} from "./GasBook.sol";

contract GasErc4626VenueTest is VenueVault, GasBook {
    uint256 private constant AMOUNT = 10_000e6;

    function test_gas_erc4626() public {
        vm.warp(1_700_000_000);
        DevDollar usd = new DevDollar(address(this));
        _openVault(usd);
        Erc4626Honest plain = new Erc4626Honest(usd, 6);
        Erc4626Venue venue = new Erc4626Venue(address(vault), plain, Erc4626Venue.ShareRules(1 days, 50));
        _list(venue, 5_000, 100);
        usd.mint(alice, 10 * AMOUNT);
        vm.prank(alice);
        usd.approve(address(plain), type(uint256).max);
        vm.prank(alice);
        plain.deposit(AMOUNT, alice);
        vm.warp(block.timestamp + 1 days);
        _enter(venue, AMOUNT);
        _note("Vault", "allocate: into an ERC-4626 vault, the venue's first");
        uint256 units = _enter(venue, AMOUNT);
        _note("Vault", "allocate: into an ERC-4626 vault");
        _leave(venue, units);
        _note("Vault", "allocate: part of an ERC-4626 vault out");
        vm.prank(alice);
        uint256 shares = plain.deposit(AMOUNT, alice);
        _noteDirect("Vault", "allocate: into an ERC-4626 vault", "deposit");
        vm.prank(alice);
        plain.redeem(shares / 2, alice, alice);
        _noteDirect("Vault", "allocate: part of an ERC-4626 vault out", "redeem");
    }
}

contract GasZoraVenueTest is ZoraWorld, VenueVault, GasBook {
    uint256 private constant AMOUNT = 1_000e6;

    function test_gas_zora() public {
        _buildZora();
        _openVault(usd);
        (IZoraCoin coin,) = _coin(false);
        _buy(coin, buyers, 5_000_000e6);
        ZoraCoinVenue.Range[] memory ranges = new ZoraCoinVenue.Range[](1);
        (ranges[0].lower, ranges[0].upper,) = _locked(coin);
        V3Venue.PriceRules memory rules = V3Venue.PriceRules(1_800, 200, 7 days, 2_000, 25, 100_000e6);
        ZoraCoinVenue venue = new ZoraCoinVenue(address(vault), coin, coinCode, coinCode.codehash, rules, ranges);
        _list(venue, 2_000, 800);
        vm.warp(block.timestamp + 1 days);
        _enter(venue, AMOUNT);
        _note("Vault", "allocate: into a Zora coin, the venue's first");
        vm.warp(block.timestamp + 1 hours);
        uint256 units = _enter(venue, AMOUNT);
        _note("Vault", "allocate: into a Zora coin");
        vm.warp(block.timestamp + 1 hours);
        _leave(venue, units);
        _note("Vault", "allocate: part of a Zora coin out");
        uint256 coins = _buy(coin, buyers, AMOUNT);
        _noteDirect("Vault", "allocate: into a Zora coin", "buy on the coin");
        _sell(coin, buyers, coins);
        _noteDirect("Vault", "allocate: part of a Zora coin out", "sell on the coin");
    }
}

contract GasSeaportVenueTest is SeaportVaultFixture, GasBook {
    uint256 private constant COST = 1_000e6;

    function test_gas_seaport() public {
        art.mint(seller, 1);
        ISeaport.Order memory order = _signed(_listing(art, 1, COST - COST / 20, COST / 20), sellerKey);
        (bool done,) = _tryEnter(COST, _purchase(order, 0));
        _note("Vault", "allocate: a piece bought on Seaport, the venue's first");
        assertTrue(done);
        art.mint(seller, 2);
        order = _signed(_listing(art, 2, COST - COST / 20, COST / 20), sellerKey);
        (done,) = _tryEnter(COST, _purchase(order, 0));
        _note("Vault", "allocate: a piece bought on Seaport");
        assertTrue(done);
        art.mint(seller, 3);
        order = _signed(_listing(art, 3, COST - COST / 20, COST / 20), sellerKey);
        vm.prank(buyer);
        seaport.fulfillOrder(order, 0);
        _noteDirect("Vault", "allocate: a piece bought on Seaport", "fulfillOrder");
        _list(1, 2 * COST, LISTING);
        _note("SeaportVenue", "list a piece");
        _take(1);
        _note("SeaportVenue", "a buyer takes the listing");
        vault.collect(address(venue));
        _note("Vault", "collect the money of a sold piece");
    }
}
