"""Segments on disk and the log that names them: what makes an append durable, and a changed file noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from bot.chained_log import ChainedLog, Line
from bot.errors import DataError, StorageError, located
from bot.signals.store.schema import FORMAT, LOG, SEGMENTS, TABLES
from bot.whole_file import sync_folder, write_whole

ROLL: Final = 256  # appends that are rolled up into one segment a table
_TEMPORARY: Final = "."  # how the names of files begin that were not yet whole


def log_of(root: Path) -> ChainedLog:
    """The store's log. Reading it raises DataError naming the line that is not as it was written."""
    return ChainedLog(root / LOG, DataError)


def written(root: Path, number: int, tables: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    """What the log says of the segments of append `number`, once they are safely on disk. Raises StorageError.

    A file of that name can only be what a stopped append left: no line names it, and it is replaced.
    """
    folder = root / SEGMENTS
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}") from None
    entries = []
    for name, table in tables.items():
        if not table.num_rows:
            continue
        buffer = BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        path = f"{SEGMENTS}/{number:08d}.{name}.parquet"
        write_whole(root / path, buffer.getvalue(), "the segment")
        entries.append(
            {
                "path": path,
                "table": name,
                "rows": table.num_rows,
                "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
            }
        )
    try:
        sync_folder(folder)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}") from None
    return entries


def read(root: Path, line: Line) -> Iterator[tuple[str, pa.Table]]:
    """(table's name, rows) of each segment that a line names. Raises DataError naming the file that was changed."""
    for file, table, content in _verified(root, line):
        with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as opened:
            rows = opened.read(use_threads=False)
        if not rows.schema.equals(TABLES[table]):
            raise DataError(located(file, "", "not the columns of its table", ", ".join(rows.schema.names)))
        yield table, rows


def verify(root: Path, lines: Sequence[Line]) -> None:
    """Nothing where every segment is as it was written, those that were rolled up included. Raises DataError."""
    for line in lines:
        for _ in _verified(root, line):
            pass


def _verified(root: Path, line: Line) -> Iterator[tuple[Path, str, bytes]]:
    """(file, table's name, content) of each segment of a line."""
    if line.get("format") != FORMAT:
        raise DataError(located(root / LOG, "format", f"this version reads format {FORMAT}", line.get("format")))
    for entry in line["segments"]:
        file, table = root / entry["path"], entry["table"]
        if table not in TABLES or file.parent != root / SEGMENTS:
            raise DataError(located(root / LOG, "segments", "not a segment of this format", entry["path"]))
        try:
            content = file.read_bytes()
        except OSError as error:
            raise DataError(located(file, "", f"cannot read: {error.strerror}")) from None
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise DataError(located(file, "sha256", "the segment changed after it was written"))
        yield file, table, content


def plain(lines: Sequence[Line]) -> list[Line]:
    """The lines that were appended, without those that say the same again."""
    return [line for line in lines if "rolled" not in line]


def shortest(lines: Sequence[Line]) -> list[Line]:
    """The fewest lines that hold every row, in the order in which they were appended.

    A line with ``rolled: [first, last]`` (numbers of lines, from 1) has the rows of those lines in segments of its own:
    thousands of small files would take minutes to open. Nothing is removed for it.
    """
    chosen: dict[int, Line] = {number: line for number, line in enumerate(lines, start=1) if "rolled" not in line}
    for line in lines:
        if "rolled" in line:
            first, last = line["rolled"]
            for number in range(first, last + 1):
                chosen.pop(number, None)
            chosen[first] = line
    return [chosen[number] for number in sorted(chosen)]


def to_roll(lines: Sequence[Line]) -> tuple[int, int] | None:
    """(first, last) of the lines to roll up next, None while there are fewer than `ROLL`."""
    done = max((line["rolled"][1] for line in lines if "rolled" in line), default=0)
    numbers = [number for number, line in enumerate(lines, start=1) if number > done and "rolled" not in line]
    return (numbers[0], numbers[-1]) if len(numbers) >= ROLL else None


def joined(root: Path, lines: Sequence[Line]) -> dict[str, pa.Table]:
    """Every row of the lines by table's name, in order. Raises DataError."""
    found: dict[str, list[pa.Table]] = {}
    for line in lines:
        for name, rows in read(root, line):
            found.setdefault(name, []).append(rows)
    return {name: pa.concat_tables(tables) for name, tables in found.items()}


def unnamed(root: Path, lines: tuple[Line, ...]) -> tuple[str, ...]:
    """Names of segment files that no line of the log knows, sorted: a stopped append's, or the log was cut."""
    known = {entry["path"] for line in lines for entry in line["segments"]}
    there = (f"{SEGMENTS}/{file.name}" for file in (root / SEGMENTS).glob("*.parquet"))
    return tuple(sorted(path for path in there if path not in known))


def sweep(root: Path) -> None:
    """Removes temporary files that a stopped append left; only who may write calls this."""
    for file in (root / SEGMENTS).glob(f"{_TEMPORARY}*"):
        file.unlink(missing_ok=True)
