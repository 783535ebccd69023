"""What is wrong with a catalogue's data: errors that a run refuses, warnings that it counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bot.core.panel import Times
from bot.core.universe import Universe
from bot.errors import DataError, located
from bot.signals.catalogue import Catalogue
from bot.signals.storage import BARS, micros_of, price_path, seconds_of, signal_path

ABSURD_LOG_RETURN = float(np.log(10.0))  # tenfold, or a tenth, from one bar to the next
INCOMPLETE_SHARE = 0.75  # of the usual number of topics a day
USUAL_DAYS = 14
LONG_SILENCE = 3  # times the usual time between a source's days

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of problem in one series: how often, and when first (unix seconds)."""

    severity: Severity
    file: str
    asset: str
    problem: str
    count: int
    first_at: int | None


def check(catalogue: Catalogue, now: int | None = None) -> list[Finding]:
    """Every finding, errors first, then by file. With `now` (unix seconds), rows from after it are errors."""
    findings: list[Finding] = []
    ends = []
    for bar in catalogue.bars():
        for asset in catalogue.assets(bar):
            frame = catalogue.prices(asset, bar)
            findings += _price_findings(frame, price_path(asset, bar), asset, BARS[bar], now)
            ends += [int(seconds_of(frame["time"]).max())] if len(frame) else []
    end = max(ends) if ends else None
    for source in catalogue.sources():
        findings += _signal_findings(catalogue.signals(source), signal_path(source), source, end, now)
    return sorted(findings, key=lambda found: (found.severity, found.file, found.problem))


def refuse_errors(catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...]) -> int:
    """How many warnings there are in the data that a run would use.

    Raises DataError naming file, asset and time of the first error instead.
    """
    findings: list[Finding] = []
    for asset in sorted({venue.asset for venue in universe.risky}):
        frame = catalogue.prices(asset, bar)
        findings += _price_findings(frame, price_path(asset, bar), asset, BARS[bar], None)
    for source in sources:
        findings += _signal_findings(catalogue.signals(source), signal_path(source), source, None, None)
    for found in findings:
        if found.severity == "error":
            at = "" if found.first_at is None else f" at {_readable(found.first_at)}"
            more = f" and {found.count - 1} more" if found.count > 1 else ""
            raise DataError(located(found.file, found.asset, f"{found.problem}{at}{more}"))
    return len(findings)


def _price_findings(frame: pd.DataFrame, file: str, asset: str, bar_seconds: int, now: int | None) -> Iterator[Finding]:
    times = seconds_of(frame["time"])

    def found(severity: Severity, problem: str, where: NDArray[np.bool_], at: Times = times) -> Iterator[Finding]:
        if where.any():
            yield Finding(severity, file, asset, problem, int(where.sum()), int(at[np.argmax(where)]))

    if not len(frame):
        yield Finding("error", file, asset, "no rows", 0, None)
        return
    step = np.diff(times)
    columns = {name: frame[name].to_numpy(dtype=np.float64) for name in frame.columns if name != "time"}
    prices = np.column_stack([columns[name] for name in ("open", "high", "low", "close")])
    finite = np.isfinite(prices).all(axis=1)
    positive = finite & (prices > 0).all(axis=1)
    yield from found("error", "bar repeated", step == 0, times[1:])
    yield from found("error", "bars out of order", step < 0, times[1:])
    yield from found("error", "not the close of a whole bar", times % bar_seconds != 0)
    yield from found("error", "price missing or infinite", ~finite)
    yield from found("error", "price zero or negative", finite & ~positive)
    yield from found("error", "high below low", finite & (columns["high"] < columns["low"]))
    close = np.where(positive, columns["close"], np.nan)
    jumps = np.abs(np.diff(np.log(close))) > ABSURD_LOG_RETURN
    yield from found("error", "price moved tenfold in one bar", jumps & (step == bar_seconds), times[1:])
    volume = columns["volume_quote"]
    yield from found("error", "volume missing, infinite or negative", ~np.isfinite(volume) | (volume < 0))
    if now is not None:
        yield from found("error", "bar from the future", times > now)
    outside = (prices[:, [0, 3]].max(axis=1) > columns["high"]) | (prices[:, [0, 3]].min(axis=1) < columns["low"])
    yield from found("warning", "open or close outside high and low", finite & outside)
    yield from found("warning", "nothing traded", volume == 0)
    yield from found("warning", f"gap, {_missing(step, bar_seconds)} bars in all", step > bar_seconds, times[:-1])


def _signal_findings(
    frame: pd.DataFrame, file: str, source: str, end: int | None, now: int | None
) -> Iterator[Finding]:
    published, observed = seconds_of(frame["published_at"]), seconds_of(frame["observed_at"])

    def found(severity: Severity, problem: str, where: NDArray[np.bool_], at: Times = published) -> Iterator[Finding]:
        if where.any():
            yield Finding(severity, file, source, problem, int(where.sum()), int(at[np.argmax(where)]))

    if not len(frame):
        yield Finding("warning", file, source, "no rows", 0, None)
        return
    value = frame["value"].to_numpy(dtype=np.float64)
    yield from found("error", "value missing, infinite or negative", ~np.isfinite(value) | (value < 0))
    early = micros_of(frame["published_at"]) < micros_of(frame["observed_at"])
    yield from found("error", "published before it was observed", early)
    repeated = frame.duplicated(["topic", "observed_at", "published_at"]).to_numpy()
    yield from found("error", "observation repeated", repeated)
    if now is not None:
        yield from found("error", "published in the future", published > now)
    if end is not None:
        yield from found("warning", "published after the last bar of any price", published > end)
    codes = pd.factorize(frame["topic"], sort=True)[0]
    same = codes[1:] == codes[:-1]
    backwards = (codes[1:] < codes[:-1]) | (same & (np.diff(published) < 0))
    yield from found("warning", "rows out of order", backwards, published[1:])

    day = pd.Series(observed // 86_400)
    topics = pd.Series(codes).groupby(day).nunique()
    usual = topics.shift(1).rolling(USUAL_DAYS, min_periods=3).median()
    days = topics.index.to_numpy(dtype=np.int64)
    short = (topics < INCOMPLETE_SHARE * usual).to_numpy()
    yield from found("warning", "incomplete day", short, days * 86_400)
    step = np.diff(days)
    if len(step):
        long = step > LONG_SILENCE * np.median(step)
        yield from found("warning", f"silent, {int((step[long] - 1).sum())} days in all", long, days[:-1] * 86_400)


def _missing(step: NDArray[np.int64], bar_seconds: int) -> int:
    return int((step[step > bar_seconds] // bar_seconds - 1).sum())


def _readable(at: int) -> str:
    return f"{pd.Timestamp(at, unit='s', tz='UTC'):%Y-%m-%d %H:%M} UTC"
