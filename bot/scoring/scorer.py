"""The port that the cycle asks for scores: the last row of the walk-forward, its model kept until the next fit."""

from __future__ import annotations

import asyncio
import math

from bot.core.panel import Panel
from bot.core.score import Scores, no_scores
from bot.errors import PatronError
from bot.scoring.params import ScorerParams
from bot.scoring.walkforward import SHIPPED, FittedModel, Steps, score_rows

_TIMEOUT_SECONDS = 300.0


class PanelScorer:
    """Scores a panel's last row exactly as `score_panel` does. One call at a time; fits on a thread."""

    def __init__(self, params: ScorerParams, timeout_seconds: float = _TIMEOUT_SECONDS, steps: Steps = SHIPPED) -> None:
        self._params = params
        self._timeout = timeout_seconds
        self._steps = steps
        # The current one, one before for a cycle that is late, and those whose scores are remembered.
        self._kept = 2 + math.ceil(params.memory / params.refit)
        self._models: dict[int, FittedModel] = {}
        self._busy = asyncio.Lock()

    @property
    def models(self) -> tuple[FittedModel, ...]:
        """The models that are kept, oldest fit first."""
        return tuple(self._models[time] for time in sorted(self._models))

    async def score(self, panel: Panel) -> Scores:
        """Scores of the panel's last row, (1, N); model "" while there is too little to learn from, `withheld` where
        the model or the market has drifted and the parameters say that nothing new is opened then.

        Raises PatronError when it takes too long: no score is better than a cycle that never ends.
        """
        if not len(panel):
            return no_scores(1, len(panel.venues))
        async with self._busy:
            models = dict(self._models)  # a thread that was given up on must not write into what is kept
            try:
                async with asyncio.timeout(self._timeout):
                    scores = await asyncio.to_thread(
                        score_rows, panel, self._params, len(panel) - 1, models, self._steps
                    )
            except TimeoutError:
                raise PatronError(f"scorer: no score after {self._timeout:g} seconds") from None
            self._models = {time: models[time] for time in sorted(models)[-self._kept :]}
            return scores


class IdleScorer:
    """For strategies that ask no model: every score NaN."""

    async def score(self, panel: Panel) -> Scores:
        """No scores, (1, N)."""
        return no_scores(1, len(panel.venues))
