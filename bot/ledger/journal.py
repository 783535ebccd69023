"""The books: intents before they are sent, outcomes, postings, reports. Each call is on disk when it returns."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.core.holdings import Holding, holdings
from bot.core.plan import Plan
from bot.core.postings import Posting, Receipt, balanced
from bot.core.report import FAILED, UNKNOWN, CycleReport
from bot.core.units import Token
from bot.errors import ConfigError, InvariantBroken, StorageError
from bot.ledger import schema
from bot.ledger.codec import (
    plan_from_json,
    plan_to_json,
    receipt_from_json,
    receipt_to_json,
    report_from_json,
    report_to_json,
)
from bot.ledger.connection import ChainIdentity, engine_of, make_file, prepare, storage_errors
from bot.ledger.lock import JournalPaths
from bot.ports import Intent

__all__ = [
    "ChainIdentity",
    "IntentRow",
    "JournalPaths",
    "Mark",
    "SqliteJournal",
    "open_ledger",
    "plan_from_json",
    "plan_to_json",
]

_VALUES = "values"
OURS = ("idle", "venue:", "keeper", "anchorer")  # hold something of ours; the others say where it came from


@dataclass(frozen=True, slots=True)
class IntentRow:
    """An intent as the journal knows it; `receipt` is None while its state is "open"."""

    intent: Intent
    plan: Plan
    state: str
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Net asset value as one cycle reported it, in raw units of the vault's asset."""

    cycle: int
    at: int
    block: int
    nav: int


@dataclass(frozen=True, slots=True)
class Valued:
    """What positions were worth at one block, by venue id, in raw units of the vault's asset."""

    block: int
    at: int
    values: Mapping[str, int]


