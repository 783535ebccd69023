"""A store's rows in DuckDB, in memory: loaded from verified segments through Arrow, and asked in SQL.

The database opens no file and no connection of its own, and runs on one thread: what it is asked is small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import duckdb
import pandas as pd
import pyarrow as pa

from bot.core.observation import RefusedRow
from bot.signals.store.identity import Identities
from bot.signals.store.intake import Moment, Track, Version
from bot.signals.store.judge import PAST, Said
from bot.signals.store.schema import REFUSED, TABLES

_TYPES: Final = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT", pa.int32(): "INTEGER"}
_MOMENTS: Final = pa.schema([("series", pa.string()), ("key", pa.string()), ("moment", pa.int64())])
_SPANS: Final = pa.schema([*_MOMENTS, ("until", pa.int64())])
# Signals and bars as one kind of track, so that one rule serves both.
_TRACKS: Final = """
CREATE VIEW tracks AS
SELECT series, key, observed_at AS moment, published_at, revision, [value] AS content, value FROM observations
UNION ALL
SELECT 'prices/' || bar || '/' || source, asset, time, published_at, revision,
       [open, high, low, close, volume_quote], close FROM bars
"""


class Tables:
    """Every row of a store, in the order in which it was appended."""

    def __init__(self) -> None:
        self._base = duckdb.connect(":memory:", config={"threads": 1, "autoinstall_known_extensions": "false"})
        self._base.execute("SET enable_external_access = false")
        for name, schema in TABLES.items():
            columns = ", ".join(f'"{field.name}" {_TYPES[field.type]}' for field in schema)
            self._base.execute(f"CREATE TABLE {name} ({columns})")
        self._base.execute(_TRACKS)

    def add(self, name: str, rows: pa.Table) -> None:
        """Appends rows, with the columns of `schema.TABLES[name]`, to a table."""
        self._base.register("fresh", rows)
        self._base.execute(f"INSERT INTO {name} SELECT * FROM fresh")  # noqa: S608 a name of ours
        self._base.unregister("fresh")

    def frame(self, query: str, values: Sequence[object] = ()) -> pd.DataFrame:
        """The answer to a query of ours; `values` stand in for its question marks."""
        return self._base.execute(query, list(values)).df()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """As `frame`, as tuples."""
        return self._base.execute(query, list(values)).fetchall()

    def identities(self) -> Identities:
        """Who has which name: the first key that each entity had, the newest entity of each topic."""
        names = self._base.execute(
            "SELECT split_part(series, '_', 1), entity, arg_min(key, rowid) FROM observations "
            "WHERE entity <> '' GROUP BY 1, 2"
        ).fetchall()
        holders = self._base.execute(
            "SELECT series, topic, coalesce(arg_max(entity, rowid) FILTER (entity <> ''), ''), "
            "coalesce(arg_max(key, rowid) FILTER (entity <> ''), arg_min(key, rowid)) FROM observations GROUP BY 1, 2"
        ).fetchall()
        return Identities(
            {(domain, entity): key for domain, entity, key in names},
            {(series, topic): (entity, key) for series, topic, entity, key in holders},
        )

    def tails(self) -> dict[Track, list[Said]]:
        """The newest `PAST` values of every track, by time."""
        return self._by_track(
            "SELECT series, key, moment, value FROM tracks "
            "QUALIFY row_number() OVER (PARTITION BY series, key ORDER BY moment DESC, value DESC) <= ? "
            "ORDER BY series, key, moment, value",
            [PAST],
        )

    def held(self) -> dict[Track, list[Said]]:
        """Every value that was ever held, by track and time."""
        return self._by_track("SELECT series, key, moment, value FROM held ORDER BY series, key, moment, value")

    def history(self, late: Mapping[Track, tuple[int, int]]) -> dict[Track, list[Said]]:
        """See `intake.Known`."""
        spans = [(*track, first, last) for track, (first, last) in late.items()]
        self._base.register("asked", table_of(spans, _SPANS))
        found = self._by_track(
            "SELECT series, key, t.moment, value FROM tracks t JOIN asked a USING (series, key) "
            "WHERE t.moment BETWEEN a.moment AND a.until ORDER BY series, key, t.moment, value"
        )
        self._base.unregister("asked")
        return found

    def versions(self, moments: Sequence[Moment]) -> dict[Moment, list[Version]]:
        """See `intake.Known`."""
        if not moments:
            return {}
        self._base.register("asked", table_of(moments, _MOMENTS))
        seconds = [moment[2] for moment in moments]
        found = self._base.execute(
            "SELECT series, key, moment, published_at, content FROM tracks SEMI JOIN asked USING (series, key, moment) "
            "WHERE moment BETWEEN ? AND ? ORDER BY series, key, moment, published_at, revision",
            [min(seconds), max(seconds)],
        ).fetchall()
        self._base.unregister("asked")
        versions: dict[Moment, list[Version]] = {}
        for series, key, moment, published_at, content in found:
            versions.setdefault((series, key, moment), []).append((published_at, tuple(content)))
        return versions

    def new_refusals(self, rows: Sequence[RefusedRow]) -> pa.Table:
        """Those of `rows` that quarantine does not hold yet, each once: a feed repeats what is wrong with it."""
        asked = [(row.source, row.field, row.asset, row.reason, row.raw, row.seen_at) for row in dict.fromkeys(rows)]
        if not asked:
            return table_of([], REFUSED)
        self._base.register("asked", table_of(asked, REFUSED))
        found = self.rows(
            "SELECT a.source, a.field, a.asset, a.reason, a.raw, min(a.seen_at) AS seen_at FROM asked a "
            "ANTI JOIN refused r USING (source, field, asset, reason, raw) GROUP BY ALL ORDER BY ALL"
        )
        self._base.unregister("asked")
        return table_of(found, REFUSED)

    def _by_track(self, query: str, values: Sequence[object] = ()) -> dict[Track, list[Said]]:
        found: dict[Track, list[Said]] = {}
        for series, key, moment, value in self._base.execute(query, list(values)).fetchall():
            found.setdefault((series, key), []).append((moment, value))
        return found


def table_of(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    """Rows of plain values as an Arrow table of that schema."""
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
