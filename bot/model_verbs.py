"""What `patron models` prints: trained, scored, kept, promoted and verified models, for people or as one document."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bot.core.dates import day
from bot.errors import ConfigError, DataError
from bot.loading import Options
from bot.scoring.registry import Manifest, Registry
from bot.whole_file import write_whole

if TYPE_CHECKING:
    from bot.modelling import Trained


def train(options: Options, root: Path, topics: bool, as_json: bool, console: Console) -> None:
    """Fits and keeps the model of venues and, where `topics`, of each series under `trends`."""
    from bot.modelling import asset_trained, ready, topic_trained

    known, registry = ready(options), Registry(root)
    series = known.config.trends.series if topics and known.config.trends is not None else ()
    if topics and not series:
        raise ConfigError(f"{options.config}: trends: names no series, so there are no topics to score")
    digests = []
    for each in ("", *series):
        slot = f"topic:{known.name}:{each}" if each else f"asset:{known.name}"
        parent = registry.promotions.current(slot)
        trained = topic_trained(known, each, parent) if each else asset_trained(known, parent)
        digests.append(registry.save(trained.model, trained.manifest))
    following = f"patron models show {digests[0][:12]}{_where(root)}"
    if as_json:
        _document(console, {"models": [_summary(registry, each) for each in digests], "next": following})
        return
    for digest in digests:
        manifest = registry.manifest(digest)
        window = manifest.window
        console.print(
            f"[bold]{escape(manifest.slot)}[/] {digest[:12]}: {window['rows']:,} rows up to {day(manifest.fit_time)}, "
            f"{window['calibration_rows']:,} for the interval; {_headline(manifest)}",
            highlight=False,
        )
    _next(console, following)


def score(options: Options, root: Path, model: str, topics: bool, as_json: bool, console: Console) -> None:
    """The newest scores. `model`: the beginning of a kept model's digest, "" for what a run would fit now."""
    from bot.model_scores import newest_scores, newest_topics
    from bot.modelling import ready

    known, registry = ready(options), Registry(root)
    kept = registry.load(registry.find(model)) if model else None
    series = known.config.trends.series if topics and known.config.trends is not None else ()
    if topics and not series:
        raise ConfigError(f"{options.config}: trends: names no series, so there are no topics to score")
    found = newest_scores(known, kept)
    tables = [newest_topics(known, each) for each in series]
    following = f"patron models train {options.config} --data DIR" if options.replay else "patron models list"
    if as_json:
        _document(console, found | {"series": tables, "next": following})
        return
    _print_scores(console, found)
    for each in tables:
        _print_topics(console, each)
    _next(console, following)


def listed(root: Path, as_json: bool, console: Console) -> None:
    """Every kept model, newest fit first."""
    registry = Registry(root)
    rows = [_summary(registry, digest) for digest in registry.digests()]
    rows.sort(key=lambda row: (-row["fit_time"], row["digest"]))
    first = rows[0]["digest"][:12] if rows else ""
    following = f"patron models show {first}{_where(root)}" if first else "patron models train STRATEGY.yaml --data DIR"
    if as_json:
        _document(console, {"models": rows, "next": following})
        return
    table = Table("model", "of", "fitted", "rows", "how good", "", box=None, header_style="bold")
    for row in rows:
        used = "in use" if row["in_use"] else ""
        table.add_row(
            row["digest"][:12], escape(row["slot"]), day(row["fit_time"]), f"{row['rows']:,}", row["said"], used
        )
    console.print(table if rows else f"{root}: no models yet", highlight=False)
    _next(console, following)


