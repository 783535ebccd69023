"""Mutation run over contracts/src: change one thing, run the tests, see whether anything fails.

    python contracts/tools/mutate.py                          everything, sampled until the budget is used
    python contracts/tools/mutate.py --files registries vault/Meter.sol --budget-minutes 20 --workers 2
    python contracts/tools/mutate.py --report                 run nothing, write MUTANTS.md from what is known

A mutant is first tried on the tests named after its file, with short fuzzing; if it lives, on every test that reaches
its file with the default profile. It is killed when a test fails (or no longer ends). All happens in copies under
--work; the repository is only read, but for MUTANTS.md. Results are kept in cache/mutants.json per file's content, so
that runs add up; survivors are tried again by each run. Why a survivor may live stands in tools/mutants.json (its key
-> one sentence), which is written by hand.

Exit code 0 when every survivor is explained, 1 when not, 2 when the unchanged source does not pass its tests.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

from mutants_page import render
from mutations import Mutant, mutants
from private_copy import HOME, closure, forge, imports, lay_out

RESULTS = HOME / "cache" / "mutants.json"
WHY = HOME / "tools" / "mutants.json"
PAGE = HOME / "MUTANTS.md"
OUTSIDE = ("interfaces", "devnet")  # folders of src without promises of their own
QUICK = {"FOUNDRY_FUZZ_RUNS": "64", "FOUNDRY_INVARIANT_RUNS": "8", "FOUNDRY_INVARIANT_DEPTH": "32"}
SLOWEST = 900.0  # seconds after which a test run counts as endless
PLAIN = {"FOUNDRY_OPTIMIZER": "false", "FOUNDRY_CODE_SIZE_LIMIT": "1000000"}  # compiles twice as fast


class BaselineFails(Exception):
    """The source fails its own tests before anything was changed."""


def sources(wanted: list[str]) -> list[str]:
    """Paths relative to src of the files to mutate; `wanted` are files or folders, none means all."""
    every = sorted(str(path.relative_to(HOME / "src")) for path in (HOME / "src").rglob("*.sol"))
    every = [path for path in every if path.split("/")[0] not in OUTSIDE]
    if not wanted:
        return every
    names = [name.removeprefix("contracts/").removeprefix("src/").rstrip("/") for name in wanted]
    chosen = [path for path in every if any(path == name or path.startswith(f"{name}/") for name in names)]
    if not chosen:
        raise SystemExit(f"mutate: no source under {wanted}")
    return chosen


def nearest(file: str, tests: list[str]) -> list[str]:
    """Of `tests`, those to try first: named after the source, or else in the source's own folder of test/."""
    folder, stem = f"test/{Path(file).parent}/", Path(file).stem
    named = [test for test in tests if stem in Path(test).stem]
    return named or [test for test in tests if test.startswith(folder)] or tests


class Bench:
    """A private copy of contracts/ in which one mutant at a time is tried."""

    def __init__(self, root: Path, files: set[str]) -> None:
        self.root, self.env = root, lay_out(root, files)

    def forge_test(self, settings: Mapping[str, str], *more: str) -> subprocess.CompletedProcess[str]:
        """Raises subprocess.TimeoutExpired after SLOWEST seconds."""
        for left in ("fuzz", "invariant"):  # forge replays failures that an earlier mutant left
            shutil.rmtree(self.root / "cache" / left, ignore_errors=True)
        command = [str(forge(self.root)), "test", "--root", str(self.root), *more]
        return subprocess.run(  # noqa: S603 (the pinned program)
            command, cwd=self.root, env={**self.env, **settings}, capture_output=True, text=True, timeout=SLOWEST
        )

    def fate(self, tests: list[str], settings: Mapping[str, str]) -> str:
        """killed, endless, stillborn or survived, for the sources as they stand."""
        try:
            run = self.forge_test(settings, "--fail-fast", "--match-path", "{" + ",".join(tests) + "}")
        except subprocess.TimeoutExpired:
            return "endless"
        if "Compiler run failed" in run.stdout + run.stderr:
            return "stillborn"
        if "Suite result" not in run.stdout:
            raise BaselineFails(f"no test ran: {(run.stdout + run.stderr)[-800:]}")
        return "survived" if run.returncode == 0 else "killed"


