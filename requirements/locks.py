"""Writes the lock files, or checks that each is fresh and names no host.

    python requirements/locks.py            write
    python requirements/locks.py --check    exit 1 if a lock would change or names a host

A lock is fresh when compiling its source again, with the lock as the preferred versions, changes nothing: newer
releases of a package alone do not make it stale.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PYTHONS = ("3.11", "3.12")
PEERS = ("peer-vectorbt", "peer-degenbot", "peer-demeter", "peer-fractal")
PURPOSES = dict.fromkeys(("run", "sweep", "dev", "tools", *PEERS), PYTHONS)  # a peer may support fewer
SOURCE_ONLY = {"peer-demeter": "zelos-demeter"}  # purpose -> the package that is published without a wheel


def compile_lock(purpose: str, python: str, output: Path) -> None:
    """One lock: hashes for every file, wheels only (but for SOURCE_ONLY), no index and no host in it."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", f"{purpose}.in", "--python-version", python),
        *("--python-platform", "x86_64-manylinux_2_28", "--generate-hashes", "--no-emit-index-url", "--no-header"),
        *("--only-binary", ":all:", "--quiet", "-o", str(output)),
    ]
    if purpose in SOURCE_ONLY:
        command += ["--no-binary", SOURCE_ONLY[purpose]]
    subprocess.run(command, cwd=HERE, check=True)
    if purpose in SOURCE_ONLY:  # the lock itself says so to pip
        output.write_text(f"--no-binary {SOURCE_ONLY[purpose]}\n{output.read_text()}")


def lock_file(purpose: str, python: str) -> Path:
    """Where the lock for one purpose and one Python is."""
    return HERE / f"{purpose}-py{python.replace('.', '')}.txt"


def names_host(lock: str) -> bool:
    """True if the lock's text says where from packages are taken: that is for each machine to know."""
    return re.search(r"https?://|--(extra-)?index-url|--find-links", lock) is not None


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    for purpose, pythons in PURPOSES.items():
        for python in pythons:
            lock = lock_file(purpose, python)
            with tempfile.TemporaryDirectory() as folder:
                fresh = Path(folder) / lock.name
                if lock.exists():
                    shutil.copy(lock, fresh)  # the present versions are kept where they still fit
                compile_lock(purpose, python, fresh)
                if names_host(fresh.read_text()):
                    stale.append(f"{lock.name} names a host")
                if not check:
                    shutil.copy(fresh, lock)
                elif not lock.exists() or lock.read_text() != fresh.read_text():
                    stale.append(f"{lock.name} is stale: run `make locks`")
    for line in stale:
        sys.stderr.write(f"error: {line}\n")
    npm_lock = (HERE.parent / "contracts" / "package-lock.json").read_text()
    if re.search(r'"resolved": "https?://', npm_lock):
        sys.stderr.write("error: contracts/package-lock.json names a host\n")
        return 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
