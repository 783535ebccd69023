"""A server on the loopback that says what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

ANSWERS = Path(__file__).parent / "answers"
JSON = {"Content-Type": "application/json"}


def answer(name: str) -> bytes:
    """An answer made by hand."""
    return (ANSWERS / f"{name}.json").read_bytes()


@dataclass
class Said:
    """One answer. `cut`: bytes that are missing of the announced length; `drip`: seconds between two bytes."""

    body: bytes = b"[]"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: dict(JSON))
    delay: float = 0.0
    cut: int = 0
    drip: float = 0.0

    @classmethod
    def json(cls, document: Any, **more: Any) -> Said:
        return cls(json.dumps(document).encode(), **more)

    @classmethod
    def gzipped(cls, body: bytes, lose: int = 0, **headers: str) -> Said:
        packed = gzip.compress(body)
        return cls(packed[: len(packed) - lose], headers={**JSON, "Content-Encoding": "gzip", **headers})


Script = Said | Sequence[Said] | Callable[[web.Request], Said]


@dataclass
class Server:
    """`script`: path -> what is said there; of a list each once, the last one from then on. Other paths are 404."""

    script: dict[str, Script] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)
    url: str = ""
    _turns: dict[str, int] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        return [request.path_qs for request in self.asked]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        said = self._said(request)
        await asyncio.sleep(said.delay)
        response = web.StreamResponse(status=said.status, headers=dict(said.headers))
        if said.status != 304:
            response.content_length = len(said.body) + said.cut
        await response.prepare(request)
        for piece in [said.body] if not said.drip else [bytes([each]) for each in said.body]:
            await response.write(piece)
            await asyncio.sleep(said.drip)
        if said.cut and request.transport is not None:
            request.transport.abort()
        return response

    def _said(self, request: web.Request) -> Said:
        script = self.script.get(request.path, Said(b"{}", 404))
        if callable(script):
            return script(request)
        if isinstance(script, Said):
            return script
        turn = self._turns.get(request.path, 0)
        self._turns[request.path] = turn + 1
        return script[min(turn, len(script) - 1)]


@asynccontextmanager
async def serving(script: Mapping[str, Script], host: str = "127.0.0.1") -> AsyncIterator[Server]:
    """A server that listens on the loopback."""
    server = Server(dict(script))
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    async with TestServer(app, host=host) as running:
        server.url = f"http://{host}:{running.port}"
        yield server
