"""What a sweep found, on disk: a folder of Parquet parts that are never changed once they have their name.

A part is written under a name that readers ignore, synced, and renamed; the rename is synced too. A kill at any moment
leaves whole parts, and perhaps one file that the next start removes. `sweep.json` says what all rows share.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from backtests.overfitting import Blocks
from backtests.sweep.evaluate import OK, schema
from bot.errors import DataError, LockHeld, StorageError
from bot.whole_file import sync_folder, write_whole

MANIFEST: Final = "sweep.json"
UNFINISHED: Final = ".unfinished-"
ROWS: Final = 8_192  # that a reader holds at once


class Store:
    """The results folder of a sweep, locked against another writer while it is open.

    `facts`: what every row depends on. A folder that was made of other facts is refused (DataError naming the first
    that differs): results of other data or code are not comparable. Other combinations may be added to a folder at any
    time; all of them count as trials.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any], blocks: int) -> None:
        self.folder = folder
        self.blocks = blocks
        self._facts = dict(facts) | {"blocks": blocks}
        self._keys: set[bytes] = set()
        self._held = ExitStack()

    def __enter__(self) -> Store:
        with ExitStack() as held:  # what fails here leaves nothing locked
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                lock = held.enter_context((self.folder / "lock").open("wb"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for left in self.folder.glob(f"{UNFINISHED}*"):
                    left.unlink()
                self._check_facts()
            except BlockingIOError:
                raise LockHeld(f"{self.folder}: another sweep writes here; wait, or choose another --out") from None
            except OSError as error:
                raise StorageError(f"{self.folder}: {error.strerror}") from None
            for batch in self.read(["key"]):
                self._keys.update(bytes.fromhex(key) for key in batch.column("key").to_pylist())
            self._held = held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self._keys

    def write(self, rows: pa.Table) -> None:
        """Adds a part, durable when this returns. Raises StorageError."""
        if not rows.num_rows:
            return
        keys = rows.column("key").to_pylist()
        name = hashlib.sha256("".join(keys).encode()).hexdigest()[:16]
        unfinished = self.folder / f"{UNFINISHED}{name}"
        try:
            with unfinished.open("wb") as file:
                pq.write_table(rows, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self.folder / f"part-{name}.parquet")
            sync_folder(self.folder)
        except OSError as error:
            raise StorageError(f"{unfinished}: {error.strerror}") from None
        self._keys.update(map(bytes.fromhex, keys))

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows, part by part in the order of the parts' names, some at a time. Raises DataError for a bad part."""
        for part in sorted(self.folder.glob("part-*.parquet")):
            try:
                with pq.ParquetFile(part) as file:
                    if file.schema_arrow != schema(self.blocks):
                        raise DataError(f"{part}: not a part of this sweep; remove it and run again")
                    yield from file.iter_batches(ROWS, columns=list(columns))
            except (pa.ArrowInvalid, OSError) as error:
                said = " ".join(str(error).split())[:120]
                raise DataError(f"{part}: damaged; remove it and run again ({said})") from None

    def rows(self, keys: set[str]) -> dict[str, dict[str, Any]]:
        """The rows with these keys, as plain values."""
        found: dict[str, dict[str, Any]] = {}
        for batch in self.read(schema(self.blocks).names):
            for place, key in enumerate(batch.column("key").to_pylist()):
                if key in keys:
                    found[key] = batch.slice(place, 1).to_pylist()[0]
            if len(found) == len(keys):
                break
        return found

    def trials(self) -> Iterator[Blocks]:
        """The block sums of every combination that was run."""
        for batch in self.read(["status", "block_count", "block_total", "block_squares"]):
            ran = batch.filter(pc.equal(batch.column("status"), OK))
            if ran.num_rows:
                yield Blocks(*(_matrix(ran.column(f"block_{name}"), self.blocks) for name in Blocks.__slots__))

    def _check_facts(self) -> None:
        manifest = self.folder / MANIFEST
        if not manifest.exists():
            write_whole(manifest, json.dumps(self._facts, indent=2) + "\n")
            sync_folder(self.folder)
            return
        try:
            known = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{manifest}: not readable: {error}") from None
        for name, fact in self._facts.items():
            if known.get(name) != fact:
                other = "other data" if name == "data" else f"another {name}"
                raise DataError(
                    f"{self.folder}: its results are of {other} ({str(known.get(name))[:40]}, now "
                    f"{str(fact)[:40]}) and cannot be compared; choose another --out"
                )


def _matrix(column: pa.FixedSizeListArray, width: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False), dtype=np.float64).reshape(-1, width)
