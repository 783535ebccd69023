"""A file that appears whole or not at all: whoever reads it meanwhile sees the old one or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from bot.errors import StorageError

READABLE: Final = 0o644  # for everyone; a temporary file is its owner's alone


def write_whole(path: Path, content: str | bytes, what: str = "") -> None:
    """Puts `content` (text as UTF-8) at `path`, on disk when this returns; nothing of it is left where that fails.

    Raises StorageError in one line; `what`: its subject, as in "mine.html: the report cannot be written: …".
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(READABLE)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"{path}: {f'{what} ' if what else ''}cannot be written: {error.strerror}") from None


def sync_folder(folder: Path) -> None:
    """Returns when the names in `folder` are on disk too: a new file may be whole and still not be found after a crash.

    Raises OSError.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
