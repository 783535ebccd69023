"""How a catalogue's datasets lie on disk: names, columns, digests, and reading that refuses to guess."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bot.core.panel import Times
from bot.errors import DataError, located

MANIFEST = "catalogue.yaml"
FORMAT: Literal[1] = 1
BARS: Mapping[str, int] = {"1h": 3_600, "1d": 86_400}
_TIME = pa.timestamp("us", tz="UTC")
PRICE_SCHEMA = pa.schema(
    [("time", _TIME), *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume_quote"))]
)
SIGNAL_SCHEMA = pa.schema(
    [("topic", pa.string()), ("value", pa.float64()), ("observed_at", _TIME), ("published_at", _TIME)]
)
ASSETS_PATH = "assets.parquet"
ASSET_SCHEMA = pa.schema(
    [("asset", pa.string()), ("listed_at", _TIME), ("delisted_at", _TIME), ("reason", pa.string())]
)
_MAY_BE_MISSING = frozenset({"listed_at", "delisted_at"})  # of an asset: nobody knows, or it has not happened
Kind = Literal["recorded", "synthetic"]
DatasetKind = Literal["prices", "signals", "assets"]
_PARTS: Mapping[str, int] = {"prices": 3, "signals": 2, "assets": 1}  # of a dataset's path


class Dataset(BaseModel):
    """One Parquet file: where it is, what is in it, and how to know that it is still the same.

    `sha256` is that of the file; `content` is that of the values, whoever wrote the Parquet.
    `first` and `last` are unix seconds of bar closes, of publication, or of the first listing and the last delisting.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    path: str
    kind: DatasetKind
    rows: int
    first: int | None
    last: int | None
    sha256: str
    content: str


class Manifest(BaseModel):
    """What catalogue.yaml holds."""

    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal[1]
    title: str
    kind: Kind
    seed: int | None = None
    datasets: list[Dataset]


def price_path(asset: str, bar: str) -> str:
    """Where prices live inside a catalogue. Raises DataError for a name that is not plain."""
    return f"prices/{_safe(bar)}/{_safe(asset)}.parquet"


def signal_path(source: str) -> str:
    """Where a signal source lives inside a catalogue. Raises DataError for a name that is not plain."""
    return f"signals/{_safe(source)}.parquet"


def schema_of(path: str) -> pa.Schema:
    """The columns that a dataset of that name has."""
    return {"prices": PRICE_SCHEMA, "signals": SIGNAL_SCHEMA, "assets": ASSET_SCHEMA}[kind_of(path)]


def kind_of(path: str) -> DatasetKind:
    """What a dataset of that name holds."""
    return "prices" if path.startswith("prices/") else "assets" if path == ASSETS_PATH else "signals"


def seconds_of(times: pd.Series[pd.Timestamp]) -> Times:
    """Unix seconds, rounded down."""
    return micros_of(times) // 1_000_000


def micros_of(times: pd.Series[pd.Timestamp]) -> Times:
    """Unix microseconds."""
    return times.to_numpy(dtype="datetime64[us]").astype(np.int64)


def fitted(frame: pd.DataFrame, schema: pa.Schema, name: str) -> pd.DataFrame:
    """`frame` with exactly the schema's columns and types. Raises DataError naming the column at fault."""
    columns = {}
    if not isinstance(frame, pd.DataFrame):
        raise DataError(located(name, "", f"a DataFrame is needed, this is a {type(frame).__name__}"))
    twice = [str(column) for column in frame.columns[frame.columns.duplicated()]]
    if twice:
        raise DataError(located(name, twice[0], "column is there twice"))
    for field in schema:
        if field.name not in frame.columns:
            raise DataError(located(name, field.name, "column is missing", ", ".join(map(str, frame.columns))))
        column = frame[field.name].reset_index(drop=True)
        if pa.types.is_timestamp(field.type):
            if getattr(column.dtype, "tz", None) is None:
                zones = {getattr(cell, "tzinfo", None) is None for cell in column} if column.dtype == object else {True}
                mixed = "some times have a zone and some have none"
                problem = mixed if len(zones) > 1 else "times need a time zone (UTC)"
                raise DataError(located(name, field.name, problem, str(column.dtype)))
            column = column.dt.tz_convert("UTC").dt.as_unit("us")
        elif pa.types.is_floating(field.type):
            if not pd.api.types.is_numeric_dtype(column.dtype):
                raise DataError(located(name, field.name, "not numbers", str(column.dtype)))
            column = column.astype(np.float64)
        elif not (pd.api.types.is_string_dtype(column.dtype) or column.empty):
            raise DataError(located(name, field.name, "not text", str(column.dtype)))
        else:
            column = column.astype("str")
        if not pa.types.is_floating(field.type) and field.name not in _MAY_BE_MISSING and column.isna().any():
            raise DataError(located(name, field.name, f"a value is missing in row {int(np.argmax(column.isna())) + 1}"))
        columns[field.name] = column
    extra = [str(name) for name in frame.columns if name not in columns]
    if extra:
        raise DataError(located(name, extra[0], "column does not belong here"))
    return pd.DataFrame(columns)


