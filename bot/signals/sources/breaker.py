"""A host that fails again and again is left alone for a while, and then tried with a single request.

Source: M. Nygard, *Release It!*, "Circuit Breaker".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from bot.errors import SourceError

FAILURES: Final = 5  # in a row, before a host is left alone
REST: Final = 30.0  # seconds of the first rest; each probe that fails doubles it
LONGEST_REST: Final = 1_800.0


class State(StrEnum):
    CLOSED = "closed"  # asked as usual
    OPEN = "open"  # left alone
    HALF_OPEN = "half-open"  # one request is under way to find out


class HostResting(SourceError):
    """The host is left alone for now: nothing was asked."""


class Breaker:
    """Of one host. `clock` gives monotonic seconds."""

    def __init__(self, host: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._host, self._clock = host, clock
        self._failures, self._rest = 0, REST
        self._until, self._why = 0.0, ""
        self.state = State.CLOSED

    def admit(self) -> None:
        """Returns when a request may be sent; whoever sends it says afterwards what came of it. Raises HostResting."""
        left = self._until - self._clock()
        if left > 0:
            raise HostResting(f"{self._host} is left alone for another {left:.0f} s{self._why}")
        if self.state is State.HALF_OPEN:
            raise HostResting(f"{self._host} is being tried: one request at a time until it answers")
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN

    def succeeded(self) -> None:
        """It answered, whatever it said."""
        self.state, self._failures, self._rest = State.CLOSED, 0, REST

    def failed(self, why: str = "") -> None:
        """It did not answer, or said itself that it is not well."""
        self._failures, self._why = self._failures + 1, f": {why}" if why else ""
        if self.state is State.HALF_OPEN:
            self._rest = min(2 * self._rest, LONGEST_REST)
        elif self._failures < FAILURES:
            return
        self.state, self._until = State.OPEN, self._clock() + self._rest

    def given_up(self) -> None:
        """Nobody waited for the answer: what a probe would have shown is still to be found out."""
        if self.state is State.HALF_OPEN:
            self.state = State.OPEN

    def rest(self, seconds: float, why: str = "") -> None:
        """The host asked for so long a pause."""
        self._why = f": {why}" if why else ""
        self._until = max(self._until, self._clock() + seconds)
