"""No certificate, no capital: what a run may do under the certificate it has, and the one line that says why not.

Paper moves nothing and needs none. A fork needs a valid one; on the local devnet alone ``--uncertified`` goes without,
and every page says so. For ``live`` there is no such flag, and what was certified on a generated market is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from bot.admissions import admissions_path, read_admissions
from bot.core.certificate import NOT_APPLICABLE, PASSED, RECORDED, Certificate, certificate_of
from bot.core.dates import DAY, day
from bot.core.strict_json import canonical, parsed
from bot.errors import ConfigError, DataError, RefusedError
from bot.settings import BENCHMARK

NOT_NEEDED: Final = "uncertified (paper moves no capital, so none is needed)"
UNCERTIFIED: Final = "UNCERTIFIED: deployed by --uncertified, on the local devnet alone"
UNCOMPARED: Final = "data"  # the daemon's data grows; what it was certified on is named in the certificate
_WHAT: Final = {
    "strategy": "the strategy's code",
    "config": "the strategy file",
    "engine": "the engine (kernels, rules or libraries)",
    "fitting": "the procedure that fits models",
}
_TYPES = TypeAdapter(Certificate)

# Every gate that a certificate must answer; what follows need not apply.
GATES: Final = (
    *("lookahead", "walk-forward", "buy and hold", "edge", "interval", "idle money", "combinatorial paths"),
    *("cost stress", "capacity", "sandwich", "parity"),
)
OF_MODELS: Final = frozenset({"combinatorial paths"})  # asked only where a model is
OF_AN_EDGE: Final = frozenset({"edge", "interval", "idle money", "walk-forward", "buy and hold"}) | OF_MODELS
LONGEST: Final = 366 * DAY
_LATEST: Final = 1 << 37  # unix seconds, in the year 6325: later ones are no dates of ours


@dataclass(frozen=True, slots=True)
class Standing:
    """What a run deploys under. `stamp`: the words that every page of it carries. `path`: of the certificate."""

    certificate: Certificate | None
    stamp: str
    path: Path | None = None


def certificate_path(config: Path, named: Path | None) -> Path:
    """Where a strategy file's certificate is: at `named`, or beside it as ``<stem>.certificate.json``."""
    return named if named is not None else config.with_name(f"{config.stem}.certificate.json")


