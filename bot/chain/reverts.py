"""Why a contract refused, in words: custom errors of our contracts, require strings, panics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import abi_to_signature
from eth_utils.crypto import keccak

from bot.chain.artefacts import contracts_dir

_PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x32: "index out of bounds",
    0x41: "out of memory",
}


def revert_reason(data: Any, message: str = "") -> str:
    """One line for a revert: ``OverCap(venue=0x…, value=12, cap=10)``; without known data, the node's message.

    `data`: 0x hexadecimal, bytes, a mapping that holds one of them under ``data``, or None.
    """
    raw = _bytes(data)
    if len(raw) >= 4:
        known = _errors().get(raw[:4])
        try:
            if known is not None:
                return _spelled(known, raw[4:])
        except DecodingError:
            pass  # another contract's error with the same selector: its bytes say more than a wrong name
        return f"{message or 'reverted'} (0x{raw[:36].hex()}{'…' if len(raw) > 36 else ''})"
    return message or "reverted without a reason"


def _spelled(error: Mapping[str, Any], arguments: bytes) -> str:
    inputs = error["inputs"]
    values = decode([field["type"] for field in inputs], arguments)
    if error["name"] == "Error":
        return f"reverted: {values[0]}"
    if error["name"] == "Panic":
        return f"panic: {_PANICS.get(values[0], hex(values[0]))}"
    shown = (
        f"{field['name']}={'0x' + value.hex() if isinstance(value, bytes) else value}"
        for field, value in zip(inputs, values, strict=True)
    )
    return f"{error['name']}({', '.join(shown)})"


@cache
def _errors() -> dict[bytes, Mapping[str, Any]]:
    """Selector -> error. Without our interfaces on disk only Solidity's own two are known."""
    known: list[Mapping[str, Any]] = [
        {"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]},
        {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
    ]
    for path in sorted((contracts_dir() / "abi").glob("*.json")):
        known += [entry for entry in json.loads(path.read_text(encoding="utf-8")) if entry["type"] == "error"]
    return {keccak(text=abi_to_signature(entry))[:4]: entry for entry in known}  # type: ignore[arg-type]


def _bytes(data: Any) -> bytes:
    if isinstance(data, Mapping):
        data = data.get("data")
    if isinstance(data, bytes):
        return data
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return bytes.fromhex(data[2:])
        except ValueError:
            return b""
    return b""
