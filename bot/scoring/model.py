"""A fitted model of venues: what it learned from, what it says, and what it is made of, so that it can be kept.

Returns are learned as they are, or in units of the venue's own volatility over the horizon (`target: risk_adjusted`);
what is said is always a return. Everything here is plain arrays and scikit-learn's own estimators.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.core.panel import Floats, Times
from bot.scoring.calibration import Clearing, learned, probability
from bot.scoring.conformal import radius_of
from bot.scoring.features import VOLATILITY
from bot.scoring.params import ScorerParams
from bot.scoring.spans import DAY

Mask = NDArray[np.bool_]

_HIGHEST_LABEL: Final = 10.0  # an elevenfold in a horizon teaches no more; keeps absurd prices from overflowing
# A venue that stood still has no volatility to measure by: this is less than a stable coin moves in a day.
_STILLEST: Final = 1e-5


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What one fit may see: rows ordered by time, then venue id, so that the order of columns does not matter.

    `y` in what the target is measured in, `scale` what it is multiplied by to be a return (None: it is one).
    """

    fit_time: int
    x: Floats  # (M, F)
    y: Floats  # (M,) simple returns, or those over `scale`
    calibration_x: Floats
    calibration_y: Floats
    digest: str  # of everything that the fitted model depends on
    names: tuple[str, ...] = ()  # (F,)
    at: Times | None = None  # (M,) unix seconds
    scale: Floats | None = None  # (M,)
    calibration_scale: Floats | None = None


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A fitted pipeline. In the target's units: `low` and `high` bound what it may expect, `radius` is half the
    width of its interval. `medians` (F,): of the training rows, what a contribution is measured from.
    """

    fit_time: int
    digest: str
    pipeline: Any  # a scikit-learn Pipeline, or a Blend of them
    low: float
    high: float
    radius: float
    rows: int
    calibration_rows: int
    names: tuple[str, ...] = ()
    medians: Floats | None = None
    clearing: Clearing | None = None
    params: ScorerParams | None = None

    def unit_of(self, x: Floats) -> Floats:
        """(…,): what the target's units are worth as a return, for x (…, F): 1 for returns themselves."""
        if self.params is None or self.params.target == "return":
            return np.ones(x.shape[:-1])
        return scale_of(self.names, x, self.params.horizon)

    @property
    def parts(self) -> Mapping[str, Any]:
        """The fitted estimators by name: `estimator`, or `member:0` and on; `classifier` and `curve` of `clears`."""
        from bot.scoring.estimator import Blend

        found: dict[str, Any] = {}
        if isinstance(self.pipeline, Blend):
            found |= {f"member:{number}": member for number, member in enumerate(self.pipeline.members)}
        else:
            found["estimator"] = self.pipeline
        if self.clearing is not None and self.clearing.classifier is not None:
            found |= {"classifier": self.clearing.classifier, "curve": self.clearing.curve}
        return found

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The numbers beside the estimators: `medians`, and of a blend `weights` and each member's `columns:<k>`."""
        from bot.scoring.estimator import Blend

        found: dict[str, NDArray[Any]] = {} if self.medians is None else {"medians": self.medians}
        if isinstance(self.pipeline, Blend):
            found["weights"] = np.array(self.pipeline.weights, dtype=np.float64)
            for number, columns in enumerate(self.pipeline.columns):
                found[f"columns:{number}"] = np.array(columns, dtype=np.int64)
        return found

    @property
    def facts(self) -> Mapping[str, Any]:
        """All else, in plain JSON types."""
        return {
            "kind": "asset",
            "digest": self.digest,
            "fit_time": self.fit_time,
            "low": self.low,
            "high": self.high,
            "radius": self.radius,
            "rows": self.rows,
            "calibration_rows": self.calibration_rows,
            "names": list(self.names),
            "clearing": None if self.clearing is None else [self.clearing.rate, self.clearing.trust],
            "params": None if self.params is None else asdict(self.params),
        }

    @classmethod
    def from_kept(
        cls, parts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]
    ) -> FittedModel:
        """The model again, from what `parts`, `arrays` and `facts` told. Raises KeyError where something is missing."""
        from bot.scoring.estimator import Blend

        pipeline = parts.get("estimator")
        if pipeline is None:
            count = len(arrays["weights"])
            columns = tuple(tuple(arrays[f"columns:{number}"].tolist()) for number in range(count))
            members = tuple(parts[f"member:{number}"] for number in range(count))
            pipeline = Blend(members, columns, tuple(arrays["weights"].tolist()))
        clearing, params = facts["clearing"], facts["params"]
        return cls(
            facts["fit_time"],
            facts["digest"],
            pipeline,
            facts["low"],
            facts["high"],
            facts["radius"],
            facts["rows"],
            facts["calibration_rows"],
            tuple(facts["names"]),
            arrays.get("medians"),
            None if clearing is None else Clearing(parts.get("classifier"), parts.get("curve"), *clearing),
            None if params is None else ScorerParams(**params),
        )


