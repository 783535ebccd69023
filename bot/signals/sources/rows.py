"""An answer's JSON, and its rows held against the fields that are needed of them.

A row that does not fit is refused by itself, with the field and the reason; a page in which most do not fit has another
shape than the one we know, and nothing of it is believed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.core import strict_json
from bot.core.observation import RefusedRow
from bot.errors import SourceDrift, located
from bot.signals.sources.source import Page

_RAW: Final = 200  # characters of a refused row that are kept
_MOST_DIGITS: Final = 320  # of an integer; floats end at 309
_FIRST, _LAST = 946_684_800, 4_102_444_800  # 2000 and 2100: a time outside is in another unit, or no time


class Twice(dict[str, Any]):
    """An object in which a key stood twice: nobody can say which of the two is meant."""


class Row(BaseModel):
    """The fields that we need of a row; it may have others."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


def _sayable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds what cannot be printed")
    return text


def _iso(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("expected a time such as 2024-01-31T06:00:00Z")
    try:
        parsed = datetime.fromisoformat(value)
        return _second(int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        raise ValueError("expected a time such as 2024-01-31T06:00:00Z") from None


def _second(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _FIRST <= value < _LAST:
        raise ValueError("no time between 2000 and 2100 in seconds")
    return int(value)


def _millisecond(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1000 * _FIRST <= value < 1000 * _LAST:
        raise ValueError("no time between 2000 and 2100 in milliseconds")
    return int(value // 1000)


def _number(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        raise ValueError("expected a number") from None


def _or_missing(value: object) -> object:
    return None if value == "null" else value


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_sayable)]
Level = Annotated[float, Field(ge=0, le=1e18)]
"""A count, a price or an amount."""
WrittenLevel = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1e18)]
"""The same, where the source writes numbers as text."""
Iso = Annotated[int, BeforeValidator(_iso)]
"""A time as text, as unix seconds; UTC where it does not say."""
Second = Annotated[int, BeforeValidator(_second)]
Millisecond = Annotated[int, BeforeValidator(_millisecond)]
"""Unix milliseconds, as unix seconds."""
MaybeLevel = Annotated[Level | None, BeforeValidator(_or_missing)]
"""A level that may be missing; some sources write null as text."""

M = TypeVar("M", bound=Row)


def document(source: str, page: Page) -> Any:
    """The page's JSON; NaN and what is beyond all numbers are kept as such, for their own rows to be refused.

    Raises SourceDrift where it is not UTF-8, not JSON, or nested too deeply.
    """
    where = f"{source}: {page.ask.note}" if page.ask.note else source
    try:
        text = page.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceDrift(f"{where}: the answer is not UTF-8 (at byte {error.start})") from None
    if strict_json.depth(page.body) > strict_json.DEEPEST:
        raise SourceDrift(f"{where}: the answer is nested more than {strict_json.DEEPEST} deep")
    try:
        return json.loads(text, parse_int=_integer, object_pairs_hook=_noticing)
    except ValueError as error:
        raise SourceDrift(f"{where}: the answer is not JSON: {error}") from None


def member(source: str, found: Any, *names: str) -> Any:
    """What stands under the names, one within the other. Raises SourceDrift naming the first that is missing."""
    for place, name in enumerate(names):
        if not isinstance(found, Mapping) or name not in found or isinstance(found, Twice):
            raise SourceDrift(located(source, ".".join(names[: place + 1]), "is missing", _shown(found)))
        found = found[name]
    return found


def listed(source: str, found: Any, field: str = "") -> list[Any]:
    """`found` if it is a list. Raises SourceDrift."""
    if not isinstance(found, list):
        raise SourceDrift(located(source, field, "a list was due", _shown(found)))
    return found


def rows(
    source: str, model: type[M], raw: Iterable[Any], asset: Callable[[Any], object], seen_at: int
) -> tuple[list[M], list[RefusedRow]]:
    """The rows that fit, and those that do not. `asset`: what a raw row is called, for the refusal.

    Raises SourceDrift, naming the field that is wrong most often, when more than half do not fit.
    """
    fit, unfit, count = [], [], 0
    for each in raw:
        count += 1
        try:
            if isinstance(each, Twice):
                raise ValueError("a key is there twice")
            fit.append(model.model_validate(each))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            field = ".".join(map(str, first["loc"]))
            reason = first["msg"].removeprefix("Value error, ")
            unfit.append(refusal(source, field, _called(asset, each), reason[0].lower() + reason[1:], each, seen_at))
        except ValueError as error:
            unfit.append(refusal(source, "", _called(asset, each), str(error), each, seen_at))
    if 2 * len(unfit) > count:
        (field, reason), _ = Counter((row.field, row.reason) for row in unfit).most_common(1)[0]
        first_raw = next(row.raw for row in unfit if (row.field, row.reason) == (field, reason))
        raise SourceDrift(located(source, field, f"{len(unfit)} of {count} rows do not fit: {reason}", first_raw))
    return fit, unfit


def refusal(source: str, field: str, asset: object, reason: str, raw: object, seen_at: int) -> RefusedRow:
    """A row that was not taken in, with the start of what it said."""
    return RefusedRow(source, field, _plain(str(asset))[:80], reason, _plain(_shown(raw))[:_RAW], seen_at)


def over(
    source: str, field: str, found: Iterable[M], asset: Callable[[M], str], time: Callable[[M], int], seen_at: int
) -> tuple[list[M], list[RefusedRow]]:
    """The rows whose time is over, and refusals of those that speak of the future. `field`: where the time stands."""
    kept, early = [], []
    for row in found:
        if time(row) <= seen_at:
            kept.append(row)
        else:
            early.append(refusal(source, field, asset(row), "lies in the future", time(row), seen_at))
    return kept, early


def positional(names: Sequence[str], raw: Iterable[Any]) -> list[Any]:
    """Rows that are plain lists as mappings; what is no list of that length stays as it is, to be refused."""
    return [
        dict(zip(names, each, strict=True)) if isinstance(each, list) and len(each) == len(names) else each
        for each in raw
    ]


def _called(asset: Callable[[Any], object], each: Any) -> object:
    try:
        return asset(each)
    except (LookupError, TypeError, AttributeError):
        return ""


def _shown(found: Any) -> str:
    try:
        return json.dumps(found)[:_RAW]
    except (TypeError, ValueError, RecursionError):
        return str(type(found).__name__)


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def _integer(text: str) -> float | int:
    return int(text) if len(text) < _MOST_DIGITS else float("-inf" if text.startswith("-") else "inf")


def _noticing(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Twice(found)