def show(root: Path, beginning: str, card: Path | None, as_json: bool, console: Console) -> None:
    """All that is said of a model; the card is a page of it."""
    registry = Registry(root)
    digest = registry.find(beginning)
    opened = registry.load(digest)  # so that what is shown is whole, and can be used
    manifest = opened.manifest
    history = [asdict(each) for each in registry.promotions.read() if each.slot == manifest.slot]
    in_use = registry.promotions.current(manifest.slot) == digest
    following = f"patron models verify {digest[:12]}{_where(root)}{_data(manifest)}"
    if card is not None:
        # By name: the bot knows no backtests but at this door.
        page = importlib.import_module("backtests.model_card").card(digest, manifest, history, in_use)
        write_whole(card, page, "the card")
    if as_json:
        known = {"digest": digest, **asdict(manifest), "history": history, "in_use": in_use, "next": following}
        _document(console, known)
        return
    console.print(f"[bold]{escape(manifest.slot)}[/] {digest}{' (in use)' if in_use else ''}", highlight=False)
    window = manifest.window
    for name, text in (
        ("fitted", f"{day(manifest.fit_time)} on {window['rows']:,} rows since {day(window['first'])}"),
        ("data", f"{manifest.data['title']} ({manifest.data['kind']}, digest {manifest.data['digest'][:12]})"),
        ("parts", ", ".join(sorted(opened.parts)) or "none: a baseline"),
        ("how good", _headline(manifest)),
        ("matters most", _matters(manifest)),
        ("versions", ", ".join(f"{each} {version}" for each, version in sorted(manifest.versions.items()))),
        ("parent", manifest.parent[:12] or "none"),
    ):
        console.print(f"{name:>14}  {escape(text)}", highlight=False, soft_wrap=True)
    for each in history:
        said = f"{day(each['at'])} {each['what']} {each['model'][:12] or 'to none'} by {each['who']}: {each['why']}"
        console.print(f"{'history':>14}  {escape(said)}", highlight=False, soft_wrap=True)
    if card is not None:
        console.print(f"{'card':>14}  {escape(str(card))}", highlight=False, soft_wrap=True)
    _next(console, following)


def promote(root: Path, beginning: str, who: str, why: str, now: int, as_json: bool, console: Console) -> None:
    """Makes a model the one in use of its slot, once it was read and found whole."""
    registry = Registry(root)
    opened = registry.load(registry.find(beginning))
    said = registry.promotions.promote(opened.manifest.slot, opened.digest, who, why, now)
    following = f"patron models rollback {opened.manifest.slot}{_where(root)}   (takes it back)"
    _tell(console, as_json, asdict(said), f"{said.slot}: {said.model[:12]} is in use", following)


def rollback(root: Path, slot: str, who: str, why: str, now: int, as_json: bool, console: Console) -> None:
    """Puts the model before into use again."""
    said = Registry(root).promotions.roll_back(slot, who, why, now)
    now_used = f"{said.model[:12]} is in use again" if said.model else "no model is in use"
    _tell(console, as_json, asdict(said), f"{slot}: {now_used}", f"patron models list{_where(root)}")


def verify(root: Path, beginning: str, data: Path | None, as_json: bool, console: Console) -> int:
    """0 where the model, trained again from its manifest, is the same to the bit; 3 where not, told by name."""
    from bot.modelling import trained_again

    registry = Registry(root)
    digest = registry.find(beginning)
    opened = registry.load(digest)
    found = differences(registry, digest, trained_again(opened.manifest, data))
    in_use = registry.promotions.current(opened.manifest.slot) == digest
    verb = "list" if found or in_use else f"promote {digest[:12]}"
    following = f"patron models {verb}{_where(root)}"
    if as_json:
        _document(console, {"digest": digest, "identical": not found, "differences": found, "next": following})
    else:
        verdict = "differs:" if found else "trained again from its manifest: the same to the bit"
        console.print(f"{digest[:12]} {verdict}", highlight=False)
        for each in found:
            console.print(f"  {escape(each)}", highlight=False, soft_wrap=True)
        _next(console, following)
    return DataError.exit_code if found else 0


def differences(registry: Registry, digest: str, again: Trained) -> list[str]:
    """What is not the same, cause first; nothing where the bytes are."""
    from bot.scoring.registry.manifest import digest_of
    from bot.scoring.registry.store import kept_bytes

    if digest_of(kept_bytes(again.model, again.manifest)[0]) == digest:
        return []
    was, now = asdict(registry.manifest(digest)), asdict(again.manifest)
    was, now = (json.loads(json.dumps(each)) for each in (was, now))
    found = [f"{name}: {_short(was[name])} was, {_short(now[name])} is" for name in was if was[name] != now[name]]
    return found or ["estimators: the same rows gave other numbers (another processor or library of arithmetic)"]