def scale_of(names: tuple[str, ...], x: Floats, horizon: int) -> Floats:
    """(…,): the volatility over `horizon` seconds of the venue behind each x (…, F), NaN where it is not known."""
    daily: Floats = x[..., names.index(VOLATILITY)]
    return np.maximum(daily, _STILLEST) * math.sqrt(horizon / DAY)


def fit(training: TrainingSet, params: ScorerParams) -> FittedModel:
    """The model of a training set.

    The estimator learns winsorised returns, and what it expects stays within them; the interval is set by the
    calibration returns as they were.
    """
    from bot.scoring.estimator import fitted, predicted

    ends = np.minimum(np.quantile(training.y, [params.winsor, 1.0 - params.winsor]), _HIGHEST_LABEL)
    low, high = float(ends[0]), float(ends[1])
    if params.model == "zero":
        low = high = 0.0
    pipeline = fitted(training.x, np.clip(training.y, low, high), params, training.names, training.at)
    expected = np.clip(predicted(pipeline, training.calibration_x), low, high)
    radius = radius_of(np.abs(training.calibration_y - expected), params.coverage)
    return FittedModel(
        training.fit_time,
        training.digest,
        pipeline,
        low,
        high,
        radius,
        len(training.y),
        len(training.calibration_y),
        training.names,
        _medians(training.x),
        _clearing(training, params),
        params,
    )


def _clearing(training: TrainingSet, params: ScorerParams) -> Clearing | None:
    if params.costs is None:
        return None
    y, late = training.y, training.calibration_y
    if training.scale is not None and training.calibration_scale is not None:
        y, late = y * training.scale, late * training.calibration_scale
    return learned(training.x, y, training.calibration_x, late, params.costs, params)


def _medians(x: Floats) -> Floats:
    """(F,): of the known values of each column, NaN where there are none."""
    rising = np.sort(x, axis=0)  # what is unknown comes last
    known = np.isfinite(x).sum(axis=0)
    place = np.maximum(known - 1, 0) // 2
    return np.where(known > 0, np.take_along_axis(rising, place[None, :], axis=0)[0], np.nan)


def expected_returns(model: FittedModel, x: Floats, speaks: Mask) -> Floats:
    """(R, N): the return that the model expects of x (R, N, F) where it speaks, NaN elsewhere."""
    from bot.scoring.estimator import predicted

    expected = np.full(speaks.shape, np.nan)
    if speaks.any():
        expected[speaks] = np.clip(predicted(model.pipeline, x[speaks]), model.low, model.high)
    if model.params is None or model.params.target == "return":
        return expected
    scaled: Floats = expected * model.unit_of(x)
    return scaled


def clearing_odds(model: FittedModel, x: Floats, speaks: Mask) -> Floats | None:
    """(R, N): the probability that the return is above the costs, NaN where nobody speaks; None if not learned."""
    if model.clearing is None:
        return None
    found = np.full(speaks.shape, np.nan)
    if speaks.any():
        found[speaks] = probability(model.clearing, x[speaks])
    return found
