"""A certificate's file: read as it was issued, or one line; any one changed byte is found."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.certificates import certificate_path, read_certificate
from bot.core.certificate import FAILED, Gate
from bot.core.strict_json import canonical, digest_of
from bot.errors import ConfigError, DataError
from tests.certified import DAY, GATES, YESTERDAY, certificate, write
from tests.test_certificates import said

NO = Gate("cost_stress", FAILED, "loses 3.1 % a year at twice the fees", -0.031, 0.0)


def test_a_certificate_is_read_as_it_was_issued_also_where_a_gate_failed(tmp_path: Path) -> None:
    for issued in (certificate(), certificate(gates=(*GATES, NO), reference={"rows": 3, "edges": [[0.1]]})):
        assert read_certificate(write(issued, tmp_path / "c.json")) == issued


def test_it_lies_beside_the_strategy_file_unless_it_is_named(tmp_path: Path) -> None:
    assert certificate_path(tmp_path / "mine.yaml", None) == tmp_path / "mine.certificate.json"
    assert certificate_path(tmp_path / "mine.yaml", Path("other.json")) == Path("other.json")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0.0, 1.0, exclude_max=True), byte=st.integers(32, 126))
def test_any_one_changed_byte_is_found(tmp_path: Path, place: float, byte: int) -> None:
    path = write(certificate(), tmp_path / "c.json")
    text = path.read_bytes()
    at = int(place * len(text))
    path.write_bytes(text[:at] + bytes([byte]) + text[at + 1 :])
    try:
        same = canonical(json.loads(path.read_bytes())) == canonical(json.loads(text))
    except ValueError:
        same = False
    assume(not same)  # a space for a line's end, say
    said(DataError, lambda: read_certificate(path))


def leaves(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, inner in items for found in leaves(inner, (*place, key))]
    return [place]


LEAVES = leaves(certificate().document())


@pytest.mark.parametrize("place", LEAVES, ids=lambda place: ".".join(map(str, place)))
def test_every_number_and_every_word_is_covered(tmp_path: Path, place: tuple[Any, ...]) -> None:
    document = certificate().document()
    holder: Any = document
    for key in place[:-1]:
        holder = holder[key]
    value = holder[place[-1]]
    holder[place[-1]] = value + 1 if isinstance(value, int | float) else f"{value or ''}x"
    (tmp_path / "c.json").write_text(json.dumps(document), encoding="utf-8")
    said(DataError, lambda: read_certificate(tmp_path / "c.json"))


def test_a_failed_verdict_cannot_be_written_over(tmp_path: Path) -> None:
    path = write(certificate(gates=(*GATES, NO)), tmp_path / "c.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"verdict": "failed"\n', '"verdict": "passed"\n'))
    said(DataError, lambda: read_certificate(path))
    document = certificate(gates=(*GATES, NO)).document() | {"verdict": "passed"}
    path.write_text(json.dumps(document), encoding="utf-8")
    assert said(DataError, lambda: read_certificate(path)).endswith("its verdict is not what its gates say")


def forged(**changed: Any) -> str:
    """A document with a right digest over wrong types."""
    body = asdict(certificate()) | changed
    return json.dumps(body | {"digest": digest_of(body), "verdict": "passed"})


NONE = {
    "empty": ("", "not valid JSON"),
    "half": ('{"gates": [', "not valid JSON"),
    "not text": ("\udcff", "not valid JSON"),
    "a list": ("[]", "not a JSON object"),
    "another thing": ('{"mode": "fork"}', "not a certificate"),
    "no gates": ('{"gates": 3}', "not a certificate"),
    "too deep": ("[" * 100_000, "not valid JSON"),
    "a little too deep": ('{"a":' * 9_000, "not valid JSON"),
    "not a number": (forged().replace('"trials": 3', '"trials": NaN'), "not valid JSON"),
    "another version": (forged(version=2), "a certificate of version 2, this Patron reads 1"),
    "a number beyond all": (forged().replace('"trials": 3', '"trials": 1e999'), "not valid JSON"),
    "a year that is none": (forged(issued_at=10**15, expires_at=10**15 + 1), "not a certificate: expires_at: "),
    "a life of two years": (forged(expires_at=YESTERDAY + 730 * DAY), "from 1 second to 366 days after issued_at"),
    "a life that ended before": (forged(expires_at=YESTERDAY), "not a certificate: expires_at: "),
    "a time before all": (forged(issued_at=-1, expires_at=5), "not a certificate: expires_at: "),
    "a window that is none": (forged(last=5), "not a certificate: first, last: "),
    "nothing tried": (forged(trials=0), "trials: at least 1 (got 0)"),
    "a gate twice": (forged(gates=[asdict(gate) for gate in (*GATES, GATES[0])]), "gates: one is there twice"),
    "a key twice": (forged().replace('"trials": 3', '"trials": 1, "trials": 3'), "not valid JSON"),
    "a word for a time": (forged(expires_at="never"), "not a certificate: expires_at: "),
    "a word for a gate's number": (forged(gates=[asdict(NO) | {"bound": "low"}]), "not a certificate: gates.0.bound: "),
}


@pytest.mark.parametrize(("text", "told"), NONE.values(), ids=NONE)
def test_what_is_no_certificate_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    line = said(DataError, lambda: read_certificate(path))
    assert line.startswith(f"{path}: ")
    assert told in line


def test_a_certificate_that_is_not_there_or_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert "patron certify" in said(ConfigError, lambda: read_certificate(tmp_path / "none.json"))
    assert said(ConfigError, lambda: read_certificate(tmp_path)).startswith(f"{tmp_path}: ")
