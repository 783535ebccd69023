// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {MediaToken} from "../../src/devnet/MediaToken.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {V3Fixture} from "./V3Fixture.sol";

/// When a pool is priced, whose liquidity counts, and how much a position may be worth.
abstract contract V3RulesTests is V3Fixture {
    UniswapV3Hold private venue;
    IUniswapV3Pool private one;
    IUniswapV3Pool private two;
    int24 private mid;

    function _buildRules(bool assetIsToken0) internal {
        _build(assetIsToken0);
        mid = assetIsToken0 ? TICK : -TICK;
        one = _driver(pool, media);
        two = _driver(pool, media);
    }

    function test_priced_from_a_full_window_an_age_and_a_depth_on() public {
        venue = _hold(pool);
        assertFalse(venue.priced());
        assertEq(venue.most(), type(uint256).max, "the budget for what counts as lost bounds it, not depth");
        vm.warp(venue.pricedFrom() - 1);
        assertFalse(venue.priced());
        vm.warp(venue.pricedFrom());
        assertTrue(venue.priced());
        // D = L * sqrt(P) * (1 - e^-0.5), and 0.3 % of it
        assertApproxEqRel(venue.most(), uint256(99e12) * 39_347 / 100_000 * 3 / 1_000, 0.01e18);
    }

    function test_least_depth_is_exact() public {
        venue = _hold(pool);
        vm.warp(block.timestamp + AGE);
        uint256 depth = (venue.most() + 1) * 10_000 / (FEE / 100); // within a unit of share
        V3Venue.PriceRules memory rules = _rules();
        rules.minAge = 0;
        rules.minDepth = uint128(depth - 400);
        assertTrue(new UniswapV3Hold(address(vault), pool, rules, _witnesses()).priced());
        rules.minDepth = uint128(depth + 400);
        assertFalse(new UniswapV3Hold(address(vault), pool, rules, _witnesses()).priced());
    }

    function test_liquidity_that_nobody_vouched_for_counts_nothing(uint128 extra) public {
        venue = _with(_loose(LIQUIDITY, true));
        uint256 before = venue.most();
        one.mint(address(one), -FULL, FULL, uint128(bound(extra, 1, 1e30)), "");
        assertEq(venue.most(), before);
        one.mint(address(maker), -FULL, FULL, uint128(bound(extra, 1, 1e30)), "");
        assertEq(venue.most(), before, "nor does what is added to a witness beyond what was vouched for");
    }

    function test_what_a_witness_takes_out_no_longer_counts() public {
        one.mint(address(one), -FULL, FULL, LIQUIDITY, "");
        two.mint(address(two), -FULL, FULL, LIQUIDITY, "");
        venue = _with(_two(LIQUIDITY, LIQUIDITY));
        uint256 before = venue.most();
        assertTrue(venue.priced());
        one.burn(-FULL, FULL, LIQUIDITY / 2);
        assertFalse(venue.priced(), "the other has more than half");
        two.burn(-FULL, FULL, LIQUIDITY / 2);
        assertTrue(venue.priced());
        assertApproxEqAbs(venue.most(), before / 2, 1);
        one.burn(-FULL, FULL, LIQUIDITY / 2);
        two.burn(-FULL, FULL, LIQUIDITY / 2);
        assertFalse(venue.priced());
        vault.enter(venue, 1_000e6, "");
        assertEq(venue.value(), 0, "the pool would pay, but with somebody else's depth");
    }

    function test_no_owner_has_more_than_half_of_what_can_be_taken_out() public {
        one.mint(address(one), -FULL, FULL, LIQUIDITY, "");
        two.mint(address(two), -FULL, FULL, LIQUIDITY, "");
        assertTrue(_with(_two(LIQUIDITY, LIQUIDITY)).priced());
        assertFalse(_with(_two(LIQUIDITY, LIQUIDITY - 1)).priced());
        assertFalse(_with(_two(LIQUIDITY - 1, LIQUIDITY)).priced());
        // The same owner under two ranges is one owner.
        V3Venue.Witness[] memory listed = new V3Venue.Witness[](3);
        (listed[0], listed[1]) = (_two(LIQUIDITY, LIQUIDITY)[0], _two(LIQUIDITY, LIQUIDITY)[1]);
        listed[2] = V3Venue.Witness(address(one), -60_000 + mid, 60_000 + mid, 1e18, false);
        one.mint(address(one), listed[2].lower, listed[2].upper, 1e18, "");
        assertFalse(_with(listed).priced());
        listed[2].owner = address(two);
        two.mint(address(two), listed[2].lower, listed[2].upper, 1e18, "");
        assertFalse(_with(listed).priced());
        // What is locked counts toward the whole, and may be all of it.
        listed[2] = _witnesses()[0];
        assertTrue(_with(listed).priced());
        assertTrue(_with(_loose(LIQUIDITY, true)).priced());
        assertFalse(_with(_loose(LIQUIDITY, false)).priced());
    }

    function test_a_witness_must_cover_the_band_on_both_sides() public {
        int24 reach = BAND + 20; // to the next multiples of the spacing
        V3Venue.Witness[] memory listed = _loose(LIQUIDITY, true);
        (listed[0].lower, listed[0].upper) = ((mid - reach) / 60 * 60, (mid + reach) / 60 * 60);
        maker.seed(address(pool), listed[0].lower, listed[0].upper, LIQUIDITY);
        venue = _with(listed);
        assertTrue(venue.priced());
        vault.enter(venue, 1_000e6, "");
        int24[2] memory off = [int24(150), -150];
        for (uint256 i = 0; i < 2; ++i) {
            _pushTo(pool, mid + off[i]);
            vm.warp(block.timestamp + WINDOW);
            assertFalse(venue.priced());
            assertEq(venue.value(), 0);
            _pushTo(pool, mid);
            vm.warp(block.timestamp + WINDOW);
            assertTrue(venue.priced());
            assertGt(venue.value(), 0);
        }
    }

    function test_at_the_last_ticks_there_is_no_depth_and_no_failure() public {
        (, IUniswapV3Pool edge) = _market(-FULL + 180, FEE); // a base token is worth the most that a price can say
        maker.seed(address(edge), assetIs0 ? -FULL : FULL - 600, assetIs0 ? -FULL + 600 : FULL, 1e9);
        venue = new UniswapV3Hold(address(vault), edge, _rules(), _witnesses());
        vm.warp(block.timestamp + AGE);
        vault.enter(venue, 1e3, "");
        assertEq(venue.value(), 0);
        assertFalse(venue.priced());
    }

    function test_refuses_rules_that_prove_nothing() public {
        for (uint256 i = 0; i < 8; ++i) {
            V3Venue.PriceRules memory rules = _rules();
            if (i == 0) rules.twapWindow = 0;
            if (i == 1) rules.maxTickDeviation = 0;
            if (i == 2) rules.maxTickDeviation = -1;
            if (i == 3) rules.depthBand = 0;
            if (i == 4) rules.depthBand = TickMath.MAX_TICK + 1;
            if (i == 5) rules.depthShareBps = 0;
            if (i == 6) rules.depthShareBps = 1_001;
            if (i == 7) rules.minDepth = 0;
            vm.expectRevert(abi.encodeWithSelector(V3Venue.BadRules.selector, rules));
            new UniswapV3Hold(address(vault), pool, rules, _witnesses());
        }
    }

    function test_refuses_witnesses_that_are_nobody_ourselves_or_twice() public {
        for (uint256 i = 0; i < 6; ++i) {
            V3Venue.Witness[] memory listed = _two(1, 1);
            if (i == 0) listed[1].owner = address(0);
            if (i == 1) listed[1].owner = address(vault);
            if (i == 2) listed[1].owner = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
            if (i == 3) listed[1] = listed[0];
            if (i == 4) listed[1].lower = listed[1].upper;
            if (i == 5) listed[1].liquidity = 0;
            vm.expectRevert(abi.encodeWithSelector(V3Venue.BadWitness.selector, 1));
            new UniswapV3Hold(address(vault), pool, _rules(), listed);
        }
        V3Venue.Witness[] memory many = new V3Venue.Witness[](5);
        vm.expectRevert(abi.encodeWithSelector(V3Venue.BadWitness.selector, 4));
        new UniswapV3Hold(address(vault), pool, _rules(), many);
    }

    function test_refuses_a_pool_without_the_asset() public {
        MediaToken other = new MediaToken("Other", "OTH", address(this), 1e18);
        IUniswapV3Pool foreign = IUniswapV3Pool(factory.createPool(address(media), address(other), FEE));
        vm.expectPartialRevert(V3Venue.PoolWithoutAsset.selector);
        new UniswapV3Hold(address(vault), foreign, _rules(), _witnesses());
    }

    function test_says_what_it_was_made_with() public {
        venue = _with(_two(5, 7));
        V3Venue.Witness[] memory listed = venue.witnesses();
        assertEq(keccak256(abi.encode(listed)), keccak256(abi.encode(_two(5, 7))));
        assertEq(venue.vault(), address(vault));
        assertEq(venue.asset(), address(usd));
        assertEq(venue.base(), address(media));
        assertEq(venue.fee(), FEE);
        assertEq(venue.twapWindow(), WINDOW);
        assertEq(venue.maxTickDeviation(), DEVIATION);
        assertEq(venue.depthBand(), BAND);
        assertEq(venue.depthShareBps(), FEE / 100);
        assertEq(venue.minDepth(), MIN_DEPTH);
    }

    /// Old enough to be priced.
    function _with(V3Venue.Witness[] memory listed) private returns (UniswapV3Hold made) {
        made = new UniswapV3Hold(address(vault), pool, _rules(), listed);
        vm.warp(block.timestamp + AGE);
    }

    function _loose(uint128 liquidity, bool locked) private view returns (V3Venue.Witness[] memory listed) {
        listed = _witnesses();
        (listed[0].liquidity, listed[0].locked) = (liquidity, locked);
    }

    function _two(uint128 ofOne, uint128 ofTwo) private view returns (V3Venue.Witness[] memory listed) {
        listed = new V3Venue.Witness[](2);
        listed[0] = V3Venue.Witness(address(one), -FULL, FULL, ofOne, false);
        listed[1] = V3Venue.Witness(address(two), -FULL, FULL, ofTwo, false);
    }
}

contract V3RulesWithAssetAsToken0Test is V3RulesTests {
    function setUp() public {
        _buildRules(true);
    }
}

contract V3RulesWithAssetAsToken1Test is V3RulesTests {
    function setUp() public {
        _buildRules(false);
    }
}
