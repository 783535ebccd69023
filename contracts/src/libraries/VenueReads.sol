// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVenue} from "../interfaces/IVenue.sol";

/// @title Reads of a venue that may fail without failing the caller
/// @dev `try/catch` still reverts on an answer that cannot be decoded, copies whatever the venue returns, and lets it burn
/// nearly all gas. These give a venue so much gas and no more, and copy one word.
library VenueReads {
    /// @notice Most gas that one read may use.
    uint256 internal constant READ_GAS = 2_000_000;
    /// @notice A value above this is nonsense: sixteen of them still fit in 124 bits.
    uint256 internal constant MAX_VALUE = type(uint120).max;

    error TooLittleGas(address venue);

    /// @return fresh False when the venue reverted or answered nonsense; `assets` is then 0.
    function tryValue(address venue) internal view returns (bool fresh, uint256 assets) {
        (fresh, assets) = _word(venue, IVenue.value.selector);
        if (assets > MAX_VALUE) return (false, 0);
    }

    /// @return True when the venue holds a position, or cannot tell.
    function mayHold(address venue) internal view returns (bool) {
        (bool ok, uint256 units) = _word(venue, IVenue.position.selector);
        return !ok || units > 0;
    }

    /// @return False when spot is off the time-weighted price, or the venue cannot tell.
    function isSteady(address venue) internal view returns (bool) {
        return _isTrue(venue, IVenue.steady.selector);
    }

    /// @return False when the value may not judge an entry, or the venue cannot tell.
    function isPriced(address venue) internal view returns (bool) {
        return _isTrue(venue, IVenue.priced.selector);
    }

    /// @return assets The most that the position may be worth; 0 when the venue cannot tell.
    function most(address venue) internal view returns (uint256 assets) {
        (, assets) = _word(venue, IVenue.most.selector);
    }

    /// @dev A "no" is refused like a failure when gas was short: an adapter may have caught an inner call that ran out of it.
    function _isTrue(address venue, bytes4 selector) private view returns (bool yes) {
        uint256 available = gasleft();
        (bool ok, uint256 word) = _word(venue, selector);
        yes = ok && word == 1;
        if (!yes) _refuseStarved(venue, available);
    }

    function _word(address venue, bytes4 selector) private view returns (bool ok, uint256 word) {
        uint256 available = gasleft();
        assembly ("memory-safe") {
            mstore(0, selector)
            ok := staticcall(READ_GAS, venue, 0, 4, 0, 32)
            ok := and(ok, eq(returndatasize(), 32))
            word := mul(ok, mload(0))
        }
        if (!ok) _refuseStarved(venue, available);
    }

    /// @dev A read that fails because the caller sent too little gas is refused: nobody can make a venue look broken.
    function _refuseStarved(address venue, uint256 available) private pure {
        if (available - available / 64 < READ_GAS + 10_000) revert TooLittleGas(venue);
    }
}
