"""What a decision's forecasts were made from: the rows that were scored, and the recipe by which.

The rows are cut at fixed times into pieces that are named by their own digest, so that decisions that follow one
another share all but the last piece. Nothing here touches a disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from bot.core.panel import Panel
from bot.core.panel_bytes import joined, panel_bytes, panel_from
from bot.core.strict_json import digest_of
from bot.provenance.recipe import Recipe

PIECE_BARS: Final = 32  # as long a piece is, in bars: a decision writes half of one anew on average


@dataclass(frozen=True, slots=True)
class Basis:
    """`pieces`: the rows as `panel_bytes`, in order of time; `recipe`: canonical JSON."""

    recipe: bytes
    pieces: tuple[bytes, ...]

    @property
    def inputs(self) -> str:
        """The inputs' root: SHA-256 over the canonical JSON list of the pieces' digests."""
        return root_of([digest(piece) for piece in self.pieces])

    @property
    def recipe_digest(self) -> str:
        return digest(self.recipe)

    @property
    def files(self) -> dict[str, bytes]:
        """Digest -> content of everything, each once."""
        return {digest(content): content for content in (self.recipe, *self.pieces)}

    def facts(self) -> dict[str, Any]:
        """What a decision's document says of it."""
        pieces = [digest(piece) for piece in self.pieces]
        return {"inputs": root_of(pieces), "pieces": pieces, "recipe": self.recipe_digest}


def basis_of(panel: Panel, recipe: Recipe) -> Basis:
    """The basis of a decision about the newest row of `panel`: the rows that the recipe looks at, and no more."""
    kept = panel.rows(first_needed(panel, recipe), len(panel))
    spans = kept.times // (PIECE_BARS * recipe.bar_seconds)
    cuts = [0, *(np.flatnonzero(np.diff(spans)) + 1).tolist(), len(kept)]
    pieces = tuple(panel_bytes(kept.rows(start, stop)) for start, stop in pairwise(cuts))
    return Basis(recipe.text(), pieces)


def first_needed(panel: Panel, recipe: Recipe) -> int:
    """The oldest row that scoring and the strategy look at, or the first of its piece: pieces are kept whole."""
    from bot.scoring.walkforward import oldest_needed

    by_count = max(0, len(panel) - recipe.strategy.lookback)
    oldest = int(panel.times[by_count])
    if recipe.scorer is not None:
        oldest = min(oldest, oldest_needed(panel.times, len(panel) - 1, recipe.scorer))
    span = PIECE_BARS * recipe.bar_seconds
    return int(np.searchsorted(panel.times, oldest // span * span))


def panel_of(pieces: Sequence[bytes]) -> Panel:
    """The rows again. Raises ValueError naming the piece that is none, or does not follow the one before it."""
    found = []
    for number, piece in enumerate(pieces):
        try:
            found.append(panel_from(piece))
        except ValueError as error:
            raise ValueError(f"piece {number}: {error}") from None
    if not found:
        raise ValueError("no rows")
    return joined(found)


def root_of(digests: Sequence[str]) -> str:
    """The root of pieces by their digests, in order."""
    return digest_of(list(digests))


def digest(content: bytes) -> str:
    """SHA-256, hexadecimal: the name under which a piece or a recipe is kept."""
    return hashlib.sha256(content).hexdigest()
