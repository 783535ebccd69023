"""Writes docs/features.md from the features themselves: `python -m bot.scoring.feature_pages docs/features.md`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bot.scoring.feature import Feature
from bot.scoring.features import BASIC_FEATURES
from bot.scoring.market_features import FIELD_FEATURES, MARKET_FEATURES
from bot.scoring.trends.features import FEATURES as TOPIC_FEATURES
from bot.whole_file import write_whole

_SECTIONS: tuple[tuple[str, str, Sequence[Feature]], ...] = (
    (
        "Of topics",
        "What the persistence scorer knows of a topic, such as a repository or a model. They say whether a trend will "
        "last; what that means for an asset is in the fields `trend:` below.",
        TOPIC_FEATURES,
    ),
    (
        "Of venues: the basic set",
        "What `scorer.features: basic`, the default, knows of a venue. `<source>` is one of the strategy's `signals`.",
        BASIC_FEATURES,
    ),
    ("Of venues: the market set", "What `scorer.features: market` adds to the basic set.", MARKET_FEATURES),
    (
        "Of venues: optional fields",
        "In either set, where the data has the field. `trend:sources` is a count that strategies may ask for and is "
        "learned from by nobody. `pool:` and `income:` fields are made by the section `fields` of a strategy file "
        "(docs/signals.md); in both, money is what the price is in.",
        FIELD_FEATURES,
    ),
)


def page() -> str:
    """The catalogue as Markdown, ending with a newline."""
    lines = [
        "# Features",
        "",
        "Written by `python -m bot.scoring.feature_pages docs/features.md` from the code; do not edit by hand.",
        "",
        "Every feature of time t is made of what was published by t and of rows at most its lookback older, found by",
        "their time. Those of venues come three times: as they are, less the mean of the row (`:demeaned`), and as",
        "a rank among them from -0.5 to 0.5 (`:rank`). What is not known stays unknown; no feature fills a gap.",
    ]
    for title, about, features in _SECTIONS:
        lines += ["", f"## {title}", "", about, "", "| feature | formula | lookback | unit | what for |"]
        lines.append("|---|---|---:|---|---|")
        lines += [
            f"| `{feature.name}` | {_cell(feature.formula)} | {feature.lookback_days} d | {_cell(feature.unit)} "
            f"| {_cell(feature.why)} |"
            for feature in features
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    write_whole(Path(sys.argv[1]), page(), "the catalogue of features")
