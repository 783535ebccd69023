"""Files of anyone's into a catalogue, by column maps; the maps of well-known recordings come along."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from bot.errors import DataError, located
from bot.signals.catalogue import Catalogue, is_catalogue, is_store
from bot.signals.columnmap import AssetMap, AssetName, ColumnMap, PriceMap, SignalMap, read_map, ready_maps
from bot.signals.listings import merged
from bot.signals.reading import asset_names, holds, numbers, present, read_columns, times
from bot.signals.renames import join_renamed
from bot.signals.storage import BARS, MANIFEST

_VERSION = 2  # of what importing does: raise it when the same files would make another catalogue
_TITLE = "imported recordings"


@dataclass(frozen=True, slots=True)
class MapReport:
    """What one map did: rows read, rows kept, and why the others were left out."""

    name: str
    files: tuple[str, ...]
    datasets: tuple[str, ...]
    rows_read: int
    rows_kept: int
    left_out: Mapping[str, int]
    renamed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import made. `digest` is the catalogue's: the same input gives the same one."""

    path: Path
    digest: str
    maps: tuple[MapReport, ...]


@dataclass(slots=True)
class Taken:
    """What maps took out of files: bars by (bar, asset), observations by source, tables of listings."""

    prices: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    signals: dict[str, pd.DataFrame] = field(default_factory=dict)
    listings: list[pd.DataFrame] = field(default_factory=list)

    def take(self, name: str, column_map: ColumnMap, files: list[Path], tell: Callable[[str], None]) -> MapReport:
        """Adds what one map makes of its files, and says what that was. A bar that an earlier map brought stays."""
        tell(f"{name}: {len(files)} file{'s' if len(files) > 1 else ''}")
        started, tally = time.monotonic(), _Tally()
        if isinstance(column_map, PriceMap):
            assets = _add_prices(column_map, files, self.prices, tally)
            made = [f"prices/{column_map.bar}/{asset}" for asset in assets]
        elif isinstance(column_map, AssetMap):
            self.listings.append(_listings(column_map, files, tally))
            made = ["assets"]
        else:
            _add_signals(column_map, files, self.signals, tally)
            made = [f"signals/{column_map.source}"]
        left_out = dict(sorted(tally.left_out.items()))
        spent = time.monotonic() - started
        names = tuple(file.name for file in files)
        return MapReport(name, names, tuple(made), tally.read, tally.kept, left_out, tally.renamed, spent)


@dataclass(slots=True)
class _Tally:
    read: int = 0
    kept: int = 0
    renamed: int = 0
    left_out: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def drop(self, reason: str, frame: pd.DataFrame, keep: pd.Series[bool]) -> pd.DataFrame:
        if not keep.all():
            self.left_out[reason] += int((~keep).sum())
            return frame[keep]
        return frame


