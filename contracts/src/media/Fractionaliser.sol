// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IERC20, RevenueShare} from "./RevenueShare.sol";
import {ReserveVotes} from "./ReserveVotes.sol";

/// @title Locks one NFT and is the shares in it, until somebody buys all of it
/// @notice One contract per NFT. What the NFT earns (royalties, uses; this address is its revenue address) is revenue
/// of the shares. Anyone may open a buy-out with a bid at the holders' reserve; then an English auction runs. The
/// winner gets the NFT; each share sent back here is credited its part of the price, and what it would have earned
/// later is the buyer's. Bids are escrowed here and pulled, never pushed. Settlement is open to anyone from the second
/// the auction ends; if the NFT cannot be delivered for `GRACE`, anyone may end the auction: the bid is credited back,
/// the NFT stays with the holders. There is no owner and no setter.
/// @dev Escrowed money is part of `accounted`, so it is never taken for revenue: it is added before it comes in and
/// taken off after it went out. The NFT is moved by `transferFrom`: no receiver is called.
contract Fractionaliser is ReserveVotes, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @param from Owns the NFT, has approved this address (known before it is made) and receives all shares.
    /// @param duration Seconds from the opening bid to the end, at least `MIN_DURATION`.
    struct Lot {
        IERC721 collection;
        uint256 tokenId;
        address from;
        uint128 openingReserve;
        uint32 duration;
    }

    enum Stage {
        Locked, // the NFT is here, no auction runs
        Live, // the NFT is here, an auction runs or waits for settlement
        Sold // the NFT is gone, shares are redeemed for the price
    }

    uint32 public constant MIN_DURATION = 7 days;
    /// @notice A bid this many seconds before the end, or later, moves the end to as many seconds after it.
    uint32 public constant EXTENSION = 1 hours;
    /// @notice Seconds after its end at which an auction without settlement may be called off.
    uint32 public constant GRACE = 7 days;
    /// @notice Least raise over the standing bid.
    uint256 public constant RAISE_BPS = 500;
    uint256 public constant MAX_ROYALTY_BPS = 1_000;

    IERC721 public immutable collection;
    uint256 public immutable tokenId;
    uint32 public immutable duration;
    /// @notice The NFT's royalty (ERC-2981) as it was at the lock; a buy-out is a sale and pays it, unless it is the
    /// shares'.
    address public immutable royaltyTo;
    uint256 public immutable royaltyBps;

    Stage public stage;
    /// @notice Second at which the auction ends (while `Live`).
    uint256 public end;
    /// @notice Who leads (`Live`) or bought (`Sold`).
    address public bidder;
    /// @notice The standing bid (`Live`), or what is due to all shares together (`Sold`).
    uint256 public price;
    /// @notice Money that can be withdrawn: bids that were outbid, parts of the price, the royalty.
    mapping(address who => uint256) public credits;

    event Bid(address indexed bidder, uint256 amount, uint256 end);
    event Settled(address indexed bidder, address indexed to, uint256 proceeds, uint256 royalty);
    event Lapsed(address indexed bidder, uint256 amount);
    event Withdrawn(address indexed who, address indexed to, uint256 amount);

    error TooShort(uint32 duration, uint32 least);
    error RoyaltyTooHigh(uint256 royaltyBps, uint256 most);
    error NotDelivered(address holder);
    error WrongStage(Stage stage);
    error AuctionEnded(uint256 end);
    error AuctionRuns(uint256 until);
    error BidTooLow(uint256 amount, uint256 least);
    error WrongReceipt(uint256 wanted, uint256 received);
    error NotYours(address who);

    /// @param issue Its `to` is ignored: the shares go to `lot.from`.
    constructor(Issue memory issue, Lot memory lot)
        RevenueShare(_issuedTo(issue, lot.from))
        ReserveVotes(lot.from, lot.openingReserve)
    {
        if (lot.duration < MIN_DURATION) {
            revert TooShort(lot.duration, MIN_DURATION);
        }
        (collection, tokenId, duration) = (lot.collection, lot.tokenId, lot.duration);
        if (ERC165Checker.supportsInterface(address(lot.collection), type(IERC2981).interfaceId)) {
            (address to, uint256 bps) = IERC2981(address(lot.collection)).royaltyInfo(lot.tokenId, BPS);
            if (bps > MAX_ROYALTY_BPS) revert RoyaltyTooHigh(bps, MAX_ROYALTY_BPS);
            (royaltyTo, royaltyBps) = (to, to == address(0) || to == address(this) ? 0 : bps);
        }
        _deliver(lot.from, address(this));
    }

    modifier only(Stage wanted) {
        if (stage != wanted) revert WrongStage(stage);
        _;
    }

    /// @notice Bids for the NFT: opens the auction at the reserve, or raises. The money comes in now and must come
    /// whole.
    function bid(uint256 amount) external nonReentrant {
        uint256 least;
        if (stage == Stage.Locked) {
            least = reserveFor(msg.sender);
            (stage, end) = (Stage.Live, block.timestamp + duration);
        } else {
            if (stage == Stage.Sold) revert WrongStage(stage);
            if (block.timestamp >= end) revert AuctionEnded(end);
            least = price + Math.mulDiv(price, RAISE_BPS, BPS, Math.Rounding.Ceil);
            end = Math.max(end, block.timestamp + EXTENSION);
            credits[bidder] += price;
        }
        if (amount < least) revert BidTooLow(amount, least);
        (bidder, price) = (msg.sender, amount);
        emit Bid(msg.sender, amount, end);

        accounted += amount;
        uint256 before = money.balanceOf(address(this));
        money.safeTransferFrom(msg.sender, address(this), amount);
        uint256 received = Math.saturatingSub(money.balanceOf(address(this)), before);
        if (received != amount) revert WrongReceipt(amount, received);
    }

    /// @notice After the end: delivers the NFT and makes the price due to the holders. Anyone may call it for the
    /// bidder itself, the bidder for any receiver.
    function settle(address to) external nonReentrant only(Stage.Live) {
        if (block.timestamp < end) revert AuctionRuns(end);
        if (msg.sender != bidder && to != bidder) revert NotYours(to);
        uint256 royalty = Math.mulDiv(price, royaltyBps, BPS);
        credits[royaltyTo] += royalty;
        (stage, price) = (Stage.Sold, price - royalty);
        emit Settled(bidder, to, price, royalty);
        _deliver(address(this), to);
    }

    /// @notice Calls off an auction that was not settled within `GRACE` of its end.
    function lapse() external only(Stage.Live) {
        if (block.timestamp < end + GRACE) revert AuctionRuns(end + GRACE);
        credits[bidder] += price;
        emit Lapsed(bidder, price);
        (stage, bidder, price) = (Stage.Locked, address(0), 0);
    }

    /// @notice Gives the NFT to the holder of all shares, and takes them back.
    function reunite(address to) external nonReentrant only(Stage.Locked) {
        (stage, bidder) = (Stage.Sold, msg.sender);
        _transfer(msg.sender, address(this), totalSupply());
        emit Settled(msg.sender, to, 0, 0);
        _deliver(address(this), to);
    }

    /// @notice Takes shares back for their part of the price, rounded down, and pays the caller all its credits.
    function redeem(uint256 shares, address to) external nonReentrant returns (uint256 amount) {
        _transfer(msg.sender, address(this), shares);
        return _withdraw(msg.sender, to);
    }

    /// @notice Pays out credits. Anyone may call it for `who` itself, `who` for any receiver.
    function withdraw(address who, address to) external nonReentrant returns (uint256 amount) {
        if (msg.sender != who && to != who) revert NotYours(who);
        return _withdraw(who, to);
    }

    /// @notice Pays the buyer what shares that came back have earned since. Anyone may call it for the buyer itself.
    function claimRetired(address to) external nonReentrant only(Stage.Sold) returns (uint256 amount) {
        if (msg.sender != bidder && to != bidder) revert NotYours(bidder);
        return _claim(address(this), to);
    }

    function _withdraw(address who, address to) private returns (uint256 amount) {
        amount = credits[who];
        credits[who] = 0;
        emit Withdrawn(who, to, amount);
        _payOut(to, amount);
    }

    /// @dev An NFT that says it moved and did not is not delivered.
    function _deliver(address from, address to) private {
        collection.transferFrom(from, to, tokenId);
        address holder = collection.ownerOf(tokenId);
        if (holder != to || (stage == Stage.Sold && to == address(this))) revert NotDelivered(holder);
    }

    /// @dev Once sold, shares may come back, whoever may hold them otherwise.
    function _requireMayMove(address from, address to) internal view override {
        if (to != address(this) || stage != Stage.Sold) return super._requireMayMove(from, to);
        if (!_mayLeave(from)) revert Frozen(from);
    }

    /// @dev A share that comes back is credited whichever way it came.
    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (to == address(this)) credits[from] += Math.mulDiv(price, amount, totalSupply());
    }

    function _mayVote() internal view override returns (bool) {
        return stage == Stage.Locked;
    }

    function _votesCount() internal view override returns (bool) {
        return stage != Stage.Sold;
    }

    function _issuedTo(Issue memory issue, address to) private pure returns (Issue memory) {
        issue.to = to;
        return issue;
    }
}
