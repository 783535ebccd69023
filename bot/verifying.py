"""What `patron ledger evidence` writes, and what `patron verify DECISION --bundle FILE` finds out from that alone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from bot.chain.commitment import Decision
from bot.chain.revealed import decision_from
from bot.core.strict_json import parsed
from bot.errors import ChainError, ConfigError, DataError, StorageError
from bot.execution.anchoring import BASIS, FOLDER, NEWEST
from bot.provenance.basis import digest
from bot.provenance.bundle import Bundle, read_bundle, recipe_in, write_bundle
from bot.provenance.checks import FAILED, OK, TOLD, UNKNOWN, Check, exit_code
from bot.provenance.onchain import not_asked, on_chain
from bot.provenance.outcome import outcome
from bot.provenance.recomputed import recomputed

LEAST_PREFIX: Final = 8  # hexadecimal digits by which a decision may be named
NEWEST_DECISION: Final = "newest"  # a name for the one that was written last
_MARKS: Final = {
    OK: "[green]ok     [/green]",
    FAILED: "[red]failed [/red]",
    UNKNOWN: "[yellow]unknown[/yellow]",
    TOLD: "[dim]told   [/dim]",
}


def export(named: str, run_dir: Path, out: Path) -> dict[str, Any]:
    """Writes the evidence of a decision of a run to `out`; facts, with `lines` that say what to do with it.

    Raises ConfigError where no decision of that name was made there, DataError where what was kept is not whole.
    """
    path = _kept(named, run_dir / FOLDER)
    decision = _decision(path)
    root = decision.root.hex()
    if root != path.stem:
        raise DataError(f"{path}: the decision of another root, 0x{root[:12]}…")
    bundle = Bundle(decision)
    if (basis := decision.basis) is not None:
        pieces = {name: _content(path.parent / BASIS, name) for name in basis["pieces"]}
        bundle = Bundle(decision, _content(path.parent / BASIS, basis["recipe"]), pieces)
    size = write_bundle(bundle, out)
    lines = [
        f"ok: {out}: {size:,} bytes, decision 0x{root} with {len(decision.leaves)} leaves",
        f"try next: patron verify 0x{root} --bundle {out} --rpc URL",
    ]
    return {"file": str(out), "bytes": size, "decision": f"0x{root}", "leaves": len(decision.leaves), "lines": lines}


async def verified(named: str, file: Path, rpc_url: str | None, path: Path, tolerance: float | None) -> list[Check]:
    """Every check of the decision `named` (its root, or the beginning of it), from a bundle and a node alone.

    `path`: the strategy file, for a strategy of one's own. Raises DataError where the file is no intact bundle,
    ConfigError where nothing could be a decision's name.
    """
    wanted = _root(named)
    bundle = read_bundle(file)
    decision = bundle.decision
    leaves = f"{len(decision.leaves)} leaves, records and proofs under one root"
    checks = [Check("bundle", OK, "intact: every byte of it is as it is written")]
    if not decision.root.hex().startswith(wanted):
        says = f"the bundle is of decision 0x{decision.root.hex()}"
        checks.append(Check("decision", FAILED, says))
    else:
        checks.append(Check("decision", OK, f"0x{decision.root.hex()}: {leaves}"))
    checks += await recomputed(bundle, str(file), path, tolerance)
    checks += await _of_chain(bundle, rpc_url)
    return checks


def verify_decision(
    named: str,
    file: Path,
    rpc_url: str | None,
    path: Path | None,
    tolerance: float | None,
    as_json: bool,
    console: Console,
) -> int:
    """Prints a line per check. Returns the exit code: 0 where all hold, 9 or 4 where one failed, 1 where one is open.

    `rpc_url`: the node, else that of ``ETH_RPC_URL``. Raises as `verified` does.
    """
    import asyncio

    url = rpc_url or next(iter(os.environ.get("ETH_RPC_URL", "").split()), None)
    checks = asyncio.run(verified(named, file, url, path or Path("strategy.yaml"), tolerance))
    code = exit_code(checks)
    if as_json:
        document = {"file": str(file), "holds": code == 0, "checks": [check.facts() for check in checks]}
        console.print_json(json.dumps(document))
        return code
    for line in table(checks):
        console.print(line, highlight=False, soft_wrap=True)
    return code


def table(checks: Sequence[Check]) -> list[str]:
    """The checks as lines of a terminal, and a last one that says what they come to."""
    lines = [f"{_MARKS[check.state]}  {check.name:<10} {escape(check.says)}" for check in checks]
    failed = [check.name for check in checks if check.state == FAILED]
    still_open = [check.name for check in checks if check.state == UNKNOWN]
    if failed:
        return [*lines, f"[red]does not hold[/red]: {', '.join(failed)}"]
    if still_open:
        return [*lines, f"[yellow]not proved[/yellow]: {', '.join(still_open)} could not be asked"]
    return [*lines, "[green]holds[/green]: forecast, anchored and carried out as told"]


async def _of_chain(bundle: Bundle, rpc_url: str | None) -> Sequence[Check]:
    from bot.chain.rpc import Rpc

    if rpc_url is None:
        return not_asked("no node was named: --rpc URL, or ETH_RPC_URL")
    try:
        async with await Rpc.connect(rpc_url) as rpc:
            checks = await on_chain(rpc, bundle.decision)
            if any(check.state == FAILED for check in checks):
                return checks  # of what came after, nothing means anything then
            return *checks, await outcome(rpc, bundle.decision, _horizon(bundle))
    except ChainError as error:
        return not_asked(str(error))


def _horizon(bundle: Bundle) -> int | None:
    """Seconds, None where no model spoke or the recipe says nothing."""
    try:
        scorer = recipe_in(bundle, "").scorer
    except DataError:
        return None
    return scorer.horizon if scorer is not None else None


def _root(named: str) -> str:
    """The hexadecimal digits of a decision's name. Raises ConfigError."""
    text = named.lower().removeprefix("0x")
    if not re.fullmatch(rf"[0-9a-f]{{{LEAST_PREFIX},64}}", text):
        raise ConfigError(
            f"{named}: a decision is named by its root, or at least the first {LEAST_PREFIX} digits of it"
        )
    return text


def _kept(named: str, folder: Path) -> Path:
    """The file of the decision that is meant. Raises ConfigError."""
    known = sorted(
        (path for path in folder.glob("*.json") if path.name != NEWEST), key=lambda path: path.stat().st_mtime_ns
    )
    if named == NEWEST_DECISION and known:
        return known[-1]
    wanted = "" if named == NEWEST_DECISION else _root(named)
    found = [path for path in known if path.stem.startswith(wanted)]
    if len(found) != 1:
        what = "several decisions begin so" if found else "no such decision"
        last = f"the newest is 0x{known[-1].stem}" if known else "none was made there"
        raise ConfigError(f"{folder}: {what} ({named}); {last}")
    return found[0]


def _decision(path: Path) -> Decision:
    try:
        document = parsed(path.read_bytes())
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"{path}: not the decision that was written there: {error}") from None
    if not isinstance(document, dict):
        raise DataError(f"{path}: not a decision")
    return decision_from(document, str(path))


def _content(folder: Path, name: str) -> bytes:
    """What is kept under a digest. Raises DataError where it is gone, or is no longer what its name says."""
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise DataError(f"{folder / name}: {error.strerror}: the decision cannot be proved without it") from None
    if digest(content) != name:
        raise DataError(f"{folder / name}: changed after it was written: its digest is {digest(content)[:12]}…")
    return content
