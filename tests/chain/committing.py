"""Decisions anchored on the test's devnet, as a daemon would, but for the forecasts: those are made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.chain.artefacts import abi
from bot.chain.calls import allocate_calldata, anchor_calldata
from bot.chain.commitment import Decision, Place, decision_of
from bot.chain.devnet.batch import Transaction, mine
from bot.chain.devnet.devnet import Devnet
from bot.chain.reader import ChainReader
from bot.chain.rpc import quantity
from bot.core.forecast import Forecast
from bot.core.market import Market
from bot.core.plan import Plan
from bot.core.postings import Receipt
from bot.core.universe import Universe
from bot.cycle import within
from bot.ports import Commitment
from tests.chain.worlds import plan_for

VALID = 3_600  # seconds after the plan's deadline


def forecasts_for(universe: Universe, plan: Plan) -> tuple[Forecast, ...]:
    """One for each venue, no two alike."""
    return tuple(
        Forecast(venue.id, plan.time, "ab" * 32, "cd" * 32, 0.01 * number, -0.1, None, 0.8, 0.2, 0.1, plan.id)
        for number, venue in enumerate(universe.risky)
    )


def decision_for(chain: Devnet, plan: Plan) -> Decision:
    deployed = chain.description
    place = Place(deployed.chain_id, deployed.vault, deployed.decisions, deployed.anchorer)
    return decision_of(place, chain.universe, plan, forecasts_for(chain.universe, plan), plan.deadline + VALID)


async def anchored(chain: Devnet, decision: Decision, by: str = "") -> Commitment:
    """The decision's commitment, anchored in a block of its own by the anchorer or somebody else."""
    data = anchor_calldata(decision)
    sent = Transaction(by or chain.anchorer, chain.description.decisions, data, 500_000, "anchor")
    (receipt,) = await mine(chain.rpc, [sent])
    block, gas = quantity(receipt["blockNumber"]), quantity(receipt["gasUsed"])
    return decision.commitment(Receipt(receipt["transactionHash"], block, "", 0, True, (), gas, gas))


async def committed(chain: Devnet, plan: Plan) -> Commitment | None:
    """As the cycle asks for it: nothing for exits alone."""
    if not any(leg.entry for leg in plan.legs):
        return None
    return await anchored(chain, decision_for(chain, plan))


async def agreed(
    chain: Devnet, reader: ChainReader, weights: Sequence[float]
) -> tuple[Market, Plan, Commitment | None]:
    """The plan towards `weights` as it is made again after it was committed to, with the market that it is of."""
    universe = chain.universe
    commitment = await committed(chain, plan_for(weights, await reader.market(), universe))
    market = within(commitment, await reader.market(), universe)
    return market, plan_for(weights, market, universe), commitment


async def carried_out(chain: Devnet, plan: Plan, commitment: Commitment | None = None) -> Any:
    """The receipt of the plan as the keeper sends it, committed to first unless it is already."""
    if commitment is None:
        commitment = await committed(chain, plan)
    data = allocate_calldata(plan, chain.universe, abi("Vault"), commitment)
    (receipt,) = await mine(chain.rpc, [Transaction(chain.keeper, chain.vault, data, 12_000_000, "allocate")])
    return receipt
