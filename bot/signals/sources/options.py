"""What a sources file says of each source, whatever its kind: where it is, how often and how fast to ask."""

from __future__ import annotations

import os
from datetime import date
from typing import Annotated, Final

from pydantic import Field, field_validator, model_validator

from bot.config_venues import Model
from bot.errors import SecretError
from bot.quantity import SecondsField, when
from bot.signals.sources.origins import is_inside, origin_of
from bot.signals.sources.transport import Terms

_VARIABLE: Final = r"^[A-Z][A-Z0-9_]*$"
_HEADER: Final = r"^[A-Za-z][A-Za-z0-9-]*$"
BACKFILL: Final = 180 * 86_400  # seconds of history that are fetched where the file does not say more

Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(strict=False)]
"""A list of names, as YAML has it."""
NameOf = dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")], str]
"""Our name of an asset, and what the source calls it."""


class SourceOptions(Model):
    """The keys that every source has."""

    kind: str = Field(description="a shipped kind, or a class of your own: `my_source.py:MySource`")
    base_url: str = Field(description="where the source is; the address of a mirror or a test server of yours")
    redirects_to: Names = Field(default=(), description="other hosts to which it may redirect (https://host)")
    key_env: str | None = Field(default=None, pattern=_VARIABLE, description="environment variable that holds a key")
    key_header: str = Field(default="Authorization", pattern=_HEADER, description="the header that the key is sent in")
    key_prefix: str = Field(default="", description="what stands before the key there, such as `Bearer `")
    every: SecondsField = Field(default="1h", validate_default=True, description="how often it is fetched")
    requests: int = Field(default=30, ge=1, le=10_000, description="at most so many requests …")
    per: SecondsField = Field(default="1min", validate_default=True, description="… in so much time")
    pages: int = Field(default=10, ge=1, le=1_000, description="pages that are followed of one listing")
    timeout: SecondsField = Field(default="30s", validate_default=True, description="for one request, body and all")
    attempts: int = Field(default=4, ge=1, le=10, description="how often a request is tried")
    most_bytes: int = Field(default=16_000_000, ge=1_000, le=1_000_000_000, description="of a body, decompressed")
    start: str | None = Field(default=None, description="first day of history to fetch; half a year ago if not said")

    @field_validator("base_url")
    @classmethod
    def _base(cls, value: str) -> str:
        return _secure(value)

    @field_validator("redirects_to")
    @classmethod
    def _others(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_secure, value))

    @field_validator("start", mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        """YAML reads a day that has no quotes as a date."""
        text = value.isoformat() if isinstance(value, date) else value
        if isinstance(text, str):
            when(text, "start")
        return text

    @model_validator(mode="after")
    def _inside_or_outside(self) -> SourceOptions:
        for other in self.redirects_to:
            if is_inside(origin_of(other).host) and not is_inside(origin_of(self.base_url).host):
                raise ValueError(f"redirects_to: {other} is an address of your own network, base_url is not")
        return self

    def since(self, now: int) -> int:
        """Unix second from which history is fetched."""
        return when(self.start) if self.start is not None else now - BACKFILL

    def urls(self) -> tuple[str, ...]:
        """Addresses of the hosts that may be asked, the source itself first."""
        return (self.base_url, *self.redirects_to)

    def terms(self) -> Terms:
        """Raises SecretError naming the variable, and nothing of its content, where the key is not there."""
        key = ""
        if self.key_env is not None:
            key = os.environ.get(self.key_env, "").strip()
            if not key or not key.isprintable() or not key.isascii():
                raise SecretError(f"{self.kind}: {self.key_env} holds no key")
        return Terms(
            origins=tuple(map(origin_of, self.urls())),
            requests=self.requests,
            per=float(self.per),
            timeout=float(self.timeout),
            attempts=self.attempts,
            most_bytes=self.most_bytes,
            key_header=self.key_header,
            key=self.key_prefix + key if key else "",
        )


def _secure(url: str) -> str:
    origin = origin_of(url)
    if origin.scheme != "https" and not is_inside(origin.host):
        raise ValueError("only https, but for an address of your own machine or network")
    return url.rstrip("/")
