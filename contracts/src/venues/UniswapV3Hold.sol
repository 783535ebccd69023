// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../interfaces/IVenue.sol";
import {PoolDepth} from "../libraries/PoolDepth.sol";
import {V3Venue} from "./V3Venue.sol";

/// @title Holds one token, bought and sold on one Uniswap V3 pool, for one vault
/// @notice Units are raw base tokens, counted as they were bought and sold: a gift of the token changes nothing and
/// stays for ever. `data` is empty. See V3Venue for price and depth.
contract UniswapV3Hold is V3Venue {
    using PoolDepth for PoolDepth.Band;

    constructor(address vault_, IUniswapV3Pool pool_, PriceRules memory rules, Witness[] memory witnesses_)
        V3Venue(vault_, pool_, rules, witnesses_)
    {}

    /// @inheritdoc IVenue
    function token() external view returns (address) {
        return base;
    }

    /// @inheritdoc IVenue
    /// @dev An empty venue is worth 0 whether or not the pool has a history.
    function value() external view returns (uint256) {
        uint256 units = position;
        return units == 0 ? 0 : _band().sellDown(units, fee);
    }

    /// @inheritdoc IVenue
    function enter(uint256 assets, bytes calldata) external onlyVault returns (uint256 units) {
        _requireNearTwap();
        units = _buy(assets);
        position += units;
        emit Entered(assets, units);
    }

    /// @inheritdoc IVenue
    function exit(uint256 units, bytes calldata) external onlyVault returns (uint256 assets) {
        if (units > position) revert NotHeld(units, position);
        _requireNearTwap();
        position -= units;
        assets = _sell(units);
        emit Exited(units, assets);
    }

    /// @inheritdoc IVenue
    /// @dev A token that is only held earns nothing.
    function collect() external view onlyVault returns (uint256) {
        return 0;
    }
}
