// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IVenue} from "../../src/interfaces/IVenue.sol";

/// A venue that answers what tests/mirror tells it to, so that the vault's own arithmetic is all there is to compare.
contract VenueDriver is IVenue {
    address public immutable vault;
    address public immutable asset;
    uint256 public position;
    bool public steady = true;
    bool public priced = true;
    bool public broken;
    uint256 public most = type(uint256).max;
    uint256 private _value;

    constructor(address vault_, address asset_) {
        (vault, asset) = (vault_, asset_);
    }

    function set(uint256 value_, bool steady_, bool priced_, bool broken_, uint256 most_) external {
        (_value, steady, priced, broken, most) = (value_, steady_, priced_, broken_, most_);
    }

    function token() external view returns (address) {
        return address(this);
    }

    function value() external view returns (uint256) {
        require(!broken, "broken");
        return _value;
    }

    /// `data`: what the position is worth more, and the units that it gains.
    function enter(uint256 assets, bytes calldata data) external returns (uint256 units) {
        uint256 worth;
        (worth, units) = abi.decode(data, (uint256, uint256));
        IERC20(asset).transferFrom(vault, address(this), assets);
        (_value, position) = (_value + worth, position + units);
    }

    /// `data`: what the position is worth afterwards, and what is paid.
    function exit(uint256 units, bytes calldata data) external returns (uint256 assets) {
        (_value, assets) = abi.decode(data, (uint256, uint256));
        position -= units;
        IERC20(asset).transfer(vault, assets);
    }

    function collect() external pure returns (uint256) {
        return 0;
    }
}
