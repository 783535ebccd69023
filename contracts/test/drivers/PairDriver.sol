// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

interface IUniswapV2Pair is IERC20 {
    function mint(address to) external returns (uint256 liquidity);
    function burn(address to) external returns (uint256 amount0, uint256 amount1);
    function swap(uint256 out0, uint256 out1, address to, bytes calldata data) external;
}

/// Sends a Uniswap V2 pair its tokens and calls it in one transaction, so that a refused call leaves nothing behind.
/// Holds the tokens and all the liquidity that it mints.
contract PairDriver {
    IUniswapV2Pair private immutable _pair;
    IERC20 private immutable _token0;
    IERC20 private immutable _token1;

    constructor(IUniswapV2Pair pair, IERC20 token0, IERC20 token1) {
        (_pair, _token0, _token1) = (pair, token0, token1);
    }

    function mint(uint256 in0, uint256 in1) external returns (uint256) {
        _send(in0, in1);
        return _pair.mint(address(this));
    }

    function burn(uint256 liquidity) external returns (uint256, uint256) {
        _pair.transfer(address(_pair), liquidity);
        return _pair.burn(address(this));
    }

    function swap(uint256 out0, uint256 out1, uint256 in0, uint256 in1) external {
        _send(in0, in1);
        _pair.swap(out0, out1, address(this), "");
    }

    function _send(uint256 in0, uint256 in1) private {
        require(_token0.transfer(address(_pair), in0) && _token1.transfer(address(_pair), in1), "not sent");
    }
}
