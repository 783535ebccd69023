"""Judges the scorer of topics on recordings, and writes the figures into docs/scorer.md.

python -m backtests.trends --data DIR [--out FILE]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backtests.trends.judging import judge
from backtests.trends.page import figures, replaced
from backtests.trends.recordings import RECORDINGS
from bot.errors import PatronError
from bot.whole_file import write_whole

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scorer.md"


def main(arguments: list[str]) -> int:
    """The exit code, after the page was written or one line said what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m backtests.trends", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--out", type=Path, default=PAGE, help="page with the marks between which figures stand")
    asked = parser.parse_args(arguments)
    try:
        page = asked.out.read_text(encoding="utf-8")
        made = [judge(recording, asked.data, _tell) for recording in RECORDINGS]
        write_whole(asked.out, replaced(page, figures(made)))
    except PatronError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"error: {asked.out}: {error.strerror}\n")
        return 2
    return 0


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
