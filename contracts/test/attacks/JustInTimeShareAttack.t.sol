// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {RevenueWorld} from "../venues/RevenueWorld.sol";
import {Bound} from "./Bound.sol";

/// Mallory comes for the income just before it lands and leaves just after.
contract JustInTimeShareAttackTest is RevenueWorld {
    address private holder = makeAddr("holder"); // has been in the wrapper all along
    uint256 private _best;
    uint256 private _bestBound;
    uint256 private _othersLost;

    function setUp() public {
        _buildWorld(false);
        vm.startPrank(issuer);
        share.transfer(holder, 100_000e18);
        share.transfer(mallory, 500_000e18);
        vm.stopPrank();
        _wrap(holder, 100_000e18);
        _pay(20_000e6);
        wrapper.harvest(); // so that something is locked when she comes
        vm.warp(block.timestamp + UNLOCK / 3);
    }

    /// Any size and any stay. What she gains is what her own revenue shares earned, times the part of `unlock` that she
    /// stayed; had she held them outside she would have had all of it. The holder beside her loses nothing.
    function test_attack_wrapping_just_before_income_earns_at_most_the_time_that_it_stays() public {
        uint256[6] memory stays = [uint256(0), 12, 600, 1 hours, 3 hours, UNLOCK];
        uint256 alone = _holderGets(0, 0);
        for (uint256 size = 1e18; size <= 500_000e18; size *= 3) {
            for (uint256 i = 0; i < stays.length; ++i) {
                uint256 state = vm.snapshotState();
                uint256 gain = _comesAndGoes(size, stays[i]);
                vm.revertToState(state);
                uint256 fair = 30_000e6 * size / SUPPLY * stays[i] / UNLOCK + 2;
                assertLe(gain, fair);
                if (gain >= _best) (_best, _bestBound) = (gain, fair);
                uint256 holders = _holderGets(size, stays[i]);
                if (holders + 2 < alone) _othersLost += alone - holders;
            }
        }
        assertEq(_othersLost, 0, "the holder beside her loses nothing");
        Bound.judge("just-in-time shares, wrapped", _best, _bestBound, "raw dollars");
    }

    /// She buys out of the pool just before the harvest and sells back just after, or redeems and wraps again: nothing
    /// in the price has moved, so she pays the fee twice.
    function test_attack_buying_from_the_pool_before_a_harvest_never_pays() public {
        uint256[4] memory stays = [uint256(0), 12, 600, 1800];
        for (uint256 spent = 100e6; spent <= 300_000e6; spent *= 3) {
            for (uint256 i = 0; i < stays.length; ++i) {
                for (uint256 way = 0; way < 2; ++way) {
                    uint256 state = vm.snapshotState();
                    uint256 got = _trades(spent, stays[i], way == 1);
                    vm.revertToStateAndDelete(state);
                    if (got > spent && got - spent > _best) _best = got - spent;
                }
            }
        }
        Bound.judge("just-in-time shares, from the pool", _best, 0, "raw dollars");
    }

    function _comesAndGoes(uint256 size, uint256 stay) private returns (uint256 gain) {
        uint256 paid = _wrap(mallory, size);
        uint256 start = usd.balanceOf(mallory);
        _pay(30_000e6);
        wrapper.harvest();
        vm.warp(block.timestamp + stay);
        vm.prank(mallory);
        wrapper.redeem(size, mallory, mallory);
        uint256 got = usd.balanceOf(mallory) - start;
        gain = got > paid ? got - paid : 0;
    }

    /// What the holder can redeem once everything has unlocked.
    function _holderGets(uint256 size, uint256 stay) private returns (uint256 got) {
        uint256 state = vm.snapshotState();
        if (size > 0) {
            _comesAndGoes(size, stay);
        } else {
            _pay(30_000e6);
            wrapper.harvest();
        }
        vm.warp(block.timestamp + UNLOCK);
        wrapper.harvest();
        vm.warp(block.timestamp + UNLOCK);
        vm.prank(holder);
        got = wrapper.redeem(100_000e18, holder, holder);
        vm.revertToStateAndDelete(state);
    }

    function _trades(uint256 spent, uint256 stay, bool redeems) private returns (uint256 got) {
        IUniswapV3Pool driver = _driver();
        uint256 shares = _tradeFor(mallory, driver, false, spent);
        _pay(30_000e6);
        wrapper.harvest();
        vm.warp(block.timestamp + stay);
        uint256 paid = 0;
        if (redeems) {
            vm.prank(mallory);
            got = wrapper.redeem(shares, mallory, mallory);
            paid = _wrap(mallory, shares);
        }
        vm.prank(mallory);
        wrapper.transfer(address(driver), shares);
        got += _tradeFor(mallory, driver, true, shares);
        got = got > paid ? got - paid : 0;
    }
}
