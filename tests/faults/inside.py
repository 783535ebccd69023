"""The command line called in this process: as fast as a function, and as strict about what it may print."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot import cli


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def error(self, code: int) -> str:
        """The one line of an error with this exit code."""
        assert self.code == code, (self.code, self.out[-1_000:], self.err)
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: ")
        return lines[0].removeprefix("error: ")


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    """A command from start to end. Anything but a clean exit is a failure of the test."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        cli.main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return Ended(caught.value.code, shown.out, shown.err)
