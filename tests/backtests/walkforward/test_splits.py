"""The arithmetic of the splits: skfolio's where that can tell, and exact in time where it cannot."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.walkforward.splits import (
    chosen_groups,
    estimator_and_calibration,
    group_bounds,
    path_count,
    path_splits,
    unseen_rows,
)

# Recorded from skfolio 1.12.2, CombinatorialPurgedCV(n_folds, n_test_folds, purged_size, embargo_size): rows to train
# on and rows of each tested group as [first, behind the last], and recombined_paths, groups by paths.
RECORDED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("skfolio_splits.json").read_text(encoding="utf-8"))
FAR = 10**9


def rows_of(ranges: list[list[int]]) -> list[int]:
    return [row for first, stop in ranges for row in range(first, stop)]


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case['groups']} groups, {case['tested']} tested")
@pytest.mark.parametrize("embargo", [0, 1])
def test_rows_to_learn_from_are_those_of_skfolio(case: dict[str, Any], embargo: int) -> None:
    purged, behind = case["purged"] - embargo, case["purged"] + case["embargo"] - embargo
    if purged < 0 or behind < 0:
        embargo, purged, behind = 0, case["purged"], case["purged"] + case["embargo"]
    times = np.arange(case["samples"], dtype=np.int64)
    bounds = group_bounds(case["samples"], case["groups"])
    chosen = chosen_groups(case["groups"], case["tested"])
    assert len(chosen) == len(case["splits"])
    for split, (train, tests) in zip(chosen.tolist(), case["splits"], strict=True):
        assert [[bounds[group], bounds[group + 1]] for group in split] == tests
        stretches = [(int(bounds[group]), int(bounds[group + 1]) - 1) for group in split]
        kept = unseen_rows(times, times + purged, stretches, behind, embargo, FAR)
        assert np.flatnonzero(kept).tolist() == rows_of(train)


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case['groups']} groups, {case['tested']} tested")
def test_paths_are_put_together_as_skfolio_does(case: dict[str, Any]) -> None:
    assert path_splits(case["groups"], case["tested"]).T.tolist() == case["recombined"]


@given(groups=st.integers(3, 9), data=st.data())
def test_every_split_of_every_group_is_on_one_path_and_never_judged_by_a_model_that_learned_from_it(
    groups: int, data: st.DataObject
) -> None:
    tested = data.draw(st.integers(1, groups - 1))
    chosen, paths = chosen_groups(groups, tested), path_splits(groups, tested)
    assert len(paths) == path_count(groups, tested) == math.comb(groups, tested) * tested // groups
    used = [(int(split), group) for path in paths for group, split in enumerate(path)]
    assert all(group in chosen[split] for split, group in used)
    assert len(used) == len(set(used)) == chosen.size


@given(
    steps=st.lists(st.integers(1, 4), min_size=12, max_size=60),
    groups=st.integers(2, 5),
    horizon=st.integers(1, 9),
    reach=st.integers(0, 12),
    embargo=st.integers(0, 5),
    data=st.data(),
)
def test_what_is_learned_from_touches_no_tested_stretch_and_nothing_else_is_left_out(
    steps: list[int], groups: int, horizon: int, reach: int, embargo: int, data: st.DataObject
) -> None:
    times = np.cumsum(np.array(steps, dtype=np.int64))  # with gaps
    bounds = group_bounds(len(times), groups)
    tested = data.draw(st.sets(st.integers(0, groups - 1), min_size=1, max_size=groups - 1))
    stretches = [(int(times[bounds[group]]), int(times[bounds[group + 1] - 1])) for group in sorted(tested)]
    last = int(times[-1])
    kept = unseen_rows(times, times + horizon, stretches, reach, embargo, last)
    for row, at in enumerate(times.tolist()):
        used = range(at - reach, at + horizon + 1)
        forbidden = [range(begin - embargo, end + embargo + 1) for begin, end in stretches]
        touches = any(used.start < each.stop and each.start < used.stop for each in forbidden)
        assert kept[row] == (not touches and at + horizon <= last)


def test_a_label_that_spans_the_edge_of_a_group_is_purged_to_the_second() -> None:
    times = np.arange(0, 100, 10, dtype=np.int64)
    kept = unseen_rows(times, times + 20, [(50, 60)], reach=0, embargo=0, last=FAR)
    assert times[kept].tolist() == [0, 10, 20, 70, 80, 90]  # 30 has a label that ends at 50, on the first tested row
    shorter = unseen_rows(times, times + 19, [(50, 60)], reach=0, embargo=0, last=FAR)
    assert times[shorter].tolist() == [0, 10, 20, 30, 70, 80, 90]
    behind = unseen_rows(times, times + 20, [(50, 60)], reach=10, embargo=10, last=110)
    assert times[behind].tolist() == [0, 10, 90]  # 80 reaches back to 70, within the embargo of 60


@given(count=st.integers(2, 90), groups=st.integers(2, 9))
def test_groups_are_consecutive_and_as_long_as_each_other_to_a_row(count: int, groups: int) -> None:
    bounds = group_bounds(count, groups)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1]) == (0, count)
    assert sizes.max() - sizes.min() <= 1
    assert (np.diff(sizes) <= 0).all()


@given(
    kept=st.lists(st.booleans(), min_size=4, max_size=80),
    cuts=st.sets(st.integers(0, 80), min_size=1, max_size=3),
    horizon=st.integers(1, 9),
    embargo=st.integers(0, 5),
)
def test_each_side_s_newest_quarter_calibrates_and_no_estimator_label_of_the_side_reaches_it(
    kept: list[bool], cuts: set[int], horizon: int, embargo: int
) -> None:
    times, mask = np.arange(len(kept), dtype=np.int64), np.array(kept)
    begins = np.array(sorted(cuts), dtype=np.int64)
    estimator, calibration = estimator_and_calibration(times, times + horizon, mask, begins, 0.25, embargo)
    assert not (estimator & calibration).any()
    assert not ((estimator | calibration) & ~mask).any()
    edges = [0, *sorted(cuts), 1_000]
    for first, stop in itertools.pairwise(edges):
        side = mask & (times >= first) & (times < stop)
        if not (calibration & side).any():
            assert (estimator & side).sum() == side.sum()  # too short to be shared out
            continue
        assert (calibration & side).sum() == math.ceil(0.25 * side.sum())
        begin = times[calibration & side].min()
        assert (times[estimator & side] + horizon + embargo).max() <= begin
        left_out = side & ~estimator & ~calibration
        assert (times[left_out] + horizon + embargo > begin).all()
