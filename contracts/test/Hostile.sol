// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "../src/Vault.sol";
import {IVenue} from "../src/interfaces/IVenue.sol";

/// A venue whose every answer can be set: what a broken or hostile adapter would do to the vault.
contract Hostile is IVenue {
    address public vault;
    address public asset;
    address public token = address(0xdead);
    uint256 public position;
    bool public nearTwap = true;

    uint256 private _value;
    bool public broken;
    uint256 public spendBps = 10_000; // of what it was told to spend
    uint256 public gainBps = 10_000; // value gained for it
    uint256 public payBps = 10_000; // assets paid for value given up
    uint256 public soldBps = 10_000; // units that go, of those told to sell
    bytes public reentry;

    constructor(address vault_, address asset_) {
        (vault, asset) = (vault_, asset_);
    }

    function set(uint256 spend, uint256 gain, uint256 pay, uint256 sold) external {
        (spendBps, gainBps, payBps, soldBps) = (spend, gain, pay, sold);
    }

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function setNear(bool near) external {
        nearTwap = near;
    }

    function setReentry(bytes calldata call) external {
        reentry = call;
    }

    function value() external view returns (uint256) {
        require(!broken, "no price");
        return _value;
    }

    function enter(uint256 assets) external returns (uint256) {
        _reenter();
        IERC20(asset).transferFrom(vault, address(this), assets * spendBps / 10_000);
        position += assets;
        _value += assets * gainBps / 10_000;
        return type(uint256).max;
    }

    function exit(uint256 units) external returns (uint256) {
        _reenter();
        uint256 share = _value * units / position;
        position -= units * soldBps / 10_000;
        _value -= share;
        IERC20(asset).transfer(vault, share * payBps / 10_000);
        return type(uint256).max;
    }

    function _reenter() private {
        if (reentry.length == 0) return;
        (bool ok, bytes memory err) = vault.call(reentry);
        if (!ok) {
            assembly {
                revert(add(err, 32), mload(err))
            }
        }
    }
}
