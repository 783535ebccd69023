"""A run as a report that can be mailed: one offline HTML file, the same numbers as strict JSON, its trades as Parquet.

`facts` come from the caller, who knows where the data came from. ``title`` (str), ``real``, ``replayed``, ``simulated``
(a sentence or several each) and ``certificate`` (a stamp: a sentence or several, or a mapping with ``stamp`` and
``granted``) head the page; whatever else there is stands at its end, under digests when its name says so and else under
settings. Nothing is required. `extras`: ``folds`` (of a walk-forward), ``paths`` (of combinatorial cross-validation)
and ``heat`` (`heat_map` of a sweep) become sections of their own.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from backtests.metrics import attribution, metrics, relative
from backtests.page import plain_json
from backtests.report_parts.document import document_of
from backtests.report_parts.drawing import page_of
from backtests.report_parts.extras import heat_map
from backtests.run import Run
from bot.core.strict_json import digest_of
from bot.whole_file import write_whole

__all__ = ["Written", "beside", "heat_map", "page_html", "report_json", "trades_table", "write_report"]

UNIT: Final = "unit"
MEANING: Final = "meaning"


@dataclass(frozen=True, slots=True)
class Written:
    """The three files of a report, and the SHA-256 of its numbers: what a ledger or a certificate may name."""

    page: Path
    numbers: Path
    trades: Path
    digest: str


def write_report(
    run: Run,
    benchmarks: Sequence[Run],
    facts: Mapping[str, Any],
    path: Path,
    extras: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Written:
    """Writes the page to `path`, and beside it the same name with ``.json`` and ``.trades.parquet``.

    Each file appears whole or not at all, the page last. `more`: what else the JSON tells. Raises StorageError when one
    cannot be written, ValueError for an extra that has no place.
    """
    document = document_of(run, benchmarks, facts, extras)
    digest = digest_of(document)
    told = report_json(run, benchmarks, facts) | {"extras": document["extras"]} | plain_json(more or {})
    told["digest"] = digest
    trades = io.BytesIO()
    pq.write_table(trades_table(run, {"digest": digest}), trades)
    written = Written(path, *beside(path), digest)
    write_whole(written.trades, trades.getvalue(), "the report")
    write_whole(written.numbers, _by_key(told), "the report")
    write_whole(path, page_of(document), "the report")
    return written


def beside(page: Path) -> tuple[Path, Path]:
    """Where the numbers and the trades of a page are: its name with ``.json`` and ``.trades.parquet`` for ``.html``."""
    stem = page.name.removesuffix(".html")
    return page.with_name(f"{stem}.json"), page.with_name(f"{stem}.trades.parquet")


def page_html(
    run: Run, benchmarks: Sequence[Run] = (), facts: Mapping[str, Any] | None = None, extras: Any = None
) -> str:
    """The page as text, about 5 MB; in a notebook, an ``IFrame`` or a file shows it."""
    return page_of(document_of(run, benchmarks, facts or {}, extras))


def report_json(run: Run, benchmarks: Sequence[Run], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The report as plain JSON types: what is not a finite number is None, arrays are lists, anything else a string."""
    rivals = [
        {"label": each.label, "rung": each.rung, "metrics": _metrics(each), "equity": each.equity, "times": each.times}
        for each in benchmarks
    ]
    found: dict[str, Any] = {
        "label": run.label,
        "rung": run.rung,
        "money": run.money,
        "from": int(run.times[0]),
        "to": int(run.times[-1]),
        "metrics": _metrics(run),
        "relative": _metrics(run, benchmarks[0]) if benchmarks else {},
        "attribution": attribution(run),
        "benchmarks": rivals,
        "series": {
            "times": run.times,
            "equity": run.equity,
            "nav": run.nav,
            "gas": run.gas,
            "fees": run.fees,
            "turnover": run.turnover,
            "venues": run.venues,
            "held": run.held,
            "target": run.target,
            "prices": run.prices,
        },
        "trades": run.trades.to_dict("records"),
        "reasons": [{"time": at, "reason": reason} for at, reason in run.reasons],
        "notes": run.notes,
        "facts": facts,
    }
    return {name: plain_json(value) for name, value in found.items()}


def trades_table(run: Run, known: Mapping[str, str] | None = None) -> pa.Table:
    """The executed legs as an Arrow table; every column's unit and meaning is in its metadata, and in docs/metrics.md.

    What is not known is null. `known`: more for the table's own metadata.
    """
    columns = {
        "time": (pa.timestamp("s", tz="UTC"), "UTC", "time of the cycle that traded"),
        "venue": (pa.string(), "", "where"),
        "side": (pa.string(), "", "buy or sell"),
        "money": (pa.float64(), run.money, "spent on a buy, received from a sale"),
        "units": (pa.float64(), "whole tokens", "received by a buy, given by a sale"),
        "price": (pa.float64(), f"{run.money} per token", "money / units, so with all costs in it"),
        "cost": (pa.float64(), run.money, "against spot before the trade: pool fee and price impact"),
        "fee": (pa.float64(), run.money, "the pool fee within cost; null where it cannot be told apart"),
        "cost_bps": (pa.float64(), "bps", "cost per value at spot"),
        "score": (pa.float64(), "fraction", "return that the model expected; null where none spoke"),
    }
    schema = pa.schema(
        [pa.field(name, kind, metadata={UNIT: unit, MEANING: said}) for name, (kind, unit, said) in columns.items()],
        metadata={"label": run.label, "rung": run.rung, "money": run.money, **(known or {})},
    )
    return pa.Table.from_arrays(
        [pa.array(run.trades[field.name], field.type, from_pandas=True) for field in schema], schema=schema
    )


def _metrics(run: Run, rival: Run | None = None) -> dict[str, dict[str, Any]]:
    found = metrics(run) if rival is None else relative(run, rival)
    return {name: {"value": each.value, "unit": each.unit, "note": each.note} for name, each in found.items()}


def _by_key(told: Mapping[str, Any]) -> str:
    """One top-level key a line: short enough to look at, and a difference shows where it is."""
    lines = (f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in told.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"
