"""The small changes that a good test must notice: `mutate.py` puts each of them into a copy of a Solidity source.

Works on text, not on a syntax tree: comments and strings are masked first, then functions are found by their braces. A
mutant that does not compile is thrown away by the runner, so a pattern may be generous.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "+=": "-=", "-=": "+=", "&": "|", "|": "&"}
LOGIC = {"&&": "||", "||": "&&"}
WORDS = {
    "Math.min": "Math.max",
    "Math.max": "Math.min",
    "Rounding.Floor": "Rounding.Ceil",
    "Rounding.Ceil": "Rounding.Floor",
    "true": "false",
    "false": "true",
}
_BINARY = re.compile(r"(?<=[\w)\]]) (<=|>=|==|!=|&&|\|\||\+=|-=|<|>|\+|-|\*|/|%|&|\|) (?=[\w(~!-])")
_WORD = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in WORDS))
_NUMBER = re.compile(r"(?<![\w.])\d[\d_]*(?![\w.])")
_FUNCTION = re.compile(r"\b(function\s+\w+|constructor|modifier\s+\w+|receive|fallback)\s*[({]")
_CONSTANT = re.compile(r"\bconstant\b[^=;]*=([^;]*);")
_NO_MODIFIER = frozenset(
    ["external", "public", "internal", "private", "view", "pure", "payable", "virtual", "override", "returns"]
)
_KEEP = ("return", "revert", "for", "while", "else", "try", "catch", "unchecked", "assembly", "_", "break", "continue")
_DECLARATION = re.compile(
    r"^\(?\s*[\w.]+(\[\w*\])*( memory| storage| calldata)? \w+( =|,|$)|^\(\s*,*\s*[\w.]+(\[\])?( \w+)? \w+,?"
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file. `start` and `end` are offsets into the source, `line` counts from 1."""

    file: str
    operator: str
    line: int
    start: int
    end: int
    before: str
    after: str
    key: str  # stays the same while the line's own text does, wherever the line moves

    def applied(self, source: str) -> str:
        """The source with the change in it."""
        return source[: self.start] + self.after + source[self.end :]


def mutants(file: str, source: str) -> list[Mutant]:
    """Every mutant of a source, in the order of the text."""
    masked = mask(source)
    found: list[Mutant] = []
    seen: dict[str, int] = {}
    for start, end, after, operator in sorted((at, end, new, name) for name, at, end, new in _changes(masked, source)):
        line = source.count("\n", 0, start) + 1
        text = " ".join(source.splitlines()[line - 1].split())
        identity = f"{file}|{operator}|{text}|{' '.join(source[start:end].split())}|{after}"
        seen[identity] = seen.get(identity, 0) + 1
        key = hashlib.sha256(f"{identity}|{seen[identity]}".encode()).hexdigest()[:10]
        found.append(Mutant(file, operator, line, start, end, source[start:end], after, key))
    return found


def mask(source: str) -> str:
    """The source with comments and the insides of strings blanked; offsets stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), source)


def _changes(masked: str, source: str) -> Iterator[tuple[str, int, int, str]]:
    """(operator, start, end, replacement) for each change."""
    for match in _CONSTANT.finditer(masked):
        yield from _numbers(masked, match.start(1), match.end(1))
    for match in _FUNCTION.finditer(masked):
        constructor = match.group(1) == "constructor"
        opening = _after_header(masked, match.start())
        if masked[opening] == ";":
            continue
        closing = _partner(masked, opening)
        if not constructor:
            yield from _modifiers(masked, match.start(), opening)
        yield from _expressions(masked, opening + 1, closing)
        yield from _statements(masked, source, opening + 1, closing)


def _after_header(text: str, start: int) -> int:
    """Offset of the `{` or `;` that ends a function's header."""
    at = start
    while text[at] not in "{;":
        at = _partner(text, at) + 1 if text[at] == "(" else at + 1
    return at


