"""The options of a command as they would be typed again, for the commands that a verb names to try next."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from bot.core.dates import DAY, day
from bot.loading import Options


def typed(options: Options, flag: str = "--data") -> str:
    """The strategy file, the data and the window: ``my.yaml --synthetic 3 --strength 2 --from 2024-01-01``.

    `flag`: what the verb calls recorded data, `--replay` for a run. Quoted for a shell. A last second that a day ends
    with is that day, as `bot.quantity.last_second` made it.
    """
    words = [str(options.config)]
    if options.replay is not None:
        words += [flag, str(options.replay)]
    elif options.synthetic is not None:
        words += ["--synthetic", str(options.synthetic)]
        words += ["--strength", f"{options.strength:g}"] if options.strength else []
    if options.first is not None:
        words += ["--from", _written(options.first)]
    if options.last is not None:
        words += ["--to", day(options.last - DAY) if options.last % DAY == 0 else _written(options.last)]
    return shlex.join(words)


def _written(at: int) -> str:
    return day(at) if at % DAY == 0 else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
