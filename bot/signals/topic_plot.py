"""A topic's series as a page of its own: what was observed when, and since when it could be known."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bot.errors import ConfigError
from bot.whole_file import write_whole

if TYPE_CHECKING:
    from bot.signals.show import Told


def write_plot(path: Path, topic: str, told: Sequence[Told]) -> None:
    """Writes the page, one panel a series. Raises ConfigError for a name that is no HTML, StorageError."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--plot: expected a name that ends in .html (got {str(path)[:80]!r})")
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    names = [html.escape(f"{each.series}: {each.topic}") for each in told]
    figure = make_subplots(rows=len(told), cols=1, shared_xaxes=True, subplot_titles=names)
    for row, each in enumerate(told, start=1):
        observed, values = each.moments()
        known = dict(zip(each.observed.tolist(), each.published.tolist(), strict=True))  # the newest revision's
        since = [f"known {_utc(known[at])}" for at in observed.tolist()]
        times = [_utc(at) for at in observed.tolist()]
        curve = Scatter(x=times, y=values.tolist(), text=since, mode="lines+markers", name=names[row - 1])
        figure.add_trace(curve, row=row, col=1)
    figure.update_layout(
        title={"text": html.escape(topic)}, showlegend=False, height=max(420, 260 * len(told)), template="plotly_white"
    )
    options = {"displaylogo": False, "showSendToCloud": False}
    write_whole(path, figure.to_html(include_plotlyjs=True, config=options), "the plot")


def _utc(at: int) -> str:
    return f"{pd.Timestamp(at, unit='s', tz='UTC'):%Y-%m-%d %H:%M:%S}"
