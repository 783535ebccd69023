"""Compiled code is on disk after its first run: no dispatcher of the kernels may be left out."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numba
import pytest
from numba.core.dispatcher import Dispatcher

import backtests.kernels as kernels

ROOT = kernels.HERE.parents[1]

USE_THE_POOL = """
import json, pkgutil, numpy as np
from importlib import import_module
import backtests.kernels as kernels
from backtests.exact_pool import ExactPool
from backtests.kernels.amm.limbs import to_limbs
from numba.core.dispatcher import Dispatcher
cold = kernels.cold("amm")
pool = ExactPool(3000, 60)
pool.initialize(1 << 96, 100)
pool.mint("ann", -600, 600, 10**18, 110)
paid = pool.swap(True, 10**15, None, 120)
quoted = pool.quote(False, -10**14)
pool.swaps(np.array([True, False]), to_limbs([5, 10**6]), None, np.array([130, 140]))
pool.burn("ann", -600, 600, 10**17, 150)
collected = pool.collect("ann", -600, 600, 10**30, 10**30)
dispatchers = {}
for found in pkgutil.walk_packages(kernels.__path__, kernels.__name__ + "."):
    for value in vars(import_module(found.name)).values():
        if isinstance(value, Dispatcher):
            dispatchers[f"{value.py_func.__module__}.{value.__name__}"] = value.stats
print(json.dumps({"cold": cold, "answers": [paid, quoted, collected],
    "hits": {k: sum(v.cache_hits.values()) for k, v in dispatchers.items()},
    "misses": {k: sum(v.cache_misses.values()) for k, v in dispatchers.items()}}))
"""


def used() -> dict[str, dict[str, int]]:
    """What a new interpreter says that uses a pool, with the same folder for compiled code as this one."""
    done = subprocess.run(
        [sys.executable, "-c", USE_THE_POOL],
        cwd=ROOT,
        env=os.environ | {kernels.ROOT_VARIABLE: str(kernels.CACHE.parent)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, dict[str, int]] = json.loads(done.stdout)
    return answer


def uncached(dispatchers: dict[str, Dispatcher]) -> list[str]:
    """Names of those that would compile anew in each process."""
    return sorted(name for name, dispatcher in dispatchers.items() if dispatcher.stats.cache_path is None)


def every_dispatcher() -> dict[str, Dispatcher]:
    found = {}
    for module in pkgutil.walk_packages(kernels.__path__, f"{kernels.__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Dispatcher):
                found[f"{value.py_func.__module__}.{value.__name__}"] = value
    return found


def test_every_dispatcher_of_the_kernels_keeps_its_code_in_the_chosen_folder() -> None:
    dispatchers = every_dispatcher()
    assert {"backtests.kernels.amm.concentrated.swaps_nb", "backtests.kernels.pool.swap_nb"} <= set(dispatchers)
    assert uncached(dispatchers) == []
    assert all(kernels.CACHE in Path(each.stats.cache_path).parents for each in dispatchers.values())


def test_a_dispatcher_without_a_cache_would_be_found() -> None:
    assert uncached({"bare": numba.njit(lambda x: x)}) == ["bare"]


def test_a_second_process_compiles_nothing_of_the_exact_engine() -> None:
    first, second = used(), used()
    assert second["answers"] == first["answers"]
    assert not second["cold"]
    assert {name for name, misses in second["misses"].items() if misses} == set()
    hits = {name for name, count in second["hits"].items() if count}
    entry = "backtests.kernels.amm.entries.pool_{}_nb"
    assert {entry.format(name) for name in ("initialize", "mint", "swap", "quote", "burn", "collect")} <= hits
    assert sum(second["hits"].values()) >= 7


def test_a_folder_is_cold_until_something_was_compiled_into_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernels, "CACHE", tmp_path)
    assert kernels.cold()
    assert kernels.cold("amm")
    (tmp_path / "amm_1a2b").mkdir()
    (tmp_path / "amm_1a2b" / "wide.f-1.py311.nbi").write_bytes(b"")
    assert not kernels.cold("amm")
    assert kernels.cold("kernels")
