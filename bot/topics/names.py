"""Whether a name is one that is known: the same, one that only looks like it, or another.

Topics are repositories, models and packages that anybody may name. A name is *the same* when it differs in letter case
and canonical Unicode form at most; everything closer than a stranger is a look-alike, which is refused by name and
never merged: what it earns must not count for what it imitates. A renamed thing is followed by the numeric id that its
source gave it, never by likeness. Characters that look alike are those of Unicode's confusables (UTS #39, section 4).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LEAST_SQUATTED = 6  # letters: shorter names are one edit from half the world
_SCHEME = re.compile(r"^(?:git\+)?h{1,2}t{2}ps?:/{1,2}", re.IGNORECASE)  # `hhttps`: a recorded list is full of them
_HOSTS = ("github.com", "raw.githubusercontent.com", "huggingface.co", "hf.co", "pypi.org", "comfyregistry.org")
_FOLDERS = ("project/", "models/", "datasets/", "spaces/", "nodes/")  # before a name in a page's address
_ONE_STROKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s"})
_TWO_STROKES = (("rn", "m"), ("vv", "w"), ("cl", "d"))


@dataclass(frozen=True, slots=True)
class Match:
    """`of`: the known name that this is; `renamed`: known by its numeric id, under a name of its own."""

    of: str
    renamed: bool = False


@dataclass(frozen=True, slots=True)
class Lookalike:
    """Not `of`, and easily taken for it: `reason` says by what, in words."""

    of: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """None of the known names, and like none of them."""


Resolved = Match | Lookalike | Unknown


class KnownNames:
    """Names that are known, ready to be asked about; a numeric id may belong to each."""

    def __init__(self, names: Iterable[str], ids: Mapping[str, str] | None = None) -> None:
        """`ids`: name -> what its source never changes. Raises ValueError where two names are the same one."""
        self._exact: dict[str, str] = {}
        for name in names:
            if self._exact.setdefault(_exact(name), name) != name:
                raise ValueError(f"{name} and {self._exact[_exact(name)]} are the same name")
        self._looks: dict[str, str] = {}
        self._near: dict[str, list[str]] = {}
        for key, name in sorted(self._exact.items()):
            self._looks.setdefault(skeleton(name), name)
            if len(key) >= LEAST_SQUATTED:
                for shorter in _shortened(key):
                    self._near.setdefault(shorter, []).append(key)
        self._id_of = {_exact(name): number for name, number in (ids or {}).items() if number}
        self._by_id = {number: self._exact.get(key, key) for key, number in self._id_of.items()}

    def resolve(self, name: str, entity: str = "") -> Resolved:
        """What `name` is; `entity`: the numeric id that its source gave it, "" where it gives none."""
        if entity and entity in self._by_id:
            of = self._by_id[entity]
            return Match(of, renamed=_exact(name) != _exact(of))
        key = _exact(name)
        found = self._exact.get(key)
        if found is not None:
            if found.isascii() and not name.isascii():  # to Unicode the Kelvin sign is a K; to no source
                return Lookalike(found, f"has {_strangers(name)}")
            if entity and key in self._id_of:
                return Lookalike(found, f"has the name of {self._id_of[key]} and the id {entity}")
            return Match(found)
        seen = self._looks.get(skeleton(name))
        if seen is not None:
            return Lookalike(seen, _how(name, seen))
        if len(key) + 1 >= LEAST_SQUATTED:
            near = {other for shorter in _shortened(key) for other in self._near.get(shorter, ())}
            for other in sorted(near):
                if _one_edit(key, other):
                    return Lookalike(self._exact[other], "is one letter away")
        return Unknown()


def resolve(name: str, known: KnownNames | Iterable[str], entity: str = "") -> Resolved:
    """What `name` is among the `known` ones. Many questions about the same names: make `KnownNames` once."""
    return (known if isinstance(known, KnownNames) else KnownNames(known)).resolve(name, entity)


def canonical(name: str) -> str:
    """The name without what its address adds: scheme (mistyped too), ``www.``, host, ``.git``, query, slashes.

    Letter case stays. ``https://www.github.com/Owner/Name.git/`` is ``Owner/Name``.
    """
    text = unicodedata.normalize("NFC", name.strip())
    text = re.sub(r"^git@([^:/]+):", r"https://\1/", text)
    address = _SCHEME.sub("", text)
    if address != text:
        address = re.split(r"[?#]", address, maxsplit=1)[0]
    bare = re.sub(r"^www\.", "", address, flags=re.IGNORECASE)
    host, slash, path = bare.partition("/")
    if slash and host.lower() in _HOSTS:
        address = re.split(r"[?#]", path, maxsplit=1)[0].lstrip("/")
        for folder in _FOLDERS:
            address = address.removeprefix(folder)
        address = re.sub(r"^([^/]+/[^/]+)/(?:tree|blob|releases|issues|wiki)(?:/.*)?$", r"\1", address)
    return re.sub(r"\.git$", "", address.strip("/"), flags=re.IGNORECASE).strip("/")


def skeleton(name: str) -> str:
    """What is left of a name for an eye in a hurry: two names with one skeleton are easily taken for each other."""
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", canonical(name)))
    text = "".join(_prototype(letter) for letter in text)
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(letter for letter in text if letter == "/" or unicodedata.category(letter)[0] in "LN")
    text = text.translate(_ONE_STROKE)
    for two, one in _TWO_STROKES:
        text = text.replace(two, one)
    return text.strip("/")


def _exact(name: str) -> str:
    """What two spellings of the same name share: all but letter case and canonical form."""
    return unicodedata.normalize("NFC", canonical(name).lower())


@functools.lru_cache(maxsize=4_096)
def _prototype(letter: str) -> str:
    """The plain letters that this one looks like, or itself."""
    if letter.isascii():
        return letter
    from confusable_homoglyphs.confusables import is_confusable  # type: ignore[import-untyped]

    for found in is_confusable(letter, greedy=True) or ():
        for homoglyph in found["homoglyphs"]:
            if homoglyph["c"].isascii():
                return str(homoglyph["c"])
    return letter


def _strangers(name: str) -> str:
    """The characters of a name that no plain keyboard has, by their Unicode names."""
    odd = dict.fromkeys(letter for letter in name if not letter.isascii())
    told = [unicodedata.name(letter, f"U+{ord(letter):04X}") for letter in odd]
    return ", ".join(told[:3]) + (" …" if len(told) > 3 else "")


def _how(name: str, seen: str) -> str:
    """By what a name with the skeleton of a known one differs from it."""
    text = canonical(name)
    invisible = [letter for letter in text if unicodedata.category(letter) in ("Cf", "Cc", "Zs", "Zl", "Zp")]
    if invisible:
        return f"has an invisible {unicodedata.name(invisible[0], f'U+{ord(invisible[0]):04X}')}"
    if text.isascii() != canonical(seen).isascii() or not text.isascii():
        from confusable_homoglyphs.confusables import is_mixed_script

        mixed = is_mixed_script(text, ["COMMON", "INHERITED"])
        return f"{'mixes scripts: ' if mixed else ''}has {_strangers(name)}"
    letters = [re.sub(r"[^a-z0-9/]", "", _exact(each)) for each in (name, seen)]
    return "differs in punctuation alone" if letters[0] == letters[1] else "has letters that look the same"


def _shortened(key: str) -> set[str]:
    """The name, and the name less any one letter: names one edit apart share one of these."""
    return {key, *(key[:place] + key[place + 1 :] for place in range(len(key)))}


def _one_edit(name: str, other: str) -> bool:
    """Whether one letter put in, left out, changed or swapped makes one of the other. A number is another version."""
    start = 0
    while start < min(len(name), len(other)) and name[start] == other[start]:
        start += 1
    left, right = name[start:], other[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if (left + right).isdigit():
        return False
    swapped = len(left) == 2 and left[::-1] == right
    return swapped or max(len(left), len(right)) == 1
