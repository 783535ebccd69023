"""Models in a folder: ``<root>/<digest>/manifest.json`` and ``arrays.npz``, and a log of which is in use.

A model's name is the SHA-256 of its manifest, which holds that of its arrays: nothing of a model can be changed
without its name being another, and both are compared before anything is parsed. The same fit gives the same name on
any machine that comes to the same numbers.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from bot.errors import DataError, StorageError, located
from bot.scoring.registry.container import MOST_BYTES, packed
from bot.scoring.registry.flaw import Flaw
from bot.scoring.registry.jail import read_arrays
from bot.scoring.registry.manifest import MOST_MANIFEST, Document, Manifest, digest_of, versions
from bot.scoring.registry.promotions import Promotions
from bot.whole_file import sync_folder, write_whole

MANIFEST, ARRAYS = "manifest.json", "arrays.npz"
LEAST_PREFIX: Final = 4
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_PREFIX: Final = re.compile(f"[0-9a-f]{{{LEAST_PREFIX},64}}")


class Kept(Protocol):
    """What can be kept: fitted estimators, arrays and JSON facts, each by name."""

    @property
    def parts(self) -> Mapping[str, Any]: ...
    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that was read: real estimators, which predict the bits that they did, and the rest as it was kept."""

    digest: str
    manifest: Manifest
    parts: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]


class Registry:
    """The models under a folder, which need not exist before the first is saved."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.promotions = Promotions(root)

    def save(self, model: Kept, manifest: Manifest) -> str:
        """The digest of the model, on disk when this returns; saving it again changes nothing.

        Raises DataError naming what cannot be kept, StorageError.
        """
        text, data = kept_bytes(model, manifest)
        digest = digest_of(text)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
            try:
                write_whole(made / ARRAYS, data)
                write_whole(made / MANIFEST, text)
                made.chmod(0o755)
                sync_folder(made)
                self._put(made, digest)
            finally:
                shutil.rmtree(made, ignore_errors=True)
            sync_folder(self.root)
        except OSError as error:
            raise StorageError(f"{self.root}: a model cannot be written: {error.strerror}") from None
        return digest

    def load(self, digest: str) -> Opened:
        """The model with this digest. Blocks for a second or two: scikit-learn is loaded, and a child process reads.

        Raises DataError in one line naming the file and the field: not there, changed, hostile, or made with another
        version of scikit-learn.
        """
        document, where = self._document(digest), self.root / digest
        mine = versions()["scikit-learn"]
        theirs = document.manifest.versions.get("scikit-learn", "")
        if theirs != mine:
            problem = f"made with {theirs[:20]!r}, this is {mine}: train it again, or use that version"
            raise DataError(located(where / MANIFEST, "versions.scikit-learn", problem))
        data = _content(where / ARRAYS, MOST_BYTES)
        if len(data) != document.arrays_bytes or digest_of(data) != document.arrays_digest:
            raise DataError(
                located(where / ARRAYS, "sha256", "not what the manifest says: changed after it was written")
            )
        try:
            arrays = read_arrays(data, document.parts)
        except Flaw as flaw:
            raise DataError(located(where / ARRAYS, flaw.field, flaw.problem)) from None
        from bot.scoring.artefact import put_together

        try:
            parts = put_together(document.parts, arrays)
        except Flaw as flaw:
            raise DataError(located(where / MANIFEST, flaw.field, flaw.problem)) from None
        own = {name.removeprefix("arrays/"): each for name, each in arrays.items() if name.startswith("arrays/")}
        return Opened(digest, document.manifest, parts, own, document.facts)

    def manifest(self, digest: str) -> Manifest:
        """What is said of a model, without reading its arrays. Raises DataError."""
        return self._document(digest).manifest

    def digests(self) -> tuple[str, ...]:
        """Every model's, sorted. Raises StorageError."""
        try:
            return tuple(sorted(each.name for each in self.root.iterdir() if _DIGEST.fullmatch(each.name)))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError(f"{self.root}: {error.strerror}") from None

    def find(self, beginning: str) -> str:
        """The digest that begins so. Raises DataError for none, or several."""
        if not _PREFIX.fullmatch(beginning):
            raise DataError(f"{beginning[:80]!r} is no model: give at least {LEAST_PREFIX} digits of its digest")
        found = [each for each in self.digests() if each.startswith(beginning)]
        if len(found) != 1:
            problem = "no model begins so" if not found else f"{len(found)} models begin so: give more digits"
            raise DataError(f"{self.root}: {beginning}: {problem}")
        return found[0]

    def _document(self, digest: str) -> Document:
        if not _DIGEST.fullmatch(digest):
            raise DataError(f"{digest[:80]!r} is no digest of a model")
        file = self.root / digest / MANIFEST
        text = _content(file, MOST_MANIFEST)
        if digest_of(text) != digest:
            raise DataError(located(file, "sha256", "not the name of its folder: changed after it was written"))
        try:
            return Document.of(text)
        except Flaw as flaw:
            raise DataError(located(file, flaw.field, flaw.problem)) from None

    def _put(self, made: Path, digest: str) -> None:
        """`made` under its name, in place of what is not whole there."""
        place = self.root / digest
        if place.is_dir() and all(_same(made / name, place / name) for name in (ARRAYS, MANIFEST)):
            return
        if place.exists() or place.is_symlink():
            os.replace(place, made.with_name(f"{made.name}-damaged"))  # nothing is thrown away
        os.replace(made, place)


def kept_bytes(model: Kept, manifest: Manifest) -> tuple[bytes, bytes]:
    """(manifest.json, arrays.npz) of a model, the same bytes for the same model.

    Raises DataError naming what cannot be kept.
    """
    from bot.scoring.artefact import taken_apart

    try:
        described, arrays = taken_apart(model.parts)
        data = packed(arrays | {f"arrays/{name}": each for name, each in model.arrays.items()})
        document = Document(manifest, described, dict(model.facts), digest_of(data), len(data))
        return document.text(), data
    except Flaw as flaw:
        raise DataError(located("model", flaw.field, flaw.problem)) from None


def _same(one: Path, other: Path) -> bool:
    try:
        return not other.is_symlink() and one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _content(file: Path, most: int) -> bytes:
    """All of a regular file of at most so many bytes. Raises DataError: no link, pipe or device is followed."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                raise DataError(f"{file}: not a regular file")
            if facts.st_size > most:
                raise DataError(f"{file}: {facts.st_size:,} bytes, at most {most:,} are read")
            with os.fdopen(os.dup(handle), "rb") as stream:
                return stream.read(most + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from None
