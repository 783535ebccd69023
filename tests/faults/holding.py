"""A proxy before a node that holds a request of a daemon in a wanted state, so that the daemon stands still there.

A state that is looked for from outside, now and then, is missed on a busy machine. Here the daemon waits for an answer
that does not come, and nothing changes until whoever asked for the state has done with it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_LONGEST = 60.0  # seconds that a request is held when nobody lets go of it

BEFORE, AFTER = "before", "after"  # the node has not heard of the request; it has answered, and nobody has the answer


@dataclass(frozen=True, slots=True)
class Hold:
    """Where to stand still: at this method, on this side of the node, once `true` says so."""

    method: str
    side: str
    true: Callable[[], bool]


@dataclass(slots=True)
class Holder:
    """What is to be held, and what is. A request that was held never gets through, and its asker gets no answer."""

    target: str
    url: str = ""
    _wanted: Hold | None = None
    _passing: int = 0
    _held: threading.Event = field(default_factory=threading.Event)
    _free: threading.Event = field(default_factory=threading.Event)

    def want(self, hold: Hold, passing: int = 0) -> None:
        """Holds the next such request, after letting `passing` of them through."""
        self._held.clear()
        self._free.clear()
        self._wanted, self._passing = hold, passing

    def holds(self, within: float) -> bool:
        """Whether a request is held by then."""
        return self._held.wait(within)

    def let_go(self) -> None:
        """Nothing is wanted any more."""
        self._wanted = None
        self._free.set()

    def answer(self, body: bytes) -> bytes | None:
        """The node's answer, or None for a request that was held."""
        method = json.loads(body)["method"]
        if self._hold(method, BEFORE):
            return None
        request = urllib.request.Request(self.target, body, {"content-type": "application/json"})
        with _DIRECT.open(request, timeout=60.0) as answered:
            found = bytes(answered.read())
        return None if self._hold(method, AFTER) else found

    def _hold(self, method: str, side: str) -> bool:
        wanted = self._wanted
        if wanted is None or (wanted.method, wanted.side) != (method, side) or not wanted.true():
            return False
        if self._passing:
            self._passing -= 1
            return False
        self._wanted = None
        self._held.set()
        self._free.wait(_LONGEST)
        return True


@contextlib.contextmanager
def holding(target: str) -> Iterator[Holder]:
    """A proxy on the loopback before the node at `target`."""
    holder = Holder(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                answer = holder.answer(body)
            except (urllib.error.URLError, ConnectionError):
                answer = None
            if answer is None:
                self.close_connection = True
                return
            with contextlib.suppress(ConnectionError):  # whoever asked was killed meanwhile
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        holder.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield holder
        finally:
            holder.let_go()
            server.shutdown()
            thread.join(5.0)
