"""A store in a temporary folder, and rows as sources would say them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.core.observation import Bar, Observation
from bot.signals.store.signal_store import SignalStore

DAY, START = 86_400, 1_700_006_400  # a midnight
NOW = START + 400 * DAY


@pytest.fixture
def store(tmp_path: Path) -> SignalStore:
    return SignalStore.open(tmp_path / "store", create=True)


@pytest.fixture(scope="session")
def star() -> Callable[..., Observation]:
    """A function: so many stars of a repository on a day, known an hour later unless told."""

    def make(
        day: int, value: float, topic: str = "o/r", entity: str = "", known: int | None = None, series: str = "gh_stars"
    ) -> Observation:
        at = START + day * DAY
        return Observation(series, topic, entity, value, at, at + 3_600 if known is None else known)

    return make


@pytest.fixture(scope="session")
def daily_bar() -> Callable[..., Bar]:
    """A function: a daily bar that closes at so much on a day."""

    def make(day: int, close: float, asset: str = "FET", source: str = "binance") -> Bar:
        at = START + day * DAY
        return Bar(source, asset, "1d", at, close, close * 1.02, close * 0.98, close, 1e6, at)

    return make
