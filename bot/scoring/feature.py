"""What a feature is, in words: the catalogue in docs/features.md is written from these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """`formula` is plain text over fields of the panel; `lookback_days` how far back a value may depend on rows;
    `unit` such as "log ratio", "fraction", "days"; `why` one sentence on what it is for."""

    name: str
    formula: str
    lookback_days: int
    unit: str
    why: str
