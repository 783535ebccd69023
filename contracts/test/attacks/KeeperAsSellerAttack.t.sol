// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Meter} from "../../src/vault/Meter.sol";
import {PieceBook} from "../../src/venues/PieceBook.sol";
import {SeaportVaultFixture} from "../venues/SeaportVaultFixture.sol";
import {Bound} from "./Bound.sol";

/// The keeper's key is stolen. Its thief is the seller, the artist, the buyer and the bidder as well: he sells
/// worthless pieces of an allowed collection to the vault, takes them back as cheaply as he is let, and sells them
/// again.
contract KeeperAsSellerAttackTest is SeaportVaultFixture {
    uint256 private _next = 1;

    function setUp() public override {
        super.setUp();
        art.setRoyalty(seller, 1_000); // even the royalty is his
    }

    function test_attack_keeper_sells_his_own_pieces() public {
        _search(0, "keeper as seller, 3 epochs");
    }

    /// With his own small bid behind each piece, which he hits at once to have the piece back and sell it again.
    function test_attack_keeper_sells_the_same_pieces_again_and_again() public {
        _search(1, "keeper as seller and bidder, 3 epochs");
    }

    /// With his own large bid behind each, so that no value seems lost.
    function test_attack_keeper_sells_pieces_that_his_own_bids_back() public {
        _search(2, "keeper as seller behind large bids, 3 epochs");
    }

    /// Pieces were bought honestly, for months, each within its epoch's budget, some against an honest bid. Then the
    /// key is stolen. What the thief can take for himself below cost is what was counted as lost when it was bought.
    function test_attack_keeper_takes_the_collection_for_a_song() public {
        uint256 atCost;
        uint256 accepted;
        for (uint256 i = 0; i < 20; ++i) {
            vm.warp(block.timestamp + EPOCH);
            uint256 bid = i % 2 == 0 ? 0 : _bid(_next, 3_000e6, DECAY);
            (bool done,) = _vaultBuys(_next++, 5_000e6, bid);
            assertTrue(done);
            if (bid == 0) atCost += 5_000e6;
            else accepted += 2_700e6; // what the honest bid leaves for certain
        }
        vm.warp(block.timestamp + DECAY);
        assertEq(venue.value(), 0);
        uint256 before = usd.balanceOf(address(vault));
        PieceBook.Piece[] memory pieces = venue.held();
        for (uint256 i = 0; i < pieces.length; ++i) {
            uint256 low = 1;
            uint256 high = 10_000e6;
            while (low < high) {
                // the least that he gets it for
                uint256 mid = (low + high) / 2;
                if (_cheap(pieces[i].tokenId, mid, false)) high = mid;
                else low = mid + 1;
            }
            assertTrue(_cheap(pieces[i].tokenId, low, true));
        }
        assertEq(venue.position(), 0);
        uint256 paid = usd.balanceOf(address(vault)) - before;
        uint256 lost = paid >= atCost + accepted ? 0 : atCost + accepted - paid;
        Bound.judge("keeper takes the collection for a song", lost, 0, "units of asset below the floors");
    }

    /// Tries to hit a bid of the thief's own for one piece; takes it back unless it is kept.
    function _cheap(uint256 tokenId, uint256 price, bool keep) private returns (bool done) {
        uint256 id = vm.snapshotState();
        uint256 bid = _bid(tokenId, price, DECAY);
        (done,) = _tryExit(1, _sale(address(art), tokenId, bid, ""));
        if (!keep) vm.revertToState(id);
    }

    /// Every price and every pause between raids; the best of them.
    function _search(uint256 how, string memory name) private {
        uint256[5] memory prices = [uint256(BUDGET / 7), BUDGET / 3, BUDGET / 2 - 1, MAX - MAX / 10, MAX];
        uint256[4] memory waits = [uint256(EPOCH), EPOCH / 2, EPOCH / 3, EPOCH / 7];
        uint256 id = vm.snapshotState();
        uint256 best;
        for (uint256 i = 0; i < prices.length * waits.length; ++i) {
            uint256 lost = _run(prices[i % 5], waits[i / 5], how, 3);
            if (lost > best) best = lost;
            vm.revertToState(id);
        }
        Bound.judge(name, best, 4 * uint256(BUDGET), "units of asset");
        assertGt(best, 4 * uint256(BUDGET) - MAX, "the attacker is no straw man");
    }

    /// @return lost What the vault's holders have less at the end, its pieces being worthless.
    function _run(uint256 price, uint256 wait, uint256 how, uint256 epochs) private returns (uint256 lost) {
        uint256 start = block.timestamp;
        uint256 tokenId;
        while (block.timestamp <= start + epochs * EPOCH) {
            while (venue.position() < venue.MAX_PIECES()) {
                uint256 id = vm.snapshotState();
                tokenId = _next++;
                uint256 bid = how == 0 ? 0 : _bid(tokenId, how == 1 ? 1e6 : price * 2, DECAY);
                (bool done, bytes memory err) = _vaultBuys(tokenId, price, bid);
                if (!done) {
                    assertEq(bytes4(err), Meter.BudgetSpent.selector, "stopped by the budget and nothing else");
                    vm.revertToState(id);
                    break;
                }
                if (how == 1) {
                    (done,) = _tryExit(1, _sale(address(art), tokenId, bid, ""));
                    assertTrue(done);
                }
            }
            vm.warp(block.timestamp + wait);
        }
        lost = DEPOSIT - usd.balanceOf(address(vault));
    }
}
