// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IVenue} from "../../src/interfaces/IVenue.sol";

/// A venue whose every answer can be set: what a broken or hostile adapter would do to the vault.
contract HostileVenue is IVenue {
    using SafeERC20 for IERC20;

    /// How `value` answers.
    enum Mood {
        Well,
        Reverting,
        Empty,
        Long,
        Huge,
        Bomb,
        Hungry
    }

    address public vault;
    address public asset;
    address public token = address(0xdead);
    uint256 public position;
    bool public steady = true;
    bool public priced = true;
    uint256 public most = type(uint256).max;

    Mood public mood;
    uint256 public worth;
    uint256 public spendBps = 10_000; // of what it was told to spend
    uint256 public gainBps = 10_000; // value gained for it
    uint256 public payBps = 10_000; // assets paid for value given up
    uint256 public soldBps = 10_000; // units that go, of those told to sell
    uint256 public income;
    bytes public reentry;
    bytes public answer; // of the re-entrant call
    bool public entered; // whether it succeeded

    constructor(address vault_, address asset_) {
        (vault, asset) = (vault_, asset_);
    }

    function set(uint256 spend, uint256 gain, uint256 pay, uint256 sold) external {
        (spendBps, gainBps, payBps, soldBps) = (spend, gain, pay, sold);
    }

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function setSteady(bool steady_) external {
        steady = steady_;
    }

    function setPriced(bool priced_) external {
        priced = priced_;
    }

    function setMost(uint256 most_) external {
        most = most_;
    }

    function setWorth(uint256 worth_) external {
        worth = worth_;
    }

    /// Income that `collect` pays, as part of the value until then.
    function earn(uint256 assets) external {
        income += assets;
        worth += assets;
    }

    function setReentry(bytes calldata call) external {
        reentry = call;
    }

    function value() external view returns (uint256) {
        if (mood == Mood.Well) return worth;
        if (mood == Mood.Huge) return uint256(type(uint120).max) + 1;
        if (mood == Mood.Reverting) revert("no price");
        if (mood == Mood.Hungry) {
            uint256 x = 1;
            while (x != 0) x = uint256(keccak256(abi.encode(x)));
        }
        uint256 size = mood == Mood.Empty ? 0 : mood == Mood.Long ? 64 : 400_000;
        assembly ("memory-safe") {
            return(0, size)
        }
    }

    function enter(uint256 assets, bytes calldata) external returns (uint256) {
        _reenter();
        IERC20(asset).safeTransferFrom(vault, address(this), assets * spendBps / 10_000);
        position += assets;
        worth += assets * gainBps / 10_000;
        return type(uint256).max;
    }

    function exit(uint256 units, bytes calldata) external returns (uint256) {
        _reenter();
        uint256 share = worth * units / position;
        position -= units * soldBps / 10_000;
        worth -= share;
        IERC20(asset).safeTransfer(vault, share * payBps / 10_000);
        return type(uint256).max;
    }

    function collect() external returns (uint256) {
        _reenter();
        uint256 paid = income;
        (income, worth) = (0, worth - paid);
        IERC20(asset).safeTransfer(vault, paid * payBps / 10_000);
        return type(uint256).max;
    }

    function _reenter() private {
        if (reentry.length != 0) (entered, answer) = vault.call(reentry);
    }
}
