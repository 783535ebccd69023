"""The environment of a peer, and one question to it: another program that does the same work.

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
from pathlib import Path
from typing import Any, Final

import numpy as np

from bot.errors import PatronError

ROOT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = Path(__file__).resolve().parent / "peers"
ANSWER_SECONDS: Final = 300  # the longest, a start that compiles everything, takes 20 on an idle machine
SETUP_SECONDS: Final = 900


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
    sys.stderr.write(f"making .venvs/{folder.name} from requirements/{lock.name}, one to two minutes\n")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    # A peer may be published as source alone: its wheel is made with our own setuptools, of the hashes in the lock.
    with tempfile.TemporaryDirectory() as wheels:
        locked = (
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            wheels,
            "-r",
            str(lock),
        )
        for command in (
            (sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)),
            (*pip, "wheel", "-q", *locked),
        ):
            _run(command, dict(os.environ), log, SETUP_SECONDS)
        made = sorted(str(wheel) for wheel in Path(wheels).glob("*.whl"))
        if made:
            install = (*pip, "--python", str(python), "install", "-q", "--no-index", "--no-deps", *made)
            _run(install, dict(os.environ), log, SETUP_SECONDS)
    stamp.write_text(digest, encoding="utf-8")
    return python


def ask_json(python: Path, script: Path, request: Mapping[str, Any], cache: Path) -> Any:
    """What the peer's `script` answers to `request` in a fresh process; `cache` keeps the code that it compiles.

    Raises PatronError when it fails, takes too long, or answers something that is no JSON.
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
            return json.loads(answered.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PatronError(f"{script.name}: unusable answer: {type(error).__name__}: {error}") from None


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
