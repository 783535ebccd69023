"""The recordings that the scorer is judged on, as panels of topics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd

from bot.core.topic_panel import TopicPanel
from bot.errors import DataError, located
from bot.quantity import when
from bot.scoring.trends.params import DAY, TopicParams
from bot.signals.catalogue import Catalogue
from bot.signals.importer import import_directory
from bot.signals.topic_levels import topic_panel

COMMITS: Final = "comfyui_last_commit"
_OLDEST_COMMIT: Final = when("2008-01-01")  # of GitHub itself


@dataclass(frozen=True, slots=True)
class Recording:
    """`judged`: unix seconds of the first and last row that counts. `shown`: of the first row in the table by month;
    what lies between was looked at while it was chosen how to score, and counts for nothing. `least`: observations
    below it are left out."""

    name: str
    folder: str
    params: TopicParams
    first: int
    last: int
    shown: int
    judged: tuple[int, int]
    least: float
    plain_every: int  # seconds between the rows that the plain rival learns from

    def panel(self, data: Path) -> TopicPanel:
        """A row a day. Raises DataError when the files are not in `data`."""
        source = data / self.folder
        if not source.is_dir():
            raise DataError(located(source, "", "no such recording"))
        with TemporaryDirectory() as folder:
            import_directory(source, Path(folder) / "catalogue")
            frame = Catalogue.open(Path(folder) / "catalogue").signals(self.params.series)
        signals = {self.params.series: frame[frame["value"] >= self.least].reset_index(drop=True)}
        if self.params.activity:
            signals[self.params.activity] = _commits(source / "comfyui_node_stars_daily.parquet")
        made = Catalogue.of(self.name, "recorded", {}, signals)
        return topic_panel(made, self.params.panel_series, np.arange(self.first, self.last + 1, DAY, dtype=np.int64))


RECORDINGS: Final = (
    Recording(
        "ComfyUI nodes",
        "comfyui_manager",
        TopicParams("comfyui_nodes", activity=COMMITS),
        when("2024-04-03"),
        when("2024-10-01"),
        when("2024-06-01"),
        (when("2024-08-01"), when("2024-09-03")),
        0.0,
        DAY,
    ),
    Recording(
        "GitHub ranking",
        "github_ranking",
        # Repositories of that size change slowly: a fit every nine months is enough, and takes minutes.
        TopicParams("github_stars", train=540 * DAY, refit=252 * DAY, sample=14 * DAY),
        when("2020-06-01"),
        when("2024-10-20"),
        when("2022-03-01"),
        (when("2022-03-01"), when("2024-09-20")),
        5_000.0,  # what is smaller is there for its forks: course work
        7 * DAY,
    ),
)


def _commits(file: Path) -> pd.DataFrame:
    """Unix seconds of each node's last commit, as a signal; rows without a time are left out."""
    raw = pd.read_parquet(file, columns=["snapshot_at", "repo_url", "last_update"])
    address = raw["repo_url"].astype("str").str.replace(r"^h+ttps?://(www\.)?github\.com/", "", regex=True)
    topic = address.str.replace(r"(\.git)?/*$", "", regex=True).str.lower()
    at = pd.to_datetime(raw["last_update"].astype("str"), utc=True, errors="coerce").dt.as_unit("s")
    observed = raw["snapshot_at"].dt.as_unit("us")
    frame = pd.DataFrame(
        {
            "topic": topic,
            "value": (at - pd.Timestamp(0, tz="UTC")).dt.total_seconds(),
            "observed_at": observed,
            "published_at": observed + pd.Timedelta("1h"),
        }
    )
    kept = frame[(frame["value"] >= _OLDEST_COMMIT) & (at <= raw["snapshot_at"])]
    return kept.sort_values("value").drop_duplicates(["topic", "observed_at"], keep="last").reset_index(drop=True)
