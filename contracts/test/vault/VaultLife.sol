// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../../src/interfaces/IVenue.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Meter} from "../../src/vault/Meter.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {HostileVenue} from "./HostileVenue.sol";
import {VaultFixture} from "./VaultFixture.sol";

/// A vault with four venues, what the test knows of it apart from it, and what it must refuse, worked out beforehand.
/// Venues 0 and 1: real pools, one for each token order. 2: priced, and as bad at its trade as the fuzzer likes; its value
/// falls, goes off its band and cannot be told at times. 3: unpriced.
abstract contract VaultLife is VaultFixture {
    uint256 internal constant VENUES = 4;
    uint256 internal constant WAD = 1e18;
    uint16 internal constant LOSSY_BPS = 100;
    address[VENUES] internal places;
    IUniswapV3Pool[2] internal pools;
    HostileVenue internal lossy;
    HostileVenue internal dark;
    HostileVenue internal accomplice; // an adapter of the attacker's, never listed

    // What the book must say, kept apart from the vault.
    uint256 public idleExpected;
    uint256 public reservedExpected;
    uint256 public gifts;
    uint256 public gains; // every rise of gross assets that was no flow
    uint256 public allocations;
    uint256 public entries;
    uint256 public exits;
    uint256[VENUES] public capSet;
    bool[VENUES] public listedSet;
    IRules.Limits internal limitsSet;

    /// One take out of a budget: when, and how much.
    struct Take {
        uint256 at;
        uint256 amount;
    }
    Take[][3] internal takes;

    // Counted, not refused at once, so that the broken sentence is the one that forge names.
    uint256 public entriesOverLimits;
    uint256 public entriesThatStarve;
    uint256 public lossesOverLimit;
    uint256 public roundTripProfits;
    uint256 public replaysAccepted;
    uint256 public theftsAccepted;

    /// What a move does at its venue, tried out and taken back.
    struct Trial {
        bytes4 err;
        uint256 spent;
        uint256 units;
        uint256 before;
        uint256 value;
        uint256 received;
        uint256 most;
        bool priced;
        bool fresh;
    }

    constructor() {
        feeTo = makeAddr("fee recipient");
        _build(true);
        pools[0] = pool;
        (places[0], assetIs0) = (address(venue), false);
        (, pools[1]) = _market(TICK, FEE);
        maker.seed(address(pools[1]), -FULL, FULL, LIQUIDITY);
        _age(pools[1]);
        places[1] = address(_newHold(pools[1]));
        lossy = new HostileVenue(address(vault), address(usd));
        dark = new HostileVenue(address(vault), address(usd));
        dark.setPriced(false);
        (places[2], places[3]) = (address(lossy), address(dark));
        accomplice = new HostileVenue(address(vault), address(usd));
        limitsSet = _limits();
        limitsSet.performanceFeeBps = 500;
        limitsSet.unpricedBudget = 5_000e6;
        _ownerSets(3_000);
        _deposit(bob, 200_000e6);
        vm.warp(block.timestamp + AGE);
        idleExpected = vault.idle();
    }

    /// Everything as loose as it is at first; the breaker reset.
    function _ownerSets(uint16 capBps) internal {
        vm.startPrank(owner);
        for (uint32 i = 0; i < VENUES; ++i) {
            capSet[i] = i < 2 ? capBps : 500;
            listedSet[i] = true;
            vault.setGroupCap(i < 2 ? 1 : i, i < 2 ? 5_000 : 600);
            vault.setVenue(places[i], i < 2 ? 1 : i, uint16(capSet[i]), i < 2 ? MAX_LOSS_BPS : LOSSY_BPS);
        }
        vault.setLimits(limitsSet);
        if (vault.paused()) vault.unpause();
        if (vault.tripped()) vault.resetBreaker();
        vm.stopPrank();
    }

    // ---- what must be refused, and why: 0 when nothing must

    function _try(address at, bool entry, uint256 amount) internal returns (Trial memory) {
        try this.moveAndRevert(at, entry, amount) {
            revert("it must revert");
        } catch (bytes memory trial) {
            return abi.decode(trial, (Trial));
        }
    }

    /// Makes the move as the vault would, and reverts with what came of it.
    function moveAndRevert(address at, bool entry, uint256 amount) external {
        Trial memory trial;
        vm.startPrank(address(vault));
        (bool ok, bytes memory answer) = at.staticcall(abi.encodeCall(IVenue.value, ()));
        trial.fresh = ok && answer.length == 32;
        if (trial.fresh) trial.before = IVenue(at).value();
        (trial.units, trial.priced) = (IVenue(at).position(), IVenue(at).priced());
        uint256 held = usd.balanceOf(address(vault));
        usd.approve(at, amount);
        bytes memory call =
            entry ? abi.encodeCall(IVenue.enter, (amount, "")) : abi.encodeCall(IVenue.exit, (amount, ""));
        (ok, answer) = at.call(call);
        vm.stopPrank();
        uint256 now_ = usd.balanceOf(address(vault));
        trial.spent = Math.saturatingSub(held, now_);
        trial.received = Math.saturatingSub(now_, held);
        if (!ok) trial.err = bytes4(answer);
        else if (trial.fresh) (trial.value, trial.most) = (IVenue(at).value(), IVenue(at).most());
        answer = abi.encode(trial);
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }

    function _refusalOfEntry(uint256 which, uint256 amount, Trial memory t) internal view returns (bytes4) {
        uint256 idle = vault.idle();
        if (vault.paused()) return Pausable.EnforcedPause.selector;
        if (vault.tripped()) return Vault.BreakerTripped.selector;
        if (!listedSet[which]) return Vault.NotListed.selector;
        if (amount > idle) return Vault.IdleTooLow.selector;
        if (t.err != 0) return t.err;
        if (!t.fresh) return Vault.VenueStale.selector;
        uint256 gained = Math.saturatingSub(t.value, t.before);
        uint256 lossBps = which < 2 ? MAX_LOSS_BPS : LOSSY_BPS;
        if (t.priced && gained < t.spent - t.spent * lossBps / BPS) return Vault.LossTooHigh.selector;
        uint256 gross = _gross() + gained - t.spent;
        if (_overBudget(t, gained, gross)) return Meter.BudgetSpent.selector;
        if (_anyStale()) return Vault.VenueStale.selector;
        uint256 total = Math.min(gross, vault.totalAssets());
        if (_price(total) < vault.highWater() * (BPS - limitsSet.drawdownBps) / BPS) {
            return Vault.BreakerTripped.selector;
        }
        return _overLimits(which, t, gross, total, idle);
    }

    function _overBudget(Trial memory t, uint256 gained, uint256 gross) private view returns (bool) {
        if (!t.priced) return vault.unpricedUsed() + t.spent > limitsSet.unpricedBudget;
        uint256 lost = Math.saturatingSub(t.spent, gained);
        return vault.turnoverUsed() + _part(t.spent, gross) > WAD * limitsSet.turnoverBps / BPS
            || (lost != 0 && vault.lossUsed() + _part(lost, gross) > WAD * limitsSet.lossBps / BPS);
    }

    function _overLimits(uint256 which, Trial memory t, uint256 gross, uint256 total, uint256 idle)
        private
        view
        returns (bytes4)
    {
        (uint256 counted, bool believed) = vault.valueOf(places[which]);
        uint256 value = believed ? t.value : counted + t.value - t.before;
        if (value > t.most) return IRules.OverDepth.selector;
        uint256 weighed = t.priced ? value : Math.max(value, vault.cost(places[which]) + t.spent);
        if (weighed > gross * capSet[which] / BPS) return IRules.OverCap.selector;
        uint32 group = which < 2 ? 1 : uint32(which);
        if (which < 2) {
            (counted,) = vault.valueOf(places[1 - which]);
            weighed += counted;
        }
        if (weighed > gross * vault.groupCapBps(group) / BPS) return IRules.OverGroupCap.selector;
        uint256 need = Math.ceilDiv(gross * limitsSet.minIdleBps, BPS) + _queueNeed(total);
        return idle - t.spent < need ? Vault.IdleTooLow.selector : bytes4(0);
    }

    function _refusalOfExit(uint256 which, uint256 units, Trial memory t) internal view returns (bytes4) {
        if (t.err != 0) return t.err;
        if (!t.fresh) return Vault.VenueStale.selector;
        uint256 given = Math.saturatingSub(t.before, t.value);
        uint256 lossBps = which < 2 ? MAX_LOSS_BPS : LOSSY_BPS;
        if (t.received < given - given * lossBps / BPS) return Vault.LossTooHigh.selector;
        uint256 lost = Math.saturatingSub(given, t.received);
        (uint256 counted, bool believed) = vault.valueOf(places[which]);
        uint256 rest = believed ? t.value : counted * (t.units - units) / t.units;
        uint256 used = vault.lossUsed() + _part(lost, _gross() - counted + rest + t.received);
        return lost != 0 && used > WAD * limitsSet.lossBps / BPS ? Meter.BudgetSpent.selector : bytes4(0);
    }

    // ---- readings

    function _part(uint256 amount, uint256 gross) internal pure returns (uint256) {
        return Math.mulDiv(amount, WAD, gross, Math.Rounding.Ceil);
    }

    function _gross() internal view returns (uint256 gross) {
        gross = vault.idle();
        for (uint256 i = 0; i < VENUES; ++i) {
            (uint256 counted,) = vault.valueOf(places[i]);
            gross += counted;
        }
    }

    function _anyStale() internal view returns (bool) {
        return lossy.mood() != HostileVenue.Mood.Well;
    }

    /// No venue is doubted, and each that holds something is on its band.
    function _calm() internal view returns (bool) {
        for (uint256 i = 0; i < VENUES; ++i) {
            (, bool believed) = vault.valueOf(places[i]);
            if (!believed || (IVenue(places[i]).position() > 0 && !IVenue(places[i]).steady())) return false;
        }
        return true;
    }

    function _price(uint256 total) internal view returns (uint256) {
        return Math.mulDiv(total + 1, 1e24, vault.totalSupply() + 1e6);
    }

    function _queueNeed(uint256 total) internal view returns (uint256) {
        return Math.mulDiv(vault.queuedShares(), total + 1, vault.totalSupply() + 1e6, Math.Rounding.Ceil);
    }

    // ---- everybody leaves, whatever happened before; then the state is put back

    /// All venues stop answering, nobody but the holders does anything: what is idle is paid out to the last unit.
    function everyoneLeavesWithEveryVenueBroken() external {
        uint256 state = vm.snapshotState();
        for (uint256 i = 0; i < VENUES; ++i) {
            vm.mockCallRevert(places[i], abi.encodeCall(IVenue.value, ()), "broken");
        }
        _requestAll();
        for (uint256 i = 0; i < 5; ++i) {
            vault.refresh();
            vm.warp(block.timestamp + limitsSet.staleGrace / 4);
        }
        uint256 idle = vault.idle();
        uint256 owed = vault.reserved();
        uint256 before = usd.balanceOf(address(vault));
        _settleAndClaimAll();
        require(vault.idle() <= 2 || vault.queuedShares() == 0, "idle assets were kept");
        require(before - usd.balanceOf(address(vault)) == idle - vault.idle() + owed, "not paid out");
        require(vault.reserved() == 0, "a claim was not paid");
        vm.clearMockedCalls();
        require(vm.revertToStateAndDelete(state), "state");
    }

    /// The owner leaves every venue; then all that counts is paid out, and what is left is locked, given or rounding.
    function everyoneLeavesWhenTheOwnerUnwinds() external {
        uint256 state = vm.snapshotState();
        lossy.setMood(HostileVenue.Mood.Well);
        lossy.setSteady(true);
        lossy.set(10_000, 10_000, 10_000, 10_000);
        dark.set(10_000, 10_000, 10_000, 10_000);
        vm.warp(block.timestamp + 1 days);
        for (uint256 i = 0; i < VENUES; ++i) {
            uint256 units = IVenue(places[i]).position();
            vm.prank(owner);
            if (units != 0) vault.unwind(places[i], units, 0, "");
        }
        vm.warp(block.timestamp + limitsSet.profitUnlock);
        vault.refresh();
        _requestAll();
        _settleAndClaimAll();
        require(vault.queuedShares() == 0 && vault.reserved() == 0, "somebody still waits");
        address[4] memory holders = [alice, bob, mallory, feeTo];
        for (uint256 i = 0; i < 4; ++i) {
            require(vault.maxRedeem(holders[i]) == vault.balanceOf(holders[i]), "somebody could not leave");
            _redeem(holders[i], vault.balanceOf(holders[i])); // too little for a request
        }
        require(vault.totalSupply() == 0, "somebody is left");
        require(vm.revertToStateAndDelete(state), "state");
    }

    function _requestAll() private {
        address[4] memory holders = [alice, bob, mallory, feeTo];
        for (uint256 i = 0; i < 4; ++i) {
            uint256 shares = vault.balanceOf(holders[i]);
            if (vault.convertToAssets(shares) >= limitsSet.minRequest) _request(holders[i], shares);
        }
    }

    function _settleAndClaimAll() private {
        vault.settle(type(uint128).max);
        for (uint256 id = 0; id < vault.queueLength(); ++id) {
            (,, address to,,, uint128 claimable) = vault.requests(id);
            vm.prank(to);
            if (claimable != 0) vault.claim(id);
        }
    }

    /// Everything that changes gross assets goes through here: what is no flow and raises them is a gain.
    modifier countsGains() {
        uint256 before = _gross();
        uint256 flow = idleFlow;
        _;
        uint256 after_ = _gross();
        uint256 should = before + idleFlow - flow;
        if (after_ > should) gains += after_ - should;
    }

    /// Sum of deposits less withdrawals, plus 2^128 so that it is never negative.
    uint256 internal idleFlow = 1 << 128;

    function _flowIn(uint256 assets) internal {
        (idleExpected, idleFlow) = (idleExpected + assets, idleFlow + assets);
    }

    function _flowOut(uint256 assets) internal {
        (idleExpected, idleFlow) = (idleExpected - assets, idleFlow - assets);
    }
}
