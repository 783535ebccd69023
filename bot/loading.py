"""A strategy file and its data, read and checked before anything is started. Live and backtest load alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.config import Config, load_config
from bot.core.dates import DAY, day
from bot.core.panel import Panel
from bot.core.universe import LP, MADE, Universe, Venue
from bot.errors import ConfigError, DataError, RefusedError
from bot.replay import Schedule
from bot.settings import settings_of, simulated_universe
from bot.trend_fields import check_bearings, panels

if TYPE_CHECKING:
    import pandas as pd

    from bot.signals.catalogue import Catalogue
    from bot.signals.feed import PanelOf

BAR_SECONDS = {"1h": 3_600, "1d": DAY}
SYNTHETIC_BARS = 400  # of history and future that a generated market has
SYNTHETIC_START = 1_704_067_200  # 2024-01-01: a fixed date, so that a seed means one market for ever
VAULT_VENUES = 16  # as many as the vault lists, for its life
HISTORY = 160  # bars of a generated market that lie before its first cycle: enough to fit a model once


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line adds to a strategy file."""

    config: Path
    mode: str | None = None
    replay: Path | None = None
    synthetic: int | None = None
    data: Path | None = None
    first: int | None = None
    last: int | None = None
    data_dir: Path | None = None
    devnet: Path | None = None
    cycles: int | None = None
    strength: float = 0.0
    certificate: Path | None = None  # where it is not beside the strategy file
    uncertified: bool = False  # deploy on the local devnet without one

    @property
    def historical(self) -> bool:
        """Whether a historical clock drives the run."""
        return self.replay is not None or self.synthetic is not None


