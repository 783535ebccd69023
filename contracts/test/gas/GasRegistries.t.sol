// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DecisionRegistry} from "../../src/registries/DecisionRegistry.sol";
import {ComplianceFixture} from "../registries/ComplianceFixture.sol";
import {GasBook} from "./GasBook.sol";

contract GasRegistriesTest is ComplianceFixture, GasBook {
    function test_gas_anchor() public {
        DecisionRegistry decisions = new DecisionRegistry();
        decisions.anchor("first", 5, "universe");
        _note("DecisionRegistry", "anchor, a sender's first");
        decisions.anchor("second", 5, "universe");
        _note("DecisionRegistry", "anchor");
        (bool sent,) = makeAddr("nobody").call(abi.encode("second", 5, "universe"));
        assertTrue(sent);
        _noteDirect("DecisionRegistry", "anchor", "the same words sent to nobody");
    }

    function test_gas_compliance() public {
        _build();
        _identify(ben, FRA, 1, block.timestamp);
        _note("ComplianceRegistry", "identify, one new person");
        _deny(ben);
        _note("ComplianceRegistry", "deny, one person");
    }
}
