"""The code on chain against the build: nothing is trusted with money that was not compiled from these sources."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from bot.chain.artefacts import Artefact, artefact
from bot.chain.rpc import Rpc
from bot.errors import ChainError


@dataclass(frozen=True, slots=True)
class Contract:
    """One whose code must be ours. `libraries`: name -> address of those that it is linked to."""

    what: str
    address: str
    artefact: str
    libraries: Mapping[str, str] = field(default_factory=dict)


async def require_same_code(rpc: Rpc, contracts: Sequence[Contract], block: str = "latest") -> None:
    """Returns once every contract's runtime code is the build's.

    Compared is all of it, the compiler's metadata too, but for the words that a constructor fills in. Raises ChainError
    naming the first that differs, with the hash that was expected and the one that was found.
    """
    codes = await asyncio.gather(*(rpc.request("eth_getCode", [each.address, block]) for each in contracts))
    for each, code in zip(contracts, codes, strict=True):
        built = artefact(each.artefact)
        expected, found = (
            masked_hash(built, text) for text in (built.deployed(each.libraries), bytes.fromhex(code[2:]))
        )
        if expected != found:
            raise ChainError(
                f"{each.what} at {each.address}: its code is {found}, expected {expected}, this build's {each.artefact}"
            )


def masked_hash(built: Artefact, code: bytes) -> str:
    """Keccak of `code` with zeros where `built` has immutables, 0x hexadecimal."""
    masked = bytearray(code)
    for start, length in built.immutables:
        if start + length <= len(masked):
            masked[start : start + length] = bytes(length)
    return "0x" + keccak(bytes(masked)).hex()
