"""A file is there whole, or as it was before."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.whole_file import write_whole


def test_text_and_bytes_replace_what_was_there_and_leave_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("a much longer page than the one that replaces it", encoding="utf-8")
    write_whole(path, "−1 %")
    assert path.read_bytes() == "−1 %".encode()
    write_whole(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_full_disk_leaves_the_old_file_and_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.html"
    write_whole(path, "old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"page\.html: the report cannot be written: No space left on device"):
        write_whole(path, "new", "the report")
    assert path.read_text(encoding="utf-8") == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_a_reader_sees_one_file_or_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "page.html", []
    write_whole(path, "old")
    replace = os.replace

    def watched(source: str, target: Path) -> None:
        seen.append(path.read_text(encoding="utf-8"))
        replace(source, target)
        seen.append(path.read_text(encoding="utf-8"))

    monkeypatch.setattr(os, "replace", watched)
    write_whole(path, "new")
    assert seen == ["old", "new"]


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"page\.html: cannot be written: No such file or directory"):
        write_whole(tmp_path / "nowhere" / "page.html", "text")
