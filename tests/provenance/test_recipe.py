"""A recipe is read as it was written, says what differs here, and runs no code but what it was made by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.config import load_config
from bot.core.sleeves import Sleeves
from bot.core.strict_json import canonical
from bot.errors import ConfigError, DataError
from bot.provenance.recipe import Recipe, differences, recipe_from, recipe_of, strategy_again, versions_here
from bot.settings import settings_of, simulated_universe
from tests.provenance.made import SHIPPED, made

RECIPE = made().recipe
OWN = """\
LOOKBACK = 3
PARAMS = {"least": 2, "most": 0.5}
def targets(panel, scores, params):
    import numpy as np
    weights = np.zeros(panel.close.shape)
    weights[:, 0] = 1.0
    return weights
"""
SLEEVES = """\
strategy:
  sleeves:
    calm: {name: equal_weight, share: 40 %}
    bold: {name: trend_tilt, share: 50 %, params: {strength: 2.0}, before_first_fit: equal_weight}
"""


def written(tmp_path: Path, strategy: str) -> tuple[Path, Recipe]:
    """A strategy file with another strategy block, and its recipe."""
    before, _, rest = SHIPPED.read_text(encoding="utf-8").partition("strategy:\n")
    file = tmp_path / "mine.yaml"
    file.write_text(before + strategy + rest[rest.index("signals:") :], encoding="utf-8")
    config = load_config(file, {})
    strategy_of = settings_of(config, simulated_universe(config), file).strategy
    return file, recipe_of(config, strategy_of, file)


def test_a_recipe_is_read_as_it_was_written() -> None:
    assert recipe_from(RECIPE.text(), "it") == RECIPE
    assert RECIPE.scorer is not None
    assert RECIPE.strategy.parts[0].params["strength"] == 3.0
    assert {"numpy", "scipy", "scikit-learn", "python", "machine", "blas", "patron"} == set(RECIPE.versions)


def test_a_recipe_of_an_earlier_patron_lacks_only_what_came_later() -> None:
    document = json.loads(RECIPE.text())
    del document["scorer"]["on_drift"]
    older = recipe_from(canonical(document).encode(), "it")
    assert older.scorer is not None
    assert RECIPE.scorer is not None
    assert older.scorer.horizon == RECIPE.scorer.horizon


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("version",), 9, "version: this Patron reads 1 (got 9)"),
        (("bar_seconds",), 1, "bars, lookback or strategies"),
        (("bar_seconds",), 3_600, "scorer.bar_seconds: other than the run's"),
        (("scorer", "horizon"), "7d", "scorer.horizon: Input should be a valid integer"),
        (("scorer", "horizon"), 1, "scorer.horizon: must be a whole number of bars"),
        (("scorer", "model"), "oracle", "scorer.model: Input should be"),
        (("scorer", "more"), 1, "not as it is written"),
        (("strategy", "parts"), [], "bars, lookback or strategies"),
        (("strategy", "lookback"), 0, "bars, lookback or strategies"),
        (("strategy", "lookback"), 2.5, "strategy.lookback: Input should be a valid integer"),
        (("more",), 1, "not as it is written"),
    ],
)
def test_what_is_no_recipe_is_named(path: tuple[str, ...], value: Any, said: str) -> None:
    document = json.loads(RECIPE.text())
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    with pytest.raises(DataError) as caught:
        recipe_from(canonical(document).encode(), "it")
    assert str(caught.value).startswith("it: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b'{"version": 1}', RECIPE.text() + b" ", b"[" * 10**5])
def test_no_json_and_other_json_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        recipe_from(content, "it")
    assert "\n" not in str(caught.value)


def test_a_shipped_strategy_is_made_again_without_a_strategy_file() -> None:
    again = strategy_again(RECIPE.strategy, Path("nowhere.yaml"))
    theirs = made().strategy
    assert (again.name, dict(again.params), again.lookback) == (theirs.name, dict(theirs.params), theirs.lookback)
    assert again.before_first_fit == theirs.before_first_fit == "equal_weight"


def test_sleeves_are_made_again_with_their_shares(tmp_path: Path) -> None:
    _, recipe = written(tmp_path, SLEEVES)
    assert recipe_from(recipe.text(), "it") == recipe
    again = strategy_again(recipe.strategy, Path("nowhere.yaml"))
    assert isinstance(again, Sleeves)
    assert [(part.name, part.share, part.strategy.name) for part in again.parts] == [
        ("calm", 0.4, "equal_weight"),
        ("bold", 0.5, "trend_tilt"),
    ]
    assert again.parts[1].strategy.params["strength"] == 2.0


def test_a_strategy_of_ones_own_is_run_from_the_very_text_alone(tmp_path: Path) -> None:
    code = tmp_path / "mine.py"
    code.write_text(OWN, encoding="utf-8")
    file, recipe = written(tmp_path, "strategy:\n  name: mine.py\n  params: {least: 3}\n")
    assert recipe_from(recipe.text(), "it") == recipe
    assert recipe.scorer is None
    assert dict(recipe.strategy.parts[0].params) == {"least": 3.0, "most": 0.5}
    again = strategy_again(recipe.strategy, file)
    assert (again.name, again.lookback) == ("mine", 3)
    with pytest.raises(ConfigError):
        strategy_again(recipe.strategy, tmp_path / "elsewhere" / "mine.yaml")
    ran = tmp_path / "ran"
    code.write_text(OWN + f"open({str(ran)!r}, 'w')\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"^the code of mine\.py here is "):
        strategy_again(recipe.strategy, file)
    assert not ran.exists()


def test_what_differs_here_is_named() -> None:
    assert differences(RECIPE) == ()
    older = {**versions_here(), "numpy": "1.0"}
    del older["blas"]
    told = differences(replace(RECIPE, versions=older, procedure="ab" * 32))
    assert told[0].startswith("blas: none, here ")
    assert told[1] == f"numpy: 1.0, here {np.__version__}"
    assert told[2].startswith(f"sources of scoring: {'ab' * 6}…, here ")
