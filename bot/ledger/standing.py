"""What a run deploys under, in its folder: ``standing.json`` with its pages' stamp, and a copy of its certificate.

Both are replaced whole at each start, so a reader never sees half of one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bot.core.strict_json import parsed
from bot.errors import DataError, StorageError
from bot.whole_file import write_whole

STANDING: Final = "standing.json"
CERTIFICATE: Final = "certificate.json"


def read_stamp(data_dir: Path) -> str | None:
    """The stamp of the newest start in this folder; None for a run that never said. Raises DataError, StorageError."""
    path = data_dir / STANDING
    try:
        return str(parsed(path.read_bytes())["stamp"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path}: not what a run leaves there") from None


def write_standing(data_dir: Path, told: Mapping[str, Any], certificate: Mapping[str, Any] | None) -> None:
    """Leaves both documents; without a certificate, none of an earlier start stays. Raises StorageError."""
    copy = data_dir / CERTIFICATE
    if certificate is not None:
        _write(copy, certificate)
    else:
        try:
            copy.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{copy}: {error.strerror}") from None
    _write(data_dir / STANDING, told)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    write_whole(path, json.dumps(document, indent=2, allow_nan=False) + "\n")
