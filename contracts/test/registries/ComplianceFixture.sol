// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {IIdentityRegistry} from "../../src/interfaces/IIdentityRegistry.sol";
import {ComplianceRegistry} from "../../src/registries/ComplianceRegistry.sol";

/// A token that asks the registry before each transfer, in ERC-3643's words. Issuing is asked about too.
contract RegistriesToken is ERC20("Asked", "ASK") {
    ComplianceRegistry private immutable _registry;

    error Refused(address from, address to);

    constructor(ComplianceRegistry registry) {
        _registry = registry;
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (!_registry.canTransfer(from, to, amount)) revert Refused(from, to);
        super._update(from, to, amount);
    }
}

/// A small identity registry with ERC-3643's two questions. It can also fail in each way a foreign contract can.
contract RegistriesIdentities is IIdentityRegistry {
    enum Mood {
        Well,
        Reverting,
        Short,
        Long
    }

    mapping(address who => uint16) private _country;
    Mood public mood;

    function register(address who, uint16 country) external {
        _country[who] = country;
    }

    function turn(Mood mood_) external {
        mood = mood_;
    }

    function isVerified(address who) external view returns (bool) {
        _sulk();
        return _country[who] != 0;
    }

    function investorCountry(address who) external view returns (uint16) {
        _sulk();
        return _country[who];
    }

    function _sulk() private view {
        if (mood == Mood.Reverting) revert("down");
        if (mood == Mood.Well) return;
        uint256 size = mood == Mood.Short ? 31 : 64;
        assembly {
            mstore(0, not(0))
            mstore(32, not(0))
            return(0, size)
        }
    }
}

abstract contract ComplianceFixture is Test {
    uint16 internal constant CHE = 756;
    uint16 internal constant FRA = 250;
    bytes32 internal constant LIST = keccak256("the list of that day");

    address internal owner = makeAddr("owner");
    address internal officer = makeAddr("officer");
    address internal escrow = makeAddr("escrow");
    address internal ann = makeAddr("ann");
    address internal ben = makeAddr("ben");
    address internal pool = makeAddr("pool");
    address internal mallory = makeAddr("mallory");
    ComplianceRegistry internal registry;
    RegistriesToken internal token;
    RegistriesIdentities internal outside;

    /// ann is Swiss, tier 2, for a day. The token admits Switzerland and France from tier 1. The pool is exempt.
    function _build() internal {
        vm.warp(1_700_000_000);
        registry = new ComplianceRegistry(owner, officer, escrow);
        token = new RegistriesToken(registry);
        outside = new RegistriesIdentities();
        _identify(ann, CHE, 2, block.timestamp + 1 days);
        _setRule(false, 1, CHE, FRA);
        vm.prank(owner);
        registry.exempt(_just(pool), LIST);
    }

    function _just(address who) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = who;
    }

    function _identify(address who, uint16 country, uint8 tier, uint256 validUntil) internal {
        ComplianceRegistry.Identity[] memory identities = new ComplianceRegistry.Identity[](1);
        identities[0] = ComplianceRegistry.Identity(uint64(validUntil), country, tier);
        vm.prank(officer);
        registry.identify(_just(who), identities, LIST);
    }

    function _rule(bool denied, uint8 minTier, uint16 a, uint16 b)
        internal
        pure
        returns (ComplianceRegistry.Rule memory rule)
    {
        (rule.denied, rule.minTier) = (denied, minTier);
        rule.countries[a / 256] |= uint256(1) << (a % 256);
        rule.countries[b / 256] |= uint256(1) << (b % 256);
    }

    function _setRule(bool denied, uint8 minTier, uint16 a, uint16 b) internal {
        vm.prank(owner);
        registry.setRule(address(token), _rule(denied, minTier, a, b));
    }

    function _deny(address who) internal {
        vm.prank(officer);
        registry.deny(_just(who), LIST);
    }

    function _holds(address who) internal view returns (bool) {
        return registry.canHold(who, address(token));
    }
}
