"""What the `patron data` commands do: each prints a table or one JSON document, and returns the exit code."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bot.errors import DataError
from bot.signals.catalogue import Catalogue, is_store
from bot.signals.importer import import_directory
from bot.signals.listings import ALWAYS, NEVER, Listing, listings_of
from bot.signals.quality import Finding, check
from bot.signals.storage import seconds_of
from bot.signals.store import dating
from bot.signals.store.findings import store_findings
from bot.signals.store.signal_store import Appended, SignalStore
from bot.signals.store_import import import_into_store

_SHOWN = 20  # rows of a table before the rest is only counted


def import_data(
    source: Path | str,
    destination: Path | str,
    map_files: Sequence[Path | str] = (),
    json_output: bool = False,
    console: Console | None = None,
    into_store: bool = False,
) -> int:
    """0 after importing `source` into the catalogue or store `destination`, by the ready maps if none are named.

    A store is appended to where `destination` is one, or `into_store` asks for one.
    """
    console = console or Console()
    tell = None if json_output else lambda line: console.print(f"reading {escape(line)}", highlight=False)
    named = list(map_files) or None
    appended: list[Appended | None] = []
    if into_store or is_store(Path(destination)):
        digest, done = import_into_store(source, destination, named, tell)
        maps, appended = [each.taken for each in done], [each.appended for each in done]
    else:
        report = import_directory(source, destination, named, tell)
        digest, maps, appended = report.digest, list(report.maps), [None] * len(report.maps)
    following = f"patron data check {destination}"
    if json_output:
        documents = [
            {
                **asdict(made),
                "left_out": dict(made.left_out),
                "seconds": round(made.seconds, 3),
                **({} if kept is None else {"store": asdict(kept)}),
            }
            for made, kept in zip(maps, appended, strict=True)
        ]
        _print_json(console, {"path": str(destination), "digest": digest, "maps": documents, "next": following})
        return 0
    table = Table("map", "datasets", "rows read", "rows kept", "left out", box=None, header_style="bold")
    for made, kept in zip(maps, appended, strict=True):
        reasons = [f"{count:,} {reason}" for reason, count in made.left_out.items() if count]
        reasons += [f"({made.renamed:,} topics joined to their first name)"] if made.renamed else []
        rows = made.rows_kept if kept is None else kept.kept
        if kept is not None:
            told = {"known already": kept.duplicates, "refused": kept.refused}
            reasons += [f"{count:,} {what}" for what, count in told.items() if count]
            reasons += [f"({kept.revised:,} kept as revisions)"] if kept.revised else []
        left = ", ".join(reasons) or "none"
        table.add_row(made.name, f"{len(made.datasets):,}", f"{made.rows_read:,}", f"{rows:,}", left)
    console.print(table)
    what = "Catalogue" if appended and appended[0] is None else "Store"
    console.print(f"{what} {escape(str(destination))}, digest {digest[:16]}", highlight=False)
    _next(console, following)
    return 0


def list_data(path: Path | str, json_output: bool = False, console: Console | None = None) -> int:
    """0 after listing what the catalogue at `path` holds."""
    console = console or Console()
    catalogue = Catalogue.open(path)
    listed = listings_of(catalogue.listings())
    rows = [
        _price_row(catalogue, bar, asset, listed.get(asset, Listing()))
        for bar in catalogue.bars()
        for asset in catalogue.assets(bar)
    ]
    rows += [_signal_row(catalogue, source) for source in catalogue.sources()]
    following = f"patron data check {path}"
    if json_output:
        facts = {
            "title": catalogue.title,
            "kind": catalogue.kind,
            "seed": catalogue.seed,
            "digest": catalogue.digest,
        }
        _print_json(console, {**facts, "datasets": rows, "next": following})
        return 0
    _headline(console, catalogue)
    columns = ["series", "rows", "first", "last", *(["listed", "delisted"] if listed else [])]
    table = Table(Column("dataset", overflow="fold"), *columns, box=None, header_style="bold")
    per_kind: Counter[str] = Counter()
    for row in rows:
        group = str(row["dataset"]).rpartition("/")[0]
        per_kind[group] += 1
        if per_kind[group] <= _SHOWN:
            table.add_row(
                str(row["dataset"]),
                str(row["series"]),
                f"{row['rows']:,}",
                _day(row["first"]),
                _day(row["last"]),
                *([_day(row.get("listed_at")), _delisting(row)] if listed else []),
            )
    console.print(table)
    for group, count in per_kind.items():
        if count > _SHOWN:
            console.print(f"… and {count - _SHOWN} more in {group} (--json lists all)", highlight=False)
    _next(console, following)
    return 0


def check_data(
    path: Path | str, json_output: bool = False, console: Console | None = None, now: int | None = None
) -> int:
    """0 when the catalogue or store at `path` has no errors, 3 otherwise; warnings are shown and change nothing.

    `now`: unix seconds after which a row is from the future; without it the clock is asked, for recorded data.
    """
    console = console or Console()
    store = SignalStore.open(path) if is_store(Path(path)) else None
    catalogue = Catalogue.open(path) if store is None else store.catalogue()
    if now is None and catalogue.kind == "recorded":
        now = int(time.time())
    findings = check(catalogue, now) + dating.findings(dating.tracks_of(catalogue))
    if store is not None:
        findings += store_findings(store, now)
    findings.sort(key=lambda found: (found.severity, found.file, found.problem))
    errors = sum(found.severity == "error" for found in findings)
    following = f"patron data list {path}" if errors else f"patron backtest STRATEGY.yaml --data {path}"
    if json_output:
        document = {
            "errors": errors,
            "warnings": len(findings) - errors,
            "findings": [asdict(found) for found in findings],
        }
        _print_json(console, {"digest": catalogue.digest, **document, "next": following})
        return DataError.exit_code if errors else 0
    _headline(console, catalogue)
    _print_findings(console, findings)
    console.print(f"{errors} kinds of error, {len(findings) - errors} kinds of warning", highlight=False)
    _next(console, following)
    return DataError.exit_code if errors else 0


def _print_findings(console: Console, findings: list[Finding]) -> None:
    if not findings:
        return
    table = Table(
        "",
        Column("file", overflow="fold"),
        "series",
        "problem",
        "times",
        "first",
        box=None,
        header_style="bold",
    )
    for found in findings[: 2 * _SHOWN]:
        style = "red" if found.severity == "error" else "yellow"
        count, first = f"{found.count:,}", _day(found.first_at)
        table.add_row(f"[{style}]{found.severity}[/]", found.file, escape(found.asset), found.problem, count, first)
    console.print(table)
    if len(findings) > 2 * _SHOWN:
        console.print(f"… and {len(findings) - 2 * _SHOWN} more (--json lists all)", highlight=False)


def _price_row(catalogue: Catalogue, bar: str, asset: str, listing: Listing) -> dict[str, object]:
    times = seconds_of(catalogue.prices(asset, bar)["time"])
    ends = (int(times.min()), int(times.max())) if len(times) else (None, None)
    return {
        "dataset": f"prices/{bar}/{asset}",
        "series": asset,
        "rows": len(times),
        "first": ends[0],
        "last": ends[1],
        "listed_at": None if listing.listed_at == ALWAYS else listing.listed_at,
        "delisted_at": None if listing.delisted_at == NEVER else listing.delisted_at,
        "reason": listing.reason,
    }


def _delisting(row: Mapping[str, object]) -> str:
    """When, and why if the data says so."""
    return " ".join(filter(None, (_day(row.get("delisted_at")), escape(str(row.get("reason") or "")))))


def _signal_row(catalogue: Catalogue, source: str) -> dict[str, object]:
    frame = catalogue.signals(source)
    times = seconds_of(frame["published_at"])
    ends = (int(times.min()), int(times.max())) if len(times) else (None, None)
    series = f"{frame['topic'].nunique():,} topics"
    return {
        "dataset": f"signals/{source}",
        "series": series,
        "rows": len(times),
        "first": ends[0],
        "last": ends[1],
    }


def _headline(console: Console, catalogue: Catalogue) -> None:
    kind = "[bold magenta]SYNTHETIC[/]" if catalogue.kind == "synthetic" else "recorded"
    console.print(f"{kind}: {escape(catalogue.title)}, digest {catalogue.digest[:16]}", highlight=False)


def _next(console: Console, command: str) -> None:
    console.print(f"Next: [bold]{escape(command)}[/]", highlight=False, soft_wrap=True)


def _day(at: object) -> str:
    return f"{pd.Timestamp(at, unit='s', tz='UTC'):%Y-%m-%d %H:%M}" if isinstance(at, int) else ""


def _print_json(console: Console, document: Mapping[str, object]) -> None:
    console.file.write(json.dumps(document, indent=2) + "\n")
