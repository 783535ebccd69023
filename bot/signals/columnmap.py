"""Column maps: how a CSV or Parquet file of anyone's becomes prices or signals, said in YAML.

Nothing is guessed. A number is no time until the map names its unit, a time without a zone is refused until
the map says UTC, and a bar is not a bar until the map says whether its stamp is the open or the close.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml.error import YAMLError

from bot.errors import DataError, located
from bot.signals.storage import yaml

READY_MAPS = Path(__file__).parent / "maps"
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _seconds(text: object) -> object:
    """Seconds of a length of time such as ``90m``, ``12h`` or ``1d``."""
    if isinstance(text, str):
        match = re.fullmatch(r"\s*(\d{1,6})\s*([smhd])\s*", text)
        if match:
            return int(match[1]) * _UNITS[match[2]]
    raise ValueError("a length of time such as 90m, 12h or 1d")


Seconds = Annotated[int, BeforeValidator(_seconds)]
Value = str | int | float | bool


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Condition(_Part):
    """True for rows in which every comparison named holds. A missing value holds only for `missing`."""

    column: str
    equals: Value | None = None
    among: list[Value] | None = None
    at_most: float | int | None = None
    at_least: float | int | None = None
    missing: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if not self.model_fields_set - {"column"}:
            raise ValueError("name one of equals, among, at_most, at_least, missing")
        return self


class TimeColumn(_Part):
    """Where the time is and how it is written: a unit for numbers, a format for text, UTC if zoneless."""

    column: str
    unit: Literal["s", "ms", "us", "ns"] | None = None
    format: str | None = None
    timezone: Literal["UTC"] | None = None


class BarTime(TimeColumn):
    """The time of a bar, and which end of it is stamped."""

    stamp: Literal["open", "close"]


class Replacement(_Part):
    """Text that matches `pattern` (a regular expression) becomes `by`."""

    pattern: str
    by: str

    @model_validator(mode="after")
    def _compiles(self) -> Replacement:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return self


class AssetName(_Part):
    """An asset's name: a column, a constant, or the one group of a regular expression on the file name."""

    column: str | None = None
    constant: str | None = None
    from_file: str | None = None
    strip_suffix: str = ""
    rename: dict[str, str] = Field(default_factory=dict)
    only: list[str] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> AssetName:
        if [self.column, self.constant, self.from_file].count(None) != 2:
            raise ValueError("name one of column, constant, from_file")
        if self.from_file is not None and re.compile(self.from_file).groups != 1:
            raise ValueError("from_file needs one group in parentheses")
        return self


class Volume(_Part):
    """The volume's column, and what it counts: base tokens (times close = money) or quote money."""

    column: str
    counts: Literal["base", "quote"]


class TopicName(_Part):
    """A topic's name: columns joined by `join`, then replacements, then lower case if asked for."""

    columns: list[str] = Field(min_length=1)
    join: str = "/"
    replace: list[Replacement] = Field(default_factory=list)
    lower: bool = False


class Incomplete(_Part):
    """A day is incomplete with fewer topics than `below` times the median of the `of_days` days before it."""

    below: float = Field(gt=0.0, lt=1.0)
    of_days: int = Field(ge=3, le=365)


class Renames(_Part):
    """When an owner is renamed, the topic keeps its first name.

    A new ``owner/name`` continues an older topic of the same name when that one is missing on the new one's
    first day, was seen within `within`, and the value went on from it: between `lowest` and `highest` times
    its last.
    """

    within: Seconds
    lowest: float = Field(gt=0.0, le=1.0)
    highest: float = Field(ge=1.0)


class _Map(_Part):
    format: Literal[1]
    about: str
    files: str
    keep_when: list[Condition] = Field(default_factory=list)
    drop_when: list[Condition] = Field(default_factory=list)
    duplicates: Literal["refuse", "first", "last", "highest"] = "refuse"


class PriceMap(_Map):
    """A file of bars. `source`: who said so, in a store, where files of one source go on from each other."""

    kind: Literal["prices"]
    source: str | None = None
    bar: Literal["1h", "1d"]
    time: BarTime
    asset: AssetName
    open: str
    high: str
    low: str
    close: str
    volume: Volume


class SignalMap(_Map):
    """A file of observations, published `published_after` later or at the time that a column says.

    Values are multiplied by `scale`, for units of which a float64 holds no more (1e-18: wei to ether).
    """

    kind: Literal["signals"]
    source: str
    topic: TopicName
    value: str
    scale: float = Field(default=1.0, gt=0.0)
    observed_at: TimeColumn
    published_at: TimeColumn | None = None
    published_after: Seconds | None = None
    incomplete: Incomplete | None = None
    renames: Renames | None = None

    @model_validator(mode="after")
    def _published_somehow(self) -> SignalMap:
        if (self.published_at is None) == (self.published_after is None):
            raise ValueError("name one of published_at and published_after")
        return self


class AssetMap(_Map):
    """A file of assets: when each was listed and delisted (an empty cell: not known, or not yet), and why."""

    kind: Literal["assets"]
    asset: AssetName
    listed_at: TimeColumn | None = None
    delisted_at: TimeColumn | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _says_when(self) -> AssetMap:
        if self.listed_at is None and self.delisted_at is None:
            raise ValueError("name listed_at, delisted_at or both")
        return self


ColumnMap = PriceMap | SignalMap | AssetMap


class _Document(BaseModel):
    model_config = ConfigDict(strict=True)
    map: Annotated[ColumnMap, Field(discriminator="kind")]


def read_map(file: Path) -> ColumnMap:
    """The column map in `file`. Raises DataError naming the field that is wrong."""
    try:
        document = yaml().load(file.read_text(encoding="utf-8"))
        return _Document.model_validate({"map": document}).map
    except OSError as error:
        raise DataError(located(file, "", f"cannot read the map: {error.strerror}")) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise DataError(located(file, "", f"not YAML: {' '.join(str(error).split())[:160]}")) from error
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"] if part not in ("map", "prices", "signals", "assets")]
        got = first["input"] if not isinstance(first["input"], dict | list) else None
        problem = first["msg"].removeprefix("Value error, ")
        raise DataError(located(file, ".".join(parts), problem, got)) from error


def ready_maps() -> dict[str, Path]:
    """The maps that come with Patron, by name."""
    return {file.stem: file for file in sorted(READY_MAPS.glob("*.yaml"))}
