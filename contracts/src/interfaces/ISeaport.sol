// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The part of Seaport 1.6 that Patron calls
/// @notice An order offers items of its offerer and asks for items in consideration; who fulfils it gives the second
/// and gets the first. Amounts move linearly from start to end over the order's life, consideration rounded up.
/// Source: the ABI of the deployed contract; the order's EIP-712 type is `OrderComponents`, domain "Seaport", "1.6".
interface ISeaport {
    enum OrderType {
        FULL_OPEN,
        PARTIAL_OPEN,
        FULL_RESTRICTED,
        PARTIAL_RESTRICTED,
        CONTRACT
    }

    enum ItemType {
        NATIVE,
        ERC20,
        ERC721,
        ERC1155,
        ERC721_WITH_CRITERIA,
        ERC1155_WITH_CRITERIA
    }

    struct OfferItem {
        ItemType itemType;
        address token;
        uint256 identifierOrCriteria;
        uint256 startAmount;
        uint256 endAmount;
    }

    struct ConsiderationItem {
        ItemType itemType;
        address token;
        uint256 identifierOrCriteria;
        uint256 startAmount;
        uint256 endAmount;
        address payable recipient;
    }

    /// @param conduitKey Names the conduit that holds the offerer's approvals; 0 is Seaport itself.
    /// @param totalOriginalConsiderationItems How many of the consideration items are signed; any beyond are tips.
    struct OrderParameters {
        address offerer;
        address zone;
        OfferItem[] offer;
        ConsiderationItem[] consideration;
        OrderType orderType;
        uint256 startTime;
        uint256 endTime;
        bytes32 zoneHash;
        uint256 salt;
        bytes32 conduitKey;
        uint256 totalOriginalConsiderationItems;
    }

    /// @notice What is signed and hashed: the parameters with the offerer's counter in place of the number of items.
    struct OrderComponents {
        address offerer;
        address zone;
        OfferItem[] offer;
        ConsiderationItem[] consideration;
        OrderType orderType;
        uint256 startTime;
        uint256 endTime;
        bytes32 zoneHash;
        uint256 salt;
        bytes32 conduitKey;
        uint256 counter;
    }

    /// @param signature Empty for an order that was validated on chain.
    struct Order {
        OrderParameters parameters;
        bytes signature;
    }

    /// @notice Fulfils a whole order; what it offers goes to the caller.
    function fulfillOrder(Order calldata order, bytes32 fulfillerConduitKey) external payable returns (bool fulfilled);

    /// @notice Makes orders fillable without a signature. The offerer as caller needs none.
    function validate(Order[] calldata orders) external returns (bool validated);

    /// @notice Makes orders unfillable for ever. Only by their offerer or zone.
    function cancel(OrderComponents[] calldata orders) external returns (bool cancelled);

    /// @notice What became of an order. totalFilled is 0 until it is filled, and equals totalSize once it is whole.
    function getOrderStatus(bytes32 orderHash)
        external
        view
        returns (bool isValidated, bool isCancelled, uint256 totalFilled, uint256 totalSize);

    function getOrderHash(OrderComponents calldata order) external view returns (bytes32 orderHash);

    function getCounter(address offerer) external view returns (uint256 counter);
}
