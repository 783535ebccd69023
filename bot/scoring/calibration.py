"""Probabilities that mean what they say: a classifier's log odds, mapped on rows that it has not seen.

With a thousand rows or more by isotonic regression (B. Zadrozny and C. Elkan, 2002), which takes any rising shape; with
fewer by a line through the log odds (J. Platt, 1999), which cannot follow noise as far. The bound is the one found by
A. Niculescu-Mizil and R. Caruana, Predicting Good Probabilities with Supervised Learning (2005).

Rows of one horizon share their market, so what the map has seen are a few stretches, however many rows: a probability
is drawn towards one half by Laplace's rule of succession, counted in those stretches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bot.core.panel import Floats
from bot.scoring.params import ScorerParams

ISOTONIC_ROWS: Final = 1_000
MOST_CERTAIN: Final = 0.01  # no probability is nearer to 0 or 1 than this: a few hundred rows cannot tell


@dataclass(frozen=True, slots=True)
class Clearing:
    """What tells how likely a return is above the costs: a classifier, and the map from its log odds.

    `curve`: a fitted IsotonicRegression or LogisticRegression over the log odds alone. Without a classifier (all rows
    on one side) `rate` is said of every row. `trust`: how far from one half what they say may be, 1 as far as they say.
    """

    classifier: Any | None
    curve: Any | None
    rate: float
    trust: float = 1.0


def learned(
    x: Floats, y: Floats, calibration_x: Floats, calibration_y: Floats, costs: float, params: ScorerParams
) -> Clearing:
    """From returns y (M,) and later ones that set the map; `costs` as a fraction.

    A classifier whose odds order the later rows the wrong way round has learnt nothing: the rate alone is said then.
    """
    from bot.scoring.estimator import fitted_classifier, log_odds

    hit, late = (y > costs).astype(np.float64), (calibration_y > costs).astype(np.float64)
    rate = _within(np.array([(late.sum() + 1.0) / (len(late) + 2.0)]))[0]
    trust = params.stretches / (params.stretches + 2.0)
    if params.model == "zero" or len(np.unique(hit)) < 2 or len(np.unique(late)) < 2:
        return Clearing(None, None, float(rate), trust)
    classifier = fitted_classifier(x, hit, params)
    curve = curve_of(log_odds(classifier, calibration_x), late)
    if getattr(curve, "coef_", np.ones((1, 1)))[0, 0] <= 0.0:
        return Clearing(None, None, float(rate), trust)
    return Clearing(classifier, curve, float(rate), trust)


def probability(clearing: Clearing, x: Floats) -> Floats:
    """(M,): the calibrated probability that the return of x (M, F) is above the costs."""
    from bot.scoring.estimator import log_odds

    if clearing.classifier is None:
        said = np.full(len(x), clearing.rate)
    else:
        said = mapped(clearing.curve, log_odds(clearing.classifier, x))
    return 0.5 + clearing.trust * (said - 0.5)


def curve_of(odds: Floats, hit: Floats) -> Any:
    """The map from log odds (M,) to the share of hits (M,) of zeros and ones, both there."""
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    if len(odds) >= ISOTONIC_ROWS:
        return IsotonicRegression(y_min=MOST_CERTAIN, y_max=1.0 - MOST_CERTAIN, out_of_bounds="clip").fit(odds, hit)
    return LogisticRegression(C=1.0, solver="newton-cholesky").fit(odds[:, None], hit.astype(np.int64))


def mapped(curve: Any, odds: Floats) -> Floats:
    """(M,): what the map says of log odds (M,)."""
    from scipy.special import expit
    from sklearn.linear_model import LogisticRegression

    if isinstance(curve, LogisticRegression):
        slope, level = float(curve.coef_[0, 0]), float(curve.intercept_[0])
        return _within(np.asarray(expit(odds * slope + level), dtype=np.float64))
    return _within(np.asarray(curve.predict(odds), dtype=np.float64))


def calibration_error(said: Floats, hit: Floats, bins: int = 10) -> float:
    """Expected calibration error of probabilities (M,) against zeros and ones: bins of equal numbers of rows, weighted
    by them (M. Naeini, G. Cooper and M. Hauskrecht, 2015). NaN without rows."""
    known = np.isfinite(said) & np.isfinite(hit)
    if not known.any():
        return float("nan")
    order = np.argsort(said[known], kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [abs(float(said[known][part].mean() - hit[known][part].mean())) * len(part) for part in parts]
    return float(sum(gaps) / len(order))


def _within(share: Floats) -> Floats:
    return np.clip(share, MOST_CERTAIN, 1.0 - MOST_CERTAIN)
