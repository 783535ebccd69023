"""What a unit of gas cost at each time of a backtest, in money: recorded, where the strategy file names records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bot.config import Config, CostsConfig
from bot.core.panel import Floats, Times

if TYPE_CHECKING:
    from bot.signals.catalogue import Catalogue

WEI_PER_GWEI, WEI_PER_COIN = 1e9, 1e18


@dataclass(frozen=True, slots=True, eq=False)
class RecordedGas:
    """What had been published by each of T times: gwei per unit of gas, and money per coin; NaN where nothing had."""

    gwei: Floats
    native: Floats

    def money(self, costs: CostsConfig) -> Floats:
        """(T,) whole money tokens per unit of gas; the file's constants stand in for what is not known."""
        gwei = np.where(np.isnan(self.gwei), costs.gas_price / WEI_PER_GWEI, self.gwei)
        native = np.where(np.isnan(self.native), float(costs.native_price), self.native)
        return np.asarray(gwei * native * (WEI_PER_GWEI / WEI_PER_COIN))

    def assumed(self, costs: CostsConfig) -> int:
        """How many of the times had to use a constant although the file names a record."""
        gwei = np.isnan(self.gwei) if costs.gas_series else np.zeros(len(self.gwei), dtype=np.bool_)
        native = np.isnan(self.native) if costs.native_asset else np.zeros(len(self.native), dtype=np.bool_)
        return int((gwei | native).sum())


def recorded_gas(config: Config, catalogue: Catalogue, times: Times) -> RecordedGas | None:
    """What `costs.gas_series` and `costs.native_asset` say at each of `times` (T,), None where the file names neither.

    Raises ConfigError for a name that the catalogue does not have, DataError for a value that is no price.
    """
    costs = config.costs
    if costs.gas_series is None and costs.native_asset is None:
        return None
    from bot.signals.gas import check_names, closes_at, gwei_at

    check_names(catalogue, costs.gas_series, costs.native_asset, config.bar)
    unknown = np.full(len(times), np.nan)
    return RecordedGas(
        unknown if costs.gas_series is None else gwei_at(catalogue, costs.gas_series, times),
        unknown if costs.native_asset is None else closes_at(catalogue, costs.native_asset, config.bar, times),
    )


def gas_of(config: Config, catalogue: Catalogue, times: Times) -> Floats | None:
    """(T,) whole money tokens per unit of gas at each of `times` (unix seconds), as it was known then.

    The file's constants hold before the first record. None where the file names no records, and the constants hold
    throughout. Raises as `recorded_gas`.
    """
    recorded = recorded_gas(config, catalogue, times)
    return None if recorded is None else recorded.money(config.costs)


def gas_note(config: Config, catalogue: Catalogue, times: Times) -> str | None:
    """The sentence about gas that belongs beside a result, None where all of it is constant."""
    recorded = recorded_gas(config, catalogue, times)
    if recorded is None:
        return None
    named = " × ".join(each for each in (config.costs.gas_series, config.costs.native_asset) if each)
    count = recorded.assumed(config.costs)
    said = f"gas at recorded prices ({named})"
    if not count:
        return said
    return f"{said}; {count:,} of {len(times):,} bars before its first record, at the file's constant"


def constant_gas(costs: CostsConfig) -> float:
    """Whole money tokens per unit of gas, as the strategy file assumes it."""
    return costs.gas_price * float(costs.native_price) / WEI_PER_COIN
