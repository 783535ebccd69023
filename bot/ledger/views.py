"""The books as people and programs read them: a table, or one JSON document. Nothing here writes.

The ledger is opened read-only, so all of this works beside a running daemon.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.core.postings import NATIVE
from bot.core.units import Token
from bot.ledger.journal import OURS, IntentRow, SqliteJournal, Valued, open_ledger
from bot.ledger.standing import read_stamp

T = TypeVar("T")

_IN_MONEY = ("value", "cost", "income", "realised")
ETHER = Token(0, NATIVE, "ETH", 18)


def show_status(data_dir: Path, as_json: bool = False, console: Console | None = None) -> None:
    """Prints the newest cycle, what is held, and how many intents are open. Raises ConfigError without a ledger."""
    found = {**_read(data_dir, _status), "certificate": read_stamp(data_dir)}
    out = console or Console()
    if as_json:
        return _document(out, found)
    last = found["last_cycle"]
    if last is None:
        out.print("no cycle yet", highlight=False)
    else:
        when = _time(last["at"])
        out.print(f"cycle {last['cycle']}  {when}  block {last['block']}  {last['outcome']}", highlight=False)
        out.print(escape(last["sentence"]), highlight=False, soft_wrap=True)
    if found["certificate"]:
        out.print(escape(found["certificate"]), highlight=False, soft_wrap=True)
    if found["open_intents"]:
        out.print(f"{found['open_intents']} intent(s) open: the chain decides; `patron ledger intents` shows them")
    _positions_table(out, found["positions"])
    out.print("next: `patron ledger positions`, `patron ledger intents`", style="dim", highlight=False)


def show_positions(data_dir: Path, as_json: bool = False, console: Console | None = None) -> None:
    """Prints what the books say is held. Raises ConfigError without a ledger."""
    found, valued = _read(data_dir, _valued_positions)
    out = console or Console()
    if as_json:
        told = {"block": valued.block, "at": valued.at} if valued.block else None
        return _document(out, {"positions": found, "valued": told})
    _positions_table(out, found)
    if valued.block:
        out.print(f"values as of block {valued.block}, {_time(valued.at)}", style="dim", highlight=False)
    out.print("next: `patron ledger reconcile` compares this with the chain", style="dim", highlight=False)


def show_intents(data_dir: Path, as_json: bool = False, console: Console | None = None, limit: int = 50) -> None:
    """Prints the newest signed decisions and what became of each. Raises ConfigError without a ledger."""

    async def read(journal: SqliteJournal) -> list[dict[str, Any]]:
        return [_intent(row) for row in await journal.intents(limit)]

    found = _read(data_dir, read)
    out = console or Console()
    if as_json:
        return _document(out, {"intents": found})
    table = _table(("cycle", "nonce", "state", "signed", "block", "gas, ETH", "tx", "legs"), right=(0, 1, 4, 5))
    for intent in found:
        receipt = intent["receipt"] or {}
        cost = receipt.get("gas_cost", {}).get("human", "")
        legs = ", ".join(f"{'+' if leg['entry'] else '-'}{leg['venue']}" for leg in intent["legs"])
        state = f"{intent['state']}: {receipt['reason']}" if receipt.get("reason") else intent["state"]
        row = (intent["cycle"], intent["nonce"], state, _time(intent["created_at"]), receipt.get("block", ""), cost)
        table.add_row(*(escape(str(cell)) for cell in (*row, f"{intent['tx_hash'][:12]}…", legs)))
    out.print(table)
    out.print("next: `patron status`", style="dim", highlight=False)


async def _status(journal: SqliteJournal) -> dict[str, Any]:
    newest = await journal.cycles(limit=1)
    tokens = await journal.tokens()
    open_intents = await journal.open_intents()
    return {
        "last_cycle": newest[0] if newest else None,
        "open_intents": len(open_intents),
        "positions": await _positions(journal),
        "tokens": {address: token.symbol for address, token in tokens.items()},
    }


async def _valued_positions(journal: SqliteJournal) -> tuple[list[dict[str, Any]], Valued]:
    return await _positions(journal), await journal.valued()


async def _positions(journal: SqliteJournal) -> list[dict[str, Any]]:
    """One line for each account that holds something, or has brought something in and holds nothing any more."""
    tokens, values = await journal.tokens(), (await journal.valued()).values
    balances, venues = await journal.balances(), await journal.holdings()
    money = next((token for account, token in balances if account == "idle"), "")
    told = {f"venue:{name}" for name, held in venues.items() if held.units or held.income or held.realised}
    rows = []
    for (account, token), raw in sorted(balances.items()):
        if not account.startswith(OURS) or not (raw or account in told):
            continue
        row = {"account": account, "token": token, **_amount(raw, token, tokens)}
        name = account.removeprefix("venue:")
        if account in told:
            held = venues[name]
            known = {"cost": held.cost, "income": held.income, "realised": held.realised}
            known |= {"value": values[name]} if name in values else {}
            row |= {what: _amount(amount, money, tokens) for what, amount in known.items()}
        rows.append(row)
    return rows


def _intent(row: IntentRow) -> dict[str, Any]:
    intent, receipt = row.intent, row.receipt
    return {
        "id": intent.id,
        "cycle": intent.cycle,
        "state": row.state,
        "chain_id": intent.chain_id,
        "sender": intent.sender,
        "nonce": intent.nonce,
        "tx_hash": intent.tx_hash,
        "created_at": intent.created_at,
        "legs": [{"venue": leg.venue, "entry": leg.entry, "amount": leg.amount} for leg in row.plan.legs],
        "receipt": None
        if receipt is None
        else {
            "block": receipt.block,
            "block_hash": receipt.block_hash,
            "time": receipt.time,
            "ok": receipt.ok,
            "reason": receipt.reason,
            "gas_used": receipt.gas_used,
            "gas_cost": _amount(receipt.gas_cost, NATIVE, {}),
        },
    }


def _amount(raw: int, token: str, tokens: Mapping[str, Token]) -> dict[str, Any]:
    """Raw units always; whole tokens and a symbol where the token was named in the ledger."""
    known = ETHER if token == NATIVE else tokens.get(token.lower())
    return {"raw": raw, "human": known.human(raw) if known else None, "symbol": known.symbol if known else None}


def _positions_table(out: Console, positions: list[dict[str, Any]]) -> None:
    if not positions:
        out.print("nothing is held", highlight=False)
        return
    in_money = [what for what in _IN_MONEY if any(what in position for position in positions)]
    table = _table(("account", "amount", "token", *in_money), right=(1, *range(3, 3 + len(in_money))))
    for position in positions:
        amount = _short(position["human"] or str(position["raw"]), 2)
        worth = [_short(position.get(what, {}).get("human") or "", 2) for what in in_money]
        cells = (position["account"], amount, position["symbol"] or position["token"], *worth)
        table.add_row(*(escape(str(cell)) for cell in cells))
    out.print(table)


def _short(human: str, places: int) -> str:
    """A number in whole tokens cut to so many places: the table is for eyes, `--json` for all digits."""
    whole, point, rest = human.partition(".")
    return f"{whole}.{rest[:places]}" if point else human


def _table(columns: tuple[str, ...], right: tuple[int, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number in right else "left", overflow="fold", no_wrap=number < 2)
    return table


def _document(out: Console, data: Any) -> None:
    """One JSON document, whatever the width of the terminal."""
    out.file.write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _read(data_dir: Path, read: Callable[[SqliteJournal], Awaitable[T]]) -> T:
    async def reading() -> T:
        async with open_ledger(data_dir, read_only=True) as journal:
            return await read(journal)

    return asyncio.run(reading())


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
