// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ISeaport} from "../interfaces/ISeaport.sol";

/// @title Which orders of others the Seaport venue takes, and how it writes its own
/// @notice Taken: one ERC-721 piece against fixed sums of one ERC-20, whole, without tips, through Seaport itself or
/// the one conduit named, with no zone or the one zone named. Everything else is refused by an error that says why.
library SeaportOrders {
    uint256 internal constant BPS = 10_000;
    /// @notice The most that is paid of a price for a royalty, whatever the collection asks. MediaAsset allows as much.
    uint256 internal constant MAX_ROYALTY_BPS = 1_000;
    /// @dev Enough for any sane `royaltyInfo`; one that needs more gets no royalty.
    uint256 private constant ROYALTY_GAS = 100_000;

    /// @param conduitKey The one conduit that orders of others may name besides Seaport itself (0: none).
    /// @param zone The one zone that orders of others may name (0: none); ours name it. For collections whose transfers
    /// a validator judges, such as RoyaltyValidator.
    struct Rules {
        address asset;
        address vault;
        bytes32 conduitKey;
        address zone;
    }

    /// @notice A listing of ours: what its buyer pays, to us and to the royalty's receiver, in assets.
    /// @param salt Differs for each listing, so that no two share a hash.
    struct Ask {
        bytes32 hash;
        uint128 net;
        uint128 royalty;
        address royaltyTo;
        uint48 expiry;
        uint48 salt;
    }

    error OrderTypeRefused(ISeaport.OrderType orderType);
    error ZoneRefused(address zone);
    error ConduitRefused(bytes32 conduitKey);
    error TipsRefused(uint256 items, uint256 signed);
    error PartyRefused(address party);
    error WrongItemCount(uint256 offered, uint256 asked);
    error WrongItem(ISeaport.ItemType itemType, address token, uint256 identifier);
    error AmountRefused(uint256 startAmount, uint256 endAmount);
    error FeesAbovePrice(uint256 fees, uint256 price);

    /// @notice Reads a seller's order: one piece offered, nothing but assets asked for; `price` is the sum of all that
    /// it asks.
    function listing(ISeaport.OrderParameters memory order, Rules memory rules)
        internal
        view
        returns (address collection, uint256 tokenId, uint256 price)
    {
        _plain(order, rules);
        if (order.offer.length != 1 || order.consideration.length == 0) _wrongCount(order);
        ISeaport.OfferItem memory piece = order.offer[0];
        (collection, tokenId) = (piece.token, piece.identifierOrCriteria);
        if (piece.itemType != ISeaport.ItemType.ERC721) revert WrongItem(piece.itemType, collection, tokenId);
        if (piece.startAmount != 1 || piece.endAmount != 1) revert AmountRefused(piece.startAmount, piece.endAmount);
        price = _asked(order, 0, rules);
    }

    /// @notice Reads a buyer's order: a sum of assets offered, the piece asked for, and perhaps fees out of that sum.
    function offer(ISeaport.OrderParameters memory order, Rules memory rules, address collection, uint256 tokenId)
        internal
        view
        returns (uint256 price, uint256 fees)
    {
        _plain(order, rules);
        if (order.offer.length != 1 || order.consideration.length == 0) _wrongCount(order);
        ISeaport.OfferItem memory sum = order.offer[0];
        price = _sum(sum.itemType, sum.token, sum.identifierOrCriteria, sum.startAmount, sum.endAmount, rules);
        ISeaport.ConsiderationItem memory piece = order.consideration[0];
        bool right = piece.itemType == ISeaport.ItemType.ERC721 && piece.token == collection;
        if (!right || piece.identifierOrCriteria != tokenId) {
            revert WrongItem(piece.itemType, piece.token, piece.identifierOrCriteria);
        }
        if (piece.startAmount != 1 || piece.endAmount != 1) revert AmountRefused(piece.startAmount, piece.endAmount);
        _notOurs(piece.recipient, rules);
        fees = _asked(order, 1, rules);
        if (fees > price) revert FeesAbovePrice(fees, price);
    }

    /// @notice What a sale by an order owes by ERC-2981 beyond what the order itself pays the royalty's receiver.
    function royaltyDue(
        ISeaport.OrderParameters memory order,
        address collection,
        uint256 tokenId,
        uint256 price,
        address vault
    ) internal view returns (address receiver, uint256 assets) {
        (receiver, assets) = royaltyOf(collection, tokenId, price, vault);
        for (uint256 i = 0; i < order.consideration.length; ++i) {
            ISeaport.ConsiderationItem memory item = order.consideration[i];
            bool paid = item.itemType == ISeaport.ItemType.ERC20 && item.recipient == receiver;
            if (paid) assets = Math.saturatingSub(assets, item.startAmount);
        }
    }

    /// @notice What ERC-2981 asks of a sale, at most `MAX_ROYALTY_BPS` of it rounded down; nothing where the collection
    /// does not answer, or names nobody or us.
    function royaltyOf(address collection, uint256 tokenId, uint256 price, address vault)
        internal
        view
        returns (address receiver, uint256 assets)
    {
        (bool ok, bytes memory answer) =
            collection.staticcall{gas: ROYALTY_GAS}(abi.encodeCall(IERC2981.royaltyInfo, (tokenId, price)));
        if (!ok || answer.length < 64) return (address(0), 0);
        (uint256 to, uint256 asked) = abi.decode(answer, (uint256, uint256));
        receiver = address(uint160(to));
        if (receiver == address(0) || receiver == address(this) || receiver == vault) return (address(0), 0);
        assets = Math.min(asked, price - leastNet(price));
    }

    /// @return What is left of a price after the highest royalty, rounded up.
    function leastNet(uint256 price) internal pure returns (uint256) {
        return price - Math.mulDiv(price, MAX_ROYALTY_BPS, BPS);
    }

    /// @notice Our own listing of a piece: the caller's contract is paid the net, the royalty's receiver its cut.
    function written(Ask memory ask, address collection, uint256 tokenId, Rules memory rules)
        internal
        view
        returns (ISeaport.OrderParameters memory order)
    {
        order.offerer = address(this);
        order.offer = new ISeaport.OfferItem[](1);
        order.offer[0] = ISeaport.OfferItem(ISeaport.ItemType.ERC721, collection, tokenId, 1, 1);
        order.totalOriginalConsiderationItems = ask.royalty == 0 ? 1 : 2;
        order.consideration = new ISeaport.ConsiderationItem[](order.totalOriginalConsiderationItems);
        order.consideration[0] = _payment(rules.asset, ask.net, address(this));
        if (ask.royalty != 0) order.consideration[1] = _payment(rules.asset, ask.royalty, ask.royaltyTo);
        (order.endTime, order.salt, order.zone) = (ask.expiry, ask.salt, rules.zone);
        if (rules.zone != address(0)) order.orderType = ISeaport.OrderType.FULL_RESTRICTED;
    }

    /// @return ours Parameters of our own order as they are hashed and cancelled, with our counter: 0, never raised.
    function components(ISeaport.OrderParameters memory order)
        internal
        pure
        returns (ISeaport.OrderComponents memory ours)
    {
        (ours.offerer, ours.offer, ours.consideration) = (order.offerer, order.offer, order.consideration);
        (ours.endTime, ours.salt) = (order.endTime, order.salt);
        (ours.zone, ours.orderType) = (order.zone, order.orderType); // `written` leaves the rest zero
    }

    function _payment(address asset, uint256 assets, address to)
        private
        pure
        returns (ISeaport.ConsiderationItem memory)
    {
        return ISeaport.ConsiderationItem(ISeaport.ItemType.ERC20, asset, 0, assets, assets, payable(to));
    }

    /// @dev A zone could call out or cancel in the middle, so an unknown one is refused even where it is not asked.
    function _plain(ISeaport.OrderParameters memory order, Rules memory rules) private view {
        if (order.zone != address(0) && order.zone != rules.zone) revert ZoneRefused(order.zone);
        bool zoned = order.orderType == ISeaport.OrderType.FULL_RESTRICTED && order.zone != address(0);
        if (order.orderType != ISeaport.OrderType.FULL_OPEN && !zoned) revert OrderTypeRefused(order.orderType);
        if (order.conduitKey != 0 && order.conduitKey != rules.conduitKey) revert ConduitRefused(order.conduitKey);
        uint256 signed = order.totalOriginalConsiderationItems;
        if (order.consideration.length != signed) revert TipsRefused(order.consideration.length, signed);
        _notOurs(order.offerer, rules);
    }

    /// @dev The sum of the items from `first` on, each in assets and to others.
    function _asked(ISeaport.OrderParameters memory order, uint256 first, Rules memory rules)
        private
        view
        returns (uint256 assets)
    {
        for (uint256 i = first; i < order.consideration.length; ++i) {
            ISeaport.ConsiderationItem memory item = order.consideration[i];
            assets += _sum(
                item.itemType, item.token, item.identifierOrCriteria, item.startAmount, item.endAmount, rules
            );
            _notOurs(item.recipient, rules);
        }
    }

    /// @dev A trade with ourselves would move money or a piece past the book.
    function _notOurs(address party, Rules memory rules) private view {
        if (party == address(this) || party == rules.vault) revert PartyRefused(party);
    }

    function _wrongCount(ISeaport.OrderParameters memory order) private pure {
        revert WrongItemCount(order.offer.length, order.consideration.length);
    }

    /// @dev A fixed sum of assets: an amount that moves would be another price than the one that was judged.
    function _sum(
        ISeaport.ItemType itemType,
        address token,
        uint256 identifier,
        uint256 startAmount,
        uint256 endAmount,
        Rules memory rules
    ) private pure returns (uint256) {
        if (itemType != ISeaport.ItemType.ERC20 || token != rules.asset || identifier != 0) {
            revert WrongItem(itemType, token, identifier);
        }
        if (startAmount != endAmount) revert AmountRefused(startAmount, endAmount);
        return startAmount;
    }
}
