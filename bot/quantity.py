"""Quantities as people write them in YAML: "30 bps", "20 %", "6h", "250 USDC". Parsed here and nowhere else.

A bare number where a unit belongs is refused: 5 could be five per cent or five times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_NUMBER = r"(-?[0-9][0-9_,]*(?:\.[0-9]+)?)"
_SHARES = {"bps": 1, "%": 100}  # in basis points
_CENTURY = 100 * 365 * 86_400
_MOST_MONEY = 10**15  # whole tokens: with any decimals in use it still fits the pools' 128-bit numbers
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def _split(value: object, what: str, example: str) -> tuple[Decimal, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a unit is missing: write {what} such as {example}")
    if not isinstance(value, str):
        raise ValueError(f"expected {what} such as {example}")
    match = re.fullmatch(rf"\s*{_NUMBER}\s*([A-Za-z%]+)\s*", value)
    if not match:
        raise ValueError(f"expected {what} such as {example}")
    try:
        return Decimal(match[1].replace("_", "").replace(",", "")), match[2]
    except InvalidOperation as error:
        raise ValueError(f"not a number: {match[1]}") from error


def bps(value: object) -> int:
    """A share as whole basis points: "30 bps" -> 30, "20 %" -> 2000. Refuses fractions of a basis point."""
    number, unit = _split(value, "a share", '"50 bps" or "20 %"')
    if unit not in _SHARES:
        raise ValueError(f'wrong unit {unit!r}: write a share such as "50 bps" or "20 %"')
    scaled = Fraction(number) * _SHARES[unit]
    if scaled.denominator != 1:
        raise ValueError("finer than a basis point")
    if not 0 <= scaled <= 10_000:
        raise ValueError("outside 0 % … 100 %")
    return int(scaled)


def fee_pips(value: object) -> int:
    """A pool fee as Uniswap counts it (millionths): "30 bps" -> 3000, "0.05 %" -> 500."""
    number, unit = _split(value, "a fee", '"30 bps" or "0.05 %"')
    if unit not in _SHARES:
        raise ValueError(f'wrong unit {unit!r}: write a fee such as "30 bps" or "0.05 %"')
    scaled = Fraction(number) * _SHARES[unit] * 100
    if scaled not in (100, 500, 3_000, 10_000):
        raise ValueError('not a Uniswap V3 fee tier: choose "1 bps", "5 bps", "30 bps" or "100 bps"')
    return int(scaled)


def seconds(value: object) -> int:
    """A duration as whole seconds: "6h" -> 21600, "90d" -> 7776000. Must be longer than nothing."""
    number, unit = _split(value, "a duration", '"6h" or "7d"')
    if unit not in _SECONDS:
        raise ValueError(f'wrong unit {unit!r}: write a duration such as "30s", "15min", "6h" or "7d"')
    scaled = Fraction(number) * _SECONDS[unit]
    if scaled <= 0 or scaled.denominator != 1:
        raise ValueError("must be a whole number of seconds above zero")
    if scaled > _CENTURY:
        raise ValueError("longer than a century")
    return int(scaled)


def written_seconds(duration: int) -> str:
    """A duration as one would write it in the file: 21600 -> "6h". The inverse of `seconds`."""
    unit = next(name for name in ("d", "h", "min", "s") if duration % _SECONDS[name] == 0)
    return f"{duration // _SECONDS[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as written, "10000 USDC". Becomes raw units once the token's decimals are known."""

    number: Decimal
    symbol: str

    def raw(self, decimals: int) -> int:
        """Raw units, rounded down."""
        numerator, denominator = self.number.as_integer_ratio()  # Decimal's own product would keep 28 digits
        scale: int = 10**decimals
        return numerator * scale // denominator

    def __float__(self) -> float:
        return float(self.number)

    def __str__(self) -> str:
        return f"{self.number:,} {self.symbol}"


def money(value: object) -> Money:
    """An amount with its token symbol. Must not be negative."""
    number, symbol = _split(value, "an amount", '"250 USDC"')
    if number < 0 or symbol == "%":
        raise ValueError("an amount with a token symbol, zero or more")
    if number > _MOST_MONEY:
        raise ValueError(f"more than {_MOST_MONEY:,} {symbol}")
    return Money(number, symbol)


def gwei(value: object) -> int:
    """A gas price in wei: "5 gwei" -> 5_000_000_000."""
    number, unit = _split(value, "a gas price", '"5 gwei"')
    if unit != "gwei" or number < 0:
        raise ValueError('write a gas price such as "5 gwei"')
    return int(Fraction(number) * 10**9)


def when(value: str, option: str = "time") -> int:
    """A day or time in UTC as unix seconds: "2024-01" (its first day), "2024-01-31", "2024-01-31T06:00"."""
    text = value.strip()
    try:
        parsed = datetime.fromisoformat(text + "-01" if re.fullmatch(r"\d{4}-\d{2}", text) else text)
    except ValueError:
        raise ValueError(f'{option}: expected a day such as "2024-01-31" (got {value!r})') from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())


def last_second(value: str, option: str = "time") -> int:
    """The last second of a day or month: "2024-09" is the whole of September, "2024-09-07" the whole of that day.

    A bar that closes at the midnight after it belongs to it.
    """
    text = value.strip()
    if re.fullmatch(r"\d{4}-\d{2}", text):
        when(value, option)  # refused by what was written, not by the month after it
        year, month = int(text[:4]), int(text[5:])
        return when(f"{year + month // 12:04d}-{month % 12 + 1:02d}-01", option)
    start = when(value, option)
    return start + 86_400 if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else start


def _written(pattern: str, example: str) -> WithJsonSchema:
    """In the file it is a string of this form, whatever it becomes here."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


_DIGITS = r"\s*[0-9][0-9_,]*(\.[0-9]+)?\s*"  # as in _NUMBER; a sign is nowhere legal
BpsField = Annotated[int, BeforeValidator(bps), _written(rf"^{_DIGITS}(bps|%)\s*$", "50 bps")]
FeeField = Annotated[int, BeforeValidator(fee_pips), _written(rf"^{_DIGITS}(bps|%)\s*$", "30 bps")]
SecondsField = Annotated[int, BeforeValidator(seconds), _written(rf"^{_DIGITS}(s|m|min|h|d|w)\s*$", "7d")]
MoneyField = Annotated[Money, BeforeValidator(money), _written(rf"^{_DIGITS}[A-Za-z]+\s*$", "250 USDC")]
GweiField = Annotated[int, BeforeValidator(gwei), _written(rf"^{_DIGITS}gwei\s*$", "5 gwei")]
