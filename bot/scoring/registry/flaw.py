"""What is wrong with a model that was read: the field and the problem, before it is known which file it came from."""

from __future__ import annotations


class Flaw(Exception):
    """`field`: such as "parts.boost.left"; `problem`: one clause. Whoever knows the file makes a DataError of it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field, self.problem = field, problem
