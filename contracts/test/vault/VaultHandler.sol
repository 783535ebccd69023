// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IVenue} from "../../src/interfaces/IVenue.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {HostileVenue} from "./HostileVenue.sol";
import {VaultLife} from "./VaultLife.sol";

/// Random life of a vault whose keeper's and anchorer's keys are both in an attacker's hands. A call that must be refused
/// is refused for exactly the reason worked out beforehand; everything else must succeed.
contract VaultHandler is VaultLife {
    // ---- the attacker's keys

    function keeperEnters(uint256 which, uint256 assets) external countsGains {
        which %= 2;
        _enters(which, bound(assets, 1, 300_000e6));
    }

    function keeperEntersALossyVenue(uint256 assets, uint256 keptBps) external countsGains {
        keptBps = bound(keptBps, 0, 200);
        lossy.set(10_000, 10_000 - keptBps, 10_000, 10_000);
        _enters(2, bound(assets, 1, 60_000e6));
    }

    function keeperBuysTheUnpriced(uint256 assets, uint256 gainBps) external countsGains {
        dark.set(10_000, bound(gainBps, 0, 10_000), 10_000, 10_000);
        _enters(3, bound(assets, 1, 6_000e6));
    }

    function keeperExits(uint256 which, uint256 units, uint256 keptBps) external countsGains {
        which %= VENUES;
        uint256 held = IVenue(places[which]).position();
        if (held == 0) return;
        units = bound(units, 1, held);
        keptBps = bound(keptBps, 0, 200);
        lossy.set(10_000, 10_000, 10_000 - keptBps, 10_000);
        dark.set(10_000, 10_000, 10_000 - keptBps, 10_000);
        vault.refresh();
        Trial memory trial = _try(places[which], false, units);
        bytes4 expected = _refusalOfExit(which, units, trial);
        if (!_moves(which, false, units, expected)) return;
        exits++;
        idleExpected += trial.received;
    }

    function keeperTriesToSteal(uint256 way, uint256 amount) external {
        amount = bound(amount, 1, 1e12);
        address[5] memory targets = [address(accomplice), keeper, address(vault), address(usd), address(pools[0])];
        address target = targets[way % 5];
        bool entry = (way >> 8) % 2 == 0;
        bytes4 expected = !entry
            ? IRules.NotKnown.selector
            : vault.paused()
                ? Pausable.EnforcedPause.selector
                : vault.tripped() ? Vault.BreakerTripped.selector : Vault.NotListed.selector;
        if (_run(target, entry, amount) != expected) theftsAccepted++;
    }

    /// An old decision, a nonce that is not the present one, or one leaf for two entries.
    function keeperReplays(uint256 way, uint256 nonce) external {
        Vault.Action[] memory actions = _one(places[0], true, 1, 0);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        uint256 now_ = vault.nonce();
        bytes4 expected = IRules.NotInDecision.selector;
        if (way % 3 == 0) {
            nonce = bound(nonce, 0, now_ + 3);
            if (nonce == now_) nonce++;
            expected = Vault.WrongNonce.selector;
        } else {
            nonce = now_;
            if (way % 3 == 1) (permits, root) = (oldPermits, oldRoot);
            else permits[0].maxAssets += 1;
            if (permits.length == 0) return;
            if (way % 3 == 1 && block.timestamp > permits[0].expiry) expected = IRules.PermitExpired.selector;
        }
        vm.prank(keeper);
        try vault.allocate(actions, permits, root, nonce, block.timestamp) {
            replaysAccepted++;
        } catch (bytes memory err) {
            if (bytes4(err) != expected) replaysAccepted++;
        }
    }

    // ---- holders

    function deposits(bool first, uint256 assets) external countsGains {
        address who = first ? alice : bob;
        assets = bound(assets, 1, 100_000e6);
        bool open = !vault.paused() && !vault.tripped() && _calm()
            && _price(vault.totalAssets()) >= vault.highWater() * (BPS - limitsSet.drawdownBps) / BPS;
        require(open == (vault.maxDeposit(who) != 0), "open or closed without a reason");
        if (!open) return;
        _deposit(who, assets);
        _flowIn(assets);
    }

    function withdraws(bool first, uint256 assets, bool all) external countsGains {
        address who = first ? alice : bob;
        uint256 most = vault.maxWithdraw(who);
        assets = all ? most : bound(assets, 0, most / 4);
        vm.prank(who);
        vault.withdraw(assets, who, who);
        _flowOut(assets);
    }

    function roundTrips(uint256 assets) external countsGains {
        if (vault.maxDeposit(mallory) == 0) return;
        assets = bound(assets, 1, 1e12);
        uint256 shares = _deposit(mallory, assets);
        uint256 back = _redeem(mallory, Math.min(shares, vault.maxRedeem(mallory)));
        if (back > assets) roundTripProfits++;
        _flowIn(assets);
        _flowOut(back);
    }

    function requests(bool first, uint256 shares) external countsGains {
        address who = first ? alice : bob;
        uint256 held = vault.balanceOf(who);
        shares = bound(shares, 0, held);
        bytes memory call = abi.encodeCall(vault.requestRedeem, (shares, who));
        bool small = vault.convertToAssets(shares) < limitsSet.minRequest;
        vm.prank(who);
        (bool ok,) = address(vault).call(call);
        require(ok != small, "a request is refused only when it is too small");
    }

    function cancels(uint256 id) external countsGains {
        if (vault.queueLength() == 0) return;
        id %= vault.queueLength();
        (address by,,, uint128 shares,,) = vault.requests(id);
        if (shares == 0) return;
        vm.prank(by);
        vault.cancel(id);
    }

    function settles(uint256 most) external countsGains {
        most = bound(most, 0, 5);
        uint256 head = vault.queueHead();
        uint256 assets = vault.settle(most);
        _flowOut(assets);
        reservedExpected += assets;
        require(vault.queueHead() <= head + most, "more than asked for");
    }

    function claims(uint256 id) external {
        if (vault.queueLength() == 0) return;
        id %= vault.queueLength();
        (,, address to,,, uint128 claimable) = vault.requests(id);
        if (claimable == 0) return;
        uint256 had = usd.balanceOf(to);
        vm.prank(to);
        vault.claim(id);
        require(usd.balanceOf(to) == had + claimable, "paid something else");
        reservedExpected -= claimable;
    }

    function gives(uint256 assets, bool absorbed) external countsGains {
        assets = bound(assets, 1, 10_000e6);
        usd.mint(address(vault), assets);
        gifts += assets;
        if (!absorbed) return;
        vm.prank(owner);
        vault.absorb();
        idleExpected += gifts;
        gifts = 0;
    }

    // ---- those who watch

    function guardianTightens(uint256 which, uint256 what, uint16 bps) external countsGains {
        which %= VENUES;
        vm.startPrank(what % 2 == 0 ? guardian : curator);
        if (what % 4 == 0) {
            vault.delist(places[which]);
            listedSet[which] = false;
        } else if (what % 4 == 1) {
            uint32 group = which < 2 ? 1 : uint32(which);
            bps %= 10_001;
            bool tighter = bps <= capSet[which];
            if (!tighter) vm.expectRevert(IRules.NotTighter.selector);
            vault.setVenue(places[which], group, bps, which < 2 ? MAX_LOSS_BPS : LOSSY_BPS);
            if (tighter) capSet[which] = bps;
        } else if (what % 4 == 2 && !vault.paused() && bps % 8 == 0) {
            vault.pause();
        } else {
            IRules.Limits memory to = limitsSet;
            to.minIdleBps = bps % 2_000;
            if (to.minIdleBps < limitsSet.minIdleBps) vm.expectRevert(IRules.NotTighter.selector);
            vault.setLimits(to);
            if (to.minIdleBps >= limitsSet.minIdleBps) limitsSet = to;
        }
        vm.stopPrank();
    }

    function ownerSets(uint16 capBps) external countsGains {
        limitsSet.minIdleBps = 1_000;
        _ownerSets(uint16(bound(capBps, 500, 4_000)));
    }

    function guardianUnwinds(uint256 which, uint256 units, bool forQueue) external countsGains {
        which %= VENUES;
        uint256 held = IVenue(places[which]).position();
        if (held == 0) return;
        units = bound(units, 1, held);
        lossy.set(10_000, 10_000, 10_000, 10_000);
        dark.set(10_000, 10_000, 10_000, 10_000);
        Trial memory trial = _try(places[which], false, units);
        uint256 need = _queueNeed(vault.totalAssets());
        uint256 idle = vault.idle();
        bool works = trial.err == 0 && trial.fresh
            && trial.received >= (trial.before - trial.value) - (trial.before - trial.value) * MAX_LOSS_BPS / BPS;
        if (forQueue) works = works && _mayUnwindForQueue(which, units, trial, idle, need);
        vm.prank(forQueue ? mallory : guardian);
        (bool ok,) = address(vault)
            .call(
                forQueue
                    ? abi.encodeCall(vault.unwindForQueue, (places[which], units, 0, ""))
                    : abi.encodeCall(vault.unwind, (places[which], units, 0, ""))
            );
        require(ok == works, "unwinding went otherwise than it must");
        if (ok) idleExpected += trial.received;
    }

    function reports(uint256 which) external countsGains {
        if (which % 2 == 0) {
            vault.refresh();
            return;
        }
        HostileVenue at = which % 4 == 1 ? lossy : dark;
        if (at.mood() != HostileVenue.Mood.Well) return;
        at.set(10_000, 10_000, 10_000, 10_000);
        usd.mint(address(at), 7e6);
        at.earn(7e6);
        require(vault.collect(address(at)) == 7e6, "income");
        idleExpected += 7e6;
    }

    // ---- the world

    function trades(uint256 which, bool up, uint256 ticks) external countsGains {
        which %= 2;
        assetIs0 = which == 0;
        int24 away = assetIs0 ? _spotTick(pools[which]) : -_spotTick(pools[which]);
        if (away > TICK + 5_000) up = true; // a tick of base tokens per asset falls when the token gets dearer
        if (away < TICK - 5_000) up = false;
        _push(pools[which], up, int24(int256(bound(ticks, 1, 250))));
    }

    function lossyVenueMoves(uint256 moved, bool up, bool steady, uint256 mood) external countsGains {
        lossy.setMood(HostileVenue.Mood(mood % 20 < 3 ? mood % 20 : 0));
        lossy.setSteady(steady);
        moved = bound(moved, 0, lossy.worth() / 4);
        lossy.setWorth(up ? lossy.worth() + moved : lossy.worth() - moved);
        deal(address(usd), address(lossy), lossy.worth());
    }

    function waits(uint256 time) external countsGains {
        vm.warp(block.timestamp + bound(time, 1, 12 hours));
    }

    // ---- how moves are made

    IRules.Permit[] private oldPermits;
    bytes32 private oldRoot;

    function _enters(uint256 which, uint256 amount) private {
        vault.refresh();
        Trial memory trial = _try(places[which], true, amount);
        if (!_moves(which, true, amount, _refusalOfEntry(which, amount, trial))) return;
        entries++;
        idleExpected -= trial.spent;
        (uint256 counted,) = vault.valueOf(places[which]);
        if (counted * BPS > _gross() * capSet[which]) entriesOverLimits++;
        if (vault.idle() * BPS < _gross() * limitsSet.minIdleBps) entriesOverLimits++;
        if (vault.idle() < _queueNeed(vault.totalAssets())) entriesThatStarve++;
    }

    /// Carries a move out and holds it to what was expected, to its loss limit and to the budgets.
    function _moves(uint256 which, bool entry, uint256 amount, bytes4 expected) private returns (bool) {
        uint256[3] memory used = [vault.turnoverUsed(), vault.lossUsed(), vault.unpricedUsed()];
        (uint256 idle, uint256 worth) = (vault.idle(), _worth(which));
        require(_run(places[which], entry, amount) == expected, "a move went otherwise than it must");
        if (expected != 0) return false;
        uint256[3] memory now_ = [vault.turnoverUsed(), vault.lossUsed(), vault.unpricedUsed()];
        for (uint256 i = 0; i < 3; ++i) {
            if (now_[i] > used[i]) takes[i].push(Take(block.timestamp, now_[i] - used[i]));
        }
        uint256 given = entry ? idle - vault.idle() : Math.saturatingSub(worth, _worth(which));
        uint256 got = entry ? Math.saturatingSub(_worth(which), worth) : vault.idle() - idle;
        bool judged = !entry || which != 3;
        if (judged && got < given - given * (which < 2 ? MAX_LOSS_BPS : LOSSY_BPS) / BPS) lossesOverLimit++;
        return true;
    }

    function _worth(uint256 which) private view returns (uint256) {
        return which == 2 ? lossy.worth() : IVenue(places[which]).value();
    }

    /// The keeper's batch of one; 0 when it passed, else the kind of its refusal.
    function _run(address at, bool entry, uint256 amount) private returns (bytes4) {
        Vault.Action[] memory actions = _one(at, entry, amount, 0);
        (IRules.Permit[] memory permits, bytes32 root) = _decide(actions);
        uint256 nonce = vault.nonce();
        vm.prank(keeper);
        try vault.allocate(actions, permits, root, nonce, block.timestamp) {
            allocations++;
            if (entry) {
                delete oldPermits;
                oldPermits.push(permits[0]);
                oldRoot = root;
            }
            return 0;
        } catch (bytes memory err) {
            return bytes4(err);
        }
    }

    function _mayUnwindForQueue(uint256 which, uint256 units, Trial memory t, uint256 idle, uint256 need)
        private
        view
        returns (bool)
    {
        (, uint64 at,, uint128 shares,,) = vault.requests(vault.queueHead());
        if (shares == 0 || block.timestamp < at + limitsSet.queueGrace) return false;
        if (!IVenue(places[which]).steady() || !IVenue(places[which]).priced()) return false;
        return idle < need && (units == 1 || idle + t.received <= need);
    }

    // ---- what the invariants read

    function book() external view returns (Vault, IERC20, address[VENUES] memory, IRules.Limits memory) {
        return (vault, usd, places, limitsSet);
    }

    function takesOf(uint256 budget) external view returns (Take[] memory) {
        return takes[budget];
    }

    /// Who must never own anything: the two keys and the adapter of the attacker.
    function robbers() external view returns (address[3] memory) {
        return [keeper, anchorer, address(accomplice)];
    }
}
