"""A decision held against the chain: anchored where, when and by whom, and what was carried out under it.

Only a node is asked, and only to read. What it cannot answer, like the state of a block that it no longer keeps, stays
unknown; what it answers otherwise than the decision says, has failed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from bot.chain.artefacts import artefact
from bot.chain.code_check import masked_hash
from bot.chain.commitment import Decision
from bot.chain.multicall import Call, read
from bot.chain.rpc import Rpc
from bot.core.dates import minute
from bot.errors import ChainError, Reverted
from bot.provenance.answers import code_at, events, time_of
from bot.provenance.checks import FAILED, OK, UNKNOWN, Check
from bot.provenance.execution import executed

_ANCHORED: Final = "0x" + keccak(text="Anchored(address,uint256,bytes32,bytes32,uint256,bytes32)").hex()
_KEEPER_ROLE: Final = keccak(text="KEEPER_ROLE")

Answer = tuple[bool, str]  # whether the chain says the same, and what it says


@dataclass(frozen=True, slots=True)
class Anchor:
    """One `Anchored` event of the decision's anchorer."""

    number: int
    root: bytes
    head: bytes
    leaf_count: int
    universe: bytes


async def on_chain(rpc: Rpc, decision: Decision) -> tuple[Check, ...]:
    """Checks of the anchor and of what was carried out under it, on the chain of a connected node."""
    place, asked = decision.place, Asked(rpc, decision)
    if rpc.chain_id != place.chain_id:
        says = f"the node speaks for chain {rpc.chain_id}, the decision is of chain {place.chain_id}"
        return Check("chain", FAILED, says, chain=True), *not_asked(says, after="chain")
    chain = Check("chain", OK, f"chain {place.chain_id} at {rpc.host}", chain=True)
    registry, anchored = await _ask("registry", asked.registry), await _ask("anchored", asked.anchored)
    if anchored.state != OK:
        return chain, registry, anchored, *not_asked("no anchor was found", after="anchored")
    rest = [
        await _ask(name, ask)
        for name, ask in (
            ("universe", asked.universe),
            ("head", asked.head),
            ("anchorer", asked.anchorer),
            ("executed", asked.executed),
        )
    ]
    return chain, registry, anchored, *rest


NAMES: Final = ("chain", "registry", "anchored", "universe", "head", "anchorer", "executed")


def not_asked(why: str, after: str = "") -> tuple[Check, ...]:
    """All checks after the one named, or all: unknown, for one reason."""
    start = NAMES.index(after) + 1 if after else 0
    return tuple(Check(name, UNKNOWN, why, chain=True) for name in NAMES[start:])


async def _ask(name: str, ask: Callable[[], Awaitable[Answer]]) -> Check:
    """One check. A node that does not know leaves it open; a contract that refuses the call is not the one told."""
    try:
        same, says = await ask()
    except Reverted as error:
        return Check(name, FAILED, f"the call was refused: {error}", chain=True)
    except ChainError as error:
        return Check(name, UNKNOWN, str(error), chain=True)
    return Check(name, OK if same else FAILED, says, chain=True)


