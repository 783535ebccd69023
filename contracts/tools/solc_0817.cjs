#!/usr/bin/env node
// Solidity 0.8.17, for the one contract that asks for exactly that (foundry.toml, profile zora_rewards).
process.env.SOLC_PACKAGE = 'solc0817';
require('./solc_wasm.cjs');