def content_digest(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of the values, column by column: independent of the file format and of who wrote it."""
    digest = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(f"{name} {len(column)}\n".encode())
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            digest.update(micros_of(column).astype("<i8").tobytes())
        elif pd.api.types.is_numeric_dtype(column.dtype):
            digest.update(column.to_numpy(dtype="<f8").tobytes())
        else:
            codes, names = pd.factorize(column, sort=True)
            digest.update("\0".join(map(str, names)).encode())
            digest.update(np.asarray(codes).astype("<i8").tobytes())
    return digest.hexdigest()


def described(path: str, frame: pd.DataFrame, content: str, sha256: str) -> Dataset:
    """The manifest's entry of one dataset."""
    kind = kind_of(path)
    first_of, last_of = {
        "prices": ("time", "time"),
        "signals": ("published_at", "published_at"),
        "assets": ("listed_at", "delisted_at"),
    }[kind]
    begun, ended = seconds_of(frame[first_of].dropna()), seconds_of(frame[last_of].dropna())
    first, last = int(begun.min()) if len(begun) else None, int(ended.max()) if len(ended) else None
    return Dataset(path=path, kind=kind, rows=len(frame), first=first, last=last, sha256=sha256, content=content)


def read_manifest(file: Path) -> Manifest:
    """The manifest at `file`. Raises DataError naming the field that is wrong."""
    try:
        document = yaml().load(file.read_text(encoding="utf-8"))
        manifest = Manifest.model_validate(document)
    except OSError as error:
        raise DataError(located(file, "", f"not a catalogue: {error.strerror}")) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise DataError(located(file, "", "not YAML", str(error).splitlines()[0])) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(located(file, field, first["msg"], first["input"] if first["loc"] else None)) from error
    for dataset in manifest.datasets:
        parts = dataset.path.removesuffix(".parquet").split("/")
        known = parts[0] == dataset.kind and len(parts) == _PARTS[dataset.kind]
        if not (known and dataset.path.endswith(".parquet") and all(PLAIN_NAME.fullmatch(part) for part in parts[1:])):
            raise DataError(located(file, "datasets", "not a path of this format", dataset.path))
        if dataset.kind == "prices" and parts[1] not in BARS:
            raise DataError(located(file, "datasets", f"bars are {', '.join(BARS)}", dataset.path))
    return manifest


def refuse_twins(paths: Iterable[str], where: object) -> None:
    """Raises DataError where two datasets' names differ in letter case alone: they would be one file on some disks."""
    lowered: dict[str, str] = {}
    for path in paths:
        other = lowered.setdefault(path.lower(), path)
        if other != path:
            raise DataError(located(where, "name", f"{other} and {path} differ in letter case alone: rename one"))


def check_file(file: Path, dataset: Dataset) -> None:
    """Nothing, when the file has the bytes and columns that the manifest says. Raises DataError otherwise."""
    try:
        data = file.read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != dataset.sha256:
            raise DataError(located(file, "sha256", "the file changed after it was written", found[:16]))
        schema = pq.read_schema(BytesIO(data))
    except OSError as error:
        raise DataError(located(file, "", f"cannot read: {error.strerror or error}")) from error
    except pa.ArrowInvalid as error:
        raise DataError(located(file, "", "not Parquet", str(error))) from error
    for field in schema_of(dataset.path):
        if schema.names.count(field.name) != 1:
            problem = "column is there twice" if field.name in schema.names else "column is missing"
            raise DataError(located(file, field.name, problem, ", ".join(schema.names)))
        found_type = schema.field(field.name).type
        if found_type != field.type and not (pa.types.is_string(field.type) and pa.types.is_large_string(found_type)):
            raise DataError(located(file, field.name, f"not {field.type}", str(found_type)))


def read_file(file: Path, dataset: Dataset) -> pd.DataFrame:
    """The dataset's frame. Raises DataError when its values are not those that the manifest knows."""
    try:
        with pq.ParquetFile(file) as opened:
            table = opened.read(use_threads=False)  # small files: threads cost more than they bring
    except OSError as error:
        raise DataError(located(file, "", f"cannot read: {error}")) from error
    except pa.ArrowInvalid as error:
        raise DataError(located(file, "", "not Parquet", str(error))) from error
    frame = _frame(table, schema_of(dataset.path), str(file))
    if content_digest(frame) != dataset.content:
        raise DataError(located(file, "content", "the values are not those that catalogue.yaml knows"))
    return frame


def _frame(table: pa.Table, schema: pa.Schema, name: str) -> pd.DataFrame:
    """As `fitted`; a table that has the schema's very types, and no text, needs no second look at each column."""
    exact = table.schema.equals(schema) and not any(
        pa.types.is_string(field.type) or (column.null_count and not pa.types.is_floating(field.type))
        for field, column in zip(schema, table.columns, strict=True)
    )
    if exact:
        # Blocks of one column each are the table's own memory: nothing is copied.
        known: pd.DataFrame = table.to_pandas(ignore_metadata=True, use_threads=False, split_blocks=True)
        return known
    return fitted(table.to_pandas(), schema, name)


def yaml() -> YAML:
    """Plain YAML in block style, keys in the order given."""
    settings = YAML(typ="safe", pure=True)
    settings.default_flow_style = False
    settings.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    return settings


PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _safe(name: str) -> str:
    if not PLAIN_NAME.fullmatch(name):
        raise DataError(located("catalogue", "name", "letters, digits, dot, dash and underscore only", name))
    return name
