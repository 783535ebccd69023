// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../../src/interfaces/IVenue.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {V3Market} from "../venues/V3Market.sol";
import {VenueVault} from "../venues/VenueVault.sol";

/// The real vault with a million, a real pool with a hundred million on each side, and an attacker who holds the
/// keeper's and the anchorer's keys and tokens without end. What a base token is truly worth is the price at which the
/// attack began.
abstract contract V3AttackWorld is V3Market, VenueVault {
    IUniswapV3Pool internal attacker; // calls the pool as itself
    uint160 internal trueRoot;

    function _buildWorld(bool assetIsToken0) internal {
        _buildMarket(assetIsToken0);
        attacker = _driver(pool, media);
        (trueRoot,,,,,,) = pool.slot0();
        _openVault(usd);
    }

    /// The keeper enters with `data`; 0 when the vault refuses.
    function _tryEnterWith(IVenue venue, uint256 amount, bytes memory data) internal returns (uint256 spent) {
        (IRules.Permit[] memory permits, bytes32 root) = _decide(venue, amount);
        Vault.Action[] memory actions = _one(venue, true, amount);
        actions[0].data = data;
        (uint256 nonce, uint256 before) = (vault.nonce(), vault.idle());
        vm.prank(keeper);
        try vault.allocate(actions, permits, root, nonce, block.timestamp) {
            return before - vault.idle();
        } catch {
            return 0;
        }
    }

    /// The most that the vault lets the keeper spend there, found by halving. With ends, half of it is swapped and
    /// liquidity over them is minted.
    function _enterMost(IVenue venue, uint256 amount, int24 lower, int24 upper) internal returns (uint256 spent) {
        uint256 idle = vault.idle();
        (uint256 passed, uint256 refused) = (0, amount < idle ? amount : idle);
        uint256 tried = refused;
        for (uint256 i = 0; i < 8 && passed < refused; ++i) {
            uint256 id = vm.snapshotState();
            bool ok = _tryEnterWith(venue, tried, _half(tried, lower, upper)) > 0;
            vm.revertToState(id);
            if (ok) passed = tried;
            else refused = tried;
            tried = (passed + refused) / 2;
        }
        return passed == 0 ? 0 : _tryEnterWith(venue, passed, _half(passed, lower, upper));
    }

    function _half(uint256 amount, int24 lower, int24 upper) private pure returns (bytes memory) {
        return lower < upper ? abi.encode(lower, upper, amount / 2) : bytes("");
    }

    /// The keeper leaves with everything that it can, found by halving.
    function _leaveMost(IVenue venue) internal returns (uint256 received) {
        for (uint256 units = venue.position(); units > 0; units /= 2) {
            uint256 nonce = vault.nonce();
            vm.prank(keeper);
            try vault.allocate(_one(venue, false, units), new IRules.Permit[](0), 0, nonce, block.timestamp) returns (
                uint256[] memory got
            ) {
                return got[0];
            } catch {}
        }
    }

    /// Attacker moves spot to a price, with what it takes.
    function _attackTo(IUniswapV3Pool through, uint160 root) internal {
        (uint160 now_,,,,,,) = pool.slot0();
        if (now_ != root) through.swap(address(through), root < now_, 1e38, root, "");
    }

    function _rootAt(int24 tick) internal pure returns (uint160) {
        return TickMath.getSqrtPriceAtTick(tick);
    }

    /// The price at which a base token costs `ticks` more (or, below 0, less) than it is worth.
    function _rootOff(int24 ticks) internal view returns (uint160) {
        int24 tick = TickMath.getTickAtSqrtPrice(trueRoot);
        return ticks == 0 ? trueRoot : _rootAt(assetIs0 ? tick - ticks : tick + ticks);
    }

    /// What base tokens are truly worth in assets, rounded down.
    function _trueWorth(uint256 units) internal view returns (uint256) {
        if (assetIs0) return Math.mulDiv(Math.mulDiv(units, 1 << 96, trueRoot), 1 << 96, trueRoot);
        return Math.mulDiv(Math.mulDiv(units, trueRoot, 1 << 96), trueRoot, 1 << 96);
    }

    /// Assets and base tokens of somebody, at their true worth. Tokens without end: only differences mean anything.
    function _wealth(address who) internal view returns (int256) {
        return int256(usd.balanceOf(who)) + int256(_trueWorth(media.balanceOf(who)));
    }
}
