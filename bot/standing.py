"""What a run deploys under, over its life in one folder: told by each start, and never better than it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from bot.certificates import UNCERTIFIED, Standing
from bot.ledger.standing import read_stamp, write_standing

EARLIER: Final = "; earlier cycles "


def continued(standing: Standing, run_dir: Path) -> Standing:
    """The standing of a run that may have begun earlier in this folder: what it went under then stays told.

    That it was uncertified above all; else the standing that was changed last.
    """
    before = read_stamp(run_dir)
    if before is None or UNCERTIFIED in standing.stamp:
        return standing
    now, (newest, *older) = standing.stamp.partition(EARLIER)[0], before.split(EARLIER)
    earlier = UNCERTIFIED if UNCERTIFIED in before else newest if newest != now else older[-1] if older else ""
    return replace(standing, stamp=f"{now}{EARLIER}{earlier}") if earlier else standing


def keep(standing: Standing, run_dir: Path) -> None:
    """Leaves the stamp, and a copy of the certificate, in a run's folder. Raises StorageError."""
    certificate, told = standing.certificate, {"stamp": standing.stamp}
    if certificate is not None:
        told |= {"certificate": certificate.digest, "path": str(standing.path)}
    write_standing(run_dir, told, certificate.document() if certificate is not None else None)
