"""MUTANTS.md out of the results of a mutation run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mutations import Mutant

_HEAD = """# Mutants

Written by `python contracts/tools/mutate.py`; do not edit. A mutant is one small change of a source (a comparison
flipped, a guard, a statement or a modifier dropped, a condition inverted, a constant or a rounding changed). It is
killed when a test fails or no longer ends. Survivors were tried on every test that reaches the file, with the default
profile. The sample of each file is drawn with seed {seed}. Mutants that do not compile are not counted.

**{killed} of {tried} killed ({share:.1f} %)**; {explained} of {survivors} survivors explained.

| file | mutants | tried | killed | survived | killed, % |
|---|---|---|---|---|---|
"""


def render(
    every: Mapping[str, Sequence[Mutant]],
    results: Mapping[str, Mapping[str, object]],
    why: Mapping[str, str],
    seed: int,
) -> tuple[str, int]:
    """The page, and how many survivors nobody has explained. `why`: key of a survivor -> a sentence."""
    rows: list[str] = []
    survivors: list[Mutant] = []
    total: Counter[str] = Counter()
    for file, found in every.items():
        fates = Counter(str(results[m.key]["fate"]) for m in found if m.key in results)
        del fates["stillborn"]
        survivors += [m for m in found if results.get(m.key, {}).get("fate") == "survived"]
        killed, tried = fates["killed"] + fates["endless"], sum(fates.values())
        total += Counter(killed=killed, tried=tried)
        share = f"{100 * killed / tried:.0f}" if tried else "-"
        rows.append(f"| `{file}` | {len(found)} | {tried} | {killed} | {fates['survived']} | {share} |")
    explained = sum(m.key in why for m in survivors)
    head = _HEAD.format(
        seed=seed,
        killed=total["killed"],
        tried=total["tried"],
        share=100 * total["killed"] / max(total["tried"], 1),
        explained=explained,
        survivors=len(survivors),
    )
    table = ["", "## Survivors", "", "| key | place | change | why it may live |", "|---|---|---|---|"]
    for m in survivors:
        change = f"{m.operator}: {_code(m.before)} → {_code(m.after)}"
        table.append(f"| {m.key} | `{m.file}:{m.line}` | {change} | {why.get(m.key, '**not explained**')} |")
    return head + "\n".join([*rows, *table]) + "\n", len(survivors) - explained


def _code(text: str) -> str:
    """One line of code for a table's cell."""
    flat = " ".join(text.split()).replace("|", "\\|")
    return f"`{flat}`" if flat else "(nothing)"
