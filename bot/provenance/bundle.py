"""Evidence of a decision as one file: a zip that is written in one way only, so that every bit of it counts.

Members are stored, not compressed: nothing can grow when it is read. A bundle is read by taking the members out of it
in memory and writing it again: only a file that comes out the same is one. Nothing is ever written to a path.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bot.chain.commitment import Decision
from bot.chain.revealed import decision_from
from bot.core.strict_json import canonical, parsed
from bot.errors import DataError, StorageError, located
from bot.provenance.basis import digest, root_of
from bot.provenance.recipe import Recipe, recipe_from
from bot.whole_file import write_whole

README: Final = "README.txt"
DECISION: Final = "decision.json"
RECIPE: Final = "recipe.json"
INPUTS: Final = "inputs/"  # followed by a piece's digest
LARGEST: Final = 256 * 2**20  # bytes of a bundle: hourly bars of a hundred venues make about a tenth of it
MOST_MEMBERS: Final = 4_096

_WRITTEN_AT: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: no clock in the bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """One decision and what it was made from. `pieces`: content by digest, in the decision's order.

    Both are empty for a decision of version 1: nothing was kept with those.
    """

    decision: Decision
    recipe: bytes = b""
    pieces: Mapping[str, bytes] = field(default_factory=dict)


def packed(bundle: Bundle) -> bytes:
    """The file: the same bytes for the same evidence, whoever writes it."""
    document = canonical(bundle.decision.document()).encode()
    members = {README: _readme(bundle.decision), DECISION: document}
    if bundle.decision.basis is not None:
        members[RECIPE] = bundle.recipe
    return _zipped(members | {INPUTS + name: content for name, content in bundle.pieces.items()})


def unpacked(content: bytes, name: str) -> Bundle:
    """The bundle in a file's content. Raises DataError in one line naming the member and the field that is wrong."""
    members = _members(content, name)
    if _zipped(members) != content:
        raise DataError(
            located(name, "", "not as a bundle is written: something was added, or changed around its members")
        )
    if DECISION not in members:
        raise DataError(located(name, DECISION, "is missing"))
    decision = decision_from(_document(members[DECISION], f"{name}: {DECISION}"), f"{name}: {DECISION}")
    made = Bundle(decision)
    if decision.basis is not None:
        if RECIPE not in members:
            raise DataError(located(name, RECIPE, "is missing"))
        made = Bundle(decision, members[RECIPE], _pieces(decision.basis, members, name))
    if members.get(README) != _readme(decision):
        raise DataError(located(name, README, "not the text that comes with this decision"))
    if packed(made) != content:
        raise DataError(located(name, "", "members that are no part of the decision, or in another order"))
    return made


def read_bundle(path: Path) -> Bundle:
    """The bundle at `path`. Raises DataError."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(located(path, "", f"larger than a bundle may be, {LARGEST:,} bytes", f"{size:,}"))
        return unpacked(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def write_bundle(bundle: Bundle, path: Path) -> int:
    """Writes the bundle whole or not at all and returns its size in bytes. Raises StorageError."""
    content = packed(bundle)
    if len(content) > LARGEST:
        raise StorageError(f"{path}: the evidence is {len(content):,} bytes, more than a bundle may have")
    write_whole(path, content)
    return len(content)


def recipe_in(bundle: Bundle, name: str) -> Recipe:
    """The recipe, if it is the one that the decision speaks of. Raises DataError."""
    told = (bundle.decision.basis or {}).get("recipe")
    if digest(bundle.recipe) != told:
        raise DataError(located(f"{name}: {RECIPE}", "", f"its digest is not the decision's {str(told)[:12]}…"))
    return recipe_from(bundle.recipe, f"{name}: {RECIPE}")


def _pieces(basis: Mapping[str, Any], members: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    """The rows by digest, in the decision's order, each with the digest that it is named by."""
    listed = basis.get("pieces")
    if not isinstance(listed, list) or not listed or not all(isinstance(one, str) for one in listed):
        raise DataError(located(f"{name}: {DECISION}", "basis.pieces", "names no rows"))
    if root_of(listed) != basis.get("inputs"):
        raise DataError(located(f"{name}: {DECISION}", "basis.inputs", "not the root of its pieces"))
    found = {}
    for piece in listed:
        content = members.get(INPUTS + piece)
        if content is None:
            raise DataError(located(name, INPUTS + piece[:12], "is missing"))
        if digest(content) != piece:
            raise DataError(located(name, INPUTS + piece[:12], "changed: its digest is another", digest(content)[:12]))
        found[piece] = content
    return found


def _document(content: bytes, name: str) -> Mapping[str, Any]:
    try:
        document = parsed(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not JSON as we write it: {error}") from None
    if not isinstance(document, Mapping):
        raise DataError(f"{name}: not a decision")
    return document


def _members(content: bytes, name: str) -> dict[str, bytes]:
    """Every member by name, read in memory. Raises DataError for whatever is no bundle, before anything can grow."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            listed = file.infolist()
            if len(listed) > MOST_MEMBERS or len({each.filename for each in listed}) < len(listed):
                raise DataError(
                    located(name, "", "more members than a bundle may have, or one of them twice", len(listed))
                )
            for each in listed:
                _require_plain(each, name)
            if sum(each.file_size for each in listed) > len(content):  # several may point to the same bytes
                raise DataError(located(name, "", "its members are larger together than the file"))
            return {each.filename: file.read(each) for each in listed}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise DataError(f"{name}: no bundle, or a damaged one: {error}") from None


def _require_plain(each: zipfile.ZipInfo, name: str) -> None:
    known = each.filename in (README, DECISION, RECIPE)
    if not known and not (each.filename.startswith(INPUTS) and _is_digest(each.filename.removeprefix(INPUTS))):
        raise DataError(located(name, "", "a member that no bundle has", each.filename))
    if each.compress_type != zipfile.ZIP_STORED or each.file_size != each.compress_size:
        raise DataError(located(name, each.filename, "compressed: nothing in a bundle is"))


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _zipped(members: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as file:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, _WRITTEN_AT)
            entry.create_system = 3  # said to be made on Unix everywhere, or the bytes would differ
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content)
    return made.getvalue()


def _readme(decision: Decision) -> bytes:
    """A part of the format, compared to the letter: another text needs another name, or old bundles are refused."""
    root = decision.root.hex()
    return f"""\
Evidence of a decision of Patron, an algorithmic patron for generative media.

decision   0x{root}
anchored   in the registry {decision.place.registry} of chain {decision.place.chain_id}
by         {decision.place.anchorer}
before     the vault {decision.place.vault} was asked to enter anything

With Patron installed, in any folder:

  patron verify 0x{root} --bundle FILE --rpc URL

{DECISION}   the plan, and one leaf for each venue of the universe with what was forecast of it, entered or not
{RECIPE}     the scorer's parameters, the strategy with its parameters, the versions under them; no code
{INPUTS}         the rows that were scored: a line of JSON (venues, fields, rows), then the arrays, little endian: times
             and observation times as 64-bit integers, each field by name as 64-bit floats, rows by venues

Without Patron: the record of a venue is Keccak-256 of its forecast as JSON with sorted keys and no spaces; its leaf is
Keccak-256, twice, of the ABI encoding of (chain id, vault, adapter, entry, max_assets, nonce, expiry, record); the tree
is OpenZeppelin's. Names of rows and of the recipe are SHA-256 of their content.
""".encode()
