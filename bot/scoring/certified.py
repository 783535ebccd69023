"""The scorer of a run under a certificate: each refitted model is let speak only once it was admitted.

A refused model's scores are still told, and still say what to sell; nothing new is opened on them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np

from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.errors import PatronError, RefusedError, StorageError
from bot.scoring.labels import Labels
from bot.scoring.params import ScorerParams
from bot.scoring.scorer import PanelScorer
from bot.scoring.stability import Admission, admit, checked_reference
from bot.scoring.walkforward import SHIPPED, FittedModel, TrainingSet, fit_times, score_rows

V = TypeVar("V")

_TIMEOUT_SECONDS = 300.0
_KEPT = 2  # fits whose rows are remembered, and verdicts: the current one, and the one before


class Register(Protocol):
    """Where admitted models are written down, by digest."""

    def __contains__(self, model: str) -> bool: ...

    def append(self, model: str, fit_time: int, figures: Mapping[str, float | None], now: int) -> None:
        """Durable when it returns; nothing happens when the model is there already."""
        ...


class CertifiedScorer:
    """A `PanelScorer` that withholds entries while the model that speaks has not been admitted."""

    def __init__(
        self,
        params: ScorerParams,
        reference: Mapping[str, Any],
        register: Register,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`reference`: as `reference_of` made it for the certificate. Raises DataError where it is no such thing."""
        checked_reference(reference)
        self._params, self._reference, self._register = params, reference, register
        self._timeout, self._now = timeout_seconds, now
        self._seen: dict[str, tuple[TrainingSet, tuple[str, ...]]] = {}
        self._verdicts: dict[str, Admission] = {}
        self._inner = PanelScorer(params, timeout_seconds, replace(SHIPPED, training_of=self._training_of))
        self._busy = asyncio.Lock()

    async def score(self, panel: Panel) -> Scores:
        """Scores of the panel's last row, (1, N); `withheld` says why the model that speaks was not admitted.

        An admission that cannot be written down, or stands in a register that was changed, is none: that too is said
        there, and asked again at the next cycle, since exits must go on. Raises PatronError when it takes too long.
        """
        async with self._busy:
            scores = await self._inner.score(panel)
            digest = scores.model[-1]
            if not digest:  # what is held before a model speaks was no part of what was judged
                return replace(scores, withheld="no model speaks, and the certificate is of one that does")
            if digest in self._register:
                return scores
            verdict = self._verdicts.get(digest) or await self._judged(panel, digest)
            if not verdict.ok:
                why = f"model {digest[:12]} is not admitted under the certificate: {'; '.join(verdict.reasons)}"
                return replace(scores, withheld="; ".join(filter(None, (why, scores.withheld))))
            model = self._model(digest)
            try:
                await asyncio.to_thread(
                    self._register.append, digest, model.fit_time, verdict.figures, int(self._now())
                )
            except (StorageError, RefusedError) as error:
                return replace(scores, withheld=f"model {digest[:12]} cannot be written down as admitted: {error}")
            return scores

    async def _judged(self, panel: Panel, digest: str) -> Admission:
        training, names = self._seen[digest]
        model = self._model(digest)

        def judge() -> Admission:
            before = model_before(panel, self._params, model.fit_time)
            return admit(self._reference, before, training, model, names)

        try:
            async with asyncio.timeout(self._timeout):
                verdict = await asyncio.to_thread(judge)
        except TimeoutError:
            raise PatronError(f"scorer: no verdict on a new model after {self._timeout:g} seconds") from None
        self._verdicts = _newest(self._verdicts | {digest: verdict})
        return verdict

    def _model(self, digest: str) -> FittedModel:
        return next(model for model in self._inner.models if model.digest == digest)

    def _training_of(
        self, panel: Panel, names: tuple[str, ...], x: Floats, truth: Labels, fit_time: int, params: ScorerParams
    ) -> TrainingSet | None:
        """The shipped step, with what it made remembered under its digest."""
        training = SHIPPED.training_of(panel, names, x, truth, fit_time, params)
        if training is not None:
            self._seen = _newest(self._seen | {training.digest: (training, names)})
        return training


def model_before(panel: Panel, params: ScorerParams, fit_time: int) -> FittedModel | None:
    """The model that spoke before the fit at `fit_time`, fitted anew from the same panel; None where none could be.

    Always the one before on the schedule, admitted or not, so that a restart comes to the same verdict.
    """
    rows = int(np.searchsorted(fit_times(panel.times, params.refit), fit_time))
    if rows == 0:
        return None
    models: dict[int, FittedModel] = {}
    spoke = score_rows(panel.rows(0, rows), params, rows - 1, models).model[-1]  # drift looks at older fits, too
    return next((model for model in models.values() if model.digest == spoke), None)


def _newest(known: dict[str, V]) -> dict[str, V]:
    return dict(list(known.items())[-_KEPT:])
