// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {UniswapV3Range} from "../../src/venues/UniswapV3Range.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {V3Fixture} from "./V3Fixture.sol";

/// Both venues at prices from 1e-12 to 1e18 raw base tokens per raw asset: a dollar of 18 decimals and a token of 6, a
/// dollar of 6 and one of 18, and beyond.
abstract contract V3DecimalsTests is V3Fixture {
    uint256 private constant DEPTH = 1e20; // L * sqrt(P) in raw assets

    function test_a_round_trip_loses_fees_and_impacts_at_any_decimals(int24 tick, uint256 assets, bool ranged) public {
        tick = int24(bound(tick, -276_000, 414_000));
        (IUniswapV3Pool at, V3Venue venue) = _venueAt(tick, ranged);
        // From what ten thousand raw base tokens cost, at least a million, to a hundredth of the depth.
        uint256 root = TickMath.getSqrtPriceAtTick(tick);
        assets = bound(assets, 1e6 + 1e4 * Math.mulDiv(1 << 192, 1, root) / root, DEPTH / 100);
        int24 mid = _spotTick(at) / 60 * 60;
        bytes memory data = ranged ? abi.encode(mid - 6_000, mid + 6_000, assets / 2) : bytes("");
        (uint256 units, uint256 spent) = vault.enter(venue, assets, data);
        _pushTo(at, assetIs0 ? tick : -tick);
        vm.warp(block.timestamp + WINDOW);
        uint256 worth = venue.value();
        assertLe(worth, spent);
        assertGe(worth, spent - spent * (110 + 20_000 * assets / DEPTH) / 10_000);
        // A real swap rounds its input up at each word of the bitmap, so it may pay some raw base tokens' worth less.
        assertGe(vault.exit(venue, units) + 3 + 4 * Math.mulDiv(1 << 192, 1, root) / root, worth);
        assertEq(venue.position(), 0);
    }

    function _venueAt(int24 tick, bool ranged) private returns (IUniswapV3Pool at, V3Venue) {
        (, at) = _market(tick, FEE);
        uint128 liquidity = uint128(Math.mulDiv(DEPTH, TickMath.getSqrtPriceAtTick(tick), 1 << 96));
        maker.seed(address(at), -FULL, FULL, liquidity);
        _age(at);
        usd.mint(address(vault), 1e19);
        V3Venue.Witness[] memory listed = _witnesses();
        listed[0].liquidity = liquidity;
        if (ranged) return (at, new UniswapV3Range(address(vault), at, _rules(), listed, 600, 60_000));
        return (at, new UniswapV3Hold(address(vault), at, _rules(), listed));
    }
}

contract V3DecimalsWithAssetAsToken0Test is V3DecimalsTests {
    function setUp() public {
        _build(true);
    }
}

contract V3DecimalsWithAssetAsToken1Test is V3DecimalsTests {
    function setUp() public {
        _build(false);
    }
}