def import_directory(
    source: Path | str,
    destination: Path | str,
    maps: Sequence[Path | str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> ImportReport:
    """Imports every file in `source` (or one folder below) that a map knows, and writes the catalogue.

    `maps` are map files; without it the ready ones are used. Datasets of an earlier import into the same
    catalogue stay, unless this import makes them anew. Raises DataError naming what was looked for.
    """
    source, destination = Path(source), Path(destination)
    if is_store(destination):
        raise DataError(located(destination, "", "a point-in-time store: import into it with --into-store"))
    found = found_maps(source, maps)
    tell = progress or (lambda line: None)
    taken = Taken()
    reports = [taken.take(name, column_map, files, tell) for name, (column_map, files) in found.items()]
    prices, signals, listings = taken.prices, taken.signals, taken.listings
    if (destination / MANIFEST).is_file():
        older = Catalogue.open(destination)
        if older.kind != "recorded":
            raise DataError(located(destination, "kind", "a synthetic catalogue takes no recorded data", older.title))
        prices = {(b, a): older.prices(a, b) for b in older.bars() for a in older.assets(b)} | prices
        signals = {name: older.signals(name) for name in older.sources()} | signals
        listings.insert(0, older.listings())
    assets = functools.reduce(merged, listings) if listings else None
    catalogue = Catalogue.of(_TITLE, "recorded", prices, signals, assets=assets)
    catalogue.write(destination)
    return ImportReport(destination, catalogue.digest, tuple(reports))


def open_data(path: Path | str, cache_dir: Path | str) -> Catalogue:
    """The catalogue or store at `path`; or, when it is a folder of files that ready maps know, their import.

    The import is made once and kept in `cache_dir` under a name that changes with the files and the maps.
    Raises DataError naming what was looked for when `path` is neither.
    """
    path, cache_dir = Path(path), Path(cache_dir)
    if is_catalogue(path):
        return Catalogue.open(path)
    found = found_maps(path, None)
    facts: list[object] = [_VERSION]
    for name, (_, files) in sorted(found.items()):
        facts.append([name, ready_maps()[name].read_text(encoding="utf-8")])
        facts += [[str(file.relative_to(path)), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    kept = cache_dir / key
    if not (kept / MANIFEST).is_file():
        import_directory(path, kept)
    return Catalogue.open(kept)


def found_maps(source: Path, maps: Sequence[Path | str] | None) -> dict[str, tuple[ColumnMap, list[Path]]]:
    """The maps that find files, by name, with those files in order."""
    if not source.is_dir():
        raise DataError(located(source, "", "not a folder" if source.exists() else "does not exist"))
    named = ready_maps() if maps is None else {Path(file).stem: Path(file) for file in maps}
    looked_for, found = [], {}
    for name, file in named.items():
        column_map = read_map(file)
        pattern = column_map.files
        files = sorted({*source.glob(pattern), *source.glob(f"*/{pattern}")})
        looked_for.append(pattern)
        if files:
            found[name] = (column_map, files)
    if not found:
        patterns = ", ".join(dict.fromkeys(looked_for))
        raise DataError(located(source, "", f"neither {MANIFEST} nor a file that a map knows ({patterns})"))
    return found


def _add_prices(
    column_map: PriceMap, files: list[Path], prices: dict[tuple[str, str], pd.DataFrame], tally: _Tally
) -> list[str]:
    """The map's assets, sorted; their bars are added to `prices`, where an earlier map's bar stays."""
    parts = [_bars(column_map, file, tally) for file in files]
    frame = _single(pd.concat(parts, ignore_index=True), ["asset", "time"], "close", column_map, files[0], tally)
    tally.kept = len(frame)
    assets = []
    for asset, rows in frame.groupby("asset", sort=True):
        key = (column_map.bar, str(asset))
        fresh = rows.drop(columns="asset")
        if key in prices:
            fresh = pd.concat([prices[key], fresh]).drop_duplicates("time", keep="first")
        prices[key] = fresh.sort_values("time", kind="stable", ignore_index=True)
        assets.append(str(asset))
    return assets


def _bars(column_map: PriceMap, file: Path, tally: _Tally) -> pd.DataFrame:
    name, volume = column_map.asset, column_map.volume
    columns = [column_map.time.column, column_map.open, column_map.high, column_map.low, column_map.close]
    columns += [volume.column] + ([name.column] if name.column else [])
    frame = _filtered(column_map, file, columns, tally)
    asset = asset_names(name, frame, file)
    stamped = times(frame[column_map.time.column], column_map.time, file)
    shift = BARS[column_map.bar] if column_map.time.stamp == "open" else 0
    close, amount = numbers(frame[column_map.close], file), numbers(frame[volume.column], file)
    bars = pd.DataFrame(
        {
            "asset": asset,
            "time": stamped + pd.Timedelta(shift, unit="s"),
            "open": numbers(frame[column_map.open], file),
            "high": numbers(frame[column_map.high], file),
            "low": numbers(frame[column_map.low], file),
            "close": close,
            "volume_quote": amount * close if volume.counts == "base" else amount,
        }
    )
    return _wanted(name, bars, tally)


def _listings(column_map: AssetMap, files: list[Path], tally: _Tally) -> pd.DataFrame:
    """The map's assets with their dates; an asset that is there twice with other dates needs the map's rule."""
    parts = []
    for file in files:
        dates = {"listed_at": column_map.listed_at, "delisted_at": column_map.delisted_at}
        columns = [spec.column for spec in dates.values() if spec is not None]
        columns += [name for name in (column_map.asset.column, column_map.reason) if name is not None]
        frame = _filtered(column_map, file, columns, tally)
        part = pd.DataFrame({"asset": asset_names(column_map.asset, frame, file)}, index=frame.index)
        for name, spec in dates.items():
            part[name] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
            if spec is not None:
                known = frame[spec.column].notna()
                part.loc[known, name] = times(frame.loc[known, spec.column], spec, file)
        reasons = "" if column_map.reason is None else frame[column_map.reason].fillna("")
        parts.append(part.assign(reason=pd.Series(reasons, index=frame.index, dtype="str")))
    table = _single(pd.concat(parts, ignore_index=True), ["asset"], "delisted_at", column_map, files[0], tally)
    tally.kept = len(table)
    return _wanted(column_map.asset, table, tally).sort_values("asset", kind="stable", ignore_index=True)


def _wanted(name: AssetName, frame: pd.DataFrame, tally: _Tally) -> pd.DataFrame:
    wanted = pd.Series(True, index=frame.index) if name.only is None else frame["asset"].isin(name.only)
    return tally.drop("asset not asked for", frame, wanted)


def _add_signals(column_map: SignalMap, files: list[Path], signals: dict[str, pd.DataFrame], tally: _Tally) -> None:
    parts = [_observations(column_map, file, tally) for file in files]
    frame = pd.concat(parts, ignore_index=True)
    # Where the file says when a value was published, a later one is a revision and stays beside the first.
    key = ["topic", "observed_at"] + (["published_at"] if column_map.published_at is not None else [])
    frame = _single(frame, key, "value", column_map, files[0], tally)
    if column_map.incomplete is not None:
        day = frame["observed_at"].dt.floor("D")
        count = frame.groupby(day)["topic"].nunique()
        usual = count.shift(1).rolling(column_map.incomplete.of_days, min_periods=3).median()
        short = count.index[count < column_map.incomplete.below * usual]
        tally.left_out["incomplete days"] += len(short)
        frame = tally.drop("rows of incomplete days", frame, ~day.isin(short))
    if column_map.renames is not None:
        frame, tally.renamed = join_renamed(frame, column_map.renames)
        frame = frame.sort_values("value", ascending=False, kind="stable")
        frame = tally.drop("old name beside the new", frame, ~frame.duplicated(key))
    if column_map.source in signals:
        frame = pd.concat([signals[column_map.source], frame]).drop_duplicates(key)
    order = ["topic", "published_at", "observed_at"]
    signals[column_map.source] = frame.sort_values(order, kind="stable", ignore_index=True)
    tally.kept = len(frame)


def _observations(column_map: SignalMap, file: Path, tally: _Tally) -> pd.DataFrame:
    columns = [*column_map.topic.columns, column_map.value, column_map.observed_at.column]
    columns += [column_map.published_at.column] if column_map.published_at else []
    frame = _filtered(column_map, file, columns, tally)
    keys = column_map.topic.columns
    for key in keys:
        present(frame[key], file)
    topic = frame[keys[0]].astype("str")
    for key in keys[1:]:
        topic = topic + column_map.topic.join + frame[key].astype("str")
    codes, names = pd.factorize(topic)
    clean = pd.Series(names, dtype="str")
    for replacement in column_map.topic.replace:
        clean = clean.str.replace(replacement.pattern, replacement.by, regex=True)
    clean = clean.str.lower() if column_map.topic.lower else clean
    observed = times(frame[column_map.observed_at.column], column_map.observed_at, file)
    if column_map.published_at is not None:
        published = times(frame[column_map.published_at.column], column_map.published_at, file)
    else:
        published = observed + pd.Timedelta(column_map.published_after or 0, unit="s")
    return pd.DataFrame(
        {
            "topic": pd.Series(clean.to_numpy()[codes], index=frame.index, dtype="str"),
            "value": numbers(frame[column_map.value], file) * column_map.scale,
            "observed_at": observed,
            "published_at": published,
        }
    )


def _filtered(column_map: ColumnMap, file: Path, columns: list[str], tally: _Tally) -> pd.DataFrame:
    conditions = [*column_map.keep_when, *column_map.drop_when]
    frame = read_columns(file, [*columns, *(condition.column for condition in conditions)])
    tally.read += len(frame)
    for condition in column_map.keep_when:
        frame = tally.drop(f"{condition.column} not asked for", frame, holds(condition, frame, file))
    for condition in column_map.drop_when:
        frame = tally.drop(f"{condition.column} dropped", frame, ~holds(condition, frame, file))
    return frame


def _single(
    frame: pd.DataFrame,
    key: list[str],
    value: str,
    column_map: ColumnMap,
    file: Path,
    tally: _Tally,
) -> pd.DataFrame:
    """`frame` with each key once. Rows that agree in everything are one; else the map's rule decides."""
    frame = tally.drop("repeated rows", frame, ~frame.duplicated())
    twice = frame.duplicated(key)
    if not twice.any():
        return frame
    if column_map.duplicates == "refuse":
        first = frame[twice].iloc[0]
        what = f"{' at '.join(str(first[part]) for part in key[:2])} is there twice with different values"
        raise DataError(located(file, "duplicates", f"{what}: say first, last or highest in the map"))
    if column_map.duplicates == "highest":
        frame = frame.sort_values(value, kind="stable")
    kept = frame.duplicated(key, keep="first" if column_map.duplicates == "first" else "last")
    return tally.drop(f"duplicates ({column_map.duplicates} kept)", frame, ~kept)
