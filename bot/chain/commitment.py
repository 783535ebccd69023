"""What is anchored before capital moves: one leaf for each venue of the universe, under one root.

A leaf binds chain, vault, venue, direction, most assets, the vault's nonce, an expiry and the venue's forecast. Venues
that are not entered have a leaf too, so that the count and the universe that are anchored with the root leave no
forecast out. The tree is that of OpenZeppelin's merkle-tree library: leaves are hashed twice, pairs in sorted order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from bot.core.forecast import Forecast
from bot.core.plan import Plan
from bot.core.postings import Receipt
from bot.core.universe import Universe
from bot.errors import InvariantBroken
from bot.ports import Commitment, Permit

VERSION: Final = 2  # of the document: 1 said nothing of what the forecasts were made from
_LEAF: Final = ("uint256", "address", "address", "bool", "uint256", "uint256", "uint256", "bytes32")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a decision counts: the vault that asks for it, and the registry and the name in which it is anchored."""

    chain_id: int
    vault: str
    registry: str
    anchorer: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is committed to about one venue: `max_assets` may enter it, or nothing where `entry` is False."""

    adapter: str
    entry: bool
    max_assets: int
    forecast: Forecast

    @property
    def record(self) -> bytes:
        """Keccak of the forecast's text."""
        return keccak(self.forecast.text())


@dataclass(frozen=True, slots=True)
class Decision:
    """The leaves, in the universe's order, and their tree. `document` is all that somebody needs to check it later.

    `basis`: digests of what the forecasts were made from, as `bot.provenance.basis` tells them; None in version 1.
    """

    place: Place
    plan: Plan
    expiry: int  # unix seconds
    leaves: tuple[Leaf, ...]
    basis: Mapping[str, Any] | None = None
    tree: MerkleTree = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", MerkleTree([self._hash(leaf) for leaf in self.leaves]))

    @property
    def root(self) -> bytes:
        return self.tree.root

    @property
    def universe(self) -> bytes:
        """Keccak of the adapters' addresses, in order."""
        return keccak(encode(("address[]",), ([leaf.adapter for leaf in self.leaves],)))

    def commitment(self, anchored: Receipt) -> Commitment:
        """What the vault is shown, once the root is anchored."""
        permits = {
            leaf.forecast.venue: Permit(leaf.max_assets, self.expiry, leaf.record, self.tree.proof(self._hash(leaf)))
            for leaf in self.leaves
            if leaf.entry
        }
        return Commitment(self.root, anchored.block, permits, anchored.gas_used, anchored.gas_cost)

    def document(self) -> dict[str, Any]:
        """The decision as plain JSON types, in the clear: kept by us, revealed when its outcome is known."""
        return {
            **({"version": 1} if self.basis is None else {"version": VERSION, "basis": dict(self.basis)}),
            **asdict(self.place),
            "root": "0x" + self.root.hex(),
            "leaf_count": len(self.leaves),
            "universe": [leaf.adapter for leaf in self.leaves],
            "universe_hash": "0x" + self.universe.hex(),
            "nonce": self.plan.nonce,
            "expiry": self.expiry,
            "block": self.plan.block,
            "block_hash": self.plan.block_hash,
            "plan": asdict(self.plan),
            "leaves": [
                {
                    "adapter": leaf.adapter,
                    "entry": leaf.entry,
                    "max_assets": leaf.max_assets,
                    "record": "0x" + leaf.record.hex(),
                    "leaf": "0x" + self._hash(leaf).hex(),
                    "forecast": leaf.forecast.facts(),
                }
                for leaf in self.leaves
            ],
        }

    def _hash(self, leaf: Leaf) -> bytes:
        return leaf_hash(self.place, leaf, self.plan.nonce, self.expiry)


def decision_of(
    place: Place,
    universe: Universe,
    plan: Plan,
    forecasts: Sequence[Forecast],
    expiry: int,
    basis: Mapping[str, Any] | None = None,
) -> Decision:
    """The decision behind a plan: its entries with their amounts as the most, every other venue with nothing."""
    most = {leg.venue: leg.amount for leg in plan.legs if leg.entry}
    by_venue = {forecast.venue: forecast for forecast in forecasts}
    leaves = [
        Leaf(venue.adapter, venue.id in most, most.get(venue.id, 0), by_venue[venue.id]) for venue in universe.risky
    ]
    return Decision(place, plan, expiry, tuple(leaves), basis)


def leaf_hash(place: Place, leaf: Leaf, nonce: int, expiry: int) -> bytes:
    """As the vault hashes it: twice, so that no inner node can pass for a leaf."""
    values = (place.chain_id, place.vault, leaf.adapter, leaf.entry, leaf.max_assets, nonce, expiry, leaf.record)
    return keccak(keccak(encode(_LEAF, values)))


class MerkleTree:
    """Hashes in an array: the root first, the children of node i at 2i + 1 and 2i + 2, the leaves last, falling."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """`leaves`: their hashes, each once. Raises InvariantBroken for none, or for one that is there twice."""
        if not leaves or len(set(leaves)) < len(leaves):
            raise InvariantBroken(f"a tree of {len(leaves)} leaves needs at least one, and each once")
        nodes = [b""] * (len(leaves) - 1) + sorted(leaves, reverse=True)
        for i in reversed(range(len(leaves) - 1)):
            nodes[i] = keccak(b"".join(sorted((nodes[2 * i + 1], nodes[2 * i + 2]))))
        self._nodes = nodes
        self._places: Mapping[bytes, int] = {leaf: nodes.index(leaf, len(leaves) - 1) for leaf in leaves}

    @property
    def root(self) -> bytes:
        return self._nodes[0]

    def proof(self, leaf: bytes) -> tuple[bytes, ...]:
        """The siblings from the leaf up to the root."""
        i, siblings = self._places[leaf], []
        while i > 0:
            siblings.append(self._nodes[i + 1 if i % 2 else i - 1])
            i = (i - 1) // 2
        return tuple(siblings)
