// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SeaportVaultFixture} from "../venues/SeaportVaultFixture.sol";
import {Bound} from "./Bound.sol";

/// Mallory has unlimited capital. She deposits, makes the vault's pieces look dear by bids of her own, leaves at the
/// higher price and lets the bids lapse: as often as she likes. Nobody hits her bids: the keeper sleeps, or is hers.
contract BidSpoofAttackTest is SeaportVaultFixture {
    address private _mallory = makeAddr("mallory");
    uint256 private _next = 1;

    /// Pieces that were bought honestly, with and without bids; then deposits, bids, confirmations, waits and exits.
    function test_attack_bids_are_placed_to_raise_value_and_withdrawn() public {
        for (uint256 i = 0; i < 6; ++i) {
            vm.warp(block.timestamp + EPOCH / 2);
            (bool done,) = _vaultBuys(_next, 9_000e6, i % 2 == 0 ? 0 : _bid(_next, 10_000e6, DECAY));
            assertTrue(done);
            ++_next;
        }
        uint256[4] memory deposits = [uint256(10_000e6), 1_000_000e6, 10_000_000e6, 1_000_000_000e6];
        uint256[4] memory waits = [uint256(1), UNLOCK / 2, UNLOCK, DECAY / 2];
        uint256 id = vm.snapshotState();
        uint256 best;
        for (uint256 i = 0; i < 96; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(i)));
            bool drawn = i >= 32; // after the chosen sizes and times, some at random
            uint256 gained = drawn
                ? _cycle(1e6 + draw % 1e16, (draw >> 64) % (2 * DECAY), true)
                : _cycle(deposits[i % 4], waits[(i / 4) % 4], i / 16 == 0);
            if (gained > best) best = gained;
            vm.revertToState(id);
        }
        Bound.judge("bids placed to raise value", best, 0, "units of asset gained by the spoofer");
    }

    /// The keeper is hers too, and buys her pieces with her bids behind them, so that no loss is seen before she has
    /// left.
    function test_attack_spoofed_purchases_before_leaving() public {
        uint256[4] memory deposits = [uint256(0), 100_000e6, 1_000_000e6, 20_000_000e6];
        uint256[3] memory waits = [uint256(0), EPOCH / 4, EPOCH];
        uint256 id = vm.snapshotState();
        uint256 best;
        for (uint256 i = 0; i < deposits.length * waits.length; ++i) {
            uint256 lost = _spoofed(deposits[i % 4], waits[i / 4]);
            if (lost > best) best = lost;
            vm.revertToState(id);
        }
        Bound.judge("spoofed purchases, 2 epochs", best, 3 * uint256(BUDGET), "units of asset");
        assertGt(best, 2 * uint256(BUDGET), "the attacker is no straw man");
    }

    /// @return gained What mallory has more than before, her bids being withdrawn and her shares redeemed.
    function _cycle(uint256 assets, uint256 wait, bool confirming) private returns (uint256 gained) {
        uint256 shares = _deposit(_mallory, assets);
        usd.mint(buyer, _next * 20_000e6);
        for (uint256 i = 1; i < _next; ++i) {
            uint256 bid = _bid(i, 20_000e6, DECAY); // twice what any piece cost
            if (!confirming) continue;
            try venue.confirm(address(art), i, bid) {} catch {}
        }
        vault.refresh();
        vm.warp(block.timestamp + wait);
        vault.refresh();
        uint256 most = vault.maxRedeem(_mallory);
        vm.prank(_mallory);
        uint256 got = vault.redeem(shares < most ? shares : most, _mallory, _mallory);
        vm.warp(block.timestamp + DECAY + 1); // her bids lapse, and what she could not take at once is worth less
        vault.refresh();
        uint256 rest = vault.balanceOf(_mallory);
        if (rest != 0) {
            vm.prank(_mallory);
            got += vault.redeem(rest, _mallory, _mallory);
        }
        gained = got > assets ? got - assets : 0;
    }

    /// @return lost What alice has less, her shares redeemed when every bid has lapsed.
    function _spoofed(uint256 assets, uint256 wait) private returns (uint256 lost) {
        uint256 shares = assets == 0 ? 0 : _deposit(_mallory, assets);
        uint256 end = block.timestamp + 2 * EPOCH;
        while (block.timestamp <= end) {
            while (venue.position() < venue.MAX_PIECES()) {
                uint256 id = vm.snapshotState();
                (bool done,) = _vaultBuys(_next, MAX, _bid(_next, 2 * MAX, DECAY));
                if (!done) {
                    vm.revertToState(id);
                    break;
                }
                ++_next;
            }
            vm.warp(block.timestamp + EPOCH / 2);
        }
        vm.warp(block.timestamp + wait);
        if (shares != 0) {
            uint256 most = vault.maxRedeem(_mallory);
            vm.prank(_mallory);
            vault.redeem(shares < most ? shares : most, _mallory, _mallory);
        }
        vm.warp(block.timestamp + DECAY + 1);
        vault.refresh();
        vm.warp(block.timestamp + UNLOCK);
        lost = DEPOSIT - vault.previewRedeem(vault.balanceOf(alice));
    }
}
