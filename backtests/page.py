"""What every offline page of a report is made of: numbers and names as people read them, data and scripts as blocks."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup

from backtests.metrics import Metric
from bot.core.dates import moment

if TYPE_CHECKING:
    from jinja2 import Template

NO_VALUE: Final = "–"
ORIGINS: Final = ("real", "replayed", "simulated")
DIGEST: Final = re.compile("digest|sha256|commit|hash")
SIGNED: Final = (
    *("total_return", "cagr", "best_day", "worst_day", "value_at_risk", "expected_shortfall"),
    *("excess_return", "alpha"),
)
UPPER: Final = ("cagr",)
DRAWN_POINTS: Final = 1_500  # of one curve; more cannot be seen
TEMPLATES: Final = Path(__file__).resolve().parent / "templates"


def template_of(file: Path, filters: Mapping[str, Callable[..., str]]) -> Template:
    """The page in `file`, which extends ``page.html``; `filters`: its own, beside those that all pages have."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader((file.parent, TEMPLATES)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = {"shown": shown, "day": moment, "words": words, "signed": signed, "money": unsigned}
    environment.filters |= {**known, **filters}
    return environment.get_template(file.name)


def plain_json(value: Any) -> Any:
    """`value` in types that strict JSON has."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return plain_json(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_json(each) for each in value]
    if isinstance(value, np.generic):
        return plain_json(value.item())
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def shown(metric: Metric, name: str = "", short: bool = False) -> str:
    """A metric for people: shares as percent, money with its symbol, a dash when there is no value.

    `short`: large money and large shares without their decimals.
    """
    value, unit = metric.value, metric.unit
    if value is None:
        return NO_VALUE
    if unit.startswith("fraction"):
        places = 0 if short and abs(value) >= 10.0 else 2
        return f"{value * 100:{'+' if name in SIGNED else ''},.{places}f} %".replace("-", "−")
    if unit == "count":
        return f"{value:,.0f}"
    digits = 0 if short and abs(value) >= 1_000 else {"days": 0, "bps": 1}.get(unit, 2)
    return f"{value:,.{digits}f}{'' if unit == 'ratio' else ' ' + unit}".replace("-", "−")


def words(name: str) -> str:
    """A name from the program as a label: ``max_drawdown`` -> Max drawdown."""
    text = name.replace("_", " ")
    return text.upper() if name in UPPER else text[:1].upper() + text[1:]


def signed(value: float) -> str:
    """Money with its sign, two places; nothing has no sign."""
    return f"{value:+,.2f}".replace("-", "−") if abs(value) >= 0.005 else "0.00"


def unsigned(value: float) -> str:
    """Money, two places; a dash when it is not known."""
    return f"{value:,.2f}".replace("-", "−") if math.isfinite(value) else NO_VALUE


def as_drawn(value: float) -> float | None:
    """Seven significant digits, which is more than a screen has."""
    return float(f"{value:.7g}") if math.isfinite(value) else None


def fact_tables(facts: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """(heading, rows of name and text) of the facts that do not head the page, one level of nesting opened up."""
    settings: list[tuple[str, str]] = []
    digests: list[tuple[str, str]] = []
    for name, value in facts.items():
        if name in ("title", *ORIGINS):
            continue
        inner = value.items() if isinstance(value, Mapping) else ()
        rows = [(name, str(value))] if not inner else [(f"{name}: {key}", str(each)) for key, each in inner]
        if isinstance(value, Mapping) and name in ("settings", "digests"):
            rows = [(str(key), str(each)) for key, each in inner]
        for row in rows:
            (digests if DIGEST.search(row[0]) or name == "digests" else settings).append(row)
    return [("Settings and facts", settings), ("Digests", digests)]


def lines_of(value: Any) -> list[str]:
    """A fact as lines: one text, or several."""
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]


def data_block(value: Any) -> Markup:
    """JSON for a data block: no character that could end the block is left in it."""
    text = json.dumps(plain_json(value), allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def script_block(text: str) -> Markup:
    """A script as the parser of HTML will see it, for its hash must stand in the page's policy."""
    return Markup(text.replace("\r\n", "\n").replace("\r", "\n"))  # noqa: S704  # plotly's and ours, no data in it


def policy_hash(script: str) -> str:
    """What a page's content security policy must say so that this script alone may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
