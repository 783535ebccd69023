"""What a contract's logs count: swaps, transfers, sales, uses, revenue. Pure, in raw integers: no order matters.

Event declarations: Uniswap V3's pool interface, ERC-721, Seaport 1.6's ConsiderationEventsAndErrors, our own contracts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from bot.chain.block_times import block_of
from bot.core.units import ZERO_ADDRESS

What = Literal["pool", "collection", "sales", "media", "revenue"]
HOUR: Final = 3_600
_WORD: Final = 64  # hexadecimal digits
_FUNGIBLE, _PIECES = frozenset({0, 1}), frozenset({2, 3})  # Seaport's item types
_ORDER: Final = ("bytes32", "address", "(uint8,address,uint256,uint256)[]", "(uint8,address,uint256,uint256,address)[]")

SIGNATURES: Final[Mapping[What, tuple[str, ...]]] = {
    "pool": (
        "Swap(address,address,int256,int256,uint160,uint128,int24)",
        "Mint(address,address,int24,int24,uint128,uint256,uint256)",
    ),
    "collection": ("Transfer(address,address,uint256)",),
    "sales": (
        "OrderFulfilled(bytes32,address,address,address,(uint8,address,uint256,uint256)[],"
        "(uint8,address,uint256,uint256,address)[])",
    ),
    "media": (
        "Licensed(uint256,bytes32,address,uint64,uint256)",
        "Minted(uint256,address,bytes32,address,uint256)",
        "Derived(uint256,uint256,bytes32,uint256)",
    ),
    "revenue": ("Counted(uint256)", "Released(address,address,uint256)"),
}
"""The events that each kind of contract is asked for."""
FLOWS: Final[Mapping[What, tuple[str, ...]]] = {
    "pool": ("swaps", "swap_volume", "mints"),
    "collection": ("transfers", "minted"),
    "sales": ("sales", "sale_volume"),
    "media": ("uses", "use_paid", "licences", "licence_paid", "media_minted", "derived"),
    "revenue": ("royalties",),
}
"""What is counted of each."""
IN_MONEY: Final = frozenset({"swap_volume", "sale_volume", "use_paid", "licence_paid", "royalties"})
"""Flows in raw units of money; the others are counts."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A contract and what to count of it. Addresses in lower case.

    quote: which of a pool's tokens is money, 0 or 1; collection: whose sales; money: the token that they are paid in.
    """

    what: What
    address: str
    quote: int = 1
    collection: str = ""
    money: str = ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class Flow:
    """`token`: of a medium, its number; "" for the whole contract. `once`: what must not be counted twice, if any."""

    name: str
    amount: int
    token: str = ""
    once: str = ""


Flows = dict[tuple[str, str, int], int]
"""(name, token, hour as a multiple of 3,600 s) -> raw amount."""


def topics_of(what: What) -> list[str]:
    """First topics of the events that are asked for."""
    return ["0x" + keccak(text=signature).hex() for signature in SIGNATURES[what]]


def flows(
    watched: Watched, logs: Sequence[Mapping[str, Any]], times: Mapping[int, int]
) -> tuple[Flows, list[tuple[str, str]]]:
    """Sums by hour, and (place, reason) of each log that is not what it should be. `times`: block -> unix second."""
    sums: Flows = defaultdict(int)
    unfit: list[tuple[str, str]] = []
    counted: set[str] = set()
    for log in sorted(logs, key=_place):
        time = times[block_of(log)]
        try:
            found = list(flows_of(watched, log, time))
        except (ValueError, LookupError, TypeError, AttributeError, DecodingError) as error:
            unfit.append((f"block {_place(log)[0]} log {_place(log)[1]}", _reason(watched, error)))
            continue
        if any(flow.once and flow.once in counted for flow in found):
            continue
        counted |= {flow.once for flow in found}
        for flow in found:
            sums[flow.name, flow.token, time // HOUR] += flow.amount
            if flow.token:
                sums[flow.name, "", time // HOUR] += flow.amount
    return dict(sums), unfit


def flows_of(watched: Watched, log: Mapping[str, Any], time: int) -> Iterable[Flow]:
    """What one log counts. Raises ValueError and its like for a log that is not of the form that is known."""
    if log.get("removed"):
        raise ValueError("was removed by a reorganisation")
    if log["address"].lower() != watched.address:
        raise ValueError(f"is of {log['address'][:42]}")
    topics, data = [str(topic) for topic in log["topics"]], bytes.fromhex(log["data"][2:])
    event = topics_of(watched.what).index(topics[0])
    return _COUNTERS[watched.what](watched, event, topics, data, str(log["transactionHash"]), time)


def _pool(watched: Watched, event: int, topics: list[str], data: bytes, _: str, __: int) -> Iterable[Flow]:
    if event == 1:
        _shaped(topics, 4, data, 4)
        return [Flow("mints", 1)]
    _shaped(topics, 3, data, 5)
    amount = int.from_bytes(data[32 * watched.quote : 32 * watched.quote + 32], signed=True)
    return [Flow("swaps", 1), Flow("swap_volume", abs(amount))]


def _collection(_: Watched, __: int, topics: list[str], data: bytes, ___: str, ____: int) -> Iterable[Flow]:
    _shaped(topics, 4, data, 0)
    made = int(topics[1], 16) == 0
    return [Flow("transfers", 1), *([Flow("minted", 1)] if made else [])]


def _sales(watched: Watched, _: int, topics: list[str], data: bytes, transaction: str, __: int) -> Iterable[Flow]:
    """One order of pieces for money. Both orders of a match tell the same sale: the first of them counts."""
    if len(topics) != 3:
        raise ValueError("has other topics")
    _, _, offer, received = decode(_ORDER, data)
    for given, taken in ((offer, received), (received, offer)):
        pieces = [item for item in given if item[0] in _PIECES and item[1].lower() == watched.collection]
        if not pieces:
            continue
        paid = [item for item in taken if item[0] in _FUNGIBLE]
        alike = all(item[1].lower() == watched.money for item in paid)
        others = any(item[0] in _PIECES and item not in pieces for item in given)
        found = [Flow("sales", 1, once=f"{transaction}:{item[2]}") for item in pieces]
        if paid and alike and not others:
            found.append(Flow("sale_volume", sum(item[3] for item in paid)))
        return found if paid else []
    return []


def _media(_: Watched, event: int, topics: list[str], data: bytes, __: str, time: int) -> Iterable[Flow]:
    """A licence that runs for no time is a single use. A derivative counts for the medium that it is made of."""
    if event == 0:
        _shaped(topics, 4, data, 2)
        token, until, price = str(int(topics[1], 16)), int.from_bytes(data[:32]), int.from_bytes(data[32:])
        name = "use" if until == time else "licence"
        return [Flow(f"{name}s", 1, token), Flow(f"{name}_paid", price, token)]
    if event == 1:
        _shaped(topics, 4, data, 2)
        return [Flow("media_minted", 1)]
    _shaped(topics, 3, data, 2)
    return [Flow("derived", 1, str(int(topics[2], 16)))]


def _revenue(watched: Watched, event: int, topics: list[str], data: bytes, _: str, __: int) -> Iterable[Flow]:
    """What shares counted as earned, or what a split released of the money that is watched."""
    _shaped(topics, 1 if event == 0 else 3, data, 1)
    if event == 1 and int(topics[1], 16) != int(watched.money, 16):
        return []
    return [Flow("royalties", int.from_bytes(data))]


_COUNTERS: Final = {"pool": _pool, "collection": _collection, "sales": _sales, "media": _media, "revenue": _revenue}


def _shaped(topics: list[str], count: int, data: bytes, words: int) -> None:
    if len(topics) != count or len(data) != 32 * words:
        raise ValueError(f"has {len(topics)} topics and {len(data)} bytes, not {count} and {32 * words}")
    if any(len(topic) != 2 + _WORD for topic in topics):
        raise ValueError("has a topic that is no word")


def _place(log: Mapping[str, Any]) -> tuple[int, int]:
    try:
        return block_of(log), int(log["logIndex"], 16)
    except (LookupError, TypeError, ValueError):
        return block_of(log), -1


def _reason(watched: Watched, error: Exception) -> str:
    told = str(error) if isinstance(error, ValueError) and str(error) else type(error).__name__
    return f"no log of a {watched.what}: {' '.join(told.split())[:120]}"
