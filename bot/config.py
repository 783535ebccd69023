"""A strategy file, read and checked: YAML in, frozen strict models out, or one line that says what is wrong and where.

`patron check` and `patron run` call the same `load_config`. What needs the chain (do the pools exist, do the decimals
agree) is checked in wiring, by the same functions that the run uses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML

from bot.config_fields import NAMES, FieldConfig, check_fields, series_of
from bot.config_venues import Model, Topics, VenueConfig
from bot.errors import ConfigError
from bot.quantity import BpsField, GweiField, MoneyField, SecondsField
from bot.yaml_file import NOT_YAML, plain, read_yaml, refusal

MOST_VENUES = 256  # of backtests and paper; a vault lists fewer


class SleeveConfig(Model):
    """One of several strategies of a portfolio, with its share of the capital."""

    share: BpsField = Field(description="of the portfolio, restored at every cycle")
    name: str = Field(description="a shipped strategy, or a Python file of your own")
    params: dict[str, Annotated[float, Field(strict=False)]] = Field(default={}, description="its parameters")
    before_first_fit: Literal["idle", "equal_weight"] = Field(default="idle", description="as of a single strategy")


class StrategyConfig(Model):
    """Which strategy, with which parameters, and what it holds before its model has been fitted once."""

    name: str = Field(
        default="sleeves",
        description="a shipped strategy, or a Python file of your own beside this one (`mine.py`); "
        "not needed where there are `sleeves`",
    )
    params: dict[str, Annotated[float, Field(strict=False)]] = Field(
        default={}, description="the strategy's parameters"
    )
    before_first_fit: Literal["idle", "equal_weight"] = Field(
        default="idle", description="what a strategy that needs a model holds before it has one"
    )
    sleeves: dict[str, SleeveConfig] = Field(
        default={}, description="several strategies side by side instead of one, by a name of your own"
    )

    @model_validator(mode="after")
    def _one_or_many(self) -> StrategyConfig:
        if self.name == "sleeves" and not self.sleeves:
            raise ValueError("strategy.name: is missing (or give several strategies under sleeves)")
        if self.sleeves and (self.name != "sleeves" or self.params):
            raise ValueError("strategy.name and strategy.sleeves contradict: name and params belong to each sleeve")
        for name in self.sleeves:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", name):
                raise ValueError(f"strategy.sleeves.{name}: a sleeve's id is lower-case letters, digits, '_' and '-'")
        given = sum(sleeve.share for sleeve in self.sleeves.values())
        if self.sleeves and (given > 10_000 or min(sleeve.share for sleeve in self.sleeves.values()) == 0):
            raise ValueError(
                f"strategy.sleeves: shares above zero and of at most 100 % together, not {given / 100:g} %"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of all strategies whose code decides, each once."""
        return tuple(dict.fromkeys(sleeve.name for sleeve in self.sleeves.values())) or (self.name,)


class ScorerConfig(Model):
    """How expected returns are learned. All spans are calendar time."""

    model: Literal["hist_gradient_boosting", "past_return", "ridge", "stack", "zero"] = Field(
        default="ridge", description="the estimator; `zero` and `past_return` are baselines to compare with"
    )
    target: Literal["return", "risk_adjusted"] = Field(
        default="return",
        description="what is learned: the return over the horizon, or that in units of the venue's own volatility, "
        "scaled back when it is told",
    )
    features: Literal["basic", "market"] = Field(
        default="basic", description="what is known of each venue: docs/features.md lists both sets"
    )
    horizon: SecondsField = Field(default="7d", validate_default=True, description="how far ahead a score looks")
    train: SecondsField = Field(default="90d", validate_default=True, description="length of the training window")
    refit: SecondsField = Field(default="28d", validate_default=True, description="time between fits")
    embargo: SecondsField = Field(default="1d", validate_default=True, description="gap kept after the last label")
    seed: int = Field(default=0, description="of the estimator")
    interval: Literal["split", "rolling"] = Field(
        default="split",
        description="width of the interval: set at each fit, or at each bar from what the newest scores missed by",
    )
    costs: BpsField | None = Field(
        default=None, description="what a return must exceed; given, the probability that it does is learned as well"
    )
    on_drift: Literal["ignore", "withhold"] = Field(
        default="withhold",
        description="whether nothing new is opened while the model or the market has drifted; exits always go on",
    )


