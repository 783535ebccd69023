// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {console2} from "forge-std/console2.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../../src/interfaces/IVenue.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {UniswapV3Range} from "../../src/venues/UniswapV3Range.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {V3Fixture} from "./V3Fixture.sol";

interface ICoolVm {
    function cool(address target) external;
}

interface IV3Flash {
    function flash(address recipient, uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// Reads a venue from inside the pool's callbacks, before it pays: the pool is locked and half way.
contract V3PeekingTrader {
    IVenue private immutable _venue;
    IUniswapV3Pool private immutable _pool;
    uint256 public seen;
    bool public wasSteady;
    bool public wasPriced;

    constructor(IVenue venue, IUniswapV3Pool pool) {
        (_venue, _pool) = (venue, pool);
    }

    function swap(bool zeroForOne, int256 amount) external {
        uint160 limit = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
        _pool.swap(address(this), zeroForOne, amount, limit, "");
    }

    function mint(address owner, int24 lower, int24 upper, uint128 liquidity) external {
        _pool.mint(owner, lower, upper, liquidity, "");
    }

    function flash(uint256 amount0, uint256 amount1) external {
        IV3Flash(address(_pool)).flash(address(this), amount0, amount1, abi.encode(amount0, amount1));
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _peek(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        _peek(owed0, owed1);
    }

    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        (uint256 amount0, uint256 amount1) = abi.decode(data, (uint256, uint256));
        _peek(amount0 + fee0, amount1 + fee1);
    }

    function _peek(uint256 owed0, uint256 owed1) private {
        (seen, wasSteady, wasPriced) = (_venue.value(), _venue.steady(), _venue.priced());
        if (owed0 > 0) IERC20(_pool.token0()).transfer(msg.sender, owed0);
        if (owed1 > 0) IERC20(_pool.token1()).transfer(msg.sender, owed1);
    }
}

abstract contract V3ReadsTests is V3Fixture {
    UniswapV3Hold private hold;
    UniswapV3Range private range;
    int24 private mid;

    function _buildReads(bool assetIsToken0) internal {
        _build(assetIsToken0);
        mid = assetIsToken0 ? TICK : -TICK;
        hold = _hold(pool);
        range = _range(pool);
        vm.warp(block.timestamp + AGE);
        vault.enter(hold, 100_000e6, "");
        vault.enter(range, 100_000e6, abi.encode(mid - 2_040, mid + 2_040, 50_000e6));
        vm.warp(block.timestamp + WINDOW);
    }

    function test_value_inside_a_swap_is_the_value_after_it(bool zeroForOne, uint256 amount) public {
        amount = zeroForOne == assetIs0 ? bound(amount, 1, 1e15) : bound(amount, 1, 2e27);
        V3PeekingTrader peeker = _peeker(hold);
        uint256 before = hold.value();
        uint256 id = vm.snapshotState();
        peeker.swap(zeroForOne, int256(amount));
        assertEq(peeker.seen(), before);
        assertEq(hold.value(), before);
        assertFalse(peeker.wasSteady(), "a locked pool is never steady");
        assertTrue(peeker.wasPriced());
        vm.revertToState(id);
        peeker = _peeker(range);
        before = range.value();
        peeker.swap(zeroForOne, int256(amount));
        assertEq(peeker.seen(), range.value(), "with the fees that the swap pays, or else reverts");
        assertGe(peeker.seen(), before);
    }

    function test_value_inside_a_mint_or_a_flash_is_right() public {
        IVenue[2] memory both = [IVenue(hold), IVenue(range)];
        for (uint256 i = 0; i < 2; ++i) {
            V3PeekingTrader peeker = _peeker(both[i]);
            uint256 before = both[i].value();
            peeker.mint(address(peeker), -FULL, FULL, 1e24);
            assertEq(peeker.seen(), before);
            peeker.mint(address(maker), -FULL, FULL, 1e24);
            assertEq(peeker.seen(), before, "a witness counts with no more than was vouched for");
            peeker.mint(address(range), mid - 2_040, mid + 2_040, 1e24);
            assertEq(peeker.seen(), before, "nor do we with more than we minted");
            assertFalse(peeker.wasSteady());
            assertEq(both[i].value(), before);
            peeker.flash(assetIs0 ? 1e12 : 1e24, assetIs0 ? 1e24 : 1e12);
            assertEq(peeker.seen(), before);
            assertFalse(peeker.wasSteady());
            assertGe(both[i].value(), before, "a flash pays its fee after the callback");
        }
    }

    /// Gas of a first read in a transaction, with nothing warm. The pool's own getters are most of it: 34,000 for the
    /// mean, 9,000 for each position, and for a range 23,000 more for the growth of its fees.
    function test_a_cold_value_costs_at_most_150_thousand_gas() public {
        console2.log("value() of a holding, 1 witness: ", _cost(hold));
        console2.log("value() of a range,   1 witness: ", _cost(range));
        V3Venue.Witness[] memory four = new V3Venue.Witness[](4);
        four[0] = _witnesses()[0];
        for (uint256 i = 1; i < 4; ++i) {
            IUniswapV3Pool owner = _driver(pool, media);
            owner.mint(address(owner), -FULL, FULL, LIQUIDITY, "");
            four[i] = V3Venue.Witness(address(owner), -FULL, FULL, LIQUIDITY, false);
        }
        hold = new UniswapV3Hold(address(vault), pool, _rules(), four);
        range = new UniswapV3Range(address(vault), pool, _rules(), four, 600, 60_000);
        vault.enter(hold, 100_000e6, "");
        vault.enter(range, 100_000e6, abi.encode(mid - 2_040, mid + 2_040, 50_000e6));
        uint256 most = _cost(hold);
        console2.log("value() of a holding, 4 witnesses:", most);
        assertLt(most, 100_000);
        most = _cost(range);
        console2.log("value() of a range,   4 witnesses:", most);
        assertLt(most, 150_000);
    }

    function _cost(IVenue venue) private returns (uint256 gas) {
        _push(pool, true, 2); // the last observation is older than the window's start again
        vm.warp(block.timestamp + WINDOW / 2);
        _push(pool, false, 2);
        vm.warp(block.timestamp + WINDOW / 2);
        ICoolVm(address(vm)).cool(address(venue));
        ICoolVm(address(vm)).cool(address(pool));
        gas = gasleft();
        venue.value();
        gas -= gasleft();
    }

    function _peeker(IVenue venue) private returns (V3PeekingTrader peeker) {
        peeker = new V3PeekingTrader(venue, pool);
        usd.mint(address(peeker), 1e36);
        _give(media, address(peeker), 1e42);
    }
}

contract V3ReadsWithAssetAsToken0Test is V3ReadsTests {
    function setUp() public {
        _buildReads(true);
    }
}

contract V3ReadsWithAssetAsToken1Test is V3ReadsTests {
    function setUp() public {
        _buildReads(false);
    }
}
