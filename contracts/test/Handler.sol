// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IERC20, Vault} from "../src/Vault.sol";
import {VenueBook} from "../src/VenueBook.sol";
import {IUniswapV3Pool} from "../src/interfaces/IUniswapV3Pool.sol";
import {MediaToken} from "../src/devnet/MediaToken.sol";
import {UniswapV3Hold} from "../src/venues/UniswapV3Hold.sol";
import {Fixture} from "./Fixture.sol";
import {Hostile} from "./Hostile.sol";

/// Random life of a vault with two venues (one per token order) whose keeper key is in an attacker's hands.
/// A call that may be refused is allowed only the refusals that its state explains; everything else must succeed.
contract Handler is Fixture {
    uint256 internal constant BPS = 10_000;
    uint256 internal constant VENUES = 2;
    UniswapV3Hold[VENUES] internal holds;
    IUniswapV3Pool[VENUES] internal pools;
    MediaToken[VENUES] internal tokens;
    Hostile internal accomplice; // an adapter of the attacker's, never listed
    Hostile internal lossy; // listed, and as bad at its trade as the fuzzer likes
    uint16 internal constant LOSSY_BPS = 100;

    // What the book must say, kept apart from the vault.
    uint256 public idleExpected;
    uint256 public allocations;
    uint256 public entries;
    uint256 public exits;
    // Counted, not refused at once, so that the broken sentence is the one that forge names.
    uint256 public entriesOverCap;
    uint256 public entriesUnderIdle;
    uint256 public lossesOverLimit;
    uint256 public exitsRefused;
    uint256 public roundTripProfits;
    uint256 public replaysAccepted;
    uint256 public theftsAccepted;
    uint16[VENUES] public curatorCap;
    bool[VENUES] public curatorListed;
    uint16 public curatorMinIdle = MIN_IDLE_BPS;

    constructor() {
        _build(true);
        (holds[0], pools[0], tokens[0]) = (venue, pool, media);
        (tokens[1], pools[1]) = _market(false, -887_220, 887_220, LIQUIDITY);
        holds[1] = new UniswapV3Hold(address(vault), pools[1], WINDOW, DEVIATION);
        vm.prank(curator);
        vault.setVenue(address(holds[1]), 500, MAX_LOSS_BPS);
        (curatorCap[0], curatorCap[1]) = (CAP_BPS, 500);
        (curatorListed[0], curatorListed[1]) = (true, true);
        accomplice = new Hostile(address(vault), address(usd));
        lossy = new Hostile(address(vault), address(usd));
        vm.prank(curator);
        vault.setVenue(address(lossy), 1_000, LOSSY_BPS);
        vm.warp(block.timestamp + 1 hours);
        idleExpected = vault.idle();
    }

    // ---- the attacker's key

    function keeperEnters(uint256 which, uint256 assets) external {
        which %= VENUES;
        if (vault.idle() == 0) return;
        assets = bound(assets, 1, _min(vault.idle(), 200_000e6));
        UniswapV3Hold hold = holds[which];
        uint256 totalBefore = vault.totalAssets();
        uint256 unitsBefore = hold.position();
        bool near = hold.nearTwap();
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(_one(address(hold), true, assets, 0), "d", nonce, block.timestamp) returns (
            uint256[] memory got
        ) {
            require(curatorListed[which] && !vault.paused() && near, "entered although closed");
            require(hold.position() - unitsBefore == got[0], "received is not what arrived");
            allocations++;
            entries++;
            idleExpected -= assets;
            uint256 total = vault.totalAssets();
            (,, uint16 capBps, uint16 lossBps) = vault.venues(address(hold));
            if (hold.value() * BPS > total * capBps) entriesOverCap++;
            if (vault.idle() * BPS < total * curatorMinIdle) entriesUnderIdle++;
            if (total + assets * lossBps / BPS + 2 < totalBefore) lossesOverLimit++;
        } catch (bytes memory err) {
            bytes4 why = bytes4(err);
            if (vault.paused()) require(why == Pausable.EnforcedPause.selector, "paused");
            else if (!curatorListed[which]) require(why == Vault.NotListed.selector, "not listed");
            else if (!near) require(why == UniswapV3Hold.SpotOffTwap.selector, "off twap");
            else if (why == Vault.OverCap.selector) require(_wouldBeOverCap(which, assets), "cap");
            else if (why == Vault.IdleTooLow.selector) require(_wouldBeUnderIdle(assets), "idle");
            else require(why == Vault.LossTooHigh.selector && assets < 1_000, "loss only by rounding of dust");
        }
    }

    function keeperExits(uint256 which, uint256 units) external {
        which %= VENUES;
        UniswapV3Hold hold = holds[which];
        if (hold.position() < 1e14) return; // less than a hundredth of a cent
        units = bound(units, 1e14, hold.position());
        uint256 totalBefore = vault.totalAssets();
        uint256 worth = hold.value();
        uint256 idleBefore = vault.idle();
        bool near = hold.nearTwap();
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(_one(address(hold), false, units, 0), "d", nonce, block.timestamp) returns (
            uint256[] memory got
        ) {
            require(near, "left although off the twap");
            require(vault.idle() - idleBefore == got[0], "received is not what arrived");
            allocations++;
            exits++;
            idleExpected += got[0];
            uint256 given = worth - hold.value();
            if (vault.totalAssets() + given * MAX_LOSS_BPS / BPS + 2 < totalBefore) lossesOverLimit++;
        } catch (bytes memory err) {
            if (near || bytes4(err) != UniswapV3Hold.SpotOffTwap.selector) exitsRefused++;
        }
    }

    /// A venue that keeps between nothing and 3 % of what passes through it; 1 % is its limit.
    function keeperUsesALossyVenue(bool entry, uint256 amount, uint256 keptBps) external {
        uint256 most = entry ? vault.idle() / 200 : lossy.position();
        if (vault.paused() && entry || most == 0) return;
        amount = bound(amount, 1, most);
        keptBps = bound(keptBps, 0, 300);
        lossy.set(10_000, 10_000 - keptBps, 10_000 - keptBps, 10_000);
        uint256 totalBefore = vault.totalAssets();
        uint256 idleBefore = vault.idle();
        uint256 worth = lossy.value();
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(_one(address(lossy), entry, amount, 0), "d", nonce, block.timestamp) {
            allocations++;
            uint256 given = entry ? amount : worth - lossy.value();
            if (vault.totalAssets() + given * LOSSY_BPS / BPS < totalBefore) lossesOverLimit++;
            if (entry) idleExpected -= amount;
            else idleExpected += vault.idle() - idleBefore;
        } catch (bytes memory err) {
            bytes4 why = bytes4(err);
            if (why == Vault.LossTooHigh.selector) require(keptBps >= LOSSY_BPS || amount < 2e4, "fair, yet refused");
            else require(entry && (why == Vault.OverCap.selector || why == Vault.IdleTooLow.selector), "refused");
        }
    }

    function keeperTriesToSteal(uint256 way, uint256 amount) external {
        amount = bound(amount, 1, 1e12);
        address[5] memory targets = [address(accomplice), keeper, address(vault), address(usd), address(pools[0])];
        address target = targets[way % 5];
        bool entry = (way >> 8) % 2 == 0;
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(_one(target, entry, amount, 0), "d", nonce, block.timestamp) {
            theftsAccepted++;
        } catch (bytes memory err) {
            bytes4 expected = !entry
                ? VenueBook.NotKnown.selector
                : vault.paused() ? Pausable.EnforcedPause.selector : Vault.NotListed.selector;
            require(bytes4(err) == expected, "refused for another reason");
        }
    }

    function keeperReplays(uint256 nonce) external {
        nonce = bound(nonce, 0, vault.nonce() + 3);
        if (nonce == vault.nonce()) nonce++;
        vm.prank(keeper);
        try vault.allocate(_one(address(holds[0]), true, 1e6, 0), "d", nonce, block.timestamp) {
            replaysAccepted++;
        } catch (bytes memory err) {
            if (bytes4(err) != Vault.WrongNonce.selector) replaysAccepted++;
        }
    }

    // ---- depositors

    function deposits(uint256 assets) external {
        assets = bound(assets, 1, 100_000e6);
        if (vault.maxDeposit(alice) == 0) {
            require(vault.paused() || !_heldNear(), "closed without a reason");
            return;
        }
        require(!vault.paused() && _heldNear(), "open although paused or off the twap");
        _deposit(alice, assets);
        idleExpected += assets;
    }

    function withdrawsSome(uint256 assets) external {
        uint256 most = vault.maxWithdraw(alice);
        assets = bound(assets, 0, most / 4);
        vm.prank(alice);
        vault.withdraw(assets, alice, alice);
        idleExpected -= assets;
    }

    /// All that is idle or owned can be withdrawn and redeemed in every state; then the state is put back.
    function everythingIdleCanLeave() external {
        uint256 state = vm.snapshotState();
        uint256 most = vault.maxWithdraw(alice);
        vm.prank(alice);
        vault.withdraw(most, alice, alice);
        require(vm.revertToState(state), "state");
        most = vault.maxRedeem(alice);
        vm.prank(alice);
        vault.redeem(most, alice, alice);
        require(vm.revertToState(state), "state");
    }

    function roundTrips(uint256 assets) external {
        if (vault.maxDeposit(mallory) == 0) return;
        assets = bound(assets, 1, 1e12);
        _deposit(mallory, assets);
        uint256 shares = vault.maxRedeem(mallory);
        vm.prank(mallory);
        uint256 back = vault.redeem(shares, mallory, mallory);
        if (back > assets) roundTripProfits++;
        idleExpected = idleExpected + assets - back;
    }

    function gives(uint256 assets) external {
        assets = bound(assets, 1, 10_000e6);
        usd.mint(address(vault), assets);
        idleExpected += assets;
    }

    // ---- guardian and curator

    function guardianTightens(uint256 which, uint256 what, uint16 bps) external {
        which %= VENUES;
        address at = address(holds[which]);
        (,, uint16 capBefore,) = vault.venues(at);
        vm.startPrank(guardian);
        if (what % 4 == 0) {
            vault.delist(at);
            curatorListed[which] = false;
        } else if (what % 4 == 1 && !vault.paused()) {
            vault.pause();
        } else {
            if (bps >= capBefore) vm.expectPartialRevert(VenueBook.NotTighter.selector);
            vault.lowerCap(at, bps);
            if (bps < capBefore) curatorCap[which] = bps;
        }
        vm.stopPrank();
    }

    function curatorSets(uint256 which, uint16 capBps, uint16 minIdleBps) external {
        which %= VENUES;
        capBps = uint16(bound(capBps, 100, 4_000));
        minIdleBps = uint16(bound(minIdleBps, 5_000, 9_700));
        vm.startPrank(curator);
        vault.setVenue(address(holds[which]), capBps, MAX_LOSS_BPS);
        vault.setMinIdle(minIdleBps);
        if (vault.paused()) vault.unpause();
        vm.stopPrank();
        (curatorCap[which], curatorListed[which], curatorMinIdle) = (capBps, true, minIdleBps);
    }

    // ---- the market

    function trades(uint256 which, bool up, uint256 ticks) external {
        which %= VENUES;
        (, int24 tick,,,,,) = pools[which].slot0();
        int24 tokensPerDollar = which == 0 ? tick : -tick; // as a tick: falls when the token gets dearer
        if (tokensPerDollar > TICK + 5_000) up = true;
        if (tokensPerDollar < TICK - 5_000) up = false;
        _push(pools[which], up, int24(int256(bound(ticks, 1, 250))));
    }

    function waits(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1, 2 * WINDOW));
    }

    // ---- what the invariants read

    function book() external view returns (Vault, IERC20, UniswapV3Hold[VENUES] memory) {
        return (vault, usd, holds);
    }

    /// Who must never own anything: the keeper's key and its adapter.
    function robbers() external view returns (address[2] memory) {
        return [keeper, address(accomplice)];
    }

    function _wouldBeOverCap(uint256 which, uint256 assets) private view returns (bool) {
        return
            (holds[which].value() + assets) * BPS
                > (vault.totalAssets() - assets * MAX_LOSS_BPS / BPS) * curatorCap[which];
    }

    function _wouldBeUnderIdle(uint256 assets) private view returns (bool) {
        return (vault.idle() - assets) * BPS < vault.totalAssets() * curatorMinIdle;
    }

    function _heldNear() private view returns (bool) {
        for (uint256 i = 0; i < VENUES; ++i) {
            if (holds[i].position() > 0 && !holds[i].nearTwap()) return false;
        }
        return true;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