def _partner(text: str, opening: int) -> int:
    """Offset of the bracket that closes the one at `opening`."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    expected: list[str] = []
    for at in range(opening, len(text)):
        if text[at] in pairs:
            expected.append(pairs[text[at]])
        elif expected and text[at] == expected[-1]:
            expected.pop()
            if not expected:
                return at
    raise ValueError(f"no partner for the bracket at {opening}")


def _modifiers(text: str, start: int, opening: int) -> Iterator[tuple[str, int, int, str]]:
    at = _partner(text, text.index("(", start)) + 1 if "(" in text[start:opening] else opening
    while at < opening:
        match = re.compile(r"\w+").search(text, at, opening)
        if match is None:
            return
        at = match.end()
        following = len(text[at:opening]) - len(text[at:opening].lstrip()) + at
        if text[following] == "(":
            at = _partner(text, following) + 1
        if match.group() not in _NO_MODIFIER:
            yield "drop modifier", match.start(), at, ""


def _expressions(text: str, start: int, end: int) -> Iterator[tuple[str, int, int, str]]:
    for match in _BINARY.finditer(text, start, end):
        token = match.group(1)
        for name, table in (("compare", COMPARISONS), ("arithmetic", ARITHMETIC), ("logic", LOGIC)):
            if token in table:
                yield name, match.start(1), match.end(1), table[token]
    for match in _WORD.finditer(text, start, end):
        yield "swap word", match.start(), match.end(), WORDS[match.group()]
    for match in re.compile(r"\bmulDiv\(").finditer(text, start, end):
        closing = _partner(text, match.end() - 1)
        if _commas(text[match.end() : closing]) == 2:
            yield "round up", closing, closing, ", Math.Rounding.Ceil"
    yield from _numbers(text, start, end)


def _commas(inside: str) -> int:
    """Commas that stand in no bracket of their own."""
    depth = count = 0
    for character in inside:
        depth += (character in "([{") - (character in ")]}")
        count += character == "," and depth == 0
    return count


def _numbers(text: str, start: int, end: int) -> Iterator[tuple[str, int, int, str]]:
    for match in _NUMBER.finditer(text, start, end):
        yield "constant", match.start(), match.end(), str(int(match.group().replace("_", "")) + 1)


def _statements(text: str, source: str, start: int, end: int) -> Iterator[tuple[str, int, int, str]]:
    """Guards dropped, other conditions inverted, statements removed."""
    for match in re.compile(r"\bif \(").finditer(text, start, end):
        closing = _partner(text, match.end() - 1)
        rest = re.compile(r"\s*(revert\b[^;]*;|\{\s*revert\b[^;]*;\s*\})").match(text, closing + 1)
        if rest is None or text[rest.end() :].lstrip().startswith("else"):
            yield "invert", match.end(), closing, f"!({source[match.end() : closing]})"
        else:
            yield "drop guard", match.start(), rest.end(), ""
    for first, last in _plain_statements(text, start, end):
        statement = text[first:last].strip()
        if statement.startswith("require"):
            yield "drop guard", first, last, ""
        elif statement.startswith("delete ") or not _DECLARATION.match(statement[:-1]):
            yield "remove", first, last, ""


def _plain_statements(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each statement that ends in a semicolon and is no declaration, jump or loop header."""
    at, first = start, start
    while at < end:
        if text[at] == "(":
            at = _partner(text, at)
        elif text[at] in "{}":
            first = at + 1
        elif text[at] == ";":
            begin = first + len(text[first:at]) - len(text[first:at].lstrip())
            branch = re.compile(r"(else\s+)?if \(|else\b").match(text, begin)
            while branch is not None:  # a branch without braces: the statement behind it
                begin = _partner(text, branch.end() - 1) + 1 if branch.group().endswith("(") else branch.end()
                begin += len(text[begin:at]) - len(text[begin:at].lstrip())
                branch = re.compile(r"(else\s+)?if \(|else\b").match(text, begin)
            word = re.match(r"\w*", text[begin:at])
            if begin < at and word is not None and word.group() not in _KEEP:
                yield begin, at + 1
            first = at + 1
        at += 1
