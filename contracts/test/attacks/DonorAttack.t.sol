// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {HostileFixture} from "../vault/HostileFixture.sol";
import {Bound} from "./Bound.sol";

/// Gifts, to the vault and to its venues, before and after deposits of the giver's and of others.
contract DonorAttackTest is HostileFixture {
    function setUp() public {
        _buildHostile();
    }

    /// First into an empty vault, with a seed and a gift in front of each victim. Loss: the victim's.
    function test_attack_inflation_by_a_first_depositor() public {
        uint256 worst = 0;
        uint256 profit = 0;
        vault = _newVault(usd);
        for (uint256 seedAssets = 1; seedAssets <= 1_000e6; seedAssets *= 31) {
            for (uint256 gift = 1; gift <= 1e15; gift *= 1_000) {
                for (uint256 victims = 1; victims <= 1e12; victims *= 1_000) {
                    (uint256 loss, uint256 gain) = _inflate(seedAssets, gift, victims);
                    worst = Math.max(worst, loss);
                    profit = Math.max(profit, gain);
                }
            }
        }
        Bound.judge("inflation: what the victim loses", worst, 1, "raw dollars");
        Bound.judge("inflation: what the donor gains", profit, 0, "raw dollars");
    }

    function _inflate(uint256 seedAssets, uint256 gift, uint256 victims) private returns (uint256 loss, uint256 gain) {
        uint256 state = vm.snapshotState();
        uint256 shares = _deposit(mallory, seedAssets);
        // burning all but a sliver of the seed is the strongest way to lift a share's price
        uint256 out = _redeem(mallory, shares - 1);
        usd.mint(address(vault), gift);
        vault.refresh();
        uint256 bought = _deposit(alice, victims);
        uint256 back = _redeem(alice, bought);
        loss = victims - back;
        out += _redeem(mallory, vault.balanceOf(mallory));
        gain = Math.saturatingSub(out, seedAssets + gift);
        vm.revertToStateAndDelete(state);
    }

    /// A holder of nearly everything gives, the owner absorbs the gift, and the holder leaves.
    function test_attack_gift_that_the_owner_absorbs() public {
        uint256 profit = 0;
        for (uint256 own = 1e6; own <= 1e17; own *= 100) {
            for (uint256 gift = 1; gift <= 1e15; gift *= 1_000) {
                for (uint256 wait = 0; wait <= 12 hours; wait += 3 hours) {
                    uint256 state = vm.snapshotState();
                    uint256 shares = _deposit(mallory, own);
                    usd.mint(address(vault), gift);
                    vm.prank(owner);
                    vault.absorb();
                    vm.warp(block.timestamp + wait);
                    uint256 out = _redeem(mallory, shares);
                    profit = Math.max(profit, Math.saturatingSub(out, own + gift));
                    vm.revertToStateAndDelete(state);
                }
            }
        }
        Bound.judge("gift that is absorbed: what the donor gains", profit, 0, "raw dollars");
    }

    /// Gifts of the asset and of the token to the venues that hold positions.
    function test_attack_gifts_to_venues() public {
        _enter(address(venue), 200_000e6);
        _enter(address(hostile), 200_000e6);
        uint256 price = vault.convertToAssets(1e24);
        uint256 mark = vault.highWater();
        uint256 moved = 0;
        for (uint256 gift = 1; gift <= 1e24; gift *= 1_000) {
            uint256 state = vm.snapshotState();
            usd.mint(address(venue), gift);
            usd.mint(address(hostile), gift);
            _give(media, address(venue), gift);
            vault.refresh();
            vm.warp(block.timestamp + 1 days);
            moved = Math.max(moved, vault.convertToAssets(1e24) - price);
            moved = Math.max(moved, vault.highWater() - mark);
            assertFalse(vault.tripped());
            vm.revertToStateAndDelete(state);
        }
        Bound.judge("gifts to venues: how far the share price moves", moved, 0, "1e-18");
    }
}
