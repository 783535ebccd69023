"""slither over contracts/src, each finding judged by hand: writes SLITHER.md.

    python -m venv VENV && VENV/bin/pip install --require-hashes -r requirements/tools-py311.txt
    VENV/bin/python contracts/tools/slither_triage.py

The judgements stand in tools/slither.json, a list of {detector, verdict, reason, places}. A place is
file:Contract.function (or a variable, an event), as the page shows it. Verdicts: "false" (slither is wrong), "meant"
(it is as slither says, and the reason says why that is right), "known" (a limit that SPEC.md names).

Exit code 1 when a finding has no judgement or a judged place no finding, 2 when slither did not run.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from private_copy import HOME, imports, lay_out

JUDGEMENTS = HOME / "tools" / "slither.json"
PAGE = HOME / "SLITHER.md"
VERDICTS = ("false", "meant", "known")
_HEAD = """# slither

Written by `contracts/tools/slither_triage.py` (slither {version}, every detector, OpenZeppelin and Uniswap left out as
dependencies); do not edit. Each finding is judged by hand in `tools/slither.json`: *false*: slither is wrong; *meant*:
it is as slither says, and right; *known*: a limit that SPEC.md names. {count} findings, {open} without a judgement.

| detector (impact) | place | verdict | reason |
|---|---|---|---|
"""


def findings() -> list[dict[str, str]]:
    """What slither says of a copy of the sources. Raises SystemExit(2) when it does not run."""
    tools = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "contracts"
        env = lay_out(copy, [path for path in imports() if path.startswith("src/")])
        env["PATH"] = f"{tools}:{env['PATH']}"
        command = [str(tools / "slither"), ".", "--json", "out.json", "--exclude-dependencies"]
        command += ["--filter-paths", "node_modules"]
        done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)  # noqa: S603 (fixed words)
        if not (copy / "out.json").exists():
            sys.stderr.write(done.stdout[-2_000:] + done.stderr[-2_000:] + "\nslither_triage: slither did not run\n")
            raise SystemExit(2)
        report = json.loads((copy / "out.json").read_text())
    return sorted((_finding(found) for found in report["results"].get("detectors", [])), key=lambda each: each["place"])


def _finding(found: dict[str, Any]) -> dict[str, str]:
    element = found["elements"][0]
    name, parent = element["name"], element.get("type_specific_fields", {}).get("parent")
    while parent is not None:
        if parent["type"] in ("contract", "function"):
            name = f"{parent['name']}.{name}"
        parent = parent.get("type_specific_fields", {}).get("parent")
    file = element["source_mapping"]["filename_relative"].removeprefix("src/")
    text = re.sub(r" ?\(src/[^)]*\)", "", found["description"])
    return {"detector": found["check"], "impact": found["impact"], "place": f"{file}:{name}", "text": text}


def judged(path: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """(detector, place) -> (verdict, reason). Raises ValueError for a place that is judged twice or a bad verdict."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for entry in json.loads(path.read_text()) if path.exists() else []:
        if entry["verdict"] not in VERDICTS or not entry["reason"]:
            raise ValueError(f"{entry['detector']}: a judgement is a verdict of {VERDICTS} and a reason")
        for place in entry["places"]:
            if (entry["detector"], place) in found:
                raise ValueError(f"judged twice: {entry['detector']} {place}")
            found[entry["detector"], place] = (entry["verdict"], entry["reason"])
    return found


def main() -> int:
    """See the module's own words."""
    judgements, found = judged(JUDGEMENTS), findings()
    rows, unjudged, used = [], [], set()
    for finding in found:
        key = (finding["detector"], finding["place"])
        used.add(key)
        if key not in judgements:
            unjudged.append(finding)
        verdict, reason = judgements.get(key, ("**open**", finding["text"]))
        reason = " ".join(reason.split()).replace("|", "\\|")
        rows.append(f"| {key[0]} ({finding['impact']}) | `{key[1]}` | {verdict} | {reason} |")
    version = subprocess.run(  # noqa: S603 (the tool of this very venv)
        [str(Path(sys.executable).parent / "slither"), "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    PAGE.write_text(_HEAD.format(version=version, count=len(found), open=len(unjudged)) + "\n".join(rows) + "\n")
    for finding in unjudged:
        sys.stderr.write(f"no judgement: {finding['detector']} {finding['place']}\n{finding['text']}\n")
    stale = [key for key in judgements if key not in used]
    for detector, place in stale:
        sys.stderr.write(f"judged, but not found: {detector} {place}\n")
    return 1 if unjudged or stale else 0


if __name__ == "__main__":
    sys.exit(main())
