"""The schema says to editors what the loader will accept, and the files that ship agree with both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from bot.config import Config, load_config
from bot.schema import reference_markdown, schema_json

ROOT = Path(__file__).parents[1]
SHIPPED = sorted(set((ROOT / "strategies").glob("*.yaml")) - {ROOT / "strategies/sources.yaml"})
SCHEMA: dict[str, Any] = json.loads(schema_json())
MINE: dict[str, Any] = {
    "capital": "1000 USDC",
    "every": "1d",
    "strategy": {"name": "equal_weight"},
    "venues": {"a": {"kind": "uniswap_v3_hold", "asset": "A", "fee": "30 bps"}},
}


def accepts(document: Any) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert schema_json().endswith("}\n")


def test_the_schema_beside_the_strategies_is_the_one_that_is_written_now() -> None:
    assert (ROOT / "strategies" / "patron.schema.json").read_text(encoding="utf-8") == schema_json()


def test_the_reference_in_docs_is_the_one_that_is_written_now() -> None:
    assert (ROOT / "docs" / "strategy-file.md").read_text(encoding="utf-8") == reference_markdown()


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_file_is_accepted_by_schema_and_loader(file: Path) -> None:
    assert accepts(YAML(typ="safe").load(file.read_text(encoding="utf-8")))
    assert isinstance(load_config(file, {}), Config)


def test_there_are_shipped_files() -> None:
    assert len(SHIPPED) >= 4


@pytest.mark.parametrize(
    "changed",
    [
        {"capital": 1_000},
        {"capital": "1000"},
        {"every": "1 day"},
        {"evry": "1d"},
        {"limits": {"slippage": "5"}},
        {"limits": {"slippage": 5}},
        {"limits": {"slipage": "5 bps"}},
        {"mode": "dream"},
        {"venues": {"a": {"kind": "zora", "asset": "A", "fee": "30 bps"}}},
        {"devnet": {"seed": "7"}},
    ],
    ids=str,
)
def test_what_the_loader_refuses_an_editor_underlines(changed: dict[str, Any]) -> None:
    assert accepts(MINE)
    Config.model_validate(MINE)
    assert not accepts(MINE | changed)
    with pytest.raises(ValueError):
        Config.model_validate(MINE | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"limits": {"slippage": "1,000 bps", "max_venue": "12.50 %", "min_trade": "1_0.5 USDC"}},
        {"capital": "1,000,000 USDC"},
        {"every": "1_440min"},
        {"costs": {"gas_price": "0.5gwei"}},
        {"signals": ["s"], "venues": {"a": {**MINE["venues"]["a"], "topics": {"s": "one/*"}}}},
        {"signals": ["s"], "venues": {"a": {**MINE["venues"]["a"], "topics": {"s": ["one/*"]}}}},
    ],
    ids=str,
)
def test_what_the_loader_accepts_no_editor_underlines(changed: dict[str, Any]) -> None:
    Config.model_validate(MINE | changed)
    assert accepts(MINE | changed)


def sections() -> list[tuple[str, dict[str, Any]]]:
    named = [(name, part) for name, part in SCHEMA["$defs"].items() if "properties" in part]
    return [("Config", SCHEMA), *named]


@pytest.mark.parametrize(("name", "part"), sections(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_key_is_in_the_reference_with_its_meaning_and_default(name: str, part: dict[str, Any]) -> None:
    text = reference_markdown()
    for key, field in part["properties"].items():
        rows = re.findall(rf"^\| `{key}` \| (.*) \| (.*) \| (.*) \|$", text, re.MULTILINE)
        assert rows, f"{name}.{key}"
        if "$ref" in field:
            continue
        assert any(meaning.strip() for _, _, meaning in rows), f"{name}.{key} has no meaning"
        assert any(form.strip() for form, _, _ in rows), f"{name}.{key} has no form"
        if key in part.get("required", []):
            assert any(default == "required" for _, default, _ in rows)


def test_every_default_in_the_schema_is_one_that_the_schema_accepts() -> None:
    for name, part in sections():
        for key, field in part["properties"].items():
            if "default" in field:
                local = jsonschema.Draft202012Validator({**field, "$defs": SCHEMA["$defs"]})
                assert local.is_valid(field["default"]), f"{name}.{key}"
