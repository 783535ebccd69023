"""One recording, scored as it would have been: the scorer, its rivals, and repositories that it never saw."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtests.trends.ranking import Difference, areas, difference
from backtests.trends.recordings import Recording
from backtests.trends.rivals import past_growth, plain_boosting
from bot.core.dates import day
from bot.core.panel import Floats
from bot.core.topic_panel import TopicPanel
from bot.scoring.calibration import calibration_error
from bot.scoring.trends.explain import contributions
from bot.scoring.trends.features import OBSERVED, topic_features
from bot.scoring.trends.growth import DAY
from bot.scoring.trends.model import TopicModel, log_odds_of
from bot.scoring.trends.params import TopicModelName
from bot.scoring.trends.scores import TopicScores
from bot.scoring.trends.training import Learnable, Mask, learnable
from bot.scoring.trends.walkforward import score_learnable, speaking

FOLDS: Final = 5
SEED: Final = 20_240_801
SCORER, PLAIN, PAST = "scorer", "plain boosting", "past growth"
SINGLE: Final[dict[str, TopicModelName]] = {"boosting alone": "hist_gradient_boosting", "logistic alone": "logistic"}
LEAST_TOPICS: Final = 100  # on a date that is judged
RECENT: Final = DAY * 3 // 2  # a row is judged where something was observed so recently


@dataclass(frozen=True, slots=True)
class Judged:
    """`shown`: the rows of the table by month; `rows` (D,): those of them that count. `scores` name -> (T, K), of all
    topics and, under ``…, unseen``, of each topic by models fitted without it. `told`: the scorer's own walk."""

    recording: Recording
    panel: TopicPanel
    known: Learnable
    shown: NDArray[np.intp]
    rows: NDArray[np.intp]
    scores: dict[str, Floats]
    told: TopicScores
    unseen: TopicScores
    models: dict[int, TopicModel]

    @property
    def top(self) -> Floats:
        """(T, K): the truth."""
        return self.known.labels[self.recording.params.horizon].top

    @property
    def growth(self) -> Floats:
        """(T, K): the truth, in log units."""
        return self.known.labels[self.recording.params.horizon].growth

    def months(self) -> dict[str, NDArray[np.intp]]:
        """The shown rows by month."""
        named = np.array([day(int(at))[:7] for at in self.panel.times[self.shown]])
        return {month: self.shown[named == month] for month in sorted(set(named.tolist()))}

    def better(self, name: str, rival: str, rows: NDArray[np.intp] | None = None) -> Difference:
        """How much better one of the scores ranks than another, repositories drawn as wholes."""
        at = self.rows if rows is None else rows
        return difference(
            self.scores[name][at], self.scores[rival][at], self.top[at], np.arange(len(self.panel.topics)), SEED
        )

    def area(self, name: str, rows: NDArray[np.intp]) -> float:
        """Mean area under the curve over the dates of `rows`, on the topics of which the scorer speaks."""
        common = np.where(np.isfinite(self.told.probability[rows]), self.scores[name][rows], np.nan)
        return float(np.nanmean(areas(common, self.top[rows])))

    def calibration(self, rows: NDArray[np.intp]) -> float:
        """Expected calibration error of the scorer's probabilities."""
        return calibration_error(self.told.probability[rows].ravel(), self.top[rows].ravel())

    def covered(self, coverage: float, rows: NDArray[np.intp], kept: Mask | None = None) -> tuple[float, int]:
        """The share of growths inside their interval, and of how many; `kept` (T, K) chooses some."""
        inside = (self.growth >= self.told.low[coverage]) & (self.growth <= self.told.high[coverage])
        known = np.isfinite(self.growth) & np.isfinite(self.told.expected) & (True if kept is None else kept)
        return float(inside[rows][known[rows]].mean()) if known[rows].any() else float("nan"), int(known[rows].sum())


