"""GeckoTerminal: bars of pools on chain, and what was traded in them by the hour.

``GET /networks/<network>/pools/<address>/ohlcv/{hour,day}`` and ``…/trades``; keyless, 30 requests a minute, about half
a year back. A bar is stamped with its open, and the newest one is not over. Of trades the last 300 of a day are told,
so only hours that they cover from end to end are counted.
Source: https://www.geckoterminal.com/dex-api
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final, Literal

from pydantic import Field

from bot.core.observation import Observation
from bot.signals.sources.candles import SETTLING, STEPS, SecondsCandle, bars_of
from bot.signals.sources.options import NameOf, SourceOptions
from bot.signals.sources.rows import Iso, Name, Row, WrittenLevel, document, listed, member, rows
from bot.signals.sources.source import Ask, Page, Parsed, stretches

_FRAMES: Final = {"1h": "hour", "1d": "day"}
_LIMIT: Final = 1_000  # bars of one answer
_EACH_IN_USD: Final = (("aggregate", "1"), ("currency", "usd"), ("token", "base"))
_MOST_TRADES: Final = 300
_HOUR: Final = 3_600
_DAY: Final = 86_400


class GeckoTerminalOptions(SourceOptions):
    base_url: str = Field(default="https://api.geckoterminal.com/api/v2", description="the interface")
    requests: int = Field(default=25, ge=1, le=10_000, description="at most so many requests per `per`")
    pools: NameOf = Field(min_length=1, description="our name of the base token -> `network/address of the pool`")
    bars: tuple[Literal["1h", "1d"], ...] = Field(default=("1h",), strict=False, description="lengths of bars")
    trades: bool = Field(default=False, description="also what was traded by the hour")


class _Trade(Row):
    time: Iso = Field(alias="block_timestamp")
    kind: Literal["buy", "sell"]
    usd: WrittenLevel = Field(alias="volume_in_usd")
    hash: Name = Field(alias="tx_hash")


class GeckoTerminal:
    """Bars and trades of pools."""

    Options = GeckoTerminalOptions

    def __init__(self, name: str, options: GeckoTerminalOptions) -> None:
        self.kind = name
        self._options = options
        for ours, pool in options.pools.items():
            network, slash, address = pool.partition("/")
            if not (network and slash and address and "/" not in address):
                raise ValueError(f"pools.{ours}: expected network/address (got {pool!r})")

    def asks(self, since: int, now: int) -> tuple[Ask, ...]:
        """Bars in stretches of a thousand, each asked for once; then the trades."""
        found = []
        for ours, pool in self._options.pools.items():
            network, _, address = pool.partition("/")
            base = f"{self._options.base_url}/networks/{network}/pools/{address}"
            for bar in self._options.bars:
                width = _LIMIT * STEPS[bar]
                for start, until in stretches(since, now, width, SETTLING):
                    params = (("before_timestamp", str(start + width)), ("limit", str(_LIMIT)), *_EACH_IN_USD)
                    url, thread = f"{base}/ohlcv/{_FRAMES[bar]}", f"{ours}/{bar}"
                    found.append(Ask(url, params, note=f"{bar} {ours}", thread=thread, until=until))
            if self._options.trades:
                found.append(Ask(f"{base}/trades", note=f"trades {ours}"))
        return tuple(found)

    def parse(self, page: Page) -> Parsed:
        what, _, ours = page.ask.note.partition(" ")
        found = document(self.kind, page)
        return self._trades(page, found, ours) if what == "trades" else self._bars(page, found, what, ours)

    def _bars(self, page: Page, found: Any, bar: str, ours: str) -> Parsed:
        field = "data.attributes.ohlcv_list"
        raw = listed(self.kind, member(self.kind, found, *field.split(".")), field)
        bars, refused = bars_of(self.kind, ours, bar, raw, SecondsCandle, page.received_at)
        return Parsed(bars=bars, refused=tuple(refused))

    def _trades(self, page: Page, found: Any, ours: str) -> Parsed:
        raw = listed(self.kind, member(self.kind, found, "data"), "data")
        inner = [each.get("attributes") if isinstance(each, dict) else each for each in raw]
        fit, refused = rows(self.kind, _Trade, inner, lambda _: ours, page.received_at)
        seen = page.received_at
        whole_day = len(raw) < _MOST_TRADES
        covered = seen - _DAY if whole_day else min((row.time for row in fit), default=seen) + 1
        first, last = -(-covered // _HOUR), (seen - SETTLING) // _HOUR  # whole hours, the last one not included
        sums: dict[tuple[str, int], float] = defaultdict(float)
        for row in sorted(fit, key=lambda each: (each.time, each.usd, each.hash)):
            hour = row.time // _HOUR
            sums["trades_1h", hour] += 1.0
            sums["buys_usd_1h" if row.kind == "buy" else "sells_usd_1h", hour] += row.usd
        pool = self._options.pools[ours]
        return Parsed(
            tuple(
                Observation(f"geckoterminal_{name}", ours, pool, sums[name, hour], (hour + 1) * _HOUR, seen)
                for hour in range(first, last)
                for name in ("trades_1h", "buys_usd_1h", "sells_usd_1h")
            ),
            refused=tuple(refused),
        )
