"""The mutation operators do to a Solidity source what they say, and nothing to its comments and strings."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = """// SPDX-License-Identifier: MIT
contract C is Base {
    uint256 public constant MOST = 9_000; // if (a < b) revert X();
    string private text = "a < b";

    constructor(address owner) Base(owner) {
        _set(owner);
    }

    /// a + b < c
    function f(uint256 a, uint256 b) external onlyRole(KEEPER) returns (uint256 c) {
        if (a == 0 && b != 0) revert Zero(a, "x");
        if (a < b) {
            revert Less(a);
        }
        if (a > b) c = a - b;
        uint256 part = Math.mulDiv(a, b, 100);
        c += Math.min(part, Math.mulDiv(a, b, c, Math.Rounding.Ceil));
        delete text;
        emit Done(c);
        return c;
    }

    function g() external view virtual returns (uint256);
}
"""


@pytest.fixture(scope="module")
def mutations() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "contracts" / "tools" / "mutations.py"
    spec = importlib.util.spec_from_file_location("mutations", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module
    spec.loader.exec_module(module)
    return module


def changed(mutations: ModuleType) -> dict[tuple[int, str], list[str]]:
    """(line, operator) -> the line after each such mutant, words parted by one space."""
    found: dict[tuple[int, str], list[str]] = {}
    for mutant in mutations.mutants("C.sol", SOURCE):
        line = mutant.applied(SOURCE).splitlines()[mutant.line - 1]
        found.setdefault((mutant.line, mutant.operator), []).append(" ".join(line.split()))
    return found


def test_each_operator_changes_what_it_names(mutations: ModuleType) -> None:
    found = changed(mutations)
    assert found[3, "constant"] == ["uint256 public constant MOST = 9001; // if (a < b) revert X();"]
    assert found[7, "remove"] == [""]
    assert found[11, "drop modifier"] == ["function f(uint256 a, uint256 b) external returns (uint256 c) {"]
    assert found[12, "drop guard"] == [""]
    assert found[12, "logic"] == ['if (a == 0 || b != 0) revert Zero(a, "x");']
    assert found[12, "compare"] == [
        'if (a != 0 && b != 0) revert Zero(a, "x");',
        'if (a == 0 && b == 0) revert Zero(a, "x");',
    ]
    assert found[13, "drop guard"] == [""]
    assert found[16, "invert"] == ["if (!(a > b)) c = a - b;"]
    assert found[16, "arithmetic"] == ["if (a > b) c = a + b;"]
    assert found[16, "remove"] == ["if (a > b)"]
    assert found[17, "round up"] == ["uint256 part = Math.mulDiv(a, b, 100, Math.Rounding.Ceil);"]
    assert len(found[18, "swap word"]) == 2
    assert found[19, "remove"] == [""]
    assert found[20, "remove"] == [""]


def test_comments_strings_declarations_and_abstract_functions_stay(mutations: ModuleType) -> None:
    lines = {line for line, _ in changed(mutations)}
    assert lines == {3, 7, 11, 12, 13, 16, 17, 18, 19, 20}
    assert (17, "remove") not in changed(mutations), "a declaration without which nothing compiles"


def test_a_dropped_guard_takes_its_own_braces_only(mutations: ModuleType) -> None:
    for mutant in mutations.mutants("C.sol", SOURCE):
        after = mutations.mask(mutant.applied(SOURCE))
        assert after.count("{") == after.count("}"), mutant


def test_a_key_outlives_a_move_of_its_line_and_is_unique(mutations: ModuleType) -> None:
    keys = [mutant.key for mutant in mutations.mutants("C.sol", SOURCE)]
    assert len(set(keys)) == len(keys)
    moved = mutations.mutants("C.sol", "\n// one more line\n" + SOURCE)
    assert [mutant.key for mutant in moved] == keys
