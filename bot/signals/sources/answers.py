"""Answers that a source may confirm instead of sending them again (ETag and Last-Modified, RFC 9110 §13).

Each lies in a file of its own, the body with it: "not modified" means that the same is true now, and the next pages
that it names are to be asked for as well. A file that is damaged is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.signals.sources.source import Ask
from bot.whole_file import write_whole

_KEPT_FOR: Final = 30 * 86_400  # seconds; an address that was not asked for so long is forgotten
_KEPT_HEADERS: Final = ("content-type", "etag", "last-modified", "link")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer of before: `headers` in lower case, only those that are needed to ask again and to go on."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def conditions(self) -> dict[str, str]:
        """The headers that ask for an answer only if there is a newer one."""
        asked = {"If-None-Match": self.headers.get("etag"), "If-Modified-Since": self.headers.get("last-modified")}
        return {name: value for name, value in asked.items() if value}


class Answers:
    """A folder of kept answers; it may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.answer"):
            if time.time() - file.stat().st_mtime > _KEPT_FOR:
                file.unlink(missing_ok=True)

    def of(self, ask: Ask) -> Kept | None:
        """What was answered before, if it may be asked for again under conditions."""
        try:
            head, _, body = self._file(ask).read_bytes().partition(b"\n")
            told = json.loads(head)
            headers, digest = dict(told["headers"]), str(told["sha256"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if hashlib.sha256(body).hexdigest() != digest:
            return None
        return Kept({str(name): str(value) for name, value in headers.items()}, body)

    def keep(self, ask: Ask, headers: Mapping[str, str], body: bytes) -> None:
        """Keeps an answer that has a mark to ask by; others are of no use here. Raises StorageError."""
        if not (headers.get("etag") or headers.get("last-modified")):
            return
        kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        head = json.dumps({"headers": kept, "sha256": hashlib.sha256(body).hexdigest()})
        write_whole(self._file(ask), head.encode() + b"\n" + body, "the kept answer")

    def _file(self, ask: Ask) -> Path:
        name = hashlib.sha256(json.dumps([ask.url, ask.params]).encode()).hexdigest()
        return self._folder / f"{name[:32]}.answer"
