"""Mutation run over contracts/src: change one thing, run the tests, see whether anything fails.

    python contracts/tools/mutate.py                          everything, sampled until the budget is used
    python contracts/tools/mutate.py --files registries vault/Meter.sol --budget-minutes 20 --workers 2
    python contracts/tools/mutate.py --report                 run nothing, write MUTANTS.md from what is known

A mutant is first tried on the tests named after its file, with short fuzzing; if it lives, on every test that reaches
its file with the default profile. It is killed when a test fails (or no longer ends). All happens in copies under
--work; the repository is only read, but for MUTANTS.md. Results are kept in cache/mutants.json per file's content, so
that runs add up; unexplained survivors are tried again. Why a survivor may live stands in tools/mutants.json (its key
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
PATIENCE = 5  # times as long as on the unchanged source, and a test run counts as endless
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
    """A private copy of contracts/ in which one mutant of one source at a time is tried on the same tests.

    Raises BaselineFails when the unchanged source does not pass them.
    """

    def __init__(
        self, root: Path, own: str, tests: list[str], graph: Mapping[str, set[str]], *settings: dict[str, str]
    ):
        self.root, self.own, self.tests = root, own, tests
        self.env = lay_out(root, closure([own, *tests], graph))
        for self.settings in settings:  # the first with which the unchanged source passes
            began, self.limit = time.monotonic(), 3_600.0
            fate = self.fate((HOME / own).read_text())
            self.limit = 60 + PATIENCE * (time.monotonic() - began)
            if fate == "survived":
                return
        raise BaselineFails(f"{own}: its tests fail on the unchanged source ({fate})")

    def fate(self, source: str) -> str:
        """killed, endless, stillborn or survived."""
        (self.root / self.own).write_text(source)
        for left in ("fuzz", "invariant"):  # forge replays failures that an earlier mutant left
            shutil.rmtree(self.root / "cache" / left, ignore_errors=True)
        command = [str(forge(self.root)), "test", "--root", str(self.root), "--fail-fast"]
        command += ["--match-path", "{" + ",".join(self.tests) + "}"]
        try:
            run = subprocess.run(  # noqa: S603 (the pinned program)
                command,
                cwd=self.root,
                env=self.env | self.settings,
                capture_output=True,
                text=True,
                timeout=self.limit,
            )
        except subprocess.TimeoutExpired:
            return "endless"
        if "Compiler run failed" in run.stdout + run.stderr:
            return "stillborn"
        if "Suite result" not in run.stdout:
            raise BaselineFails(f"{self.own}: no test ran: {(run.stdout + run.stderr)[-800:]}")
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
        place = self.work / name.replace("/", "-")
        quick = Bench(place / "quick", own, nearest(name, tests), self.graph, QUICK | PLAIN, QUICK)
        full: Bench | None = None
        for mutant in chosen:
            if time.monotonic() > until:
                break
            fate = quick.fate(mutant.applied(source))
            if fate == "survived":
                full = full or Bench(place / "full", own, tests, self.graph, {})
                fate = full.fate(mutant.applied(source))
            self._note(mutant, digest(source), fate)
        shutil.rmtree(place)

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
    why = json.loads(WHY.read_text()) if WHY.exists() else {}
    failures = []
    if not given.report:
        plan = []
        for name in sources(given.files):
            sample = random.Random(f"{given.seed}|{name}").sample(every[name], len(every[name]))[: given.most]
            alive = [m for m in sample if results.get(m.key, {"fate": "survived"})["fate"] == "survived"]
            todo = [m for m in alive if m.key not in results or m.key not in why]
            if todo:
                plan.append((name, todo))
        work = given.work or Path(tempfile.mkdtemp(prefix="mutants-"))
        run = Run(work, time.monotonic() + 60 * given.budget_minutes, given.workers, len(plan), results)
        with ThreadPoolExecutor(given.workers) as pool:
            jobs = [pool.submit(run.file, name, todo) for name, todo in plan]
        failures = [job.exception() for job in jobs if job.exception() is not None]
    page, unexplained = render(every, results, why, given.seed)
    PAGE.write_text(page)
    for failure in failures:
        sys.stderr.write(f"mutate: {failure}\n")
    return 2 if failures else 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
