// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {ComplianceFixture} from "./ComplianceFixture.sol";

/// Each state-changing function, tried by each role from the same state.
contract ComplianceRolesTest is ComplianceFixture {
    struct Row {
        string name;
        bytes call;
        bool byOwner;
        bool byOfficer;
        bool byAnyone;
    }

    Row[] private _rows;

    function setUp() public {
        _build();
        bytes32 role = registry.OFFICER_ROLE();
        ComplianceRegistry.Rule memory closed;
        _row("undeny", abi.encodeCall(registry.undeny, (_just(ann), LIST)), true, false);
        _row("setRule", abi.encodeCall(registry.setRule, (address(token), closed)), true, false);
        _row("exempt", abi.encodeCall(registry.exempt, (_just(ann), LIST)), true, false);
        _row("setSource", abi.encodeCall(registry.setSource, (outside, 1)), true, false);
        _row("setEscrow", abi.encodeCall(registry.setEscrow, (ben)), true, false);
        _row("grantRole", abi.encodeCall(registry.grantRole, (role, mallory)), true, false);
        _row("revokeRole", abi.encodeCall(registry.revokeRole, (role, officer)), true, false);
        _row(
            "identify",
            abi.encodeCall(registry.identify, (new address[](0), new ComplianceRegistry.Identity[](0), LIST)),
            false,
            true
        );
        _row("deny", abi.encodeCall(registry.deny, (_just(ann), LIST)), false, true);
        _row(
            "tightenRule", abi.encodeCall(registry.tightenRule, (address(token), _rule(true, 1, CHE, CHE))), false, true
        );
        _row("revokeExemption", abi.encodeCall(registry.revokeExemption, (_just(pool), LIST)), false, true);
        _row("dropSource", abi.encodeCall(registry.dropSource, ()), false, true);
        _rows.push(Row("renounceRole", "", false, false, true));
    }

    function test_each_list_is_edited_by_its_role_alone() public {
        address[3] memory callers = [owner, officer, mallory];
        for (uint256 r = 0; r < _rows.length; ++r) {
            for (uint256 c = 0; c < 3; ++c) {
                Row memory row = _rows[r];
                bool allowed = row.byAnyone || (c == 0 && row.byOwner) || (c == 1 && row.byOfficer);
                bytes memory call = row.call;
                if (row.byAnyone) call = abi.encodeCall(registry.renounceRole, (registry.OFFICER_ROLE(), callers[c]));
                uint256 state = vm.snapshotState();
                vm.prank(callers[c]);
                (bool ok, bytes memory err) = address(registry).call(call);
                vm.revertToState(state);
                string memory cell = string.concat(row.name, " by ", vm.getLabel(callers[c]));
                assertEq(ok, allowed, cell);
                if (!ok) assertEq(bytes4(err), IAccessControl.AccessControlUnauthorizedAccount.selector, cell);
            }
        }
    }

    function test_the_matrix_names_every_function_that_can_change_state() public view {
        string memory artefact = vm.readFile("out/ComplianceRegistry.sol/ComplianceRegistry.json");
        uint256 found = 0;
        for (uint256 i = 0;; ++i) {
            string memory item = string.concat(".abi[", vm.toString(i), "]");
            if (!vm.keyExistsJson(artefact, item)) break;
            if (!_same(vm.parseJsonString(artefact, string.concat(item, ".type")), "function")) continue;
            string memory kind = vm.parseJsonString(artefact, string.concat(item, ".stateMutability"));
            if (_same(kind, "view") || _same(kind, "pure")) continue;
            string memory name = vm.parseJsonString(artefact, string.concat(item, ".name"));
            bool named = false;
            for (uint256 r = 0; r < _rows.length; ++r) {
                named = named || _same(_rows[r].name, name);
            }
            assertTrue(named, name);
            found++;
        }
        assertEq(found, _rows.length, "rows for functions that do not exist");
    }

    function test_the_owner_administers_both_roles_and_nobody_has_the_default_admin() public view {
        assertEq(registry.getRoleAdmin(registry.OWNER_ROLE()), registry.OWNER_ROLE());
        assertEq(registry.getRoleAdmin(registry.OFFICER_ROLE()), registry.OWNER_ROLE());
        assertTrue(registry.hasRole(registry.OWNER_ROLE(), owner));
        assertTrue(registry.hasRole(registry.OFFICER_ROLE(), officer));
        address[4] memory all = [owner, officer, mallory, address(this)];
        for (uint256 i = 0; i < 4; ++i) {
            assertFalse(registry.hasRole(registry.DEFAULT_ADMIN_ROLE(), all[i]));
        }
    }

    function _row(string memory name, bytes memory call, bool byOwner, bool byOfficer) private {
        _rows.push(Row(name, call, byOwner, byOfficer, false));
    }

    function _same(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
