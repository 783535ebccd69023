"""Combinations by number, and the digests that their results are kept under."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtests.sweep.plan import Combination, Refusal, Space, code_digest, numbers
from backtests.sweep.space import axes_of
from bot.config import load_config
from bot.errors import ConfigError
from tests.backtests.sweep.sweep_worlds import GRID, options_in


def space_of(folder: Path, grid: tuple[str, ...] = GRID, environment: dict[str, str] | None = None) -> Space:
    file = options_in(folder).config
    return Space(file, axes_of(grid, load_config(file, environment or {})), environment or {})


def test_every_number_is_another_combination(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    points = [space.values(number) for number in range(len(space))]
    assert len(space) == 12
    assert len({repr(point) for point in points}) == 12
    assert points[0] == {"policy.band": "50 bps", "limits.max_venue": "3000 bps"}
    assert points[1] == {"policy.band": "50 bps", "limits.max_venue": "6500 bps"}
    assert space.number([3, 1]) == 10
    assert points[10] == {"policy.band": "200 bps", "limits.max_venue": "6500 bps"}


def test_what_a_rule_refuses_says_why_and_the_rest_is_as_the_file_with_the_values(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    found = [space.combination(number, "facts") for number in range(len(space))]
    refused = [point for point in found if isinstance(point, Refusal)]
    assert len(refused) == 4
    assert refused[0].reason == "limits.max_venue and limits.min_idle contradict: 10000 bps + 1000 bps > 100 %"
    first = found[0]
    assert isinstance(first, Combination)
    assert (first.config.policy.band, first.config.limits.max_venue) == (50, 3_000)
    assert load_config(space.path, {}).limits.max_venue == 4_000


def test_a_digest_names_the_config_and_the_facts_and_not_the_way_there(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    keys = [space.combination(number, "facts").key for number in range(len(space))]
    assert len(set(keys)) == 12
    assert space.combination(0, "other facts").key != keys[0]
    turned = space_of(tmp_path, ("limits.max_venue=30%,65%", "policy.band=0.5 %,1 %"))
    assert turned.combination(0, "facts").key == keys[0]
    deeper = space_of(tmp_path, environment={"PATRON__DEVNET__DEPTH": "1000000 USDC"})
    assert deeper.combination(0, "facts").key != keys[0]


def test_draws_are_distinct_reproducible_and_in_the_order_of_the_grid(tmp_path: Path) -> None:
    space = space_of(tmp_path, ("policy.band=50bps:400bps", "limits.max_venue=10%:90%"))
    first, again, other = (list(numbers(space, 50, seed)) for seed in (1, 1, 2))
    assert first == again == sorted(set(first))
    assert first != other
    assert len(first) == 50
    assert list(numbers(space_of(tmp_path), 50, 1)) == list(range(12))


def test_a_grid_needs_steps(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"policy\.band: a grid needs a step"):
        numbers(space_of(tmp_path, ("policy.band=50bps:400bps",)), None, 0)


def test_code_digest_follows_a_strategy_of_the_users_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("PARAMS = {}\n", encoding="utf-8")
    before = code_digest([mine])
    assert before == code_digest([mine])
    assert before != code_digest()
    mine.write_text("PARAMS = {'a': 1.0}\n", encoding="utf-8")
    assert code_digest([mine]) != before
    mine.unlink()
    with pytest.raises(ConfigError, match=r"mine\.py: cannot be read"):
        code_digest([mine])
