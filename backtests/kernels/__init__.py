"""Every compiled function lives here. Import this package before numba: it chooses the folder of compiled code.

Numba's disk cache looks at the time stamp of a function's own file only, and silently runs old machine code after a
function *in another file* has changed. So the folder is named by a digest of every source that is compiled.
"""

from __future__ import annotations

import hashlib
import importlib
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
        core / "listing.py",
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


def cold(part: str = "kernels", kernel: str = "") -> bool:
    """Whether nothing of a folder of kernels (`kernels` itself, or `amm`) has been compiled on this machine yet.

    `kernel`: nothing of this one, as "module.function".
    """
    return not any(CACHE.glob(f"{part}_*/{kernel}{'-' if kernel else ''}*.nbi"))


def tell(what: str, how_long: str = "a few seconds") -> None:
    """The line on standard error before something is compiled."""
    sys.stderr.write(f"compiling {what}: once on this machine, {how_long}\n")
    sys.stderr.flush()


def tell_if_cold(
    what: str = "the exact engine", part: str = "amm", kernel: str = "", how_long: str = "about half a minute"
) -> None:
    """Says that something is about to be compiled, if it is."""
    if cold(part, kernel):
        tell(what, how_long)


def load_numba() -> None:
    """Imports what numba needs to run compiled code, without the quarter of a second that SciPy's BLAS would take.

    Numba looks for it only to know whether ``np.cov`` can be compiled, which no kernel may use: the order in which it
    sums depends on the machine. SciPy stays as it is: it is merely not found while one module of numba is imported.
    """
    wanted = "scipy.linalg"
    if wanted in sys.modules or "numba.np.arraymath" in sys.modules:
        return
    sys.modules[wanted] = None  # type: ignore[assignment]  # Python's own way to say that a module is not there
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[wanted]


CACHE: Final = choose_cache()
os.environ["NUMBA_CACHE_DIR"] = str(CACHE)
if "numba" in sys.modules:  # somebody was faster: numba has read its environment already
    sys.modules["numba"].config.CACHE_DIR = str(CACHE)
load_numba()
