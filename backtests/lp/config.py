"""A liquidity provider's backtest file, read and checked: YAML in, a frozen strict model out, or one line.

The data are either a `log` of the pool's events or `minutes` (bars), which say nothing about the pool and so need
`pool`. Files are looked for beside the YAML file.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from backtests.lp.strategies import STRATEGIES, LpStrategy
from bot.config_venues import Model
from bot.errors import ConfigError
from bot.quantity import BpsField, FeeField, GweiField, MoneyField, SecondsField, last_second, when


class Unfit(ConfigError):
    """A setting that is legal by itself but not with these data. The command says in which file and line."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting}: {problem}")
        self.setting = setting
        self.problem = problem


class TokenConfig(Model):
    """One token of the pool that minute bars are of."""

    symbol: str = Field(min_length=1, max_length=20, description="as capital writes it")
    decimals: int = Field(ge=0, le=36, description="decimals() of the token")


class PoolConfig(Model):
    """The pool that minute bars are of. An event log knows its own."""

    token0: TokenConfig = Field(description="the token with the lower address")
    token1: TokenConfig = Field(description="the token with the higher address")
    fee: FeeField = Field(description="the pool's fee tier")


class StrategyChoice(Model):
    """Which strategy, with which parameters."""

    name: str = Field(description=f"one of {', '.join(STRATEGIES)}")
    params: dict[str, Any] = Field(default={}, description="the strategy's parameters")

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in STRATEGIES:
            raise ValueError(f"no such strategy; there are: {', '.join(STRATEGIES)}")
        return value


class GasConfig(Model):
    """Gas units of each action: calls of the position manager and the router, measured in an EVM with the real
    contracts; what storage that nobody touched before in the transaction costs more is added."""

    mint: int = Field(default=430_000, ge=0, le=30_000_000, description="a new position, both of its ticks new")
    burn: int = Field(default=210_000, ge=0, le=30_000_000, description="taking all liquidity out")
    collect: int = Field(default=130_000, ge=0, le=30_000_000, description="paying principal and fees out")
    swap: int = Field(default=130_000, ge=0, le=30_000_000, description="the swap before a mint")


class CostsConfig(Model):
    """What acting costs. Gas is paid by the owner, outside of the position, and taken off its value."""

    gas_price: GweiField = Field(default="5 gwei", validate_default=True, description="price of one unit of gas")
    native_price: MoneyField | None = Field(default=None, description="one unit of gas money, in the quote token")
    gas: GasConfig = Field(default_factory=GasConfig, description="gas units of each action")
    swap: Literal["pool", "external"] = Field(
        default="pool", description="where we swap: in the pool itself, or elsewhere"
    )
    swap_cost: BpsField = Field(
        default="10 bps", validate_default=True, description="given away by a swap elsewhere, against the pool's price"
    )
    slippage: BpsField = Field(
        default="1 %", validate_default=True, gt=0, description="how far a swap of ours may move the pool's price"
    )


class LpConfig(Model):
    """A liquidity provider's backtest."""

    log: str | None = Field(default=None, description="event log of the pool (Parquet), beside this file")
    minutes: tuple[str, ...] | None = Field(default=None, description="minute bars (CSV or Parquet), instead of a log")
    pool: PoolConfig | None = Field(default=None, description="the pool of the minute bars")
    capital: MoneyField = Field(description="what we start with; its symbol says which token is the quote")
    quote: int | None = Field(default=None, ge=0, le=1, description="0 or 1, where both tokens have the same symbol")
    first: int | str | None = Field(default=None, alias="from", description="first day (UTC) or block; default: all")
    last: int | str | None = Field(default=None, alias="to", description="last day or block, included; default: all")
    strategy: StrategyChoice = Field(description="where the liquidity is put")
    every: SecondsField = Field(default="1h", validate_default=True, description="time between two looks, and samples")
    costs: CostsConfig = Field(default_factory=CostsConfig, description="gas and swaps")

    @field_validator("minutes", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value

    @field_validator("first", "last", mode="before")
    @classmethod
    def _day(cls, value: Any, info: Any) -> Any:
        """A day as unix seconds is text until `window`; here it only has to be one. A bare number is a block."""
        if isinstance(value, dt.date):  # YAML knows days; a datetime is a date too
            value = value.isoformat()
        if isinstance(value, str):
            when(value, "a time")
        elif isinstance(value, bool) or (value is not None and (not isinstance(value, int) or value < 0)):
            raise ValueError('expected a day such as "2024-01-31" or the number of a block')
        return value

    @model_validator(mode="after")
    def _consistent(self) -> LpConfig:
        if (self.log is None) == (self.minutes is None):
            raise ValueError("log: name either log or minutes" + (", not both" if self.log else ""))
        if self.minutes is not None and not self.minutes:
            raise ValueError("minutes: at least one file is needed")
        if self.minutes is not None and self.pool is None:
            raise ValueError("pool: minute bars do not say which pool they are of; write its tokens and fee")
        if self.log is not None and self.pool is not None:
            raise ValueError("pool: an event log knows its own pool; drop this section")
        if self.minutes is not None and (isinstance(self.first, int) or isinstance(self.last, int)):
            at = "from" if isinstance(self.first, int) else "to"
            raise ValueError(f"{at}: minute bars have no blocks; name a day")
        if self.capital.number <= 0:
            raise ValueError("capital: must be above zero")
        price = self.costs.native_price
        if price is not None and price.symbol != self.capital.symbol:
            raise ValueError(f"costs.native_price: in {price.symbol}, but capital is in {self.capital.symbol}")
        if price is None and self.costs.gas_price > 0:
            raise ValueError(
                f'costs.native_price: is missing; write such as "3000 {self.capital.symbol}", '
                'or costs.gas_price "0 gwei" for no gas at all'
            )
        if type(self.first) is type(self.last) and self.first is not None and self._since() >= self._until():
            raise ValueError(f"from: must be before to (got {self.first} and {self.last})")
        return self

    def _since(self) -> int:
        return when(self.first) if isinstance(self.first, str) else self.first or 0

    def _until(self) -> int:
        return last_second(self.last) if isinstance(self.last, str) else self.last or 0

    @property
    def strategy_model(self) -> LpStrategy:
        """The strategy with its parameters filled in."""
        return STRATEGIES[self.strategy.name].model_validate(self.strategy.params)


def facts_of(config: LpConfig, pool: str) -> dict[str, object]:
    """What a report says of the file, in the file's own words where it has some. `pool`: its tokens and fee."""
    costs, gas = config.costs, config.costs.gas
    swaps = "in the pool itself" if costs.swap == "pool" else f"elsewhere, at {costs.swap_cost} bps"
    return {
        "title": f"{config.strategy.name} in {pool}",
        "strategy": config.strategy.name,
        "params": {name: str(value) for name, value in config.strategy.params.items()},
        "capital": str(config.capital),
        "gas price": f"{costs.gas_price / 10**9:g} gwei, a native coin at {costs.native_price or 'nothing'}",
        "gas units": f"mint {gas.mint:,}, burn {gas.burn:,}, collect {gas.collect:,}, swap {gas.swap:,}",
        "our swaps": f"{swaps}, moving its price by at most {costs.slippage} bps",
    }


def first_second(config: LpConfig) -> int | None:
    """`from` in unix seconds, None where it is a block or not given."""
    return when(config.first) if isinstance(config.first, str) else None


def final_second(config: LpConfig) -> int | None:
    """`to` in unix seconds, the whole of a day or month included; None where it is a block or not given."""
    return last_second(config.last) if isinstance(config.last, str) else None
