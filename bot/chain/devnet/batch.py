"""Transactions of a devnet's own accounts, many in one block, at addresses known before they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_typing import HexAddress, HexStr
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3.types import Nonce
from web3.utils.address import get_create_address

from bot.chain.artefacts import Artefact, artefact
from bot.chain.multicall import call_data
from bot.chain.reverts import revert_reason
from bot.chain.rpc import Rpc, quantity
from bot.errors import ChainError, Reverted

CREATE2_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"  # on every anvil, as on most chains
MAX_FEE = 10**12  # wei per gas; only a cap, and high enough for any base fee that a fork inherits
PRIORITY_FEE = 10**9
_CREATE_GAS = 9_000_000


@dataclass(frozen=True, slots=True)
class Transaction:
    """`to` is empty for a creation; `what` names it when it fails."""

    sender: str
    to: str
    data: bytes
    gas: int
    what: str
    value: int = 0


class Batch:
    """Transactions of one sender in order. Creations return their address at once."""

    def __init__(self, sender: str, nonce: int) -> None:
        self.transactions: list[Transaction] = []
        self._sender, self._nonce = sender, nonce

    @classmethod
    async def of(cls, rpc: Rpc, sender: str) -> Batch:
        """An empty batch that starts at the sender's next nonce."""
        return cls(sender, quantity(await rpc.request("eth_getTransactionCount", [sender, "latest"])))

    def create(self, name: str, values: Sequence[Any] = (), libraries: Mapping[str, str] | None = None) -> str:
        """Address of a new contract from the artefact `name`."""
        address = create_address(self._sender, self._nonce + len(self.transactions))
        self._add("", init_code(artefact(name), values, libraries), _CREATE_GAS, f"deploying {name}")
        return address

    def create2(self, name: str, values: Sequence[Any], above: str = "", below: str = "") -> str:
        """Address of a new contract, chosen by salt to lie strictly between the two addresses given."""
        code = init_code(artefact(name), values)
        salt, address = mined_salt(code, above, below)
        self._add(CREATE2_DEPLOYER, salt + code, _CREATE_GAS, f"deploying {name}")
        return address

    def create_named(
        self, label: str, name: str, values: Sequence[Any] = (), libraries: Mapping[str, str] | None = None
    ) -> str:
        """Address of a new contract that depends on its code, its arguments and `label` alone, whoever sends it."""
        code, salt = init_code(artefact(name), values, libraries), keccak(text=f"patron {label}")
        self._add(CREATE2_DEPLOYER, salt + code, _CREATE_GAS, f"deploying {label}")
        return create2_address(salt, code)

    def call(self, to: str, signature: str, values: Sequence[Any] = (), gas: int = 600_000, value: int = 0) -> None:
        """Adds a call of a canonical signature."""
        self._add(to, call_data(signature, values), gas, signature.partition("(")[0], value)

    def _add(self, to: str, data: bytes, gas: int, what: str, value: int = 0) -> None:
        self.transactions.append(Transaction(self._sender, to, data, gas, what, value))


def create_address(sender: str, nonce: int) -> str:
    """Address of the contract that `sender` creates with its transaction `nonce`."""
    return str(get_create_address(HexAddress(HexStr(sender)), Nonce(nonce)))


def init_code(contract: Artefact, values: Sequence[Any], libraries: Mapping[str, str] | None = None) -> bytes:
    """Linked creation code with its encoded constructor arguments."""
    constructor = next((entry for entry in contract.abi if entry["type"] == "constructor"), {"inputs": ()})
    types = [collapse_if_tuple(field) for field in constructor["inputs"]]
    return contract.bytecode(libraries) + encode(types, values)


def create2_address(salt: bytes, code: bytes) -> str:
    """Where the deployer that is on most chains puts `code`."""
    return to_checksum_address(keccak(b"\xff" + bytes.fromhex(CREATE2_DEPLOYER[2:]) + salt + keccak(code))[12:])


def mined_salt(code: bytes, above: str = "", below: str = "") -> tuple[bytes, str]:
    """(salt, address) of the first CREATE2 address strictly between `above` and `below` (either may be empty)."""
    low, high = int(above or "0x0", 16), int(below or "0x" + "ff" * 20, 16)
    prefix, digest = b"\xff" + bytes.fromhex(CREATE2_DEPLOYER[2:]), keccak(code)
    for number in range(1_000_000):
        salt = number.to_bytes(32, "big")
        address = keccak(prefix + salt + digest)[12:]
        if low < int.from_bytes(address, "big") < high:
            return salt, to_checksum_address(address)
    raise ChainError(f"no CREATE2 address between {above or 'zero'} and {below or 'the end'} was found")


async def mine(rpc: Rpc, transactions: Sequence[Transaction], at: int | None = None) -> list[dict[str, Any]]:
    """Receipts of `transactions`, all mined in one block (at unix second `at` if given), in order per sender.

    Raises Reverted naming the first that failed. Automatic mining is on again afterwards.
    """
    nonces: dict[str, int] = {}
    for sender in {transaction.sender for transaction in transactions}:
        nonces[sender] = quantity(await rpc.request("eth_getTransactionCount", [sender, "latest"]))
    requests = []
    for transaction in transactions:
        request = {
            "from": transaction.sender,
            "data": "0x" + transaction.data.hex(),
            "gas": hex(transaction.gas),
        }
        request |= {"maxFeePerGas": hex(MAX_FEE), "maxPriorityFeePerGas": hex(PRIORITY_FEE)}
        request |= {"nonce": hex(nonces[transaction.sender]), "value": hex(transaction.value)}
        requests.append(request | ({"to": transaction.to} if transaction.to else {}))
        nonces[transaction.sender] += 1
    await rpc.request("evm_setAutomine", [False])
    try:
        hashes = []
        for start in range(0, len(requests), 16):
            sends = (rpc.request("eth_sendTransaction", [request]) for request in requests[start : start + 16])
            hashes += await asyncio.gather(*sends)
        await rpc.request("evm_mine", [{"timestamp": hex(at)}] if at is not None else [], timeout=60.0)
    finally:
        await rpc.request("evm_setAutomine", [True])
    receipts = await asyncio.gather(*(rpc.request("eth_getTransactionReceipt", [digest]) for digest in hashes))
    for transaction, digest, receipt in zip(transactions, hashes, receipts, strict=True):
        if receipt is None:
            raise ChainError(f"{transaction.what} was not mined")
        if quantity(receipt["status"]) != 1:
            trace = await rpc.request("debug_traceTransaction", [digest, {"tracer": "callTracer"}])
            reason = revert_reason(trace.get("output"), trace.get("error", ""))
            raise Reverted(f"{transaction.what} failed: {reason}")
    return list(receipts)
