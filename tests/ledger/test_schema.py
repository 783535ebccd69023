"""Money columns: the extremes, the order, and everything that is not a whole number of raw units."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, Table, create_engine, func, insert, select

from bot.errors import InvariantBroken
from bot.ledger.schema import INT256_MAX, INT256_MIN, UINT256_MAX, Int256, Uint256

METADATA = MetaData()
AMOUNTS = Table(
    "amounts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("unsigned", Uint256),
    Column("signed", Int256),
    sqlite_strict=True,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as opened:
        METADATA.create_all(opened)
        yield opened
    engine.dispose()


@pytest.mark.parametrize("value", [0, 1, 2**53 + 1, 2**63, 2**64, UINT256_MAX - 1, UINT256_MAX, None])
def test_unsigned_amounts_come_back_as_they_went_in(connection: Connection, value: int | None) -> None:
    row = connection.execute(insert(AMOUNTS).values(unsigned=value).returning(AMOUNTS.c.unsigned))
    assert row.scalar_one() == value


@pytest.mark.parametrize("value", [INT256_MIN, -(2**64), -1, 0, 1, INT256_MAX, None])
def test_signed_amounts_come_back_as_they_went_in(connection: Connection, value: int | None) -> None:
    row = connection.execute(insert(AMOUNTS).values(signed=value).returning(AMOUNTS.c.signed))
    assert row.scalar_one() == value


@pytest.mark.parametrize("value", [1.0, 0.1, True, "1", b"1", -1, UINT256_MAX + 1])
def test_an_unsigned_amount_refuses_what_is_no_whole_number_in_range(connection: Connection, value: object) -> None:
    with pytest.raises(InvariantBroken, match="Uint256"):
        connection.execute(insert(AMOUNTS).values(unsigned=value))


@pytest.mark.parametrize("value", [1.0, False, "1", INT256_MAX + 1, INT256_MIN - 1])
def test_a_signed_amount_refuses_what_is_no_whole_number_in_range(connection: Connection, value: object) -> None:
    with pytest.raises(InvariantBroken, match="Int256"):
        connection.execute(insert(AMOUNTS).values(signed=value))


@given(values=st.lists(st.integers(0, UINT256_MAX), min_size=1, max_size=20))
def test_sql_orders_unsigned_amounts_as_numbers(connection: Connection, values: list[int]) -> None:
    connection.execute(AMOUNTS.delete())
    connection.execute(insert(AMOUNTS), [{"unsigned": value} for value in values])
    column = AMOUNTS.c.unsigned
    assert list(connection.scalars(select(column).order_by(column))) == sorted(values)
    assert connection.scalar(select(func.max(column))) == max(values)
    assert connection.scalar(select(func.count()).where(column >= values[0])) == sum(v >= values[0] for v in values)
