"""What a strategy file means in the core's own terms: universe, strategy, policy and limits."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from bot.config import Config, StrategyConfig
from bot.config_venues import SPACING
from bot.core.mirror import MirrorParams
from bot.core.plan import Limits
from bot.core.policy import PolicyParams
from bot.core.sleeves import Sleeve, combined
from bot.core.strategy import Strategy, load
from bot.core.units import BPS, Token
from bot.core.universe import ZORA, Universe, Venue, idle
from bot.errors import ConfigError

BENCHMARK = "equal_weight"
DEVNET_CHAIN_ID = 31_337
MONEY_DECIMALS = 6  # of the devnet's stable token, and of USDC wherever it is native
TOKEN_DECIMALS = 18
ZORA_TOLL = 100  # bps of the money side of each trade in a Zora coin: its creator's, its referrers' and the protocol's


@dataclass(frozen=True, slots=True)
class Settings:
    """The block that live reads is the block that the backtest reads."""

    universe: Universe
    strategy: Strategy
    policy: PolicyParams
    limits: Limits


def settings_of(config: Config, universe: Universe, path: Path | None = None) -> Settings:
    """The settings of `config` over a universe whose tokens are known. `path`: the file, to find a strategy beside it.

    Raises ConfigError naming the field when the strategy cannot be loaded.
    """
    try:
        strategy = _strategy(config.strategy, path.parent if path else None)
    except ValueError as error:
        raise ConfigError(f"{path or 'strategy file'}: strategy: {error}") from None
    limits, policy = config.limits, config.policy
    return Settings(
        universe=universe,
        strategy=strategy,
        policy=PolicyParams(
            band=policy.band / BPS,
            max_turnover=policy.max_turnover / BPS,
            max_venue=limits.max_venue / BPS,
            min_idle=limits.min_idle / BPS,
            drawdown_brake=policy.drawdown_brake / BPS,
            drawdown_window=policy.drawdown_window,
        ),
        limits=Limits(
            max_venue_bps=limits.max_venue,
            min_idle_bps=limits.min_idle,
            slippage_bps=limits.slippage,
            max_loss_bps=limits.max_loss,
            min_trade=limits.min_trade.raw(universe.money.decimals),
            max_turnover_bps=policy.max_turnover,
            max_staleness=limits.max_staleness,
            max_sandwich_bps=limits.max_sandwich,
            tighten=limits.on_sandwich == "tighten",
        ),
    )


def is_benchmark(config: Config) -> bool:
    """Whether the strategy is the benchmark itself: the shipped code of that name, alone, and no look-alike of it.

    Not a file of one's own, not a package called `strategies` that is found before ours, and no sleeves, whose shares
    would make something else of it.
    """
    chosen = config.strategy
    if chosen.sleeves or chosen.name != BENCHMARK:
        return False
    found, ours = importlib.util.find_spec(f"strategies.{BENCHMARK}"), Path(__file__).resolve().parents[1]
    return (
        found is not None
        and found.origin is not None
        and Path(found.origin).resolve() == ours / "strategies" / f"{BENCHMARK}.py"
    )


def _strategy(chosen: StrategyConfig, beside: Path | None) -> Strategy:
    if not chosen.sleeves:
        return load(chosen.name, chosen.params, chosen.before_first_fit, beside)
    return combined(
        [
            Sleeve(name, sleeve.share / BPS, load(sleeve.name, sleeve.params, sleeve.before_first_fit, beside))
            for name, sleeve in chosen.sleeves.items()
        ]
    )


def simulated_universe(config: Config) -> Universe:
    """The config's venues with made-up token addresses: for backtests and paper, where no chain hands out real ones.

    Orientation is the devnet's: the media token is token0 and the money token1 of every pool.
    """
    symbol = config.capital.symbol
    money = Token(DEVNET_CHAIN_ID, _placeholder(f"money:{symbol}"), symbol, MONEY_DECIMALS)
    venues = tuple(
        Venue(
            id=name,
            kind=venue.kind,
            asset=venue.asset,
            token=Token(DEVNET_CHAIN_ID, _placeholder(f"token:{venue.asset}"), venue.asset, TOKEN_DECIMALS),
            fee_pips=venue.fee_pips,
            tick_spacing=SPACING.get(venue.fee_pips, 1),
            base_is_token0=True,
            topics=dict(venue.topics),
            width_bps=venue.width or 0,
            toll_bps=ZORA_TOLL if venue.kind == ZORA else 0,
            max_loss_bps=venue.max_loss,
            max_price=venue.max_price.raw(MONEY_DECIMALS) if venue.max_price else 0,
        )
        for name, venue in config.venues.items()
    )
    return Universe(money, (idle(money), *venues))


def mirror_params(config: Config) -> MirrorParams:
    """How the made market moves, from the ``devnet`` block."""
    return MirrorParams(config.devnet.seed, config.devnet.noise, config.devnet.depth.raw(MONEY_DECIMALS))


def _placeholder(name: str) -> str:
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]