def judge(recording: Recording, data: Path, tell: Callable[[str], None]) -> Judged:
    """All scores of a recording in `data`. Minutes; `tell` hears what is being done. Raises DataError."""
    params, panel = recording.params, recording.panel(data)
    tell(f"{recording.name}: {len(panel)} days, {len(panel.topics)} topics")
    names, x = topic_features(panel, params)
    known, speaks = learnable(panel, params, names, x), speaking(panel, x, params)
    models: dict[int, TopicModel] = {}
    told = score_learnable(panel, params, known, models)
    truth = known.labels[params.horizon]
    shown = _fitting_rows(panel, recording, truth.top, told.probability)
    asked = np.zeros(len(panel), dtype=bool)
    asked[shown] = True
    everyone = np.ones(len(panel.topics), dtype=bool)
    past = past_growth(panel, params)
    scores = {
        SCORER: told.probability,
        PLAIN: plain_boosting(panel, params, truth, speaks, asked, everyone, everyone, recording.plain_every),
        PAST: past,
        f"{PAST}, unknown as none": np.where(np.isfinite(past), past, 0.0),
    }
    for name, single in SINGLE.items():
        tell(f"{recording.name}: {name}")
        scores[name] = score_learnable(panel, replace(params, model=single), known).probability
    fold = np.array([zlib.crc32(topic.encode()) % FOLDS for topic in panel.topics])
    unseen = score_learnable(panel, params, known, None, fold != 0, fold == 0)
    scores[f"{PLAIN}, unseen"] = np.full(past.shape, np.nan)
    for number in range(FOLDS):
        tell(f"{recording.name}: unseen repositories {number + 1} of {FOLDS}")
        out = fold == number
        part = unseen if number == 0 else score_learnable(panel, params, known, None, ~out, out)
        _put(unseen, part, out)
        plain = plain_boosting(panel, params, truth, speaks, asked, ~out, out, recording.plain_every)
        scores[f"{PLAIN}, unseen"][:, out] = plain[:, out]
    scores[f"{SCORER}, unseen"] = unseen.probability
    rows = shown[panel.times[shown] >= recording.judged[0]]
    return Judged(recording, panel, known, shown, rows, scores, told, unseen, models)


def _put(whole: TopicScores, part: TopicScores, columns: Mask) -> None:
    pairs = [(whole.probability, part.probability), (whole.expected, part.expected)]
    pairs += [(whole.low[each], part.low[each]) for each in whole.low]
    pairs += [(whole.high[each], part.high[each]) for each in whole.high]
    for into, values in pairs:
        into[:, columns] = values[:, columns]


def _fitting_rows(panel: TopicPanel, recording: Recording, top: Floats, said: Floats) -> NDArray[np.intp]:
    """Rows in the shown span with a new observation and enough topics; a week apart where there are years of them."""
    first, last = recording.shown, recording.judged[1]
    observed = panel.levels[OBSERVED + recording.params.series]
    newest = np.where(np.isfinite(observed), observed, -np.inf).max(axis=1)
    enough = (np.isfinite(top) & np.isfinite(said)).sum(axis=1) >= LEAST_TOPICS
    fitting = (panel.times >= first) & (panel.times <= last) & (panel.times - newest <= RECENT) & enough
    if last - first > 365 * DAY:
        fitting &= panel.times // DAY % 7 == 0
    return np.flatnonzero(fitting)


def stability(judged: Judged) -> list[tuple[str, float, float, list[str]]]:
    """For each refit: its date, rank correlation of its log odds with its predecessor's on the rows of that day, that
    of how much each feature matters, and the five features that matter most."""
    panel, known, params = judged.panel, judged.known, judged.recording.params
    speaks = speaking(panel, known.x, params)
    told, before = [], None  # type: tuple[list[tuple[str, float, float, list[str]]], TopicModel | None]
    for time, model in sorted(judged.models.items()):
        row = int(np.searchsorted(panel.times, time))
        if row >= len(panel) or not speaks[row].any():
            continue
        x = known.x[row][speaks[row]]
        matters = np.abs(contributions(model, x)).mean(axis=0)
        if before is not None:
            names = [known.names[place] for place in np.argsort(-matters, kind="stable")[:5].tolist()]
            earlier = np.abs(contributions(before, x)).mean(axis=0)
            agreed = _rank_correlation(log_odds_of(before, x), log_odds_of(model, x))
            told.append((day(time), agreed, _rank_correlation(earlier, matters), names))
        before = model
    return told


def _rank_correlation(left: Floats, right: Floats) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(left, right).statistic)
