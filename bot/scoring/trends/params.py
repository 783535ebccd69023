"""What a scorer of topics is asked to do: the numbers that name a model of adoption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.errors import ConfigError

TopicModelName = Literal["stack", "hist_gradient_boosting", "logistic"]
DAY = 86_400


@dataclass(frozen=True, slots=True)
class TopicParams:
    """Spans in seconds, shares as fractions. Everything here is part of a model's digest.

    `series`: whose growth is scored. `beside`: other series of the same topics, for agreement between sources.
    `activity`: a series that holds the unix seconds of a topic's last commit, "" where there is none. `horizon`: how
    far ahead a score looks. `train`: length of the window that ends at a fit. `refit`: time between fits, counted from
    the epoch. `embargo`: gap kept after the last label. `sample`: rows further apart than this are trained on, for
    labels of neighbouring days are nearly the same. `top`: the share of a date's topics that counts as trending.
    `least_level`: topics below it are not scored. `fresh`: the longest silence after which a level is still known.
    `coverage`: of the intervals, narrowest first. `calibration`: the share of the usable window, its newest part, on
    which probabilities and intervals are set. Raises ConfigError when no model could ever come of them.
    """

    series: str
    beside: tuple[str, ...] = ()
    activity: str = ""
    horizon: int = 28 * DAY
    train: int = 365 * DAY
    refit: int = 14 * DAY
    embargo: int = DAY
    sample: int = 7 * DAY
    top: float = 0.1
    least_level: float = 5.0
    fresh: int = 7 * DAY
    members: tuple[float, ...] = (0.25, 0.5, 1.0)
    model: TopicModelName = "stack"
    seed: int = 0
    coverage: tuple[float, ...] = (0.8, 0.9)
    calibration: float = 0.25
    least_rows: int = 500  # rows that the estimators must have seen
    least_calibration_rows: int = 200

    def __post_init__(self) -> None:
        if min(self.horizon, self.train, self.refit, self.sample, self.fresh) <= 0 or self.embargo < 0:
            raise ConfigError(
                "trends: horizon, train, refit, sample and fresh must be above zero, embargo not below it"
            )
        if not (0 < self.top < 1 and 0 < self.calibration < 1):
            raise ConfigError("trends: top and calibration lie between 0 and 1")
        if (
            not self.coverage
            or not all(0 < each < 1 for each in self.coverage)
            or list(self.coverage) != sorted(set(self.coverage))
        ):
            raise ConfigError("trends: coverage must rise, between 0 and 1")
        if not self.members or not all(0 < each <= 1 for each in self.members) or max(self.members) != 1.0:
            raise ConfigError("trends: members lie above 0 and up to 1, and 1 is one of them")
        if self.least_level < 0:
            raise ConfigError(f"trends: least_level must not be below zero (got {self.least_level})")

    @property
    def gap(self) -> int:
        """Seconds from a row to the first moment at which its label may be used."""
        return self.horizon + self.embargo

    @property
    def panel_series(self) -> tuple[str, ...]:
        """Every series that a panel for this scorer holds: what `topic_panel` is to be asked for."""
        return (self.series, *self.beside, *((self.activity,) if self.activity else ()))
