// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICompliance} from "../interfaces/ICompliance.sol";

/// @title What the vault's rules are made of
/// @notice Inherited by the vault and named by its libraries, so that both have the same types, events and errors.
interface IRules {
    struct Limits {
        uint16 minIdleBps; // least part of gross assets that an entry leaves idle, beyond what the queue needs
        uint16 turnoverBps; // most that entries into priced venues may spend per epoch, of gross assets
        uint16 lossBps; // most measured value that the keeper's actions may lose per epoch, of gross assets
        uint16 drawdownBps; // fall of the share price from its high-water mark at which the breaker trips
        uint16 performanceFeeBps; // of gains above the high-water mark, paid in shares
        uint32 epoch; // seconds in which a spent budget refills
        uint32 profitUnlock; // seconds over which a reported gain reaches the share price
        uint32 staleGrace; // seconds for which the queue waits for a venue that is not believed
        uint32 queueGrace; // seconds after which anyone may leave venues for the head of the queue
        uint32 anchorBlocks; // blocks by which a decision's root must be older than its entries
        uint128 unpricedBudget; // most that entries into unpriced venues may spend per epoch, in assets; counted as lost
        uint128 minRequest; // least worth of a queued request, in assets
    }

    struct VenueConfig {
        bool listed; // entries are allowed
        bool known; // counts in `totalAssets` and can be left, until the owner forgets it
        uint16 capBps; // most of gross assets that an entry may leave at the venue
        uint16 maxLossBps; // most of the measured value that one action may lose
        uint32 group; // of venues that may fail together: one medium, creator, model or chain
    }

    /// @notice Allows one entry; given in the order of a batch's entries. See DecisionLeaf.
    struct Permit {
        uint256 maxAssets;
        uint256 expiry;
        bytes32 record;
        bytes32[] proof;
    }

    event VenueSet(address indexed venue, VenueConfig config);
    event VenueForgotten(address indexed venue);
    event GroupCapSet(uint32 indexed group, uint16 capBps);
    event LimitsSet(Limits limits);
    event Tripped(uint256 price, uint256 highWater);

    error VenueNotAllowed(address venue, address token);
    error BadLimits(Limits limits);
    error BpsTooHigh(uint256 given, uint256 most);
    error VenueMismatch(address venue);
    error TooManyVenues(uint256 most);
    error NotKnown(address venue);
    error StillListed(address venue);
    error NotTighter();
    error PermitExpired(uint256 expiry, uint256 timestamp);
    error OverPermit(uint256 amount, uint256 maxAssets);
    error NotInDecision(bytes32 decision, bytes32 leaf);
    error LeafUsed(bytes32 leaf);
    error OverCap(address venue, uint256 value, uint256 cap);
    error OverGroupCap(uint32 group, uint256 value, uint256 cap);
    error OverDepth(address venue, uint256 value, uint256 most);

    /// @return Who may hold what; zero when anyone may hold anything.
    function compliance() external view returns (ICompliance);
}