@dataclass(frozen=True, slots=True)
class Source:
    """Where prices and signals come from, and how to name that to a reader."""

    catalogue: Catalogue
    label: str  # "recorded" | "synthetic"
    described: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run that has been read and checked, before anything is started."""

    options: Options
    config: Config
    mode: str
    source: Source
    panel: Panel
    universe: Universe
    schedule: Schedule | None
    warnings: int  # findings in the data that do not stop a run
    uses_scores: bool  # whether the strategy asks a model
    panel_of: PanelOf  # how the panel was made, and how a feed makes it again: with trends, where they are asked for
    doubts: str = ""  # those findings in a line, with their counts


def rpc_url() -> str | None:
    """The node that ``ETH_RPC_URL`` names (the first of several), None if it names none."""
    urls = os.environ.get("ETH_RPC_URL", "").split()
    return urls[0] if urls else None


def load(options: Options) -> Loaded:
    """Everything that can be checked without a chain. Raises ConfigError, DataError, RefusedError."""
    config, mode = _config(options)
    source = open_source(options, config)
    if source.label == "synthetic":
        config = on_generated_signals(config, source.catalogue.sources())
    return _loaded(options, config, mode, source)


def on_generated_signals(config: Config, sources: tuple[str, ...]) -> Config:
    """`config` with signals that a generated market has: a venue that listens at all hears its own asset's stars.

    So any strategy file can be tried on a generated market, whatever recorded sources it names; without the `fields`
    that are made of those.
    """
    if config.costs.gas_series or config.costs.native_asset:
        constant = config.costs.model_copy(update={"gas_series": None, "native_asset": None})
        config = config.model_copy(update={"costs": constant})
    if set(config.read) <= set(sources):
        return config
    stars = sources[-1]  # "synthetic_stars"; sources are sorted
    signals, trends = (stars,) if config.signals else (), config.trends
    if trends is not None:  # as many sources as the file names, as far as there are so many
        trends = trends.model_copy(update={"series": sources[-len(trends.series) :]})
    # Stars are no money: a field that the generated market cannot say is left out.
    fields = {name: field for name, field in config.fields.items() if set(field.series) <= set(sources)}
    config = config.model_copy(update={"signals": signals, "trends": trends, "fields": fields})
    venues = {}
    for name, venue in config.venues.items():
        own = (f"{venue.asset.lower()}/*",)
        heard = {source: own for source in config.read if trends is not None or venue.topics}
        venues[name] = venue.model_copy(update={"topics": heard})
    return config.model_copy(update={"venues": venues})


def config_again(loaded: Loaded) -> Config:
    """The strategy file as it is now, its signals its own. Raises RefusedError unless it is still what was loaded."""
    path, source = loaded.options.config, loaded.source
    config = load_config(path)
    read = on_generated_signals(config, source.catalogue.sources()) if source.label == "synthetic" else config
    if read != loaded.config:
        raise RefusedError(f"{path}: the strategy file changed after it was read: start again")
    return config


def load_frames(
    options: Options,
    prices: pd.DataFrame,
    signals: Mapping[str, pd.DataFrame],
    assets: pd.DataFrame | None = None,
) -> Loaded:
    """As `load`, with data from frames: `prices` has columns time (bar close), asset, close, volume.

    `assets`: when each was listed and delisted, and why (asset, listed_at, delisted_at, reason).
    """
    from bot.signals.catalogue import Catalogue
    from bot.signals.frames import bars_of_frame

    config, mode = _config(options)
    frames = bars_of_frame(prices, config.bar)
    catalogue = Catalogue.of("frames given by the caller", "recorded", frames, signals, assets=assets)
    source = Source(catalogue, "recorded", f"frames given by the caller (digest {catalogue.digest[:12]})")
    return _loaded(replace(options, replay=Path()), config, mode, source)


def _config(options: Options) -> tuple[Config, str]:
    config = load_config(options.config)
    mode = options.mode or config.mode
    if mode == "live":
        raise RefusedError(
            f"{options.config}: mode: live needs a valid certificate made on recorded data, and keys, which this "
            "version cannot keep yet; use fork or paper"
        )
    if mode not in ("paper", "fork"):
        raise ConfigError(f"mode: expected paper, fork or live (got {mode!r})")
    if options.replay is not None and options.synthetic is not None:
        raise ConfigError("recorded data and --synthetic contradict: choose one of them")
    if options.replay is not None and options.strength:
        raise ConfigError("--strength plants a relation in a generated market: recorded data has its own")
    return config, mode


def _loaded(options: Options, config: Config, mode: str, source: Source) -> Loaded:
    from bot.scoring.params import ScorerParams
    from bot.signals.gas import check_names
    from bot.signals.quality import findings_of, summary

    universe = simulated_universe(config)
    settings = settings_of(config, universe, options.config)  # the strategy must load
    if settings.strategy.uses_scores:
        ScorerParams.of(config.scorer, BAR_SECONDS[config.bar])  # and its scorer must be one that can learn
    check_names(source.catalogue, config.costs.gas_series, config.costs.native_asset, config.bar)
    check_bearings(config, universe)
    found = findings_of(source.catalogue, universe, config.bar, config.read)
    panel_of = panels(config)
    panel = panel_of(source.catalogue, universe, config.bar, config.read)
    schedule = schedule_of(options, config, panel) if options.historical else None
    uses_scores = settings.strategy.uses_scores
    loaded = Loaded(
        options, config, mode, source, panel, universe, schedule, len(found), uses_scores, panel_of, summary(found)
    )
    if mode == "paper":
        _refuse_unmade(loaded)
    return loaded


def refuse_historical_node(loaded: Loaded) -> None:
    """Raises ConfigError when a historical clock would drive a fork of a live node, or a node is needed and unset."""
    options, config = loaded.options, loaded.config
    if options.historical and loaded.mode == "fork" and (config.chain != "devnet" or rpc_url()):
        raise ConfigError("a historical clock cannot drive a fork of a live node: its chain is already past that time")
    if config.chain != "devnet" and not rpc_url():
        raise ConfigError(f"{options.config}: chain: {config.chain} needs a node: set ETH_RPC_URL")


def refuse_beyond_the_vault(loaded: Loaded) -> None:
    """Raises ConfigError for what this mode cannot hold: more venues than a vault lists, fees that nobody can know.

    Backtests and paper over a made market hold any number of venues.
    """
    count = len(loaded.universe.risky)
    if loaded.mode != "paper" and count > VAULT_VENUES:
        raise ConfigError(
            f"{loaded.options.config}: venues: {count} named, and mode {loaded.mode} needs a vault, which lists at "
            f"most {VAULT_VENUES}; use mode: paper, or a backtest"
        )
    for venue in loaded.universe.risky:
        if loaded.mode == "paper" and venue.kind == LP and loaded.config.chain != "devnet":
            raise ConfigError(
                f"{loaded.options.config}: venues.{venue.id}.kind: {LP}: on pools of a live node the fees of a paper "
                "position cannot be known; use chain: devnet"
            )


def unmade(universe: Universe) -> list[Venue]:
    """Venues that only contracts can be: no backtest and no paper vault makes them."""
    return [venue for venue in universe.risky if venue.kind not in MADE]


def _refuse_unmade(loaded: Loaded) -> None:
    made = " and ".join(sorted(MADE))
    for venue in unmade(loaded.universe):
        where = f"{loaded.options.config}: venues.{venue.id}.kind: {venue.kind}"
        raise ConfigError(f"{where}: lives on a chain alone; use mode: fork (backtests and paper make {made})")


def open_source(options: Options, config: Config) -> Source:
    """The recorded catalogue that the options name, or a generated market."""
    folder = options.replay or options.data
    if folder is not None:
        catalogue = _opened(folder)
        kind = "recorded" if catalogue.kind == "recorded" else "synthetic"
        return Source(catalogue, kind, f"{kind} data in {folder} ({catalogue.title}, digest {catalogue.digest[:12]})")
    from bot.signals.generator import generate

    seconds = BAR_SECONDS[config.bar]
    seed = options.synthetic if options.synthetic is not None else config.devnet.seed
    start = SYNTHETIC_START
    if options.synthetic is None:  # a wall clock: the market is generated up to well after now
        start = (int(datetime.now(UTC).timestamp()) // seconds - HISTORY) * seconds
    assets = tuple(dict.fromkeys(venue.asset for venue in config.venues.values()))  # several venues may share one
    bars = SYNTHETIC_BARS if options.synthetic is not None else 4 * SYNTHETIC_BARS
    catalogue = generate(seed, assets, bars, seconds, start, options.strength)
    planted = "no relation planted" if options.strength == 0 else f"a relation of strength {options.strength:g} planted"
    return Source(catalogue, "synthetic", f"a generated market, seed {seed}, {planted}")


def _opened(folder: Path) -> Catalogue:
    """The catalogue in a folder, or what is imported from it; what imports is loaded only where it is needed."""
    from bot.signals.catalogue import Catalogue
    from bot.signals.storage import MANIFEST

    if (folder / MANIFEST).is_file():
        return Catalogue.open(folder)
    from bot.signals.importer import open_data

    return open_data(folder, cache_dir())


def schedule_of(options: Options, config: Config, panel: Panel) -> Schedule:
    """The bars and cycles of a historical run. Raises ConfigError or DataError when the window holds none."""
    seconds = BAR_SECONDS[config.bar]
    if config.every % seconds:
        raise ConfigError(f"{options.config}: every: must be a multiple of bar ({config.bar}) on a historical clock")
    earliest, latest = int(panel.times[0]), int(panel.times[-1])
    default = int(panel.times[min(HISTORY, len(panel) - 1)]) if options.synthetic is not None else earliest
    first = options.first if options.first is not None else default
    last = options.last if options.last is not None else latest
    if last < first:
        raise ConfigError(f"--from and --to contradict: {day(first)} is after {day(last)}")
    schedule = Schedule(panel, first, last, config.every)
    if not schedule.rows:
        raise DataError(
            f"no {config.bar} bars from {day(first)} to {day(last)}: the data is {day(earliest)} to {day(latest)}"
        )
    return schedule


def cache_dir() -> Path:
    """Where imported data is kept between runs."""
    return Path(".patron") / "catalogues"
