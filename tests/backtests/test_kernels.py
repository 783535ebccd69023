"""Kernels one by one against exact arithmetic, and the traps of compiled code on disk."""

from __future__ import annotations

import ast
import json
import math
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtests
import backtests.kernels as kernels
import bot
from backtests.fast import _pool
from backtests.kernels.cycle import rebalance_nb
from backtests.kernels.plain import plain
from backtests.kernels.pool import edges_of, fit_nb, follow_nb, swap_nb
from bot.core.amm.concentrated import nudge, swap_exact_in
from bot.core.amm.quotes import Hop, largest_within
from bot.core.fixedpoint import price_to_sqrt_x96, sqrt_x96_to_price
from bot.core.mirror import band, seeding
from bot.core.panel import Floats
from bot.core.policy import rebalance, rebalance_into
from bot.core.units import Token
from bot.core.universe import Venue
from bot.errors import StorageError

ROOT = Path(backtests.__file__).resolve().parents[1]
SIX, EIGHTEEN = 10**6, 10**18
swap, fit = plain(swap_nb), plain(fit_nb)
prices = st.floats(1e-4, 1e5)
orientations = st.booleans()


def venue_of(base_is_token0: bool, fee_pips: int = 3_000) -> Venue:
    spacing = {500: 10, 3_000: 60}[fee_pips]
    return Venue("v1", "uniswap_v3_hold", "A", Token(1, "0x1", "A", 18), fee_pips, spacing, base_is_token0)


def pools_of(venue: Venue, price: float, depth: int = 4_000_000 * SIX) -> Floats:
    """(5, 2) the venue's pool in the last column, as the fast rung makes it."""
    return np.array([[0.0, fact] for fact in _pool(venue, 6, price, depth)])


def follow(price: float, close: float, fee: float) -> float:
    """Where arbitrage against `close` leaves one pool."""
    prices, closes = np.array([[1.0, price]]), np.array([[1.0, close]])
    plain(follow_nb)(prices, 0, closes, 0, edges_of(np.array([0.0, fee])))
    return float(prices[0, 1])


def test_the_policy_is_compiled_as_it_stands() -> None:
    assert rebalance_nb.py_func is rebalance_into
    given = (np.array([0.2, 0.8]), np.array([1.0, 0.0]), np.ones(2, dtype=np.bool_), 0.01, 0.5, 0.6, 0.1, True)
    out = np.full(2, np.nan)
    rebalance_into(*given, out)
    np.testing.assert_array_equal(out, rebalance(*given))
    np.testing.assert_allclose(out, [0.5, 0.5])


@settings(max_examples=150, deadline=None)
@given(prices, st.floats(0.05, 20.0), st.floats(1.0, 8e6), st.booleans(), orientations, st.sampled_from([500, 3_000]))
def test_swap_pays_what_the_exact_pool_pays(
    price: float, moved: float, money: float, entry: bool, base_is_token0: bool, fee: int
) -> None:
    venue = venue_of(base_is_token0, fee)
    made = seeding(venue, 6, price, 4_000_000 * SIX)
    target = price_to_sqrt_x96(price * moved, 18, 6, base_is_token0)
    nudged = nudge(made.pool(), target, target)
    pool = nudged.pool if nudged else made.pool()
    spot = sqrt_x96_to_price(pool.sqrt_price_x96, 18, 6, base_is_token0)
    raw = int(money * SIX) if entry else int(money / spot * EIGHTEEN)
    exact = swap_exact_in(pool, base_is_token0 != entry, raw)
    out = -(exact.amount1 if base_is_token0 != entry else exact.amount0)
    amount = raw / SIX if entry else raw / EIGHTEEN
    received, after = swap(pools_of(venue, price), 1, math.sqrt(spot), entry, amount)
    whole = out / EIGHTEEN if entry else out / SIX
    assert received == pytest.approx(whole, rel=1e-6, abs=2e-6)  # a raw unit of money is 1e-6
    assert after**2 == pytest.approx(sqrt_x96_to_price(exact.pool.sqrt_price_x96, 18, 6, base_is_token0), rel=1e-7)


@settings(max_examples=100, deadline=None)
@given(prices, st.floats(0.2, 5.0), orientations)
def test_arbitrage_leaves_the_price_where_the_exact_mirror_leaves_it(price: float, moved: float, token0: bool) -> None:
    venue = venue_of(token0)
    made = seeding(venue, 6, price, 4_000_000 * SIX).pool()
    low, high = band(venue, 6, price * moved)
    step = nudge(made, low, high)
    exact = sqrt_x96_to_price((step.pool if step else made).sqrt_price_x96, 18, 6, token0)
    assert follow(price, price * moved, 0.003) == pytest.approx(exact, rel=1e-9)


