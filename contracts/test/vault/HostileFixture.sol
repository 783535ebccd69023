// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {HostileVenue} from "./HostileVenue.sol";
import {VaultFixture} from "./VaultFixture.sol";

/// The vault with a second venue, whose every answer the test sets.
abstract contract HostileFixture is VaultFixture {
    HostileVenue internal hostile;

    function _buildHostile() internal {
        _build(true);
        hostile = _newHostile();
        _list(address(hostile), CAP_BPS);
    }

    function _newHostile() internal returns (HostileVenue) {
        return new HostileVenue(address(vault), address(usd));
    }

    /// Moves the hostile venue's value, with the assets that would pay for it, and reports.
    function _gain(uint256 assets) internal {
        hostile.setWorth(hostile.worth() + assets);
        usd.mint(address(hostile), assets);
        vault.refresh();
    }

    function _lose(uint256 assets) internal {
        hostile.setWorth(hostile.worth() - assets);
        vault.refresh();
    }
}
