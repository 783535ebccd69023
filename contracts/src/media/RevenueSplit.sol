// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IRevenueSplit, IRevenueSplitFactory} from "../interfaces/IRevenueSplit.sol";

/// @title Money that arrives by plain transfer, owed to fixed payees in fixed parts
/// @notice A clone; payees and parts are in its code (ERC-1167 with immutable arguments). Any plain ERC-20, each on its
/// own. A payee may be a RevenueShare or another split: both are paid by plain transfer.
contract RevenueSplit is IRevenueSplit, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint256 private constant BPS = 10_000;
    /// @notice Raw units of `money` paid out so far, to all payees and to each.
    mapping(address money => uint256) public released;
    mapping(address money => mapping(address payee => uint256)) public releasedTo;

    event Released(address indexed money, address indexed payee, uint256 amount);

    /// @inheritdoc IRevenueSplit
    /// @dev The part of all that ever arrived, less what was paid: rounding never adds up, and holds back less than one
    /// unit per payee. Never more than is here, should the token have taken some away.
    function owed(address money, address payee) public view returns (uint256 amount) {
        uint256 balance = IERC20(money).balanceOf(address(this));
        uint256 due = Math.mulDiv(balance + released[money], _partOf(payee), BPS);
        return Math.min(balance, Math.saturatingSub(due, releasedTo[money][payee]));
    }

    /// @inheritdoc IRevenueSplit
    function release(address money, address payee) external nonReentrant returns (uint256 amount) {
        amount = owed(money, payee);
        if (amount == 0) return 0;
        released[money] += amount;
        releasedTo[money][payee] += amount;
        emit Released(money, payee, amount);
        IERC20(money).safeTransfer(payee, amount);
    }

    /// @notice Who is paid, and each one's part in ten-thousandths.
    function terms() public view returns (address[] memory payees, uint16[] memory shareBps) {
        return abi.decode(Clones.fetchCloneArgs(address(this)), (address[], uint16[]));
    }

    function _partOf(address payee) private view returns (uint256 bps) {
        (address[] memory payees, uint16[] memory shareBps) = terms();
        for (uint256 i = 0; i < payees.length; ++i) {
            if (payees[i] == payee) bps += shareBps[i];
        }
    }
}

/// @title Makes splits; the same payees and parts, in the same order, have one split and one address, made or not
contract RevenueSplitFactory is IRevenueSplitFactory {
    uint256 public constant MAX_PAYEES = 32;
    /// @notice What every split delegates to. It holds nothing and is no split itself.
    address public immutable implementation = address(new RevenueSplit());

    event Made(address indexed split, address[] payees, uint16[] shareBps);

    error BadLength(uint256 payees, uint256 parts, uint256 most);
    error ZeroPayee(uint256 index);
    error ZeroShare(uint256 index);
    error NotWhole(uint256 sumBps);

    /// @inheritdoc IRevenueSplitFactory
    function make(address[] calldata payees, uint16[] calldata shareBps) external returns (address split) {
        uint256 count = payees.length;
        if (count != shareBps.length || count > MAX_PAYEES) revert BadLength(count, shareBps.length, MAX_PAYEES);
        uint256 sum = 0;
        for (uint256 i = 0; i < count; ++i) {
            if (payees[i] == address(0)) revert ZeroPayee(i);
            if (shareBps[i] == 0) revert ZeroShare(i);
            sum += shareBps[i];
        }
        if (sum != 10_000) revert NotWhole(sum);
        split = addressOf(payees, shareBps);
        if (split.code.length > 0) return split;
        Clones.cloneDeterministicWithImmutableArgs(implementation, abi.encode(payees, shareBps), 0);
        emit Made(split, payees, shareBps);
    }

    /// @notice Where the split of these payees and parts is or will be. What arrives there before is theirs too.
    function addressOf(address[] calldata payees, uint16[] calldata shareBps) public view returns (address) {
        bytes memory args = abi.encode(payees, shareBps);
        return Clones.predictDeterministicAddressWithImmutableArgs(implementation, args, 0, address(this));
    }
}
