// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {Vault} from "../src/Vault.sol";
import {Fixture} from "./Fixture.sol";

/// Every state-changing function of the vault against every kind of caller.
contract RolesTest is Fixture {
    struct Row {
        string name;
        bytes call;
        bool byCurator;
        bool byGuardian;
        bool byKeeper;
        bool byAnyone;
    }

    Row[] private rows;
    address[4] private callers;

    function setUp() public {
        _build(false);
        _enter(10_000e6);
        callers = [curator, guardian, keeper, mallory];
        for (uint256 i = 0; i < 4; ++i) {
            _deposit(callers[i], 1_000e6);
            usd.mint(callers[i], 1_000e6);
            vm.startPrank(callers[i]);
            usd.approve(address(vault), type(uint256).max);
            vm.stopPrank();
            vm.prank(alice);
            vault.approve(callers[i], type(uint256).max);
        }
        bytes32 role = vault.KEEPER_ROLE();
        _row("setVenue", abi.encodeCall(vault.setVenue, (address(venue), 100, 100)), true, false, false);
        _row("setMinIdle", abi.encodeCall(vault.setMinIdle, (1)), true, false, false);
        _row("unpause", abi.encodeCall(vault.unpause, ()), true, false, false);
        _row("grantRole", abi.encodeCall(vault.grantRole, (role, mallory)), true, false, false);
        _row("revokeRole", abi.encodeCall(vault.revokeRole, (role, keeper)), true, false, false);
        _row("delist", abi.encodeCall(vault.delist, (address(venue))), true, true, false);
        _row("pause", abi.encodeCall(vault.pause, ()), false, true, false);
        _row("lowerCap", abi.encodeCall(vault.lowerCap, (address(venue), 1)), false, true, false);
        Vault.Action[] memory exit = _one(address(venue), false, 1e18, 0);
        bytes memory allocate = abi.encodeCall(vault.allocate, (exit, "d", 1, type(uint256).max));
        _row("allocate", allocate, false, false, true);
        _open("refresh", abi.encodeCall(vault.refresh, ()));
        _open("transfer", abi.encodeCall(vault.transfer, (alice, 1)));
        _open("transferFrom", abi.encodeCall(vault.transferFrom, (alice, mallory, 1)));
        _open("approve", abi.encodeCall(vault.approve, (alice, 1)));
        _open("deposit", abi.encodeCall(vault.deposit, (1e6, alice)));
        _open("mint", abi.encodeCall(vault.mint, (1e12, alice)));
        _open("withdraw", abi.encodeCall(vault.withdraw, (1e6, alice, alice)));
        _open("redeem", abi.encodeCall(vault.redeem, (1e12, alice, alice)));
        _open("renounceRole", "");
    }

    function test_each_function_obeys_its_row_of_the_role_matrix() public {
        for (uint256 r = 0; r < rows.length; ++r) {
            for (uint256 c = 0; c < 4; ++c) {
                uint256 state = vm.snapshotState();
                _cell(rows[r], c);
                vm.revertToState(state);
            }
        }
    }

    function _cell(Row memory row, uint256 c) private {
        address caller = callers[c];
        bool allowed =
            row.byAnyone || (c == 0 && row.byCurator) || (c == 1 && row.byGuardian) || (c == 2 && row.byKeeper);
        bytes memory call = row.call;
        if (call.length == 0) call = abi.encodeCall(vault.renounceRole, (vault.KEEPER_ROLE(), caller));
        if (_same(row.name, "unpause")) {
            vm.prank(guardian);
            vault.pause();
        }
        vm.prank(caller);
        (bool ok, bytes memory err) = address(vault).call(call);
        string memory cell = string.concat(row.name, " by ", vm.getLabel(caller));
        assertEq(ok, allowed, cell);
        if (!ok) assertEq(bytes4(err), IAccessControl.AccessControlUnauthorizedAccount.selector, cell);
    }

    function test_the_matrix_names_every_function_that_can_change_state() public view {
        string memory artefact = vm.readFile("out/Vault.sol/Vault.json");
        uint256 found = 0;
        for (uint256 i = 0;; ++i) {
            string memory item = string.concat(".abi[", vm.toString(i), "]");
            if (!vm.keyExistsJson(artefact, item)) break;
            if (!_same(vm.parseJsonString(artefact, string.concat(item, ".type")), "function")) continue;
            string memory kind = vm.parseJsonString(artefact, string.concat(item, ".stateMutability"));
            if (_same(kind, "view") || _same(kind, "pure")) continue;
            string memory name = vm.parseJsonString(artefact, string.concat(item, ".name"));
            assertTrue(_named(name), name);
            found++;
        }
        assertEq(found, rows.length, "rows for functions that do not exist");
    }

    function test_nobody_holds_the_default_admin_role_and_the_curator_administers_the_three() public view {
        for (uint256 c = 0; c < 4; ++c) {
            assertFalse(vault.hasRole(vault.DEFAULT_ADMIN_ROLE(), callers[c]));
        }
        assertFalse(vault.hasRole(vault.DEFAULT_ADMIN_ROLE(), address(this)), "deployer");
        assertEq(vault.getRoleAdmin(vault.CURATOR_ROLE()), vault.CURATOR_ROLE());
        assertEq(vault.getRoleAdmin(vault.GUARDIAN_ROLE()), vault.CURATOR_ROLE());
        assertEq(vault.getRoleAdmin(vault.KEEPER_ROLE()), vault.CURATOR_ROLE());
    }

    function _named(string memory name) private view returns (bool) {
        for (uint256 r = 0; r < rows.length; ++r) {
            if (_same(rows[r].name, name)) return true;
        }
        return false;
    }

    function _row(string memory name, bytes memory call, bool byCurator, bool byGuardian, bool byKeeper) private {
        rows.push(Row(name, call, byCurator, byGuardian, byKeeper, false));
    }

    function _open(string memory name, bytes memory call) private {
        rows.push(Row(name, call, false, false, false, true));
    }

    function _same(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