class Asked:
    """The questions, each an answer of the chain. `anchored` comes first: the others speak of its block."""

    def __init__(self, rpc: Rpc, decision: Decision) -> None:
        self._rpc, self._decision, self._place = rpc, decision, decision.place
        self._block = 0
        self._anchors: Sequence[Anchor] = ()  # all of the anchorer's in that block, in order

    async def registry(self) -> Answer:
        """The registry is this build's code, and the one that the vault relies on."""
        place, built = self._place, artefact("DecisionRegistry")
        codes = [await code_at(self._rpc, address) for address in (place.registry, place.vault)]
        for what, code in zip(("registry", "vault"), codes, strict=True):
            if not code:
                return False, f"no contract at the {what}'s address"
        found, expected = masked_hash(built, codes[0]), masked_hash(built, built.deployed())
        if found != expected:
            return False, f"its code at {place.registry} is {found}, this build's is {expected}"
        (relied_on,) = await read(self._rpc, Call(place.vault, "decisions()", (), ("address",)))
        if relied_on != place.registry.lower():
            return False, f"the vault relies on {relied_on}, the decision names {place.registry}"
        return True, f"{place.registry} is this build's code, and the vault relies on it"

    async def anchored(self) -> Answer:
        """The root is anchored, in the name of the anchorer, and in which block."""
        place, root = self._place, self._decision.root
        call = Call(place.registry, "anchoredAt(address,bytes32)", (place.anchorer, root))
        (block,) = await read(self._rpc, call)
        if block == 0:
            return False, f"0x{root.hex()} was never anchored by {place.anchorer}"
        self._block, self._anchors = block, await self._anchors_in(block)
        if not any(anchor.root == root for anchor in self._anchors):
            return False, f"the registry says block {block}, and no event there speaks of the root"
        at = await time_of(self._rpc, block)
        if block <= self._decision.plan.block:
            return False, f"anchored in block {block}, the plan was made on block {self._decision.plan.block}"
        return True, f"in block {block}, {minute(at)} UTC, {block - self._decision.plan.block} after the plan's"

    async def universe(self) -> Answer:
        """As many leaves and the very venues that were anchored, and no venue of the vault without a leaf."""
        decision, anchor = self._decision, self._own_anchor
        if anchor.leaf_count != len(decision.leaves):
            return False, f"leaf_count: {anchor.leaf_count} anchored, {len(decision.leaves)} told"
        if anchor.universe != decision.universe:
            return False, f"universe: 0x{anchor.universe.hex()} anchored, 0x{decision.universe.hex()} told"
        call = Call(self._place.vault, "venueList()", (), ("address[]",))
        (listed,) = await read(self._rpc, call, hex(self._block))
        told = {leaf.adapter.lower() for leaf in decision.leaves}
        if left_out := [adapter for adapter in listed if adapter not in told]:
            return False, f"the vault listed {left_out[0]} then, and no leaf speaks of it"
        return True, f"{anchor.leaf_count} leaves, one for each venue that the vault listed in block {self._block}"

    async def head(self) -> Answer:
        """The chain of hashes over the anchorer's roots goes through this one without a gap."""
        call = Call(self._place.registry, "head(address)", (self._place.anchorer,), ("bytes32", "uint256"))
        before, count = await read(self._rpc, call, hex(self._block - 1))
        for anchor in self._anchors:
            count += 1
            values = (before, anchor.root, anchor.leaf_count, anchor.universe, count)
            before = keccak(encode(("bytes32", "bytes32", "uint256", "bytes32", "uint256"), values))
            if (anchor.head, anchor.number) != (before, count):
                return False, f"anchor {anchor.number} does not follow from the one before it"
        if (before, count) != await read(self._rpc, call, hex(self._block)):
            return False, f"the registry's head after block {self._block} is another than its events make"
        return True, f"number {self._own_anchor.number} of its anchorer's roots, and follows from the one before"

    async def anchorer(self) -> Answer:
        """The anchorer is the vault's, and no keeper: who moves capital cannot write its own leave."""
        place, block = self._place, hex(self._block)
        (relied_on,) = await read(self._rpc, Call(place.vault, "anchorer()", (), ("address",)), block)
        if relied_on != place.anchorer.lower():
            return False, f"the vault's anchorer was {relied_on}, the decision names {place.anchorer}"
        call = Call(place.vault, "hasRole(bytes32,address)", (_KEEPER_ROLE, place.anchorer), ("bool",))
        if (await read(self._rpc, call, block))[0]:
            return False, f"{place.anchorer} is a keeper of the vault too"
        return True, f"{place.anchorer}, the vault's anchorer and no keeper of it"

    async def executed(self) -> Answer:
        """Whatever was carried out under the decision came later, within its leaves, and from another key."""
        return await executed(self._rpc, self._decision, self._block)

    @property
    def _own_anchor(self) -> Anchor:
        return next(anchor for anchor in self._anchors if anchor.root == self._decision.root)

    async def _anchors_in(self, block: int) -> list[Anchor]:
        by = "0x" + self._place.anchorer.removeprefix("0x").lower().rjust(64, "0")
        types = ("bytes32", "uint256", "bytes32")
        found = await events(self._rpc, self._place.registry, (_ANCHORED, by), types, block, block)
        return [Anchor(event.number(1), event.indexed[2], *event.values) for event in found if len(event.indexed) == 3]
