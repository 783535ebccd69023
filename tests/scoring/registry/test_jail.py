"""A hostile model harms the child that reads it, if anything, and is one line for the parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bot.scoring.artefact import taken_apart
from bot.scoring.registry import jail
from bot.scoring.registry.container import packed
from bot.scoring.registry.flaw import Flaw
from bot.scoring.registry.jail import read_arrays
from tests.scoring.registry.estimators import MADE
from tests.scoring.registry.test_container import HOSTILE

ROOT = Path(__file__).resolve().parents[3]


def in_the_jail(code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """What a process says that gave up everything and then tries `code`."""
    lines = f"import sys, socket, os, numpy\nfrom bot.scoring.registry.jail import give_up\ngive_up()\n{code}"
    return subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_sound_arrays_come_through_as_they_were() -> None:
    described, arrays = taken_apart({"one": MADE["boost"](1)})
    more = {"arrays/empty": np.zeros((0, 3)), "arrays/zero": np.array(7, dtype=np.uint8), "arrays/no": np.array([True])}
    back = read_arrays(packed(arrays | more), described)
    assert packed(back) == packed(arrays | more)
    assert not back["parts/one/value"].flags.writeable


@pytest.mark.parametrize("kind", ["a pickle inside", "a compressed bomb", "a shape beyond all memory", "nothing"])
def test_a_hostile_file_is_named_by_the_child(kind: str) -> None:
    data, said = HOSTILE[kind]
    with pytest.raises(Flaw, match=said):
        read_arrays(data, {})


def test_trees_that_go_in_circles_are_named_by_the_child() -> None:
    described, arrays = taken_apart({"one": MADE["boost"](1)})
    left = arrays["parts/one/left"].copy()
    left[1] = 0
    with pytest.raises(Flaw, match="a walk might never end"):
        read_arrays(packed(arrays | {"parts/one/left": left}), described)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('new', 'w')", "Too many open files"),
        ("open('/etc/passwd')", "Too many open files"),
        ("socket.socket()", "Too many open files"),
        ("os.pipe()", "Too many open files"),
        ("numpy.ones(1 << 28)", "MemoryError"),
    ],
)
def test_the_child_can_open_nothing_and_take_no_more_memory(code: str, said: str, tmp_path: Path) -> None:
    done = in_the_jail(code, tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_was_given_up_cannot_be_taken_back(tmp_path: Path) -> None:
    code = (
        "import resource\nprint([resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)])"
    )
    assert in_the_jail(code, tmp_path).stdout.strip() == "[(0, 0), (0, 0)]"


def test_a_child_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jail, "_CODE", "while True: pass")
    monkeypatch.setattr(jail, "WALL_SECONDS", 0.5)
    with pytest.raises(Flaw, match="signal 9"):
        read_arrays(b"x", {})


def test_a_child_that_takes_too_much_of_the_processor_is_ended(tmp_path: Path) -> None:
    done = in_the_jail("import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass", tmp_path)
    assert done.returncode < 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("b''", "no sound answer"),
        ("b'x' * 40", "no sound answer"),
        ("(2).to_bytes(8) + b'{}'", "no sound answer"),
        ('(40).to_bytes(8) + b\'{"arrays":[["a","|O",[1]]]}\'.ljust(40) + bytes(8)', "no sound answer"),
        ('(40).to_bytes(8) + b\'{"arrays":[["a","<f8",[9]]]}\'.ljust(40) + bytes(8)', "no sound answer"),
        ('(40).to_bytes(8) + b\'{"arrays":[["a","<f8",[-1]]]}\'.ljust(40) + bytes(8)', "no sound answer"),
    ],
)
def test_a_child_that_was_taken_over_cannot_make_the_parent_believe_it(
    answer: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jail, "_CODE", f"import sys; sys.stdin.buffer.read(); sys.stdout.buffer.write({answer})")
    with pytest.raises(Flaw, match=said):
        read_arrays(b"x" * (1 << 20), {})


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jail, "MOST_BYTES", 1 << 16)
    monkeypatch.setattr(jail, "_MOST_HEADING", 1 << 16)
    monkeypatch.setattr(jail, "_CODE", "import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 16))")
    with pytest.raises(Flaw, match="did not come through"):
        read_arrays(b"x", {})


def test_no_secret_of_ours_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATRON_TEST_SECRET", "hunter2")
    code = (
        "import json, os, sys; sys.stdin.buffer.read(); "
        "text = json.dumps({'field': ' '.join(os.environ), 'problem': os.getcwd()}).encode(); "
        "sys.stdout.buffer.write(len(text).to_bytes(8) + text)"
    )
    monkeypatch.setattr(jail, "_CODE", code)
    with pytest.raises(Flaw) as found:
        read_arrays(b"x", {})
    assert "PATRON_TEST_SECRET" not in found.value.field
    assert "OPENBLAS_NUM_THREADS" in found.value.field
    assert "PATRON_TEST_SECRET" in os.environ
