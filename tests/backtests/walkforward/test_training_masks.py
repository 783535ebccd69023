"""Training sets from masks: the rows of the masks and nothing else, in one order, with digests that name them all."""

from __future__ import annotations

import hashlib
from dataclasses import astuple

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.core.panel import Floats, Panel
from bot.scoring.estimator import VERSION
from bot.scoring.features import features
from bot.scoring.labels import Labels, labels
from bot.scoring.params import ScorerParams
from bot.scoring.walkforward import masked_training_set, training_rows, training_set
from tests.strategies.properties import DAY, made_panel

PARAMS = ScorerParams(horizon=2 * DAY, train=25 * DAY, refit=5 * DAY, embargo=DAY, bar_seconds=DAY)
Mask = NDArray[np.bool_]


def told(panel: Panel) -> tuple[tuple[str, ...], Floats, Labels]:
    names, x = features(panel, DAY)
    return names, x, labels(panel, PARAMS.horizon)


def one_by_one(panel: Panel, x: Floats, truth: Labels, part: Mask) -> list[tuple[int, int, Floats, float]]:
    """(time, place among sorted venues, features, return) of each usable cell, in order."""
    places = {venue: place for place, venue in enumerate(sorted(panel.venues))}
    found = []
    for row in np.flatnonzero(part).tolist():
        for place, venue in sorted((places[venue], number) for number, venue in enumerate(panel.venues)):
            if np.isfinite(truth.returns[row, venue]) and np.isfinite(x[row, venue]).any():
                found.append((int(panel.times[row]), place, x[row, venue], float(truth.returns[row, venue])))
    return found


def digest_of(panel: Panel, names: tuple[str, ...], parts: list[list[tuple[int, int, Floats, float]]]) -> str:
    """The digest as it is defined: parameters, names, venues, version; then each part's columns with their lengths."""
    digest = hashlib.sha256(repr((astuple(PARAMS), names, sorted(panel.venues), VERSION)).encode())
    for part in parts:
        for column, kind in enumerate((np.int64, np.int64, np.float64, np.float64)):
            digest.update(len(part).to_bytes(8))
            digest.update(np.array([cell[column] for cell in part], dtype=kind).tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("seed", range(4))
def test_rows_and_digest_are_those_of_the_masks_cell_by_cell(seed: int) -> None:
    random = np.random.default_rng(seed)
    panel = made_panel(seed=seed, rows=70, venues=5)
    panel = panel.columns(("idle", *random.permutation(panel.venues[1:]).tolist()))
    names, x, truth = told(panel)
    share = random.random(len(panel))
    parts = (share < 0.5, share > 0.7)
    made = masked_training_set(panel, names, x, truth, parts, 7, PARAMS)
    assert made is not None
    cells = [one_by_one(panel, x, truth, part) for part in parts]
    np.testing.assert_array_equal(made.x, np.array([cell[2] for cell in cells[0]]))
    np.testing.assert_array_equal(made.calibration_x, np.array([cell[2] for cell in cells[1]]))
    assert made.y.tolist() == [cell[3] for cell in cells[0]]
    assert made.calibration_y.tolist() == [cell[3] for cell in cells[1]]
    assert made.digest == digest_of(panel, names, cells)
    assert made.fit_time == 7


def test_the_walk_forward_s_training_set_is_that_of_its_masks() -> None:
    panel = made_panel(seed=9, rows=60, venues=4)
    names, x, truth = told(panel)
    fit_time = int(panel.times[50]) // PARAMS.refit * PARAMS.refit
    parts = training_rows(panel.times, truth.known_at, fit_time, PARAMS)
    one = training_set(panel, names, x, truth, fit_time, PARAMS)
    other = masked_training_set(panel, names, x, truth, parts, fit_time, PARAMS)
    assert one is not None
    assert other is not None
    assert one.digest == other.digest == digest_of(panel, names, [one_by_one(panel, x, truth, part) for part in parts])


def test_rows_outside_the_masks_are_not_looked_at() -> None:
    panel = made_panel(seed=10, rows=60, venues=4)
    names, x, truth = told(panel)
    early = np.arange(60) < 35
    late = (np.arange(60) >= 38) & (np.arange(60) < 50)
    made = masked_training_set(panel, names, x, truth, (early, late), 0, PARAMS)
    outside = ~(early | late)
    x[outside] = 1e9
    truth.returns[outside] = -1e9
    again = masked_training_set(panel, names, x, truth, (early, late), 0, PARAMS)
    assert made is not None
    assert again is not None
    assert again.digest == made.digest
    x[36 - 20, 1] += 1.0
    other = masked_training_set(panel, names, x, truth, (early, late), 0, PARAMS)
    assert other is not None
    assert other.digest != made.digest


@pytest.mark.parametrize("empty", [0, 1])
def test_an_empty_mask_leaves_too_little_to_learn_from(empty: int) -> None:
    panel = made_panel(seed=11, rows=60, venues=4)
    names, x, truth = told(panel)
    masks = [np.arange(60) < 40, np.arange(60) >= 44]
    masks[empty] = np.zeros(60, dtype=bool)
    assert masked_training_set(panel, names, x, truth, (masks[0], masks[1]), 0, PARAMS) is None
