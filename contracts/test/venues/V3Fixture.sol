// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IUniswapV3Pool} from "../../src/interfaces/IUniswapV3Pool.sol";
import {IVenue} from "../../src/interfaces/IVenue.sol";
import {UniswapV3Hold} from "../../src/venues/UniswapV3Hold.sol";
import {UniswapV3Range} from "../../src/venues/UniswapV3Range.sol";
import {V3Market} from "./V3Market.sol";

/// The least that a venue asks of a vault: an asset, an exact approval, and calls that only it may make.
contract V3TestVault {
    address public immutable asset;

    constructor(address asset_) {
        asset = asset_;
    }

    function enter(IVenue venue, uint256 assets, bytes memory data) external returns (uint256 units, uint256 spent) {
        spent = IERC20(asset).balanceOf(address(this));
        IERC20(asset).approve(address(venue), assets);
        units = venue.enter(assets, data);
        IERC20(asset).approve(address(venue), 0);
        spent -= IERC20(asset).balanceOf(address(this));
    }

    function exit(IVenue venue, uint256 units) external returns (uint256) {
        uint256 before = IERC20(asset).balanceOf(address(this));
        uint256 said = venue.exit(units, "");
        return _measured(before, said);
    }

    function collect(IVenue venue) external returns (uint256) {
        uint256 before = IERC20(asset).balanceOf(address(this));
        uint256 said = venue.collect();
        return _measured(before, said);
    }

    function _measured(uint256 before, uint256 said) private view returns (uint256 got) {
        got = IERC20(asset).balanceOf(address(this)) - before;
        require(got == said, "the venue misreports");
    }
}

/// A venue on the full-range pool of V3Market, of a vault with ten million that does what it is told.
abstract contract V3Fixture is V3Market {
    V3TestVault internal vault;

    function _build(bool assetIsToken0) internal {
        _buildMarket(assetIsToken0);
        vault = new V3TestVault(address(usd));
        usd.mint(address(vault), 1e13);
    }

    function _hold(IUniswapV3Pool at) internal returns (UniswapV3Hold) {
        return new UniswapV3Hold(address(vault), at, _rules(), _witnesses());
    }

    function _range(IUniswapV3Pool at) internal returns (UniswapV3Range) {
        return new UniswapV3Range(address(vault), at, _rules(), _witnesses(), 600, 60_000);
    }
}
