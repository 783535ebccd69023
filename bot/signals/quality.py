"""What is wrong with a catalogue's data: errors that a run refuses, warnings that it counts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bot.core.listing import WRITE_OFF
from bot.core.panel import Times
from bot.core.universe import Universe
from bot.errors import DataError, located
from bot.signals.catalogue import Catalogue
from bot.signals.listings import NEVER, Listing, derived, listings_of
from bot.signals.storage import ASSETS_PATH, BARS, micros_of, price_path, seconds_of, signal_path

ABSURD_LOG_RETURN = float(np.log(10.0))  # tenfold, or a tenth, from one bar to the next
ABSURD_LOG_GAP = float(np.log(500.0))  # the same over a gap of any length
LEAST_PRICE, MOST_PRICE = 1e-18, 1e15  # money per token: what a pool of 18 and 6 decimals can still hold
MOST_MONEY = 1e15  # traded in a bar: more than the world makes in a year
MOST_LEVEL = 1e15  # of a signal: beyond it float64 no longer counts by ones
EARLIEST = 1_104_537_600  # 2005-01-01: before it there was nothing here to record, and a unit of time is wrong
USUAL_BARS, UNUSUAL = 30, 1_000.0  # volume above so many times the median of the bars before
INCOMPLETE_SHARE = 0.75  # of the usual number of topics a day
USUAL_DAYS = 14
LONG_SILENCE = 3  # times the usual time between a source's days
SURVIVORS, LONG_ENOUGH = 5, 180 * 86_400  # so many assets for so long, and none ended: somebody left those out

_TOLD = 6  # warnings that a line has room for

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
    findings = _listing_findings(catalogue)
    listed = {} if findings else listings_of(catalogue.listings())
    priced = {asset for bar in catalogue.bars() for asset in catalogue.assets(bar)}
    dead = {asset for asset, listing in listed.items() if listing.delisted_at != NEVER}
    unpriced = sorted(dead - priced)
    if unpriced:
        problem = f"delisted and without prices, so nothing can lose by them: {', '.join(unpriced[:_TOLD])}"
        findings.append(Finding("warning", ASSETS_PATH, "(all)", problem, len(unpriced), None))
    ends = []
    for bar in catalogue.bars():
        series = {}
        for asset in catalogue.assets(bar):
            frame = catalogue.prices(asset, bar)
            listing = listed.get(asset, Listing())
            findings += _price_findings(frame, price_path(asset, bar), asset, BARS[bar], now, listing)
            series[asset] = seconds_of(frame["time"])
        ends += [int(times.max()) for times in series.values() if len(times)]
        findings += _survivor_findings(catalogue, bar, series, listed)
    end = max(ends) if ends else None
    for source in catalogue.sources():
        findings += _signal_findings(catalogue.signals(source), signal_path(source), source, end, now)
    return sorted(findings, key=lambda found: (found.severity, found.file, found.problem))


def refuse_errors(
    catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...], now: int | None = None
) -> int:
    """How many kinds of warning there are in the data that a run would use. Raises DataError as `findings_of`."""
    return len(findings_of(catalogue, universe, bar, sources, now))


def findings_of(
    catalogue: Catalogue, universe: Universe, bar: str, sources: tuple[str, ...], now: int | None = None
) -> list[Finding]:
    """The warnings about the data that a run would use; `now`: unix seconds, without it the clock is asked.

    Recorded rows from after `now` are errors: a bar that has not closed is not known. Raises DataError naming file,
    asset and time of the first error instead.
    """
    if now is None and catalogue.kind == "recorded":
        now = int(time.time())
    limit = now if catalogue.kind == "recorded" else None
    findings = _listing_findings(catalogue)
    listed = {} if findings else listings_of(catalogue.listings())
    series = {}
    for asset in sorted({venue.asset for venue in universe.risky}):
        frame = catalogue.prices(asset, bar)
        listing = listed.get(asset, Listing())
        findings += _price_findings(frame, price_path(asset, bar), asset, BARS[bar], limit, listing)
        series[asset] = seconds_of(frame["time"])
    findings += _survivor_findings(catalogue, bar, series, listed)
    for source in sources:
        findings += _signal_findings(catalogue.signals(source), signal_path(source), source, None, limit)
    for found in findings:
        if found.severity == "error":
            raise DataError(located(found.file, found.asset, described(found)))
    return findings


def summary(findings: Sequence[Finding]) -> str:
    """The warnings in a line: what, where, how often and when first; "" without any."""
    if not findings:
        return ""
    told = [f"{found.asset}: {found.problem} (×{found.count}{_since(found.first_at)})" for found in findings[:_TOLD]]
    more = f"; and {len(findings) - _TOLD} more (patron data check lists them)" if len(findings) > _TOLD else ""
    kinds = "one kind" if len(findings) == 1 else f"{len(findings)} kinds"
    return f"data: {kinds} of warning: {'; '.join(told)}{more}"


def _since(at: int | None) -> str:
    return "" if at is None else f", first {_readable(at)}"


def described(found: Finding) -> str:
    """A finding's problem, when first, and how often."""
    at = "" if found.first_at is None else f" at {_readable(found.first_at)}"
    return f"{found.problem}{at}" + (f" and {found.count - 1} more" if found.count > 1 else "")


def _listing_findings(catalogue: Catalogue) -> list[Finding]:
    """The one error of the assets' table, or nothing."""
    try:
        listings_of(catalogue.listings())
    except DataError as error:
        problem = str(error).removeprefix(f"{ASSETS_PATH}: ")
        return [Finding("error", ASSETS_PATH, "", problem, 1, None)]
    return []


