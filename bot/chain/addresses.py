"""Where well-known contracts live on the chains that a strategy file can name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from bot.errors import ChainError

FOLDER = Path(__file__).with_name("addresses")
CHAINS = ("ethereum", "base", "polygon", "arbitrum")


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Checksummed addresses on one chain. `money` is native USDC, `weth` wrapped ether; the rest is Uniswap V3's."""

    chain_id: int
    money: str
    weth: str
    v3_factory: str
    position_manager: str
    swap_router: str
    quoter: str
    tick_lens: str
    multicall3: str
    permit2: str


@cache
def book(chain: str) -> AddressBook:
    """The address book of `chain`. Raises ChainError when there is none, or when its file lacks an entry."""
    path = FOLDER / f"{chain}.yaml"
    if chain not in CHAINS:
        raise ChainError(f"no address book for chain {chain!r}: known are {', '.join(CHAINS)}")
    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ChainError(f"{path}: {error.strerror}") from None
    names = {field.name for field in fields(AddressBook)}
    if set(document) != names:
        raise ChainError(f"{path.name}: entries missing or unknown: {sorted(set(document) ^ names)}")
    return AddressBook(**document)


def book_of(chain_id: int) -> AddressBook | None:
    """The address book of a chain id, None for a chain without one."""
    return next((known for known in map(book, CHAINS) if known.chain_id == chain_id), None)
