"""Copies of contracts/ in which a tool may build and change what it likes. The repository itself is only read."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
_IMPORT = re.compile(r'(?:from|import)\s+"(\.[^"]+)"')
_ARTEFACT = re.compile(r'"(?:out/)?(\w+\.sol)[:/"]')


def imports() -> dict[str, set[str]]:
    """What each Solidity file of src/ and test/ needs of them, by import or by the name of an artefact it deploys."""
    found: dict[str, set[str]] = {}
    paths = [*(HOME / "src").rglob("*.sol"), *(HOME / "test").rglob("*.sol")]
    named = {path.name: str(path.relative_to(HOME)) for path in reversed(paths)}
    for path in paths:
        text = path.read_text()
        needs = {os.path.relpath(os.path.normpath(path.parent / name), HOME) for name in _IMPORT.findall(text)}
        found[str(path.relative_to(HOME))] = needs | {named[name] for name in _ARTEFACT.findall(text) if name in named}
    return found


def closure(starts: Iterable[str], graph: Mapping[str, set[str]]) -> set[str]:
    """The files, and all that they lead to."""
    found: set[str] = set()
    todo = list(starts)
    while todo:
        at = todo.pop()
        if at not in found:
            found.add(at)
            todo += graph.get(at, set())
    return found


def lay_out(root: Path, files: Iterable[str]) -> dict[str, str]:
    """A project at `root` with these Solidity files (relative to contracts/), the packages, the compiler's wrapper and
    Zora's build. Returns the environment that forge needs there."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("node_modules", "out-zora", "tools"):
        if (HOME / name).is_dir():
            shutil.copytree(HOME / name, root / name, copy_function=_link, symlinks=True)
    for file in ("foundry.toml", *files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HOME / file, root / file)
    node = HOME.parent / ".venv" / "bin"
    return {"PATH": f"{node}:{forge(root).parent}:{os.environ['PATH']}", "HOME": str(root)}


def forge(root: Path) -> Path:
    """The pinned forge of a copy."""
    return root / "node_modules" / "@foundry-rs" / "forge-linux-amd64" / "bin" / "forge"


def _link(source: str, target: str) -> None:
    """A hard link, or a copy where none can be made."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