def test_a_pool_starts_at_its_first_close_and_stays_without_one() -> None:
    assert math.isnan(follow(math.nan, math.nan, 0.003))
    assert follow(math.nan, 5.0, 0.003) == 5.0
    assert follow(5.0, math.nan, 0.003) == 5.0
    assert follow(5.0, 5.01, 0.003) == 5.0  # inside the band


@pytest.mark.parametrize("entry", [True, False])
@pytest.mark.parametrize("most_bps", [40.0, 100.0, 900.0])
def test_a_leg_that_is_too_dear_is_cut_to_the_largest_that_is_not(entry: bool, most_bps: float) -> None:
    pools, price = pools_of(venue_of(True), 2.0), 2.0
    wish = 4_000_000.0 if entry else 2_000_000.0
    amount, received, value, cost, after = fit(pools, 1, price, entry, wish, most_bps, 25.0)
    assert 0.0 < amount < wish
    assert cost == pytest.approx(value - received * (price if entry else 1.0))
    assert cost / value * 10_000 == pytest.approx(most_bps, rel=1e-9)
    assert cost / value * 10_000 <= most_bps
    again = fit(pools, 1, price, entry, amount * (1 + 1e-9), 10_000.0, 25.0)
    assert again[3] / again[2] * 10_000 > most_bps
    assert (after > price) == entry


def test_nothing_is_traded_where_the_fee_alone_is_too_much_or_only_less_than_the_least_fits() -> None:
    pools = pools_of(venue_of(True), 2.0)
    nothing = (0.0, 0.0, 0.0, 0.0, 2.0)
    assert fit(pools, 1, 2.0, True, 400_000.0, 29.0, 0.0) == nothing  # the fee alone is 30
    amount = fit(pools, 1, 2.0, True, 400_000.0, 40.0, 0.0)[0]
    assert fit(pools, 1, 2.0, True, 400_000.0, 40.0, amount * 1.01) == nothing
    assert fit(pools, 1, 2.0, True, 400_000.0, 40.0, amount * 0.99)[0] == amount
    assert fit(pools, 1, 2.0, True, 0.0, 40.0, 0.0) == nothing


@settings(max_examples=60, deadline=None)
@given(prices, st.floats(1e3, 1e8), st.floats(31.0, 2_000.0), st.booleans(), orientations)
def test_the_cut_is_where_the_exact_pool_cuts(
    price: float, money: float, most_bps: float, entry: bool, base_is_token0: bool
) -> None:
    venue = venue_of(base_is_token0)
    pool = seeding(venue, 6, price, 4_000_000 * SIX).pool()
    spot = sqrt_x96_to_price(pool.sqrt_price_x96, 18, 6, base_is_token0)
    raw = int(money * SIX) if entry else int(money / spot * EIGHTEEN)
    whole_bps = int(most_bps)
    done = largest_within((Hop(pool, base_is_token0 != entry),), raw, whole_bps, in_money=entry)
    scale = SIX if entry else EIGHTEEN
    amount = fit(pools_of(venue, price), 1, spot, entry, raw / scale, float(whole_bps), 0.0)[0]
    # The two pools differ by rounding to ticks and whole units, which a small excess over the fee magnifies.
    assert done is not None
    assert amount == pytest.approx(done.amount_in / scale, rel=1e-4 if whole_bps < 40 else 1e-6)


def test_every_compilation_is_cached_and_exact_and_lives_with_the_kernels() -> None:
    found = 0
    for package in (Path(bot.__file__).parent, Path(backtests.__file__).parent):
        for file in package.rglob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
            for node in ast.walk(tree):
                name = getattr(node, "id", None) or getattr(node, "attr", None)
                if name not in ("njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil"):
                    continue
                found += 1
                assert kernels.HERE in file.parents, f"{file.name}: compiled code outside of backtests/kernels"
                assert id(node) in calls, f"{file.name}:{node.lineno}: bare {name}"
                given = {each.arg: ast.literal_eval(each.value) for each in calls[id(node)].keywords}
                assert given.get("cache") is True, f"{file.name}:{node.lineno}: {name} without cache=True"
                assert not given.get("fastmath"), f"{file.name}:{node.lineno}: fastmath changes results"
    assert found >= 6


