"""The seal of a page: a digest of every part and one of the whole, written into the page itself.

A part begins at a tag with ``data-part`` and ends where the next begins. The digest of the whole is over all of the
page's bytes with its own place empty, so that one changed character anywhere is seen; the digests of the parts say
where. A seal names no author: whoever changes a page can seal it again, and then only its numbers can speak against it.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

PART: Final = re.compile(r'<(?:head|header|section|script)\b[^>]*?\bdata-part="([^"]*)"')
OWN: Final = "proof"  # the part that holds the seal
PARTS: Final = re.compile(r'(<script type="application/json" id="parts">)(.*?)(</script>)', re.DOTALL)
DIGEST: Final = re.compile(r'(<code id="page-digest">)(.*?)(</code>)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Seal:
    """What a page says of itself, and what it is: SHA-256 in hexadecimal digits, by part and of the whole."""

    said: str
    found: str
    parts_said: dict[str, str]
    parts_found: dict[str, str]

    @property
    def whole(self) -> bool:
        return self.said == self.found and self.parts_said == self.parts_found

    @property
    def changed(self) -> list[str]:
        """The parts that are not what they say; the seal itself, where only it was changed."""
        names = {**self.parts_said, **self.parts_found}
        parts = [name for name in names if self.parts_said.get(name) != self.parts_found.get(name)]
        return parts or ([] if self.whole else [OWN])


def sealed(text: str) -> str:
    """The page with its digests filled in; their places must be in it, once and empty."""
    digests = json.dumps(_digests(text), separators=(",", ":"))
    text = _filled(PARTS, text, digests)
    return _filled(DIGEST, text, hashlib.sha256(text.encode()).hexdigest())


def seal_of(text: str) -> Seal:
    """The seal of a page. Raises ValueError with one line when it has none, or one that cannot be read."""
    parts, digests = PARTS.findall(text), DIGEST.findall(text)
    if len(parts) != 1 or len(digests) != 1:
        raise ValueError("it has no seal, or more than one; pages of certificates, folds and heat maps have none")
    try:
        said = json.loads(parts[0][1])
    except ValueError:
        said = None
    if not isinstance(said, dict):
        said = {}
    found = hashlib.sha256(_filled(DIGEST, text, "").encode()).hexdigest()
    return Seal(digests[0][1], found, said, _digests(text))


def parts_of(text: str) -> dict[str, str]:
    """The parts of a page by name, in order; what stands before the first is ``start``."""
    marks = [(0, "start"), *((found.start(), found[1]) for found in PART.finditer(text)), (len(text), "")]
    return {name: text[start:end] for (start, name), (end, _) in pairwise(marks)}


def _digests(text: str) -> dict[str, str]:
    return {name: hashlib.sha256(part.encode()).hexdigest() for name, part in parts_of(text).items() if name != OWN}


def _filled(place: re.Pattern[str], text: str, content: str) -> str:
    return place.sub(lambda found: found[1] + content + found[3], text, count=1)
