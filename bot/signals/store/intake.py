"""An append, decided: which rows are kept, which were known, which revise what was said, and which are refused.

Pure of disk: what the store knows comes in as `Known`. Rows are taken in the order of their publication, whatever order
they came in, and each is judged beside its own topic's past alone, so a bad row changes nothing for anybody else.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.core.observation import Bar, Observation, RefusedRow
from bot.signals.storage import BARS
from bot.signals.store.identity import Identities
from bot.signals.store.judge import MEMORY, PAST, Said, bar_fault, leap, observation_fault, price_leap, shown

Track = tuple[str, str]  # (series, key) of signals; (prices/<bar>/<source>, asset) of bars
Moment = tuple[str, str, int]  # a track and the second that is spoken of
Content = tuple[float, ...]  # (value,), or (open, high, low, close, volume_quote)
Version = tuple[int, Content]  # what was said of a moment: (published_at, content)
Doubt = Callable[[Sequence[Said], Sequence[float]], str]  # of the past and what is held: why not to believe, or ""
_NO_LATER = "another value of a moment that is known, and published no later"


class Known(Protocol):
    """What a store knows that decides about new rows. `tails`: the newest `PAST` believed values of each track, by
    time; `held`: those that are held."""

    identities: Identities
    tails: dict[Track, list[Said]]
    held: dict[Track, list[Said]]

    def versions(self, moments: Sequence[Moment]) -> Mapping[Moment, list[Version]]:
        """What was said of each of the moments that is known, in order of publication."""

    def history(self, late: Mapping[Track, tuple[int, int]]) -> Mapping[Track, list[Said]]:
        """The believed values of each track between two times, both included, by time."""


@dataclass(slots=True)
class Decided:
    """Rows to keep, in the columns of `schema`; the counts tell what became of all that were offered."""

    observations: list[tuple[object, ...]] = field(default_factory=list)
    bars: list[tuple[object, ...]] = field(default_factory=list)
    held: list[tuple[object, ...]] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    duplicates: int = 0
    revised: int = 0


def decide(
    known: Known,
    observations: Iterable[Observation],
    bars: Iterable[Bar],
    refused: Iterable[RefusedRow],
    received_at: int,
    revisions_dated: bool = False,
) -> Decided:
    """What an append at `received_at` (unix seconds) does. `known` is brought up to date with it.

    A new value for a known moment is a revision. Unless `revisions_dated`, nobody says since when it was so, and it
    counts from `received_at` at the earliest: a rewritten history must not be known before it was rewritten.
    """
    decided = Decided(refused=[_clean(row) for row in refused])
    sound, sound_bars = [], []
    for row in observations:
        fault = observation_fault(row, received_at)
        if fault is None:
            sound.append(row)
        else:
            decided.refused.append(_refusal(row.series, fault[0], row.topic, fault[1], row, received_at))
    for bar in bars:
        fault = bar_fault(bar, received_at)
        if fault is None:
            sound_bars.append(bar)
        else:
            decided.refused.append(_refusal(bar.source, fault[0], bar.asset, fault[1], bar, received_at))
    _observations(known, decided, sound, received_at, revisions_dated)
    _bars(known, decided, sound_bars, received_at, revisions_dated)
    return decided


def _observations(
    known: Known, decided: Decided, sound: list[Observation], received_at: int, revisions_dated: bool
) -> None:
    sound.sort(key=lambda row: (row.published_at, row.observed_at, row.series, row.topic, row.entity, row.value))
    draft = known.identities.draft()
    keys = [draft.key(row.series, row.topic, row.entity) for row in sound]
    moments = [(row.series, key, row.observed_at) for row, key in zip(sound, keys, strict=True)]
    bench = _Bench(known, moments, received_at, revisions_dated)
    for row, key, moment in zip(sound, keys, moments, strict=True):
        value = float(row.value)
        verdict = bench.judged(moment, row.published_at, (value,), value, _level_doubt(value))
        if isinstance(verdict, str):
            _refuse(decided, verdict, row.series, "value", row.topic, row, received_at)
            if bench.holds:
                decided.held.append((row.series, key, row.observed_at, value))
            continue
        published_at, revision = verdict
        decided.revised += revision > 0
        said = (row.series, row.topic, row.entity, key, value, row.observed_at, published_at, received_at, revision)
        decided.observations.append(said)
        known.identities.keep(row.series, row.topic, row.entity, key)
    bench.close()


def _bars(known: Known, decided: Decided, sound: list[Bar], received_at: int, revisions_dated: bool) -> None:
    sound.sort(key=lambda bar: (bar.published_at, bar.time, bar.source, bar.asset, bar.bar, bar.close))
    moments = [(f"prices/{bar.bar}/{bar.source}", bar.asset, bar.time) for bar in sound]
    bench = _Bench(known, moments, received_at, revisions_dated)
    for bar, moment in zip(sound, moments, strict=True):
        content = (float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume_quote))
        close = float(bar.close)
        verdict = bench.judged(moment, bar.published_at, content, close, _price_doubt(bar))
        if isinstance(verdict, str):
            _refuse(decided, verdict, bar.source, "close", bar.asset, bar, received_at)
            if bench.holds:
                decided.held.append((*moment, close))
            continue
        published_at, revision = verdict
        decided.revised += revision > 0
        named = (bar.source, bar.asset, bar.bar, bar.time)
        decided.bars.append((*named, *content, published_at, received_at, revision))
    bench.close()


def _level_doubt(value: float) -> Doubt:
    return lambda before, held: leap(value, [said for _, said in before], held)


def _price_doubt(bar: Bar) -> Doubt:
    def doubt(before: Sequence[Said], held: Sequence[float]) -> str:
        if not before:
            return ""
        at, last = before[-1]
        return price_leap(bar.close, last, (bar.time - at) / BARS[bar.bar], held)

    return doubt


class _Bench:
    """The rows of one table before their judge: what is known of each track grows as rows are believed."""

    def __init__(self, known: Known, moments: Sequence[Moment], received_at: int, revisions_dated: bool) -> None:
        self.holds = False  # whether the last row was held
        self._known, self._received_at, self._dated = known, received_at, revisions_dated
        self._versions = {moment: list(said) for moment, said in known.versions(moments).items()}
        late: dict[Track, tuple[int, int]] = {}
        for series, key, at in moments:
            tail = known.tails.get((series, key), ())
            if len(tail) >= PAST and at <= tail[0][0]:  # its past lies deeper than the tail reaches
                first, last = late.get((series, key), (at, at))
                late[series, key] = (min(first, at), max(last, at))
        reach = {track: (first - MEMORY, last) for track, (first, last) in late.items()}
        self._past = {track: list(said) for track, said in known.history(reach).items()} if reach else {}
        for track in reach:
            merged = {*self._past.get(track, ()), *known.tails[track]}
            self._past[track] = sorted(merged)

    def judged(
        self, moment: Moment, published_at: int, content: Content, value: float, doubt: Doubt
    ) -> tuple[int, int] | str:
        """(published_at, revision) to keep the row under; "" where it was known already; else why it is refused."""
        self.holds = False
        track, at = moment[:2], moment[2]
        versions = self._versions.get(moment, [])
        place = self._place(versions, published_at, content)
        if isinstance(place, str):
            return place
        past = self._past.get(track)
        if past is None:
            past = self._past[track] = list(self._known.tails.get(track, ()))
        here = bisect.bisect_left(past, (at, -1.0))
        before = [said for said in past[max(0, here - PAST) : here] if said[0] >= at - MEMORY]
        waiting = self._known.held.get(track, [])
        since = past[here - 1][0] if here else 0
        reason = doubt(before, [said for when, said in waiting if since < when < at])
        if reason:
            if (at, value) in waiting:
                return ""
            bisect.insort(self._known.held.setdefault(track, []), (at, value))
            self.holds = True
            return reason
        bisect.insort(past, (at, value))
        self._versions[moment] = sorted([*versions, (place, content)])
        return place, len(versions)

    def _place(self, versions: list[Version], published_at: int, content: Content) -> int | str:
        """When the content counts as published beside what was said of its moment; "" if it was said already."""
        if not versions:
            return published_at
        if not self._dated:
            newest_at, newest = versions[-1]
            published_at = max(published_at, self._received_at)
            return "" if newest == content else _NO_LATER if published_at <= newest_at else published_at
        after = bisect.bisect_right([at for at, _ in versions], published_at)
        if any(said == content for _, said in versions[max(0, after - 1) : after + 1]):
            return ""
        return _NO_LATER if after and versions[after - 1][0] == published_at else published_at

    def close(self) -> None:
        """The tails reach to the newest that was believed."""
        for track, past in self._past.items():
            if past:
                self._known.tails[track] = past[-PAST:]


def _refuse(decided: Decided, reason: str, source: str, name: str, asset: str, row: object, received_at: int) -> None:
    if reason:
        decided.refused.append(_refusal(source, name, asset, reason, row, received_at))
    else:
        decided.duplicates += 1


def _refusal(source: object, name: str, asset: object, reason: str, row: object, seen_at: int) -> RefusedRow:
    return RefusedRow(shown(source, 80), name, shown(asset, 80), reason, shown(_as_said(row)), seen_at)


def _as_said(row: object) -> str:
    try:
        return repr(row)
    except ValueError:  # an integer of more digits than Python writes
        return f"{type(row).__name__} with a number of thousands of digits"


def _clean(row: RefusedRow) -> RefusedRow:
    seen_at = row.seen_at if isinstance(row.seen_at, int) and 0 <= row.seen_at < 2**62 else 0
    return RefusedRow(
        shown(row.source, 80), shown(row.field, 80), shown(row.asset, 80), shown(row.reason), shown(row.raw), seen_at
    )
