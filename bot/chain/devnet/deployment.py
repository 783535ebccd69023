"""Our contracts on a chain: who holds which role, under which limits, at addresses that follow from their code.

All of it is transactions of one deployer, who owns everything while it is set up and gives it all away at the end: to a
timelock, for which the curator proposes, which the guardian may veto, and which anyone may carry out after the delay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eth_utils.crypto import keccak

from bot.chain.code_check import Contract
from bot.chain.devnet.adapters import Site, adapter_of
from bot.chain.devnet.batch import Batch
from bot.chain.devnet.limits import Said, cap_bps, loss_bps, vault_limits
from bot.core.units import BPS, ZERO_ADDRESS, Token
from bot.core.universe import Venue

LIBRARIES: Final = ("Accounts", "Rules")
COUNTRY: Final = 999  # ISO 3166-1 leaves 900 and above to its users: somebody of our own making
TIER: Final = 1
FOR_EVER: Final = 2**64 - 1
_ANY: Final = (2**256 - 1,) * 4  # every country
_ADMIN: Final = bytes(32)  # OpenZeppelin's default admin role


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is who. `delay`: seconds between the timelock's proposal and its execution. `holders` may hold shares."""

    deployer: str
    curator: str
    guardian: str
    keeper: str
    anchorer: str
    escrow: str
    delay: int
    holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """Addresses of the contracts that hold money, or are trusted by those that do."""

    vault: str
    timelock: str
    decisions: str
    compliance: str
    libraries: Mapping[str, str]  # that the vault is linked to, by name

    def contracts(self, venues: Sequence[Venue]) -> list[Contract]:
        """Those whose code must be ours, with the adapters of `venues`."""
        ours = [
            Contract("vault", self.vault, "Vault", self.libraries),
            Contract("timelock", self.timelock, "TimelockController"),
            Contract("decision registry", self.decisions, "DecisionRegistry"),
            Contract("compliance registry", self.compliance, "ComplianceRegistry"),
        ]
        ours += [Contract(f"library {name}", address, name) for name, address in self.libraries.items()]
        return ours + [Contract(f"{one.id}'s adapter", one.adapter, adapter_of(one).artefact) for one in venues]


class Deployment:
    """The transactions that make a vault, its venues and what it trusts, added to the deployer's batch step by step."""

    def __init__(self, batch: Batch, money: Token, roles: Roles, said: Said) -> None:
        self._batch, self._roles, self._said = batch, roles, said
        decisions = batch.create_named("decision registry", "DecisionRegistry")
        libraries = {name: batch.create_named(f"library {name}", name) for name in LIBRARIES}
        timelock = batch.create_named(
            "timelock", "TimelockController", (roles.delay, [roles.curator], [ZERO_ADDRESS], roles.deployer)
        )
        compliance = batch.create_named(
            "compliance registry", "ComplianceRegistry", (roles.deployer, roles.deployer, roles.escrow)
        )
        people = (roles.deployer, roles.curator, roles.guardian, roles.keeper, roles.anchorer, ZERO_ADDRESS)
        setup = (money.address, "Patron", "PTRN", *people, decisions, compliance, vault_limits(said).values())
        vault = batch.create_named("vault", "Vault", (setup,), libraries)
        # A venue is listed only if the vault may hold its token, and tokens of others have no rule of ours.
        batch.call(compliance, _EXEMPT, ([vault], keccak(text="the vault")))
        self.suite = Suite(vault, timelock, decisions, compliance, libraries)
        self._groups: dict[str, int] = {}  # asset -> number; venues of one asset fail together

    def venue(self, site: Site) -> str:
        """Address of the adapter of a venue, listed with its cap and loss limit, in the group of its asset."""
        made, venue, said = adapter_of(site.venue), site.venue, self._said
        adapter = self._batch.create_named(f"venue {venue.id}", made.artefact, made.values(site))
        group = self._groups.setdefault(venue.asset, len(self._groups) + 1)
        values = (adapter, group, cap_bps(said), loss_bps(said, venue))
        self._batch.call(self.suite.vault, "setVenue(address,uint32,uint16,uint16)", values)
        for signature, said_to in made.told(site):
            self._batch.call(adapter, signature, said_to)
        return adapter

    def finish(self, venues: Sequence[Venue]) -> Suite:
        """Group caps, the rule about holders, and nothing left in the deployer's hands."""
        call, suite, roles = self._batch.call, self.suite, self._roles
        for asset, group in self._groups.items():
            several = sum(venue.asset == asset for venue in venues)
            # The strategy file knows no groups: each venue's own cap is what binds.
            call(suite.vault, "setGroupCap(uint32,uint16)", (group, min(BPS, several * cap_bps(self._said))))
        identities = [(FOR_EVER, COUNTRY, TIER)] * len(roles.holders)
        listed = keccak(text="holders at deployment")
        call(suite.compliance, _IDENTIFY, (list(roles.holders), identities, listed), gas=1_000_000)
        call(suite.compliance, _SET_RULE, (suite.vault, (False, TIER, _ANY)))
        hand_over(self._batch, suite.compliance, "OFFICER_ROLE", roles.deployer, roles.guardian)
        hand_over(self._batch, suite.compliance, "OWNER_ROLE", roles.deployer, suite.timelock)
        hand_over(self._batch, suite.vault, "OWNER_ROLE", roles.deployer, suite.timelock)
        call(suite.timelock, "grantRole(bytes32,address)", (role("CANCELLER_ROLE"), roles.guardian))
        call(suite.timelock, "renounceRole(bytes32,address)", (_ADMIN, roles.deployer))
        return suite


_IDENTIFY: Final = "identify(address[],(uint64,uint16,uint8)[],bytes32)"
_EXEMPT: Final = "exempt(address[],bytes32)"
_SET_RULE: Final = "setRule(address,(bool,uint8,uint256[4]))"


def role(name: str) -> bytes:
    """As access control names a role on chain."""
    return keccak(text=name)


def hand_over(batch: Batch, contract: str, name: str, holder: str, successor: str) -> None:
    """A role, from who sends the batch to somebody else."""
    batch.call(contract, "grantRole(bytes32,address)", (role(name), successor))
    batch.call(contract, "renounceRole(bytes32,address)", (role(name), holder))
