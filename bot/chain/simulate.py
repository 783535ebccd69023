"""What a plan would do in the next block, asked of the node, or of an EVM of our own where the node cannot say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyrevm
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from bot.chain.artefacts import abi
from bot.chain.calls import Told, allocate_calldata, data_of
from bot.chain.reverts import revert_reason
from bot.chain.rpc import MethodMissingError, Rpc, quantity
from bot.core.market import Market
from bot.core.plan import Plan
from bot.core.universe import Universe
from bot.errors import ChainError, RpcTimeout
from bot.ports import Commitment, Preview

BLOCK_SECONDS = 12
GAS = 16_000_000
TIMEOUT = 20.0
NODE_ENGINE = "eth_simulateV1"
OWN_ENGINE = "pyrevm"
_REVERT_OUTPUT = re.compile(r"Revert \{.*output: (0x[0-9a-fA-F]*)")


@dataclass(frozen=True, slots=True)
class BlockEnv:
    """The block that a simulation pretends to be in."""

    number: int
    time: int


def next_block_env(market: Market) -> BlockEnv:
    """The block after the market's, for both engines; a node left alone would simulate inside the market's own."""
    return BlockEnv(market.block + 1, market.time + BLOCK_SECONDS)


class ChainPreviewer:
    """Simulates a plan's one call as the keeper, on the state of the market's block."""

    def __init__(self, rpc: Rpc, universe: Universe, vault: str, keeper: str, told: Told = data_of) -> None:
        """`told`: see `allocate_calldata`."""
        self._rpc, self._universe, self._vault, self._keeper = rpc, universe, vault, keeper
        self._abi, self._told = abi("Vault"), told

    async def preview(self, plan: Plan, market: Market, commitment: Commitment | None = None) -> Preview:
        """What the plan would do right after the market's block. A refusal is a Preview that is not ok.

        Raises ChainError when the node cannot be asked at all.
        """
        try:
            return await self.by_node(plan, market, commitment)
        except MethodMissingError:
            return await self.by_evm(plan, market, commitment)

    async def by_node(self, plan: Plan, market: Market, commitment: Commitment | None = None) -> Preview:
        """The node's own simulation. Raises MethodMissingError where it has none."""
        env = next_block_env(market)
        call = {
            "from": self._keeper,
            "to": self._vault,
            "data": "0x" + self._data(plan, commitment).hex(),
            "gas": hex(GAS),
        }
        block = {"blockOverrides": {"number": hex(env.number), "time": hex(env.time)}, "calls": [call]}
        answer = await self._rpc.request(NODE_ENGINE, [{"blockStateCalls": [block]}, hex(market.block)], TIMEOUT)
        try:
            result: Mapping[str, Any] = answer[0]["calls"][0]
            ok, gas, output = (
                quantity(result["status"]) == 1,
                quantity(result["gasUsed"]),
                result["returnData"],
            )
        except (LookupError, TypeError):
            raise ChainError(f"{self._rpc.host}: {NODE_ENGINE} answered in an unknown form") from None
        reason = (result.get("error") or {}).get("message", "")
        return self._preview(plan, ok, bytes.fromhex(output[2:]), gas, NODE_ENGINE, reason)

    async def by_evm(self, plan: Plan, market: Market, commitment: Commitment | None = None) -> Preview:
        """The same call in a fresh EVM of our own that reads the node's state at the market's block."""
        data, env = self._data(plan, commitment), next_block_env(market)
        try:
            async with asyncio.timeout(TIMEOUT):
                ok, output, gas, reason = await asyncio.to_thread(self._execute, data, env, market.block_hash)
        except TimeoutError:
            raise RpcTimeout(f"{self._rpc.host}: no state for {OWN_ENGINE} within {TIMEOUT:g} s") from None
        return self._preview(plan, ok, output, gas, OWN_ENGINE, reason)

    def _execute(self, data: bytes, env: BlockEnv, block_hash: str) -> tuple[bool, bytes, int, str]:
        """(ok, output, gas, reason). A new EVM each time: pyrevm's checkpoints leak call depth."""
        try:
            chain = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=self._universe.money.chain_id))  # a decision's leaf binds it
            evm = pyrevm.EVM(env=chain, fork_url=self._rpc.url, fork_block=block_hash, gas_limit=GAS)
            evm.set_block_env(
                pyrevm.BlockEnv(
                    number=env.number, timestamp=env.time, basefee=0, prevrandao=b"\0" * 32, excess_blob_gas=0
                )
            )
            output = evm.message_call(self._keeper, self._vault, data)
        except RuntimeError as error:  # pyrevm has no narrower class: a revert, a halt and a failed read look alike
            found = _REVERT_OUTPUT.search(str(error))
            if found is None:
                raise ChainError(f"{self._rpc.host}: {OWN_ENGINE} could not execute the call") from None
            return False, bytes.fromhex(found.group(1)[2:]), evm.result.gas_used if evm.result else 0, ""
        return True, output, evm.result.gas_used if evm.result else 0, ""

    def _preview(self, plan: Plan, ok: bool, output: bytes, gas: int, engine: str, reason: str) -> Preview:
        if not ok:
            return Preview(False, (), gas, engine, self._named(revert_reason(output, reason)))
        try:
            (received,) = decode(("uint256[]",), output)
        except DecodingError:
            raise ChainError(f"{self._vault} did not answer as a vault: wrong address or wrong chain") from None
        if len(received) != len(plan.legs):
            raise ChainError(f"the vault answered for {len(received)} of {len(plan.legs)} legs")
        return Preview(True, tuple(received), gas, engine)

    def _data(self, plan: Plan, commitment: Commitment | None) -> bytes:
        return allocate_calldata(plan, self._universe, self._abi, commitment, self._told)

    def _named(self, reason: str) -> str:
        """The reason with venue ids where it names adapters."""
        for venue in self._universe.risky:
            if venue.adapter:
                reason = re.sub(re.escape(venue.adapter), venue.id, reason, flags=re.IGNORECASE)
        return reason
