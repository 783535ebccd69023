// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

import {ICompliance} from "../interfaces/ICompliance.sol";
import {IIdentityRegistry} from "../interfaces/IIdentityRegistry.sol";

/// @title Who may hold which asset
/// @notice The officer identifies people and tightens at once: denies, narrows a rule, ends an exemption, drops the
/// outside registry. Whatever loosens is the owner's, who is a timelock: un-deny, set a rule, exempt, name an outside
/// registry or another escrow. Denied is stronger than everything else. An expired identity may leave but not receive.
contract ComplianceRegistry is ICompliance, AccessControl {
    /// @param validUntil Last second at which the identity holds.
    /// @param country ISO 3166-1 numeric code, 1 to 999 (900 and above: free for own use).
    /// @param tier How much is known of the person; what each tier means is said off chain.
    struct Identity {
        uint64 validUntil;
        uint16 country;
        uint8 tier;
    }

    /// @dev An identity (flat, so that a person is one storage slot) and what is decided about it.
    /// @param denied The person is frozen. Survives every change of its identity.
    /// @param exempt Needs no identity: a pool, a vault, a queue.
    struct Person {
        uint64 validUntil;
        uint16 country;
        uint8 tier;
        bool denied;
        bool exempt;
    }

    /// @param denied Nobody but the escrow may receive the asset.
    /// @param countries Bit c of word c / 256 is set when people of country c may hold the asset. An asset without a rule
    /// has none set: exempt addresses alone may receive it.
    struct Rule {
        bool denied;
        uint8 minTier;
        uint256[4] countries;
    }

    bytes32 public constant OWNER_ROLE = keccak256("OWNER_ROLE");
    bytes32 public constant OFFICER_ROLE = keccak256("OFFICER_ROLE");
    uint16 public constant MAX_COUNTRY = 999;

    /// @inheritdoc ICompliance
    address public escrow;
    /// @notice Asked about people without an identity here; zero when there is none. It can neither deny nor un-deny.
    IIdentityRegistry public source;
    /// @notice The tier of people whom `source` verifies.
    uint8 public sourceTier;
    mapping(address who => Person) private _people;
    mapping(address asset => Rule) private _rules;

    /// @param list keccak256 of the off-chain list that a batch was taken from.
    event ListApplied(bytes32 indexed list, address indexed by, uint256 count);
    event Identified(address indexed who, Identity identity);
    event DeniedSet(address indexed who, bool denied);
    event ExemptSet(address indexed who, bool exempt);
    event RuleSet(address indexed asset, Rule rule);
    event SourceSet(IIdentityRegistry source, uint8 tier);
    event EscrowSet(address indexed escrow);

    error ZeroAddress();
    error LengthMismatch(uint256 people, uint256 identities);
    error BadCountry(address who, uint16 country);
    error CannotDeny(address who);
    error NotTighter(address asset);
    error NotAnEscrow(address escrow);

    constructor(address owner, address officer, address escrow_) {
        if (owner == address(0) || officer == address(0)) revert ZeroAddress();
        _setRoleAdmin(OWNER_ROLE, OWNER_ROLE);
        _setRoleAdmin(OFFICER_ROLE, OWNER_ROLE);
        _grantRole(OWNER_ROLE, owner);
        _grantRole(OFFICER_ROLE, officer);
        _setEscrow(escrow_);
    }

    /// @notice Records or renews identities. Who is denied stays denied.
    function identify(address[] calldata who, Identity[] calldata identities, bytes32 list)
        external
        onlyRole(OFFICER_ROLE)
    {
        if (who.length != identities.length) revert LengthMismatch(who.length, identities.length);
        for (uint256 i = 0; i < who.length; ++i) {
            Identity calldata identity = identities[i];
            if (identity.country == 0 || identity.country > MAX_COUNTRY) revert BadCountry(who[i], identity.country);
            Person storage person = _people[who[i]];
            (person.validUntil, person.country, person.tier) = (identity.validUntil, identity.country, identity.tier);
            emit Identified(who[i], identity);
        }
        emit ListApplied(list, msg.sender, who.length);
    }

    /// @notice Freezes people: they neither receive nor let go, but to the escrow.
    function deny(address[] calldata who, bytes32 list) external onlyRole(OFFICER_ROLE) {
        for (uint256 i = 0; i < who.length; ++i) {
            if (who[i] == escrow || who[i] == address(0)) revert CannotDeny(who[i]);
        }
        _setDenied(who, true, list);
    }

    /// @notice Narrows an asset's rule; anything that would admit one person more is refused.
    function tightenRule(address asset, Rule calldata rule) external onlyRole(OFFICER_ROLE) {
        Rule storage present = _rules[asset];
        bool looser = (present.denied && !rule.denied) || rule.minTier < present.minTier;
        for (uint256 i = 0; i < 4; ++i) {
            looser = looser || rule.countries[i] & ~present.countries[i] != 0;
        }
        if (looser) revert NotTighter(asset);
        _setRule(asset, rule);
    }

    /// @notice Ends exemptions; from now on these addresses need an identity.
    function revokeExemption(address[] calldata who, bytes32 list) external onlyRole(OFFICER_ROLE) {
        _setExempt(who, false, list);
    }

    /// @notice Stops asking the outside registry.
    function dropSource() external onlyRole(OFFICER_ROLE) {
        _setSource(IIdentityRegistry(address(0)), 0);
    }

    /// @notice Unfreezes people.
    function undeny(address[] calldata who, bytes32 list) external onlyRole(OWNER_ROLE) {
        _setDenied(who, false, list);
    }

    /// @notice Sets an asset's rule, looser or tighter.
    function setRule(address asset, Rule calldata rule) external onlyRole(OWNER_ROLE) {
        _setRule(asset, rule);
    }

    /// @notice Lets addresses receive without an identity: pools, vaults, queues.
    function exempt(address[] calldata who, bytes32 list) external onlyRole(OWNER_ROLE) {
        _setExempt(who, true, list);
    }

    /// @notice Puts an ERC-3643 identity registry behind this one. Everyone it verifies has `tier` here.
    function setSource(IIdentityRegistry source_, uint8 tier) external onlyRole(OWNER_ROLE) {
        _setSource(source_, tier);
    }

    /// @notice Names another escrow.
    function setEscrow(address escrow_) external onlyRole(OWNER_ROLE) {
        _setEscrow(escrow_);
    }

    /// @notice What is recorded here of `who`.
    function personOf(address who) external view returns (Person memory) {
        return _people[who];
    }

    function ruleOf(address asset) external view returns (Rule memory) {
        return _rules[asset];
    }

    /// @inheritdoc ICompliance
    function denied(address who) public view returns (bool) {
        return _people[who].denied;
    }

    /// @inheritdoc ICompliance
    function canLeave(address who) external view returns (bool) {
        return !denied(who);
    }

    /// @inheritdoc ICompliance
    /// @dev The escrow receives everything, else a denied asset could not be taken from a denied holder. Never reverts.
    function canHold(address who, address asset) public view returns (bool) {
        return _admits(_rules[asset], who) || who == escrow;
    }

    /// @notice As in ERC-3643's identity registry: `who` is somebody, whatever the asset.
    function isVerified(address who) external view returns (bool) {
        Person memory person = _people[who];
        if (person.denied || person.exempt) return person.exempt && !person.denied;
        (bool valid,,) = _identity(who, person);
        return valid;
    }

    /// @notice As in ERC-3643's compliance contract: answers the asset that asks (the caller). The amount does not matter.
    function canTransfer(address from, address to, uint256) external view returns (bool) {
        return denied(from) ? to == escrow : canHold(to, msg.sender);
    }

    function _admits(Rule storage rule, address who) private view returns (bool) {
        Person memory person = _people[who];
        if (person.denied || rule.denied) return false;
        if (person.exempt) return true;
        (bool valid, uint256 country, uint8 tier) = _identity(who, person);
        if (!valid || country == 0 || country > MAX_COUNTRY || tier < rule.minTier) return false;
        return (rule.countries[country >> 8] >> (country & 0xff)) & 1 == 1;
    }

    /// @dev Own records come first, also when they have expired: the outside registry cannot undo the officer's word.
    function _identity(address who, Person memory own) private view returns (bool valid, uint256 country, uint8 tier) {
        if (own.country != 0) return (own.validUntil >= block.timestamp, own.country, own.tier);
        valid = _ask(IIdentityRegistry.isVerified.selector, who) == 1;
        return (valid, _ask(IIdentityRegistry.investorCountry.selector, who), sourceTier);
    }

    /// @dev 0 when there is no outside registry, or it fails or answers nonsense: it then verifies nobody, and reverts nothing.
    function _ask(bytes4 selector, address who) private view returns (uint256 word) {
        (bool ok, bytes memory answer) = address(source).staticcall(abi.encodeWithSelector(selector, who));
        if (ok && answer.length == 32) word = abi.decode(answer, (uint256));
    }

    function _setDenied(address[] calldata who, bool denied_, bytes32 list) private {
        for (uint256 i = 0; i < who.length; ++i) {
            _people[who[i]].denied = denied_;
            emit DeniedSet(who[i], denied_);
        }
        emit ListApplied(list, msg.sender, who.length);
    }

    function _setExempt(address[] calldata who, bool exempt_, bytes32 list) private {
        for (uint256 i = 0; i < who.length; ++i) {
            _people[who[i]].exempt = exempt_;
            emit ExemptSet(who[i], exempt_);
        }
        emit ListApplied(list, msg.sender, who.length);
    }

    function _setRule(address asset, Rule calldata rule) private {
        _rules[asset] = rule;
        emit RuleSet(asset, rule);
    }

    function _setSource(IIdentityRegistry source_, uint8 tier) private {
        (source, sourceTier) = (source_, tier);
        emit SourceSet(source_, tier);
    }

    function _setEscrow(address escrow_) private {
        if (escrow_ == address(0) || denied(escrow_) || hasRole(OFFICER_ROLE, escrow_)) revert NotAnEscrow(escrow_);
        escrow = escrow_;
        emit EscrowSet(escrow_);
    }

    /// @dev Who can freeze people must not be where their holdings go.
    function _grantRole(bytes32 role, address account) internal override returns (bool) {
        if (role == OFFICER_ROLE && account == escrow) revert NotAnEscrow(account);
        return super._grantRole(role, account);
    }
}
