// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @title The devnet's dollar: six decimals, permits (EIP-2612) and signed transfers (EIP-3009)
/// @notice A stand-in for USDC on a local chain. It has no value, no blocklist and no upgrade; the owner mints at will.
/// @dev EIP-712 domain of both kinds of signature: name "Patron Dev Dollar", version "1".
contract DevDollar is ERC20Permit, ERC3009, Ownable {
    constructor(address owner_) ERC20("Patron Dev Dollar", "USDC") ERC20Permit("Patron Dev Dollar") Ownable(owner_) {}

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Creates `amount` raw units for `to`. Owner only.
    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }
}
