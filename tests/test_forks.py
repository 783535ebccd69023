"""Books against the chain: what others did is booked first, and an anchor that may still be paid for is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.config import load_config
from bot.core.market import Market
from bot.core.postings import NATIVE, Posting, balanced, deposit
from bot.errors import LedgerMismatch
from bot.execution.anchoring import paid
from bot.forks import Comparison, unpriced_of
from bot.ledger.journal import SqliteJournal, open_ledger
from tests.chain.test_flows import log
from tests.ledger.builders import MEDIA, MONEY, UNIVERSE

FUNDS = 10**18


@dataclass
class Chain:
    """A reader, a node and a committer of a chain on which nothing happens but what a test says."""

    idle: int = 500
    anchorer: int = FUNDS
    unsettled: str = ""
    logs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)
    head: int = 7

    async def market(self) -> Market:
        return Market(MONEY.chain_id, self.head, "0xab", 1_000, {}, {"media": 0}, self.idle, 0)

    async def balances(self, block: int) -> dict[tuple[str, str], int]:
        return {("idle", MONEY.address): self.idle, ("keeper", NATIVE): FUNDS, ("anchorer", NATIVE): self.anchorer}

    async def settle(self) -> str:
        return self.unsettled

    async def request(self, method: str, params: list[Any]) -> Any:
        assert method == "eth_getLogs"
        self.asked.append((int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16)))
        return self.logs


async def comparison(chain: Chain, journal: SqliteJournal) -> Comparison:
    await journal.post("opening", 0, deposit(UNIVERSE, 500))
    for payer in ("keeper", "anchorer"):
        await journal.post(payer, 0, balanced([Posting("gas", NATIVE, -FUNDS), Posting(payer, NATIVE, FUNDS)]))
    where = SimpleNamespace(rpc=chain, universe=UNIVERSE, vault="0x" + "77" * 20, description=SimpleNamespace(block=3))
    return Comparison(where, SimpleNamespace(reader=chain, committer=chain), journal)  # type: ignore[arg-type]


async def test_equal_books_pass_and_what_is_held_is_valued(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal:
        chain = Chain()
        compare = await comparison(chain, journal)
        await compare()
        chain.head = 9
        await compare()
        assert chain.asked == [(4, 7), (8, 9)], "each block's events once"
        valued = await journal.valued()
        assert (valued.block, valued.at, valued.values) == (9, 1_000, {"media": 0})


async def test_the_anchorers_gas_is_compared_like_the_keepers(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal:
        chain = Chain(anchorer=FUNDS - 5)
        compare = await comparison(chain, journal)
        with pytest.raises(LedgerMismatch, match=r"anchorer of native: ledger 1000000000000000000, chain 9{17}5"):
            await compare()
        await journal.post("anchor 0x1", 1, paid(5))
        await compare()


async def test_an_anchor_that_may_still_be_paid_for_halts_nothing(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal:
        chain = Chain(anchorer=FUNDS - 5, unsettled="no receipt for the anchor 0x1")
        compare = await comparison(chain, journal)
        await compare()
        chain.idle += 1
        with pytest.raises(LedgerMismatch, match="idle of "):
            await compare()


async def test_a_deposit_by_somebody_else_is_booked_before_it_is_compared(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as journal:
        chain = Chain(idle=509)
        event = log("Deposit(address,address,uint256,uint256)", (9, 9), MEDIA.address, MEDIA.address)
        chain.logs = [event | {"transactionHash": "0xaa", "logIndex": "0x2"}]
        compare = await comparison(chain, journal)
        await compare()
        books = await journal.balances()
        assert (books["idle", MONEY.address], books["investors", MONEY.address]) == (509, -509)


def test_what_may_be_lost_in_a_day_is_a_twentieth_of_the_capital_if_the_file_is_silent(tmp_path: Path) -> None:
    file = tmp_path / "strategy.yaml"
    text = "capital: 100000 USDC\nevery: 1d\nstrategy: {name: equal_weight}\nvenues:\n"
    text += "  one: {kind: uniswap_v3_hold, asset: ONE, fee: 30 bps}\n"
    for more, budget in (("", 5_000 * 10**6), ("limits: {unpriced: 12 USDC}\n", 12 * 10**6)):
        file.write_text(text + more, encoding="utf-8")
        assert unpriced_of(load_config(file, {})) == budget
