// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Fractionaliser} from "../../src/media/Fractionaliser.sol";
import {ReserveVotes} from "../../src/media/ReserveVotes.sol";
import {FractionFixture} from "./FractionFixture.sol";

/// 6,931 ticks are a factor of two (1.9998).
contract FractionaliserVotesTest is FractionFixture {
    int24 private constant TWICE = 6_931;

    function setUp() public {
        _lock(300);
        vm.warp(block.timestamp + 1 days);
    }

    function test_the_lockers_shares_vote_for_the_opening_reserve_as_long_as_they_stay() public view {
        assertEq(lot.votedShares(), SUPPLY * 6 / 10);
        assertEq(lot.votedTicks(), 0);
        assertEq(lot.reserveFor(xan), RESERVE);
    }

    function test_the_reserve_is_the_geometric_mean_of_the_votes_by_shares() public {
        _vote(ben, TWICE); // three of nine
        assertApproxEqRel(lot.reserveFor(xan), uint256(RESERVE) * 125_992 / 100_000, 1e14, "2^(3/9)");
        _vote(cay, -TWICE + 2_311); // below the mean by a factor of two at most
        assertApproxEqRel(lot.reserveFor(xan), uint256(RESERVE) * 117_558 / 100_000, 1e14, "2^((3 - 0.6665) / 10)");
    }

    function test_a_part_of_a_tick_is_rounded_in_the_holders_favour() public {
        _vote(ben, 1); // the mean is a third of a tick
        assertApproxEqAbs(lot.reserveFor(xan), 100_010e6, 1);
        _vote(ben, -1);
        assertEq(lot.reserveFor(xan), RESERVE);
    }

    function test_the_reserve_is_rounded_up(int24 tick, uint128 opening) public {
        tick = int24(bound(tick, -TWICE, TWICE));
        opening = uint128(bound(opening, 1, 1e30));
        nft.mint(ann, 8);
        Fractionaliser.Lot memory one = Fractionaliser.Lot(nft, 8, ann, opening, DURATION);
        vm.startPrank(ann);
        nft.setApprovalForAll(vm.computeCreateAddress(address(this), vm.getNonce(address(this))), true);
        vm.stopPrank();
        lot = new Fractionaliser(_issue(usd, ann, SUPPLY), one);
        _vote(ann, tick);
        uint256 reserve = lot.reserveFor(xan);
        assertGe(reserve, 1);
        // 1.0001^tick by repeated squaring in 1e36, below the exact power by less than 1e-30 of it
        uint256 power = 1e36;
        uint256 base = 1.0001e36;
        for (uint256 n = uint256(int256(tick < 0 ? -tick : tick)); n > 0; n >>= 1) {
            if (n & 1 == 1) power = power * base / 1e36;
            base = base * base / 1e36;
        }
        uint256 exact = tick < 0 ? uint256(opening) * 1e36 / power : uint256(opening) * power / 1e36;
        assertGe(reserve + exact / 1e9 + 1, exact);
        assertLe(reserve, exact + exact / 1e9 + 1);
    }

    function test_the_bidders_own_shares_neither_vote_nor_count_for_the_quorum() public {
        _vote(ben, TWICE);
        _vote(cay, -TWICE / 2);
        // to Ann the reserve is Ben's and Cay's: (3 * 6931 - 3465) / 4 = 4332 ticks
        assertApproxEqRel(lot.reserveFor(ann), uint256(RESERVE) * 154_220 / 100_000, 1e14);
        assertApproxEqRel(lot.reserveFor(ben), uint256(RESERVE) * 95_171 / 100_000, 1e14, "-3465 / 7 ticks");
    }

    function test_without_half_of_the_other_shares_there_is_no_reserve() public {
        vm.expectRevert(abi.encodeWithSelector(ReserveVotes.NoQuorum.selector, 0, SUPPLY * 4 / 10));
        lot.reserveFor(ann);
        _send(ann, xan, SUPPLY / 10); // 5 of 10 vote, 5 of 9 as Xan sees it
        assertEq(lot.reserveFor(yve), RESERVE);
        _send(ann, yve, 1);
        vm.expectRevert(abi.encodeWithSelector(ReserveVotes.NoQuorum.selector, SUPPLY / 2 - 1, SUPPLY));
        lot.reserveFor(mallory);
        assertEq(lot.reserveFor(xan), RESERVE);
    }

    function test_shares_that_voted_stay_a_day_and_vote_as_long_as_they_stay() public {
        _vote(ben, TWICE);
        _send(ann, ben, 5e18); // these have not voted, and may go on
        _send(ben, cay, 5e18);
        vm.expectRevert(abi.encodeWithSelector(ReserveVotes.VoteHeld.selector, block.timestamp + 1 days));
        vm.prank(ben);
        lot.transfer(cay, 1);
        vm.warp(block.timestamp + 1 days);
        uint256 voted = lot.votedShares();
        _send(ben, cay, 10e18);
        assertEq(lot.votedShares(), voted - 10e18);
        assertEq(lot.votedTicks(), int256(SUPPLY * 3 / 10 - 10e18) * TWICE);
        _send(cay, ben, 15e18);
        assertEq(lot.votedShares(), voted - 10e18, "what arrives does not vote");
        _vote(ben, TWICE);
        assertEq(lot.votedShares(), voted + 5e18);
        _send(ben, ben, SUPPLY / 10); // to himself: nothing left
        assertEq(lot.votedShares(), voted + 5e18);
    }

    function test_a_vote_is_within_a_factor_two_of_the_mean_and_a_hundred_of_the_opening() public {
        vm.expectRevert(abi.encodeWithSelector(ReserveVotes.VoteOutOfReach.selector, TWICE + 1, int256(0)));
        vm.prank(ben);
        lot.vote(TWICE + 1);
        vm.expectRevert(abi.encodeWithSelector(ReserveVotes.VoteOutOfReach.selector, -TWICE - 1, int256(0)));
        vm.prank(ben);
        lot.vote(-TWICE - 1);
        for (int24 i = 1; i <= 6; ++i) {
            _vote(ann, i * TWICE); // all that vote are hers: she walks, to the end
        }
        vm.expectRevert(abi.encodeWithSelector(ReserveVotes.VoteOutOfReach.selector, 46_055, int256(6) * TWICE));
        vm.prank(ann);
        lot.vote(46_055);
        _vote(ann, 46_054);
        assertApproxEqRel(lot.reserveFor(xan), 100 * uint256(RESERVE), 0.001e18);
    }

    function test_a_vote_takes_the_place_of_the_one_before() public {
        _vote(ben, TWICE);
        _vote(ben, -1_000);
        assertEq(lot.votedShares(), SUPPLY * 9 / 10);
        assertEq(lot.votedTicks(), -1_000 * int256(SUPPLY * 3 / 10));
    }

    function test_votes_are_closed_while_an_auction_runs_and_open_again_when_it_lapses() public {
        _bid(xan, RESERVE);
        vm.expectRevert(ReserveVotes.VotesClosed.selector);
        vm.prank(ben);
        lot.vote(0);
        vm.warp(lot.end() + 7 days);
        lot.lapse();
        _vote(ben, 0);
        _sell(xan, RESERVE);
        vm.expectRevert(ReserveVotes.VotesClosed.selector);
        vm.prank(ben);
        lot.vote(0);
        assertEq(_redeem(ben, SUPPLY * 3 / 10), uint256(RESERVE) * 97 * 3 / 1_000, "a vote never holds up redemption");
    }

    function test_an_opening_bid_is_judged_by_the_votes_of_that_moment_and_later_ones_are_not() public {
        _vote(ben, TWICE);
        uint256 reserve = lot.reserveFor(xan);
        _bid(xan, reserve);
        _send(ann, cay, SUPPLY / 2); // the mean is now nearly Ben's alone
        _bid(yve, reserve * 105 / 100 + 1);
        assertEq(lot.bidder(), yve);
    }
}
