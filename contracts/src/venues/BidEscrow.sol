// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Bids for a venue's pieces, with the money locked until they expire
/// @notice Anyone may bid for one piece or for any piece of a collection. Until it expires a bid cannot be withdrawn
/// and only the venue can hit it, so whoever reads it there knows that it pays. No owner, no fee.
contract BidEscrow {
    using SafeERC20 for IERC20;

    /// @param expiry Last second at which the bid can be hit.
    /// @param any True: for any piece of the collection; `tokenId` is then not looked at.
    struct Bid {
        address bidder;
        uint48 expiry;
        bool any;
        address collection;
        uint256 tokenId;
        uint256 price;
    }

    IERC20 public immutable asset;
    /// @notice Alone may hit bids.
    address public immutable venue;
    /// @notice Bids placed so far; they are numbered from 1.
    uint256 public count;

    mapping(uint256 => Bid) private _bids;

    event Placed(
        uint256 indexed bid,
        address indexed bidder,
        address indexed collection,
        uint256 tokenId,
        bool any,
        uint256 price,
        uint48 expiry
    );
    event Hit(uint256 indexed bid, uint256 tokenId);
    event Withdrawn(uint256 indexed bid);

    error NotVenue(address caller);
    error BadBid(uint256 price, uint256 expiry);
    error WrongPayment(uint256 wanted, uint256 received);
    error NotStanding(uint256 bid);
    error NotCovered(uint256 bid, address collection, uint256 tokenId);
    error NotExpired(uint256 bid, uint256 expiry);

    constructor(IERC20 asset_, address venue_) {
        (asset, venue) = (asset_, venue_);
    }

    /// @notice Places a bid of the caller's and locks its price, which the caller has approved.
    /// @param price In assets, > 0. @param expiry Later than now; the money is locked up to and including that second.
    function place(address collection, uint256 tokenId, bool any, uint256 price, uint48 expiry)
        external
        returns (uint256 bid)
    {
        if (price == 0 || expiry <= block.timestamp) revert BadBid(price, expiry);
        bid = ++count;
        _bids[bid] = Bid(msg.sender, expiry, any, collection, tokenId, price);
        uint256 before = asset.balanceOf(address(this));
        asset.safeTransferFrom(msg.sender, address(this), price);
        uint256 received = asset.balanceOf(address(this)) - before;
        if (received != price) revert WrongPayment(price, received);
        emit Placed(bid, msg.sender, collection, tokenId, any, price, expiry);
    }

    /// @notice Gives an expired bid's money back to its bidder. Anyone may call it.
    function withdraw(uint256 bid) external {
        Bid memory gone = _bids[bid];
        if (gone.price == 0) revert NotStanding(bid);
        if (block.timestamp <= gone.expiry) revert NotExpired(bid, gone.expiry);
        delete _bids[bid];
        asset.safeTransfer(gone.bidder, gone.price);
        emit Withdrawn(bid);
    }

    /// @notice Pays the venue for a piece, which it then owes to the bidder.
    function hit(uint256 bid, address collection, uint256 tokenId) external returns (address bidder, uint256 price) {
        if (msg.sender != venue) revert NotVenue(msg.sender);
        (price,) = quote(bid, collection, tokenId);
        bidder = _bids[bid].bidder;
        delete _bids[bid];
        asset.safeTransfer(venue, price);
        emit Hit(bid, tokenId);
    }

    /// @notice What a standing bid pays for a piece, and until when. Reverts when it does not stand or is for another
    /// piece.
    function quote(uint256 bid, address collection, uint256 tokenId)
        public
        view
        returns (uint256 price, uint256 expiry)
    {
        Bid memory standing = _bids[bid];
        if (standing.price == 0 || block.timestamp > standing.expiry) revert NotStanding(bid);
        if (standing.collection != collection || !(standing.any || standing.tokenId == tokenId)) {
            revert NotCovered(bid, collection, tokenId);
        }
        return (standing.price, standing.expiry);
    }

    /// @return A bid as placed; all zero once hit or withdrawn.
    function bidOf(uint256 bid) external view returns (Bid memory) {
        return _bids[bid];
    }
}
