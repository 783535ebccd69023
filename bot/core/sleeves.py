"""Several strategies in one portfolio, each with a fixed share of it: capital sleeves.

Sleeves do not trade: their wants are added up, and one policy, one plan and one set of limits act on the sum. What one
sleeve sells and another buys in the same cycle is therefore never traded at all, and the shares of the portfolio are
restored at every cycle. Capital that no sleeve has been given stays idle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bot.core.panel import Floats, Panel
from bot.core.score import Scores
from bot.core.strategy import Strategy, all_idle


@dataclass(frozen=True, slots=True)
class Sleeve:
    """A strategy and its share of the portfolio, a fraction."""

    name: str
    share: float
    strategy: Strategy


@dataclass(frozen=True, slots=True)
class Sleeves(Strategy):
    """A strategy made of others. Each holds what it holds before its own first model."""

    parts: tuple[Sleeve, ...] = ()

    def weights(self, panel: Panel, scores: Scores) -> Floats:
        """Target weights (T, N): the parts' weights by their shares, the rest idle. Raises ValueError naming a part."""
        left = 1.0 - sum(part.share for part in self.parts)
        total = all_idle(panel) * max(0.0, left)
        for part, wanted in zip(self.parts, self.by_part(panel, scores), strict=True):
            total += part.share * wanted
        return total

    def by_part(self, panel: Panel, scores: Scores) -> tuple[Floats, ...]:
        """What each part wants of its own share, (T, N) each. Raises ValueError naming the part."""
        found = []
        for part in self.parts:
            try:
                found.append(part.strategy.weights(panel, scores))
            except ValueError as error:
                raise ValueError(f"sleeve {part.name}: {error}") from error
        return tuple(found)


def combined(parts: Sequence[Sleeve]) -> Sleeves:
    """The strategy that runs `parts` side by side. Raises ValueError for shares that are not parts of one whole."""
    given = sum(part.share for part in parts)
    if not parts or any(part.share <= 0.0 for part in parts) or given > 1.0 + 1e-12:
        raise ValueError(f"sleeves: shares above zero that add up to at most 100 % are needed (got {given:.2%})")

    def targets(panel: Panel, scores: Scores, params: Mapping[str, float]) -> Floats:
        return made.weights(panel, scores)

    made = Sleeves(
        name="sleeves",
        targets=targets,
        params={
            f"{part.name}.{name}": value
            for part in parts
            for name, value in {"share": part.share, **part.strategy.params}.items()
        },
        lookback=max(part.strategy.lookback for part in parts),
        uses_scores=any(part.strategy.uses_scores for part in parts),
        before_first_fit="idle",
        parts=tuple(parts),
    )
    return made


def shares_of(parts: Sequence[Sleeve], wanted: Sequence[Floats]) -> Floats:
    """(S, T, N): the part of each venue's target that each sleeve asked for; they sum to 1 where anybody asked.

    Where nobody asks at a row, the last row at which somebody did speaks: what is still held was theirs. Before that,
    and for idle, the shares of capital.
    """
    asked = np.array([part.share * each for part, each in zip(parts, wanted, strict=True)])
    total = asked.sum(axis=0)
    capital = np.array([part.share for part in parts]) / sum(part.share for part in parts)
    split = np.where(total > 0.0, asked / np.where(total > 0.0, total, 1.0), np.nan)
    for row in range(split.shape[1]):
        before = split[:, row - 1] if row else np.repeat(capital[:, None], split.shape[2], axis=1)
        split[:, row] = np.where(np.isnan(split[:, row]), before, split[:, row])
    split[:, :, 0] = capital[:, None]
    return np.asarray(split)
