"""The same kernels without compilation: the reference that compiled code must equal bit for bit."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from numba.core.dispatcher import Dispatcher


def plain(kernel: Any) -> Callable[..., Any]:
    """`kernel` as the interpreter runs it, with every compiled function that it calls by name replaced likewise.

    A dispatcher's own `py_func` is not enough: the functions it calls would still be compiled ones.
    """
    return _plain(kernel, {})


def _plain(kernel: Any, done: dict[int, types.FunctionType]) -> types.FunctionType:
    if id(kernel) in done:
        return done[id(kernel)]
    source: types.FunctionType = kernel.py_func
    scope = dict(source.__globals__)
    copy = types.FunctionType(source.__code__, scope, source.__name__, source.__defaults__, source.__closure__)
    done[id(kernel)] = copy
    for name in source.__code__.co_names:
        if isinstance(scope.get(name), Dispatcher):
            scope[name] = _plain(scope[name], done)
    return copy
