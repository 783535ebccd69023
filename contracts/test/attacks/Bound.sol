// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {console2} from "forge-std/console2.sol";
import {Vm} from "forge-std/Vm.sol";

/// Prints what an attacker could take at best beside what the documents allow, and fails if it is more.
library Bound {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function judge(string memory attack, uint256 bestLoss, uint256 bound, string memory unit) internal pure {
        console2.log(
            string.concat(
                "attack: ", attack, ": best loss ", VM.toString(bestLoss), " of bound ", VM.toString(bound), " ", unit
            )
        );
        require(bestLoss <= bound, string.concat(attack, ": the loss is above its bound"));
    }
}
