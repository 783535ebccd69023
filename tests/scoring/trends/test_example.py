"""The script that the page on the scorer tells a new user to run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bot.signals.catalogue import Catalogue
from tests.recordings import ROOT
from tests.scoring.trends.made_topics import made_panel

SCRIPT = ROOT / "docs" / "examples" / "trending.py"


def written(folder: Path, rows: int) -> Path:
    panel = made_panel(41, rows, 200)
    row, column = np.nonzero(np.isfinite(panel.levels["stars"]))
    at = pd.to_datetime(panel.times[row], unit="s", utc=True).as_unit("us")
    frame = pd.DataFrame(
        {
            "topic": np.array(panel.topics)[column],
            "value": panel.levels["stars"][row, column],
            "observed_at": at - pd.Timedelta("8h"),
            "published_at": at - pd.Timedelta("1h"),
        }
    )
    Catalogue.of("made", "synthetic", {}, {"stars": frame}, seed=41).write(folder / "catalogue")
    return folder / "catalogue"


def run(catalogue: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(catalogue), "stars"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_it_prints_ten_topics_with_reasons_best_first(tmp_path: Path) -> None:
    done = run(written(tmp_path, 130))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    line = re.compile(r"([01]\.\d\d) +[+-]\d+% to [+-]\d+%  owner\d+/name\d+  \((\S+ [+-]\d+\.\d\d(, )?){3}\)")
    found = [line.fullmatch(each) for each in lines]
    assert len(lines) == 10
    assert all(found), lines
    said = [float(each[1]) for each in found if each]
    assert said == sorted(said, reverse=True)


def test_it_says_when_there_is_too_little(tmp_path: Path) -> None:
    done = run(written(tmp_path, 40))
    assert done.returncode == 1
    assert "too little is known" in done.stderr
