"""A finished run as its report tells it: the JSON that stands beside every report, read back and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtests.run import TRADE_COLUMNS
from bot.core.panel import Floats, Times
from bot.core.strict_json import parsed
from bot.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What `backtests.report.report_json` wrote. Shapes and units are those of `backtests.run.Run`."""

    path: Path
    label: str
    rung: str
    money: str
    venues: tuple[str, ...]
    times: Times
    nav: Floats
    gas: Floats
    held: Floats
    target: Floats
    prices: Floats
    trades: pd.DataFrame
    reasons: tuple[tuple[int, str], ...]
    facts: Mapping[str, Any]

    @property
    def units(self) -> Floats:
        """(K, N): whole tokens held before each cycle; of idle, money."""
        worth = self.held * self.nav[:, None]
        return np.asarray(np.where(self.prices > 0.0, worth / np.where(self.prices > 0.0, self.prices, 1.0), 0.0))


def read_told(path: Path) -> Told:
    """The run at `path`: a report's JSON, the HTML page beside it, or the folder of a run.

    Raises DataError in one line where there is none or it is not whole.
    """
    file = path / "report.json" if path.is_dir() else path.with_suffix(".json") if path.suffix == ".html" else path
    try:
        document = parsed(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; a run and `patron backtest --report` write one") from None
    except ValueError:
        raise DataError(f"{file}: not the JSON of a report") from None
    try:
        return _told(file, document)
    except KeyError as error:
        raise DataError(f"{file}: not the JSON of a report: it has no {error.args[0]}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{file}: not the JSON of a report: {error}") from None


def _told(file: Path, document: Mapping[str, Any]) -> Told:
    series = document["series"]
    times = np.array(series["times"], dtype=np.int64)
    venues = tuple(map(str, series["venues"]))
    rows, columns = len(times), len(venues)
    arrays = {name: np.array(series[name], dtype=np.float64) for name in ("nav", "gas", "held", "target", "prices")}
    for name, array in arrays.items():
        shape = (rows,) if name in ("nav", "gas") else (rows, columns)
        if array.shape != shape:
            raise ValueError(f"series.{name} has shape {array.shape}, expected {shape}")
    if not rows or np.any(np.diff(times) <= 0):
        raise ValueError("series.times must rise strictly, and hold a cycle")
    trades = pd.DataFrame(document["trades"], columns=list(TRADE_COLUMNS))
    unknown = sorted(set(trades["venue"]) - set(venues))
    if unknown:
        raise ValueError(f"trades in {unknown[0]}, which is no venue of it")
    return Told(
        path=file,
        label=str(document["label"]),
        rung=str(document["rung"]),
        money=str(document["money"]),
        venues=venues,
        times=times,
        nav=arrays["nav"],
        gas=arrays["gas"],
        held=arrays["held"],
        target=arrays["target"],
        prices=arrays["prices"],
        trades=trades,
        reasons=tuple((int(each["time"]), str(each["reason"])) for each in document["reasons"]),
        facts=dict(document["facts"]),
    )
