// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MediaToken} from "../../src/devnet/MediaToken.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {UniswapV3Range} from "../../src/venues/UniswapV3Range.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {Bound} from "./Bound.sol";
import {V3AttackWorld} from "./V3AttackWorld.sol";

/// The issuer of a token owns (nearly) all of its pool's liquidity, so that moving the price costs nothing; the price
/// is held past every window, and the keeper colludes. The token is worth nothing: whatever the vault spends is lost.
abstract contract SoleProviderTests is V3AttackWorld {
    uint256 private constant EPOCHS = 3;
    IUniswapV3Pool private fake;
    IUniswapV3Pool private issuer;
    int24 private mid;

    /// A pool that the issuer has filled; an honest provider may have a little of it, vouched for and locked.
    function _fake(uint128 honest) private {
        MediaToken worthless;
        (worthless, fake) = _market(TICK, FEE);
        issuer = _driver(fake, worthless);
        issuer.mint(address(issuer), -FULL, FULL, 100 * LIQUIDITY, "");
        if (honest > 0) maker.seed(address(fake), -FULL, FULL, honest);
        mid = assetIs0 ? TICK : -TICK;
        _age(fake);
    }

    function _witness(uint128 honest) private view returns (V3Venue.Witness[] memory listed) {
        listed = new V3Venue.Witness[](honest > 0 ? 1 : 0);
        if (honest > 0) listed[0] = V3Venue.Witness(address(maker), -FULL, FULL, honest, true);
    }

    function test_attack_sole_provider_of_a_pool_that_is_held() public {
        uint256 worst = 0;
        uint128[2] memory honest = [uint128(0), LIQUIDITY / 1e6];
        for (uint256 i = 0; i < honest.length; ++i) {
            uint256 id = vm.snapshotState();
            _fake(honest[i]);
            V3Venue venue = new UniswapV3Hold(address(vault), fake, _rules(), _witness(honest[i]));
            uint256 lost = _drain(venue, false);
            worst = worst > lost ? worst : lost;
            vm.revertToState(id);
        }
        uint256 bound = (EPOCHS + 1) * vault.limits().unpricedBudget;
        assertGt(worst, bound / 2, "the attack got nothing through, so it shows nothing");
        Bound.judge("sole provider, token held: loss in 3 epochs", worst, bound, "assets (4 unpriced budgets)");
    }

    function test_attack_sole_provider_of_a_pool_that_we_provide_to() public {
        uint256 worst = 0;
        uint128[2] memory honest = [uint128(0), LIQUIDITY / 1e6];
        for (uint256 i = 0; i < honest.length; ++i) {
            uint256 id = vm.snapshotState();
            _fake(honest[i]);
            V3Venue venue = new UniswapV3Range(address(vault), fake, _rules(), _witness(honest[i]), 600, 1_774_440);
            uint256 lost = _drain(venue, true);
            worst = worst > lost ? worst : lost;
            vm.revertToState(id);
        }
        uint256 bound = (EPOCHS + 1) * vault.limits().unpricedBudget;
        assertGt(worst, bound / 2, "the attack got nothing through, so it shows nothing");
        Bound.judge("sole provider, range held: loss in 3 epochs", worst, bound, "assets (4 unpriced budgets)");
    }

    /// The price stands at many places, each for longer than a window; the keeper enters with all that it is let, then
    /// the price of the token falls to nothing and stays there.
    function _drain(V3Venue venue, bool ranged) private returns (uint256 lost) {
        _list(venue, 10_000, 1_000);
        vm.warp(block.timestamp + AGE);
        uint256 before = vault.idle();
        int24[4] memory offs = [int24(0), 20_000, -20_000, 200_000];
        for (uint256 i = 0; i <= EPOCHS * 4; ++i) {
            int24 tick = (mid + (assetIs0 ? -offs[i % 4] : offs[i % 4])) / 60 * 60;
            _moveFake(tick);
            vm.warp(block.timestamp + 6 hours);
            assertFalse(venue.priced(), "an attacker's own depth was priced");
            if (venue.witnesses().length == 0) assertEq(venue.value(), 0, "an attacker's own depth was believed");
            for (uint256 amount = 10_000e6; amount >= 100e6; amount /= 2) {
                (int24 low, int24 high) = (tick - 6_000, tick + 6_000);
                if (venue.position() > 0 || low < -FULL || high > FULL) (low, high) = (-FULL, FULL);
                _tryEnterWith(venue, amount, ranged ? abi.encode(low, high, amount / 2) : bytes(""));
            }
        }
        _moveFake(assetIs0 ? FULL - 60 : -FULL + 60);
        vm.warp(block.timestamp + 1 days);
        // All that is left of it comes back at the attacker's price, or not at all.
        return before - vault.idle() - _leaveMost(venue);
    }

    function _moveFake(int24 tick) private {
        uint160 root = _rootAt(tick);
        (uint160 now_,,,,,,) = fake.slot0();
        if (now_ != root) issuer.swap(address(issuer), root < now_, 1e38, root, "");
    }
}

contract SoleProviderAttackTest is SoleProviderTests {
    function setUp() public {
        _buildWorld(true);
    }
}

contract SoleProviderWithAssetAsToken1AttackTest is SoleProviderTests {
    function setUp() public {
        _buildWorld(false);
    }
}
