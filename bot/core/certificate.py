"""A certificate: what a strategy showed before it may move capital, and digests of all that it showed it with.

The document is plain JSON. Its digest is over all of it but the digest itself, in canonical form, so that one changed
digit is seen; what was certified is told again by `inputs`, so that a change of code, file or fitting is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bot.core.strict_json import canonical, digest_of

VERSION: Final = 1
PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"
RECORDED, SYNTHETIC = "recorded", "synthetic"


@dataclass(frozen=True, slots=True)
class Gate:
    """One question and its answer. `said`: the sentence a person reads, with numbers and units.

    `observed` and `bound` are what was compared, None where the gate compares nothing; `figures`: what else it found.
    """

    name: str
    verdict: str
    said: str
    observed: float | None = None
    bound: float | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was certified, on what, when, and the answer of every gate. Times in unix seconds.

    `inputs`: name -> digest, of ``strategy`` (its code), ``config`` (its file), ``engine`` (kernels and every source
    that a result depends on), ``fitting`` (procedure and libraries; "" where no model is asked), ``data`` (snapshot).
    `trials`: how many versions had been tried by then, this one included. `reference`: what the admission of refitted
    models compares with, empty where no model is asked.
    """

    strategy: str
    issued_at: int
    expires_at: int
    first: int  # of the window
    last: int
    seed: int
    trials: int
    data_kind: str  # RECORDED or SYNTHETIC
    data: str  # described for a reader
    inputs: Mapping[str, str]
    gates: tuple[Gate, ...]
    reference: Mapping[str, Any] = field(default_factory=dict)
    version: int = VERSION

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that said no. A certificate without gates is none."""
        return tuple(gate for gate in self.gates if gate.verdict not in (PASSED, NOT_APPLICABLE))

    @property
    def granted(self) -> bool:
        """Whether capital may be moved under it, as long as nothing has changed and it has not expired."""
        return bool(self.gates) and not self.failed and any(gate.verdict == PASSED for gate in self.gates)

    @property
    def digest(self) -> str:
        """SHA-256 of the document, in hexadecimal digits."""
        return digest_of(asdict(self))

    def document(self) -> dict[str, Any]:
        """The certificate as plain JSON types, its digest and verdict told with it."""
        body = json.loads(canonical(asdict(self)))
        return {**body, "verdict": PASSED if self.granted else FAILED, "digest": self.digest}


def certificate_of(document: Mapping[str, Any]) -> Certificate:
    """The certificate that a document tells. Raises ValueError with one line where it is none, or was changed."""
    body = {name: value for name, value in document.items() if name not in ("digest", "verdict")}
    try:
        gates = tuple(Gate(**gate) for gate in body.pop("gates"))
        found = Certificate(**body, gates=gates)
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a certificate: {str(error)!r}") from None
    if found.version != VERSION:
        raise ValueError(f"a certificate of version {found.version}, this Patron reads {VERSION}")
    if document.get("digest") != found.digest:
        raise ValueError(f"changed after it was issued: its digest is {found.digest}, it says {document.get('digest')}")
    return found
