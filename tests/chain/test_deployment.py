"""Who may do what once a vault stands: the timelock alone loosens, and whoever deployed it can do nothing any more."""

from __future__ import annotations

from typing import Any

import pytest

from bot.chain.devnet.accounts import ANCHORER, CURATOR, DEPLOYER, ESCROW, GUARDIAN, INVESTOR, KEEPER, OWNER
from bot.chain.devnet.batch import Batch
from bot.chain.devnet.deployment import Deployment, Suite, role
from bot.chain.devnet.devnet import ROLES, Devnet, said_of
from bot.chain.devnet.limits import DELAY, vault_limits
from bot.chain.multicall import Call, call_data, read
from bot.chain.vault_state import LIMITS
from bot.core.units import ZERO_ADDRESS
from bot.errors import Reverted
from tests.chain.governance import by_timelock, sent
from tests.chain.worlds import spec_of

pytestmark = [pytest.mark.fork, pytest.mark.asyncio(loop_scope="session")]

PEOPLE = (OWNER, KEEPER, CURATOR, GUARDIAN, INVESTOR, ANCHORER, DEPLOYER, ESCROW)
ADMIN = bytes(32)


async def holders(chain: Devnet, contract: str, name: str | bytes) -> set[str]:
    """Who of all that could hold a role does."""
    suite = chain.description.suite
    asked = (*PEOPLE, ZERO_ADDRESS, suite.timelock, suite.vault)
    code = role(name) if isinstance(name, str) else name
    found = set()
    for who in asked:
        (holds,) = await read(chain.rpc, Call(contract, "hasRole(bytes32,address)", (code, who), ("bool",)))
        found |= {who} if holds else set()
    return found


async def test_every_role_is_held_by_one_and_the_deployer_has_none(chain: Devnet) -> None:
    suite = chain.description.suite
    expected = {
        (suite.vault, "OWNER_ROLE"): {suite.timelock},
        (suite.vault, "CURATOR_ROLE"): {CURATOR},
        (suite.vault, "GUARDIAN_ROLE"): {GUARDIAN},
        (suite.vault, "KEEPER_ROLE"): {KEEPER},
        (suite.vault, ADMIN): set(),
        (suite.compliance, "OWNER_ROLE"): {suite.timelock},
        (suite.compliance, "OFFICER_ROLE"): {GUARDIAN},
        (suite.compliance, ADMIN): set(),
        (suite.timelock, "PROPOSER_ROLE"): {CURATOR},
        (suite.timelock, "CANCELLER_ROLE"): {CURATOR, GUARDIAN},
        (suite.timelock, "EXECUTOR_ROLE"): {ZERO_ADDRESS},  # anybody
        (suite.timelock, ADMIN): {suite.timelock},
    }
    for (contract, name), who in expected.items():
        assert await holders(chain, contract, name) == who, name
    assert await read(chain.rpc, Call(suite.vault, "anchorer()", (), ("address",))) == (ANCHORER.lower(),)
    assert await read(chain.rpc, Call(suite.vault, "decisions()", (), ("address",))) == (suite.decisions.lower(),)
    assert await read(chain.rpc, Call(suite.vault, "compliance()", (), ("address",))) == (suite.compliance.lower(),)
    assert await read(chain.rpc, Call(suite.timelock, "getMinDelay()")) == (DELAY,)


async def test_the_limits_on_chain_are_those_of_the_one_place_that_knows(chain: Devnet) -> None:
    on_chain = await read(chain.rpc, Call(chain.vault, "limits()", (), LIMITS))
    assert on_chain == vault_limits(said_of(spec_of())).values()


async def test_nobody_loosens_at_once(chain: Devnet) -> None:
    limits = list(await read(chain.rpc, Call(chain.vault, "limits()", (), LIMITS)))
    looser = tuple([limits[0] - 1, *limits[1:]])
    signature = f"setLimits(({','.join(LIMITS)}))"
    for who in PEOPLE:
        with pytest.raises(Reverted):
            await sent(chain, who, chain.vault, signature, looser)
    await by_timelock(chain, chain.vault, signature, looser)
    assert await read(chain.rpc, Call(chain.vault, "limits()", (), LIMITS)) == looser
    await sent(chain, GUARDIAN, chain.vault, signature, tuple(limits))  # tighter again, at once


async def test_the_guardian_vetoes_what_the_curator_proposed(chain: Devnet) -> None:
    timelock = chain.description.timelock
    operation = (chain.vault, 0, call_data("setAnchorer(address)", (KEEPER,)), bytes(32), b"\1" * 32)
    schedule = "schedule(address,uint256,bytes,bytes32,bytes32,uint256)"
    await sent(chain, CURATOR, timelock, schedule, *operation, DELAY)
    kinds = "(address,uint256,bytes,bytes32,bytes32)"
    (name,) = await read(chain.rpc, Call(timelock, f"hashOperation{kinds}", operation, ("bytes32",)))
    with pytest.raises(Reverted, match="TimelockUnexpectedOperationState"):
        await sent(chain, CURATOR, timelock, f"execute{kinds}", *operation)
    await sent(chain, GUARDIAN, timelock, "cancel(bytes32)", name)
    await chain.settle(DELAY)
    with pytest.raises(Reverted, match="TimelockUnexpectedOperationState"):
        await sent(chain, INVESTOR, timelock, f"execute{kinds}", *operation)


async def test_only_who_was_identified_may_hold_shares(chain: Devnet) -> None:
    for who, may in ((INVESTOR, True), (OWNER, False), (KEEPER, False)):
        call = Call(chain.description.compliance, "canHold(address,address)", (who, chain.vault), ("bool",))
        assert await read(chain.rpc, call) == (may,)


async def test_addresses_follow_from_code_and_arguments_alone(chain: Devnet) -> None:
    def suite(sender: str, **changes: Any) -> Suite:
        return Deployment(Batch(sender, 0), chain.universe.money, ROLES, said_of(spec_of(**changes))).suite

    assert suite(DEPLOYER) == suite(OWNER) == chain.description.suite
    other = suite(DEPLOYER, capital=7)
    assert other.vault != chain.vault
    assert other.decisions == chain.description.decisions
