"""What was asked of a decision and what came of it: a check holds, failed or could not be asked; the rest is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

State = Literal["ok", "failed", "unknown", "told"]
OK: Final[State] = "ok"
FAILED: Final[State] = "failed"
UNKNOWN: Final[State] = "unknown"
TOLD: Final[State] = "told"  # no check: it proves nothing and refutes nothing

HOLDS: Final = 0
OPEN: Final = 1  # something could not be asked: unknown is not failed, and no proof either
CHAIN: Final = 4  # as a ChainError ends a command
REFUSED: Final = 9


@dataclass(frozen=True, slots=True)
class Check:
    """`says`: the reason, or what was found. `chain`: whether the chain was asked."""

    name: str
    state: State
    says: str
    chain: bool = False

    def facts(self) -> dict[str, Any]:
        """Every field by name."""
        return asdict(self)


def exit_code(checks: Sequence[Check]) -> int:
    """0 where all hold; 9 where one failed, 4 where the chain alone contradicts; 1 where one could not be asked."""
    failed = [check for check in checks if check.state == FAILED]
    if any(not check.chain for check in failed):
        return REFUSED
    if failed:
        return CHAIN
    return HOLDS if all(check.state in (OK, TOLD) for check in checks) else OPEN
