// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MediaToken} from "../../src/devnet/MediaToken.sol";
import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {V3Venue} from "../../src/venues/V3Venue.sol";
import {Bound} from "./Bound.sol";
import {V3AttackWorld} from "./V3AttackWorld.sol";

/// The issuer of a coin with honest, locked depth keeps a supply without end and sells it all when the vault has
/// bought.
abstract contract IssuerDumpTests is V3AttackWorld {
    UniswapV3Hold private venue;
    MediaToken private coin;
    IUniswapV3Pool private young;
    IUniswapV3Pool private issuer;

    function _issue(uint32 minAge) private {
        (coin, young) = _market(TICK, FEE);
        maker.seed(address(young), -FULL, FULL, LIQUIDITY);
        issuer = _driver(young, coin);
        V3Venue.PriceRules memory rules = _rules();
        rules.minAge = minAge;
        venue = new UniswapV3Hold(address(vault), young, rules, _witnesses());
        _list(venue, 10_000, 1_000);
        _age(young);
    }

    /// Whenever in its youth the keeper buys and however the issuer steers the price before, the loss is what was
    /// budgeted.
    function test_attack_issuer_dumps_a_young_coin() public {
        uint256 worst = 0;
        uint256 days_ = 4;
        uint256 bound = (days_ + 1) * vault.limits().unpricedBudget;
        int24[3] memory pumps = [int24(0), 1_000, 20_000];
        for (uint256 i = 0; i < pumps.length; ++i) {
            for (uint256 slices = 1; slices <= 8; slices *= 2) {
                uint256 id = vm.snapshotState();
                _issue(uint32(days_ * 1 days));
                _steer(pumps[i]);
                vm.warp(block.timestamp + 2 * WINDOW);
                uint256 spent = 0;
                while (!venue.priced()) {
                    spent += _enterMost(venue, vault.limits().unpricedBudget - vault.unpricedUsed(), 0, 0);
                    vm.warp(block.timestamp + 1 days / slices);
                }
                uint256 lost = spent - _dump();
                worst = worst > lost ? worst : lost;
                vm.revertToState(id);
            }
        }
        assertGt(worst, bound / 2, "the attack got nothing through, so it shows nothing");
        Bound.judge(
            "issuer dumps a young coin: loss in its 4 days of youth", worst, bound, "assets (5 unpriced budgets)"
        );
    }

    /// Stated, not prevented: a priced coin can fall to nothing too. Then what is lost is the position, which depth
    /// bounds.
    function test_attack_issuer_dumps_a_priced_coin() public {
        _issue(0);
        assertTrue(venue.priced());
        uint256 bound = venue.most() * 11 / 10; // entries lose at most a tenth by measure
        uint256 spent = 0;
        for (uint256 i = 0; i < 5; ++i) {
            spent += _enterMost(venue, bound - spent, 0, 0);
            vm.warp(block.timestamp + 1 days);
        }
        uint256 lost = spent - _dump();
        assertGt(lost, bound / 2, "the attack got nothing through, so it shows nothing");
        Bound.judge(
            "issuer dumps a priced coin: loss", lost, bound, "assets (the share of depth that a position may be)"
        );
    }

    function _steer(int24 ticks) private {
        (uint160 now_,,,,,,) = young.slot0();
        uint160 root = _rootAt(assetIs0 ? TICK - ticks : -TICK + ticks);
        if (root != now_) issuer.swap(address(issuer), root < now_, 1e38, root, "");
    }

    /// The issuer sells 1e41 coins; what the keeper still gets, at any time after, is what is left.
    function _dump() private returns (uint256 left) {
        issuer.swap(address(issuer), !assetIs0, 1e41, _limit(!assetIs0), "");
        vm.warp(block.timestamp + WINDOW);
        left = _leaveMost(venue);
    }
}

contract IssuerDumpAttackTest is IssuerDumpTests {
    function setUp() public {
        _buildWorld(true);
    }
}

contract IssuerDumpWithAssetAsToken1AttackTest is IssuerDumpTests {
    function setUp() public {
        _buildWorld(false);
    }
}
