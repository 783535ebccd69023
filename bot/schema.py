"""Strategy files described for editors (JSON Schema) and for readers (Markdown), both from the models themselves."""

from __future__ import annotations

import json
from typing import Any

from bot.config import Config

TITLES = {"FieldConfig": "fields.<name>", "VenueConfig": "venues.<id>", "SleeveConfig": "strategy.sleeves.<name>"}


def schema_json() -> str:
    """The JSON Schema of a strategy file, as text that ends with a newline."""
    schema = Config.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Patron strategy file"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def reference_markdown() -> str:
    """The YAML reference: every key with its form, default and meaning."""
    schema = Config.model_json_schema()
    lines = [
        "# Strategy files",
        "",
        "Written from the models by `patron schema --reference docs/strategy-file.md`; do not edit by hand.",
        "",
        "Quantities carry their unit: shares `50 bps` or `20 %`, durations `30s`, `15min`, `6h`, `7d`, money",
        "`250 USDC`, gas prices `5 gwei`. A bare number where a unit belongs is refused, and so is an unknown key.",
        "Any key can be overridden from the environment: `PATRON__LIMITS__SLIPPAGE='30 bps'`.",
    ]
    lines += _table("Top level", schema, Config.__doc__ or "")
    for name, part in schema["$defs"].items():
        title = TITLES.get(name, name.removesuffix("Config").lower())
        if "properties" in part:
            lines += _table(title, part, part.get("description", ""))
    return "\n".join(lines) + "\n"


def _table(title: str, part: dict[str, Any], about: str) -> list[str]:
    lines = [
        "",
        f"## {title}",
        "",
        " ".join(about.split()),
        "",
        "| key | form | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    required = set(part.get("required", []))
    for key, field in part["properties"].items():
        default = "required" if key in required else f"`{_shown(field.get('default'))}`" if "default" in field else ""
        lines.append(
            f"| `{key}` | {_form(field)} | {default} | {field.get('description', '').replace('|', chr(92) + '|')} |"
        )
    return lines


def _form(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return f"section `{field['$ref'].rsplit('/', 1)[-1].removesuffix('Config').lower()}`"
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if "examples" in field:
        return f"such as `{field['examples'][0]}`"
    if "anyOf" in field:
        return " or ".join(_form(option) for option in field["anyOf"] if option.get("type") != "null")
    if field.get("type") == "array":
        return f"list of {_form(field['items'])}"
    if field.get("type") == "object" and "additionalProperties" in field:
        return f"mapping to {_form(field['additionalProperties'])}"
    return str(field.get("type", ""))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
