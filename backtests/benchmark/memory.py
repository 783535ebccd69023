"""The peak of memory that a piece of work needs on top of its input, measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from backtests.benchmark.environment import ROOT
from bot.errors import PatronError

SECONDS: Final = 300
FRAME: Final = """
import gc, sys
from pathlib import Path
import numpy as np
{imports}
given = {{file.stem: np.load(file) for file in sorted(Path(sys.argv[1]).glob("*.npy"))}}
def work(given):
{body}
def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])
work({{name: each[:{few}] for name, each in given.items()}})
gc.collect()
Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
before = kilobytes("VmRSS")
work(given)
print((kilobytes("VmHWM") - before) / 1024.0)
"""


def extra_megabytes(imports: str, body: str, arrays: Mapping[str, Any], few: int) -> float:
    """MB by which the peak rises in `body`, lines that work on `given`, the arrays by name.

    They are loaded from files, so that no trace of their making counts, and the work is done once on the first `few`
    rows before, so that no import and no compiled code does. Raises PatronError when it fails.
    """
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    code = FRAME.format(imports=imports, body=lines, few=few)
    with tempfile.TemporaryDirectory() as folder:
        for name, each in arrays.items():
            np.save(Path(folder, f"{name}.npy"), each)
        command = (sys.executable, "-c", code, folder)
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise PatronError(f"memory: no end after {SECONDS} seconds") from None
    if done.returncode != 0:
        raise PatronError(f"memory: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return float(done.stdout.split()[-1])
