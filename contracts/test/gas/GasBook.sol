// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

/// Writes down what the last call cost: `tools/gas_table.py` runs these tests with each call a transaction of its own, so
/// that intrinsic gas, cold storage and refunds are in it, and makes GAS.md of the notes. As plain tests they show that
/// the measured calls work.
abstract contract GasBook is Test {
    /// The last call was this action of ours.
    function _note(string memory contractName, string memory action) internal {
        vm.snapshotGasLastCall(contractName, action);
    }

    /// The last call did the same without our contract.
    function _noteDirect(string memory contractName, string memory action, string memory how) internal {
        vm.snapshotGasLastCall("direct", string.concat(contractName, "|", action, "|", how));
    }

    /// What `tried` of `count` assets cost together.
    function _noteEach(string memory what, uint256 count, uint256 total, uint256 tried) internal {
        vm.snapshotValue("each", string.concat(what, "|", vm.toString(count), "|", vm.toString(tried)), total);
    }
}
