"""The market of an earlier run, as its ``mirror.jsonl`` tells it: what moved each pool, bar by bar."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from bot.core.mirror import MirrorStep
from bot.errors import DataError, located
from bot.replay import RecordedMoves

FILE = "mirror.jsonl"


def read_moves(run_dir: Path) -> RecordedMoves:
    """Unix seconds of each bar -> the steps that were made there, in order.

    Raises DataError naming file and line when the record is missing or damaged.
    """
    file = run_dir / FILE if run_dir.is_dir() else run_dir
    moves: dict[int, list[MirrorStep]] = defaultdict(list)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(located(file, "", f"no record of a market can be read: {error}")) from None
    for number, line in enumerate(lines, start=1):
        try:
            told = json.loads(line)
            noise = tuple(int(amount) for amount in told["noise"])
            step = MirrorStep(str(told["venue"]), noise, int(told["low"]), int(told["high"]))
            moves[int(told["at"])].append(step)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(located(f"{file}:{number}", "", f"not a step of a market: {error!r}")) from None
    return moves
