// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";

import {ISeaportZone, ZoneParameters, ZoneReceived, ZoneSpent} from "../interfaces/ISeaportZone.sol";
import {ITransferValidator} from "../interfaces/ITransferValidator.sol";

/// @title Lets tokens move only through venues that pay, as far as a chain can force that
/// @notice ERC-2981 forces nothing: it is an answer to a question that a marketplace may not ask. A collection that names
/// this validator refuses transfers by operators that are not listed. A *checked* operator (Seaport 1.6 and its conduits)
/// moves a token only inside an order whose zone is this contract, and the zone refuses an order that does not pay the
/// royalty on the order's own price. What no validator can see: money paid beside the order, a price written too low, the
/// sale of the account that owns the token, a wrapper that holds it (unless direct transfers are refused). The owner is
/// meant to be a timelock; where direct transfers are refused, an emptied list would hold every token fast.
contract RoyaltyValidator is ITransferValidator, ISeaportZone, Ownable {
    using TransientSlot for *;

    /// @dev Vouched: the list's owner vouches that the operator pays by itself (a Fractionaliser does, at a buy-out), or
    /// sells nothing; nothing is checked.
    enum Standing {
        Unlisted,
        Vouched,
        Checked
    }

    /// @notice Whether an owner may transfer its own token, to anybody. True leaves gifts free, and wrappers too.
    bool public immutable directAllowed;
    mapping(address operator => Standing) public standings;

    event StandingSet(address indexed operator, Standing standing);

    error OperatorNotListed(address operator);
    error DirectTransferRefused(address owner);
    error OrderUnpaid(address operator, address token, uint256 tokenId);
    error NotASale(bytes32 orderHash);
    error RoyaltyTooLow(address token, uint256 tokenId, uint256 due, uint256 paid);

    constructor(address owner_, bool directAllowed_) Ownable(owner_) {
        directAllowed = directAllowed_;
    }

    /// @notice Lists an operator, or ends its listing. Owner only.
    function setStanding(address operator, Standing standing) external onlyOwner {
        standings[operator] = standing;
        emit StandingSet(operator, standing);
    }

    /// @inheritdoc ISeaportZone
    /// @dev The order is a listing (offers the token, asks for money) or a bid (offers money, asks for the token first); of
    /// one token and one money. A listing's price is all that it asks for, a bid's what it offers.
    function authorizeOrder(ZoneParameters calldata order) external returns (bytes4) {
        if (standings[msg.sender] != Standing.Checked) revert OperatorNotListed(msg.sender);
        if (order.offer.length != 1 || order.consideration.length == 0) revert NotASale(order.orderHash);
        ZoneSpent calldata offered = order.offer[0];
        ZoneReceived calldata asked = order.consideration[0];
        bool listing = offered.itemType > 1;
        if (!listing && asked.itemType < 2) revert NotASale(order.orderHash);
        (address token, uint256 tokenId) =
            listing ? (offered.token, offered.identifier) : (asked.token, asked.identifier);
        address money = listing ? asked.token : offered.token;
        uint256 price = listing ? 0 : offered.amount;
        uint256 paid = 0;
        (address receiver,) = IERC2981(token).royaltyInfo(tokenId, 0);
        for (uint256 i = listing ? 0 : 1; i < order.consideration.length; ++i) {
            ZoneReceived calldata item = order.consideration[i];
            if (item.itemType > 1 || item.token != money) revert NotASale(order.orderHash);
            if (listing) price += item.amount;
            if (item.recipient == receiver) paid += item.amount;
        }
        (, uint256 due) = IERC2981(token).royaltyInfo(tokenId, price);
        if (paid < due) revert RoyaltyTooLow(token, tokenId, due, paid);
        _paid(token, tokenId).tstore(true);
        return ISeaportZone.authorizeOrder.selector;
    }

    /// @inheritdoc ITransferValidator
    function validateTransfer(address caller, address from, address, uint256 tokenId) external {
        Standing standing = standings[caller];
        if (standing == Standing.Vouched) return;
        if (standing == Standing.Checked) {
            TransientSlot.BooleanSlot paid = _paid(msg.sender, tokenId);
            if (!paid.tload()) revert OrderUnpaid(caller, msg.sender, tokenId);
            paid.tstore(false); // one order, one transfer
        } else if (caller != from) {
            revert OperatorNotListed(caller);
        } else if (!directAllowed) {
            revert DirectTransferRefused(from);
        }
    }

    /// @inheritdoc ISeaportZone
    function validateOrder(ZoneParameters calldata) external pure returns (bytes4) {
        return ISeaportZone.validateOrder.selector;
    }

    /// @dev True from the order that pays for the token until the token moves, within one transaction.
    function _paid(address token, uint256 tokenId) private pure returns (TransientSlot.BooleanSlot) {
        return keccak256(abi.encode(token, tokenId)).asBoolean();
    }
}
