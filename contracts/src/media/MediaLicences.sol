// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {ICompliance} from "../interfaces/ICompliance.sol";
import {MediaTraits} from "./MediaTraits.sol";

/// @title Licences to an asset: offered by its owner, paid into its revenue, kept on chain
/// @notice A licence's id is the hash of its terms, so nobody can be given other terms than those he named. Granted licences
/// outlive transfers of the asset and the end of the offer; offers stand until an owner withdraws them. The price goes from
/// the licensee to the asset's revenue address and nowhere else.
abstract contract MediaLicences is MediaTraits, IERC2981, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @param useClass What it allows, as keccak256 of a name; exclusivity holds within one class.
    /// @param price Raw units of `money` for one term.
    /// @param term Seconds; 0 for a single use (paid and logged, running for no time); `FOREVER` without end.
    /// @param derivativeBps Least share of a derivative's revenue that its terms must give to this asset.
    /// @param exclusive Granted only while no other licence of the class runs; while it runs no other is granted.
    /// @param derivatives The licensee may mint derivatives while it runs.
    /// @param revocable The owner may end it early, and pays back the rest of the term.
    struct Licence {
        bytes32 useClass;
        uint128 price;
        uint40 term;
        uint16 derivativeBps;
        bool exclusive;
        bool derivatives;
        bool revocable;
    }

    /// @param to Takes royalties and use payments: the revenue address of the signed terms, or the split made of it and of
    /// the parents'. It never changes.
    struct Revenue {
        address to;
        uint16 royaltyBps;
    }

    /// @dev Seconds until which some licence of a class runs, and until which an exclusive one does.
    struct Busy {
        uint64 any;
        uint64 exclusive;
    }

    uint256 public constant BPS = 10_000;
    uint40 public constant FOREVER = type(uint40).max;
    /// @notice The token in which licences are paid. It must not charge on transfer or rebase.
    IERC20 public immutable money;
    /// @notice Asked who may receive an asset or use it; zero for no rule.
    ICompliance public immutable compliance;

    mapping(uint256 tokenId => Revenue) public revenueOf;
    /// @notice The terms behind an id, for ever; all zero when they were never offered.
    mapping(uint256 tokenId => mapping(bytes32 licenceId => Licence)) public licences;
    /// @notice Whether the licence can be taken now.
    mapping(uint256 tokenId => mapping(bytes32 licenceId => bool)) public offered;
    /// @notice The licence runs while this is later than now; the largest number when it runs for ever.
    mapping(uint256 tokenId => mapping(bytes32 licenceId => mapping(address licensee => uint64))) public licensedUntil;
    mapping(uint256 tokenId => mapping(bytes32 useClass => Busy)) private _busy;

    event Offered(uint256 indexed tokenId, bytes32 indexed licenceId, Licence licence);
    event Withdrawn(uint256 indexed tokenId, bytes32 indexed licenceId);
    event Licensed(
        uint256 indexed tokenId, bytes32 indexed licenceId, address indexed licensee, uint64 until, uint256 price
    );
    event Revoked(uint256 indexed tokenId, bytes32 indexed licenceId, address indexed licensee, uint256 refund);

    error BadShare(uint256 shareBps);
    error NotOffered(uint256 tokenId, bytes32 licenceId);
    error NotCompliant(address who);
    error ClassBusy(uint256 tokenId, bytes32 useClass, uint64 until);
    error NotRevocable(bytes32 licenceId);
    error NotLicensed(uint256 tokenId, bytes32 licenceId, address who);
    error WrongReceipt(address to, uint256 wanted, uint256 received);

    constructor(IERC20 money_, ICompliance compliance_) {
        money = money_;
        compliance = compliance_;
    }

    /// @notice Offers a licence to everybody, or offers it again. Owner only.
    function offer(uint256 tokenId, Licence calldata licence)
        external
        onlyTokenOwner(tokenId)
        returns (bytes32 licenceId)
    {
        if (licence.derivativeBps >= BPS) revert BadShare(licence.derivativeBps);
        licenceId = keccak256(abi.encode(licence));
        licences[tokenId][licenceId] = licence;
        offered[tokenId][licenceId] = true;
        emit Offered(tokenId, licenceId, licence);
    }

    /// @notice Ends an offer. Licences that run go on. Owner only.
    function withdraw(uint256 tokenId, bytes32 licenceId) external onlyTokenOwner(tokenId) {
        if (!offered[tokenId][licenceId]) revert NotOffered(tokenId, licenceId);
        offered[tokenId][licenceId] = false;
        emit Withdrawn(tokenId, licenceId);
    }

    /// @notice Pays the price into the asset's revenue and licenses the caller for one term from now.
    /// @dev Terms do not add up: taken again early, the new term runs from now.
    /// @return until Second from which the licence no longer runs.
    function use(uint256 tokenId, bytes32 licenceId) external nonReentrant returns (uint64 until) {
        if (!offered[tokenId][licenceId]) revert NotOffered(tokenId, licenceId);
        _requireCanHold(msg.sender);
        Licence memory licence = licences[tokenId][licenceId];
        Busy storage busy = _busy[tokenId][licence.useClass];
        uint64 busyUntil = licence.exclusive ? busy.any : busy.exclusive;
        if (busyUntil > block.timestamp) revert ClassBusy(tokenId, licence.useClass, busyUntil);

        until = licence.term == FOREVER ? type(uint64).max : uint64(block.timestamp) + licence.term;
        licensedUntil[tokenId][licenceId][msg.sender] = until;
        if (until > busy.any) busy.any = until;
        if (licence.exclusive) busy.exclusive = until;
        emit Licensed(tokenId, licenceId, msg.sender, until, licence.price);
        _pay(msg.sender, revenueOf[tokenId].to, licence.price);
    }

    /// @notice Ends a revocable licence now. The owner pays the licensee back for the rest of the term (rounded up, the
    /// whole price of one without end); what it was used for stays licensed. Owner only.
    function revoke(uint256 tokenId, bytes32 licenceId, address licensee)
        external
        nonReentrant
        onlyTokenOwner(tokenId)
        returns (uint256 refund)
    {
        Licence memory licence = licences[tokenId][licenceId];
        if (!licence.revocable) revert NotRevocable(licenceId);
        uint64 until = licensedUntil[tokenId][licenceId][licensee];
        if (until <= block.timestamp) revert NotLicensed(tokenId, licenceId, licensee);

        refund = licence.term == FOREVER
            ? licence.price
            : Math.mulDiv(licence.price, until - block.timestamp, licence.term, Math.Rounding.Ceil);
        licensedUntil[tokenId][licenceId][licensee] = uint64(block.timestamp);
        if (licence.exclusive) delete _busy[tokenId][licence.useClass]; // it ran alone
        emit Revoked(tokenId, licenceId, licensee, refund);
        _pay(msg.sender, licensee, refund);
    }

    /// @inheritdoc IERC2981
    /// @dev Rounded down. An answer, not a force: see `RoyaltyValidator`.
    function royaltyInfo(uint256 tokenId, uint256 salePrice) external view returns (address, uint256) {
        Revenue memory revenue = revenueOf[tokenId];
        return (revenue.to, Math.mulDiv(salePrice, revenue.royaltyBps, BPS));
    }

    /// @dev The creator of a derivative owns the parent, or holds a running licence that allows it for this share.
    function _requireDerivable(uint256 tokenId, bytes32 licenceId, uint256 shareBps, address creator) internal view {
        if (_requireOwned(tokenId) == creator) return;
        Licence storage licence = licences[tokenId][licenceId];
        if (!licence.derivatives || licensedUntil[tokenId][licenceId][creator] <= block.timestamp) {
            revert NotLicensed(tokenId, licenceId, creator);
        }
        if (shareBps < licence.derivativeBps) revert BadShare(shareBps);
    }

    function _requireCanHold(address who) internal view {
        if (address(compliance) != address(0) && !compliance.canHold(who, address(this))) revert NotCompliant(who);
    }

    /// @dev Last in each function. Paying oneself moves nothing.
    function _pay(address from, address to, uint256 amount) private {
        if (amount == 0 || from == to) return;
        uint256 before = money.balanceOf(to);
        money.safeTransferFrom(from, to, amount);
        uint256 received = money.balanceOf(to) - before;
        if (received != amount) revert WrongReceipt(to, amount, received);
    }
}
