"""A devnet with venues of other kinds than a held token, and plans carried out there as the cycle would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from bot.chain.artefacts import abi
from bot.chain.calls import allocate_calldata, fills_of
from bot.chain.devnet.accounts import OWNER
from bot.chain.devnet.batch import Batch, Transaction, mine
from bot.chain.devnet.devnet import Devnet, DevnetSpec
from bot.chain.reader import ChainReader
from bot.chain.rpc import quantity
from bot.core.market import Market
from bot.core.plan import Plan
from bot.core.postings import Fill
from bot.core.units import Token
from bot.core.universe import ERC4626, LP, NFT, REVENUE, ZORA, Universe, Venue, idle
from tests.chain.committing import committed
from tests.chain.worlds import DEPTH, MONEY, placeholder, plan_for, spec_of

USDC: Final = 10**6
PRICES: Final = {"pieces": 1.0, "savings": 1.0, "range": 1.25, "coin": 0.9, "song": 1.4}
_OTHERWISE: Final[dict[str, dict[str, Any]]] = {
    "pieces": {"kind": NFT, "max_price": 1_035 * USDC, "max_loss_bps": 2_500},
    "savings": {"kind": ERC4626},
    "range": {"kind": LP, "fee_pips": 3_000, "tick_spacing": 60, "width_bps": 2_000},
    "coin": {"kind": ZORA, "fee_pips": 10_000, "tick_spacing": 200, "toll_bps": 100, "max_loss_bps": 1_000},
    "song": {"kind": REVENUE, "fee_pips": 10_000, "tick_spacing": 200, "max_loss_bps": 1_000},
}


def spec_with(*names: str) -> DevnetSpec:
    """A devnet with these venues alone, by the names above."""
    venues = [
        Venue(id=name, asset=name, token=Token(31_337, placeholder(number), name, 18), **_OTHERWISE[name])
        for number, name in enumerate(names, start=2)
    ]
    universe = Universe(MONEY, (idle(MONEY), *venues))
    return spec_of(
        universe=universe, prices={name: PRICES[name] for name in names}, depth=DEPTH, unpriced=20_000 * USDC
    )


def reader_of(chain: Devnet) -> ChainReader:
    return ChainReader(chain.rpc, chain.universe, chain.vault)


@asynccontextmanager
async def undone(chain: Devnet) -> AsyncIterator[Devnet]:
    """The devnet, set back afterwards to what it was."""
    before = await chain.rpc.request("evm_snapshot", [])
    try:
        yield chain
    finally:
        assert await chain.rpc.request("evm_revert", [before])


async def sends(chain: Devnet, sender: str, *calls: tuple[Any, ...], gas: int = 3_000_000) -> None:
    """Calls (address, signature, values...) of one sender, mined in one block. Raises Reverted."""
    batch = await Batch.of(chain.rpc, sender)
    for to, signature, *values in calls:
        batch.call(to, signature, tuple(values), gas=gas)
    await mine(chain.rpc, batch.transactions)


async def given_money(chain: Devnet, to: str, amount: int, spender: str) -> None:
    """Money made for somebody, who approves all of it to a spender."""
    money = chain.universe.money.address
    await sends(chain, OWNER, (money, "mint(address,uint256)", to, amount))
    await sends(chain, to, (money, "approve(address,uint256)", spender, amount))


async def moved_to(chain: Devnet, reader: ChainReader, *weights: float) -> tuple[Market, Plan, Sequence[Fill]]:
    """What was planned towards these weights of the risky venues, the market it was made of, and what the vault did."""
    commitment = await committed(chain, plan_for(weights, await reader.market(), chain.universe))
    market = await reader.market()
    plan = plan_for(weights, market, chain.universe)
    data = allocate_calldata(plan, chain.universe, abi("Vault"), commitment, reader.told)
    sent = Transaction(chain.keeper, chain.vault, data, 12_000_000, "allocate")
    (receipt,) = await mine(chain.rpc, [sent])
    assert quantity(receipt["status"]) == 1
    return market, plan, fills_of(receipt["logs"], chain.universe)
