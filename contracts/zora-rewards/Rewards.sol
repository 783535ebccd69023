// SPDX-License-Identifier: MIT
pragma solidity 0.8.17;

// Builds Zora's ProtocolRewards out of its own package; it asks for exactly this compiler. A coin calls it only when its
// currency is wrapped ether; every coin's implementation names it.
import {ProtocolRewards} from "@zoralabs/protocol-rewards/src/ProtocolRewards.sol";
