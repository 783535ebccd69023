"""halmos over contracts/test/symbolic: proves each `check_` for all its arguments, and writes HALMOS.md.

    python -m venv VENV && VENV/bin/pip install --require-hashes -r requirements/tools-py311.txt
    VENV/bin/python contracts/tools/symbolic.py

Exit code 1 when a check has a counterexample or could not be run, 2 when halmos did not start. A check that ran out of
time is no failure: the page says so, with the time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from private_copy import HOME, closure, imports, lay_out

PAGE = HOME / "HALMOS.md"
LOOPS = 13  # times that a loop is followed; the longest fixed loop, over the selectors that a role may call, is 12
SECONDS = 120  # for the solver, per assertion
LONGEST = 1_800  # seconds, for one contract of checks
OUTCOMES = {0: "proved", 1: "**refuted**", 2: "out of time", 3: "**not followed**", 4: "**always reverts**"}
_HEAD = """# halmos

Written by `contracts/tools/symbolic.py` (halmos {version}); do not edit. Each check of `test/symbolic` is tried for all
its arguments at once, up to {loops} turns of a loop and lists of up to two members, with {seconds} s per assertion.

| check | outcome | paths | seconds |
|---|---|---|---|
"""


def main() -> int:
    """See the module's own words."""
    tools = Path(sys.executable).parent
    graph = imports()
    files = closure([path for path in graph if path.startswith("test/symbolic/")], graph)
    rows, bad = [], 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "contracts"
        env = lay_out(root, files)
        env["PATH"] = f"{tools}:{env['PATH']}"
        env["FOUNDRY_DYNAMIC_TEST_LINKING"] = "false"  # halmos knows no cheat code that deploys
        command = [str(tools / "halmos"), "--match-contract", "^Symbolic", "--json-output", "out.json"]
        command += ["--loop", str(LOOPS), "--solver-timeout-assertion", f"{SECONDS}s"]
        try:
            done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=LONGEST)  # noqa: S603
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"symbolic: halmos was still running after {LONGEST} s\n")
            return 2
        sys.stdout.write(done.stdout)
        if not (root / "out.json").exists():
            sys.stderr.write(done.stderr[-2_000:] + "\nsymbolic: halmos did not run\n")
            return 2
        report = json.loads((root / "out.json").read_text())
    for contract, results in sorted(report["test_results"].items()):
        for result in results:
            outcome = OUTCOMES.get(result["exitcode"], f"**exit code {result['exitcode']}**")
            bad += outcome.startswith("**")
            paths, seconds = (result["num_paths"] or [0])[0], (result["time"] or [0.0])[0]
            rows.append(
                f"| `{contract.split(':')[-1]}.{result['name'].split('(')[0]}` | {outcome} | {paths} | {seconds:.1f} |"
            )
    version = subprocess.run([str(tools / "halmos"), "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    head = _HEAD.format(version=version.stdout.split()[-1], loops=LOOPS, seconds=SECONDS)
    PAGE.write_text(head + "\n".join(rows) + "\n")
    return 1 if bad or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
