"""Planted leaks. Each replaces one function of an honest pipeline, or puts data under a wrong date, as people do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from backtests.lookahead.pipeline import Case, Pipeline
from tests.backtests.lookahead import zoo_of_markets, zoo_of_models
from tests.backtests.lookahead.cases import made
from tests.backtests.lookahead.planting import Leak, Plant

ZOO: Mapping[str, Leak] = zoo_of_models.LEAKS | zoo_of_markets.LEAKS


def _honest(name: str) -> tuple[Case, Pipeline]:
    return made(strategy=name), Pipeline()


HONEST: Mapping[str, Plant] = {name: partial(_honest, name) for name in ("equal_weight", "reversal", "trend_tilt")}
