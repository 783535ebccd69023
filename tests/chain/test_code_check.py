"""The daemon trusts no contract whose code it did not build: one byte is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.chain.artefacts import artefact
from bot.chain.code_check import Contract, masked_hash, require_same_code
from bot.chain.devnet.devnet import Devnet, attach
from bot.errors import ChainError

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="session")]


def contracts_of(chain: Devnet) -> dict[str, Contract]:
    return {each.what: each for each in chain.description.suite.contracts(chain.universe.risky)}


@asynccontextmanager
async def altered(chain: Devnet, address: str, place: int) -> AsyncIterator[None]:
    """The contract with one byte of its code changed, until the context ends."""
    before = await chain.rpc.request("eth_getCode", [address, "latest"])
    code = bytearray.fromhex(before[2:])
    code[place] ^= 1
    await chain.rpc.request("anvil_setCode", [address, "0x" + code.hex()])
    try:
        yield
    finally:
        await chain.rpc.request("anvil_setCode", [address, before])


async def test_what_was_deployed_is_what_was_built(chain: Devnet) -> None:
    found = contracts_of(chain)
    assert set(found) == {
        *("vault", "timelock", "decision registry", "compliance registry", "library Accounts", "library Rules"),
        *(f"{venue.id}'s adapter" for venue in chain.universe.risky),
    }
    await require_same_code(chain.rpc, list(found.values()))


@pytest.mark.parametrize(
    "what",
    [
        *("vault", "timelock", "decision registry", "compliance registry", "library Accounts", "library Rules"),
        "frames's adapter",
    ],
)
@pytest.mark.parametrize("place", [200, -3], ids=["code", "metadata"])
async def test_one_changed_byte_is_refused_with_address_expected_and_found(
    chain: Devnet, what: str, place: int
) -> None:
    contract = contracts_of(chain)[what]
    async with attach(chain.run_dir, recover=False) as other:
        assert other.description == chain.description
    async with altered(chain, contract.address, place):
        with pytest.raises(ChainError) as caught:
            async with attach(chain.run_dir, recover=False):
                raise AssertionError("it was let in")
    told, _, rest = str(caught.value).partition(": its code is ")
    assert told == f"{what} at {contract.address}"
    found, expected = rest.removesuffix(f", this build's {contract.artefact}").split(", expected ")
    assert len(found) == len(expected) == 66
    assert found != expected
    assert caught.value.exit_code == 4


async def test_no_contract_at_all_is_refused(chain: Devnet) -> None:
    nobody = Contract("vault", "0x" + "99" * 20, "DecisionRegistry")
    with pytest.raises(ChainError, match=r"^vault at 0x9999"):
        await require_same_code(chain.rpc, [nobody])


async def test_another_library_than_the_vault_was_linked_to_is_seen(chain: Devnet) -> None:
    vault = contracts_of(chain)["vault"]
    other = Contract("vault", vault.address, "Vault", dict(vault.libraries) | {"Rules": "0x" + "99" * 20})
    with pytest.raises(ChainError, match="its code is"):
        await require_same_code(chain.rpc, [other])


async def test_what_a_constructor_fills_in_is_not_compared_and_all_else_is(chain: Devnet) -> None:
    built = artefact("UniswapV3Hold")
    code = bytearray(built.deployed())
    filled = {place for start, length in built.immutables for place in range(start, start + length)}
    whole = masked_hash(built, bytes(code))
    assert 0 < len(filled) < len(code)
    for place in range(0, len(code), 97):
        code[place] ^= 1
        assert (masked_hash(built, bytes(code)) == whole) is (place in filled)
        code[place] ^= 1
    assert masked_hash(built, bytes(code[:-1])) != whole
    assert masked_hash(built, bytes(code) + b"\0") != whole
