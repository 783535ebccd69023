// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVenue} from "../interfaces/IVenue.sol";

/// @title Reads of a venue that may fail without failing the caller
/// @dev `try/catch` still reverts on an answer that cannot be decoded; these do not.
library VenueReads {
    /// @return fresh False when the venue reverted or answered nonsense; `assets` is then 0.
    function tryValue(address venue) internal view returns (bool fresh, uint256 assets) {
        return _word(venue, IVenue.value.selector);
    }

    /// @return True when the venue holds a position, or cannot tell.
    function mayHold(address venue) internal view returns (bool) {
        (bool ok, uint256 units) = _word(venue, IVenue.position.selector);
        return !ok || units > 0;
    }

    /// @return False when spot is off the time-weighted price, or the venue cannot tell.
    function isNearTwap(address venue) internal view returns (bool) {
        (bool ok, uint256 near) = _word(venue, IVenue.nearTwap.selector);
        return ok && near == 1;
    }

    function _word(address venue, bytes4 selector) private view returns (bool ok, uint256 word) {
        bytes memory answer;
        (ok, answer) = venue.staticcall(abi.encodeWithSelector(selector));
        ok = ok && answer.length == 32;
        if (ok) word = abi.decode(answer, (uint256));
    }
}
