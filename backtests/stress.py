"""Worse markets than the strategy file assumes, for the fast rung: what costs may grow to before the answer changes.

The market's own prices and the pools' untraded path stay as they are; only what a leg pays changes. The bot's limits
stay too: a leg that would now lose more than `max_loss` is cut or left out, as the bot would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from backtests.kernels.cycle import Rules
from backtests.kernels.pool import Pools
from bot.core.plan import Limits
from bot.core.units import BPS
from bot.errors import DataError


@dataclass(frozen=True, slots=True)
class Stress:
    """`fees`, `impact` and `gas` multiply the pool fees of legs, their price impact, and gas.

    `impact` divides the pools' liquidity. `sandwich`: every leg loses the most that a sandwich may take of its quote,
    `limits.max_sandwich` or `limits.slippage`, whichever is lower. Raises ValueError for a factor that is none.
    """

    fees: float = 1.0
    impact: float = 1.0
    gas: float = 1.0
    sandwich: bool = False

    def __post_init__(self) -> None:
        for field in fields(self)[:3]:
            value = getattr(self, field.name)
            least = 0.0 if field.name != "impact" else math.ulp(0.0)
            if not (math.isfinite(value) and value >= least):
                raise ValueError(f"stress: {field.name} is a finite factor above zero (got {value})")

    def of_pools(self, pools: Pools) -> Pools:
        """The pools with their liquidity divided by `impact`."""
        if self.impact == 1.0:
            return pools
        return pools._replace(full=pools.full / self.impact, wide=pools.wide / self.impact)

    def of_rules(self, rules: Rules, limits: Limits, pools: Pools) -> Rules:
        """The rules with gas, leg fees and what a sandwich takes. Raises DataError when a fee reaches the whole leg."""
        dearest = float(np.max(pools.fee)) * self.fees
        if dearest >= 1.0:
            raise DataError(f"stress: fees times {self.fees:g} make a pool fee of {dearest:.0%}: nothing is left")
        return rules._replace(
            gas_base=rules.gas_base * self.gas,
            gas_leg=rules.gas_leg * self.gas,
            fees=rules.fees * self.fees,
            taken=min(limits.max_sandwich_bps, limits.slippage_bps) / BPS if self.sandwich else rules.taken,
        )


CALM: Final = Stress()
