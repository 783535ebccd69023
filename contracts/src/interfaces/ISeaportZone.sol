// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @param itemType 0 native money, 1 ERC-20, 2 ERC-721, 3 ERC-1155.
struct ZoneSpent {
    uint8 itemType;
    address token;
    uint256 identifier;
    uint256 amount;
}

struct ZoneReceived {
    uint8 itemType;
    address token;
    uint256 identifier;
    uint256 amount;
    address payable recipient;
}

struct ZoneParameters {
    bytes32 orderHash;
    address fulfiller;
    address offerer;
    ZoneSpent[] offer;
    ZoneReceived[] consideration;
    bytes extraData;
    bytes32[] orderHashes;
    uint256 startTime;
    uint256 endTime;
    bytes32 zoneHash;
}

/// @title What Seaport 1.6 asks of the zone of a restricted order (order types 2 and 3)
/// @notice Each answers with its own selector, or the order fails.
interface ISeaportZone {
    /// @notice Before anything moves.
    function authorizeOrder(ZoneParameters calldata order) external returns (bytes4);

    /// @notice After everything has moved.
    function validateOrder(ZoneParameters calldata order) external returns (bytes4);
}
