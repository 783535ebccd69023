"""What the outbox asks of a node, and how it reads the answers. Nothing a node says is taken on trust."""

from __future__ import annotations

from typing import Any, Protocol

from bot.errors import ChainError


class IncurableError(ChainError):
    """Another chain, or an event that means nothing to us: neither waiting nor a second look cures that."""


class RpcLike(Protocol):
    """JSON-RPC. Raises ChainError or one of its kinds for whatever is not a result."""

    async def request(self, method: str, params: list[Any], *, timeout: float) -> Any: ...


def quantity(answer: object, what: str) -> int:
    """A non-negative integer, from 0x-hex or as it is. Raises ChainError naming `what`."""
    try:
        number = int(answer, 16) if isinstance(answer, str) else answer
    except ValueError:
        number = None
    if type(number) is not int or number < 0:
        raise ChainError(f"the node gave no number for {what} (got {str(answer)[:80]!r})")
    return number


def digest(answer: object, what: str) -> str:
    """Lower-case 0x-hex of a hash, from hex text or bytes. Raises ChainError naming `what`."""
    text = "0x" + bytes(answer).hex() if isinstance(answer, bytes | bytearray) else answer
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ChainError(f"the node gave no hash for {what} (got {str(answer)[:80]!r})")
    return text.lower()


def field(answer: object, name: str, what: str) -> Any:
    """One field of a JSON object. Raises ChainError when it is missing, or the answer is no object."""
    try:
        return answer[name]  # type: ignore[index]
    except (KeyError, TypeError, IndexError):
        raise ChainError(f"the node's {what} has no {name}") from None
