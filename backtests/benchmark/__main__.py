"""Writes BENCHMARKS.md: all of it, or the parts that are named.

python -m backtests.benchmark [PART …]
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Final

from backtests.benchmark.timing import machine
from bot.errors import ConfigError, PatronError

OUTPUT: Final = Path(__file__).resolve().parents[1] / "BENCHMARKS.md"
PARTS: Final = (  # modules here; each has `sections()`
    *("limits", "weights", "combinations", "portfolio", "product", "refits", "replay"),
    *("swaps", "quotes", "logs", "bars", "store", "scoring", "topics"),
)


def head() -> str:
    """What stands above the sections."""
    return f"""# Benchmarks

Written by `python -m backtests.benchmark`; run it again to replace these numbers by your machine's. Ratios are between
times of one interleaved run. Other work may have been running beside it.

Machine: {machine()}.
"""


def merged(old: str, new: dict[str, str]) -> str:
    """The page with the sections of `new` in place of its old ones, each under its mark; the others as they were."""
    found = dict(re.findall(r"<!-- (\w+) -->\n(.*?)(?=\n<!-- |\Z)", old, flags=re.DOTALL))
    return "\n".join((head(), *(f"<!-- {name} -->\n{text.strip()}\n" for name, text in (found | new).items())))


def main(arguments: list[str]) -> int:
    """The exit code, after writing BENCHMARKS.md or one line about what went wrong."""
    try:
        if unknown := sorted(set(arguments) - set(PARTS)):
            raise ConfigError(f"no such part: {', '.join(unknown)} (known: {', '.join(PARTS)})")
        old = OUTPUT.read_text(encoding="utf-8") if arguments and OUTPUT.is_file() else ""
        new: dict[str, str] = {}
        for part in arguments or PARTS:
            new |= importlib.import_module(f"backtests.benchmark.{part}").sections()
            OUTPUT.write_text(merged(old, new), encoding="utf-8")  # a later part may fail; what was measured is kept
    except PatronError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
