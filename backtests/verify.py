"""`patron verify`: whether a report's page is whole, and whether what it says follows from the series in it.

What that proves, and what it does not, is told in docs/metrics.md. A page that somebody changed and sealed anew is
caught where a number no longer follows from the series; one whose series were made up is not, unless it is run again
or its digest is known from elsewhere.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import TemplateError

from backtests.page import shown
from backtests.report import beside
from backtests.report_parts.document import VERSION, derived, metrics_of, runs_of
from backtests.report_parts.drawing import look, page_of
from backtests.report_parts.seal import OWN, Seal, parts_of, seal_of
from backtests.run import TRADE_COLUMNS, Run
from bot.core.strict_json import digest_of
from bot.errors import DataError

Again = Callable[[Mapping[str, Any]], Run]  # (the facts of the page) -> the same run, made anew

DOCUMENT: Final = re.compile(r'<script type="application/json" id="document"[^>]*>(.*?)</script>', re.DOTALL)
STATED: Final = re.compile(r'<code id="(numbers-digest|look)">([^<]*)</code>')
CELL: Final = re.compile(r'<td [^>]*data-metric="([^"]*)" data-run="(\d+)"[^>]*>([^<]*)</td>')
TAG: Final = re.compile(r"<[^>]*>")
CLOSE: Final = 1e-9  # relative; processors differ in the last digits of a logarithm
DRAWN: Final = 2e-6  # what is drawn has seven digits, and a value between two of them may be either
# What numbers that are no report's can do to those who read them.
MALFORMED: Final = (
    *(ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError),
    TemplateError,
)
SAME_PAGE: Final = "drawn again from its numbers, it is the same to the byte"
OTHER_VERSION: Final = "made by another version of Patron: its numbers were compared, the page was not drawn again"
TOLD: Final = 4  # differences named in one line


def verify_report(path: Path, again: Again | None = None) -> list[str]:
    """What was found to hold, a line each. Raises DataError in one line that names the parts that do not agree.

    `again` makes the run of the page anew, from its facts; it is asked last, and its series must be those of the page.
    """
    text = _read(path)
    try:
        seal = seal_of(text)
        document = _document(text)
        runs = runs_of(document)
        with np.errstate(all="ignore"):  # absurd numbers are a difference, not a warning
            fresh = derived(document)
        problems = [*_seal_problems(seal, text, document), *_number_problems(document, fresh)]
        problems += _cell_problems(text, fresh)
        drawn = not problems and dict(STATED.findall(text)).get("look") == look()
        if drawn:
            problems += _drawing_problems(text, page_of(document))
    except MALFORMED as error:
        raise DataError(f"{path}: not a report that can be verified: {_one_line(error)}") from None
    siblings, wrong = _siblings(path, document, runs[0])
    problems += wrong
    if problems:
        more = f"; and {len(problems) - TOLD} more" if len(problems) > TOLD else ""
        raise DataError(f"{path}: does not hold: {'; '.join(problems[:TOLD])}{more}")
    counted = sum(len(each) for each in (*fresh["metrics"], *fresh["relative"]))
    seen = f"{len(runs)} runs over {len(runs[0]):,} cycles and {len(runs[0].trades):,} trades"
    lines = [
        f"whole: the page is the one that was sealed, SHA-256 {seal.found}",
        f"numbers: {counted} metrics of {seen} follow from the series in it, SHA-256 {digest_of(document)}",
        f"drawing: {SAME_PAGE if drawn else OTHER_VERSION}",
        *siblings,
    ]
    if again is not None:
        lines.append(_run_again(path, document, runs[0], again))
    else:
        lines.append("not asked: whether the series are true; running the same file on the same data again tells")
    return lines


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a page: its text is not UTF-8") from None


def _document(text: str) -> dict[str, Any]:
    blocks = DOCUMENT.findall(text)
    if len(blocks) != 1:
        raise ValueError(f"{len(blocks)} blocks of numbers in it, expected one")
    document = json.loads(blocks[0])
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError(f"its numbers are not of version {VERSION}")
    return document


def _seal_problems(seal: Seal, text: str, document: Mapping[str, Any]) -> Iterator[str]:
    for part in seal.changed:
        yield f"the part '{part}' was changed after the page was sealed" if part != OWN else "its seal was changed"
    stated = dict(STATED.findall(text)).get("numbers-digest")
    found = digest_of(document)
    if stated != found:
        yield f"the digest of its numbers is {found[:12]}…, the page says {str(stated)[:12]}…"


def _number_problems(document: Mapping[str, Any], fresh: Mapping[str, Any]) -> Iterator[str]:
    """Where what the page says of its series is not what they give."""
    said = document["derived"]
    if not isinstance(said, Mapping):
        yield "it tells no numbers"
        return
    for name in dict.fromkeys((*fresh, *said)):
        found = _difference(said.get(name), fresh.get(name), name)
        if found:
            yield found


def _difference(said: Any, found: Any, where: str) -> str:
    """The first place where two plain values differ, in words; "" when they agree."""
    if isinstance(said, Mapping) and isinstance(found, Mapping):
        steps = [(said.get(name), found.get(name), f"{where}.{name}") for name in dict.fromkeys((*found, *said))]
    elif isinstance(said, list) and isinstance(found, list) and len(said) == len(found):
        steps = [(one, other, f"{where}.{place}") for place, (one, other) in enumerate(zip(said, found, strict=True))]
    else:
        close = DRAWN if where.startswith("traces") else CLOSE
        return "" if _same(said, found, close) else f"{where} is {_short(said)}, the series give {_short(found)}"
    return next((text for step in steps if (text := _difference(*step))), "")


def _same(said: Any, found: Any, close: float) -> bool:
    numbers = [each for each in (said, found) if isinstance(each, int | float) and not isinstance(each, bool)]
    return math.isclose(*numbers, rel_tol=close, abs_tol=CLOSE) if len(numbers) == 2 else bool(said == found)


def _cell_problems(text: str, fresh: Mapping[str, Any]) -> Iterator[str]:
    """Where the table of every number does not show what the series give."""
    wanted = [metrics_of(each) for each in fresh["metrics"]]
    for metrics, others in zip(wanted, fresh["relative"], strict=False):  # of one run alone there are none
        metrics |= metrics_of(others)
    seen = set()
    for name, place, said in CELL.findall(text):
        metric = wanted[int(place)].get(name) if int(place) < len(wanted) else None
        seen.add((name, int(place)))
        if metric is None or unescape(said) != shown(metric, name):
            yield f"{name} in 'Every number' says {said}, the series give {shown(metric, name) if metric else 'none'}"
    for place, each in enumerate(wanted):
        missing = [name for name in each if (name, place) not in seen]
        if missing:
            yield f"'Every number' does not tell {missing[0]} of run {place + 1}"


def _drawing_problems(text: str, fresh: str) -> Iterator[str]:
    """Which parts are not what the document draws."""
    said, found = parts_of(text), parts_of(fresh)
    for name in dict.fromkeys((*found, *said)):
        one, other = said.get(name, ""), found.get(name, "")
        if one != other:
            place = next(place for place, pair in enumerate(zip_longest(one, other)) if pair[0] != pair[1])
            yield f"'{name}' says {_around(one, place)!r}, its numbers draw {_around(other, place)!r}"


def _siblings(path: Path, document: Mapping[str, Any], run: Run) -> tuple[list[str], list[str]]:
    """(what holds, what does not) of the JSON and the Parquet beside the page, where they are."""
    lines, problems = [], []
    digest = digest_of(document)
    numbers, trades = beside(path)
    if numbers.exists():
        try:
            told = json.loads(numbers.read_text(encoding="utf-8"))
            own = told.get("digest") if isinstance(told, dict) else None
        except (OSError, ValueError):
            told, own = {}, None
        if own != digest:
            problems.append(f"{numbers.name} beside it is of another report")
        else:
            problems += _json_problems(numbers, told, document)
            lines.append(f"beside it: {numbers.name} tells the same numbers")
    if trades.exists():
        try:
            same = _same_trades(pq.read_table(trades), run)
        except (OSError, pa.ArrowException, KeyError, ValueError):
            same = False
        if same:
            lines.append(f"beside it: {trades.name} has the same {len(run.trades):,} trades")
        else:
            problems.append(f"{trades.name} beside it has other trades")
    return lines, problems


def _json_problems(path: Path, told: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    run, said = document["runs"][0], document["derived"]
    series = told.get("series") or {}
    pairs = [(f"series.{name}", series.get(name), run[name]) for name in ("times", "nav", "gas", "fees", "turnover")]
    pairs += [("metrics", told.get("metrics"), said["metrics"][0]), ("facts", told.get("facts"), document["facts"])]
    pairs += [("attribution", told.get("attribution"), said["attribution"])]
    for name, one, other in pairs:
        found = _difference(one, other, name)
        if found:
            yield f"{path.name} beside it: {found.replace('the series give', 'the page has')}"


def _same_trades(table: pa.Table, run: Run) -> bool:
    if table.num_rows != len(run.trades) or tuple(table.column_names) != TRADE_COLUMNS:
        return False
    for name in TRADE_COLUMNS:
        mine = run.trades[name].to_numpy()
        column = table.column(name)
        if name in ("venue", "side"):
            same = column.to_pylist() == mine.tolist()
        elif name == "time":
            same = np.array_equal(column.cast(pa.timestamp("s", tz="UTC")).cast(pa.int64()).to_numpy(), mine)
        else:
            same = np.array_equal(column.to_numpy(), mine, equal_nan=True)
        if not same:
            return False
    return True


def _run_again(path: Path, document: Mapping[str, Any], run: Run, again: Again) -> str:
    fresh = again(document["facts"])
    if not np.array_equal(fresh.times, run.times):
        raise DataError(f"{path}: run again, it has {len(fresh):,} cycles at other times than the page's {len(run):,}")
    for name in ("equity", "gas", "fees", "turnover"):
        mine, other = getattr(run, name), getattr(fresh, name)
        apart = np.flatnonzero(~np.isclose(mine, other, rtol=CLOSE, atol=CLOSE))
        if len(apart):
            place = int(apart[0])
            raise DataError(
                f"{path}: run again, {name} of cycle {place + 1} is {other[place]!r}, the page says {mine[place]!r}"
            )
    if len(fresh.trades) != len(run.trades):
        raise DataError(f"{path}: run again, it makes {len(fresh.trades):,} trades, the page has {len(run.trades):,}")
    for name in ("time", "venue", "side", "money", "units", "cost"):
        mine, other = run.trades[name], fresh.trades[name]
        same = mine == other if name in ("time", "venue", "side") else np.isclose(mine, other, rtol=CLOSE, atol=CLOSE)
        if not np.all(same):
            place = int(np.flatnonzero(~np.asarray(same))[0])
            said = f"{other.iloc[place]}, the page says {mine.iloc[place]}"
            raise DataError(f"{path}: run again, {name} of trade {place + 1} is {said}")
    return f"run again: equity, costs and {len(run.trades):,} trades are those of the page"


def _around(text: str, place: int) -> str:
    """The words at a place, without the tags."""
    start = max(0, place - 40)
    piece = TAG.sub(" ", text[start : place + 40])
    return " ".join(piece.partition("<")[0].split())[:80] or _one_line(text[start : place + 40])


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _one_line(value: object) -> str:
    return " ".join(str(value).split())[:160]
