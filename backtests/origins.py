"""What a report says about where its numbers come from: what is real, replayed or simulated, of which settings."""

from __future__ import annotations

from typing import Any

from bot.core.universe import LP, Venue
from bot.loading import Loaded
from bot.settings import Settings


def facts_of(loaded: Loaded, settings: Settings, rung: str) -> dict[str, Any]:
    """What the report says about where its numbers come from."""
    config = loaded.config
    real = {
        "fork": "Uniswap V3 bytecode, the vault contract, signed transactions, gas and receipts on a fork",
        "paper": "the cycle, the policy, the limits and exact pool arithmetic",
        "replay": "the cycle itself, the policy, the limits and exact pool arithmetic",
        "fast": "the policy and the limits, in float arithmetic; noise trades are left out",
    }[rung]
    recorded = loaded.source.label == "recorded"
    return {
        "rung": rung,
        "strategy": settings.strategy.name,
        "params": dict(settings.strategy.params),
        "real": real,
        "replayed": loaded.source.described if recorded else "nothing",
        "simulated": ("" if recorded else f"{loaded.source.described}; ") + "pools that follow the prices by arbitrage",
        "data_digest": loaded.source.catalogue.digest,
        "capital": str(config.capital),
        "every_hours": config.every / 3600,
        "limits": config.limits.model_dump(mode="json", exclude={"min_trade"}),
        "before_first_fit": settings.strategy.before_first_fit if settings.strategy.uses_scores else "not needed",
        "venues": {venue.id: _held(venue) for venue in settings.universe.risky},
    }


def _held(venue: Venue) -> str:
    """What capital in a venue is in."""
    return venue.asset if venue.kind != LP else f"{venue.asset}, liquidity over a range of {venue.width_bps / 100:g} %"
