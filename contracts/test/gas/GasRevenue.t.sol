// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RevenueSplit, RevenueSplitFactory} from "../../src/media/RevenueSplit.sol";
import {FractionFixture} from "../media/FractionFixture.sol";
import {RevenueWorld} from "../venues/RevenueWorld.sol";
import {GasBook} from "./GasBook.sol";

/// Revenue shares, their wrapper, the auction of a lot, and splits.
contract GasRevenueTest is FractionFixture, GasBook {
    function setUp() public {
        _lock(300);
        vm.warp(block.timestamp + 1 days);
    }

    function test_gas_revenue_shares() public {
        _build();
        _send(ann, ben, SUPPLY / 2);
        _pay(1_000e6);
        _send(ann, ben, 1e18);
        _pay(1_000e6);
        share.sync();
        _note("RevenueShare", "sync: count new revenue");
        vm.prank(ann);
        share.transfer(ben, 1e18);
        _note("RevenueShare", "transfer, nothing new");
        _pay(1_000e6);
        vm.prank(ann);
        share.transfer(ben, 1e18);
        _note("RevenueShare", "transfer, with new revenue");
        vm.prank(ann);
        share.transfer(cay, 1e18);
        _note("RevenueShare", "transfer to a new holder");
        _pay(1_000e6);
        vm.prank(ann);
        share.claim(ann);
        _note("RevenueShare", "claim, with new revenue");
        vm.prank(ann);
        usd.transfer(cay, 1e6);
        _noteDirect("RevenueShare", "claim, with new revenue", "the dollars sent by hand");
    }

    function test_gas_wrapper() public {
        _build();
        _send(ann, ben, SUPPLY / 2);
        _wrap(ben, 10e18);
        _pay(1_000e6);
        wrapper.harvest();
        _note("RevenueWrapper", "harvest");
        vm.warp(block.timestamp + UNLOCK);
        _wrap(ann, 10e18);
        usd.mint(ben, 100e6);
        vm.startPrank(ben);
        share.approve(address(wrapper), type(uint256).max);
        usd.approve(address(wrapper), type(uint256).max);
        wrapper.mint(5e18, ben);
        _note("RevenueWrapper", "mint");
        wrapper.deposit(1e3, ben);
        _note("RevenueWrapper", "deposit");
        wrapper.redeem(5e18, ben, ben);
        _note("RevenueWrapper", "redeem");
        wrapper.withdraw(1e3, ben, ben);
        _note("RevenueWrapper", "withdraw");
        wrapper.transfer(ann, 1e18);
        _note("RevenueWrapper", "transfer");
        vm.stopPrank();
    }

    function test_gas_auction() public {
        vm.prank(ben);
        lot.vote(1_000);
        _note("Fractionaliser", "vote");
        usd.mint(xan, 1e12);
        usd.mint(yve, 1e12);
        vm.prank(xan);
        usd.approve(address(lot), 1e12);
        vm.prank(yve);
        usd.approve(address(lot), 1e12);
        vm.prank(xan);
        lot.bid(120_000e6);
        _note("Fractionaliser", "bid, opening");
        vm.prank(yve);
        lot.bid(130_000e6);
        _note("Fractionaliser", "bid, raising");
        lot.withdraw(xan, xan);
        _note("Fractionaliser", "withdraw an outbid bid");
        vm.warp(lot.end());
        lot.settle(yve);
        _note("Fractionaliser", "settle");
        vm.prank(ann);
        lot.redeem(SUPPLY / 2, ann);
        _note("Fractionaliser", "redeem");
    }

    function test_gas_split() public {
        RevenueSplitFactory splits = new RevenueSplitFactory();
        address[] memory payees = new address[](3);
        uint16[] memory parts = new uint16[](3);
        (payees[0], payees[1], payees[2]) = (ann, ben, cay);
        (parts[0], parts[1], parts[2]) = (5_000, 3_000, 2_000);
        RevenueSplit split = RevenueSplit(splits.make(payees, parts));
        _note("RevenueSplitFactory", "make, three payees");
        usd.mint(address(split), 1_000e6);
        split.release(address(usd), ann);
        _note("RevenueSplit", "release, a money's first");
        usd.mint(address(split), 1_000e6);
        split.release(address(usd), ann);
        _note("RevenueSplit", "release");
    }
}

/// A revenue holding in the vault.
contract GasRevenueVenueTest is RevenueWorld, GasBook {
    function setUp() public {
        _buildWorld(true);
    }

    function test_gas_revenue_venue() public {
        uint256 units = _enter(venue, 2_000e6);
        _note("RevenueVenue", "entry through the vault");
        _pay(100_000e6);
        vault.collect(address(venue));
        _note("RevenueVenue", "collect through the vault");
        _leave(venue, units / 2);
        _note("RevenueVenue", "exit through the vault");
    }
}
