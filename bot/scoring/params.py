"""What a scorer is asked to do, in seconds: the numbers that name a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from bot.errors import ConfigError

ModelName = Literal["hist_gradient_boosting", "past_return", "ridge", "stack", "zero"]
Target = Literal["return", "risk_adjusted"]
FeatureSet = Literal["basic", "market"]
Interval = Literal["split", "rolling"]
OnDrift = Literal["ignore", "withhold"]
_DAY = 86_400


class ScorerBlock(Protocol):
    """The `scorer` block of a strategy file, as far as it matters here."""

    @property
    def model(self) -> ModelName: ...
    @property
    def horizon(self) -> int: ...
    @property
    def train(self) -> int: ...
    @property
    def refit(self) -> int: ...
    @property
    def embargo(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def target(self) -> Target: ...
    @property
    def features(self) -> FeatureSet: ...
    @property
    def interval(self) -> Interval: ...
    @property
    def costs(self) -> int | None: ...
    @property
    def on_drift(self) -> OnDrift: ...


@dataclass(frozen=True, slots=True)
class ScorerParams:
    """Spans in seconds, shares as fractions. Everything here is part of a model's digest.

    `horizon`: how far ahead a score looks. `train`: length of the window that ends at a fit. `refit`: time between
    fits, counted from the epoch. `embargo`: gap kept after the last label. `calibration`: the share of the usable
    window, its newest part, that sets the interval and is kept from the estimator. `winsor`: training labels beyond
    this quantile at either end are pulled in to it. `target`: the return itself, or the return in units of the venue's
    own volatility, scaled back when it is told. `features`: what is known of each venue (`features.py`). `interval`:
    set once at each fit, or anew at each row from what the past scores missed by. `costs`: a return that one must
    exceed to be worth having; None asks for no probability of that. `on_drift`: whether a row whose model or market
    has drifted (`drift.py`) opens nothing; the last two and `interval` change no fit.
    Raises ConfigError when no model could ever come of them.
    """

    horizon: int
    train: int
    refit: int
    embargo: int
    bar_seconds: int
    model: ModelName = "ridge"
    seed: int = 0
    coverage: float = 0.8
    calibration: float = 0.25
    winsor: float = 0.05
    least_times: int = 10  # distinct bar closes that the estimator must have seen
    least_rows: int = 20  # rows that the estimator must have seen
    least_calibration_rows: int = 10
    target: Target = "return"
    features: FeatureSet = "basic"
    interval: Interval = "split"
    costs: float | None = None
    on_drift: OnDrift = "ignore"

    def __post_init__(self) -> None:
        if self.bar_seconds <= 0 or _DAY % self.bar_seconds:
            raise ConfigError(f"bar: must divide a day (got {self.bar_seconds} seconds)")
        if self.horizon <= 0 or self.horizon % self.bar_seconds:
            raise ConfigError(
                f"scorer.horizon: must be a whole number of bars of {self.bar_seconds} seconds (got {self.horizon})"
            )
        if self.refit <= 0 or self.embargo < 0:
            raise ConfigError(
                f"scorer: refit must be above zero, embargo not below it (got {self.refit} and {self.embargo} seconds)"
            )
        if not (0 < self.coverage < 1 and 0 < self.calibration < 1 and 0 <= self.winsor < 0.5):
            raise ConfigError("scorer: coverage and calibration lie between 0 and 1, winsor below one half")
        if self.costs is not None and not 0.0 <= self.costs < 1.0:
            raise ConfigError(f"scorer.costs: lie between 0 and 100 % (got {self.costs:.0%})")
        # The gap is kept twice: before the fit, and between the estimator's rows and the calibration's.
        least = self.gap + self.gap / (1.0 - self.calibration)
        if self.train < least:
            raise ConfigError(
                f"scorer.train: too short for horizon + embargo, at least {least:.0f} seconds (got {self.train})"
            )

    @classmethod
    def of(cls, block: ScorerBlock, bar_seconds: int) -> ScorerParams:
        """The parameters of a strategy file's `scorer` block over bars of `bar_seconds`. Raises ConfigError."""
        return cls(
            horizon=block.horizon,
            train=block.train,
            refit=block.refit,
            embargo=block.embargo,
            bar_seconds=bar_seconds,
            model=block.model,
            seed=block.seed,
            target=block.target,
            features=block.features,
            interval=block.interval,
            costs=None if block.costs is None else block.costs / 10_000,
            on_drift=block.on_drift,
        )

    @property
    def gap(self) -> int:
        """Seconds from a row to the first moment at which its label may be used."""
        return self.horizon + self.embargo

    @property
    def remembers(self) -> bool:
        """Whether a row's score looks at what earlier scores came to."""
        return self.interval == "rolling" or self.on_drift == "withhold"

    @property
    def memory(self) -> int:
        """How far back, in seconds, scores are remembered: as far as a fit looks."""
        return self.train if self.remembers else 0

    @property
    def stretches(self) -> float:
        """How many horizons that share no return the calibration rows of a fit hold."""
        return self.calibration * (self.train - self.gap) / self.horizon

    def calibration_start(self, fit_time: int) -> int:
        """Where the calibration rows of a fit at `fit_time` begin, unix seconds."""
        return fit_time - self.gap - int(self.calibration * (self.train - self.gap))
