"""Reading a model's arrays in a child process that can do nothing else.

Before it looks at the first byte the child gives up, for good: opening any file or socket (not one descriptor more),
writing to a file, memory and processor time beyond a bound, a core dump, and another process. What it hands back is
numbers under names, which the parent takes from memory: no parser of archives or headings ever runs in the parent on
bytes that the child has not come through.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.core.strict_json import parsed
from bot.scoring.registry.anatomy import check
from bot.scoring.registry.container import DTYPES, MOST_BYTES, MOST_DIMENSIONS, packed, unpacked
from bot.scoring.registry.flaw import Flaw

MEMORY_BYTES: Final = 1 << 30
CPU_SECONDS: Final = 20
WALL_SECONDS: Final = 60.0
_LENGTH: Final = 8  # bytes of a number that says how long what follows is
_MOST_HEADING: Final = 4 << 20
_ROOT: Final = Path(__file__).resolve().parents[3]
_CODE: Final = "import sys; sys.path.insert(0, sys.argv[1]); from bot.scoring.registry.jail import main; main()"
_PASSED_ON: Final = ("LD_LIBRARY_PATH", "SYSTEMROOT")  # all that an interpreter may need to start; no secret is in it


def read_arrays(data: bytes, parts: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays in `data`, judged with the descriptions of the estimators they are for. Blocks for about 0.2 s.

    Raises Flaw naming the field: what the child found wrong, or that it did not come through.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    description = json.dumps(parts).encode()
    child = subprocess.Popen(  # noqa: S603  # our own interpreter, with code of ours
        (sys.executable, "-I", "-B", "-c", _CODE, str(_ROOT)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd="/",
    )
    stop = threading.Timer(WALL_SECONDS, child.kill)
    stop.start()
    try:
        with child:
            assert child.stdin is not None and child.stdout is not None  # noqa: PT018
            try:
                child.stdin.write(_framed(description) + data)
                child.stdin.close()
            except BrokenPipeError:
                pass  # it has ended: what it said, or that it said nothing, is read below
            answer = child.stdout.read(MOST_BYTES + _MOST_HEADING + 1)
            if len(answer) > MOST_BYTES + _MOST_HEADING:
                child.kill()
    finally:
        stop.cancel()
    if child.returncode != 0:
        ended = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
        raise Flaw("", f"the process that reads it, with limits, did not come through ({ended})")
    return _taken(answer)


def _taken(answer: bytes) -> dict[str, NDArray[Any]]:
    """What the child handed back: arrays, each read-only, or the Flaw it found."""
    try:
        heading, rest = _unframed(answer)
        said = parsed(heading)
        if "problem" in said:
            raise Flaw(str(said["field"])[:200], str(said["problem"])[:200])
        arrays, at = {}, 0
        for name, dtype, shape in said["arrays"]:
            if dtype not in DTYPES or len(shape) > MOST_DIMENSIONS or any(type(side) is not int for side in shape):
                raise ValueError(name)
            kind, count = np.dtype(dtype), math.prod(shape)
            arrays[str(name)] = np.frombuffer(rest, kind, count, at).reshape(shape)
            at += count * kind.itemsize
        if at != len(rest):
            raise ValueError("length")
    except (ValueError, TypeError, KeyError) as error:
        raise Flaw("", f"the process that reads it gave no sound answer ({type(error).__name__})") from None
    return arrays


def main() -> None:
    """The child: one model from standard input, one answer to standard output."""
    unpacked(packed({"a": np.zeros(1)}))  # what is imported only when it is needed is imported now
    parsed(b"{}")
    give_up()
    description, data = _unframed(sys.stdin.buffer.read(MOST_BYTES + _MOST_HEADING + 1))
    pieces: list[bytes] = []
    try:
        arrays = unpacked(data)
        check(parsed(description), arrays)
        heading: dict[str, Any] = {"arrays": [[name, each.dtype.str, each.shape] for name, each in arrays.items()]}
        pieces = [each.tobytes() for each in arrays.values()]
    except Flaw as flaw:
        heading = {"field": flaw.field, "problem": flaw.problem}
    except MemoryError:
        heading = {"field": "", "problem": f"needs more than {MEMORY_BYTES >> 20} MB of memory"}
    sys.stdout.buffer.write(_framed(json.dumps(heading).encode()) + b"".join(pieces))
    sys.stdout.buffer.flush()


def give_up() -> None:
    """Takes from this process, for good, what reading arrays does not need."""
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_NOFILE, 0),  # the three it has stay open; there will be no fourth, of a file or a socket
    ):
        resource.setrlimit(limit, (value, value))


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH) + content


def _unframed(content: bytes) -> tuple[bytes, bytes]:
    end = _LENGTH + int.from_bytes(content[:_LENGTH])
    if not _LENGTH <= end <= len(content):
        raise ValueError("shorter than it says")
    return content[_LENGTH:end], content[end:]
