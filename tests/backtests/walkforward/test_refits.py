"""The benchmark of refits, at a size that takes a second: what is measured did happen."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtests.benchmark.refits import MODELS, catalogue, measure, row, strategy_file, text
from bot.errors import InvariantBroken


@pytest.mark.parametrize("model", MODELS)
def test_measures_a_walk_whose_models_spoke(model: str, tmp_path: Path) -> None:
    data = catalogue(tmp_path, 4, 200)
    name = next(known for known in MODELS if known == model)
    taken = measure(data, strategy_file(tmp_path, 4, name, 60, 28), folds=3, least_refits=4, runs=2)
    assert taken.model == model
    assert taken.refits >= 4
    assert 4 * 30 < taken.rows < 4 * 60
    assert all(len(each) == 2 and min(each) > 0.0 for each in (taken.load, taken.folds, taken.fits, taken.paths))
    assert row(taken) in text([taken], "reached")


def test_fewer_refits_than_promised_are_not_timed(tmp_path: Path) -> None:
    data = catalogue(tmp_path, 3, 120)
    with pytest.raises(InvariantBroken, match=r"models spoke in the folds, 20 were to be timed$"):
        measure(data, strategy_file(tmp_path, 3, "ridge", 60, 28), folds=2, least_refits=20, runs=1)
