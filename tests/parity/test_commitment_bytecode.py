"""A decision's leaves, tree and proofs against the bytecode that judges them: our leaf, OpenZeppelin's proof."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chain.calls import anchor_calldata
from bot.chain.commitment import Decision, Leaf, MerkleTree, Place, leaf_hash
from bot.core.forecast import Forecast
from bot.core.plan import Plan
from bot.core.postings import Receipt
from bot.errors import InvariantBroken
from tests.parity.evm import NOBODY, OWNER, Machine

CHAIN_ID = 1  # that the machine is on
VAULT = "0x" + "77" * 20
LEAF = "leaf(address,address,bool,uint256,uint256,uint256,bytes32)"
VERIFY = "verify(bytes32[],bytes32,bytes32)"
ANCHORED = "Anchored(address,uint256,bytes32,bytes32,uint256,bytes32)"
PLAN = Plan(CHAIN_ID, 9, "0xab", 1_000, 3, 1_600, 10**9, (0.5, 0.5), ())
WORD, ADDRESS = st.integers(0, 2**256 - 1), st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())


@cache
def driver() -> tuple[Machine, str]:
    machine = Machine()
    return machine, machine.deploy("out/LeafDriver.sol/LeafDriver.json")


def verified(proof: tuple[bytes, ...], root: bytes, leaf: bytes) -> bool:
    machine, address = driver()
    (found,) = machine.call(address, VERIFY, (proof, root, leaf), ("bool",))
    return bool(found)


def forecast(number: int) -> Forecast:
    return Forecast(f"v{number}", 7, "in", "model", 0.1 * number, None, None, 0.8, 0.2, 0.1, PLAN.id)


def decision(count: int, registry: str = VAULT) -> Decision:
    """Of `count` venues, of which every other one is entered."""
    leaves = []
    for number in range(count):
        most = 0 if number % 2 else 10**9 * (number + 1)
        leaves.append(Leaf(f"0x{number + 1:040x}", most > 0, most, forecast(number)))
    return Decision(Place(CHAIN_ID, VAULT, registry, OWNER), PLAN, 1_700, tuple(leaves))


@settings(max_examples=200, deadline=None)
@given(vault=ADDRESS, venue=ADDRESS, entry=st.booleans(), most=WORD, nonce=WORD, expiry=WORD, number=st.integers(0, 99))
def test_a_leaf_is_what_the_vault_hashes(
    vault: str, venue: str, entry: bool, most: int, nonce: int, expiry: int, number: int
) -> None:
    machine, address = driver()
    leaf = Leaf(venue, entry, most, forecast(number))
    fields = (vault, venue, entry, most, nonce, expiry, leaf.record)
    (theirs,) = machine.call(address, LEAF, fields, ("bytes32",))
    assert leaf_hash(Place(CHAIN_ID, vault, "", ""), leaf, nonce, expiry) == theirs
    assert leaf_hash(Place(CHAIN_ID + 1, vault, "", ""), leaf, nonce, expiry) != theirs


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 33), seed=st.integers(0, 2**32))
def test_every_leaf_is_proved_under_its_root_and_nothing_else_is(count: int, seed: int) -> None:
    leaves = [keccak(text=f"{seed}:{number}") for number in range(count)]
    tree, stranger = MerkleTree(leaves), keccak(text=f"{seed}:stranger")
    assert MerkleTree(leaves[::-1]).root == tree.root
    for leaf in leaves:
        proof = tree.proof(leaf)
        assert verified(proof, tree.root, leaf)
        assert not verified(proof, tree.root, stranger)
        if proof:
            assert not verified(proof[:-1], tree.root, leaf)
            assert not verified((stranger, *proof[1:]), tree.root, leaf)


@pytest.mark.parametrize("leaves", [[], [b"\1" * 32, b"\2" * 32, b"\1" * 32]])
def test_a_tree_of_nothing_or_of_one_leaf_twice_is_none(leaves: list[bytes]) -> None:
    with pytest.raises(InvariantBroken, match="needs at least one, and each once"):
        MerkleTree(leaves)


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_the_registry_knows_the_root_and_proves_each_leaf_to_anybody(count: int) -> None:
    machine = Machine()
    registry = machine.deploy("out/DecisionRegistry.sol/DecisionRegistry.json")
    made = decision(count, registry)
    machine.send(registry, anchor_calldata(made))
    (told,) = machine.events(registry, ANCHORED, ("bytes32", "uint256", "bytes32"))
    adapters = [f"0x{number + 1:040x}" for number in range(count)]
    universe = keccak(encode(("address[]",), (adapters,)))
    assert told == (
        keccak(encode(("bytes32",) * 2 + ("uint256", "bytes32", "uint256"), _folded(made))),
        count,
        universe,
    )
    commitment = made.commitment(Receipt("0x", 1, "", 0, True, (), 50_000, 7))
    assert list(commitment.permits) == [f"v{number}" for number in range(0, count, 2)]
    for number in range(0, count, 2):
        permit, leaf = commitment.permits[f"v{number}"], made.leaves[number]
        assert (permit.max_assets, permit.expiry, permit.record) == (
            leaf.max_assets,
            1_700,
            keccak(leaf.forecast.text()),
        )
        fields = (CHAIN_ID, VAULT, leaf.adapter, True, leaf.max_assets, PLAN.nonce, 1_700, permit.record)
        kinds = ("uint256", "address", "address", "bool", "uint256", "uint256", "uint256", "bytes32")
        once = keccak(encode(kinds, fields))
        for by, known in ((OWNER, True), (NOBODY, False)):
            values = (by, made.root, once, permit.proof)
            assert machine.call(registry, "verify(address,bytes32,bytes32,bytes32[])", values, ("bool",)) == (known,)


def _folded(made: Decision) -> tuple[bytes, bytes, int, bytes, int]:
    """What the head of a first anchor is the hash of."""
    return b"\0" * 32, made.root, len(made.leaves), made.universe, 1


def test_what_is_kept_in_the_clear_is_enough_to_compute_the_root_again() -> None:
    made = decision(5)
    told = made.document()
    assert [leaf["entry"] for leaf in told["leaves"]] == [True, False, True, False, True]
    leaves = []
    for leaf in told["leaves"]:
        assert leaf["record"] == "0x" + keccak(Forecast(**leaf["forecast"]).text()).hex()
        place = Place(told["chain_id"], told["vault"], told["registry"], told["anchorer"])
        again = Leaf(leaf["adapter"], leaf["entry"], leaf["max_assets"], Forecast(**leaf["forecast"]))
        leaves.append(leaf_hash(place, again, told["nonce"], told["expiry"]))
        assert leaf["leaf"] == "0x" + leaves[-1].hex()
    assert told["root"] == "0x" + MerkleTree(leaves).root.hex() == "0x" + made.root.hex()
    assert replace(PLAN, **{name: told["plan"][name] for name in ("nonce", "nav", "deadline")}).id == PLAN.id
