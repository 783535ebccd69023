// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {console2} from "forge-std/console2.sol";

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {RangeMath} from "../../src/libraries/RangeMath.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {UniswapV3Range} from "../../src/venues/UniswapV3Range.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {Bound} from "./Bound.sol";
import {V3AttackWorld} from "./V3AttackWorld.sol";

/// Unlimited capital and the keeper's key hold a pool with independent depth off its true price, past the window.
abstract contract HeldOffPriceTests is V3AttackWorld {
    uint256 private constant BLOCK = 12;
    uint256 private constant DEPTH = 1e14; // L * sqrt(P), about
    UniswapV3Hold private hold;
    UniswapV3Range private range;
    IUniswapV3Pool private arbitrageur;

    /// @param ranged The keeper enters and leaves the venue that provides liquidity; else the one that holds the token.
    /// @param up The keeper buys dear; else it sells cheap what was bought at the true price.
    /// @param off Ticks by which the price is held off.
    /// @param own Liquidity that the attacker adds beforehand, over all prices.
    /// @param rounds How often, a window apart.
    struct Plan {
        bool ranged;
        bool up;
        int24 off;
        uint128 own;
        uint256 rounds;
        bool arbitrage;
    }

    struct Result {
        int256 profit; // the attacker's, at the true price
        uint256 lost; // by the vault, at the true price
        uint256 traded; // by the vault
    }

    function _open(uint16 shareBps) private {
        V3Venue.PriceRules memory rules = _rules();
        rules.depthShareBps = shareBps;
        hold = new UniswapV3Hold(address(vault), pool, rules, _witnesses());
        range = new UniswapV3Range(address(vault), pool, rules, _witnesses(), 120, 60_000);
        arbitrageur = _driver(pool, media);
        _list(hold, 10_000, 1_000);
        _list(range, 10_000, 1_000);
        vm.warp(block.timestamp + AGE);
    }

    /// Nobody trades against the attacker: the proof of V3Venue.
    function test_attack_holds_the_price_of_a_token_off_without_arbitrage() public {
        _withoutArbitrage(false, "held off price, token, share = fee");
    }

    function test_attack_holds_the_price_of_a_range_off_without_arbitrage() public {
        _withoutArbitrage(true, "held off price, range, share = fee");
    }

    function _withoutArbitrage(bool ranged, string memory name) private {
        _open(uint16(FEE / 100));
        uint256 most = hold.most();
        int256 best = type(int256).min;
        uint256 worst = 0;
        int24[7] memory offs = [int24(100), 500, 1_000, 2_000, 4_000, 8_000, 12_000];
        for (uint256 i = 0; i < offs.length * 4; ++i) {
            Result memory done = _try(Plan(ranged, i & 1 == 0, offs[i / 4], 0, i & 2 == 0 ? 1 : 3, false));
            assertGt(done.traded, 0, "the keeper got nothing through");
            if (done.profit > best) best = done.profit;
            if (done.lost > worst) worst = done.lost;
        }
        console2.log(string.concat(name, ": attacker's best result in assets"), best);
        Bound.judge(string.concat(name, ": profit"), _positive(best), 0, "assets");
        Bound.judge(string.concat(name, ": loss of the vault in 3 rounds"), worst, 3 * most * 11 / 10, "assets");
    }

    /// What is left to an attacker who provides most of the liquidity is the fee that the vault pays for what it
    /// trades, and holding the price off adds nothing to it.
    function test_attack_holds_the_price_off_with_liquidity_of_its_own() public {
        _open(uint16(FEE / 100));
        int256 excess = type(int256).min;
        Result memory best;
        int24[4] memory offs = [int24(0), 500, 2_000, 8_000];
        for (uint256 i = 0; i < offs.length * 4; ++i) {
            for (uint128 own = LIQUIDITY; own <= 10_000 * LIQUIDITY; own *= 100) {
                Result memory done = _try(Plan(i & 1 == 0, i & 2 == 0, offs[i / 4], own, 1, false));
                int256 beyond = done.profit - int256(done.traded * FEE / (1e6 - FEE));
                if (beyond > excess) (excess, best) = (beyond, done);
            }
        }
        uint256 fees = best.traded * FEE / (1e6 - FEE); // what is received is less than what the fee was taken of
        Bound.judge(
            "held off price, own liquidity: profit", _positive(best.profit), fees, "assets (fees on what is traded)"
        );
    }

    /// A share of depth above the fee leans on arbitrage: at the start of each block somebody brings the price back to
    /// where it pays him, and the attacker pushes it off again at the end. Within a fee of the true price nobody does.
    function test_attack_holds_the_price_off_against_arbitrage() public {
        _open(500);
        uint256 most = hold.most();
        int256 best = type(int256).min;
        uint256 worst = 0;
        int24[6] memory offs = [int24(15), 29, 40, 60, 100, 500];
        for (uint256 i = 0; i < offs.length * 4; ++i) {
            Result memory done = _try(Plan(i & 1 == 0, i & 2 == 0, offs[i / 4], 0, 1, true));
            if (done.profit > best) best = done.profit;
            if (done.lost > worst) worst = done.lost;
        }
        // A * (fee + x) less n * L * sqrt(P) * x^2 / 4 is at most A * fee + A^2 / (n * L * sqrt(P)), with n blocks in a
        // window.
        uint256 bound = most * FEE / 1e6 + most * most / (WINDOW / BLOCK * DEPTH);
        Bound.judge("held off price, share = 500, arbitrage: profit", _positive(best), bound, "assets");
        Bound.judge("held off price, share = 500, arbitrage: loss of the vault", worst, most, "assets");
    }

    /// Stated, not claimed to be small: with a share above the fee and nobody who trades against it, the attack pays.
    function test_attack_holds_the_price_off_above_the_fee_without_arbitrage() public {
        _open(500);
        int256 best = type(int256).min;
        uint256 worst = 0;
        for (int24 off = 500; off <= 16_000; off *= 2) {
            Result memory done = _try(Plan(false, true, off, 0, 1, false));
            if (done.profit > best) best = done.profit;
            if (done.lost > worst) worst = done.lost;
        }
        console2.log("held off price, share = 500, no arbitrage: attacker's best result in assets", best);
        assertGt(best, 0, "if this did not pay, the share could be larger");
        Bound.judge(
            "held off price, share = 500, no arbitrage: loss of the vault", worst, hold.most() * 11 / 10, "assets"
        );
    }

    /// Shares bought while the position is held too cheap, or redeemed while it is held too dear and the gain has
    /// unlocked.
    function test_attack_buys_or_redeems_shares_while_the_price_is_off() public {
        _open(uint16(FEE / 100));
        _enterAsMuch(hold);
        _attackTo(arbitrageur, trueRoot);
        vm.warp(block.timestamp + 2 * WINDOW);
        int256 best = type(int256).min;
        int24[5] memory offs = [int24(150), 500, 1_000, 2_000, 4_000];
        for (uint256 i = 0; i < offs.length; ++i) {
            for (uint256 way = 0; way < 2; ++way) {
                uint256 id = vm.snapshotState();
                int256 profit = way == 0 ? _buyCheap(offs[i]) : _redeemDear(offs[i]);
                if (profit > best) best = profit;
                vm.revertToState(id);
            }
        }
        console2.log("shares at a price held off: attacker's best result in assets", best);
        Bound.judge("shares at a price held off: profit", _positive(best), 0, "assets");
    }

    function _buyCheap(int24 off) private returns (int256) {
        int256 before = _wealth(address(attacker));
        _holdOff(-off, false);
        vault.refresh();
        vm.warp(block.timestamp + 7 hours);
        uint256 shares = _depositAs(mallory, 100_000_000e6);
        _attackTo(attacker, trueRoot);
        vm.warp(block.timestamp + WINDOW);
        vault.refresh();
        vm.warp(block.timestamp + 7 hours);
        return _wealth(address(attacker)) - before + int256(_redeemAll(mallory, shares)) - 100_000_000e6;
    }

    function _redeemDear(int24 off) private returns (int256) {
        uint256 shares = _depositAs(mallory, 100_000_000e6);
        int256 before = _wealth(address(attacker));
        _holdOff(off, false);
        vault.refresh();
        vm.warp(block.timestamp + 7 hours);
        uint256 got = _redeemAll(mallory, shares);
        _attackTo(attacker, trueRoot);
        return _wealth(address(attacker)) - before + int256(got) - 100_000_000e6;
    }

    function _redeemAll(address who, uint256 shares) private returns (uint256) {
        vm.prank(who);
        return vault.redeem(shares, who, who);
    }

    /// Runs a plan in a world of its own.
    function _try(Plan memory plan) private returns (Result memory done) {
        uint256 id = vm.snapshotState();
        if (plan.own > 0) attacker.mint(address(attacker), -FULL, FULL, plan.own, "");
        (int256 before, uint256 ours) = (_wealth(address(attacker)), _ours());
        if (plan.own > 0) before += _liquidityWorth(plan.own);
        for (uint256 round = 0; round < plan.rounds; ++round) {
            _round(plan, done);
            vm.warp(block.timestamp + 1 days); // budgets refill
        }
        _attackTo(attacker, trueRoot);
        int256 then = _wealth(address(attacker));
        if (plan.own > 0) then += _liquidityWorth(plan.own);
        done.profit = then - before;
        done.lost = _positive(int256(ours) - int256(_ours()));
        vm.revertToState(id);
    }

    function _round(Plan memory plan, Result memory done) private {
        V3Venue venue = plan.ranged ? V3Venue(range) : V3Venue(hold);
        // Whoever provides the liquidity lets nobody else bring the price back: that would be fees of others.
        IUniswapV3Pool restorer = plan.own > 0 ? attacker : arbitrageur;
        if (!plan.up) {
            done.traded += _enterAsMuch(venue);
            _attackTo(restorer, trueRoot);
            vm.warp(block.timestamp + 1 days);
        }
        _holdOff(plan.up ? plan.off : -plan.off, plan.arbitrage);
        done.traded += plan.up ? _enterAsMuch(venue) : _leaveMost(venue);
        _attackTo(attacker, trueRoot);
        if (plan.up && plan.rounds > 1) {
            vm.warp(block.timestamp + 1 days);
            done.traded += _leaveMost(venue);
            _attackTo(restorer, trueRoot);
        }
    }

    /// Liquidity over 2 % around the price where it stands, which leaves the range when the price goes back.
    function _enterAsMuch(V3Venue venue) private returns (uint256) {
        int24 mid = venue.twapTick() / 60 * 60;
        uint256 most = venue.most() * 102 / 100; // about what it costs to be worth that
        if (most > 400_000e6) most = 400_000e6; // the budget for turnover
        return venue == range ? _enterMost(venue, most, mid - 120, mid + 120) : _enterMost(venue, most, 0, 0);
    }

    /// The price is off at the end of each block of a window, whatever is done at its beginning.
    function _holdOff(int24 off, bool arbitrage) private {
        _attackTo(attacker, _rootOff(off));
        if (!arbitrage) {
            vm.warp(block.timestamp + WINDOW);
            return;
        }
        for (uint256 i = 0; i < WINDOW / BLOCK; ++i) {
            vm.warp(block.timestamp + BLOCK);
            int24 fees = int24(FEE / 100);
            if (off > fees) _attackTo(arbitrageur, _rootOff(fees));
            if (off < -fees) _attackTo(arbitrageur, _rootOff(-fees));
            _attackTo(attacker, _rootOff(off));
        }
    }

    /// Everything of the vault at the true price, which is spot.
    function _ours() private view returns (uint256) {
        uint256 worth = vault.idle() + _trueWorth(hold.position());
        if (range.position() == 0) return worth;
        (uint256 held0, uint256 held1) =
            RangeMath.amountsDown(trueRoot, range.lower(), range.upper(), uint128(range.position()));
        (uint256 owed0, uint256 owed1) = range.owed();
        (held0, held1) = (held0 + owed0, held1 + owed1);
        return worth + (assetIs0 ? held0 + _trueWorth(held1) : held1 + _trueWorth(held0));
    }

    /// What the attacker's own liquidity would bring out now, with its fees.
    function _liquidityWorth(uint128 liquidity) private returns (int256 worth) {
        uint256 id = vm.snapshotState();
        int256 before = _wealth(address(attacker));
        attacker.burn(-FULL, FULL, liquidity);
        attacker.collect(address(attacker), -FULL, FULL, type(uint128).max, type(uint128).max);
        worth = _wealth(address(attacker)) - before;
        vm.revertToState(id);
    }

    function _positive(int256 number) private pure returns (uint256) {
        return number > 0 ? uint256(number) : 0;
    }
}

contract HeldOffPriceAttackTest is HeldOffPriceTests {
    function setUp() public {
        _buildWorld(true);
    }
}

contract HeldOffPriceWithAssetAsToken1AttackTest is HeldOffPriceTests {
    function setUp() public {
        _buildWorld(false);
    }
}
