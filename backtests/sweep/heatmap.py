"""A sweep as a picture: the mean of one figure over two of its keys, as one HTML file that opens offline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from plotly.graph_objects import Figure, Heatmap

from backtests.sweep.evaluate import OK
from backtests.sweep.results import Store
from backtests.sweep.space import Axis
from bot.core.panel import Floats
from bot.errors import ConfigError
from bot.whole_file import write_whole


def two_keys(axes: Sequence[Axis], asked: str | None) -> tuple[Axis, Axis]:
    """(across, up): the two axes that ``KEY,KEY`` names, or the two that vary. Raises ConfigError."""
    if asked is None:
        varied = [axis for axis in axes if len(axis.values) > 1]
        if len(varied) < 2:
            raise ConfigError("--heat: a map is of two keys that vary: give --grid a second one")
        if len(varied) > 2:
            raise ConfigError(f"--heat: {len(varied)} keys vary; name two of them with --heat-keys KEY,KEY")
        return varied[0], varied[1]
    by_key = {axis.key: axis for axis in axes}
    names = [name.strip() for name in asked.split(",")]
    if len(names) != 2 or names[0] == names[1] or not set(names) <= set(by_key):
        raise ConfigError(f"--heat-keys: expected two of {', '.join(by_key)} (got {asked[:80]!r})")
    return by_key[names[0]], by_key[names[1]]


def cells(store: Store, across: Axis, up: Axis, figure: str) -> tuple[Floats, Floats, Floats]:
    """(up, across) means of a figure over all else that was varied, its best, and how many; NaN where nothing ran."""
    columns = {json.dumps(value): place for place, value in enumerate(across.values)}
    lines = {json.dumps(value): place for place, value in enumerate(up.values)}
    shape = (len(lines), len(columns))
    total, count, most = np.zeros(shape), np.zeros(shape), np.full(shape, -np.inf)
    for batch in store.read(["status", "values", figure]):
        for row in batch.to_pylist():
            if row["status"] != OK or row[figure] is None:
                continue
            values = json.loads(row["values"])
            column, line = columns.get(json.dumps(values.get(across.key))), lines.get(json.dumps(values.get(up.key)))
            if column is not None and line is not None:
                total[line, column] += row[figure]
                count[line, column] += 1
                most[line, column] = max(most[line, column], row[figure])
    empty = count == 0
    return np.where(empty, np.nan, total / np.maximum(count, 1)), np.where(empty, np.nan, most), count


def draw(store: Store, across: Axis, up: Axis, figure: str, path: Path) -> None:
    """Writes the heat map to `path`; its camera button saves what is shown as PNG. Raises ConfigError, StorageError."""
    if path.suffix != ".html":
        raise ConfigError(f"--heat: expected a name that ends in .html (got {str(path)[:80]!r}); the page saves PNGs")
    mean, most, count = cells(store, across, up, figure)
    label = figure.replace("_", " ")
    plot = Figure(
        Heatmap(
            x=[str(value) for value in across.values],
            y=[str(value) for value in up.values],
            z=_plain(mean),
            customdata=np.dstack([np.nan_to_num(most), count]),
            colorscale="RdBu",
            zmid=0.0,
            hovertemplate=f"{across.key} %{{x}}<br>{up.key} %{{y}}<br>mean {label} %{{z:.4g}}<br>"
            "highest %{customdata[0]:.4g} of %{customdata[1]}<extra></extra>",
            colorbar={"title": {"text": label}},
        )
    )
    plot.update_layout(
        title={"text": f"mean {label} over all else that was varied; empty where nothing could run"},
        xaxis={"title": {"text": across.key}, "type": "category"},
        yaxis={"title": {"text": up.key}, "type": "category"},
    )
    options = {
        "toImageButtonOptions": {"format": "png", "filename": path.stem, "scale": 2},
        "displaylogo": False,
        "showSendToCloud": False,  # on unless told otherwise: a button that uploads the figures
    }
    write_whole(path, plot.to_html(include_plotlyjs=True, config=options), "the heat map")


def _plain(values: Floats) -> list[list[Any]]:
    return [[None if np.isnan(value) else float(value) for value in line] for line in values]
