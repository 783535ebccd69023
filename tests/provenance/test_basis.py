"""What is kept of the rows: enough for the same bits, no more than whole pieces, and shared by what follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.core.panel_bytes import panel_bytes, panel_from
from bot.provenance.basis import PIECE_BARS, basis_of, digest, first_needed, panel_of, root_of
from bot.scoring.params import ScorerParams
from bot.scoring.walkforward import oldest_needed, score_rows
from tests.provenance.made import made

MADE = made()
DAY = 86_400


def test_the_rows_come_out_of_the_pieces_as_the_newest_rows_of_what_was_scored() -> None:
    kept = panel_of(MADE.basis.pieces)
    assert panel_bytes(kept) == panel_bytes(MADE.panel.rows(len(MADE.panel) - len(kept), len(MADE.panel)))


def test_pieces_are_cut_at_fixed_times_and_named_by_what_is_in_them() -> None:
    facts, files = MADE.basis.facts(), MADE.basis.files
    assert facts["inputs"] == root_of(facts["pieces"]) == MADE.basis.inputs
    assert all(digest(content) == name for name, content in files.items())
    assert set(files) == {*facts["pieces"], facts["recipe"]}
    for piece in MADE.basis.pieces:
        times = panel_from(piece).times
        assert len(set((times // (PIECE_BARS * DAY)).tolist())) == 1


def test_decisions_that_follow_one_another_share_all_but_the_newest_piece() -> None:
    """State per decision: one piece, of half its length on average, and never the whole window again."""
    panel, recipe = MADE.panel, MADE.recipe
    known: set[str] = set()
    fresh = []
    for rows in range(240, 300):
        files = basis_of(panel.rows(0, rows), recipe).files
        fresh.append(sum(len(content) for name, content in files.items() if name not in known))
        known |= files.keys()
    longest = max(map(len, MADE.basis.pieces))
    assert max(fresh[1:]) <= longest
    assert np.mean(fresh[1:]) < 0.6 * longest


@pytest.mark.parametrize("rows", [240, 257, 271, 300])
@pytest.mark.parametrize("changed", [{}, {"interval": "rolling", "on_drift": "withhold"}, {"on_drift": "ignore"}])
def test_the_rows_that_are_kept_give_the_same_bits_as_all(rows: int, changed: dict[str, str]) -> None:
    panel = MADE.panel.rows(0, rows)
    assert MADE.recipe.scorer is not None
    params: ScorerParams = replace(MADE.recipe.scorer, **changed)
    kept = panel_of(basis_of(panel, replace(MADE.recipe, scorer=params)).pieces)
    whole, less = (score_rows(each, params, len(each) - 1) for each in (panel, kept))
    assert whole.model == less.model != ("",)
    assert (whole.states, whole.withheld) == (less.states, less.withheld)
    for name in ("expected", "low", "high"):
        assert getattr(whole, name).tobytes() == getattr(less, name).tobytes()


def test_no_more_is_kept_than_scoring_and_the_strategy_look_at() -> None:
    panel, recipe = MADE.panel, MADE.recipe
    assert recipe.scorer is not None
    short = replace(recipe, scorer=replace(recipe.scorer, on_drift="ignore"))
    assert short.scorer is not None
    first = first_needed(panel, short)
    oldest = oldest_needed(panel.times, len(panel) - 1, short.scorer)
    assert 0 < oldest - int(panel.times[first]) < PIECE_BARS * DAY
    far = replace(short, strategy=replace(short.strategy, lookback=290))
    assert len(panel) - first_needed(panel, far) >= 290
    alone = replace(short, scorer=None, strategy=replace(short.strategy, lookback=3))
    assert 3 <= len(panel) - first_needed(panel, alone) < 3 + PIECE_BARS
    assert first_needed(panel, replace(alone, strategy=replace(alone.strategy, lookback=10**6))) == 0


def test_pieces_that_are_none_or_out_of_order_are_named() -> None:
    pieces = MADE.basis.pieces
    with pytest.raises(ValueError, match=r"^no rows$"):
        panel_of([])
    with pytest.raises(ValueError, match=r"^piece 1: "):
        panel_of([pieces[0], pieces[1][:-1]])
    with pytest.raises(ValueError, match="rise strictly"):
        panel_of([pieces[1], pieces[0]])
