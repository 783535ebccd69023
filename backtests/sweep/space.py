"""What a sweep varies: keys of the strategy file and their values, written as the file would write them.

policy.band=50bps:400bps:50bps     from, to (both included), step
strategy.params.strength=1:4       without a step: for random and Optuna searches only
scorer.model=ridge,hist_gradient_boosting
"""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final, Literal

from pydantic import BaseModel, BeforeValidator
from ruamel.yaml import YAML

from bot.config import Config
from bot.errors import ConfigError
from bot.quantity import bps, fee_pips, gwei, money, seconds, written_seconds
from bot.yaml_file import NOT_YAML

GWEI: Final = 10**9  # wei
FINE: Final = 1_000  # steps of a range of plain numbers that names none
MOST_VALUES: Final = 1_000_000  # of one key
# What the fast rung does not read: every combination would be the same.
UNREAD: Final = (
    *("mode", "wake_on", "debounce", "devnet.noise", "devnet.seed", "chain"),
    *("limits.max_sandwich", "limits.on_sandwich"),
)
# How dear a change is, dearest first: neighbours in a plan should differ in the cheap keys only.
COSTS: Final = (
    r"bar|signals|venues\..*(asset|topics.*|kind)",
    r"scorer\..*",
    r"strategy\..*",
    r"every|capital|devnet\..*|venues\..*",
)


@dataclass(frozen=True, slots=True)
class Axis:
    """One key with its values, in the order given, as YAML values. `ordered`: neighbours are alike (a range)."""

    key: str
    path: tuple[str, ...]
    values: Sequence[Any]
    ordered: bool
    stepped: bool = True  # whether the steps were asked for; else they are only as fine as is sensible


@dataclass(frozen=True, slots=True)
class Unit:
    """How to count a quantity (value -> whole or fractional units), write it back, and the step where none is named."""

    read: Callable[[str], Fraction]
    write: Callable[[Fraction], Any]
    step: Callable[[str, str], Fraction]


def axis_of(text: str, config: Config) -> Axis:
    """The axis that ``KEY=VALUES`` asks for, of the strategy file `config`. Raises ConfigError naming the key."""
    key, equals, written = text.partition("=")
    key, written = key.strip(), written.strip()
    if not equals or not key or not written:
        raise ConfigError(f"--grid: expected KEY=FROM:TO:STEP or KEY=VALUE,VALUE (got {text[:80]!r})")
    path, field, kind = place(key, config)
    if ".".join(field) in UNREAD:
        raise ConfigError(f"--grid {key}: the fast rung does not read it, so every combination would be the same")
    try:
        values, ordered, stepped = _values(written, kind, config)
    except ValueError as error:
        raise ConfigError(f"--grid {key}: {error} (got {written[:80]!r})") from None
    if len({repr(value) for value in values}) < len(values):
        raise ConfigError(f"--grid {key}: a value stands there twice (got {written[:80]!r})")
    return Axis(key, path, values, ordered, stepped)


def axes_of(texts: Sequence[str], config: Config) -> tuple[Axis, ...]:
    """All axes, the dearest first, else in the order given. Raises ConfigError when a key is named twice or none is."""
    axes = [axis_of(text, config) for text in texts]
    if not axes:
        raise ConfigError("--grid: nothing to sweep; name a key and its values, such as policy.band=50bps:400bps:50bps")
    keys = [axis.path for axis in axes]
    for axis in axes:
        if keys.count(axis.path) > 1:
            raise ConfigError(f"--grid {axis.key}: named twice")
    return tuple(sorted(axes, key=_cost))


def place(key: str, config: Config) -> tuple[tuple[str, ...], tuple[str, ...], Any]:
    """(path of `key` in the document, the same with no venue's id, what pydantic says its value is).

    Raises ConfigError when the strategy file knows no such key.
    """
    parts = key.split(".")
    path: list[str] = []
    field: list[str] = []
    model: Any = Config
    while parts:
        known = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        part = parts.pop(0)
        if part not in known:
            where = ".".join(path) or "a strategy file"
            said = f"known: {', '.join(sorted(known))}" if known else "it has no keys below it"
            raise ConfigError(f"--grid {key}: {where} has no key {part!r}; {said}")
        path.append(part)
        field.append(part)
        info = known[part]
        model = info
        annotation = info.annotation
        if part in ("venues", "sleeves"):
            names = config.venues if part == "venues" else config.strategy.sleeves
            name = next((each for each in names if ".".join(parts).startswith(f"{each}.")), None)
            if name is None:
                said = f"expected {'.'.join(path)}.ID.KEY with an ID of {', '.join(names) or 'none'}"
                raise ConfigError(f"--grid {key}: {said}")
            parts = ".".join(parts).removeprefix(f"{name}.").split(".")
            path.append(name)
            model = typing.get_args(annotation)[1]
        elif part in ("params", "topics"):
            if not parts:
                raise ConfigError(f"--grid {key}: name one of the {part}, such as {key}.NAME")
            path.append(".".join(parts))
            return tuple(path), tuple(field), float if part == "params" else list
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    if not hasattr(model, "metadata"):
        raise ConfigError(f"--grid {key}: is a section; name a key in it: {', '.join(sorted(model.model_fields))}")
    return tuple(path), tuple(field), model


