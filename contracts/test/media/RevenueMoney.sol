// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// Money of each kind that does not belong here. Whoever asks may mint it.
abstract contract RevenueMoney is ERC20("Odd", "ODD") {
    function mint(address to, uint256 amount) public virtual {
        _mint(to, amount);
    }
}

/// Takes a part of each transfer: from what arrives, or from the sender on top.
contract RevenueFeeMoney is RevenueMoney {
    uint256 private immutable _feeBps;
    bool private immutable _onTop;

    constructor(uint256 feeBps, bool onTop) {
        (_feeBps, _onTop) = (feeBps, onTop);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || to == address(0)) return super._update(from, to, amount);
        uint256 fee = amount * _feeBps / 10_000;
        super._update(from, to, _onTop ? amount : amount - fee);
        super._update(from, address(0xfee), fee);
    }
}

/// Balances grow or shrink by themselves.
contract RevenueRebaseMoney is RevenueMoney {
    uint256 public partBps = 10_000;

    function rebase(uint256 partBps_) external {
        partBps = partBps_;
    }

    function balanceOf(address who) public view override returns (uint256) {
        return super.balanceOf(who) * partBps / 10_000;
    }
}

/// Calls whoever registered, before or after a transfer that it sends or receives, as ERC-777 does.
contract RevenueCallbackMoney is RevenueMoney {
    bool public before;
    mapping(address who => address) public hooks;

    function register(address who, address hook, bool before_) external {
        (hooks[who], before) = (hook, before_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (before) _call(from, to);
        super._update(from, to, amount);
        if (!before) _call(from, to);
    }

    function _call(address from, address to) private {
        address hook = hooks[from] != address(0) ? hooks[from] : hooks[to];
        if (hook == address(0)) return;
        (bool done, bytes memory err) = hook.call(abi.encodeWithSignature("moneyMoves()"));
        if (done) return;
        assembly ("memory-safe") {
            revert(add(err, 32), mload(err))
        }
    }
}

/// Refuses some addresses, and can be stopped as a whole.
contract RevenueBlockMoney is RevenueMoney {
    mapping(address who => bool) public blocked;
    bool public paused;

    error Blocked(address who);

    function set(address who, bool blocked_) external {
        blocked[who] = blocked_;
    }

    function pause(bool paused_) external {
        paused = paused_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (paused || blocked[from]) revert Blocked(from);
        if (blocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}

/// Answers nothing (as early tokens do) or false where others revert.
contract RevenueSilentMoney {
    mapping(address who => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    uint8 public immutable decimals;
    bool private immutable _answersFalse;

    constructor(uint8 decimals_, bool answersFalse) {
        (decimals, _answersFalse) = (decimals_, answersFalse);
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
        _answer(true);
    }

    function transfer(address to, uint256 amount) external {
        _answer(_move(msg.sender, to, amount));
    }

    function transferFrom(address from, address to, uint256 amount) external {
        bool allowed = allowance[from][msg.sender] >= amount;
        if (allowed) allowance[from][msg.sender] -= amount;
        _answer(allowed && _move(from, to, amount));
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        if (_answersFalse || balanceOf[from] < amount) return false;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    function _answer(bool done) private view {
        if (!_answersFalse) {
            require(done, "refused");
            return;
        }
        assembly ("memory-safe") {
            mstore(0, done)
            return(0, 32)
        }
    }
}
