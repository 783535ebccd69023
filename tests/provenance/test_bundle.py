"""A bundle is one sequence of bytes: whatever else a file holds, it is refused in one line, and nothing is written."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import DataError, StorageError
from bot.provenance import bundle as bundles
from bot.provenance.bundle import (
    DECISION,
    INPUTS,
    README,
    RECIPE,
    packed,
    read_bundle,
    recipe_in,
    unpacked,
    write_bundle,
)
from tests.provenance.made import Made, made, with_leaves

MADE: Made = made()
WHOLE = packed(MADE.bundle)
Members = dict[str, bytes]


def members() -> Members:
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(found: Members, **how: int) -> bytes:
    made_of = io.BytesIO()
    with zipfile.ZipFile(made_of, "w", how.get("compress", zipfile.ZIP_STORED)) as file:
        for name, content in found.items():
            file.writestr(name, content)
    return made_of.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        unpacked(content, "it.zip")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("it.zip")
    return line


def test_what_is_packed_is_unpacked_as_it_was_and_packed_the_same_again() -> None:
    again = unpacked(WHOLE, "it.zip")
    assert again.decision.document() == MADE.decision.document()
    assert (again.recipe, again.pieces) == (MADE.basis.recipe, MADE.bundle.pieces)
    assert packed(again) == WHOLE == packed(MADE.bundle)
    assert recipe_in(again, "it.zip") == MADE.recipe


def test_the_file_says_what_it_is_and_how_to_check_it() -> None:
    text = members()[README].decode()
    assert f"patron verify 0x{MADE.decision.root.hex()} --bundle FILE --rpc URL" in text
    assert all(name in text for name in (DECISION, RECIPE, INPUTS))
    assert max(map(len, text.splitlines())) <= 120


def test_any_bit_that_is_changed_is_refused() -> None:
    """Every byte of what surrounds the members, and a thousand at random of all."""
    draw = random.Random(1)
    around = [*range(60), *range(len(WHOLE) - 1_500, len(WHOLE))]
    for place in (*around, *(draw.randrange(len(WHOLE)) for _ in range(1_000))):
        content = bytearray(WHOLE)
        content[place] ^= 1 << draw.randrange(8)
        refused(bytes(content))


@pytest.mark.parametrize("cut", [0, 1, 21, 22, 1_000, len(WHOLE) - 1])
def test_a_file_that_was_cut_off_is_refused(cut: int) -> None:
    refused(WHOLE[:cut])


FIRST = INPUTS + MADE.basis.facts()["pieces"][0]
HOSTILE: dict[str, tuple[Callable[[Members], Members], str]] = {
    "a path out of the folder": (lambda all: all | {"../evil": b"x"}, "a member that no bundle has (got '../evil')"),
    "an absolute path": (lambda all: all | {"/etc/passwd": b"x"}, "a member that no bundle has (got '/etc/passwd')"),
    "a path within inputs": (lambda all: all | {"inputs/../../x": b""}, "a member that no bundle has"),
    "a program": (lambda all: all | {"setup.py": b"print()"}, "a member that no bundle has (got 'setup.py')"),
    "rows that nobody asked for": (lambda all: all | {INPUTS + "ab" * 32: b"x"}, "not as a bundle is written"),
    "no decision": (lambda all: {name: all[name] for name in all if name != DECISION}, f"{DECISION}: is missing"),
    "no recipe": (lambda all: {name: all[name] for name in all if name != RECIPE}, f"{RECIPE}: is missing"),
    "no readme": (lambda all: {name: all[name] for name in all if name != README}, f"{README}: not the text"),
    "rows that are gone": (lambda all: {name: all[name] for name in all if name != FIRST}, f"{FIRST[:19]}: is missing"),
    "rows that were changed": (
        lambda all: all | {FIRST: all[FIRST][:-1] + b"\1"},
        f"{FIRST[:19]}: changed: its digest",
    ),
    "another readme": (lambda all: all | {README: b"trust me"}, f"{README}: not the text that comes with"),
    "a decision that is no JSON": (lambda all: all | {DECISION: b"{"}, f"{DECISION}: not JSON as we write it"),
    "a decision of brackets": (lambda all: all | {DECISION: b"[" * 10**6}, f"{DECISION}: not JSON as we write it"),
    "a decision that is a list": (lambda all: all | {DECISION: b"[]"}, f"{DECISION}: not a decision"),
    "a decision of nothing": (lambda all: all | {DECISION: b"{}"}, f"{DECISION}: "),
    "spaces in the decision": (lambda all: all | {DECISION: all[DECISION] + b" "}, "members that are no part"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_bundle_of_ours_is_named(name: str) -> None:
    change, said = HOSTILE[name]
    content = bundles._zipped(change(members()))
    if name == "rows that nobody asked for":
        said = "members that are no part of the decision"
    assert said in refused(content)


def test_a_zip_bomb_never_goes_off() -> None:
    bomb = zipped(members() | {INPUTS + "ab" * 32: bytes(50_000_000)}, compress=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1_000_000
    assert "compressed: nothing in a bundle is" in refused(bomb)


def test_members_that_share_their_bytes_are_not_read_a_thousand_times() -> None:
    """Overlapping entries of a stored zip: a small file that says it is large."""
    many = {INPUTS + f"{number:064x}": b"" for number in range(50)}
    content = bytearray(zipped(members() | many))
    size = len(WHOLE) // 2
    directory = zipfile.ZipFile(io.BytesIO(content)).start_dir
    place = directory
    while content[place : place + 4] == b"PK\1\2":  # each entry of the directory now claims half of the file
        content[place + 20 : place + 28] = size.to_bytes(4, "little") * 2
        lengths = [int.from_bytes(content[place + at : place + at + 2], "little") for at in (28, 30, 32)]
        place += 46 + sum(lengths)
    assert "larger together than the file" in refused(bytes(content))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused() -> None:
    twice = io.BytesIO(WHOLE)
    with zipfile.ZipFile(twice, "a") as file:
        file.writestr(DECISION, b"{}")
    assert "one of them twice" in refused(twice.getvalue())


def test_the_same_members_in_another_order_or_wrapping_are_refused() -> None:
    assert "not as a bundle is written" in refused(zipped(members()))
    backwards = dict(reversed(members().items()))
    assert "in another order" in refused(bundles._zipped(backwards))
    assert "not as a bundle is written" in refused(WHOLE + b"\0")
    assert "not as a bundle is written" in refused(b"#!/bin/sh\n" + WHOLE)


def test_a_basis_that_is_not_of_its_pieces_is_named() -> None:
    facts = MADE.basis.facts()
    for basis, said in (
        ({**facts, "inputs": "ab" * 32}, f"{DECISION}: basis.inputs: not the root of its pieces"),
        ({**facts, "pieces": []}, f"{DECISION}: basis.pieces: names no rows"),
        ({**facts, "pieces": [1]}, f"{DECISION}: basis.pieces: names no rows"),
        ({**facts, "pieces": "all"}, f"{DECISION}: basis.pieces: names no rows"),
    ):
        forged = replace(MADE.bundle, decision=with_leaves(MADE.decision, MADE.decision.leaves, basis))
        assert said in refused(packed(forged))


def test_a_decision_of_the_first_version_is_a_bundle_without_rows() -> None:
    leaves = [replace(leaf, forecast=replace(leaf.forecast, version=1)) for leaf in MADE.decision.leaves]
    old = replace(MADE.decision, leaves=tuple(leaves), basis=None)
    content = packed(bundles.Bundle(old))
    assert packed(unpacked(content, "it.zip")) == content


def test_a_bundle_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "it.zip"
    assert write_bundle(MADE.bundle, path) == len(WHOLE)
    assert packed(read_bundle(path)) == WHOLE
    with pytest.raises(StorageError, match="cannot be written"):
        write_bundle(MADE.bundle, tmp_path / "no folder" / "it.zip")
    with pytest.raises(DataError, match="No such file"):
        read_bundle(tmp_path / "gone.zip")
    monkeypatch.setattr(bundles, "LARGEST", 1_000)
    with pytest.raises(DataError, match="larger than a bundle may be"):
        read_bundle(path)
    with pytest.raises(StorageError, match="more than a bundle may have"):
        write_bundle(MADE.bundle, tmp_path / "other.zip")
    assert [each.name for each in tmp_path.iterdir()] == ["it.zip"]