class SqliteJournal:
    """`bot.ports.Journal` on SQLite, and what the command line and the dashboard read.

    Every call may raise StorageError (full, read-only, broken disk): then nothing of that call is in the books, and
    everything before it is. InvariantBroken means that the caller contradicts what is already written.
    """

    def __init__(self, engine: AsyncEngine, path: Path) -> None:
        self._engine = engine
        self._path = path

    @asynccontextmanager
    async def _transaction(self, doing: str) -> AsyncIterator[AsyncConnection]:
        with storage_errors(self._path, doing):
            async with self._engine.begin() as connection:
                yield connection

    async def intent(self, intent: Intent, plan: Plan) -> None:
        """Writes the signed bytes down. The same intent again changes nothing; another under its id is refused."""
        if intent.id != plan.id:
            raise InvariantBroken(f"intent {intent.id[:12]} is not of plan {plan.id[:12]}")
        values = {name: getattr(intent, name) for name in Intent.__slots__} | {"plan": plan_to_json(plan)}
        async with self._transaction(f"cannot record intent {intent.id[:12]}") as connection:
            known = await _intent_row(connection, intent.id)
            if known is None:
                await connection.execute(insert(schema.intents).values(**values, state=schema.OPEN))
            elif any(getattr(known, name) != value for name, value in values.items()):
                raise InvariantBroken(f"plan {intent.id[:12]} was signed before, as {known.tx_hash}")

    async def outcome(self, intent: Intent, receipt: Receipt, postings: Sequence[Posting]) -> None:
        """Closes an intent with the chain's word and its postings. The same again changes nothing, other is refused."""
        lines = balanced(postings)
        if receipt.tx_hash != intent.tx_hash:
            raise InvariantBroken(f"receipt of {receipt.tx_hash} for intent {intent.id[:12]}, sent as {intent.tx_hash}")
        told = receipt_to_json(receipt)
        async with self._transaction(f"cannot record the outcome of {intent.tx_hash}") as connection:
            known = await _intent_row(connection, intent.id)
            if known is None or known.tx_hash != intent.tx_hash:
                raise InvariantBroken(f"outcome of {intent.tx_hash}, which was never written down as an intent")
            if known.state != schema.OPEN:
                booked = await _lines(connection, schema.postings.c.intent_id == intent.id)
                if known.receipt != told or booked != lines:
                    raise InvariantBroken(f"intent {intent.id[:12]} already has another outcome: {known.state}")
                return
            state = schema.DONE if receipt.ok else schema.REVERTED
            closed = {"state": state, "receipt": told, "resolved_at": receipt.time}
            await connection.execute(update(schema.intents).where(schema.intents.c.id == intent.id).values(**closed))
            await _post(connection, lines, cycle=intent.cycle, intent_id=intent.id)

    async def post(self, reference: str, cycle: int, postings: Sequence[Posting]) -> None:
        """Books what no intent of ours caused, like a deposit, once per `reference`; other lines later are refused."""
        lines = balanced(postings)
        async with self._transaction(f"cannot book {reference}") as connection:
            table = schema.entries.c
            known = await connection.scalar(select(table.cycle).where(table.reference == reference))
            if known is not None:
                if await _lines(connection, schema.postings.c.entry == reference) != lines:
                    raise InvariantBroken(f"{reference} is already booked with other postings")
                return
            await connection.execute(insert(schema.entries).values(reference=reference, cycle=cycle))
            await _post(connection, lines, cycle=cycle, entry=reference)

    async def report(self, report: CycleReport) -> None:
        """Stores what a cycle did. The same again changes nothing; only "unknown" and "failed" may be corrected."""
        table = schema.cycles
        values = {"at": report.at, "block": report.block, "outcome": report.outcome, "nav": report.nav}
        values["report"] = report_to_json(report)
        async with self._transaction(f"cannot record cycle {report.cycle}") as connection:
            row = (await connection.execute(select(table).where(table.c.cycle == report.cycle))).one_or_none()
            if row is not None and row.report != values["report"] and row.outcome not in (UNKNOWN, FAILED):
                raise InvariantBroken(f"cycle {report.cycle} was reported as {row.outcome}, now as {report.outcome}")
            statement = upsert(table).values(cycle=report.cycle, **values)
            await connection.execute(statement.on_conflict_do_update(index_elements=[table.c.cycle], set_=values))

    async def open_intents(self) -> list[tuple[Intent, Plan]]:
        """Intents without an outcome, in the order in which they were signed."""
        table = schema.intents
        async with self._transaction("cannot read the intents") as connection:
            chosen = select(table).where(table.c.state == schema.OPEN).order_by(table.c.sequence)
            found = await connection.execute(chosen)
            return [(row.intent, row.plan) for row in map(self._intent, found)]

    async def unreported(self) -> list[tuple[Intent, Plan, Receipt]]:
        """Intents with an outcome whose cycle has no final report, as a crash between the two leaves them."""
        table, told = schema.intents, schema.cycles.c
        final = select(told.cycle).where(told.outcome.not_in((UNKNOWN, FAILED)))
        async with self._transaction("cannot read the intents") as connection:
            chosen = select(table).where(table.c.state != schema.OPEN, table.c.cycle.not_in(final))
            rows = [self._intent(row) for row in await connection.execute(chosen.order_by(table.c.sequence))]
        return [(row.intent, row.plan, row.receipt) for row in rows if row.receipt is not None]

    async def high_water_mark(self, since: int) -> int:
        """Highest net asset value reported at or after `since`, 0 if none."""
        table = schema.cycles
        async with self._transaction("cannot read the cycles") as connection:
            highest = await connection.scalar(select(func.max(table.c.nav)).where(table.c.at >= since))
            return int(highest) if highest is not None else 0

    async def balances(self) -> dict[tuple[str, str], int]:
        """Sum of postings by (account, token), accounts that came back to zero included."""
        totals: dict[tuple[str, str], int] = defaultdict(int)
        async with self._transaction("cannot read the postings") as connection:
            table = schema.postings.c
            for account, token, amount in await connection.execute(select(table.account, table.token, table.amount)):
                totals[account, token] += amount
        return dict(totals)

    async def positions(self) -> dict[tuple[str, str], int]:
        """What the books say is ours and not zero, by (account, token), sorted by account."""
        everything = await self.balances()
        return {key: total for key, total in sorted(everything.items()) if total and key[0].startswith(OURS)}

    async def intents(self, limit: int = 50) -> list[IntentRow]:
        """The newest intents, newest first."""
        table = schema.intents
        async with self._transaction("cannot read the intents") as connection:
            found = await connection.execute(select(table).order_by(table.c.sequence.desc()).limit(limit))
            return [self._intent(row) for row in found]

    async def cycles(self, limit: int = 50) -> list[dict[str, Any]]:
        """The newest reports, newest first, as `CycleReport.as_dict` gave them; what was not a number is None."""
        table = schema.cycles
        async with self._transaction("cannot read the cycles") as connection:
            found = await connection.scalars(select(table.c.report).order_by(table.c.cycle.desc()).limit(limit))
            return [json.loads(report) for report in found]

    async def reports(self) -> list[CycleReport]:
        """Every report, oldest first."""
        table = schema.cycles
        async with self._transaction("cannot read the cycles") as connection:
            found = list(await connection.scalars(select(table.c.report).order_by(table.c.cycle)))
        with self._sound("a report"):
            return [report_from_json(text) for text in found]

    async def last_cycle(self) -> int:
        """The highest cycle number in the books, of a report or of an intent; 0 if there is none."""
        async with self._transaction("cannot read the cycles") as connection:
            columns = (schema.cycles.c.cycle, schema.intents.c.cycle)
            numbers = [await connection.scalar(select(func.max(column))) for column in columns]
            return max((number for number in numbers if number is not None), default=0)

    async def marks(self, since: int = 0) -> list[Mark]:
        """Net asset values reported at or after `since`, oldest first."""
        table = schema.cycles.c
        async with self._transaction("cannot read the cycles") as connection:
            chosen = select(table.cycle, table.at, table.block, table.nav).where(table.at >= since)
            return [Mark(*row) for row in await connection.execute(chosen.order_by(table.cycle))]

    async def value(self, block: int, at: int, values: Mapping[str, int]) -> None:
        """Keeps what each venue's position was worth at a block, in raw money, in place of what was kept before."""
        row = upsert(schema.meta).values(key=_VALUES, value=json.dumps([block, at, dict(values)]))
        async with self._transaction("cannot record the values") as connection:
            changed = row.on_conflict_do_update(index_elements=["key"], set_={"value": row.excluded.value})
            await connection.execute(changed)

    async def valued(self) -> Valued:
        """The values that were kept last; none, at block 0, where none were."""
        async with self._transaction("cannot read the values") as connection:
            found = await connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == _VALUES))
            return Valued(*json.loads(found)) if found else Valued(0, 0, {})

    async def holdings(self) -> dict[str, Holding]:
        """What is held in every venue, what it cost and what it brought in."""
        table = schema.intents
        async with self._transaction("cannot read the intents") as connection:
            chosen = select(table).where(table.c.state == schema.DONE).order_by(table.c.sequence)
            rows = [self._intent(row) for row in await connection.execute(chosen)]
        fills = [fill for row in rows if row.receipt for fill in row.receipt.fills]
        return holdings(fills, await self.balances())

    async def name_tokens(self, tokens: Sequence[Token]) -> None:
        """Keeps symbols and decimals beside the amounts, so that they can be read where no chain is at hand."""
        async with self._transaction("cannot record the tokens") as connection:
            for token in tokens:
                value = json.dumps([token.chain_id, token.address, token.symbol, token.decimals])
                row = upsert(schema.meta).values(key=f"token.{token.address.lower()}", value=value)
                await connection.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": value}))

    async def tokens(self) -> dict[str, Token]:
        """The tokens that were named, by lower-case address."""
        table = schema.meta.c
        async with self._transaction("cannot read the tokens") as connection:
            found = await connection.execute(select(table.key, table.value).where(table.key.startswith("token.")))
            return {str(key).removeprefix("token."): Token(*json.loads(value)) for key, value in found}

    def _intent(self, row: Row[Any]) -> IntentRow:
        """The row as values. A plan that no longer has its id was altered on disk."""
        with self._sound(f"intent {row.id[:12]}"):
            plan = plan_from_json(row.plan)
            receipt = None if row.receipt is None else receipt_from_json(row.receipt)
        if plan.id != row.id:
            raise StorageError(f"{self._path}: intent {row.id[:12]}: its plan was altered (now {plan.id[:12]})")
        return IntentRow(Intent(**{name: getattr(row, name) for name in Intent.__slots__}), plan, row.state, receipt)

    @contextmanager
    def _sound(self, what: str) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise StorageError(f"{self._path}: {what} was altered: {error}") from None


