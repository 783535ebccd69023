"""Another program that does the same work: what it is asked, its environment, and whether its answer agrees.

A peer is asked by running its script, a file under ``peers/`` that nothing of ours imports, with the interpreter of its
environment: a request goes in as arrays, an answer comes out as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtests.kernels.pool import Pools
from backtests.kernels.portfolio import ACT, OBSERVE, PARTS, Books, Rules
from bot.core.panel import Floats
from bot.errors import PatronError

ROOT: Final = Path(__file__).resolve().parents[1]
ANSWER_SECONDS: Final = 300  # the longest, a start that compiles everything, takes 20 on an idle machine
SETUP_SECONDS: Final = 900
FEE: Final = 0.003
TOLERANCE: Final = 1e-6  # of the equity at each bar, between us and a peer that follows the same rules

Arguments = tuple[Any, ...]  # of portfolio_path_nb


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


def peer_python(name: str, root: Path = ROOT) -> Path:
    """The interpreter of the peer's environment under ``.venvs/``, made from its lock when it is not, or is stale.

    Raises PatronError when there is no lock for this Python, or when its packages cannot be had.
    """
    tag = f"py{sys.version_info.major}{sys.version_info.minor}"
    lock = root / "requirements" / f"peer-{name}-{tag}.txt"
    if not lock.is_file():
        raise PatronError(f"requirements/{lock.name} is missing: run from the source tree, with Python 3.11 or 3.12")
    folder = root / ".venvs" / f"peer-{name}"
    python, stamp = folder / "bin" / "python", folder / "made-from"
    digest = hashlib.sha256(platform.python_version().encode() + lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return python
    sys.stderr.write(f"making .venvs/{folder.name} from requirements/{lock.name}, about a minute\n")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "-q")
    for command in (
        (sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)),
        (*pip, "--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", str(lock)),
    ):
        _run(command, dict(os.environ), log, SETUP_SECONDS)
    stamp.write_text(digest, encoding="utf-8")
    return python


def ask(python: Path, script: Path, request: Mapping[str, Any], cache: Path) -> Answer:
    """What the peer's `script` answers to `request` in a fresh process; `cache` keeps the code that it compiles.

    Raises PatronError when it fails, takes too long, or answers something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "request.npz"), Path(folder, "answer.json")
        np.savez(asked, **request)
        # Numba's settings are ours, above all the folder of our kernels.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
        environment["NUMBA_CACHE_DIR"] = str(cache)
        command = (str(python), "-I", str(script), str(asked), str(answered))
        _run(command, environment, Path(folder, "log"), ANSWER_SECONDS)
        try:
            got = json.loads(answered.read_text(encoding="utf-8"))
            nav, simulate, equity = (np.array(got[key], dtype=np.float64) for key in ("nav", "simulate", "equity"))
            answer = Answer(str(got["versions"]), nav, int(got["orders"]), tuple(simulate), tuple(equity))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PatronError(f"{script.name}: unusable answer: {type(error).__name__}: {error}") from None
        if nav.shape != (len(request["close"]),) or {simulate.shape, equity.shape} != {(int(request["runs"]),)}:
            raise PatronError(f"{script.name}: unusable answer: not one value per bar and one time per run")
        return answer


def _run(command: Sequence[str], environment: dict[str, str], log: Path, limit: int) -> None:
    name = next((Path(each).name for each in command if each.endswith(".py")), " ".join(command[1:3]))
    with log.open("wb") as output:
        try:
            done = subprocess.run(  # noqa: S603
                command, env=environment, stdout=output, stderr=subprocess.STDOUT, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            raise PatronError(f"{name}: no end after {limit} seconds") from None
        except OSError as error:
            raise PatronError(f"{name}: {error.strerror}") from None
    if done.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
        raise PatronError(f"{name}: exit code {done.returncode}: {lines[-1]}")


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
