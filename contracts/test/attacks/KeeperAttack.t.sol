// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {HostileFixture} from "../vault/HostileFixture.sol";
import {Bound} from "./Bound.sol";

/// The keeper's and the anchorer's keys are stolen, and the thief has any amount of money. He pushes the real pool's price
/// before each of his moves, up before an entry and down before an exit, as far as the band allows; afterwards the price
/// returns to what it was (he pushes back himself, or arbitrage does). An unpriced venue is his own: what goes there is gone.
/// Loss: what Alice's shares are worth at the fair price, before and after. Bound, see SPEC.md: n + 1 of the budgets for
/// loss and for unpriced entries, and what leaving costs of the position that was there before him.
contract KeeperAttackTest is HostileFixture {
    uint256 private constant CAPITAL = 100_000_000e6;
    uint256 private constant RESALE_BPS = 35; // fee and impact of selling the position that was there
    uint256 private moves;
    uint256 private refusals;

    function setUp() public {
        _buildHostile();
        hostile.setPriced(false);
        hostile.set(10_000, 0, 10_000, 10_000);
        _enter(address(venue), 250_000e6); // an honest position
        _pushTo(pool, TICK); // arbitrage
        vm.warp(block.timestamp + 10 days);
        usd.mint(mallory, CAPITAL);
        vm.prank(mallory);
        usd.approve(address(vault), type(uint256).max);
    }

    function test_attack_stolen_keeper_key_with_any_amount_of_money() public {
        for (uint256 epochs = 0; epochs <= 2; ++epochs) {
            uint256 best = 0;
            uint256 strategies = 0;
            for (uint256 ticks = 0; ticks <= 195; ticks += 65) {
                for (uint256 size = 50_000e6; size <= 200_000e6; size *= 2) {
                    for (uint256 swell = 0; swell < 2; ++swell) {
                        uint256 state = vm.snapshotState();
                        uint256 loss = _campaign(int24(int256(ticks)), size, swell == 1, epochs);
                        vm.revertToStateAndDelete(state);
                        best = Math.max(best, loss);
                        strategies++;
                    }
                }
            }
            assertEq(strategies, 24);
            Bound.judge(
                string.concat("stolen keeper key over ", vm.toString(epochs), " epochs"),
                best,
                _bound(epochs),
                "raw dollars of a million"
            );
            assertGt(best, _bound(epochs) / 3, "the attacker is no weakling");
        }
    }

    /// Forty lives of sixteen random moves: which way, how far pushed, how much, how long after the last.
    function test_attack_stolen_keeper_key_at_random() public {
        uint256 best = 0;
        uint256 bound_ = 0;
        for (uint256 life = 0; life < 40; ++life) {
            uint256 state = vm.snapshotState();
            (uint256 before, uint256 start) = (_fairWorthOfAlice(), block.timestamp);
            for (uint256 i = 0; i < 16; ++i) {
                uint256 dice = uint256(keccak256(abi.encode(life, i)));
                if (dice % 4 == 0) _steal();
                bool entry = (dice >> 8) % 2 == 0;
                uint256 most = entry ? 400_000e6 : venue.position();
                _push(entry, int24(int256((dice >> 16) % 200)), most * ((dice >> 32) % 100 + 1) / 100);
                vm.warp(block.timestamp + (dice >> 64) % 3 hours);
            }
            uint256 epochs = (block.timestamp - start) / 1 days + 1; // begun ones count whole
            uint256 loss = Math.saturatingSub(before, _fairWorthOfAlice());
            vm.revertToStateAndDelete(state);
            if (loss > best) (best, bound_) = (loss, _bound(epochs));
        }
        Bound.judge("stolen keeper key at random", best, bound_, "raw dollars of a million");
    }

    function _bound(uint256 epochs) private view returns (uint256) {
        IRules.Limits memory limits = vault.limits();
        uint256 perEpoch = limits.unpricedBudget + 1_000_000e6 * uint256(limits.lossBps) / BPS;
        return (epochs + 1) * perEpoch + 250_000e6 * RESALE_BPS / BPS;
    }

    /// As much as passes, at the start of each epoch and at its end.
    function _campaign(int24 ticks, uint256 size, bool swell, uint256 epochs) private returns (uint256) {
        uint256 before = _fairWorthOfAlice();
        for (uint256 epoch = 0; epoch <= epochs; ++epoch) {
            if (epoch > 0) vm.warp(block.timestamp + 1 days);
            if (swell) _swell();
            _steal();
            for (uint256 rounds = 0; rounds < 6; ++rounds) {
                bool out = _push(false, ticks, venue.position());
                bool in_ = _push(true, ticks, size);
                if (!out && !in_) break;
            }
            if (swell) _shrink();
        }
        return Math.saturatingSub(before, _fairWorthOfAlice());
    }

    /// One move at a pushed price; halves it until it passes.
    function _push(bool entry, int24 ticks, uint256 amount) private returns (bool moved) {
        vm.warp(block.timestamp + 12);
        if (ticks != 0) _push(pool, entry, ticks);
        for (uint256 i = 0; i < 5 && !moved && amount > 1_000; ++i) {
            moved = _passes(_one(address(venue), entry, amount, 0));
            amount /= 2;
        }
        _pushTo(pool, TICK);
        if (moved) moves++;
        else refusals++;
    }

    /// The whole unpriced budget, in one entry.
    function _steal() private {
        uint256 amount = vault.limits().unpricedBudget - vault.unpricedUsed();
        if (amount != 0) assertTrue(_passes(_one(address(hostile), true, amount, 0)));
    }

    function _passes(Vault.Action[] memory actions) private returns (bool) {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(actions, permits, root, nonce, block.timestamp) {
            return true;
        } catch {
            return false;
        }
    }

    /// A vault a hundred times as large has budgets a hundred times as large, in assets.
    function _swell() private {
        if (!vault.depositsOpen()) return;
        uint256 had = usd.balanceOf(mallory);
        vm.prank(mallory);
        vault.deposit(had, mallory);
    }

    function _shrink() private {
        vm.startPrank(mallory);
        vault.redeem(vault.maxRedeem(mallory), mallory, mallory);
        vm.stopPrank();
    }

    function _fairWorthOfAlice() private view returns (uint256) {
        uint256 root = TickMath.getSqrtPriceAtTick(TICK);
        uint256 position = Math.mulDiv(venue.position(), 1 << 192, root * root);
        return Math.mulDiv(vault.idle() + position, vault.balanceOf(alice), vault.totalSupply());
    }
}
