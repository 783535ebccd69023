// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {VaultFixture} from "../vault/VaultFixture.sol";
import {Bound} from "./Bound.sol";

/// Somebody who sees a transaction before it runs, moves the real pool's price in front of it, and moves it back behind.
/// Loss: at the fair price, which is that before the attack.
contract SandwichAttackTest is VaultFixture {
    uint256 private reverted;

    function setUp() public {
        _build(true);
        _enter(address(venue), 200_000e6);
        _pushTo(pool, TICK); // arbitrage
        vm.warp(block.timestamp + 1 days);
    }

    /// The honest keeper asked for nothing: the venue's loss limit is all that stands.
    function test_attack_on_a_rebalance_without_any_slippage_limit() public {
        (uint256 best, uint256 passed) = _search(0);
        assertGt(passed, 0);
        assertGt(reverted, 0, "a push past the band makes it revert");
        Bound.judge("sandwich of a rebalance", best, 100_000e6 * uint256(MAX_LOSS_BPS) / BPS, "raw dollars of 100,000");
    }

    /// The honest keeper asked for what it saw, less half a per cent.
    function test_attack_on_a_rebalance_with_a_slippage_limit() public {
        (uint256 best,) = _search(50);
        Bound.judge(
            "sandwich of a rebalance at 50 bps", best, 100_000e6 * uint256(50 + 31 + 10) / BPS, "raw dollars of 100,000"
        );
    }

    function _search(uint256 slippageBps) private returns (uint256 best, uint256 passed) {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 amount = i == 0 ? 100_000e6 : venue.position() / 2;
            uint256 state = vm.snapshotState();
            uint256 seen = _allocate(_one(address(venue), i == 0, amount, 0))[0];
            vm.revertToStateAndDelete(state);
            uint256 least = slippageBps == 0 ? 0 : seen * (BPS - slippageBps) / BPS;
            for (int24 ticks = -400; ticks <= 400; ticks += 16) {
                state = vm.snapshotState();
                (bool ok, uint256 loss) = _sandwich(_one(address(venue), i == 0, amount, least), ticks);
                vm.revertToStateAndDelete(state);
                if (ok) passed++;
                else reverted++;
                best = Math.max(best, loss);
            }
        }
    }

    function _sandwich(Vault.Action[] memory actions, int24 ticks) private returns (bool ok, uint256) {
        uint256 before = _fair();
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        uint256 nonce = vault.nonce();
        if (ticks != 0) _push(pool, ticks > 0, ticks > 0 ? ticks : -ticks);
        vm.prank(keeper);
        try vault.allocate(actions, permits, root, nonce, block.timestamp) {
            ok = true;
        } catch {}
        _pushTo(pool, TICK);
        return (ok, Math.saturatingSub(before, _fair()));
    }

    /// Around settling and around a plain redemption: the price of shares does not follow spot.
    function test_attack_on_settling_and_on_a_redemption() public {
        _deposit(bob, 100_000e6);
        uint256 best = 0;
        for (uint256 queued = 0; queued < 2; ++queued) {
            for (int24 ticks = 10; ticks <= 10_000; ticks *= 2) {
                uint256 state = vm.snapshotState();
                uint256 shares = vault.balanceOf(bob);
                uint256 worth = vault.previewRedeem(shares);
                uint256 got;
                if (queued == 1) {
                    uint256 id = _request(bob, shares);
                    _push(pool, false, ticks);
                    vm.prank(mallory);
                    vault.settle(1);
                    _pushTo(pool, TICK);
                    vault.settle(1); // if the push held it up
                    vm.prank(bob);
                    got = vault.claim(id);
                } else {
                    _push(pool, false, ticks);
                    got = _redeem(bob, shares);
                }
                best = Math.max(best, worth - got);
                vm.revertToStateAndDelete(state);
            }
        }
        Bound.judge("sandwich of a withdrawal", best, 1, "raw dollars of 100,000");
    }

    /// Around a deposit of the attacker's own, with a report in between: others' shares must not be diluted.
    function test_attack_by_pushing_down_reporting_and_buying_cheap_shares() public {
        uint256 best = 0;
        for (int24 ticks = 10; ticks <= 10_000; ticks *= 2) {
            for (uint256 wait = 0; wait <= 1 days; wait += 6 hours) {
                uint256 state = vm.snapshotState();
                _push(pool, false, ticks);
                vault.refresh();
                _pushTo(pool, TICK);
                vm.warp(block.timestamp + (wait == 0 ? 0 : 1));
                uint256 paid = 0;
                if (vault.depositsOpen()) paid = 10_000_000e6;
                uint256 shares = paid == 0 ? 0 : _deposit(mallory, paid);
                vm.warp(block.timestamp + wait);
                vault.refresh();
                best = Math.max(best, Math.saturatingSub(vault.previewRedeem(shares), paid));
                vm.revertToStateAndDelete(state);
            }
        }
        Bound.judge("cheap shares after a push", best, 0, "raw dollars");
    }

    function _fair() private view returns (uint256) {
        uint256 root = TickMath.getSqrtPriceAtTick(TICK);
        return vault.idle() + Math.mulDiv(venue.position(), 1 << 192, root * root);
    }
}
