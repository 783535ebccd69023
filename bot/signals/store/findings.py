"""What a store knows about itself that a catalogue cannot: refused rows, renamed and taken names, silence, days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bot.signals.quality import Finding
from bot.signals.store import dating
from bot.signals.store.judge import SLIPPED
from bot.signals.store.rhythm import stale
from bot.signals.store.schema import LOG, SEGMENTS

if TYPE_CHECKING:
    from bot.signals.store.signal_store import SignalStore

_REFUSED = """
SELECT source, field, CASE WHEN contains(reason, ?) THEN 'leapt as if a decimal point had slipped, held until confirmed'
       ELSE reason END AS why, count(*), min(seen_at) FROM refused GROUP BY ALL ORDER BY ALL
"""
_NAMES = """
WITH names AS (SELECT series, key, topic, min(published_at) AS since FROM observations GROUP BY ALL),
renamed AS (SELECT * FROM names QUALIFY row_number() OVER (PARTITION BY series, key ORDER BY since, topic) > 1),
taken AS (SELECT * FROM names QUALIFY row_number() OVER (PARTITION BY series, topic ORDER BY since, key) > 1)
SELECT series, 'renamed: its history goes on under its first name', count(*), min(since), min(topic)
FROM renamed GROUP BY series
UNION ALL
SELECT series, 'name taken by another entity: its history begins anew', count(*), min(since), min(topic)
FROM taken GROUP BY series
ORDER BY ALL
"""
_REVISED = """
SELECT source, asset, count(*), min(time) FROM bars WHERE revision > 0 GROUP BY source, asset ORDER BY ALL
"""


def store_findings(store: SignalStore, now: int | None = None) -> list[Finding]:
    """What `patron data check` says of a store besides what it says of its catalogue. `now`: for the age of series.

    Raises DataError naming a segment that is not as it was written.
    """
    store.verify()
    found = dating.findings(dating.tracks_of_store(store))
    for source, field, why, count, since in store.rows(_REFUSED, [SLIPPED]):
        found.append(Finding("warning", "refused", str(source), f"{field}: {why}", _int(count), _int(since)))
    for series, what, count, since, example in store.rows(_NAMES):
        told = f"{what} (such as {example})"
        found.append(Finding("warning", f"signals/{series}", str(series), told, _int(count), _int(since)))
    for source, asset, count, since in store.rows(_REVISED):
        problem = f"bars changed later by {source}: what was said first counts"
        found.append(Finding("warning", f"prices/{asset}", str(asset), problem, _int(count), _int(since)))
    if now is not None:
        for series in store.series():
            days = [row[0] for row in store.rows(_DAYS, [series])]
            age = stale(np.array(days, dtype=np.int64), now)
            if age:
                problem = f"silent for {age} days: what it says is old, whenever it was fetched"
                found.append(Finding("warning", f"signals/{series}", series, problem, 1, _int(days[-1])))
    left = store.unnamed()
    if left:
        problem = f"files that {LOG} does not name: a stopped append left them, or the log was cut at its end"
        found.append(Finding("warning", SEGMENTS, ", ".join(left[:3]), problem, len(left), None))
    return found


_DAYS = "SELECT max(observed_at) FROM observations WHERE series = ? GROUP BY observed_at // 86400 ORDER BY 1"


def _int(value: object) -> int:
    return int(str(value))
