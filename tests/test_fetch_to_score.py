"""From fetch to score: what servers say after a time changes no bit of any field or score at or before it.

GitHub's search is answered on the loopback over months of made fetch times, the answers go through the shipped parser
and the store's judge into a catalogue, and that into trend fields and scores. Every world shares the store as it was
at `CUT`, and then hears something else.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from rich.console import Console
from ruamel.yaml import YAML

from bot.core.observation import Bar, Observation
from bot.core.panel import Panel
from bot.core.score import Scores
from bot.fetching import fetch_into
from bot.scoring import ScorerParams, score_panel
from bot.signals.catalogue import Catalogue
from bot.signals.feed import PanelOf
from bot.signals.generator import generate
from bot.signals.store.signal_store import SignalStore
from bot.topics.votes import FIELDS
from bot.trend_fields import panels
from tests.signals.sources.server import Said, serving
from tests.trend_worlds import ASSETS, DAY, OWNERS, START, config_of, universe_of

STARS = "github_stars"
TURN, CUT, END = 100, 112, 120  # days: the control's change, the worlds' change, the last fetch
EVERY = 4  # days
TOPICS = 110  # more than a page of the search
PAGE = 100
Row = dict[str, Any]
World = Callable[[int, list[Row]], list[Row]]  # of a day and what would have been said on it: what is said
CONFIG = config_of(
    trends={"series": [STARS], "horizon": "14d", "train": "112d", "refit": "14d"},
    only={
        asset.lower(): {"kind": "uniswap_v3_hold", "asset": asset, "fee": "30 bps", "topics": {STARS: names}}
        for asset, names in zip(ASSETS, (["one/*"], ["two/thing-001", "two/thing-005"], ["three/*"]), strict=True)
    },
)
KEEPING = panels(CONFIG)  # as a daemon does: a fit on the same rows, to the bit, is not made again for another world
PARAMS = ScorerParams(
    horizon=3 * DAY, train=28 * DAY, refit=8 * DAY, embargo=DAY, bar_seconds=DAY, costs=0.001, on_drift="withhold"
)


def levels() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(END + 1, TOPICS) stars, whose growth has phases."""
    random = np.random.default_rng(5)
    pace = np.repeat(random.gamma(0.7, 0.012, (END // 14 + 1, TOPICS)), 14, axis=0)[: END + 1]
    steps = pace * random.gamma(4, 0.25, pace.shape)
    grown: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.floor(
        random.uniform(10, 400, TOPICS) * np.exp(np.cumsum(steps, axis=0))
    )
    return grown


LEVELS = levels()
PRICES = generate(3, ASSETS, END + 1, DAY, START)


def row_of(identity: int, name: str, stars: int) -> Row:
    created = "2023-05-06T07:08:09Z"
    return {"id": identity, "full_name": name, "stargazers_count": stars, "forks_count": 1, "created_at": created}


def said_on(day: int) -> list[Row]:
    """What the search finds on a day in the world as it is; some are born on the way, and some are missing each day."""
    return [
        row_of(1_000 + number, f"{OWNERS[number % len(OWNERS)]}/thing-{number:03d}", int(LEVELS[day, number]))
        for number in range(TOPICS)
        if (number % 9 or day >= number // 2) and (number + day) % 40
    ]


def as_it_is(_: int, rows: list[Row]) -> list[Row]:
    return rows


def other_values(day: int, rows: list[Row]) -> list[Row]:
    random = np.random.default_rng(day)
    return [{**row, "stargazers_count": int(row["stargazers_count"] * random.lognormal(0, 1))} for row in rows]


def vanished(_: int, rows: list[Row]) -> list[Row]:
    return rows[::3]


def newcomers(day: int, rows: list[Row]) -> list[Row]:
    """Names before, between and after the known ones, within a venue's glob, and one that looks like a venue's own."""
    names = [f"{owner}/new-{number:02d}" for owner in ("aaa", "one", "three", "zzz") for number in range(30)]
    names += ["tvvo/thing-001", "two/thing-0O1"]
    return rows + [row_of(5_000 + place, name, 900 + 40 * day + place) for place, name in enumerate(names)]


def renamed(_: int, rows: list[Row]) -> list[Row]:
    """Every second one has another name, and a stranger has taken its old one."""
    moved = [{**row, "full_name": f"one/was-{row['id']}"} for row in rows[::2]]
    taken = [{**row, "id": row["id"] + 7_000, "stargazers_count": 3} for row in rows[::2]]
    return rows[1::2] + moved + taken


POISON: tuple[Row, ...] = (
    {"stargazers_count": "NaN"},
    {"stargazers_count": float("nan")},
    {"stargazers_count": float("inf")},  # written as 1e400
    {"stargazers_count": -5},
    {"stargazers_count": 10**17},
    {"stargazers_count": 10**400},
    {"created_at": "2099-01-01T00:00:00Z"},
    {"created_at": "+292277026596-12-04T15:30:08Z"},
    {"created_at": 1_704_067_200_000},
    {"full_name": "one/\u202ething"},
    {"id": "1001"},
)


def poisoned(day: int, rows: list[Row]) -> list[Row]:
    """Not so many of a page that all of it is refused."""
    bad = [{**row, **POISON[(place + day) % len(POISON)]} for place, row in enumerate(rows)]
    return [bad[place] if place % 5 in (1, 3) else row for place, row in enumerate(rows)]


def garbage(_: int, rows: list[Row]) -> list[Row]:
    return [{**row, "stargazers_count": None} for row in rows]


def revised(_: int, rows: list[Row]) -> list[Row]:
    """The same pages; what was said before the cut is said anew beside them (`revise`)."""
    return rows


WORLDS: tuple[World, ...] = (other_values, vanished, newcomers, renamed, poisoned, garbage, revised)


def at_of(day: int) -> int:
    """When a day is fetched: an hour before midnight, or a second after it where a world begins."""
    return START + day * DAY + (1 if day in (TURN, CUT) else -3_600)


def page_of(request: web.Request, rows: list[Row]) -> Said:
    """A page of what is found, as GitHub's search has it."""
    begin = (int(request.query["page"]) - 1) * PAGE
    page = {"total_count": len(rows), "incomplete_results": False, "items": rows[begin : begin + PAGE]}
    return Said(json.dumps(page).replace("Infinity", "1e400").encode())


def fetch(folder: Path, days: range, world: World) -> None:
    """What `patron data fetch` would have left in the folder's store if it had been called on those days."""
    rows: list[Row] = []

    async def every_day() -> None:
        async with serving({"/search/repositories": lambda request: page_of(request, rows)}) as server:
            file = folder / "sources.yaml"
            source = {"kind": "github", "topics": ["art"], "base_url": server.url, "requests": 9_999, "attempts": 1}
            with file.open("w") as stream:
                YAML().dump({"sources": {"code": source}}, stream)
            for day in days:
                rows[:] = world(day, said_on(day))
                clock, console = partial(float, at_of(day)), Console(file=io.StringIO())
                code = await fetch_into(file, folder / "store", console=console, clock=clock)
                assert code == (world is garbage)

    asyncio.run(every_day())


def bars(days: range, factor: float = 1.0) -> list[Bar]:
    """The bars that close at the midnights of those days; another `factor` makes them other ones."""
    found = []
    for asset in ASSETS:
        known = PRICES.prices(asset, "1d")[["open", "high", "low", "close", "volume_quote"]].to_numpy()
        for day in days:
            at = START + day * DAY
            opened, high, low, close, volume = (known[day] * factor ** (1 + day % 3)).tolist()
            found.append(Bar("exchange", asset, "1d", at, opened, high, low, close, volume, at))
    return found


def revise(store: SignalStore) -> None:
    """What was said up to the cut is said again a second after it: with other values, and under its old times."""
    now, known = at_of(CUT), store.signals(STARS)
    seconds = known["observed_at"].astype("datetime64[s, UTC]").astype("int64")
    rows = [
        Observation(STARS, str(topic), "", float(value) * 1.5 + 1, at, at)
        for topic, value, at in zip(known["topic"], known["value"], seconds, strict=True)
    ]
    again = bars(range(1, CUT + 1), 1.03)
    appended = store.append(rows, again, received_at=now)
    assert appended.kept == appended.revised > len(again) + len(rows) / 2


def corrupt_bars() -> list[Bar]:
    at = START + CUT * DAY
    bad = [(at, math.nan), (at, math.inf), (at, -1.0), (at, 0.0), (at * 1_000, 1.0), (at + 90 * DAY, 1.0)]
    return [Bar("exchange", "AAA", "1d", when, price, price, price, price, 1.0, when) for when, price in bad]


@dataclass(frozen=True)
class Told:
    """What came of a store."""

    panel: Panel
    scores: Scores

    @classmethod
    def of(cls, folder: Path, panel_of: PanelOf) -> Told:
        catalogue = Catalogue.open(folder / "store")
        panel = panel_of(catalogue, universe_of(CONFIG), "1d", CONFIG.read)
        return cls(panel, score_panel(panel, PARAMS))

    def parts(self, first: int, last: int) -> dict[str, Any]:
        """Everything that is said of the rows from day `first` to `last`, both included, as bytes."""
        midnights = START + np.array([first, last]) * DAY
        start, stop = np.searchsorted(self.panel.times, midnights).tolist()
        stop += 1
        scores = self.scores.rows(start, stop)
        said = {name: values[start:stop].tobytes() for name, values in self.panel.fields.items()}
        for each in fields(Scores):
            value = getattr(scores, each.name)
            said[f"scores:{each.name}"] = value.tobytes() if isinstance(value, np.ndarray) else value
        said.pop("scores:withheld")  # is of the newest row
        return said


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `turn` and `cut`: the store as it was in the seconds before either."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "turn").mkdir()
    fetch(folder / "turn", range(0, TURN, EVERY), as_it_is)
    SignalStore.open(folder / "turn/store").append((), bars(range(TURN + 1)), received_at=START + TURN * DAY)
    shutil.copytree(folder / "turn", folder / "cut")
    fetch(folder / "cut", range(TURN, CUT, EVERY), as_it_is)
    SignalStore.open(folder / "cut/store").append((), bars(range(TURN + 1, CUT + 1)), received_at=START + CUT * DAY)
    return folder


def lived_on(begun: Path, folder: Path, first: int, world: World, factor: float = 1.0) -> Told:
    """The store goes on in another folder, from day `first`, hearing of a world."""
    shutil.copytree(begun, folder)
    if world is revised:
        revise(SignalStore.open(folder / "store"))
    fetch(folder, range(first, END + 1, EVERY), world)
    store = SignalStore.open(folder / "store")
    if world is poisoned:
        assert store.append((), corrupt_bars(), received_at=at_of(CUT)).refused == 6
        assert {"stargazers_count", "created_at", "full_name", "id", "value"} <= set(store.refused()["field"])
    store.append((), bars(range(first + 1, END + 1), factor), received_at=START + END * DAY)
    return Told.of(folder, KEEPING)


@pytest.fixture(scope="module")
def told(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The world as it is."""
    return lived_on(shared / "cut", tmp_path_factory.mktemp("base") / "lived", CUT, as_it_is)


def differing(one: Told, other: Told, first: int, last: int) -> list[str]:
    """The names of what differs in a bit in those rows."""
    there, here = one.parts(first, last), other.parts(first, last)
    assert there.keys() == here.keys()
    return sorted(name for name in there if there[name] != here[name])


def test_models_speak_of_topics_and_of_venues_before_the_cut(told: Told) -> None:
    rows = slice(TURN, CUT + 1)
    for name in FIELDS:
        assert np.isfinite(told.panel.fields[name][rows, 1:]).all(), name
    assert np.isfinite(told.scores.expected[rows, 1:]).all()
    assert len(set(told.scores.model[rows])) > 1


@pytest.mark.parametrize("world", WORLDS)
def test_nothing_fetched_after_a_time_changes_a_bit_at_or_before_it(
    shared: Path, told: Told, tmp_path: Path, world: World
) -> None:
    other = lived_on(shared / "cut", tmp_path / "lived", CUT, world, factor=1.03)
    assert differing(told, other, 0, CUT) == []
    later = differing(told, other, CUT + 1, END)
    assert {"close", "trend:growth", "scores:expected", "scores:model"} <= set(later), "the world was not heard"


def test_what_was_said_at_a_time_is_what_the_whole_history_says_of_it(shared: Path, told: Told) -> None:
    assert differing(told, Told.of(shared / "cut", panels(CONFIG)), 0, CUT) == []


def test_a_change_before_a_time_does_change_what_is_said_at_it(shared: Path, told: Told, tmp_path: Path) -> None:
    """The control: with the same prices, and stars that differ from a second after `TURN` on."""
    other = lived_on(shared / "turn", tmp_path / "lived", TURN, other_values)
    assert differing(told, other, 0, TURN) == []
    found = differing(told, other, TURN + 1, CUT)
    assert {*FIELDS} - {"trend:sources"} | {"scores:expected", "scores:model"} <= set(found)
    assert "close" not in found