class Run:
    """Everything that the workers share."""

    def __init__(self, work: Path, until: float, workers: int, files: int, results: dict[str, Any]) -> None:
        self.work, self.until, self.workers, self.left, self.results = work, until, workers, files, results
        self.lock = Lock()
        self.graph = imports()

    def file(self, name: str, chosen: list[Mutant]) -> None:
        """Tries the chosen mutants of one file until its share of the time is used."""
        with self.lock:
            until = time.monotonic() + (self.until - time.monotonic()) * min(1.0, self.workers / self.left)
            self.left -= 1
        source, own = (HOME / "src" / name).read_text(), f"src/{name}"
        tests = sorted(test for test in self.graph if test.endswith(".t.sol") and own in closure([test], self.graph))
        if not tests:
            raise BaselineFails(f"{name}: no test reaches it")
        near = nearest(name, tests)
        quick = Bench(self.work / f"{name.replace('/', '-')}-quick", closure([own, *near], self.graph))
        full: Bench | None = None
        settings = next((s for s in (QUICK | PLAIN, QUICK) if quick.fate(near, s) == "survived"), None)
        if settings is None:
            raise BaselineFails(f"{name}: its tests fail on the unchanged source")
        for mutant in chosen:
            if time.monotonic() > until:
                break
            (quick.root / own).write_text(mutant.applied(source))
            fate = quick.fate(near, settings)
            if fate == "survived":
                full = full or Bench(self.work / f"{name.replace('/', '-')}-full", closure([own, *tests], self.graph))
                (full.root / own).write_text(mutant.applied(source))
                fate = full.fate(tests, {})
            self._note(mutant, digest(source), fate)
        for bench in (quick, full):
            if bench is not None:
                shutil.rmtree(bench.root)

    def _note(self, mutant: Mutant, source: str, fate: str) -> None:
        with self.lock:
            self.results[mutant.key] = {"file": mutant.file, "source": source, "fate": fate}
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(self.results, indent=0))
            sys.stdout.write(f"{fate:9} {mutant.file}:{mutant.line} {mutant.operator} {mutant.key}\n")
            sys.stdout.flush()


def digest(source: str) -> str:
    """Names a source's content."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def known(every: Mapping[str, list[Mutant]]) -> dict[str, Any]:
    """Earlier results that still speak of the present sources."""
    if not RESULTS.exists():
        return {}
    now = {name: digest((HOME / "src" / name).read_text()) for name in every}
    results = json.loads(RESULTS.read_text())
    return {key: result for key, result in results.items() if result["source"] == now.get(result["file"])}


def main() -> int:
    """See the module's own words."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--files", nargs="*", default=[], metavar="PATH", help="files or folders under contracts/src")
    parser.add_argument("--budget-minutes", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=1, choices=(1, 2))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--most", type=int, default=60, help="mutants tried of one file (a sample)")
    parser.add_argument("--work", type=Path, default=None, help="folder for the private copies")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()

    every = {name: mutants(name, (HOME / "src" / name).read_text()) for name in sources([])}
    results = known(every)
    if not given.report:
        files = sources(given.files)
        work = given.work or Path(tempfile.mkdtemp(prefix="mutants-"))
        plan = []
        for name in files:
            sample = random.Random(f"{given.seed}|{name}").sample(every[name], len(every[name]))[: given.most]
            todo = [m for m in sample if results.get(m.key, {"fate": "survived"})["fate"] == "survived"]
            if todo:
                plan.append((name, todo))
        run = Run(work, time.monotonic() + 60 * given.budget_minutes, given.workers, len(plan), results)
        try:
            with ThreadPoolExecutor(given.workers) as pool:
                for job in [pool.submit(run.file, name, todo) for name, todo in plan]:
                    job.result()
        except BaselineFails as error:
            sys.stderr.write(f"mutate: {error}\n")
            return 2
    why = json.loads(WHY.read_text()) if WHY.exists() else {}
    page, unexplained = render(every, results, why, given.seed)
    PAGE.write_text(page)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