def _summary(registry: Registry, digest: str) -> dict[str, Any]:
    manifest = registry.manifest(digest)
    return {
        "digest": digest,
        "slot": manifest.slot,
        "fit_time": manifest.fit_time,
        "rows": manifest.window["rows"],
        "said": _headline(manifest),
        "in_use": registry.promotions.current(manifest.slot) == digest,
    }


def _headline(manifest: Manifest) -> str:
    """How good it was, in a few words with the interval."""
    walk, out = manifest.metrics.get("walk_forward"), manifest.metrics.get("out_of_time")
    if walk is not None:
        held = _share(walk["coverage"]["value"])
        return f"rank correlation {_interval(walk['rank_correlation'])}, interval held {held}"
    if out is not None:
        return f"area under the curve {_interval(out['area_under_curve'])} a horizon later"
    return "too young to be judged"


def _interval(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "unknown"
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def _matters(manifest: Manifest) -> str:
    known: Mapping[str, float] = manifest.metrics.get("importance", {})
    largest = sorted(known.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    return ", ".join(f"{name} ({_weight(manifest, amount)})" for name, amount in largest if amount > 0.0) or "nothing"


def _weight(manifest: Manifest, amount: float) -> str:
    """Venues' features matter in returns, topics' in log odds."""
    return f"{amount:.2%}" if manifest.kind == "asset" else f"{amount:.2f} log odds"


def _print_scores(console: Console, found: Mapping[str, Any]) -> None:
    fitted = "no model yet" if found["fit_time"] is None else f"model {found['model'][:12]} of {day(found['fit_time'])}"
    horizon = f"{found['horizon'] / 86_400:g} days ahead, {found['coverage']:.0%} intervals"
    console.print(f"[bold]scores of {day(found['at'])}[/], {horizon}, {fitted}", highlight=False)
    because = Column("because of", overflow="fold")
    table = Table("venue", "expected", "low", "high", "beats costs", because, box=None, header_style="bold")
    for row in found["venues"]:
        reasons = "\n".join(f"{each['feature']} {each['amount']:+.2%}" for each in row["reasons"])
        table.add_row(
            escape(row["venue"]), *(_share(row[name]) for name in ("expected", "low", "high", "clears")), reasons
        )
    console.print(table)
    if found["withheld"]:
        console.print(f"[yellow]withheld:[/] {escape(found['withheld'])}", highlight=False)


def _print_topics(console: Console, found: Mapping[str, Any]) -> None:
    said = f"{found['horizon'] / 86_400:g} days ahead, {found['scored']:,} topics scored"
    console.print(f"\n[bold]{escape(found['series'])} of {day(found['at'])}[/], {said}", highlight=False)
    top = f"in top {found['top']:.0%}"
    because = Column("because of (log odds)", overflow="fold")
    table = Table("topic", top, "growth", "low", "high", because, box=None, header_style="bold")
    for row in found["topics"]:
        why = ", ".join(f"{each['feature']} {each['log_odds']:+.2f}" for each in row["reasons"])
        told = (_share(row[name]) for name in ("probability", "growth", "low", "high"))
        table.add_row(escape(row["topic"]), *told, why)
    console.print(table)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _where(root: Path) -> str:
    return "" if root == Path("models") else f" --models {root}"


def _data(manifest: Manifest) -> str:
    return "" if manifest.recipe.get("synthetic") is not None else " --data DIR"


def _tell(console: Console, as_json: bool, facts: Mapping[str, Any], line: str, following: str) -> None:
    if as_json:
        _document(console, {**facts, "next": following})
        return
    console.print(escape(line), highlight=False)
    _next(console, following)


def _document(console: Console, document: Mapping[str, Any] | Sequence[Any]) -> None:
    console.file.write(json.dumps(document, indent=2) + "\n")


def _next(console: Console, command: str) -> None:
    console.print(f"Next: [bold]{escape(command)}[/]", highlight=False, soft_wrap=True)
