"""One topic for one repository, though its owner changed names.

A ranking knows a repository as ``owner/name``. When the owner is renamed the old topic ends and a new one
begins in mid-life, which would look like a birth at full size. Joining on the name alone would be worse: two
different repositories may share it.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from bot.signals.columnmap import Renames
from bot.signals.storage import micros_of

_DAY_MICROS = 86_400_000_000


def join_renamed(frame: pd.DataFrame, renames: Renames) -> tuple[pd.DataFrame, int]:
    """`frame` with topics of renamed owners joined under their first name, and how many topics that moved.

    A new topic continues an older one of the same name when that one is missing on the new one's first
    day, was seen at most `renames.within` before, and the value went on from it within the bounds; among several
    the nearest value wins. Only rows up to a topic's first day are read: later ones cannot change the answer.
    """
    codes, names = pd.factorize(frame["topic"], sort=True)
    observed, value = micros_of(frame["observed_at"]), frame["value"].to_numpy(dtype=np.float64)
    order = np.lexsort((observed, codes))
    observed, value = observed[order], value[order]
    begin = np.searchsorted(codes[order], np.arange(len(names) + 1))
    by_name: dict[str, list[int]] = defaultdict(list)
    for code in sorted(range(len(names)), key=lambda code: (int(observed[begin[code]]), code)):
        by_name[str(names[code]).rpartition("/")[2]].append(code)

    joined: dict[str, str] = {}
    for candidates in by_name.values():
        for place, code in enumerate(candidates):  # in order of first appearance
            born, first_value = int(observed[begin[code]]), float(value[begin[code]])
            midnight = born // _DAY_MICROS * _DAY_MICROS
            best: tuple[float, str] | None = None
            for older in candidates[:place]:
                seen = observed[begin[older] : begin[older + 1]]
                before = int(np.searchsorted(seen, midnight, side="left"))
                beside = before < len(seen) and seen[before] < midnight + _DAY_MICROS
                if not before or beside or born - seen[before - 1] > renames.within * 1_000_000:
                    continue
                last_value = float(value[begin[older] + before - 1])
                if last_value > 0 and renames.lowest <= first_value / last_value <= renames.highest:
                    distance = abs(first_value - last_value)
                    best = min(best or (np.inf, ""), (distance, str(names[older])))
            if best is not None:
                joined[str(names[code])] = joined.get(best[1], best[1])
    if not joined:
        return frame, 0
    final = np.array([joined.get(str(name), str(name)) for name in names], dtype=object)
    return frame.assign(topic=pd.Series(final[codes], index=frame.index, dtype="str")), len(joined)
