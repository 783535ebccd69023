"""What vectorbt is asked, and whether its answer agrees with the portfolio kernel's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtests.benchmark.environment import ask_json
from backtests.kernels.cycle import ACT, OBSERVE, PARTS, Rules
from backtests.kernels.pool import Pools
from backtests.kernels.portfolio import Books
from bot.core.panel import Floats
from bot.errors import PatronError

FEE: Final = 0.003
TOLERANCE: Final = 1e-6  # of the equity at each bar, between us and a peer that follows the same rules

Arguments = tuple[Any, ...]  # of portfolio_path


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer found, and its wall-clock seconds per measured run."""

    versions: str
    nav: Floats  # (T,) after each bar's orders
    orders: int
    simulate: tuple[float, ...]
    equity: tuple[float, ...]  # the equity series, on top of `simulate`


def bare_market(assets: int, bars: int, every: int) -> Arguments:
    """The kernel's arguments for what a peer can do as well: target weights each `every` bars, a fee, nothing else.

    The books are read at every bar. No limit of the policy binds, and pools are so deep that trades hardly move them:
    deeper still, and the kernel's formula for a swap would lose more to cancellation than it gains. Weights drift, and
    3 % of the portfolio stays idle so that money never runs short and the order among entries does not matter.
    """
    draw = np.random.default_rng(3)
    common, own = draw.normal(0.0, 0.004, (bars, 1)), draw.normal(0.0, 0.006, (bars, assets + 1))
    close = 100.0 * np.exp(np.cumsum(common + own, axis=0))
    close[:, 0] = 1.0
    wish = draw.gamma(0.7, size=(bars, assets))
    for bar in range(every, bars, every):
        wish[bar] = 0.9 * wish[bar - every] + 0.1 * wish[bar]
    target = np.zeros((bars, assets + 1))
    # The kernel rounds weights down to a grain; half a grain more, and rounding errors cannot move them to the next.
    target[:, 1:] = (np.floor(0.97 * PARTS * wish / wish.sum(axis=1, keepdims=True)) + 0.5) / PARTS
    target[:, 0] = 1.0 - target.sum(axis=1)
    act = np.where(np.arange(bars) % every == 0, ACT, OBSERVE).astype(np.int8)
    capital = 1e6
    pools = Pools(*(np.full(assets + 1, each) for each in (FEE, 1e6 * capital, 0.0, 1e-9, 1e9)))
    rules = Rules(capital, 0.0, 1.0, 1.0, 0.0, 2.0, 1, 0.0, 1.0, 10_000.0, 0.0, 0.0)
    return 3_600 * np.arange(bars, dtype=np.int64), close, act, target, pools, rules


def pool_prices(close: Floats, fee: float) -> Floats:
    """(T, N) prices of pools that follow `close` (T, N) by arbitrage within their fee, and that no trade moves."""
    prices = close.copy()
    for bar in range(1, len(close)):
        prices[bar] = np.clip(prices[bar - 1], close[bar] * (1.0 - fee), close[bar] / (1.0 - fee))
    prices[:, 0] = 1.0
    return prices


def request_of(given: Arguments, books: Books, *, fee_on_top: bool = False) -> dict[str, Any]:
    """`given` in a peer's terms: pool prices, weights to reach, and fees on the value of an order.

    A pool takes its fee out of what is paid: m money buys m·(1-f) worth of tokens. A peer adds it on top, so the same
    entry is an order for m·(1-f) at a fee of f/(1-f), and its weight to reach is the pool's less f times the change.
    The change is known from `books`. `fee_on_top` leaves all that out: then a peer's entries are larger by f.
    """
    _, close, act, target, _, rules = given
    acting = act == ACT
    size = np.full((len(close), close.shape[1] - 1), np.nan)
    weights = (np.floor(target * PARTS) / PARTS)[:, 1:]
    growth = weights - books.held[:, 1:]
    size[acting] = (weights if fee_on_top else weights - FEE * np.maximum(growth, 0.0))[acting]
    fees = np.array(FEE) if fee_on_top else np.where(growth > 0.0, FEE / (1.0 - FEE), FEE)
    prices = np.array(pool_prices(close, FEE)[:, 1:], order="C")
    return {"close": prices, "size": size, "fees": fees, "capital": rules.capital}


def ask(python: Path, script: Path, request: Mapping[str, Any], cache: Path) -> Answer:
    """What vectorbt's `script` answers. Raises PatronError as `ask_json`, or for another kind of answer."""
    got = ask_json(python, script, request, cache)
    try:
        nav, simulate, equity = (np.array(got[key], dtype=np.float64) for key in ("nav", "simulate", "equity"))
        answer = Answer(str(got["versions"]), nav, int(got["orders"]), tuple(simulate), tuple(equity))
    except (ValueError, KeyError, TypeError) as error:
        raise PatronError(f"{script.name}: unusable answer: {type(error).__name__}: {error}") from None
    if nav.shape != (len(request["close"]),) or {simulate.shape, equity.shape} != {(int(request["runs"]),)}:
        raise PatronError(f"{script.name}: unusable answer: not one value per bar and one time per run")
    return answer


def difference(books: Books, answer: Answer) -> float:
    """The largest relative difference of the equity at any bar, after its trades. `books` were read at every bar."""
    return float(np.max(np.abs(answer.nav / (books.nav - books.fees) - 1.0)))


def require_agreement(books: Books, answer: Answer, name: str) -> None:
    """Raises PatronError unless both made as many trades, and the same equity within TOLERANCE at every bar."""
    legs, apart = int(books.legs.sum()), difference(books, answer)
    if answer.orders != legs:
        raise PatronError(f"{name} made {answer.orders} trades, the kernel {legs}: nothing to compare")
    if not apart <= TOLERANCE:
        raise PatronError(f"{name}'s equity is off by up to {apart:.2g}, above {TOLERANCE:g}: nothing to compare")
