"""Costs and limits of a portfolio, as a person gives them, and as the kernels take them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from backtests.kernels.weights import Terms
from bot.core.panel import Floats
from bot.errors import ConfigError, located

NEVER = 2.0  # a brake that no fall reaches
ByAsset: TypeAlias = "float | Mapping[str, float] | pd.Series[float]"


@dataclass(frozen=True, slots=True)
class Costs:
    """Fractions, but for `capital` and `fixed_fee`, which are money. Raises ConfigError, naming the option.

    fee: of an order's value; spread: of the price, paid above it or received below it; fixed_fee: of an order;
    royalty: of a sale, one for all or by asset; band: changes of a weight below it are not made; cap: greatest weight,
    one for all or by asset; min_cash: of the value, never spent; brake: at this fall of the value at rebalances from
    its highest nothing is bought.
    """

    capital: float = 100_000.0
    fee: float = 0.0
    spread: float = 0.0
    fixed_fee: float = 0.0
    royalty: ByAsset = 0.0
    band: float = 0.0
    cap: ByAsset = 1.0
    min_cash: float = 0.0
    brake: float | None = None

    def terms(self) -> Terms:
        """The plain numbers."""
        brake = NEVER if self.brake is None else fraction("brake", self.brake)
        if brake == 0.0:
            raise ConfigError(located("brake", "", "above 0, or None for no brake", 0.0))
        return Terms(
            money("capital", self.capital, least=math.ulp(0.0)),
            fraction("fee", self.fee),
            fraction("spread", self.spread),
            money("fixed_fee", self.fixed_fee),
            fraction("band", self.band),
            fraction("min_cash", self.min_cash),
            brake,
        )

    def royalties(self, columns: tuple[str, ...]) -> Floats:
        """(N,) by asset. Together with fee and spread they leave something of a sale."""
        made = by_asset("royalty", self.royalty, columns)
        if (left := float(1.0 - self.fee - made.max())) <= 0.0 or self.spread >= 1.0:
            raise ConfigError(located("fee", "", "with spread and royalty nothing is left of a sale", left))
        return made

    def caps(self, columns: tuple[str, ...]) -> Floats:
        """(N,) by asset."""
        return by_asset("cap", self.cap, columns)


def fraction(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    return _number(name, value, 0.0, 1.0, "between 0 and 1")


def money(name: str, value: Any, least: float = 0.0) -> float:
    """A finite number, not negative."""
    return _number(
        name, value, least, float(np.finfo(np.float64).max), "money above 0" if least else "money, not below 0"
    )


def bars(name: str, value: int | None) -> int | None:
    """A count of bars above 0, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(located(name, "", "a count of bars, 1 or more", value))
    return int(value)


def by_asset(name: str, value: ByAsset, columns: tuple[str, ...]) -> Floats:
    """(N,) fractions: one number for all, or a mapping or series by asset, of all assets."""
    if isinstance(value, Mapping | pd.Series):
        given = {str(asset): each for asset, each in value.items()}
        if missing := [column for column in columns if column not in given]:
            raise ConfigError(located(name, missing[0], "this asset has none"))
        if unknown := [asset for asset in given if asset not in columns]:
            raise ConfigError(located(name, unknown[0], "no such asset in the prices"))
        return np.array([fraction(f"{name}: {column}", given[column]) for column in columns])
    return np.full(len(columns), fraction(name, value))


def _number(name: str, value: Any, low: float, high: float, rule: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ConfigError(located(name, "", rule, value))
    if not low <= value <= high:
        raise ConfigError(located(name, "", rule, value))
    return float(value)
