"""What a devnet is, as a file: enough for another process to attach to it, and nothing secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bot.chain.devnet.deployment import Suite
from bot.chain.devnet.protocols import Protocols
from bot.chain.devnet.studio import Song
from bot.core.units import Token
from bot.core.universe import Universe, Venue
from bot.errors import ChainError
from bot.whole_file import write_whole

FILE = "devnet.json"
MIRROR_FILE = "mirror.jsonl"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A running devnet. `rpc_url` is that of the fork that everything happens on, always on the loopback.

    `protocols` is None on a fork of somebody's node, `market_maker` is empty there until it is needed.
    """

    rpc_url: str
    chain_id: int
    universe: Universe
    vault: str
    timelock: str  # the vault's owner
    decisions: str  # the registry in which decisions are anchored
    compliance: str
    libraries: Mapping[str, str]  # that the vault is linked to
    keeper: str
    anchorer: str
    curator: str
    guardian: str
    investor: str
    owner: str  # of the market that is made here
    market_maker: str
    capital: int  # raw money that the investor deposited
    start: int  # unix seconds of the first market step; on a fork of a node, of the fork
    window: int  # seconds of the TWAP
    block: int  # the fork's first block after everything was in place
    unvouched: tuple[str, ...] = ()  # venues for whose depth too few witnesses were found: entries count as lost
    protocols: Protocols | None = None
    songs: tuple[Song, ...] = ()  # media whose revenue is shared, where the devnet made some

    @property
    def suite(self) -> Suite:
        return Suite(self.vault, self.timelock, self.decisions, self.compliance, self.libraries)

    def to_json(self) -> str:
        """Readable JSON that `from_json` turns back into an equal value."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Deployed:
        """The value that was written. Raises ValueError, KeyError or TypeError for anything else."""
        document = json.loads(text)
        unknown = set(document) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        document["universe"] = _universe(document["universe"])
        document["unvouched"] = tuple(document["unvouched"])
        document["songs"] = tuple(Song(**song) for song in document["songs"])
        if document.get("protocols"):
            document["protocols"] = Protocols(**document["protocols"])
        return cls(**document)

    def write(self, run_dir: Path) -> Path:
        """Path of the file, written whole or not at all. Raises StorageError."""
        path = run_dir / FILE
        write_whole(path, self.to_json() + "\n")
        return path


def load(path: Path) -> tuple[Deployed, Path]:
    """The devnet described at `path` (the file, or the run directory that holds it), and that directory.

    Raises ChainError.
    """
    file = path / FILE if path.is_dir() else path
    try:
        return Deployed.from_json(file.read_text(encoding="utf-8")), file.parent
    except OSError as error:
        raise ChainError(f"{file}: no devnet is described there ({error.strerror})") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ChainError(f"{file}: not a description of a devnet ({error})") from None


def _universe(document: Mapping[str, Any]) -> Universe:
    return Universe(Token(**document["money"]), tuple(_venue(venue) for venue in document["venues"]))


def _venue(document: Mapping[str, Any]) -> Venue:
    topics = {source: tuple(names) for source, names in document["topics"].items()}
    return Venue(**{**document, "token": Token(**document["token"]), "topics": topics})
