// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IZoraCoin} from "../../src/interfaces/IZoraCoin.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {ZoraCoinVenue} from "../../src/venues/ZoraCoinVenue.sol";
import {VenueDesk} from "./VenueDesk.sol";
import {IZoraCoinOwner, ZoraWorld} from "./ZoraWorld.sol";

/// A desk of dollars and the adapter over a coin that others have bought for five million dollars.
abstract contract ZoraVenueWorld is ZoraWorld {
    uint32 internal constant WINDOW = 1800;
    int24 internal constant DEVIATION = 200;
    uint32 internal constant MIN_AGE = 7 days;
    int24 internal constant BAND = 2_000;
    uint16 internal constant SHARE_BPS = 25;
    uint128 internal constant MIN_DEPTH = 100_000e6;

    VenueDesk internal desk;
    IZoraCoin internal coin;
    IUniswapV3Pool internal pool;
    ZoraCoinVenue internal venue;

    function _coinIsToken0() internal pure virtual returns (bool);

    function setUp() public virtual {
        _buildZora();
        desk = new VenueDesk(address(usd));
        usd.mint(address(desk), 1_000_000e6);
        (coin, pool) = _coin(_coinIsToken0());
        _buy(coin, buyers, 5_000_000e6);
        venue = _venue(coin, coinCode, coinCode.codehash);
        vm.warp(block.timestamp + MIN_AGE);
    }

    function _venue(IZoraCoin what, address code, bytes32 codeHash) internal returns (ZoraCoinVenue) {
        return new ZoraCoinVenue(address(desk), what, code, codeHash, _rules(), _ranges());
    }

    function _rules() internal pure returns (V3Venue.PriceRules memory) {
        return V3Venue.PriceRules(WINDOW, DEVIATION, MIN_AGE, BAND, SHARE_BPS, MIN_DEPTH);
    }

    function _ranges() internal view returns (ZoraCoinVenue.Range[] memory ranges) {
        ranges = new ZoraCoinVenue.Range[](1);
        (ranges[0].lower, ranges[0].upper,) = _locked(coin);
    }
}

