"""Measures gas and writes GAS.md.

    python contracts/tools/gas_table.py

forge runs the tests of test/gas with every call a transaction of its own (--isolate): the figures are what a receipt
says, intrinsic gas, cold storage and refunds included. Then all unit tests once more for the median and the most of
every function. Exit code 1 when a function that can change state has no figure, 2 when forge failed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from private_copy import HOME, forge, imports, lay_out

PAGE = HOME / "GAS.md"
SETTINGS = {"FOUNDRY_FUZZ_RUNS": "8", "FOUNDRY_GAS_LIMIT": str(2**63 - 1)}
OUTSIDE = ("interfaces", "devnet")
_HEAD = """# Gas

Written by `python contracts/tools/gas_table.py`; do not edit. Every figure is the gas of a whole transaction, as its
receipt says it: forge runs each call apart (`--isolate`), real protocols underneath, optimizer at 200 runs.

## Beside the same done without Patron

Venues' own contracts, tokens and sums are the same in both columns.

| action | gas | without Patron | gas | times |
|---|---|---|---|---|
"""
_EACH = """
## Per asset, apart

Anchored: one root for the whole batch, by its creator. Minted: by proof from that batch, each in its own transaction.
Sold: a listing bought on Seaport 1.6 with its royalty. Of 10,000, a hundred spread evenly were minted or sold.

| | 1 | 100 | 10,000 |
|---|---|---|---|
"""
_ALL = """
## Every function

Over all calls of the unit tests, refused ones too. What a venue's function costs inside the vault's call stands without
the transaction's own 21,000.

| contract | function | median | most |
|---|---|---|---|
"""


def run(root: Path, env: Mapping[str, str], *arguments: str) -> str:
    """forge's output. Raises SystemExit(2) when a test failed."""
    command = [str(forge(root)), "test", "--isolate", "--root", str(root), *arguments]
    done = subprocess.run(command, cwd=root, env={**env, **SETTINGS}, capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        said = (done.stdout + done.stderr).splitlines()
        failures = [line[:500] for line in said if "FAIL" in line or "Error" in line] or said[-20:]
        sys.stderr.write("\n".join(failures[:20]) + "\ngas_table: forge failed\n")
        raise SystemExit(2)
    return done.stdout


def notes(root: Path) -> dict[str, dict[str, int]]:
    """What the tests of test/gas wrote down: group -> name -> gas."""
    groups = {path.stem: json.loads(path.read_text()) for path in (root / "snapshots").glob("*.json")}
    return {group: {name: int(gas) for name, gas in found.items()} for group, found in sorted(groups.items())}


def beside(groups: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Rows of our actions, with the direct twin of those that have one. Raises SystemExit for a twin of no action."""
    direct = {tuple(name.split("|")[:2]): (name.split("|")[2], gas) for name, gas in groups.get("direct", {}).items()}
    own = [(group, found) for group, found in groups.items() if group not in ("direct", "each")]
    ours = {(group, name): gas for group, found in own for name, gas in found.items()}
    if not set(direct) <= set(ours):
        raise SystemExit(f"gas_table: compared with nothing: {sorted(set(direct) - set(ours))}")
    for (group, name), gas in ours.items():
        how, other = direct.get((group, name), ("", 0))
        twin = f"{how} | {other:,} | {gas / other:.2f}" if other else "- | | "
        yield f"| {group}: {name} | {gas:,} | {twin} |"


def each(groups: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Rows of gas per asset."""
    table: dict[str, dict[int, float]] = {}
    for name, total in groups["each"].items():
        what, count, tried = name.split("|")
        table.setdefault(what, {})[int(count)] = total / int(tried)
    for what, by_count in table.items():
        cells = [f"{by_count[count]:,.{1 if by_count[count] < 1_000 else 0}f}" for count in (1, 100, 10_000)]
        yield f"| {what} | {' | '.join(cells)} |"


def functions(root: Path, report: str) -> tuple[list[str], list[str]]:
    """(rows of every state-changing function of our deployable contracts, those without a figure)."""
    line = next(line for line in report.splitlines() if line.startswith("[{"))
    measured: dict[str, Any] = {found["contract"]: found["functions"] for found in json.loads(line)}
    rows, missing = [], []
    for source in sorted((root / "src").rglob("*.sol")):
        file = str(source.relative_to(root))
        if file.split("/")[1] in OUTSIDE:
            continue
        for name in re.findall(r"^contract (\w+)", source.read_text(), re.MULTILINE):
            abi = json.loads((root / "out" / source.name / f"{name}.json").read_text())
            for signature in sorted(abi["methodIdentifiers"]):
                if not _changes_state(abi["abi"], signature):
                    continue
                gas = measured.get(f"{file}:{name}", {}).get(signature)
                if gas is None:
                    missing.append(f"{name}.{signature}")
                    continue
                figures = " | ".join(f"{gas[which]:,}" for which in ("median", "max"))
                rows.append(f"| {name} | `{signature.split('(')[0]}` | {figures} |")
    return rows, missing


def _changes_state(abi: list[dict[str, Any]], signature: str) -> bool:
    name, count = signature.split("(")[0], _arguments(signature)
    same = [entry for entry in abi if entry["type"] == "function" and entry["name"] == name]
    return any(e["stateMutability"] in ("nonpayable", "payable") for e in same if len(e["inputs"]) == count)


def _arguments(signature: str) -> int:
    """How many arguments a canonical signature has; commas inside tuples part nothing."""
    inside, depth, count = signature[signature.index("(") + 1 : -1], 0, 0
    for character in inside:
        depth += (character == "(") - (character == ")")
        count += character == "," and depth == 0
    return count + bool(inside)


def main() -> int:
    """See the module's own words."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "contracts"
        env = lay_out(root, imports())
        run(root, env, "--match-path", "test/gas/*")
        groups = notes(root)
        # Apart, a test that counts gas or foresees an address may fail: what it calls is measured all the same.
        unit = ("--no-match-test", "^(invariant|test_gas|test_attack)", "--allow-failure")
        report = run(root, env, "--gas-report", "--json", *unit)
        rows, missing = functions(root, report)
    page = (
        _HEAD
        + "\n".join(beside(groups))
        + "\n"
        + _EACH
        + "\n".join(each(groups))
        + "\n"
        + _ALL
        + "\n".join(rows)
        + "\n"
    )
    PAGE.write_text(page)
    for function in missing:
        sys.stderr.write(f"no figure: {function}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
