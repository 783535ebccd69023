"""``python -m bot.latency``: arrivals one after another on a fork of its own, and a table of where their time went."""

from __future__ import annotations

import asyncio
import os
import platform
import random
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from bot.certificates import UNCERTIFIED, Standing
from bot.core.report import DEPLOYED, CycleReport
from bot.daemon import serve
from bot.errors import ChainError, ConfigError
from bot.latency.scene import Scene, made_scene
from bot.latency.stages import Watch, table, watched
from bot.loading import Options, load
from bot.whole_file import write_whole
from bot.wiring import pace_of, session

BEGIN: Final = "<!-- latency -->"
END: Final = "<!-- /latency -->"
LONGEST_PAUSE: Final = (
    2.0  # seconds between a transaction and the next arrival, so that no phase of the watch is left out
)
SEED: Final = 1


async def measured(folder: Path, arrivals: int) -> list[dict[str, float]]:
    """Seconds by stage of each arrival. Raises ChainError where one did not come to a transaction."""
    scene = made_scene(folder)
    loaded = load(Options(scene.config, data=folder / "store", cycles=arrivals + 1, uncertified=True))
    watch, told = Watch(), asyncio.Queue[CycleReport]()
    async with session(loaded, folder / "run", lambda line: None, Standing(None, UNCERTIFIED)) as built:
        seen, pace = watched(built, watch), pace_of(loaded)
        serving = asyncio.create_task(serve(seen, pace, told.put_nowait))
        try:
            return await _arrivals(scene, watch, told, arrivals, serving)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def _arrivals(
    scene: Scene, watch: Watch, told: asyncio.Queue[CycleReport], count: int, serving: asyncio.Task[int]
) -> list[dict[str, float]]:
    draw, found = random.Random(SEED), list[dict[str, float]]()
    await _report(told, serving)  # the first cycle, by the clock: it buys what the others turn
    for _ in range(count):
        # At least a watch and a debounce apart, at most so much more: every phase of both is met.
        await asyncio.sleep(1.0 + draw.random() * LONGEST_PAUSE)
        watch.start()
        await asyncio.to_thread(scene.arrive)
        watch.over("stored")
        report = await _report(told, serving)
        seconds = watch.seconds()
        if report.outcome != DEPLOYED or seconds is None:
            raise ChainError(f"arrival {len(found) + 1} moved nothing: {report.sentence}")
        found.append(seconds)
    return found


async def _report(told: asyncio.Queue[CycleReport], serving: asyncio.Task[int]) -> CycleReport:
    """The next cycle's, or what ended the daemon."""
    waiting = asyncio.create_task(told.get())
    await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done() and told.empty():
        waiting.cancel()
        await serving
        raise ChainError("the daemon ended before its cycle was told")
    return await waiting


def published(page: str, arrivals: int, lines: list[str]) -> str:
    """The page with the table between its marks. Raises ConfigError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"the page has no place for the table: {BEGIN} … {END}")
    cores, load_now = os.cpu_count(), os.getloadavg()[0]
    how = f"{arrivals} arrivals, {cores} cores ({platform.machine()}), {load_now:.1f} processes waiting for them."
    return f"{before}{begin}\n{how}\n\n{chr(10).join(lines)}\n{end}{after}"


def main(
    arrivals: Annotated[int, typer.Option(min=1, max=55, help="signals, one after another")] = 40,
    write: Annotated[Path | None, typer.Option("--write", help="page to put the table into")] = None,
) -> None:
    """Measure from a signal's arrival to a mined transaction on a fork that is started for it."""
    with tempfile.TemporaryDirectory(prefix="patron-latency-") as folder:
        lines = table(asyncio.run(measured(Path(folder), arrivals)))
    for line in lines:
        typer.echo(line)
    if write is not None:
        write_whole(write, published(write.read_text(encoding="utf-8"), arrivals, lines))


if __name__ == "__main__":
    typer.run(main)
