"""Up to when each thread of history is known: what a later fetch need not ask for again.

Written only after the store has the rows on disk. So a crash between the two asks once more, and the store drops what
it has already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bot.core import strict_json
from bot.errors import DataError, located
from bot.whole_file import write_whole


class Known:
    """A file of source -> thread -> unix second."""

    def __init__(self, file: Path) -> None:
        """Raises DataError when the file is damaged."""
        self._file = file
        self._until: dict[str, dict[str, int]] = {}
        if file.exists():
            try:
                found = strict_json.parsed(file.read_bytes())
                self._until = {str(name): {str(t): int(at) for t, at in each.items()} for name, each in found.items()}
            except (OSError, ValueError, TypeError, AttributeError):
                problem = "not a record of what is known: delete it, and everything is asked for again"
                raise DataError(located(file, "", problem)) from None

    def of(self, source: str) -> Mapping[str, int]:
        """Thread -> unix second up to which it is known."""
        return self._until.get(source, {})

    def add(self, source: str, untils: Mapping[str, int]) -> None:
        """What is known from now on, on disk when this returns. Raises StorageError."""
        if not untils:
            return
        threads = self._until.setdefault(source, {})
        for thread, until in untils.items():
            threads[thread] = max(until, threads.get(thread, 0))
        write_whole(self._file, json.dumps(self._until, indent=1, sort_keys=True) + "\n", "the record of what is known")
