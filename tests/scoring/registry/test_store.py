"""Models in a folder: named by content, whole or refused in one line, promoted and taken back in a log."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.core.strict_json import canonical
from bot.errors import DataError, RefusedError, StorageError
from bot.scoring.registry import Manifest, Registry
from bot.scoring.registry.manifest import Document, digest_of, versions
from bot.scoring.registry.store import ARRAYS, MANIFEST
from tests.scoring.registry.estimators import MADE, answers, rows
from tests.scoring.registry.test_container import HOSTILE


@dataclass(frozen=True)
class Model:
    parts: Mapping[str, Any]
    arrays: Mapping[str, Any]
    facts: Mapping[str, Any]


MANIFEST_OF = Manifest(
    kind="asset",
    name="mine",
    model="ab" * 32,
    fit_time=1_700_000_000,
    features=("a", "b"),
    window={"first": 1, "last": 2, "rows": 3, "calibration_rows": 4},
    data={"title": "t", "kind": "recorded", "digest": "d"},
    params={"model": "ridge", "members": (0.5, 1.0)},
    seed=0,
    metrics={"walk_forward": None},
    versions=versions(),
    recipe={},
)


def model(seed: int = 1, kind: str = "boost") -> Model:
    parts = {"estimator": MADE[kind](seed), "curve": MADE["isotonic"](seed)}
    return Model(parts, {"medians": np.array([1.0, np.nan])}, {"low": -0.1, "none": None, "names": ["x"]})


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def test_a_model_comes_back_as_it_was_and_says_the_same(registry: Registry) -> None:
    kept = model()
    digest = registry.save(kept, MANIFEST_OF)
    opened = registry.load(digest)
    assert answers(opened.parts["estimator"], rows(7)) == answers(kept.parts["estimator"], rows(7))
    assert answers(opened.parts["curve"], rows(7)) == answers(kept.parts["curve"], rows(7))
    np.testing.assert_array_equal(opened.arrays["medians"], kept.arrays["medians"])
    assert opened.facts == kept.facts
    assert canonical(opened.manifest.params) == canonical(MANIFEST_OF.params)
    assert opened.manifest.slot == "asset:mine"


def test_the_same_model_is_the_same_files_anywhere_and_another_is_another(tmp_path: Path) -> None:
    here, there = Registry(tmp_path / "here"), Registry(tmp_path / "there")
    digest = here.save(model(), MANIFEST_OF)
    assert there.save(model(), MANIFEST_OF) == here.save(model(), MANIFEST_OF) == digest
    for name in (MANIFEST, ARRAYS):
        assert (here.root / digest / name).read_bytes() == (there.root / digest / name).read_bytes()
    others = {
        here.save(model(2), MANIFEST_OF),
        here.save(replace_facts(model(), low=-0.2), MANIFEST_OF),
        here.save(model(), replace(MANIFEST_OF, seed=1)),
        here.save(model(), replace(MANIFEST_OF, parent=digest)),
        here.save(replace(model(), arrays={"medians": np.array([2.0, np.nan])}), MANIFEST_OF),
    }
    assert len(others | {digest}) == 6
    assert set(here.digests()) == others | {digest}


def replace_facts(kept: Model, **facts: Any) -> Model:
    return replace(kept, facts={**kept.facts, **facts})


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS])
def test_a_changed_bit_is_named_before_anything_is_parsed(
    registry: Registry, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = registry.save(model(), MANIFEST_OF)
    file = registry.root / digest / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    def never(*_: object) -> None:
        raise AssertionError("parsed before it was compared with its digest")

    monkeypatch.setattr("bot.scoring.registry.store.read_arrays", never)
    if name == MANIFEST:
        monkeypatch.setattr(Document, "of", never)
    with pytest.raises(DataError, match=f"{name}: sha256: .*changed after it was written"):
        registry.load(digest)


def put_in(registry: Registry, arrays: bytes, change: dict[str, Any] | None = None) -> str:
    """A folder whose digests are right, and whose content is somebody's own."""
    digest = registry.save(model(), MANIFEST_OF)
    document = json.loads((registry.root / digest / MANIFEST).read_bytes())
    document |= {"arrays": {"sha256": digest_of(arrays), "bytes": len(arrays)}} | (change or {})
    text = canonical(document).encode()
    folder = registry.root / digest_of(text)
    folder.mkdir()
    (folder / MANIFEST).write_bytes(text)
    (folder / ARRAYS).write_bytes(arrays)
    return folder.name


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind != "too much"])
def test_a_hostile_file_under_its_own_digest_is_one_line(registry: Registry, kind: str) -> None:
    data, said = HOSTILE[kind]
    digest = put_in(registry, data)
    with pytest.raises(DataError, match=said) as found:
        registry.load(digest)
    assert found.value.exit_code == 3
    assert str(found.value).startswith(str(registry.root / digest / ARRAYS))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parts": {"estimator": {"kind": "Pipeline", "steps": []}}}, "parts/estimator: not a pipeline"),
        ({"parts": {"estimator": {"kind": "os.system", "params": {}, "values": {}}}}, "no estimator that is kept"),
        ({"parts": []}, "parts: not a table"),
        ({"kind": "other"}, "kind: neither"),
        ({"fit_time": "now"}, "fit_time: not a whole number"),
        ({"features": "abc"}, "features: not a list"),
        ({"format": 2}, "format: not a model of format 1"),
        ({"more": 1}, "not as it is written here"),
        ({"arrays": {"sha256": "x", "bytes": 1 << 60}}, "arrays: not a digest and a size"),
        ({"versions": {"scikit-learn": "0.1"}}, "versions.scikit-learn: made with '0.1'"),
    ],
)
def test_a_manifest_that_lies_is_one_line(registry: Registry, change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        registry.load(
            put_in(registry, (registry.root / registry.save(model(), MANIFEST_OF) / ARRAYS).read_bytes(), change)
        )


def test_a_manifest_of_brackets_or_without_end_is_one_line(registry: Registry) -> None:
    for text in (b"[" * 100_000, b"{}", b"\xff", b'{"a":NaN}', b"x" * (2 << 20)):
        folder = registry.root / digest_of(text)
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_bytes(text)
        with pytest.raises(DataError):
            registry.load(folder.name)


def test_links_pipes_and_what_is_not_there_are_one_line(registry: Registry, tmp_path: Path) -> None:
    digest = registry.save(model(), MANIFEST_OF)
    file = registry.root / digest / ARRAYS
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    with pytest.raises(DataError, match="No such file"):
        registry.load(digest)
    file.symlink_to(elsewhere)
    with pytest.raises(DataError, match="symbolic link"):
        registry.load(digest)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(DataError, match="not a regular file"):
        registry.load(digest)
    for bad in ("", "../..", "zz" * 32, "ab" * 32):
        with pytest.raises(DataError):
            registry.load(bad)


def test_a_damaged_model_is_put_right_by_saving_it_again_and_nothing_is_thrown_away(registry: Registry) -> None:
    digest = registry.save(model(), MANIFEST_OF)
    (registry.root / digest / ARRAYS).write_bytes(b"")
    assert registry.save(model(), MANIFEST_OF) == digest
    registry.load(digest)
    assert any("damaged" in each.name for each in registry.root.iterdir())
    assert registry.digests() == (digest,)


def test_a_disk_that_refuses_is_told_and_leaves_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bot.scoring.registry.store.os.replace", full)
    with pytest.raises(StorageError, match="No space left"):
        registry.save(model(), MANIFEST_OF)
    assert registry.digests() == ()
    assert not list(registry.root.iterdir())


def test_what_cannot_be_kept_is_refused_by_name(registry: Registry) -> None:
    with pytest.raises(DataError, match="model: manifest: cannot be written"):
        registry.save(replace_facts(model(), low=float("nan")), MANIFEST_OF)
    with pytest.raises(DataError, match="arrays/medians: numbers of type"):
        registry.save(replace(model(), arrays={"medians": np.array(["x"])}), MANIFEST_OF)


def test_a_beginning_finds_its_model_and_only_one(registry: Registry) -> None:
    digest = registry.save(model(), MANIFEST_OF)
    assert registry.find(digest[:6]) == digest
    (registry.root / (digest[:6] + "0" * 58)).mkdir()
    with pytest.raises(DataError, match="2 models begin so"):
        registry.find(digest[:6])
    for bad in ("abc", "../x", "zzzz", "0" * 64):
        with pytest.raises(DataError):
            registry.find(bad)


def test_promotions_are_remembered_in_order_and_taken_back_one_by_one(registry: Registry) -> None:
    log = registry.promotions
    assert log.current("asset:mine") == ""
    with pytest.raises(DataError, match="nothing to take back"):
        log.roll_back("asset:mine", "me", "", 1)
    registry.root.mkdir()
    log.promote("asset:mine", "a" * 64, "me", "first", 1)
    log.promote("topic:other", "c" * 64, "me", "", 2)
    log.promote("asset:mine", "b" * 64, "you", "better", 3)
    with pytest.raises(RefusedError, match="in use"):
        log.promote("asset:mine", "b" * 64, "you", "again", 4)
    assert log.current("asset:mine") == "b" * 64
    assert log.roll_back("asset:mine", "me", "worse", 5).model == "a" * 64
    assert log.roll_back("asset:mine", "me", "both", 6).model == ""
    assert log.current("asset:mine") == ""
    assert log.current("topic:other") == "c" * 64
    assert [each.what for each in Registry(registry.root).promotions.read()] == [
        *("promoted", "promoted", "promoted", "rolled back", "rolled back")
    ]


def test_a_changed_line_of_the_log_is_named_and_nothing_is_promoted_over_it(registry: Registry) -> None:
    registry.root.mkdir()
    registry.promotions.promote("asset:mine", "a" * 64, "me", "first", 1)
    file = registry.root / "promotions.jsonl"
    file.write_text(file.read_text().replace("first", "worst"))
    for call in (
        lambda: registry.promotions.read(),
        lambda: registry.promotions.promote("asset:mine", "b" * 64, "me", "", 2),
    ):
        with pytest.raises(RefusedError, match="line 1: changed after it was written"):
            call()
