// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";
import {IRules} from "../../src/vault/IRules.sol";
import {Vault} from "../../src/vault/Vault.sol";
import {HostileFixture} from "./HostileFixture.sol";

/// Every state-changing function of the vault and of the timelock that owns it, against every kind of caller.
contract RolesTest is HostileFixture {
    uint8 private constant OWNER = 1;
    uint8 private constant CURATOR = 2;
    uint8 private constant GUARDIAN = 4;
    uint8 private constant KEEPER = 8;
    uint8 private constant ANYONE = 31;
    uint256 private constant DELAY = 4 days;

    struct Row {
        string name;
        bytes call;
        uint8 by;
        address target;
    }

    Row[] private rows;
    address[5] private callers;
    TimelockController private timelock;
    ComplianceRegistry private registry;
    address private carol = makeAddr("carol"); // denied

    function setUp() public {
        timelock = _timelock();
        owner = address(this); // the deployer, during set-up
        registry = new ComplianceRegistry(owner, owner, makeAddr("escrow"));
        compliance = registry;
        callers = [address(timelock), curator, guardian, keeper, mallory];
        for (uint256 i = 0; i < 5; ++i) {
            _let(callers[i], true);
        }
        _let(alice, true);
        _let(bob, true);
        _let(carol, true);
        _buildHostile();
        _deposit(carol, 1_000e6);
        _let(carol, false);
        vault.grantRole(vault.OWNER_ROLE(), address(timelock));
        vault.renounceRole(vault.OWNER_ROLE(), address(this));
        vm.label(address(timelock), "timelock");
        _enter(address(hostile), 10_000e6);
        for (uint256 i = 0; i < 5; ++i) {
            _deposit(callers[i], 1_000e6);
            usd.mint(callers[i], 1_000e6);
            vm.prank(callers[i]);
            usd.approve(address(vault), type(uint256).max);
            vm.prank(alice);
            vault.approve(callers[i], type(uint256).max);
        }
        _rowsOfTheVault();
        _rowsOfTheTimelock();
    }

    function test_each_function_obeys_its_row_of_the_role_matrix() public {
        for (uint256 r = 0; r < rows.length; ++r) {
            for (uint256 c = 0; c < 5; ++c) {
                uint256 state = vm.snapshotState();
                _cell(rows[r], c);
                vm.revertToState(state);
            }
        }
    }

    function _cell(Row memory row, uint256 c) private {
        address caller = callers[c];
        bool allowed = row.by >> c & 1 == 1;
        bytes memory call = row.call;
        if (_same(row.name, "renounceRole")) {
            bytes32 own = row.target == address(vault) ? vault.KEEPER_ROLE() : timelock.PROPOSER_ROLE();
            call = abi.encodeCall(vault.renounceRole, (own, caller));
        }
        if (_same(row.name, "unpause")) {
            vm.prank(guardian);
            vault.pause();
        }
        if (_same(row.name, "forget")) {
            vm.prank(guardian);
            vault.delist(address(hostile));
        }
        if (_same(row.name, "cancel") && row.target == address(vault)) {
            _request(caller, 100e12);
            call = abi.encodeCall(vault.cancel, (vault.queueLength() - 1));
        }
        if (_same(row.name, "unwindForQueue")) {
            _request(alice, vault.balanceOf(alice));
            vm.warp(block.timestamp + 3 days);
        }
        if (_same(row.name, "claim")) {
            _request(caller, 100e12);
            vault.settle(100);
            call = abi.encodeCall(vault.claim, (vault.queueLength() - 1));
        }
        vm.prank(caller);
        (bool ok, bytes memory err) = row.target.call(call);
        string memory cell = string.concat(row.name, " by ", vm.getLabel(caller));
        assertEq(ok, allowed, cell);
        if (!ok) assertTrue(_isRefusal(row, bytes4(err)), cell);
    }

    function _isRefusal(Row memory row, bytes4 err) private pure returns (bool) {
        if (_same(row.name, "updateDelay")) return err == TimelockController.TimelockUnauthorizedCaller.selector;
        if (_same(row.name, "setAnchorer")) {
            if (err == IRules.NotTighter.selector) return true;
        }
        return err == IAccessControl.AccessControlUnauthorizedAccount.selector;
    }

    function test_the_matrix_names_every_function_that_can_change_state() public view {
        string[2] memory artefacts = ["out/Vault.sol/Vault.json", "out/TimelockController.sol/TimelockController.json"];
        uint256 found = 0;
        for (uint256 a = 0; a < 2; ++a) {
            string memory artefact = vm.readFile(artefacts[a]);
            for (uint256 i = 0;; ++i) {
                string memory item = string.concat(".abi[", vm.toString(i), "]");
                if (!vm.keyExistsJson(artefact, item)) break;
                if (!_same(vm.parseJsonString(artefact, string.concat(item, ".type")), "function")) continue;
                string memory kind = vm.parseJsonString(artefact, string.concat(item, ".stateMutability"));
                if (_same(kind, "view") || _same(kind, "pure")) continue;
                string memory name = vm.parseJsonString(artefact, string.concat(item, ".name"));
                assertTrue(_named(name, a == 0 ? address(vault) : address(timelock)), name);
                found++;
            }
        }
        assertEq(found, rows.length, "rows for functions that do not exist");
    }

    function test_nobody_holds_the_default_admin_role_and_the_owner_administers_all() public view {
        bytes32[4] memory roles = [vault.OWNER_ROLE(), vault.CURATOR_ROLE(), vault.GUARDIAN_ROLE(), vault.KEEPER_ROLE()];
        for (uint256 c = 0; c < 5; ++c) {
            assertFalse(vault.hasRole(vault.DEFAULT_ADMIN_ROLE(), callers[c]));
            assertEq(vault.hasRole(roles[0], callers[c]), c == 0);
        }
        assertFalse(vault.hasRole(vault.DEFAULT_ADMIN_ROLE(), address(this)), "deployer");
        assertFalse(vault.hasRole(roles[0], address(this)), "the deployer has renounced");
        for (uint256 i = 0; i < 4; ++i) {
            assertEq(vault.getRoleAdmin(roles[i]), roles[0]);
        }
    }

    function test_the_curator_loosens_only_after_the_delay_and_anyone_may_then_carry_it_out() public {
        bytes memory call = abi.encodeCall(vault.setVenue, (address(hostile), GROUP, 9_000, 100));
        vm.prank(curator);
        timelock.schedule(address(vault), 0, call, 0, 0, DELAY);
        vm.warp(block.timestamp + DELAY - 1);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        timelock.execute(address(vault), 0, call, 0, 0);
        vm.warp(block.timestamp + 1);
        vm.prank(mallory);
        timelock.execute(address(vault), 0, call, 0, 0);
        assertEq(vault.venues(address(hostile)).capBps, 9_000);
    }

    function test_the_guardian_vetoes_what_the_curator_scheduled() public {
        bytes memory call = abi.encodeCall(vault.grantRole, (vault.KEEPER_ROLE(), mallory));
        vm.prank(curator);
        timelock.schedule(address(vault), 0, call, 0, 0, DELAY);
        bytes32 id = timelock.hashOperation(address(vault), 0, call, 0, 0);
        vm.prank(guardian);
        timelock.cancel(id);
        vm.warp(block.timestamp + DELAY);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        timelock.execute(address(vault), 0, call, 0, 0);
    }

    function _admit(address who) internal override {
        _let(who, true);
    }

    function _let(address who, bool in_) private {
        address[] memory people = new address[](1);
        people[0] = who;
        if (in_) registry.exempt(people, "list");
        else registry.deny(people, "list");
    }

    function _timelock() private returns (TimelockController made) {
        address[] memory proposers = new address[](1);
        address[] memory executors = new address[](1); // the zero address: anyone
        proposers[0] = curator;
        made = new TimelockController(DELAY, proposers, executors, address(this));
        made.grantRole(made.CANCELLER_ROLE(), guardian);
        made.renounceRole(made.DEFAULT_ADMIN_ROLE(), address(this));
    }

    function _rowsOfTheVault() private {
        bytes32 role = vault.KEEPER_ROLE();
        address at = address(hostile);
        _row("setVenue", abi.encodeCall(vault.setVenue, (at, GROUP, 100, MAX_LOSS_BPS)), OWNER | CURATOR | GUARDIAN);
        _row("setGroupCap", abi.encodeCall(vault.setGroupCap, (GROUP, 100)), OWNER | CURATOR | GUARDIAN);
        _row("setLimits", abi.encodeCall(vault.setLimits, (_limits())), OWNER | CURATOR | GUARDIAN);
        _row("setAnchorer", abi.encodeCall(vault.setAnchorer, (bob)), OWNER);
        _row("delist", abi.encodeCall(vault.delist, (at)), OWNER | CURATOR | GUARDIAN);
        _row("pause", abi.encodeCall(vault.pause, ()), GUARDIAN);
        _row("unpause", abi.encodeCall(vault.unpause, ()), OWNER);
        _row("forget", abi.encodeCall(vault.forget, (at)), OWNER);
        _row("absorb", abi.encodeCall(vault.absorb, ()), OWNER);
        _row("resetBreaker", abi.encodeCall(vault.resetBreaker, ()), OWNER);
        _row("grantRole", abi.encodeCall(vault.grantRole, (role, mallory)), OWNER);
        _row("revokeRole", abi.encodeCall(vault.revokeRole, (role, keeper)), OWNER);
        _row("renounceRole", "", ANYONE);
        _row("unwind", abi.encodeCall(vault.unwind, (at, 1e6, 0, "")), OWNER | GUARDIAN);
        Vault.Action[] memory exit = _one(at, false, 1e6, 0);
        IRules.Permit[] memory none = new IRules.Permit[](0);
        _row("allocate", abi.encodeCall(vault.allocate, (exit, none, "d", 1, type(uint256).max)), KEEPER);
        _row("refresh", abi.encodeCall(vault.refresh, ()), ANYONE);
        _row("collect", abi.encodeCall(vault.collect, (at)), ANYONE);
        _row("settle", abi.encodeCall(vault.settle, (1)), ANYONE);
        _row("requestRedeem", abi.encodeCall(vault.requestRedeem, (100e12, bob)), ANYONE);
        _row("cancel", "", ANYONE); // one's own, as are claims: see Queue.t.sol
        _row("claim", "", ANYONE);
        _row("transfer", abi.encodeCall(vault.transfer, (alice, 1)), ANYONE);
        _row("transferFrom", abi.encodeCall(vault.transferFrom, (alice, mallory, 1)), ANYONE);
        _row("approve", abi.encodeCall(vault.approve, (alice, 1)), ANYONE);
        _row("deposit", abi.encodeCall(vault.deposit, (1e6, alice)), ANYONE);
        _row("mint", abi.encodeCall(vault.mint, (1e12, alice)), ANYONE);
        _row("withdraw", abi.encodeCall(vault.withdraw, (1e6, alice, alice)), ANYONE);
        _row("redeem", abi.encodeWithSignature("redeem(uint256,address,address)", 1e12, alice, alice), ANYONE);
        _row("redeem", abi.encodeWithSignature("redeem(uint256,address,address,uint256)", 1e12, bob, alice, 1), ANYONE);
        _row("unwindForQueue", abi.encodeCall(vault.unwindForQueue, (at, 1e6, 0, "")), ANYONE);
        _row("seize", abi.encodeCall(vault.seize, (carol)), ANYONE);
    }

    function _rowsOfTheTimelock() private {
        address at = address(timelock);
        (address[] memory targets, uint256[] memory values, bytes[] memory calls) =
            (new address[](1), new uint256[](1), new bytes[](1));
        targets[0] = bob;
        vm.startPrank(curator);
        timelock.schedule(bob, 0, "due", 0, 0, DELAY);
        timelock.scheduleBatch(targets, values, calls, 0, 0, DELAY);
        vm.warp(block.timestamp + DELAY);
        timelock.schedule(bob, 0, "later", 0, 0, DELAY);
        vm.stopPrank();
        bytes32 later = timelock.hashOperation(bob, 0, "later", 0, 0);
        bytes32 role = timelock.PROPOSER_ROLE();
        uint8 own = OWNER; // of the timelock: itself
        rows.push(Row("schedule", abi.encodeCall(timelock.schedule, (bob, 0, "", 0, 0, DELAY)), CURATOR, at));
        bytes memory many = abi.encodeCall(timelock.scheduleBatch, (targets, values, calls, 0, "salt", DELAY));
        rows.push(Row("scheduleBatch", many, CURATOR, at));
        rows.push(Row("cancel", abi.encodeCall(timelock.cancel, (later)), CURATOR | GUARDIAN, at));
        rows.push(Row("execute", abi.encodeCall(timelock.execute, (bob, 0, "due", 0, 0)), ANYONE, at));
        rows.push(
            Row("executeBatch", abi.encodeCall(timelock.executeBatch, (targets, values, calls, 0, 0)), ANYONE, at)
        );
        rows.push(Row("updateDelay", abi.encodeCall(timelock.updateDelay, (1)), own, at));
        rows.push(Row("grantRole", abi.encodeCall(timelock.grantRole, (role, mallory)), own, at));
        rows.push(Row("revokeRole", abi.encodeCall(timelock.revokeRole, (role, curator)), own, at));
        rows.push(Row("renounceRole", "", ANYONE, at));
        bytes4 got = timelock.onERC721Received.selector;
        rows.push(Row("onERC721Received", abi.encodeWithSelector(got, bob, bob, 0, ""), ANYONE, at));
        got = timelock.onERC1155Received.selector;
        rows.push(Row("onERC1155Received", abi.encodeWithSelector(got, bob, bob, 0, 0, ""), ANYONE, at));
        got = timelock.onERC1155BatchReceived.selector;
        rows.push(Row("onERC1155BatchReceived", abi.encodeWithSelector(got, bob, bob, values, values, ""), ANYONE, at));
    }

    function _named(string memory name, address target) private view returns (bool) {
        for (uint256 r = 0; r < rows.length; ++r) {
            if (rows[r].target == target && _same(rows[r].name, name)) return true;
        }
        return false;
    }

    function _row(string memory name, bytes memory call, uint8 by) private {
        rows.push(Row(name, call, by, address(vault)));
    }

    function _same(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }
}
