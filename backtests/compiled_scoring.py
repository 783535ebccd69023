"""The walk-forward's scores with boosted trees asked through the compiled kernel: the same bits, many times as fast.

Used by backtests alone, where a model is asked about years of rows at a time; a run asks about one, and keeps to the
library.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.scoring.model import FittedModel, Mask, expected_returns
from bot.scoring.params import ScorerParams
from bot.scoring.walkforward import Steps, score_rows

if TYPE_CHECKING:
    from backtests.kernels.trees import Forest

LEAST_ROWS: Final = 64  # below, taking the trees apart costs more than it saves


class CompiledTrees:
    """A fitted pipeline of nothing but boosted trees, as `scoring.estimator.predicted` asks one."""

    def __init__(self, pipeline: Any) -> None:
        self._boosted = pipeline[-1]
        self._forest: Forest | None = None

    def __getitem__(self, place: int) -> Any:
        return self._boosted

    def predict(self, x: Floats) -> Floats:
        """(M,): what the pipeline predicts for x (M, F), to the bit."""
        return np.asarray(self._boosted._loss.link.inverse(self.raw(x)[0]), dtype=np.float64)

    def raw(self, x: Floats) -> Floats:
        """(K, M): the sums of leaves before the link, of K trees a round, for x (M, F)."""
        from backtests.kernels.trees import forest_arrays, forest_nb
        from bot.scoring.artefact import forest_of

        if self._forest is None:
            self._forest = forest_arrays(forest_of(self._boosted))
        baseline = self._boosted._baseline_prediction[0]
        out = np.empty((len(baseline), len(x)))
        forest_nb(np.ascontiguousarray(x), baseline, *self._forest, out)
        return out


def scored(panel: Panel, params: ScorerParams) -> Scores:
    """Scores (T, N): the bits of `score_panel`."""
    return score_rows(panel, params, 0, None, COMPILED)


def compiled_expected(model: FittedModel, x: Floats, speaks: Mask) -> Floats:
    """As `expected_returns`, (R, N): what the model expects of x (R, N, F) where it speaks."""
    if np.count_nonzero(speaks) < LEAST_ROWS:
        return expected_returns(model, x, speaks)
    return expected_returns(compiled(model), x, speaks)


def compiled(model: FittedModel) -> FittedModel:
    """The same model, its boosted trees asked through the kernel; others stay as they are."""
    from bot.scoring.estimator import Blend

    pipeline = model.pipeline
    if isinstance(pipeline, Blend):
        pipeline = replace(pipeline, members=tuple(map(_compiled_part, pipeline.members)))
    else:
        pipeline = _compiled_part(pipeline)
    return replace(model, pipeline=pipeline)


def _compiled_part(pipeline: Any) -> Any:
    boosted = len(pipeline) == 1 and hasattr(pipeline[-1], "_predictors")
    return CompiledTrees(pipeline) if boosted else pipeline


COMPILED: Final = Steps(expected_of=compiled_expected)
"""The shipped steps, with the one that asks models many rows replaced."""
