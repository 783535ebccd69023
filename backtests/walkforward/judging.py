"""One model for each split: fitted on what the split may see, scoring the groups that it judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from backtests.walkforward.splits import Rows, estimator_and_calibration, group_bounds, unseen_rows
from bot.core.panel import Floats, Panel
from bot.core.score import Scores, no_scores
from bot.errors import InvariantBroken
from bot.scoring.features import lookback_days
from bot.scoring.labels import Labels
from bot.scoring.params import ScorerParams
from bot.scoring.spans import DAY
from bot.scoring.walkforward import SHIPPED, FittedModel, Mask, Steps, TrainingSet, masked_training_set, steps_of

_LOST: Final = 0.2  # share of the values that a tampering takes away instead of changing


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Features and labels of a panel, and the groups that its window is cut into.

    `bounds` (groups + 1,): rows at which groups begin, and the end. Rows before the first are learned from and never
    judged. `reach`: seconds before a row that its features, or the decision that is judged by it, may look at.
    """

    panel: Panel
    names: tuple[str, ...]
    x: Floats  # (T, N, F)
    truth: Labels
    params: ScorerParams
    bounds: Rows
    reach: int
    steps: Steps = SHIPPED

    @classmethod
    def of(
        cls, panel: Panel, rows: range, params: ScorerParams, every: int, groups: int, steps: Steps = SHIPPED
    ) -> Judge:
        """Of a panel that ends with the window, `rows`; `every`: seconds between cycles."""
        steps = steps_of(params, steps)
        names, x = steps.features_of(panel, params.bar_seconds)
        truth = steps.labels_of(panel, params.horizon)
        bounds = rows.start + group_bounds(len(rows), groups)
        lookback = lookback_days(params.features) * DAY
        return cls(panel, names, x, truth, params, bounds, max(lookback, params.horizon, every), steps)

    @property
    def gap(self) -> int:
        """Seconds beside a tested group from which nothing is learned, before and behind it together."""
        return self.params.horizon + self.reach + 2 * self.params.embargo

    def stretches(self, tested: tuple[int, ...]) -> list[tuple[int, int]]:
        """First and last second of each tested group."""
        times = self.panel.times
        return [(int(times[self.bounds[group]]), int(times[self.bounds[group + 1] - 1])) for group in tested]

    def masks(self, tested: tuple[int, ...]) -> tuple[Mask, Mask]:
        """(T,) twice: the estimator's rows and the calibration's while these groups are judged."""
        times, known_at, params = self.panel.times, self.truth.known_at, self.params
        last = int(times[-1])
        stretches = self.stretches(tested)
        kept = unseen_rows(times, known_at, stretches, self.reach, params.embargo, last)
        begins = np.array([begin for begin, _ in stretches])
        return estimator_and_calibration(times, known_at, kept, begins, params.calibration, params.embargo)

    def training(self, tested: tuple[int, ...]) -> TrainingSet | None:
        """What a model may see that judges these groups; None where it is too little to learn from."""
        last = int(self.panel.times[-1])
        return masked_training_set(self.panel, self.names, self.x, self.truth, self.masks(tested), last, self.params)

    def model(self, tested: tuple[int, ...]) -> FittedModel | None:
        """The model that judges these groups."""
        training = self.training(tested)
        return None if training is None else self.steps.model_of(training, self.params)

    def check_blind(self, splits: Sequence[tuple[int, ...]]) -> None:
        """Raises InvariantBroken where a split's model depends on anything in a group that it judges, or its embargo.

        All numbers there are changed, group after group, and everything is made again from the panel on: the digest of
        what the model is fitted on must stay the same.
        """
        honest = {split: self._digest(split) for split in splits}
        for group in range(len(self.bounds) - 1):
            other = self.tampered(group)
            for split in splits:
                if group in split and other._digest(split) != honest[split]:
                    raise InvariantBroken(f"the model that judges groups {split} depends on what is in group {group}")

    def _digest(self, tested: tuple[int, ...]) -> str:
        training = self.training(tested)
        return training.digest if training else ""

    def scores(self, models: list[FittedModel | None]) -> Scores:
        """Scores of the whole panel, each group's by its own model; NaN before the first group, and where none is."""
        found = no_scores(len(self.panel), len(self.panel.venues))
        digests = [""] * len(self.panel)
        speaks = self.panel.listed & np.isfinite(self.x).any(axis=2)
        for group, model in enumerate(models):
            if model is None:
                continue
            rows = slice(int(self.bounds[group]), int(self.bounds[group + 1]))
            expected = self.steps.expected_of(model, self.x[rows], speaks[rows])
            found.expected[rows] = expected
            half = model.radius * model.unit_of(self.x[rows])
            found.low[rows], found.high[rows] = expected - half, expected + half
            digests[rows] = [model.digest] * (rows.stop - rows.start)
        return replace(found, model=tuple(digests), coverage=self.params.coverage)

    def tampered(self, group: int) -> Judge:
        """The judge of a panel in which no number of this group, or of its embargo on either side, is what it was."""
        times, embargo = self.panel.times, self.params.embargo
        ((begin, end),) = self.stretches((group,))
        changed = (times >= begin - embargo) & (times <= end + embargo)
        random = np.random.default_rng(0)
        fields = {}
        for name, values in sorted(self.panel.fields.items()):
            with np.errstate(over="ignore"):  # an absurd number may become infinite, which is changed enough
                other = values * np.exp(random.normal(0.0, 1.0, values.shape))
            other[random.random(values.shape) < _LOST] = np.nan
            other[:, 0] = values[:, 0]  # idle is no market
            fields[name] = np.where(changed[:, None], other, values)
        panel = replace(self.panel, times=times.copy(), fields=fields)
        names, x = self.steps.features_of(panel, self.params.bar_seconds)
        return replace(self, panel=panel, names=names, x=x, truth=self.steps.labels_of(panel, self.params.horizon))