class TrendsConfig(Model):
    """Which media topics are scored, and by what, so that venues get `trend:` fields. All spans are calendar time."""

    series: Topics = Field(
        description="signal series of the catalogue whose topics are scored, each on its own: one source, one vote"
    )
    ontology: str | None = Field(
        default=None,
        description="YAML file of your own beside this one that says what bears on what; the one that ships if not "
        "said. A venue's own `topics` go first",
    )
    model: Literal["stack", "hist_gradient_boosting", "logistic"] = Field(default="stack", description="the estimator")
    horizon: SecondsField = Field(default="28d", validate_default=True, description="how far ahead a topic is scored")
    train: SecondsField = Field(default="365d", validate_default=True, description="length of the training window")
    refit: SecondsField = Field(default="14d", validate_default=True, description="time between fits")
    embargo: SecondsField = Field(default="1d", validate_default=True, description="gap kept after the last label")
    least_level: Annotated[float, Field(strict=False, ge=0)] = Field(
        default=5.0, description="topics below it (stars, downloads …) are not scored"
    )
    seed: int = Field(default=0, description="of the estimator")

    @field_validator("series", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value

    @field_validator("series")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("at least one, and each once")
        return value


class PolicyConfig(Model):
    """What is done about a target, given what is held."""

    band: BpsField = Field(default="100 bps", validate_default=True, description="smallest change of weight to trade")
    max_turnover: BpsField = Field(default="20 %", validate_default=True, description="one-way, per cycle")
    drawdown_brake: BpsField = Field(default="15 %", validate_default=True, description="entries stop at this drawdown")
    drawdown_window: SecondsField = Field(default="90d", validate_default=True, description="of the high-water mark")


class LimitsConfig(Model):
    """Hard bounds, checked before each deployment; the vault enforces its own on chain."""

    max_venue: BpsField = Field(default="25 %", validate_default=True, description="most of the portfolio in one venue")
    min_idle: BpsField = Field(default="10 %", validate_default=True, description="least of the portfolio kept idle")
    slippage: BpsField = Field(default="50 bps", validate_default=True, description="fill below the exact quote")
    max_loss: BpsField = Field(default="100 bps", validate_default=True, description="cost of a leg against spot")
    max_sandwich: BpsField = Field(
        default="100 %",
        validate_default=True,
        description="most of the exact quote that a sandwich may take and still pay its attacker; `slippage` if lower",
    )
    on_sandwich: Literal["refuse", "tighten"] = Field(
        default="refuse",
        description="where one could take more: refuse the plan, or demand all but `max_sandwich` of the fill, "
        "at the price of more calls that fail when the market moves",
    )
    min_trade: MoneyField = Field(default="25 USDC", validate_default=True, description="smallest leg")
    unpriced: MoneyField | None = Field(
        default=None,
        description="most money that may go, per day, into venues without a price that the vault can trust (young "
        "coins, pieces, revenue shares): the vault counts it all as lost. A twentieth of the capital if not said",
    )
    max_staleness: SecondsField = Field(default="2d", validate_default=True, description="age of the newest data row")


class DevnetConfig(Model):
    """The market that is made on the devnet. Ignored on any other chain."""

    depth: MoneyField = Field(
        default="4000000 USDC", validate_default=True, description="money each pool is seeded with"
    )
    noise: BpsField = Field(default="1 %", validate_default=True, description="noise trades, share of recorded volume")
    seed: int = Field(default=7, description="of the noise trades, and of the generated market on a wall clock")


class CostsConfig(Model):
    """What gas is assumed to cost where no chain says so (fast backtests and paper)."""

    gas_price: GweiField = Field(default="5 gwei", validate_default=True, description="price of one unit of gas")
    native_price: MoneyField = Field(default="3000 USDC", validate_default=True, description="one unit of gas money")
    gas_series: str | None = Field(
        default=None,
        pattern=r"^[^/\s]+/\S",
        description="recorded gas prices for backtests: `SOURCE/TOPIC` of the data catalogue, in gwei; "
        "before its first value `gas_price` holds",
    )
    native_asset: str | None = Field(
        default=None,
        min_length=1,
        description="recorded prices of gas money for backtests: a price series of the data catalogue; "
        "before its first bar `native_price` holds",
    )


class Config(Model):
    """A strategy file."""

    chain: Literal["devnet", "ethereum", "base", "polygon", "arbitrum"] = Field(
        default="devnet", description="where capital goes; all but devnet need a node in ETH_RPC_URL"
    )
    mode: Literal["paper", "fork", "live"] = Field(
        default="paper", description="paper ledger, or deployments on a fork"
    )
    capital: MoneyField = Field(description="what the vault starts with; its symbol is the money of every pool")
    every: SecondsField = Field(description="time between cycles")
    bar: Literal["1h", "1d"] = Field(default="1d", description="length of the price bars that are read")
    wake_on: tuple[Literal["signal", "breaker"], ...] = Field(default=(), description="events that start a cycle early")
    debounce: SecondsField = Field(default="60s", validate_default=True, description="least time between woken cycles")
    strategy: StrategyConfig = Field(description="what to want")
    signals: tuple[str, ...] = Field(default=(), description="signal sources of the catalogue to read")
    venues: dict[str, VenueConfig] = Field(
        description="where capital may be, by an id of your own; at most 256, on a fork 16"
    )
    scorer: ScorerConfig = Field(default_factory=ScorerConfig)
    trends: TrendsConfig | None = Field(
        default=None, description="scores of media topics, for strategies that ask for them; none if not said"
    )
    fields: dict[str, FieldConfig] = Field(
        default={},
        description="`pool:depth`, `pool:fees` and `income:<name>` -> the series that say them, so that a model sees "
        "fee yield, pool depth and realised income (docs/features.md)",
        json_schema_extra={"propertyNames": {"pattern": NAMES}},
    )
    policy: PolicyConfig = Field(default_factory=PolicyConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    devnet: DevnetConfig = Field(default_factory=DevnetConfig)
    costs: CostsConfig = Field(default_factory=CostsConfig)

    @property
    def read(self) -> tuple[str, ...]:
        """Every series of the catalogue that is read: `signals`, those whose topics are scored, and those of fields."""
        scored = self.trends.series if self.trends is not None else ()
        return tuple(dict.fromkeys((*self.signals, *scored, *series_of(self.fields))))

    @field_validator("wake_on", "signals", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if not self.venues:
            raise ValueError("venues: at least one is needed")
        if len(self.venues) > MOST_VENUES:
            raise ValueError(f"venues: {len(self.venues)} named, at most {MOST_VENUES} are read")
        for name, venue in self.venues.items():
            if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,40}", name) or name == "idle":
                raise ValueError(
                    f"venues.{name}: a venue id is lower-case letters, digits, '.', '_', '-', and not 'idle'"
                )
            for source in venue.topics:
                if source not in self.read:
                    raise ValueError(
                        f"venues.{name}.topics.{source}: not among signals ({', '.join(self.read) or 'none'})"
                    )
            venue.check(f"venues.{name}", self.chain)
        check_fields(self.fields, self.venues)
        if self.limits.max_venue + self.limits.min_idle > 10_000:
            raise ValueError(
                f"limits.max_venue and limits.min_idle contradict: "
                f"{self.limits.max_venue} bps + {self.limits.min_idle} bps > 100 %"
            )
        in_money = [("limits.min_trade", self.limits.min_trade)]
        if self.limits.unpriced is not None:
            in_money.append(("limits.unpriced", self.limits.unpriced))
        in_money += [
            (f"venues.{name}.max_price", venue.max_price)
            for name, venue in self.venues.items()
            if venue.max_price is not None
        ]
        if self.chain == "devnet":
            in_money.append(("devnet.depth", self.devnet.depth))
            if self.devnet.depth.number < 1:
                raise ValueError("devnet.depth: must be at least 1, or the pools have no liquidity to trade with")
        for field, amount in in_money:
            if amount.symbol != self.capital.symbol:
                raise ValueError(f"{field}: in {amount.symbol}, but capital is in {self.capital.symbol}")
        if self.limits.min_trade.number > self.capital.number:
            raise ValueError("limits.min_trade and capital contradict: the smallest trade is more than the capital")
        if self.capital.number <= 0:
            raise ValueError("capital: must be above zero")
        if self.scorer.horizon + self.scorer.embargo >= self.scorer.train:
            raise ValueError(
                "scorer.train: must be longer than scorer.horizon + scorer.embargo, or nothing is left to learn"
            )
        trends = self.trends
        if trends is not None and 2 * (trends.horizon + trends.embargo) >= trends.train:
            raise ValueError(
                "trends.train: must be longer than twice trends.horizon + trends.embargo, or nothing is left to learn"
            )
        return self


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """The strategy file at `path`, with ``PATRON__SECTION__KEY`` overrides from the environment applied.

    Raises ConfigError with one line ``<file>:<line>: <field.path>: <what is wrong> (got …)``.
    """
    document = read_yaml(path, f"no such file; `patron init {path}` writes one", "capital, strategy, venues")
    values = plain(document)
    try:
        overridden = override(values, environment if environment is not None else os.environ)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return _beside(path, Config.model_validate(values))
    except ValidationError as error:
        raise ConfigError(refusal(error, path, document, Config, overridden=overridden)) from None


def _beside(path: Path, config: Config) -> Config:
    """`config` with the files that it names found where it says: beside the strategy file at `path`."""
    if config.trends is None or config.trends.ontology is None:
        return config
    found = str((path.parent / config.trends.ontology).resolve())
    return config.model_copy(update={"trends": config.trends.model_copy(update={"ontology": found})})


def override(document: dict[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """Writes the environment's values into the document. Returns which variable now speaks for which field.

    Raises ValueError for a value that cannot be written there.
    """
    overridden = {}
    for name, value in sorted(environment.items()):
        if not name.startswith("PATRON__"):
            continue
        path = [part.lower() for part in name.removeprefix("PATRON__").split("__")]
        node = document
        for key in path[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise ValueError(f"{key}: is not a section, so nothing can be set in it from {name}")
        try:
            node[path[-1]] = plain(YAML(typ="safe").load(value))
        except NOT_YAML:
            raise ValueError(f"{'.'.join(path)}: not a YAML value (got {value[:80]!r}) from {name}") from None
        overridden[".".join(path)] = name
    return overridden