def read_certificate(path: Path) -> Certificate:
    """The certificate at `path`, whatever its gates said.

    Raises ConfigError where there is no such file, DataError where it is none, or was changed after it was issued.
    """
    try:
        document = parsed(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such certificate; `patron certify STRATEGY.yaml` makes one") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise DataError(f"{path}: not a certificate: not valid JSON") from None
    if not isinstance(document, dict):
        raise DataError(f"{path}: not a certificate: not a JSON object")
    try:
        found = certificate_of(document)
        _TYPES.validate_json(canonical(asdict(found)), strict=True)
        same = canonical(document) == canonical(found.document())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: not a certificate: {field}: {first['msg'].lower()}") from None
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    if wrong := _impossible(found):
        raise DataError(f"{path}: not a certificate: {wrong}")
    if not same:  # the verdict is told beside what the digest covers
        raise DataError(f"{path}: changed after it was issued: its verdict is not what its gates say")
    return found


def _impossible(found: Certificate) -> str:
    """What no issued certificate says, "" where there is no such thing."""
    if not 0 < found.issued_at < found.expires_at <= found.issued_at + LONGEST or found.issued_at > _LATEST:
        return f"expires_at: from 1 second to {LONGEST // DAY} days after issued_at"
    if not 0 <= found.first <= found.last <= _LATEST:
        return "first, last: no window"
    if found.trials < 1:
        return f"trials: at least 1 (got {found.trials})"
    if len({gate.name for gate in found.gates}) < len(found.gates):
        return "gates: one is there twice"
    return ""


def require(
    certificate: Certificate | None,
    path: Path,
    mode: str,
    devnet: bool,
    inputs: Mapping[str, str],
    now: int,
    uncertified: bool,
    config: Path | None = None,
    benchmark: bool = False,
) -> Standing:
    """What the run may deploy under. Raises RefusedError with one line: what is missing, failed, changed or expired.

    `certificate`: None where there is none at `path`. `devnet`: whether the fork is of our own local chain. `inputs`:
    digests of what would run now. `config`: the strategy file, for the command that the line names. `benchmark`: is it
    the benchmark that would run, of which no edge over itself is asked.
    """
    command = f"`patron certify {config if config is not None else 'STRATEGY.yaml'}`"
    if mode == "paper" and certificate is None:
        return Standing(None, NOT_NEEDED)
    if uncertified and mode == "fork":
        if not devnet:
            raise RefusedError(
                f"--uncertified deploys on the local devnet alone: a fork of a node needs a certificate, {command}"
            )
        return Standing(None, UNCERTIFIED)
    if certificate is None:
        without = "; --uncertified deploys on the local devnet without one" if mode == "fork" and devnet else ""
        raise RefusedError(f"no certificate, no capital: none at {path}; {command} makes one{without}")
    said = objection(certificate, inputs, now, command, benchmark)
    if said is None and mode == "live" and certificate.data_kind != RECORDED:
        where = f"{certificate.data_kind} data ({certificate.data})"
        said = f"made on {where}: live needs one made on recorded data, {command} with --data DIR"
    if said is not None:
        raise RefusedError(f"{path}: {said}")
    return Standing(certificate, stamp_of(certificate), path)


def objection(
    certificate: Certificate, inputs: Mapping[str, str], now: int, command: str, benchmark: bool = False
) -> str | None:
    """Why capital may not be moved under a certificate, or None: a gate, its dates, or what has changed since."""
    if certificate.failed:
        first, *others = certificate.failed
        more = f" (and {', '.join(gate.name for gate in others)})" if others else ""
        return f"the gate {first.name}{more} failed: {first.said}"
    if not certificate.granted:
        return f"no gate passed, so it certifies nothing: run {command}"
    if unasked := not_asked(certificate, bool(inputs.get("fitting")), benchmark):
        return f"it does not answer the gate {' or '.join(unasked)}: run {command} again"
    if now >= certificate.expires_at:
        return (
            f"expired on {day(certificate.expires_at)} (issued {day(certificate.issued_at)}, today is {day(now)}): "
            f"run {command} again"
        )
    if now < certificate.issued_at:
        return f"issued on {day(certificate.issued_at)}, and today is {day(now)}: is the clock right?"
    if changed := changes(certificate, inputs):
        are = "are" if len(changed) > 1 else "is"
        return f"{' and '.join(changed)} {are} not what was certified: run {command} again"
    if inputs.get("fitting") and not certificate.reference:
        return f"it says nothing of models, and the strategy asks one: run {command} again"
    return None


def not_asked(certificate: Certificate, asks_model: bool, benchmark: bool) -> list[str]:
    """The gates that must be answered and are not: missing, or not applied to what they apply to."""
    verdicts = {gate.name: gate.verdict for gate in certificate.gates}
    spared = OF_AN_EDGE if benchmark else frozenset() if asks_model else OF_MODELS
    return [name for name in GATES if name not in verdicts or (verdicts[name] == NOT_APPLICABLE and name not in spared)]


def changes(certificate: Certificate, inputs: Mapping[str, str]) -> list[str]:
    """What differs from what was certified, in words. The data is not compared."""
    names = sorted((set(certificate.inputs) | set(inputs)) - {UNCOMPARED})
    return [_WHAT.get(name, name) for name in names if certificate.inputs.get(name) != inputs.get(name)]


def stamp_of(certificate: Certificate) -> str:
    """A valid certificate in a line."""
    passed = sum(gate.verdict == PASSED for gate in certificate.gates)
    return (
        f"certified {day(certificate.issued_at)}, until {day(certificate.expires_at)}: {_count(passed, 'gate')} "
        f"passed on {certificate.data_kind} data ({certificate.data}), {_count(certificate.trials, 'version')} tried, "
        f"digest {certificate.digest[:12]}"
    )


def verify_certificate(path: Path, inputs: Mapping[str, str] | None, now: int | None = None) -> list[str]:
    """What a certificate says, in lines, once it is proved to be as it was issued, and so the admissions beside it.

    A failed gate, an expiry (where `now` is given, unix seconds) and changed `inputs` are told: they make no
    certificate untrue. Raises DataError, ConfigError or RefusedError naming what does not agree.
    """
    found = read_certificate(path)
    lines = [
        f"{path}: as issued on {day(found.issued_at)}, digest {found.digest}",
        f"strategy {found.strategy}, {found.data_kind} data ({found.data}), {day(found.first)} to {day(found.last)}, "
        f"seed {found.seed}, {_count(found.trials, 'version')} tried",
    ]
    lines += [f"  {gate.verdict}: {gate.name}: {gate.said}" for gate in found.gates]
    if unasked := not_asked(found, bool(found.inputs.get("fitting")), found.strategy == BENCHMARK):
        lines.append(f"  not answered: {', '.join(unasked)}")
    granted = found.granted and not unasked
    lines.append("granted" if granted else "not granted: no capital is moved under it")
    late = now is not None and now >= found.expires_at
    lines.append(f"{'expired' if late else 'expires'} on {day(found.expires_at)}")
    admitted = read_admissions(admissions_path(path))
    mine = [line for line in admitted if line["certificate"] == found.digest]
    kept = _count(len(admitted), "line")
    lines.append(f"{_count(len(mine), 'model')} admitted under it; {kept} of admissions, each as it was written")
    if inputs is not None:
        changed = changes(found, inputs)
        lines.append(f"changed since: {', '.join(changed)}" if changed else "nothing has changed since")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
