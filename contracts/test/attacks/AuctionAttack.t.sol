// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Fractionaliser} from "../../src/media/Fractionaliser.sol";
import {ReserveVotes} from "../../src/media/ReserveVotes.sol";
import {FractionFixture} from "../media/FractionFixture.sol";
import {Bound} from "./Bound.sol";

/// Buys the shares lent to it, votes, bids, and gives them back, in one transaction.
contract AuctionBorrower {
    function tries(Fractionaliser lot, address lender, uint256 shares, int24 tick) external {
        lot.transferFrom(lender, address(this), shares);
        lot.vote(tick);
        lot.transfer(lender, shares);
    }
}

/// Mallory wants song 7, worth 100,000 dollars, for less. Ann votes what it is worth.
contract AuctionAttackTest is FractionFixture {
    uint256 private constant WORTH = RESERVE;
    uint256 private _best;
    uint256 private _bestBound;

    function setUp() public {
        _lock(0);
        _send(ben, ann, SUPPLY * 3 / 10);
        _send(cay, ann, SUPPLY / 10);
        vm.warp(block.timestamp + 1 days);
    }

    /// Shares under another name vote as low as they can, again and again, and nobody else ever bids. Of what Ann's
    /// shares are worth she loses at most the part 1 - 2^(-f / (1 - f)), where f of the shares that vote are Mallory's.
    function test_attack_low_votes_under_another_name_lower_the_reserve_to_its_bound_and_no_further() public {
        for (uint256 percent = 1; percent <= 49; percent += 6) {
            uint256 state = vm.snapshotState();
            uint256 lost = _votesLow(percent, false);
            vm.revertToStateAndDelete(state);
            uint256 allowed = _allowed(percent);
            assertLe(lost, allowed);
            if (lost > _best) (_best, _bestBound) = (lost, allowed);
        }
        assertGt(_best, WORTH / 10);
        Bound.judge("auction, low votes and no rival", _best, _bestBound, "raw dollars of Ann's part");
    }

    /// The same with one rival who bids up to what it is worth: then the price is within one raise of it.
    function test_attack_low_votes_gain_less_than_one_raise_when_anybody_else_bids() public {
        for (uint256 percent = 1; percent <= 49; percent += 6) {
            uint256 state = vm.snapshotState();
            uint256 lost = _votesLow(percent, true);
            vm.revertToStateAndDelete(state);
            if (lost > _best) _best = lost;
        }
        Bound.judge("auction, low votes and one rival", _best, WORTH - WORTH * 100 / 105, "raw dollars");
    }

    /// Votes far up, to close the auction for ever: the reserve rises by the same factor and no further.
    function test_attack_high_votes_close_the_auction_no_further_than_their_bound() public {
        uint256 most = 0;
        uint256 bound_ = 0;
        for (uint256 percent = 1; percent <= 33; percent += 4) {
            uint256 state = vm.snapshotState();
            _send(ann, cay, SUPPLY * percent / 100);
            _vote(ann, 0);
            _votesTo(cay, true);
            uint256 reserve = lot.reserveFor(mallory);
            vm.revertToStateAndDelete(state);
            uint256 ticks = 6_932 * percent / (100 - percent) + 1;
            uint256 allowed = WORTH * _power(ticks) / 1e18 + 1;
            assertLe(reserve, allowed);
            (most, bound_) = (reserve, allowed);
        }
        Bound.judge("auction, high votes: reserve", most, bound_, "raw dollars");
    }

    function test_attack_the_bidders_own_votes_and_borrowed_shares_move_nothing(uint256 part, int24 tick) public {
        uint256 shares = SUPPLY * bound(part, 1, 45) / 100;
        _send(ann, mallory, shares);
        vm.warp(block.timestamp + 1 days);
        tick = int24(bound(tick, -6_931, 6_931));
        _vote(mallory, tick);
        uint256 reserve = lot.reserveFor(mallory);
        AuctionBorrower borrower = new AuctionBorrower();
        vm.prank(ann);
        lot.approve(address(borrower), shares);
        vm.expectPartialRevert(ReserveVotes.VoteHeld.selector);
        borrower.tries(lot, ann, shares, tick);
        Bound.judge("auction, own and borrowed votes", WORTH - reserve, 0, "raw dollars");
    }

    /// A bid in the last second, when the rival has no time to answer: he has an hour.
    function test_attack_a_bid_in_the_last_second_leaves_the_rival_an_hour() public {
        _bid(xan, WORTH);
        uint256 left = type(uint256).max;
        uint256 price = WORTH;
        for (uint256 i = 0; i < 10; ++i) {
            vm.warp(lot.end() - 1);
            price = price * 21 / 20 + 1;
            _bid(i % 2 == 0 ? mallory : xan, price);
            if (lot.end() - block.timestamp < left) left = lot.end() - block.timestamp;
        }
        Bound.judge("auction, sniping: time taken from the rival", 1 hours - left, 0, "seconds of an hour");
    }

    /// She bids from addresses that the money refuses, and from one that cannot take the NFT; everybody else's money
    /// and time: refunds are hers to lose, the auction is held up until it lapses and no longer.
    function test_attack_refused_refunds_and_a_winner_who_cannot_receive_cost_the_others_time_alone() public {
        uint256 start = block.timestamp;
        _bid(mallory, WORTH);
        vm.mockCallRevert(address(usd), abi.encodeCall(usd.transfer, (mallory, WORTH)), "blocked");
        _bid(xan, WORTH * 2); // the outbid cannot be paid, and it does not matter
        vm.expectRevert("blocked");
        lot.withdraw(mallory, mallory);
        _bid(mallory, WORTH * 3);
        nft.refuse(mallory, true);
        assertEq(lot.withdraw(xan, xan), WORTH * 2);
        vm.warp(lot.end());
        vm.expectRevert("not to him");
        lot.settle(mallory);
        vm.warp(lot.end() + lot.GRACE());
        lot.lapse();
        uint256 held = block.timestamp - start;
        assertEq(nft.ownerOf(ID), address(lot));
        _sell(xan, WORTH);
        assertEq(_redeem(ann, SUPPLY), WORTH, "nobody else lost a unit");
        Bound.judge("auction, stalling", held, uint256(DURATION) + 7 days, "seconds");
    }

    /// Mallory's accomplice holds `percent` of the shares and votes down; she opens at the reserve that is left.
    function _votesLow(uint256 percent, bool rival) private returns (uint256 lost) {
        _send(ann, cay, SUPPLY * percent / 100);
        _vote(ann, 0);
        _votesTo(cay, false);
        uint256 price = lot.reserveFor(mallory);
        _bid(mallory, price);
        while (rival && price * 21 / 20 + 1 <= WORTH) {
            price = price * 21 / 20 + 1;
            _bid(lot.bidder() == mallory ? xan : mallory, price);
        }
        vm.warp(lot.end());
        lot.settle(lot.bidder());
        if (rival) return WORTH - lot.price();
        uint256 got = _redeem(ann, lot.balanceOf(ann));
        uint256 fair = WORTH * (100 - percent) / 100;
        lost = fair > got ? fair - got : 0;
    }

    function _votesTo(address who, bool up) private {
        for (uint256 i = 0; i < 40; ++i) {
            (int256 ticks, int256 shares) = (lot.votedTicks(), int256(lot.votedShares()));
            int256 mean = ticks / shares + (ticks > 0 && ticks % shares != 0 ? int256(1) : int256(0));
            int256 next = up ? mean + 6_931 : mean - 6_931;
            if (next > 46_054 || next < -46_054) break;
            _vote(who, int24(next));
        }
    }

    function _allowed(uint256 percent) private pure returns (uint256) {
        uint256 ticks = 6_932 * percent / (100 - percent) + 1;
        return WORTH * (100 - percent) / 100 * (1e18 - 1e36 / _power(ticks)) / 1e18 + 1;
    }

    /// 1.0001^ticks, times 1e18.
    function _power(uint256 ticks) private pure returns (uint256 power) {
        power = 1e18;
        uint256 base = 1.0001e18;
        for (; ticks > 0; ticks >>= 1) {
            if (ticks & 1 == 1) power = power * base / 1e18;
            base = base * base / 1e18;
        }
    }
}
