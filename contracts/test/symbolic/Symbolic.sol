// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";

/// halmos's own cheat codes, the few that are used.
interface Svm {
    /// Calldata of every state-changing function of a contract, with symbolic arguments.
    function createCalldata(string memory contractName) external pure returns (bytes memory data);

    function createAddress(string memory name) external pure returns (address);

    function createBytes32(string memory name) external pure returns (bytes32);
}

/// Properties that `tools/symbolic.py` has halmos prove: functions named `check_`, for all their arguments at once. forge
/// runs none of them.
abstract contract Symbolic {
    Svm internal constant svm = Svm(0xF3993A62377BCd56AE39D773740A5390411E8BC9);
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// Any function of `target`, with any arguments, as `caller`.
    function _anyCall(address caller, address target, string memory contractName)
        internal
        returns (bool ok, bytes4 selector)
    {
        bytes memory data = svm.createCalldata(contractName);
        selector = bytes4(data);
        vm.prank(caller);
        (ok,) = target.call(data);
    }
}
