"""What is said of a kept model: what it is, what it was fitted on, how good it was, and how to fit it again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from typing import Any, Final

from bot import __version__
from bot.core.strict_json import canonical, parsed
from bot.scoring.registry.container import MOST_BYTES
from bot.scoring.registry.flaw import Flaw

FORMAT: Final = 1
MOST_MANIFEST: Final = 1 << 20  # bytes
KINDS: Final = ("asset", "topic")
_OWN: Final = {"format", "parts", "facts", "arrays"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """All but the model itself. Nothing here says when, where or by whom: the same fit is the same model anywhere.

    `kind`: what it scores, "asset" or "topic". `name`: whose it is, such as a strategy file's stem. `model`: digest of
    the rows and parameters it was fitted on. `fit_time`: unix seconds. `window`: first and last row and counts. `data`:
    title and digest of the catalogue. `metrics`: figures, with intervals. `recipe`: what `retrain` needs besides the
    data. `parent`: the model that was the promoted one when this was fitted, "" for none.
    """

    kind: str
    name: str
    model: str
    fit_time: int
    features: tuple[str, ...]
    window: Mapping[str, Any]
    data: Mapping[str, Any]
    params: Mapping[str, Any]
    seed: int
    metrics: Mapping[str, Any]
    versions: Mapping[str, str]
    recipe: Mapping[str, Any]
    parent: str = ""

    @property
    def slot(self) -> str:
        """What one of several models can be promoted to: kind and name."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest with the model's descriptions, and the digest and size of the file of its arrays."""

    manifest: Manifest
    parts: Mapping[str, Any]
    facts: Mapping[str, Any]
    arrays_digest: str
    arrays_bytes: int

    def text(self) -> bytes:
        """The bytes whose SHA-256 is the model's name. Raises Flaw for what JSON cannot say, NaN above all."""
        document = {
            "format": FORMAT,
            **asdict(self.manifest),
            "parts": self.parts,
            "facts": self.facts,
            "arrays": {"sha256": self.arrays_digest, "bytes": self.arrays_bytes},
        }
        try:
            text = canonical(document).encode()
        except (ValueError, TypeError) as error:
            raise Flaw("manifest", f"cannot be written: {error}") from None
        if len(text) > MOST_MANIFEST:
            raise Flaw("manifest", f"{len(text):,} bytes, at most {MOST_MANIFEST:,} are kept")
        return text

    @classmethod
    def of(cls, text: bytes) -> Document:
        """What `text` wrote. Raises Flaw naming the field that is not as it is written here."""
        try:
            document = parsed(text)
            sound = canonical(document).encode() == text
        except (ValueError, RecursionError) as error:
            raise Flaw("", f"not JSON: {error}") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise Flaw("format", f"not a model of format {FORMAT}")
        names = {each.name for each in fields(Manifest)}
        if set(document) != names | _OWN or not sound:
            raise Flaw("", "not as it is written here")
        for name in ("window", "data", "params", "metrics", "versions", "recipe", "parts", "facts", "arrays"):
            if not isinstance(document[name], dict):
                raise Flaw(name, "not a table")
        for name in ("kind", "name", "model", "parent"):
            if not isinstance(document[name], str):
                raise Flaw(name, "not a text")
        if document["kind"] not in KINDS:
            raise Flaw("kind", "neither asset nor topic")
        for name in ("fit_time", "seed"):
            if type(document[name]) is not int:
                raise Flaw(name, "not a whole number")
        features, size = document["features"], document["arrays"].get("bytes")
        if not isinstance(features, list) or not all(isinstance(each, str) for each in features):
            raise Flaw("features", "not a list of names")
        if not all(isinstance(each, str) for each in document["versions"].values()):
            raise Flaw("versions", "not a table of texts")
        if (
            type(size) is not int
            or not 0 <= size <= MOST_BYTES
            or not isinstance(document["arrays"].get("sha256"), str)
        ):
            raise Flaw("arrays", "not a digest and a size")
        said = {name: document[name] for name in names} | {"features": tuple(features)}
        return cls(Manifest(**said), document["parts"], document["facts"], document["arrays"]["sha256"], size)


def digest_of(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def versions() -> dict[str, str]:
    """Of what a fit depends on, by name."""
    return {"numpy": version("numpy"), "patron": __version__, "scikit-learn": version("scikit-learn")}
