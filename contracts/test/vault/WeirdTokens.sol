// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// An ERC-20 of any number of decimals, in words of assembly where the odd ones differ: what `transfer` and `approve`
/// return, and what really moves.
contract WeirdToken {
    string public constant name = "Weird";
    string public constant symbol = "ODD";
    uint8 private immutable _decimals;
    uint256 public totalSupply;
    mapping(address owner => uint256) internal _balances;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    constructor(uint8 decimals_) {
        _decimals = decimals_;
    }

    function decimals() external view virtual returns (uint8) {
        return _decimals;
    }

    function mint(address to, uint256 amount) external {
        totalSupply += amount;
        _balances[to] += amount;
    }

    function balanceOf(address who) public view virtual returns (uint256) {
        return _balances[who];
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _answer(_move(msg.sender, to, amount));
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        if (allowance[from][msg.sender] < amount) _answer(_refuse());
        allowance[from][msg.sender] -= amount;
        _answer(_move(from, to, amount));
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        _beforeApproval(spender, amount);
        allowance[msg.sender][spender] = amount;
        _answer(true);
    }

    function _move(address from, address to, uint256 amount) internal virtual returns (bool) {
        if (_balances[from] < amount) return _refuse();
        _balances[from] -= amount;
        _balances[to] += amount;
        return true;
    }

    function _refuse() internal virtual returns (bool) {
        revert("not enough");
    }

    function _beforeApproval(address spender, uint256 amount) internal virtual {}

    function _answer(bool ok) internal virtual {
        assembly ("memory-safe") {
            mstore(0, ok)
            return(0, 32)
        }
    }
}

/// Takes 1 % of what the receiver gets.
contract WeirdFee is WeirdToken(6) {
    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        super._move(from, to, amount);
        _balances[to] -= amount / 100;
        return true;
    }
}

/// Takes 1 % from the sender, on top.
contract WeirdSenderFee is WeirdToken(6) {
    bool public charging;

    function charge() external {
        charging = true;
    }

    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        super._move(from, to, amount);
        if (charging) _balances[from] -= amount / 100;
        return true;
    }
}

/// Says yes and moves nothing.
contract WeirdLiar is WeirdToken(6) {
    function _move(address, address, uint256) internal pure override returns (bool) {
        return true;
    }
}

/// Returns nothing, and wants an allowance to be zero before it is set.
contract WeirdNoReturn is WeirdToken(6) {
    function _beforeApproval(address spender, uint256 amount) internal view override {
        require(amount == 0 || allowance[msg.sender][spender] == 0, "approve zero first");
    }

    function _answer(bool) internal pure override {
        assembly ("memory-safe") {
            return(0, 0)
        }
    }
}

/// Returns false where others revert.
contract WeirdFalse is WeirdToken(6) {
    function _refuse() internal pure override returns (bool) {
        return false;
    }
}

/// Every balance is scaled by one number.
contract WeirdRebase is WeirdToken(6) {
    uint256 public scaleBps = 10_000;

    function rebase(uint256 bps) external {
        scaleBps = bps;
    }

    function balanceOf(address who) public view override returns (uint256) {
        return _balances[who] * scaleBps / 10_000;
    }

    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        return super._move(from, to, amount * 10_000 / scaleBps);
    }
}

/// An issuer can stop one holder, or everybody.
contract WeirdBlocklist is WeirdToken(6) {
    mapping(address who => bool) public blocked;
    bool public paused;

    function block_(address who, bool on) external {
        blocked[who] = on;
    }

    function pause(bool on) external {
        paused = on;
    }

    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        require(!paused && !blocked[from] && !blocked[to], "stopped");
        return super._move(from, to, amount);
    }
}

/// Calls the sender before and the receiver after each transfer, as ERC-777 does.
contract WeirdCallback is WeirdToken(6) {
    function _move(address from, address to, uint256 amount) internal override returns (bool) {
        _call(from);
        super._move(from, to, amount);
        _call(to);
        return true;
    }

    function _call(address who) private {
        if (who.code.length != 0) {
            (bool ok,) = who.call(abi.encodeWithSignature("tokensMoved()"));
            ok; // whoever does not listen does not matter
        }
    }
}

/// A holder who tries to re-enter a vault whenever a WeirdCallback moves to or from him.
contract WeirdReentrant {
    address private immutable _vault;
    bytes private _reentry;
    uint256 public tried;
    uint256 public succeeded;
    bytes4 public refusal;

    constructor(address vault_) {
        _vault = vault_;
    }

    function arm(bytes calldata reentry) external {
        _reentry = reentry;
    }

    function act(address target, bytes calldata data) external returns (bytes memory answer) {
        bool ok;
        (ok, answer) = target.call(data);
        require(ok, "refused");
    }

    function tokensMoved() external {
        if (_reentry.length == 0) return;
        tried++;
        (bool ok, bytes memory answer) = _vault.call(_reentry);
        if (ok) succeeded++;
        else refusal = bytes4(answer);
    }
}
