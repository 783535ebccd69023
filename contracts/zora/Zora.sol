// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// Builds Zora Coins 0.7.1 out of its own package: the generation of coins whose pool is a Uniswap V3 pool. Coins that are
// minted on the live network today use a Uniswap V4 hook and are not this.
import {Coin} from "@zoralabs/coins/src/Coin.sol";
import {ZoraFactoryImpl} from "@zoralabs/coins/src/ZoraFactoryImpl.sol";
import {ZoraFactory} from "@zoralabs/coins/src/proxy/ZoraFactory.sol";
