"""The ``fields`` of a strategy file: which series make the optional fields of the panel, such as a pool's depth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from bot.config_venues import Model, Topics, VenueConfig

DEPTH: Final = "pool:depth"
NAMES: Final = r"^(pool:depth|pool:fees|income:[a-z0-9][a-z0-9_-]{0,40})$"


class FieldConfig(Model):
    """One of `pool:depth`, `pool:fees`, `income:<name>`: what a venue's topics of some series say, in money.

    Fees and income are money per bar, income per whole token; depth is money at the bar's close. Which topics speak of
    a venue is said under `venues.<id>.topics`.
    """

    series: Topics = Field(description="signal series of the catalogue that say it; of several the sum")
    of: Literal["level", "flow"] = Field(
        description="`level`: the newest value of each topic, summed (a depth, or the volume of the last day on daily "
        "bars); `flow`: what was newly told in each bar, summed (what an hour or a day has earned)"
    )
    times: dict[str, Annotated[float, Field(strict=False, gt=0)]] = Field(
        default={},
        description="venue -> what its sum is multiplied by, 1 if not said: a pool's fee (0.003) where the series is "
        "volume, 1 ÷ the number of shares where income is that of all of them, a rate where it is other money",
    )

    @field_validator("series", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value

    @field_validator("series")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError("at least one, and each once")
        return value


def series_of(fields: Mapping[str, FieldConfig]) -> tuple[str, ...]:
    """Every series that a field is made of, each once."""
    return tuple(dict.fromkeys(series for field in fields.values() for series in field.series))


def check_fields(fields: Mapping[str, FieldConfig], venues: Mapping[str, VenueConfig]) -> None:
    """Raises ValueError, its text beginning with the field, for what is unknown or would be nobody's."""
    for name, field in fields.items():
        where = f"fields.{name}"
        if not re.fullmatch(NAMES, name):
            raise ValueError(f"{where}: no such field; there are pool:depth, pool:fees and income:<a name of your own>")
        if name == DEPTH and field.of == "flow":
            raise ValueError(f"{where}.of: a depth does not flow; write level")
        for series in field.series:
            if not any(venue.topics.get(series) for venue in venues.values()):
                raise ValueError(f"{where}.series: no venue names topics of {series} under venues.<id>.topics")
        for venue in field.times:
            if venue not in venues:
                raise ValueError(f"{where}.times.{venue}: no such venue; there are {', '.join(venues)}")
