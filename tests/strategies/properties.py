"""Five properties of every honest strategy, as functions that raise AssertionError where one does not hold.

`weigh` is the whole of what decides: panel in, target weights (T, N) out, with the scorer and its refits inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.core.strategy import Strategy

DAY = 86_400
Weigh = Callable[[Panel], Floats]
Score = Callable[[Panel], Scores]


def weigher(strategy: Strategy, score: Score) -> Weigh:
    """What `strategy` wants when `score` is its scorer."""
    return lambda panel: strategy.weights(panel, score(panel))


def assert_no_look_ahead(weigh: Weigh, panel: Panel, prefixes: Iterable[int] | None = None) -> None:
    """The weights of the first k rows are those of a panel that ends with them."""
    whole = weigh(panel)
    for k in range(1, len(panel)) if prefixes is None else prefixes:
        np.testing.assert_array_equal(weigh(panel.rows(0, k)), whole[:k], err_msg=f"rows known: {k}")


def assert_enough_lookback(strategy: Strategy, score: Score, panel: Panel) -> None:
    """The last LOOKBACK rows, with their scores, decide the last row just as the whole history does."""
    scores = score(panel)
    whole = strategy.weights(panel, scores)
    for stop in range(strategy.lookback, len(panel) + 1):
        start = stop - strategy.lookback
        recent = strategy.weights(panel.rows(start, stop), score_rows(scores, start, stop))
        np.testing.assert_array_equal(recent[-1], whole[stop - 1], err_msg=f"row {stop - 1}")


def assert_column_order_does_not_matter(weigh: Weigh, panel: Panel, order: tuple[str, ...]) -> None:
    """Naming the venues in another order (idle stays first) moves the columns and changes nothing else."""
    columns = [panel.venues.index(venue) for venue in order]
    np.testing.assert_array_equal(weigh(panel.columns(order)), weigh(panel)[:, columns])


def assert_valid_weights(weigh: Weigh, panel: Panel) -> None:
    """Each row is finite, non-negative, sums to one and buys nothing that has no price."""
    weights = weigh(panel)
    assert weights.shape == panel.close.shape
    assert np.isfinite(weights).all()
    assert (weights >= 0.0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=0.0, atol=1e-9)
    assert not weights[~np.isfinite(panel.close)].any()


def assert_future_changes_nothing(weigh: Weigh, panel: Panel, cut: int, seed: int) -> None:
    """Rows before `cut` keep their weights, bit for bit, when garbage replaces everything from `cut` on."""
    np.testing.assert_array_equal(weigh(tampered(panel, cut, seed))[:cut], weigh(panel)[:cut])


def tampered(panel: Panel, cut: int, seed: int) -> Panel:
    """The panel with garbage (huge, tiny, missing) in every row from `cut` on; idle stays worth 1."""
    random = np.random.default_rng(seed)
    fields = {}
    for name, values in panel.fields.items():
        garbage = values.copy()
        size = garbage[cut:].shape
        garbage[cut:] = np.where(random.random(size) < 0.2, np.nan, 10.0 ** random.uniform(-6, 6, size))
        if name == "close":
            garbage[:, 0] = 1.0
        fields[name] = garbage
    return replace(panel, times=panel.times.copy(), fields=fields)


def score_rows(scores: Scores, start: int, stop: int) -> Scores:
    """Rows `start` to `stop` (exclusive) of the scores."""
    return scores.rows(start, stop)


def row_scores(panel: Panel) -> Scores:
    """Made-up scores of each row from that row alone: ties, gaps, and rows without a model among them."""
    expected = np.round(np.sin(1e3 * np.log(panel.close)) / 10.0, 2)
    expected[np.nan_to_num(np.cos(7e3 * panel.volume)) > 0.9] = np.nan
    expected[:, 0] = np.nan
    silent = panel.times // DAY % 11 == 0
    expected[silent] = np.nan
    return Scores(expected, expected - 0.1, expected + 0.1, tuple("" if none else "made-up" for none in silent))


def made_panel(seed: int, rows: int, venues: int, gaps: float = 0.05, still: bool = False) -> Panel:
    """A daily panel of random walks with idle in front: venues listed late, gaps, one signal that is born late.

    `still`: one venue never moves and another moves exactly as it does.
    """
    random = np.random.default_rng(seed)
    shape = (rows, venues + 1)
    close = np.exp(np.cumsum(random.normal(0.0, 0.04, shape), axis=0) + random.normal(0.0, 2.0, venues + 1))
    if still:
        close[:, 1] = 2.0
        close[:, -1] = close[:, 1]
    volume = np.exp(random.normal(10.0, 1.0, shape))
    stars = np.exp(np.cumsum(np.abs(random.normal(0.0, 0.01, shape)), axis=0) + random.normal(6.0, 1.0, venues + 1))
    born = np.where(random.random(venues + 1) < 0.3, random.integers(0, rows, venues + 1), 0)
    unborn = np.arange(rows)[:, None] < born
    missing = random.random(shape) < gaps
    close[unborn | missing] = np.nan
    volume[unborn | missing] = np.nan
    stars[random.random(shape) < gaps] = np.nan
    close[:, 0], volume[:, 0], stars[:, 0] = 1.0, 0.0, np.nan
    times = 1_700_006_400 + DAY * np.arange(rows, dtype=np.int64)
    ids = ("idle", *(f"venue-{number}" for number in range(venues)))
    return Panel(times, ids, {"close": close, "volume": volume, "signal:stars": stars})


def panels(least_rows: int = 34, most_rows: int = 48) -> st.SearchStrategy[Panel]:
    """Panels of a few venues, with late listings, gaps and ties."""
    return st.builds(
        made_panel,
        seed=st.integers(0, 2**32 - 1),
        rows=st.integers(least_rows, most_rows),
        venues=st.integers(1, 6),
        gaps=st.sampled_from([0.0, 0.05, 0.5]),
        still=st.booleans(),
    )
