"""Loading a strategy and asking it for weights: what is wrong with a file or a row is said in one line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bot.core.panel import Floats, Panel
from bot.core.score import Scores, no_scores
from bot.core.strategy import Strategy, all_idle, check_weights, equal_weight, load, shipped
from tests.backtests.markets import panel_of, walk

PANEL = panel_of(walk(6, 3))
OWN = """
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LOOKBACK = 4
PARAMS = {"much": 0.5}


@dataclass(frozen=True)
class Wish:
    weight: float


def targets(panel, scores, params):
    wish = Wish(params["much"])
    weights = np.zeros(panel.close.shape)
    weights[:, 1] = wish.weight
    weights[:, 0] = 1.0 - wish.weight
    return weights
"""


def scores_of(rows: int, venues: int, *, silent: int) -> Scores:
    """Scores whose first rows come from no model."""
    given = np.full((rows, venues), 0.1)
    return Scores(given, given - 1, given + 1, ("",) * silent + ("m",) * (rows - silent))


def wants(weights: Floats, uses_scores: bool = False, before: str = "idle") -> Strategy:
    return Strategy("made", lambda panel, scores, params: weights.copy(), {}, 1, uses_scores, before)


def test_the_shipped_strategies_load_with_their_defaults() -> None:
    assert shipped() == ["equal_weight", "reversal", "trend_edge", "trend_tilt"]
    for name in shipped():
        strategy = load(name)
        assert (strategy.name, strategy.lookback >= 1) == (name, True)


def test_a_parameter_given_replaces_its_default_and_no_other() -> None:
    defaults = load("trend_tilt").params
    assert load("trend_tilt", {"top": 3.0}).params == {**defaults, "top": 3.0}


def test_parameters_cannot_be_changed_after_loading() -> None:
    with pytest.raises(TypeError):
        load("reversal").params["bars"] = 2.0  # type: ignore[index]


def test_an_unknown_parameter_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="strategy reversal has no parameter 'bar'; it has: bars"):
        load("reversal", {"bar": 3.0})
    with pytest.raises(ValueError, match="has no parameter 'x'; it has: none"):
        load("equal_weight", {"x": 1.0})


@pytest.mark.parametrize("name", ["no_such", "", "../equal_weight", "equal_weight.targets", "__init__"])
def test_an_unknown_strategy_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ValueError) as refused:
        load(name)
    assert "\n" not in str(refused.value)
    assert "strategy" in str(refused.value)


def test_the_shipped_ones_are_named_when_a_name_is_unknown() -> None:
    with pytest.raises(
        ValueError, match="no strategy called 'trend'; shipped: equal_weight, reversal, trend_edge, trend_tilt"
    ):
        load("trend")


def test_a_strategy_of_ones_own_loads_from_beside_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    strategy = load("mine.py", {"much": 0.25}, beside=tmp_path)
    assert (strategy.name, strategy.lookback, strategy.uses_scores) == ("mine", 4, False)
    weights = strategy.weights(PANEL, no_scores(6, 4))
    np.testing.assert_array_equal(weights, np.tile([0.75, 0.25, 0.0, 0.0], (6, 1)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no strategy file mine.py"),
        ("LOOKBACK = 1\n", "defines no targets"),
        ("targets = 5\n", "defines no targets"),
        ("def targets(:\n", "strategy mine.py, line 1: invalid syntax"),
        (
            "import no_such_module_at_all\n",
            "strategy mine.py: ModuleNotFoundError: No module named 'no_such_module_at_all'",
        ),
        (OWN.replace("LOOKBACK = 4", "LOOKBACK = 0"), "strategy mine.py: LOOKBACK must be a whole number above zero"),
        (OWN.replace("LOOKBACK = 4", "LOOKBACK = 'x'"), "strategy mine.py: LOOKBACK must be a whole number above zero"),
    ],
    ids=["missing", "no targets", "not callable", "syntax", "import", "no lookback", "not a number"],
)
def test_a_strategy_file_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ValueError) as refused:
        load("mine.py", beside=tmp_path)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("before", ["idle", "equal_weight"])
def test_before_its_first_model_it_holds_what_was_configured(before: str) -> None:
    wanted = np.tile([0.0, 1.0, 0.0, 0.0], (6, 1))
    weights = wants(wanted, True, before).weights(PANEL, scores_of(6, 4, silent=2))
    first = all_idle(PANEL) if before == "idle" else equal_weight(PANEL)
    np.testing.assert_array_equal(weights[:2], first[:2])
    np.testing.assert_array_equal(weights[2:], wanted[2:])


def test_a_row_without_a_model_may_hold_anything_since_it_is_replaced() -> None:
    wanted = np.tile([0.0, 1.0, 0.0, 0.0], (6, 1))
    wanted[0] = np.nan
    assert np.isfinite(wants(wanted, True).weights(PANEL, scores_of(6, 4, silent=1))).all()
    with pytest.raises(ValueError, match="targets in row 0"):
        wants(wanted, True).weights(PANEL, scores_of(6, 4, silent=0))


def test_a_strategy_that_asks_no_model_is_not_held_back_by_silence() -> None:
    wanted = np.tile([0.0, 1.0, 0.0, 0.0], (6, 1))
    np.testing.assert_array_equal(wants(wanted).weights(PANEL, no_scores(6, 4)), wanted)


@pytest.mark.parametrize(
    "row",
    [
        [0.5, 0.5, np.nan, 0.0],
        [0.5, np.inf, 0.0, 0.0],
        [1.1, -0.1, 0.0, 0.0],
        [0.5, 0.4, 0.0, 0.0],
        [0.5, 0.6, 0.0, 0.0],
        [0.5, 0.5 + 1e-8, 0.0, 0.0],
    ],
    ids=["nan", "inf", "negative", "too little", "too much", "beyond rounding"],
)
def test_a_row_that_is_no_weights_is_named(row: list[float]) -> None:
    wanted = equal_weight(PANEL)
    wanted[3] = row
    with pytest.raises(ValueError, match="targets in row 3 are not weights of listed venues"):
        check_weights(wanted, PANEL)


def test_a_venue_without_a_price_cannot_be_wanted() -> None:
    close = walk(6, 3)
    close[4, 1] = np.nan
    panel = panel_of(close)
    with pytest.raises(ValueError, match="targets in row 4"):
        check_weights(np.full((6, 4), 0.25), panel)
    check_weights(equal_weight(panel), panel)


@pytest.mark.parametrize("uses_scores", [False, True])
@pytest.mark.parametrize("shape", [(4,), (5, 4), (6, 3)])
def test_targets_of_another_shape_are_refused(shape: tuple[int, ...], uses_scores: bool) -> None:
    with pytest.raises(ValueError, match="targets have shape"):
        wants(np.ones(shape), uses_scores).weights(PANEL, scores_of(6, 4, silent=2))


def test_equal_weight_is_equal_in_what_is_listed_and_idle_where_nothing_is() -> None:
    close = walk(3, 2)
    close[0] = np.nan
    close[1, 0] = np.nan
    np.testing.assert_array_equal(equal_weight(panel_of(close)), [[1, 0, 0], [0, 0, 1], [0, 0.5, 0.5]])


def test_targets_that_are_read_only_are_no_obstacle() -> None:
    def targets(panel: Panel, scores: Scores, params: object) -> Floats:
        return np.broadcast_to(np.array([0.0, 1.0, 0.0, 0.0]), panel.close.shape)

    weights = Strategy("made", targets, {}, 1, True).weights(PANEL, scores_of(6, 4, silent=3))
    assert weights[:, 1].tolist() == [0, 0, 0, 1, 1, 1]


def test_what_runs_is_the_text_of_the_file_and_no_cache_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own cache takes a file for unchanged that has the same size and whole second."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    file = tmp_path / "mine.py"
    for number in (1, 2):
        file.write_text(
            f"PARAMS = {{'x': {number}.0}}\n\ndef targets(panel, scores, params):\n    return panel.close\n"
        )
        os.utime(file, (1_700_000_000, 1_700_000_000))
        assert load("mine.py", beside=tmp_path).params == {"x": float(number)}
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_what_a_file_of_its_own_raises_is_told_with_its_line_though_numpy_raised_it(tmp_path: Path) -> None:
    text = "import numpy as np\n\n\ndef targets(panel, scores, params):\n    return np.ones((2, 3)).reshape(7)\n"
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="ValueError in targets, line 5: cannot reshape"):
        load("mine.py", beside=tmp_path).weights(PANEL, scores_of(6, 4, silent=0))


def test_a_file_without_params_is_told_where_they_go(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def targets(panel, scores, params):\n    return None\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"it has: none \(a file names them, with their defaults, in PARAMS\)"):
        load("mine.py", {"look": 20.0}, beside=tmp_path)
