"""What the vault's people do on the test's devnet: tighten at once, loosen through the timelock."""

from __future__ import annotations

from typing import Any

from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.devnet import Devnet
from bot.chain.multicall import Call, call_data, read


async def sent(chain: Devnet, sender: str, to: str, signature: str, *values: Any) -> None:
    """One call, mined. Raises Reverted."""
    batch = await Batch.of(chain.rpc, sender)
    batch.call(to, signature, values, gas=3_000_000)
    await mine(chain.rpc, batch.transactions)


async def by_timelock(chain: Devnet, to: str, signature: str, *values: Any) -> None:
    """The curator proposes, the delay passes, and anybody (here the investor) carries it out."""
    deployed = chain.description
    (delay,) = await read(chain.rpc, Call(deployed.timelock, "getMinDelay()"))
    operation = (to, 0, call_data(signature, values), bytes(32), bytes(32))
    schedule = "schedule(address,uint256,bytes,bytes32,bytes32,uint256)"
    await sent(chain, deployed.curator, deployed.timelock, schedule, *operation, delay)
    await chain.settle(delay)
    await sent(
        chain, deployed.investor, deployed.timelock, "execute(address,uint256,bytes,bytes32,bytes32)", *operation
    )


async def configured(chain: Devnet, venue: str) -> tuple[Any, ...]:
    """(listed, known, cap bps, max loss bps, group) of a venue in the vault's book."""
    kinds = ("bool", "bool", "uint16", "uint16", "uint32")
    return await read(chain.rpc, Call(chain.vault, "venues(address)", (chain.universe[venue].adapter,), kinds))
