"""What a sweep varies, as it is written on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backtests.sweep.space import axes_of, axis_of
from bot.config import Config, load_config
from bot.errors import ConfigError
from tests.backtests.sweep.sweep_worlds import options_in


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(options_in(tmp_path, "trend_tilt").config, {})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("policy.band=50bps:200bps:50bps", ["50 bps", "100 bps", "150 bps", "200 bps"]),
        ("policy.band=1%:2%:50bps", ["100 bps", "150 bps", "200 bps"]),
        ("policy.band = 1 %, 250 bps", ["100 bps", "250 bps"]),
        ("scorer.train=60d:90d:15d", ["60d", "75d", "90d"]),
        ("every=12h:1d:12h", ["12h", "1d"]),
        ("capital=1000USDC:3000USDC:1000USDC", ["1000 USDC", "2000 USDC", "3000 USDC"]),
        ("limits.min_trade=0.5 USDC,25 USDC", ["0.5 USDC", "25 USDC"]),
        ("costs.gas_price=1gwei:2gwei:0.5gwei", ["1 gwei", "1.5 gwei", "2 gwei"]),
        ("scorer.seed=0:4:2", [0, 2, 4]),
        ("strategy.params.strength=0.1:0.3:0.1", [0.1, 0.2, 0.3]),
        ("strategy.params.strength=-1,0,2.5", [-1.0, 0.0, 2.5]),
        ("scorer.model=ridge,hist_gradient_boosting", ["ridge", "hist_gradient_boosting"]),
        ("strategy.name=trend_tilt,reversal", ["trend_tilt", "reversal"]),
        ("venues.aa-usdc.fee=5 bps,30 bps", ["5 bps", "30 bps"]),
        ("venues.aa-usdc.width=1%:2%:1%", ["100 bps", "200 bps"]),
        ("signals=[synthetic_stars],[]", [["synthetic_stars"], []]),
    ],
)
def test_values_are_written_as_the_file_would(config: Config, text: str, values: list[Any]) -> None:
    assert list(axis_of(text, config).values) == values


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("policy.band=50bps:400bps", 351),
        ("scorer.train=60d:90d", 31),
        ("scorer.seed=3:9", 7),
        ("strategy.params.strength=1:4", 1_001),
    ],
)
def test_a_range_without_a_step_is_as_fine_as_its_unit(config: Config, text: str, count: int) -> None:
    axis = axis_of(text, config)
    assert len(axis.values) == count
    assert not axis.stepped


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("policy.band", "expected KEY=FROM:TO:STEP"),
        ("policy.bnd=1%,2%", "policy.bnd: policy has no key 'bnd'; known: band"),
        ("polcy=1", "a strategy file has no key 'polcy'"),
        ("policy=1", "policy: is a section; name a key in it: band"),
        ("policy.band.x=1", "policy.band has no key 'x'; it has no keys below it"),
        ("venues.zz.fee=1 bps", "expected venues.ID.KEY with an ID of aa-usdc, bb-usdc, cc-usdc"),
        ("strategy.params=1", "name one of the params, such as strategy.params.NAME"),
        ("policy.band=1,2", 'policy.band: a unit is missing|policy.band: expected a share such as "50 bps"'),
        ("policy.band=1%:2d:1%", "policy.band: wrong unit 'd'"),
        ("policy.band=4%:1%:1%", "policy.band: the range ends before it begins"),
        ("policy.band=1%:2%:0%", "policy.band: the step must be above zero"),
        ("policy.band=1%,100 bps", "policy.band: a value stands there twice"),
        ("policy.band=1%,,2%", "policy.band: a value is empty"),
        ("policy.band=1%:200%:1%", "policy.band: outside 0 %"),
        ("scorer.seed=1.5,2", "scorer.seed: expected a whole number"),
        ("scorer.seed=0:9000000", "9,000,001 values are too many"),
        ("strategy.params.strength=a,b", "strategy.params.strength: expected a number"),
        ("strategy.params.strength=0:inf", "expected a finite number"),
        ("limits.min_trade=5 EUR,6 EUR", "limits.min_trade: in EUR, but capital is in USDC"),
        (
            "scorer.model=ridge,forest",
            "scorer.model: expected hist_gradient_boosting or past_return or ridge or stack or zero, not 'forest'",
        ),
        ("scorer.model=ridge:forest", "scorer.model: has no ranges; list its values"),
        ("venues.aa-usdc.fee=5bps:30bps", "venues.aa-usdc.fee: has no ranges"),
        ("venues.aa-usdc.fee=7 bps", "not a Uniswap V3 fee tier"),
        ("devnet.noise=1%,2%", "devnet.noise: the fast rung does not read it"),
    ],
)
def test_what_cannot_be_swept_is_one_line_naming_the_key(config: Config, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        axis_of(text, config)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("--grid")


def test_dear_keys_turn_slowest(config: Config) -> None:
    texts = [
        "policy.band=1%,2%",
        "devnet.depth=1 USDC,2 USDC",
        "strategy.params.strength=1,2",
        "scorer.seed=1,2",
        "bar=1d,1h",
    ]
    assert [axis.key for axis in axes_of(texts, config)] == [
        "bar",
        "scorer.seed",
        "strategy.params.strength",
        "devnet.depth",
        "policy.band",
    ]


def test_a_key_named_twice_or_no_key_at_all_is_refused(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"policy\.band: named twice"):
        axes_of(["policy.band=1%,2%", "policy.band=3%,4%"], config)
    with pytest.raises(ConfigError, match="nothing to sweep"):
        axes_of([], config)
