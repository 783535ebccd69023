// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Fractionaliser} from "../../src/media/Fractionaliser.sol";
import {FractionFixture} from "./FractionFixture.sol";

/// Random life of a lot: holders vote, trade and claim, two bidders bid, the NFT refuses now and then, time passes, and
/// once it is sold the lot is made anew after a while. The shadow counts each unit of money that went in or out.
contract FractionaliserHandler is FractionFixture {
    address[5] internal _all;
    uint256 public bids;
    uint256 public revenue;
    uint256 public withdrawn;
    uint256 public claimed;
    uint256 public redemptions;
    uint256 public settlements;
    uint256 public sales;
    uint256 public lapses;
    uint256 public soldTo; // 1 + index in _all
    uint256 private _moves;

    constructor() {
        _lock(300);
        _all = [ann, ben, cay, xan, yve];
        vm.warp(block.timestamp + 1 days);
    }

    modifier counts() {
        settlements += 4;
        if (++_moves % 40 == 0) _restart();
        _;
    }

    function bidsFor(uint256 who, uint256 over, uint256 kind) external counts {
        address a = _all[3 + who % 2];
        Fractionaliser.Stage stage = lot.stage();
        if (stage == Fractionaliser.Stage.Sold) return;
        if (stage == Fractionaliser.Stage.Live && block.timestamp >= lot.end()) return;
        uint256 least;
        if (stage == Fractionaliser.Stage.Locked) {
            uint256 others = SUPPLY - lot.balanceOf(a);
            (uint128 own,,) = lot.votes(a);
            uint256 voted = lot.votedShares() - own;
            if (voted == 0 || voted * 2 < others) return; // no quorum
            least = lot.reserveFor(a);
        } else {
            least = lot.price() + (lot.price() + 19) / 20;
        }
        uint256 amount = kind % 3 == 0 ? least : bound(over, least, least * 3);
        _bid(a, amount);
        bids += amount;
    }

    function votesFor(uint256 who, int24 tick) external counts {
        if (lot.stage() != Fractionaliser.Stage.Locked) return;
        (int256 ticks, int256 shares) = (lot.votedTicks(), int256(lot.votedShares()));
        int256 mean =
            shares == 0 ? int256(0) : ticks / shares + (ticks > 0 && ticks % shares != 0 ? int256(1) : int256(0));
        int256 high = mean + 6_931;
        int256 low = mean - 6_931;
        tick = int24(bound(tick, low < -46_054 ? -46_054 : low, high > 46_054 ? int256(46_054) : high));
        _vote(_all[who % 5], tick);
    }

    function trades(uint256 from, uint256 to, uint256 amount, bool back) external counts {
        (address a, address b) = (_all[from % 5], _all[to % 5]);
        bool sold = lot.stage() == Fractionaliser.Stage.Sold;
        if (back && sold) b = address(lot);
        uint256 free = lot.balanceOf(a);
        (uint128 voted, uint64 at,) = lot.votes(a);
        if (!sold && a != b && block.timestamp < at + 1 days) free -= voted;
        amount = bound(amount, 0, free);
        _send(a, b, amount);
        if (b == address(lot)) redemptions++;
    }

    function earns(uint256 amount, bool small) external counts {
        amount = bound(amount, 0, small ? 9 : 1e12);
        usd.mint(address(lot), amount);
        revenue += amount;
    }

    function claims(uint256 who) external counts {
        claimed += _claim(_all[who % 5]);
    }

    function waits(uint256 time, bool long) external counts {
        vm.warp(block.timestamp + bound(time, 0, long ? 8 days : 6 hours));
    }

    function refuses(uint256 who) external counts {
        nft.refuse(_all[3 + who % 2], who % 3 == 0);
    }

    function settles(bool byWinner, uint256 to) external counts {
        if (lot.stage() != Fractionaliser.Stage.Live || block.timestamp < lot.end()) return;
        uint256 i = byWinner ? to % 5 : lot.bidder() == xan ? 3 : 4;
        if (nft.refuses(_all[i])) return;
        vm.prank(byWinner ? lot.bidder() : mallory);
        lot.settle(_all[i]);
        (soldTo, sales) = (1 + i, sales + 1);
    }

    function lapsing() external counts {
        if (lot.stage() != Fractionaliser.Stage.Live || block.timestamp < lot.end() + 7 days) return;
        lot.lapse();
        lapses++;
    }

    function redeems(uint256 who, uint256 amount) external counts {
        if (lot.stage() != Fractionaliser.Stage.Sold) return;
        address a = _all[who % 5];
        withdrawn += _redeem(a, bound(amount, 0, lot.balanceOf(a)));
        redemptions++;
    }

    function withdraws(uint256 who) external counts {
        address a = who % 6 == 5 ? mallory : _all[who % 6];
        withdrawn += lot.withdraw(a, a);
    }

    function buyerClaims() external counts {
        if (lot.stage() != Fractionaliser.Stage.Sold) return;
        claimed += lot.claimRetired(lot.bidder());
    }

    function everybody() public view returns (address[5] memory) {
        return _all;
    }

    function theLot() external view returns (Fractionaliser) {
        return lot;
    }

    function nftOwner() external view returns (address) {
        return nft.ownerOf(ID);
    }

    function balance() external view returns (uint256) {
        return usd.balanceOf(address(lot));
    }

    /// Money that could be pulled as credits: mallory takes the royalty.
    function credits() public view returns (uint256 sum) {
        sum = lot.credits(mallory);
        for (uint256 i = 0; i < 5; ++i) {
            sum += lot.credits(_all[i]);
        }
    }

    /// Escrowed and not yet anybody's credit.
    function escrowed() external view returns (uint256) {
        if (lot.stage() == Fractionaliser.Stage.Live) return lot.price();
        if (lot.stage() == Fractionaliser.Stage.Locked) return 0;
        return lot.price() - lot.price() * lot.balanceOf(address(lot)) / SUPPLY;
    }

    function claimable() external view returns (uint256 sum) {
        sum = lot.claimable(address(lot));
        for (uint256 i = 0; i < 5; ++i) {
            sum += lot.claimable(_all[i]);
        }
    }

    /// Everybody takes all that there is; only ever run on a state that is put back.
    function everybodyPulls() external {
        if (lot.stage() == Fractionaliser.Stage.Live) {
            vm.warp(lot.end() + 7 days);
            lot.lapse();
        }
        bool sold = lot.stage() == Fractionaliser.Stage.Sold;
        for (uint256 i = 0; i < 5; ++i) {
            _claim(_all[i]);
            if (sold) _redeem(_all[i], lot.balanceOf(_all[i]));
            lot.withdraw(_all[i], _all[i]);
        }
        lot.withdraw(mallory, mallory);
        if (sold) lot.claimRetired(lot.bidder());
    }

    /// A lot that was sold is left behind; the next one starts from nothing.
    function _restart() private {
        if (lot.stage() != Fractionaliser.Stage.Sold) return;
        address owner = nft.ownerOf(ID);
        vm.prank(owner);
        nft.transferFrom(owner, ann, ID);
        lot = _newLot(RESERVE, DURATION);
        share = lot;
        (bids, revenue, withdrawn, claimed, redemptions, settlements, soldTo) = (0, 0, 0, 0, 0, 0, 0);
    }
}