CALL_EVERY_KERNEL = """
import json, numpy as np
import backtests.kernels as kernels
from backtests.kernels import cycle, pool, portfolio as p
from numba.core.dispatcher import Dispatcher
f = lambda *v: np.array(v)
n, ones = 2, np.ones((3, 2))
pools = pool.Pools(f(0., .003), f(0., 1e6), f(0., 1e6), f(0., .3), f(0., 3.))
rules = p.Rules(1e4, .01, .2, .25, .1, .15, 86400, 25., .995, 100., 1., 2.)
times, act, target = np.arange(3), np.full(3, p.ACT, np.int8), ones / 2
books = p.portfolio_path(times, ones, act, target, pools, rules, p.path_nb)
moved = f(0., 0.); p.rebalance_nb(f(.5, .5), f(1., 0.), np.ones(2, np.bool_), .01, .2, .25, .1, True, moved)
rows, edges, facts = np.zeros(1, np.int64), pool.edges_of(pools.fee), np.array(pools)
pool.bounds_nb(ones, rows, edges)
every = {k: v for m in (pool, cycle, p) for k, v in vars(m).items()
    if isinstance(v, Dispatcher) and v.stats.cache_hits + v.stats.cache_misses}
print(json.dumps({"folder": kernels.CACHE.name, "moved": moved.tolist(), "nav": books.nav.tolist(),
    "hits": {k: sum(v.stats.cache_hits.values()) for k, v in every.items()},
    "misses": {k: sum(v.stats.cache_misses.values()) for k, v in every.items()}}))
"""


def run_in(project: Path, code: str) -> dict[str, object]:
    """What a new interpreter prints that knows the copied project only."""
    environment = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", kernels.ROOT_VARIABLE)}
    environment["PYTHONPATH"] = str(project)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_second_process_compiles_nothing_and_an_edited_policy_is_not_served_stale_code(tmp_path: Path) -> None:
    for package in ("bot/core", "backtests/kernels"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "bot/__init__.py", "bot/errors.py", "backtests/__init__.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    cold = run_in(tmp_path, CALL_EVERY_KERNEL)
    warm = run_in(tmp_path, CALL_EVERY_KERNEL)
    assert len(cold["misses"]) >= 11
    assert cold["folder"] == warm["folder"]
    assert set(warm["misses"].values()) == {0}
    assert set(warm["hits"].values()) == {1}
    assert (warm["moved"], warm["nav"]) == (cold["moved"], cold["nav"])

    folder = tmp_path / ".numba" / str(cold["folder"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    policy = tmp_path / "bot/core/policy.py"
    text = policy.read_text(encoding="utf-8")
    assert text.count("out[0] = max(0.0, 1.0 - risky)") == 1
    policy.write_text(text.replace("out[0] = max(0.0, 1.0 - risky)", "out[0] = 7.0"), encoding="utf-8")
    only_policy = CALL_EVERY_KERNEL.split("books = ")[0] + "\n".join(
        [
            "moved = " + CALL_EVERY_KERNEL.split("moved = ")[1].splitlines()[0],
            "print(json.dumps({'folder': kernels.CACHE.name, 'moved': moved.tolist()}))",
        ]
    )
    edited = run_in(tmp_path, only_policy)
    assert edited["folder"] != cold["folder"]
    assert edited["moved"][0] == 7.0


def test_cache_folder_is_taken_even_when_numba_came_first(tmp_path: Path) -> None:
    code = "import numba, json, backtests.kernels as k; print(json.dumps([numba.config.CACHE_DIR, str(k.CACHE)]))"
    environment = os.environ | {kernels.ROOT_VARIABLE: str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    known, chosen = json.loads(done.stdout)
    assert known == chosen
    assert Path(chosen).parent == tmp_path


def test_importing_kernels_loads_no_scipy_and_hides_none(tmp_path: Path) -> None:
    code = "import sys, backtests.kernels; early = 'scipy.linalg' in sys.modules; import scipy.linalg, numba, numpy\n"
    code += "dot = numba.njit(lambda a, b: numpy.dot(a, b))\n"
    code += "print(early, scipy.linalg.norm([3.0, 4.0]), dot(numpy.ones(2), numpy.ones(2)))"
    environment = os.environ | {kernels.ROOT_VARIABLE: str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "5.0", "2.0"]


def test_digest_changes_with_content_and_with_name(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("a = 1\n")
    two.write_text("a = 1\n")
    before = kernels.digest_of([one])
    assert before != kernels.digest_of([two])
    one.write_text("a = 2\n")
    assert before != kernels.digest_of([one])


def test_policy_and_every_kernel_are_part_of_the_digest() -> None:
    names = {file.name for file in kernels.sources()}
    assert {"policy.py", "pool.py", "cycle.py", "portfolio.py", "plain.py", "__init__.py", "listing.py"} <= names


def test_says_in_one_line_when_no_cache_folder_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv(kernels.ROOT_VARIABLE, str(blocked))
    with pytest.raises(StorageError, match=f"set {kernels.ROOT_VARIABLE} to one"):
        kernels.choose_cache()
