// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// Passes any call on to one Uniswap V3 pool and pays whatever the pool then asks for, so that a test can call the
/// pool itself, without the limits of a router. Return data and revert data are the pool's own.
contract PoolDriver {
    address private immutable _pool;
    IERC20 private immutable _token0;
    IERC20 private immutable _token1;

    constructor(address pool, IERC20 token0, IERC20 token1) {
        (_pool, _token0, _token1) = (pool, token0, token1);
    }

    /// Everything that is not a callback goes to the pool.
    fallback(bytes calldata call) external returns (bytes memory) {
        (bool done, bytes memory answer) = _pool.call(call);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
        return answer;
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        _pay(owed0, owed1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _pay(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    /// The data says what to pay back: principal and fee together, for each token.
    function uniswapV3FlashCallback(uint256, uint256, bytes calldata data) external {
        (uint256 back0, uint256 back1) = abi.decode(data, (uint256, uint256));
        _pay(back0, back1);
    }

    function _pay(uint256 amount0, uint256 amount1) private {
        require(msg.sender == _pool, "not the pool");
        if (amount0 > 0) require(_token0.transfer(msg.sender, amount0), "not paid");
        if (amount1 > 0) require(_token1.transfer(msg.sender, amount1), "not paid");
    }
}
