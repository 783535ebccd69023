"""Every compiled function lives here. Import this package before numba: it chooses the folder of compiled code.

Numba's disk cache looks at the time stamp of a function's own file only, and silently runs old machine code after a
function *in another file* has changed. So the folder is named by a digest of every source that is compiled.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import bot.core.policy
from bot.errors import StorageError

HERE: Final = Path(__file__).resolve().parent
ROOT_VARIABLE: Final = "PATRON_KERNEL_CACHE"  # another root for the compiled code


def sources() -> tuple[Path, ...]:
    """The files whose functions are compiled, or whose constants are compiled in, sorted by path."""
    core = Path(bot.core.policy.__file__).parent
    return (
        *sorted(HERE.rglob("*.py")),
        core / "policy.py",
        core / "fixedpoint.py",
        *sorted((core / "amm").glob("*_math.py")),
        core / "amm" / "constant_product.py",
        core / "amm" / "reverts.py",
    )


def digest_of(files: Iterable[Path]) -> str:
    """Sixteen hex digits over the names and contents of `files`, in the order given."""
    running = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        running.update(f"{file.name}:{len(content)}:".encode() + content)
    return running.hexdigest()[:16]


def choose_cache() -> Path:
    """The folder for compiled code, made if need be, readable by its owner alone: what is in it will be executed.

    Under ``.numba/`` beside the project's pyproject.toml, else under the user's cache folder, unless the variable
    PATRON_KERNEL_CACHE names a root. Raises StorageError when none of them can be had.
    """
    project = HERE.parents[1]
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "patron" / "numba"
    if os.environ.get(ROOT_VARIABLE):
        roots = [Path(os.environ[ROOT_VARIABLE])]
    else:
        roots = [project / ".numba", user] if (project / "pyproject.toml").is_file() else [user]
    name, problem = digest_of(sources()), ""
    for root in roots:
        folder = root / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)  # fails when somebody else made it
        except OSError as error:
            problem = f"{folder}: {error.strerror}"
            continue
        if os.access(folder, os.W_OK):
            return folder
        problem = f"{folder}: not writable"
    raise StorageError(f"no folder for compiled code; set {ROOT_VARIABLE} to one ({problem})")


def cold(part: str = "kernels") -> bool:
    """Whether nothing of a folder of kernels (`kernels` itself, or `amm`) has been compiled on this machine yet.

    For the one line that a command prints before a first run that compiles.
    """
    return not any(CACHE.glob(f"{part}_*/*.nbi"))


def tell_if_cold() -> None:
    """Says on standard error that the exact engine is about to be compiled, if it is."""
    if cold("amm"):
        sys.stderr.write("compiling the exact engine: once on this machine, about half a minute\n")
        sys.stderr.flush()


CACHE: Final = choose_cache()
os.environ["NUMBA_CACHE_DIR"] = str(CACHE)
if "numba" in sys.modules:  # somebody was faster: numba has read its environment already
    sys.modules["numba"].config.CACHE_DIR = str(CACHE)
