// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// The vault's owner is OpenZeppelin's timelock as it is: imported so that it is built, and its code checked, with ours.
// solhint-disable-next-line no-unused-import
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