@asynccontextmanager
async def open_ledger(
    data_dir: Path, identity: ChainIdentity | None = None, read_only: bool = False
) -> AsyncIterator[SqliteJournal]:
    """The journal of a data directory, made on first use unless `read_only`.

    The first `identity` given is kept; a later one that differs is a ChainError. Raises StorageError when the file is
    damaged, no ledger, or of another version, ConfigError when there is none to read.
    """
    path = JournalPaths(data_dir).ledger
    if not read_only:
        make_file(path)
    elif not path.exists():
        raise ConfigError(f"{data_dir}: no ledger here yet: `patron run CONFIG` makes one")
    async with engine_of(path, read_only) as engine:
        await prepare(engine, path, identity, read_only)
        yield SqliteJournal(engine, path)


async def _intent_row(connection: AsyncConnection, plan_id: str) -> Row[Any] | None:
    return (await connection.execute(select(schema.intents).where(schema.intents.c.id == plan_id))).one_or_none()


async def _lines(connection: AsyncConnection, cause: Any) -> tuple[Posting, ...]:
    table = schema.postings.c
    found = await connection.execute(select(table.account, table.token, table.amount).where(cause).order_by(table.id))
    return tuple(Posting(*row) for row in found)


async def _post(connection: AsyncConnection, lines: Sequence[Posting], **cause: Mapping[str, Any] | Any) -> None:
    for line in lines:
        values = {"account": line.account, "token": line.token, "amount": line.amount, **cause}
        await connection.execute(insert(schema.postings).values(**values))
