// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICompliance} from "../../src/interfaces/ICompliance.sol";
import {IRevenueSplitFactory} from "../../src/interfaces/IRevenueSplit.sol";
import {ISeaport} from "../../src/interfaces/ISeaport.sol";
import {ITransferValidator} from "../../src/interfaces/ITransferValidator.sol";
import {RoyaltyValidator} from "../../src/media/RoyaltyValidator.sol";
import {MediaFixture} from "./MediaFixture.sol";

/// The parts of the real Seaport 1.6 and its conduits that these tests call beside `ISeaport`.
interface RoyaltySeaport {
    struct Fulfillment {
        Component[] offerComponents;
        Component[] considerationComponents;
    }

    struct Component {
        uint256 orderIndex;
        uint256 itemIndex;
    }

    struct AdvancedOrder {
        ISeaport.OrderParameters parameters;
        uint120 numerator;
        uint120 denominator;
        bytes signature;
        bytes extraData;
    }

    struct CriteriaResolver {
        uint256 orderIndex;
        uint8 side;
        uint256 index;
        uint256 identifier;
        bytes32[] criteriaProof;
    }

    function fulfillAdvancedOrder(
        AdvancedOrder calldata order,
        CriteriaResolver[] calldata criteria,
        bytes32 conduitKey,
        address recipient
    ) external payable returns (bool);

    function matchOrders(ISeaport.Order[] calldata orders, Fulfillment[] calldata fulfillments) external payable;
}

interface RoyaltyConduits {
    function createConduit(bytes32 key, address owner) external returns (address conduit);
    function updateChannel(address conduit, address channel, bool open) external;
}

/// The real Seaport 1.6; a collection of 7.5 % royalty behind a validator; a seller who owns one asset and a buyer with money.
abstract contract RoyaltyFixture is MediaFixture {
    string private constant DIR = "node_modules/@opensea/seaport-js/src/artifacts/seaport/contracts/";
    uint256 internal constant PRICE = 1_000e6;
    uint256 internal constant ROYALTY = 75e6;

    ISeaport internal seaport;
    RoyaltyConduits internal conduits;
    RoyaltyValidator internal validator;
    address internal timelock = makeAddr("timelock");
    address internal seller = makeAddr("seller");
    address internal buyer = makeAddr("buyer");
    uint256 internal id;
    uint256 private _salt;

    function _market(bool directAllowed) internal {
        validator = new RoyaltyValidator(timelock, directAllowed);
        _market(validator);
    }

    function _market(ITransferValidator judge) internal {
        conduits = RoyaltyConduits(
            vm.deployCode(string.concat(DIR, "conduit/ConduitController.sol/LocalConduitController.json"))
        );
        seaport = ISeaport(vm.deployCode(string.concat(DIR, "Seaport.sol/Seaport.json"), abi.encode(conduits)));
        _build(IRevenueSplitFactory(address(0)), ICompliance(address(0)), judge);
        receiver = seller;
        id = _mint(keccak256("a picture with a royalty"));
        vm.prank(seller);
        media.setApprovalForAll(address(seaport), true);
        usd.mint(buyer, 10 * PRICE);
        vm.prank(buyer);
        usd.approve(address(seaport), type(uint256).max);
    }

    function _stand(address operator, RoyaltyValidator.Standing standing) internal {
        vm.prank(timelock);
        validator.setStanding(operator, standing);
    }

    /// The seller lists the asset for `price`, of which `royalty` goes to the revenue address.
    function _listing(uint256 price, uint256 royalty, address zone) internal returns (ISeaport.Order memory order) {
        ISeaport.OrderParameters memory p = _order(seller, zone, royalty == 0 ? 1 : 2);
        p.offer[0] = _asset();
        p.consideration[0] = _dollars(price - royalty, seller);
        if (royalty > 0) p.consideration[1] = _dollars(royalty, revenue);
        return _validated(p);
    }

    /// The buyer bids `price` for the asset, of which the seller is to give `royalty` to the revenue address.
    function _bid(uint256 price, uint256 royalty, address zone) internal returns (ISeaport.Order memory order) {
        ISeaport.OrderParameters memory p = _order(buyer, zone, royalty == 0 ? 1 : 2);
        p.offer[0] = ISeaport.OfferItem(ISeaport.ItemType.ERC20, address(usd), 0, price, price);
        p.consideration[0] =
            ISeaport.ConsiderationItem(ISeaport.ItemType.ERC721, address(media), id, 1, 1, payable(buyer));
        if (royalty > 0) p.consideration[1] = _dollars(royalty, revenue);
        return _validated(p);
    }

    function _order(address offerer, address zone, uint256 asked) internal returns (ISeaport.OrderParameters memory p) {
        p.offerer = offerer;
        p.zone = zone;
        p.offer = new ISeaport.OfferItem[](1);
        p.consideration = new ISeaport.ConsiderationItem[](asked);
        p.orderType = zone == address(0) ? ISeaport.OrderType.FULL_OPEN : ISeaport.OrderType.FULL_RESTRICTED;
        (p.startTime, p.endTime, p.salt) = (block.timestamp, block.timestamp + 1 days, ++_salt);
        p.totalOriginalConsiderationItems = asked;
    }

    /// The offerer calls Seaport itself, so that no signature is needed.
    function _validated(ISeaport.OrderParameters memory p) internal returns (ISeaport.Order memory order) {
        order = ISeaport.Order(p, "");
        ISeaport.Order[] memory orders = new ISeaport.Order[](1);
        orders[0] = order;
        vm.prank(p.offerer);
        seaport.validate(orders);
    }

    function _asset() internal view returns (ISeaport.OfferItem memory) {
        return ISeaport.OfferItem(ISeaport.ItemType.ERC721, address(media), id, 1, 1);
    }

    function _dollars(uint256 amount, address to) internal view returns (ISeaport.ConsiderationItem memory) {
        return ISeaport.ConsiderationItem(ISeaport.ItemType.ERC20, address(usd), 0, amount, amount, payable(to));
    }
}