def _cost(axis: Axis) -> int:
    key = ".".join(axis.path)
    return next((place for place, pattern in enumerate(COSTS) if re.fullmatch(pattern, key)), len(COSTS))


def _values(written: str, kind: Any, config: Config) -> tuple[list[Any], bool, bool]:
    """(values, whether they are a range, whether it has steps). Raises ValueError."""
    unit = _unit(kind, config)
    ends = written.split(":")
    if len(ends) in (2, 3) and unit is not None:
        low, high = unit.read(ends[0]), unit.read(ends[1])
        step = _step(ends, unit)
        if high < low:
            raise ValueError("the range ends before it begins")
        if step <= 0:
            raise ValueError("the step must be above zero")
        count = (high - low) // step + 1
        if count > MOST_VALUES:
            raise ValueError(f"{count:,} values are too many")
        return [unit.write(low + place * step) for place in range(int(count))], True, len(ends) == 3
    if len(ends) in (2, 3) and not re.search(r"[\[{\"']", written):
        raise ValueError("has no ranges; list its values, separated by commas")
    listed = [part.strip() for part in re.split(r",(?![^\[{]*[\]}])", written)]
    if "" in listed:
        raise ValueError("a value is empty")
    if unit is not None:
        return [unit.write(unit.read(part)) for part in listed], False, True
    checked = _check(kind)
    return [checked(_yaml(part)) for part in listed], False, True


def _step(ends: list[str], unit: Unit) -> Fraction:
    if len(ends) == 3:
        return unit.read(ends[2])
    return unit.step(ends[0], ends[1])


def _unit(kind: Any, config: Config) -> Unit | None:
    """How the values of a field are counted, None where they are choices."""
    parsers = _parsers(kind)
    annotation = kind if isinstance(kind, type) else getattr(kind, "annotation", None)
    if bps in parsers:
        return Unit(lambda text: Fraction(bps(text)), lambda n: f"{int(n)} bps", lambda low, high: Fraction(1))
    if seconds in parsers:
        return Unit(lambda text: Fraction(seconds(text)), lambda n: written_seconds(_whole(n, "second")), _last_unit)
    if gwei in parsers:
        return Unit(
            lambda text: Fraction(gwei(text)), lambda n: f"{_decimal(n / GWEI)} gwei", lambda *_: Fraction(GWEI)
        )
    if money in parsers:
        symbol = config.capital.symbol
        return Unit(lambda text: _amount(text, symbol), lambda n: f"{_decimal(n)} {symbol}", lambda *_: Fraction(1))
    if fee_pips in parsers:
        return None
    if annotation is int:
        return Unit(_integer, int, lambda *_: Fraction(1))
    if annotation is float:
        return Unit(_number, float, lambda low, high: (_number(high) - _number(low)) / FINE or Fraction(1))
    return None


def _parsers(kind: Any) -> list[Any]:
    """What reads a field's values: its own parsers, and those of a union's types, as of ``BpsField | None``."""
    validators = [*getattr(kind, "metadata", ())]
    for part in typing.get_args(getattr(kind, "annotation", None)):
        validators += getattr(part, "__metadata__", ())
    return [each.func for each in validators if isinstance(each, BeforeValidator)]


def _check(kind: Any) -> Callable[[Any], Any]:
    """What refuses a choice that the field does not know; whether the whole file then holds is for the plan to see."""
    allowed = (
        typing.get_args(kind.annotation) if typing.get_origin(getattr(kind, "annotation", None)) is Literal else ()
    )
    parser = next(iter(_parsers(kind)), None)

    def checked(value: Any) -> Any:
        if allowed and value not in allowed:
            raise ValueError(f"expected {' or '.join(map(str, allowed))}, not {value!r}")
        if parser is not None:
            typing.cast(Callable[[Any], Any], parser)(value)
        return value

    return checked


def _yaml(text: str) -> Any:
    try:
        return YAML(typ="safe").load(text)
    except NOT_YAML:
        raise ValueError("not a YAML value") from None


def _last_unit(low: str, high: str) -> Fraction:
    """One of the unit in which a range of time was written: days for 60d:200d."""
    return Fraction(math.gcd(*(seconds("1" + re.sub(r"[^A-Za-z]", "", each)) for each in (low, high))))


def _whole(number: Fraction, what: str) -> int:
    if number.denominator != 1:
        raise ValueError(f"must be a whole number of {what}s")
    return int(number)


def _amount(text: str, symbol: str) -> Fraction:
    amount = money(text)
    if amount.symbol != symbol:
        raise ValueError(f"in {amount.symbol}, but capital is in {symbol}")
    return Fraction(amount.number)


def _integer(text: str) -> Fraction:
    if not re.fullmatch(r"\s*-?\d+\s*", text):
        raise ValueError("expected a whole number")
    return Fraction(int(text))


def _number(text: str) -> Fraction:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError("expected a number") from None
    if not number.is_finite():
        raise ValueError("expected a finite number")
    return Fraction(number)


def _decimal(number: Fraction) -> str:
    """A quantity in plain digits, as YAML takes it."""
    return f"{Decimal(number.numerator) / Decimal(number.denominator):f}"
