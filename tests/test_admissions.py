"""The register of admitted models: it only grows, outlives a stop, and names the line that somebody changed."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import chained_log
from bot.admissions import Admissions, admissions_path, read_admissions
from bot.core.strict_json import digest_of
from bot.errors import RefusedError, StorageError

FIGURES = {"drifted": 0.25, "rank_correlation": None}
CERTIFICATE = "c" * 64


def filled(path: Path, models: int = 3) -> Path:
    register = Admissions(path, CERTIFICATE)
    for number in range(models):
        register.append(f"model-{number}", 1_000 * number, FIGURES, 5_000 + number)
    return path


def test_lies_beside_its_certificate() -> None:
    assert admissions_path(Path("a/mine.certificate.json")) == Path("a/mine.certificate.json.admissions.jsonl")


def test_a_model_is_known_once_it_is_written_and_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    register = Admissions(path, CERTIFICATE)
    assert "model-0" not in register
    filled(path)
    again = Admissions(path, CERTIFICATE)
    assert all(f"model-{number}" in again for number in range(3))
    lines = read_admissions(path)
    assert [line["previous"] for line in lines] == [CERTIFICATE, lines[0]["digest"], lines[1]["digest"]]
    assert (lines[1]["fit_time"], lines[1]["admitted_at"], lines[1]["figures"]) == (1_000, 5_001, FIGURES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_model_that_is_there_already_makes_no_new_line(tmp_path: Path) -> None:
    path = filled(tmp_path / "r.jsonl")
    before = path.read_bytes()
    stale = Admissions(path, CERTIFICATE)
    stale.append("model-1", 0, {}, 9)
    assert path.read_bytes() == before
    assert "model-1" in stale


def test_a_certificate_issued_anew_admits_anew_in_the_same_file(tmp_path: Path) -> None:
    path = filled(tmp_path / "r.jsonl")
    newer = Admissions(path, "d" * 64)
    assert "model-0" not in newer
    newer.append("model-0", 0, {}, 9)
    assert "model-0" in Admissions(path, "d" * 64)
    assert "model-2" in Admissions(path, CERTIFICATE)
    assert len(read_admissions(path)) == 4


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.0, 1.0, exclude_max=True), byte=st.integers(0, 255))
def test_any_one_changed_byte_names_its_line(tmp_path: Path, place: float, byte: int) -> None:
    path = tmp_path / "r.jsonl"
    path.unlink(missing_ok=True)
    text = filled(path).read_bytes()
    at = int(place * (len(text) - 1))  # but the last line's end: without it the line was never whole
    if text[at] == byte:
        byte ^= 1
    path.write_bytes(text[:at] + bytes([byte]) + text[at + 1 :])
    number = text.count(b"\n", 0, at) + 1
    with pytest.raises(RefusedError) as caught:
        Admissions(path, CERTIFICATE)
    assert f"{path}: line {number}: " in str(caught.value)


@pytest.mark.parametrize("gone", [0, 1])
def test_a_line_that_was_taken_out_or_moved_is_named(tmp_path: Path, gone: int) -> None:
    path = filled(tmp_path / "r.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for number, line in enumerate(lines) if number != gone))
    with pytest.raises(RefusedError, match=f"line {gone + 1}: does not follow the line before it"):
        read_admissions(path)
    path.write_bytes(b"".join(reversed(lines)))
    with pytest.raises(RefusedError, match="line 1: does not follow"):
        read_admissions(path)


def test_what_a_stop_cut_off_is_written_over(tmp_path: Path) -> None:
    path = filled(tmp_path / "r.jsonl", 2)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in (first + 1, len(whole) - 1):
        path.write_bytes(whole[:cut])
        register = Admissions(path, CERTIFICATE)
        assert "model-0" in register
        assert "model-1" not in register
        register.append("model-1", 1_000, FIGURES, 5_001)
        assert path.read_bytes() == whole


def test_several_daemons_share_one_register(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    registers = [Admissions(path, CERTIFICATE) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for number in range(40):
            pool.submit(registers[number % 4].append, f"model-{number % 30}", number, FIGURES, number)
    lines = read_admissions(path)
    assert sorted(line["model"] for line in lines) == sorted(f"model-{number}" for number in range(30))


def test_a_change_made_while_we_run_is_found_at_the_next_append(tmp_path: Path) -> None:
    path = filled(tmp_path / "r.jsonl")
    register = Admissions(path, CERTIFICATE)
    path.write_bytes(path.read_bytes().replace(b"model-1", b"model-9"))
    with pytest.raises(RefusedError, match="line 2"):
        register.append("model-5", 0, {}, 0)


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"digest":NaN}'])
def test_a_line_that_is_no_admission_is_named(tmp_path: Path, line: bytes) -> None:
    path = filled(tmp_path / "r.jsonl", 1)
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(RefusedError, match="line 2: changed after it was written"):
        read_admissions(path)


def test_a_register_that_cannot_be_written_or_read_is_one_line(tmp_path: Path) -> None:
    register = Admissions(tmp_path / "gone" / "r.jsonl", CERTIFICATE)
    with pytest.raises(StorageError, match=r"gone/r\.jsonl: No such file"):
        register.append("m", 0, {}, 0)
    with pytest.raises(StorageError, match="Is a directory"):
        read_admissions(tmp_path)
    target = filled(tmp_path / "r.jsonl")
    os.symlink(target, tmp_path / "link.jsonl")
    with pytest.raises(StorageError, match=r"link\.jsonl"):
        Admissions(tmp_path / "link.jsonl", CERTIFICATE).append("m", 0, {}, 0)
    assert all(json.loads(line) for line in target.read_text(encoding="utf-8").splitlines())


def test_a_register_that_somebody_never_lets_go_of_stops_nothing_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chained_log, "WAIT_SECONDS", 0.05)
    path = filled(tmp_path / "r.jsonl")
    register = Admissions(path, CERTIFICATE)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="another process has held it for too long"):
            register.append("model-9", 0, {}, 0)
    register.append("model-9", 0, {}, 0)
    assert "model-9" in register


def test_a_line_of_wrong_types_with_a_right_digest_is_named(tmp_path: Path) -> None:
    line = {
        **{"certificate": CERTIFICATE, "previous": CERTIFICATE, "model": ["m"]},
        **{"fit_time": 0, "admitted_at": 0, "figures": {}},
    }
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(line | {"digest": digest_of(line)}) + "\n", encoding="utf-8")
    with pytest.raises(RefusedError, match="line 1: no admission of a model"):
        Admissions(path, CERTIFICATE)
