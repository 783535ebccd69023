"""The ledger's tables. One SQLite file, STRICT tables, money as text that no float can enter."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator

from bot.errors import InvariantBroken

SCHEMA_VERSION = 1

UINT256_MAX = 2**256 - 1
INT256_MAX = 2**255 - 1
INT256_MIN = -(2**255)
_DIGITS = len(str(UINT256_MAX))  # 78

OPEN, DONE, REVERTED = "open", "done", "reverted"


class NotAnAmount(InvariantBroken, DontWrapMixin):
    """A value that is no whole number of raw units, or does not fit the chain's word."""


def _whole(value: object, low: int, high: int, name: str) -> int:
    """`value`, once it is seen to be an int in [low, high]. A bool or a float is refused however round it is."""
    if type(value) is not int:
        raise NotAnAmount(f"{name} takes whole raw units only (got {type(value).__name__} {str(value)[:80]})")
    if not low <= value <= high:
        raise NotAnAmount(f"{name} out of range (got {value:e})" if abs(value) < 10**300 else f"{name} out of range")
    return value


class Uint256(TypeDecorator[int]):
    """0 … 2²⁵⁶ − 1 as 78 zero-padded digits, so that comparing and MAX in SQL agree with the numbers. Never SUM it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else f"{_whole(value, 0, UINT256_MAX, 'Uint256'):0{_DIGITS}d}"

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class Int256(TypeDecorator[int]):
    """−2²⁵⁵ … 2²⁵⁵ − 1 as plain decimal text. SQL must neither order nor sum it: Python does."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else str(_whole(value, INT256_MIN, INT256_MAX, "Int256"))

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_strict=True,
)

# A signed decision. `raw` is what is sent, and sent again after a crash; only the outcome is ever added to the row.
intents = Table(
    "intents",
    metadata,
    Column("sequence", Integer, primary_key=True),  # order of signing
    Column("id", Text, nullable=False, unique=True),  # the plan's id
    Column("cycle", Integer, nullable=False),
    Column("chain_id", Integer, nullable=False),
    Column("sender", Text, nullable=False),
    Column("nonce", Integer, nullable=False),
    Column("tx_hash", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("plan", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("receipt", Text),
    Column("created_at", Integer, nullable=False),
    Column("resolved_at", Integer),
    UniqueConstraint("chain_id", "sender", "nonce", "tx_hash"),
    CheckConstraint(f"state IN ('{OPEN}', '{DONE}', '{REVERTED}')", name="known_state"),
    CheckConstraint(f"(state = '{OPEN}') = (receipt IS NULL)", name="outcome_has_a_receipt"),
    sqlite_strict=True,
)

# Movements that no intent of ours caused, such as an investor's deposit: booked once per reference.
entries = Table(
    "entries",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("cycle", Integer, nullable=False),
    sqlite_strict=True,
)

postings = Table(
    "postings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("intent_id", Text, ForeignKey("intents.id")),
    Column("entry", Text, ForeignKey("entries.reference")),
    Column("cycle", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("amount", Int256, nullable=False),
    CheckConstraint("(intent_id IS NULL) <> (entry IS NULL)", name="one_cause"),
    Index("postings_by_account", "account", "token"),
    sqlite_strict=True,
)

cycles = Table(
    "cycles",
    metadata,
    Column("cycle", Integer, primary_key=True),
    Column("at", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("nav", Uint256, nullable=False),
    Column("report", Text, nullable=False),
    Index("cycles_by_time", "at"),
    sqlite_strict=True,
)
