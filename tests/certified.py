"""Certificates for the tests of the daemon: as issued for a strategy file, without going through the gates again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backtests.certify.inputs import inputs_of
from bot.certificates import GATES as ALL
from bot.certificates import certificate_path
from bot.core.certificate import PASSED, RECORDED, Certificate, Gate
from bot.loading import Options, load

DAY = 86_400
YESTERDAY = int(time.time()) - DAY
GATES = (
    Gate("lookahead", PASSED, "no row changed when the future was tampered with", 0.0, 0.0, {"rows": 120.0}),
    Gate("walk-forward", PASSED, "beats equal weight in 4 of 5 folds", 0.8, 0.5, {"folds": 5.0, "sharpe": None}),
    *(
        Gate(name, PASSED, "better than it must be", 1.0, 0.5)
        for name in ALL
        if name not in ("lookahead", "walk-forward")
    ),
)


def certificate(**changed: Any) -> Certificate:
    """A certificate that every gate granted yesterday, of nothing in particular."""
    facts: dict[str, Any] = {
        "strategy": "reversal",
        "issued_at": YESTERDAY,
        "expires_at": YESTERDAY + 90 * DAY,
        "first": 1_704_067_200,
        "last": 1_717_804_800,
        "seed": 7,
        "trials": 3,
        "data_kind": RECORDED,
        "data": "recorded data in catalogue",
        "inputs": dict.fromkeys(("strategy", "config", "engine", "data"), "0" * 64) | {"fitting": ""},
        "gates": GATES,
    }
    return Certificate(**facts | changed)


def inputs_now(config: Path) -> Mapping[str, str]:
    """What the daemon would compare for this strategy file, on a wall clock."""
    loaded = load(Options(config, mode="paper"))
    return inputs_of(loaded.config, config, loaded.source.catalogue.digest)


def certify(config: Path, **changed: Any) -> Path:
    """Writes a valid certificate of a strategy file to where the daemon looks for it; `changed`: its fields."""
    return write(certificate(**{"inputs": dict(inputs_now(config))} | changed), certificate_path(config, None))


def write(issued: Certificate, path: Path) -> Path:
    path.write_text(json.dumps(issued.document(), indent=2) + "\n", encoding="utf-8")
    return path
