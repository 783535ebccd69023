"""Which scorer a run asks: none, a model, or under a certificate one whose every refit must be admitted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from bot.admissions import Admissions, admissions_path
from bot.certificates import Standing
from bot.config import Config
from bot.core.certificate import Certificate
from bot.core.dates import day
from bot.core.panel import Panel
from bot.core.score import Scores
from bot.loading import BAR_SECONDS
from bot.ports import Scorer


def scorer_of(config: Config, uses_scores: bool, standing: Standing | None = None) -> Scorer:
    """The model behind the strategy, or none where it asks for none.

    Under a certificate a refitted model opens something new only once it was admitted, and nothing does after the
    expiry. Raises RefusedError when the register of admitted models was changed, DataError when the certificate's
    reference of models is none.
    """
    from bot.scoring.certified import CertifiedScorer
    from bot.scoring.params import ScorerParams
    from bot.scoring.scorer import IdleScorer, PanelScorer

    certificate = standing.certificate if standing is not None else None
    params = ScorerParams.of(config.scorer, BAR_SECONDS[config.bar]) if uses_scores else None
    if standing is None or certificate is None or standing.path is None:
        return PanelScorer(params) if params is not None else IdleScorer()
    if params is None:
        return UntilExpiry(IdleScorer(), certificate)
    register = Admissions(admissions_path(standing.path), certificate.digest)
    return UntilExpiry(CertifiedScorer(params, certificate.reference, register), certificate)


class UntilExpiry:
    """A scorer under a certificate: once it has expired, nothing new is opened, whatever the run's own clock says."""

    def __init__(self, scorer: Scorer, certificate: Certificate, now: Callable[[], float] = time.time) -> None:
        self.scorer, self._certificate, self._now = scorer, certificate, now
        self._latest = now()

    async def score(self, panel: Panel) -> Scores:
        """The scorer's scores, (1, N), withheld from the second of the expiry on."""
        scores = await self.scorer.score(panel)
        self._latest = max(self._latest, self._now())  # a clock that is put back makes nothing valid again
        if self._latest < self._certificate.expires_at:
            return scores
        return replace(scores, withheld=f"the certificate expired on {day(self._certificate.expires_at)}")