def _survivor_findings(
    catalogue: Catalogue, bar: str, series: Mapping[str, Times], listed: Mapping[str, Listing]
) -> Iterator[Finding]:
    """Which assets end before the data does, and a call-out where in a long time none of many did."""
    known = {asset: times for asset, times in series.items() if len(times)}
    if not known:
        return
    end = max(int(times.max()) for times in known.values())
    ended = []
    for asset, times in known.items():
        listing = derived(times, end)
        stated = listed.get(asset, Listing())
        if stated.delisted_at != NEVER:
            ended.append(asset)
        elif listing.delisted_at != NEVER:
            ended.append(asset)
            problem = f"ends {(end - listing.delisted_at) // 86_400} days before the data: taken for delisted"
            yield Finding("warning", price_path(asset, bar), asset, problem, 1, listing.delisted_at)
    span = end - min(int(times.min()) for times in known.values())
    if catalogue.kind == "recorded" and not ended and len(known) >= SURVIVORS and span >= LONG_ENOUGH:
        problem = f"survivors only: none of {len(known)} assets ends in {span // 86_400} days, as if none had died"
        yield Finding("warning", f"prices/{bar}", "(all)", problem, 1, None)


def _price_findings(
    frame: pd.DataFrame, file: str, asset: str, bar_seconds: int, now: int | None, listing: Listing
) -> Iterator[Finding]:
    times = seconds_of(frame["time"])

    def found(severity: Severity, problem: str, where: NDArray[np.bool_], at: Times = times) -> Iterator[Finding]:
        if where.any():
            yield Finding(severity, file, asset, problem, int(where.sum()), int(at[np.argmax(where)]))

    if not len(frame):
        yield Finding("error", file, asset, "no rows", 0, None)
        return
    step = np.diff(times)
    columns = {name: frame[name].to_numpy(dtype=np.float64) for name in frame.columns if name != "time"}
    prices = np.array([columns[name] for name in ("open", "high", "low", "close")])
    finite = np.isfinite(prices).all(axis=0)
    positive = finite & (prices > 0).all(axis=0)
    yield from found("error", "bar repeated", step == 0, times[1:])
    yield from found("error", "bars out of order", step < 0, times[1:])
    yield from found("error", "not the close of a whole bar", times % bar_seconds != 0)
    yield from found("error", "a time before 2005: is its unit wrong?", times < EARLIEST)
    yield from found("error", "price missing or infinite", ~finite)
    yield from found("error", "price zero or negative", finite & ~positive)
    yield from found("error", "high below low", finite & (columns["high"] < columns["low"]))
    beyond = positive & ((prices < LEAST_PRICE) | (prices > MOST_PRICE)).any(axis=0)
    yield from found("error", f"price below {LEAST_PRICE:g} or above {MOST_PRICE:g}", beyond)
    moved = np.diff(np.log(np.where(positive, columns["close"], np.nan)))
    # A collapse shortly before a delisting that the data states is what it says it is.
    died = (moved < 0.0) & (times[1:] > listing.delisted_at - WRITE_OFF) & (times[1:] <= listing.delisted_at)
    in_one_bar = (np.abs(moved) > ABSURD_LOG_RETURN) & (step == bar_seconds)
    over_a_gap = (np.abs(moved) > ABSURD_LOG_GAP) & (step > bar_seconds)
    yield from found("error", "price moved tenfold in one bar", in_one_bar & ~died, times[1:])
    yield from found("error", "price moved five-hundredfold over a gap", over_a_gap & ~died, times[1:])
    yield from found("warning", "price fell tenfold before its delisting", (in_one_bar | over_a_gap) & died, times[1:])
    volume = columns["volume_quote"]
    yield from found("error", "volume missing, infinite or negative", ~np.isfinite(volume) | (volume < 0))
    yield from found("error", f"volume above {MOST_MONEY:g} of money in a bar", volume > MOST_MONEY)
    if now is not None:
        yield from found("error", "bar from the future, or not closed yet", times > now)
    highest, lowest = prices[[0, 3]].max(axis=0), prices[[0, 3]].min(axis=0)
    outside = (highest > columns["high"]) | (lowest < columns["low"])
    yield from found("warning", "open or close outside high and low", finite & outside)
    far = (0.1 * columns["high"] > highest) | (columns["low"] < 0.1 * lowest)
    yield from found("warning", "high or low tenfold beyond open and close", positive & far)
    yield from found("warning", "nothing traded", volume == 0)
    known = volume[~np.isnan(volume)]
    if len(known) and known.max() > UNUSUAL * max(known.min(), 1.0):  # no median is below the least: mostly none is due
        usual = pd.Series(volume).shift(1).rolling(USUAL_BARS, min_periods=USUAL_BARS).median().to_numpy()
        many = volume > UNUSUAL * np.maximum(usual, 1.0)
        yield from found("warning", f"volume over {UNUSUAL:,.0f} times the usual", many)
    unlisted = ~listing.within(times)
    yield from found("warning", "bars outside listing and delisting, not used", unlisted)
    yield from found("warning", "one bar only", np.full(1, len(times) == 1))
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
    yield from found("error", f"value above {MOST_LEVEL:g}", np.isfinite(value) & (value > MOST_LEVEL))
    yield from found("error", "a time before 2005: is its unit wrong?", np.minimum(published, observed) < EARLIEST)
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
    level = np.log(np.maximum(np.nan_to_num(value), 1.0))
    leap = same & (np.minimum(level[1:], level[:-1]) > np.log(100.0)) & (np.abs(np.diff(level)) > ABSURD_LOG_RETURN)
    yield from found("warning", "level moved tenfold from one report to the next", leap, published[1:])
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
