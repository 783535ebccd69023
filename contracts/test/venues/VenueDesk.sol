// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IVenue} from "../../src/interfaces/IVenue.sol";

/// The vault's side of the seam and nothing else: holds assets, approves exactly, measures before and after.
contract VenueDesk {
    struct Outcome {
        uint256 spent; // assets that left (entry)
        uint256 received; // assets that came (exit)
        uint256 units; // by which the position rose or fell
        uint256 valueBefore;
        uint256 valueAfter;
    }

    address public immutable asset;

    constructor(address asset_) {
        asset = asset_;
    }

    function enter(IVenue venue, uint256 assets, bytes calldata data) external returns (Outcome memory o) {
        uint256 idle = IERC20(asset).balanceOf(address(this));
        (uint256 held, uint256 worth) = (venue.position(), venue.value());
        IERC20(asset).approve(address(venue), assets);
        venue.enter(assets, data);
        IERC20(asset).approve(address(venue), 0);
        o = Outcome(idle - IERC20(asset).balanceOf(address(this)), 0, venue.position() - held, worth, venue.value());
    }

    function exit(IVenue venue, uint256 units, bytes calldata data) external returns (Outcome memory o) {
        uint256 idle = IERC20(asset).balanceOf(address(this));
        (uint256 held, uint256 worth) = (venue.position(), venue.value());
        venue.exit(units, data);
        o = Outcome(0, IERC20(asset).balanceOf(address(this)) - idle, held - venue.position(), worth, venue.value());
    }

    function collect(IVenue venue) external returns (uint256) {
        return venue.collect();
    }
}