abstract contract ZoraCoinVenueTests is ZoraVenueWorld {
    function test_pays_no_stranger_for_a_swap() public {
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotPoolInCall.selector, address(this)));
        venue.uniswapV3SwapCallback(1, 1, "");
    }

    function test_a_round_trip_costs_both_fees_twice_and_pays_the_creator() public {
        uint256 creators = usd.balanceOf(creator);
        VenueDesk.Outcome memory entry = desk.enter(venue, 10_000e6, "");
        assertEq(entry.spent, 10_000e6);
        assertEq(entry.units, venue.position());
        assertEq(_held(coin, address(venue)), entry.units);
        assertEq(usd.allowance(address(venue), address(coin)), 0, "no approval is left");
        assertEq(usd.balanceOf(address(venue)), 0);
        VenueDesk.Outcome memory exit = desk.exit(venue, entry.units, "");
        assertEq(venue.position(), 0);
        assertEq(venue.value(), 0);
        // 0.99^4 of 10,000; the trade's own impact comes back on the way out, but for the fees left in the pool
        assertApproxEqRel(exit.received, 9_606e6, 0.001e18);
        // half of 1 % of each trade, and half of the pool's 1 % that was paid in money
        assertApproxEqRel(usd.balanceOf(creator) - creators, 50e6 + 48.5e6 + 49.5e6, 0.01e18);
    }

    /// The whole meaning of the value: let the creator sell all free coins first, then sell ours, all for real.
    function testFuzz_the_value_is_what_a_sale_after_the_creators_really_pays(uint256 assets) public {
        assets = bound(assets, 1_000e6, 50_000e6);
        uint256 units = desk.enter(venue, assets, "").units;
        vm.warp(block.timestamp + WINDOW);
        uint256 worth = venue.value();
        _sell(coin, creator, CREATORS);
        vm.warp(block.timestamp + WINDOW);
        uint256 paid = desk.exit(venue, units, "").received;
        assertLe(worth, paid);
        assertApproxEqRel(worth, paid, 0.0004e18); // one tick of the mean is 0.01 % of price
    }

    function test_fees_and_the_creators_coins_are_in_the_measured_loss() public {
        VenueDesk.Outcome memory entry = desk.enter(venue, 10_000e6, "");
        uint256 lossBps = (entry.spent - entry.valueAfter) * 10_000 / entry.spent;
        emit log_named_uint("measured loss of an entry of 10,000 dollars, bps", lossBps);
        assertGt(lossBps, 394, "four fees of 1 %");
        assertLt(lossBps, 1_000);
    }

    function test_a_young_coin_is_unpriced_and_one_without_history_is_not_traded() public {
        (coin, pool) = _coin(_coinIsToken0());
        _buy(coin, buyers, 5_000_000e6);
        ZoraCoinVenue young = _venue(coin, coinCode, coinCode.codehash);
        vm.warp(block.timestamp + WINDOW - 1);
        assertEq(young.value(), 0, "nothing held needs no history");
        vm.expectRevert(abi.encodeWithSelector(V3Venue.HistoryTooShort.selector, WINDOW));
        desk.enter(young, 1_000e6, "");
        vm.warp(block.timestamp + 1);
        assertGt(desk.enter(young, 1_000e6, "").units, 0);
        assertFalse(young.priced());
        assertGt(young.value(), 0);
        vm.warp(young.pricedFrom() - 1);
        assertFalse(young.priced());
        vm.warp(young.pricedFrom());
        assertTrue(young.priced());
        assertTrue(young.steady());
    }

    function test_a_coin_that_nobody_bought_is_worth_nothing() public {
        (coin, pool) = _coin(_coinIsToken0());
        ZoraCoinVenue bare = _venue(coin, coinCode, coinCode.codehash);
        vm.warp(block.timestamp + MIN_AGE);
        VenueDesk.Outcome memory entry = desk.enter(bare, 10_000e6, "");
        vm.warp(block.timestamp + WINDOW);
        assertGt(entry.units, 0);
        assertEq(bare.value(), 0, "the creator's coins would take all there is");
        assertFalse(bare.priced());
    }

    function test_the_position_is_bounded_by_a_share_of_locked_depth() public view {
        uint256 most = venue.most();
        V3Venue.Witness[] memory depth = venue.witnesses();
        (,, uint128 liquidity) = _locked(coin);
        assertEq(depth.length, 1);
        assertEq(depth[0].owner, address(coin));
        assertEq(depth[0].liquidity, liquidity);
        assertTrue(depth[0].locked);
        // a band of 2,000 ticks below a depth of about 14.9 million dollars: 9.5 % of it, and a four-hundredth of that
        assertApproxEqRel(most, 3_550e6, 0.02e18);
    }

    function test_trades_only_near_the_mean() public {
        uint256 units = desk.enter(venue, 10_000e6, "").units;
        _buy(coin, buyers, 1_000_000e6);
        (, int24 spot,,,,,) = pool.slot0();
        bytes memory err = abi.encodeWithSelector(V3Venue.SpotOffTwap.selector, spot, venue.twapTick(), DEVIATION);
        assertFalse(venue.steady());
        vm.expectRevert(err);
        desk.enter(venue, 1_000e6, "");
        vm.expectRevert(err);
        desk.exit(venue, units, "");
    }

    function test_only_the_vault_moves_it_and_only_what_it_holds() public {
        bytes memory err = abi.encodeWithSelector(V3Venue.NotVault.selector, address(this));
        vm.expectRevert(err);
        venue.enter(1, "");
        vm.expectRevert(err);
        venue.exit(1, "");
        vm.expectRevert(err);
        venue.collect();
        assertEq(desk.collect(venue), 0);
        vm.expectRevert(V3Venue.ZeroAmount.selector);
        desk.enter(venue, 0, "");
        vm.prank(creator);
        IERC20(address(coin)).transfer(router, 1e18); // which takes an order of nothing for one of all it has
        vm.expectRevert(V3Venue.ZeroAmount.selector);
        desk.exit(venue, 0, "");
        uint256 units = desk.enter(venue, 1_000e6, "").units;
        vm.expectRevert(abi.encodeWithSelector(V3Venue.NotHeld.selector, units + 1, units));
        desk.exit(venue, units + 1, "");
    }

    function test_a_gift_of_coins_changes_nothing() public {
        desk.enter(venue, 1_000e6, "");
        (uint256 units, uint256 worth) = (venue.position(), venue.value());
        vm.prank(creator);
        IERC20(address(coin)).transfer(address(venue), 1e24);
        assertEq(venue.position(), units);
        assertEq(venue.value(), worth);
        vm.prank(creator);
        IZoraCoinOwner(address(coin)).setPayoutRecipient(address(venue));
        _sell(coin, buyers, 1e24); // leaves a pool fee in coins, half of which the next trade sends to the adapter
        uint256 before = _held(coin, address(venue));
        uint256 bought = desk.enter(venue, 1_000e6, "").units;
        assertEq(venue.position(), units + bought);
        assertGe(_held(coin, address(venue)) - before, bought);
    }

    function test_a_sale_that_the_pool_cannot_take_whole_is_refused_exactly() public {
        uint256 units = desk.enter(venue, 50_000e6, "").units;
        uint160 limit = TickMath.getSqrtPriceAtTick(_coinIsToken0() ? FIRST_TICK + 20 : -FIRST_TICK - 20);
        vm.prank(creator);
        IERC20(address(coin)).transfer(buyers, CREATORS);
        vm.startPrank(buyers);
        coin.sell(buyers, _held(coin, buyers), 0, limit, address(0)); // what is left of the pool takes less than ours
        vm.stopPrank();
        vm.warp(block.timestamp + WINDOW);
        uint256 snapshot = vm.snapshotState();
        vm.prank(address(venue));
        (uint256 sold,) = coin.sell(address(desk), units, 0, 0, address(0));
        assertLt(sold, units);
        vm.revertToState(snapshot);
        vm.expectRevert(abi.encodeWithSelector(V3Venue.PartialFill.selector, units, sold));
        desk.exit(venue, units, "");
        assertGt(desk.exit(venue, sold / 2, "").received, 0, "less can be sold");
    }

    function test_money_that_stays_with_the_coin_undoes_the_entry() public {
        vm.prank(creator);
        IZoraCoinOwner(address(coin)).setPayoutRecipient(address(coin));
        vm.expectPartialRevert(V3Venue.PartialFill.selector);
        desk.enter(venue, 1_000e6, "");
    }

    function test_a_blocked_receiver_cannot_hold_our_coins_back() public {
        uint256 units = desk.enter(venue, 10_000e6, "").units;
        vm.prank(creator);
        IZoraCoinOwner(address(coin)).setPayoutRecipient(address(0xb10c));
        vm.mockCallRevert(address(usd), abi.encodeWithSelector(IERC20.transfer.selector, address(0xb10c)), "blocked");
        vm.prank(buyers);
        vm.expectRevert();
        coin.sell(buyers, 1e18, 0, 0, address(0));
        uint256 received = desk.exit(venue, units, "").received;
        assertApproxEqRel(received, 9_703e6, 0.001e18, "0.99^3: without the coin's own fee");
        assertEq(_held(coin, address(venue)), 0);
    }

    function test_only_a_clone_of_the_pinned_code_will_do() public {
        address otherCode = _implementation(makeAddr("another protocol"));
        bytes32 pinned = coinCode.codehash;
        V3Venue.PriceRules memory rules = _rules();
        ZoraCoinVenue.Range[] memory ranges = _ranges();
        assertTrue(otherCode.codehash != pinned, "what is built into the code counts");
        vm.expectRevert(abi.encodeWithSelector(ZoraCoinVenue.NotACloneOf.selector, address(coin), otherCode));
        new ZoraCoinVenue(address(desk), coin, otherCode, otherCode.codehash, rules, ranges);
        vm.expectRevert(abi.encodeWithSelector(ZoraCoinVenue.WrongCode.selector, coinCode, pinned, otherCode.codehash));
        new ZoraCoinVenue(address(desk), coin, coinCode, otherCode.codehash, rules, ranges);
        address impostor = address(new ZoraNextCoin(coin));
        IZoraCoin next = IZoraCoin(Clones.clone(impostor));
        ZoraCoinVenue.Range[] memory none = new ZoraCoinVenue.Range[](0);
        vm.expectRevert(abi.encodeWithSelector(ZoraCoinVenue.WrongVersion.selector, "0.7.2"));
        new ZoraCoinVenue(address(desk), next, impostor, impostor.codehash, rules, none);
        rules.depthShareBps = 26;
        vm.expectRevert(abi.encodeWithSelector(ZoraCoinVenue.ShareAboveLostFee.selector, 26, 25));
        new ZoraCoinVenue(address(desk), coin, coinCode, pinned, rules, ranges);
        rules.depthShareBps = SHARE_BPS;
        ZoraCoinVenue.Range[] memory bare = new ZoraCoinVenue.Range[](1);
        bare[0] = ZoraCoinVenue.Range(-200, 200);
        vm.expectRevert(abi.encodeWithSelector(V3Venue.BadWitness.selector, 0));
        new ZoraCoinVenue(address(desk), coin, coinCode, pinned, rules, bare);
    }

    function test_a_curved_coin_counts_its_positions_around_the_price() public {
        (coin, pool) = _curvedCoin(_coinIsToken0(), FIRST_TICK, -280_000, 4, 0.9e18);
        _buy(coin, buyers, 5_000_000e6);
        ZoraCoinVenue.Range[] memory ranges = new ZoraCoinVenue.Range[](1);
        ranges[0] =
            _coinIsToken0() ? ZoraCoinVenue.Range(FIRST_TICK, -280_000) : ZoraCoinVenue.Range(280_000, -FIRST_TICK);
        ZoraCoinVenue curved = new ZoraCoinVenue(address(desk), coin, coinCode, coinCode.codehash, _rules(), ranges);
        vm.warp(block.timestamp + MIN_AGE);
        assertTrue(curved.priced());
        uint256 units = desk.enter(curved, 1_000e6, "").units;
        assertGt(curved.value(), 0);
        assertLe(curved.value(), desk.exit(curved, units, "").received);
    }
}

/// Says that it is the version after.
contract ZoraNextCoin {
    string public constant contractVersion = "0.7.2";
    address public immutable poolAddress;

    constructor(IZoraCoin what) {
        poolAddress = what.poolAddress();
    }
}

contract ZoraCoinVenueAsToken0Test is ZoraCoinVenueTests {
    function _coinIsToken0() internal pure override returns (bool) {
        return true;
    }
}

contract ZoraCoinVenueAsToken1Test is ZoraCoinVenueTests {
    function _coinIsToken0() internal pure override returns (bool) {
        return false;
    }
}
