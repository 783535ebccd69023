// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {VenueReads} from "../libraries/VenueReads.sol";
import {IRules} from "./IRules.sol";
import {ProfitLock} from "./ProfitLock.sol";

/// @title The vault's accounts: what venues are worth, what is believed of it, and what reports record
/// @notice Linked, so that the vault stays small.
library Accounts {
    using ProfitLock for ProfitLock.Lock;

    /// @param lastGood Value as of the last report or move that believed it.
    /// @param since Since when reports have not believed it; 0 while they do.
    /// @param seen When a report last did not believe it.
    /// @param unpriced The latest entry was made while the venue was unpriced.
    /// @param cost Assets put in, less the part of what was taken out.
    struct Standing {
        uint120 lastGood;
        uint40 since;
        uint40 seen;
        bool unpriced;
        uint256 cost;
    }

    /// @param venues Known ones.
    /// @param idle Assets that lie in the vault and belong to its holders, counted by flows, so that a gift changes nothing.
    /// @param reserved Assets of settled requests that wait to be claimed.
    /// @param highWater The highest share price that a report saw; 1e18 is that of the first share.
    struct Data {
        address[] venues;
        mapping(address venue => Standing) standings;
        ProfitLock.Lock lock;
        uint256 idle;
        uint256 reserved;
        uint248 highWater;
        bool tripped;
    }

    /// @notice One reading of all venues.
    /// @param gross Assets with every venue at its believed value, or its last good one.
    /// @param certain Assets with every venue that is not believed at its own low answer, or 0 if it has none.
    /// @param stale A venue that cannot tell its value; 0 if there is none.
    /// @param doubted A venue that is not believed; 0 if there is none.
    /// @param values Per known venue: its value, or `DOUBTED`.
    struct Sheet {
        uint256 gross;
        uint256 certain;
        address stale;
        address doubted;
        uint256[] values;
    }

    uint256 private constant DOUBTED = type(uint256).max;
    uint256 internal constant VIRTUAL_SHARES = 1e6;

    /// @notice Reads every venue once.
    function read(Data storage data, uint256 idle) external view returns (Sheet memory sheet) {
        uint256 length = data.venues.length;
        sheet.values = new uint256[](length);
        sheet.gross = sheet.certain = idle;
        for (uint256 i = 0; i < length; ++i) {
            address venue = data.venues[i];
            (bool fresh, uint256 value, bool believed) = look(data, venue);
            sheet.values[i] = believed ? value : DOUBTED;
            sheet.gross += believed ? value : data.standings[venue].lastGood;
            sheet.certain += value; // lower than the last good value, or 0
            if (!believed) sheet.doubted = venue;
            if (!fresh) sheet.stale = venue;
        }
    }

    /// @notice Books a reading. The share price does not change by it, but for a loss that is new.
    /// @param feeBps Of gains above the high-water mark of gross assets.
    /// @return waits True while a venue is doubted and has not been so for the grace period.
    /// @return fee Assets for which the vault must issue shares, at the price before the report.
    function report(
        Data storage data,
        Sheet calldata sheet,
        IRules.Limits storage limits,
        uint256 supply,
        uint256 feeBps
    ) external returns (bool waits, uint256 fee) {
        uint256 grace = limits.staleGrace;
        for (uint256 i = 0; i < sheet.values.length; ++i) {
            Standing storage standing = data.standings[data.venues[i]];
            if (sheet.values[i] != DOUBTED) {
                if (standing.lastGood != sheet.values[i]) standing.lastGood = uint120(sheet.values[i]);
                if (standing.since != 0) standing.since = 0;
                continue;
            }
            // Two sightings far apart prove nothing about the time between them: the clock starts again.
            bool lasting = standing.since != 0 && block.timestamp - standing.seen <= grace / 4;
            if (!lasting) standing.since = uint40(block.timestamp);
            standing.seen = uint40(block.timestamp);
            waits = waits || block.timestamp - standing.since < grace;
        }
        uint256 price = _price(total(data, sheet.gross), supply);
        if (price > data.highWater) {
            data.highWater = uint248(price);
        } else if (!data.tripped && _isDrawdown(data, limits, price)) {
            data.tripped = true;
            emit IRules.Tripped(price, data.highWater);
        }
        fee = data.lock.report(sheet.gross, limits.profitUnlock, feeBps);
    }

    /// @notice Makes the present share price the new mark.
    function resetBreaker(Data storage data, uint256 gross, uint256 supply) external returns (uint256 price) {
        price = _price(total(data, gross), supply);
        (data.highWater, data.tripped) = (uint248(price), false);
    }

    /// @return False while tripped or about to, while a venue is doubted, and while one that holds a position is off its
    /// band: new shares would be priced by a value that is known to be wrong.
    function isOpen(Data storage data, Sheet calldata sheet, IRules.Limits storage limits, uint256 supply)
        external
        view
        returns (bool)
    {
        if (data.tripped || sheet.doubted != address(0)) return false;
        if (_isDrawdown(data, limits, _price(total(data, sheet.gross), supply))) return false;
        for (uint256 i = 0; i < sheet.values.length; ++i) {
            if (VenueReads.mayHold(data.venues[i]) && !VenueReads.isSteady(data.venues[i])) return false;
        }
        return true;
    }

    /// @dev A fall is believed only of a steady venue: a push of the spot price within a block is no loss. A rise is
    /// believed at once, because `value` never follows spot upwards, and because it is locked.
    function look(Data storage data, address venue) internal view returns (bool fresh, uint256 value, bool believed) {
        (fresh, value) = VenueReads.tryValue(venue);
        believed = fresh && (value >= data.standings[venue].lastGood || VenueReads.isSteady(venue));
    }

    /// @notice What assets count for: no more than is unlocked.
    function total(Data storage data, uint256 assets) internal view returns (uint256) {
        return Math.min(assets, data.lock.unlocked());
    }

    function _price(uint256 assets, uint256 supply) private pure returns (uint256) {
        return Math.mulDiv(assets + 1, 1e18 * VIRTUAL_SHARES, supply + VIRTUAL_SHARES);
    }

    function _isDrawdown(Data storage data, IRules.Limits storage limits, uint256 price) private view returns (bool) {
        return price < Math.mulDiv(data.highWater, 10_000 - limits.drawdownBps, 10_000);
    }
}
