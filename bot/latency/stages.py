"""Where the time between a signal and a transaction goes: each port of a session, watched from outside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from bot.daemon import Session

STAGES: Final = {
    "stored": "judged and on disk",
    "noticed": "seen by the daemon's watch, which looks once a second here",
    "observed": "market brought up to now, read at one block, and the panel made again",
    "scored": "features, model, intervals; no look for drift",
    "anchored": "target, plan, inputs and decision on disk, root mined and old enough",
    "previewed": "market read again, plan made again, simulated by the node",
    "mined": "signed, on disk, sent, receipt",
}


@dataclass(slots=True)
class Watch:
    """Marks of one arrival: the moment at which each stage was over, seconds of a monotonic clock."""

    marks: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        """A signal is about to be handed over."""
        self.marks = {"begun": time.perf_counter()}

    def over(self, stage: str) -> None:
        """A stage is over. Asked for again, it is over later: a market is read twice in a cycle."""
        self.marks[stage] = time.perf_counter()

    def seconds(self) -> dict[str, float] | None:
        """How long each stage took; None where one was never reached, so that nothing was mined."""
        ends = [self.marks.get(name) for name in ("begun", *STAGES)]
        known = [end for end in ends if end is not None]
        if len(known) < len(ends):
            return None
        return dict(zip(STAGES, np.diff(known).tolist(), strict=True))


def watched(session: Session, watch: Watch) -> Session:
    """The session, its ports telling the watch when each is done. Nothing else about them changes."""
    ports, following = session.ports, session.following
    assert following is not None, "latency is measured by the wall's clock"

    async def follow() -> None:
        watch.over("noticed")
        await following()

    def told(port: Any, method: str, stage: str) -> Any:
        return _Told(port, method, stage, watch)

    seen = replace(
        ports,
        feed=told(ports.feed, "panel", "observed"),
        scorer=told(ports.scorer, "score", "scored"),
        committer=told(ports.committer, "commit", "anchored"),
        previewer=told(ports.previewer, "preview", "previewed"),
        executor=told(ports.executor, "send", "mined"),
    )
    return replace(session, ports=seen, following=follow)


class _Told:
    """A port one of whose methods tells the watch when it is done."""

    def __init__(self, port: Any, method: str, stage: str, watch: Watch) -> None:
        self._port = port

        async def call(*args: Any) -> Any:
            done = await getattr(port, method)(*args)
            watch.over(stage)
            return done

        setattr(self, method, call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def table(arrivals: Sequence[dict[str, float]]) -> list[str]:
    """Milliseconds per stage at the median and at the 99th percentile, as a table in Markdown."""
    lines = ["| stage | what is done in it | p50, ms | p99, ms |", "|---|---|---:|---:|"]
    for stage, what in STAGES.items():
        lines.append(_row(stage, what, [one[stage] for one in arrivals]))
    return [*lines, _row("**all**", "from the arrival to the receipt", [sum(one.values()) for one in arrivals])]


def _row(stage: str, what: str, seconds: Sequence[float]) -> str:
    middle, worst = np.percentile(np.array(seconds) * 1_000.0, [50, 99])
    return f"| {stage} | {what} | {middle:,.0f} | {worst:,.0f} |"
