"""The environment of a peer, and one question to it: another program that does the same work.

A peer is asked by running its script, a file under ``peers/`` that nothing of ours imports, with the interpreter of its
environment: a request goes in as arrays, an answer comes out as JSON.
"""

from __future__ import annotations

import contextlib
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
PYTHON_VARIABLE: Final = "PATRON_PEER_PYTHON"  # for a peer whose newest release needs a newer Python than ours


def peer_python(name: str, root: Path = ROOT, interpreter: str = sys.executable) -> Path:
    """The interpreter of the peer's environment under ``.venvs/``, made from its lock when it is not, or is stale.

    interpreter: the Python that the environment is made with. Raises PatronError when there is no lock for it, or when
    the peer's packages cannot be had.
    """
    version = _version_of(interpreter)
    tag = "py" + "".join(version.split(".")[:2])
    lock = root / "requirements" / f"peer-{name}-{tag}.txt"
    if not lock.is_file():
        raise PatronError(f"requirements/{lock.name} is missing: run from the source tree, with Python 3.11 or 3.12")
    folder = root / ".venvs" / f"peer-{name}"
    python, stamp = folder / "bin" / "python", folder / "made-from"
    digest = hashlib.sha256(version.encode() + lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return python
    sys.stderr.write(f"making .venvs/{folder.name} from requirements/{lock.name}, one to two minutes\n")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    ours = () if interpreter == sys.executable else ("--python", str(python))
    # A peer may be published as source alone: its wheel is made with our own setuptools, of the hashes in the lock.
    locked = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-build-isolation", "-r", str(lock))
    with tempfile.TemporaryDirectory() as wheels:
        for command in (
            (interpreter, "-m", "venv", "--clear", "--without-pip", str(folder)),
            (*pip, *ours, "wheel", "-q", "-w", wheels, *locked),
        ):
            _run(command, dict(os.environ), log, SETUP_SECONDS)
        made = sorted(str(wheel) for wheel in Path(wheels).glob("*.whl"))
        if made:
            install = (*pip, "--python", str(python), "install", "-q", "--no-index", "--no-deps", *made)
            _run(install, dict(os.environ), log, SETUP_SECONDS)
    stamp.write_text(digest, encoding="utf-8")
    return python


def newest_python() -> str:
    """The interpreter that PATRON_PEER_PYTHON names, or a Python 3.12 on the path, or our own."""
    for candidate in (os.environ.get(PYTHON_VARIABLE), "python3.12"):
        if candidate:
            with contextlib.suppress(PatronError):
                _version_of(candidate)
                return candidate
    return sys.executable


def _version_of(interpreter: str) -> str:
    """Such as 3.12.1. Raises PatronError for what is no Python that can make environments."""
    if interpreter == sys.executable:
        return platform.python_version()
    code = "import platform, venv; print(platform.python_version())"
    try:
        done = subprocess.run((interpreter, "-c", code), capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        raise PatronError(f"{interpreter}: no Python that can make an environment") from None
    return done.stdout.strip()


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
