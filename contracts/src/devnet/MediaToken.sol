// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A tokenised medium on the devnet: a plain ERC-20 of fixed supply
/// @notice 18 decimals, no owner, no fee, no rebase. The whole supply is minted once, in the constructor.
contract MediaToken is ERC20 {
    /// @param to Receiver of the whole supply.
    /// @param supply Raw units (18 decimals).
    constructor(string memory name_, string memory symbol_, address to, uint256 supply) ERC20(name_, symbol_) {
        _mint(to, supply);
    }
}
