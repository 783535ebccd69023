"""Where recorded data is on this machine, if anywhere. Never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def recorded_data() -> Path | None:
    """The folder of recorded files, from ``PATRON_SHARED_DATA`` or beside the checkout; None when there is none."""
    named = os.environ.get("PATRON_SHARED_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if (folder / "genetrader_binance").is_dir() else None
