"""What the vault did under an anchored decision, from its own events, against the leaves that permitted it."""

from __future__ import annotations

from typing import Final

from eth_utils.crypto import keccak

from bot.chain.commitment import Decision, Leaf
from bot.chain.rpc import Rpc
from bot.chain.vault_state import anchor_blocks
from bot.core.dates import minute
from bot.provenance.answers import Event, events, newest, sender_of, time_of

_ALLOCATED: Final = "0x" + keccak(text="Allocated(uint256,address,bytes32,bool,uint256,uint256)").hex()
SPAN: Final = 1_000  # blocks per request for events: as many as public nodes answer
MOST_SPANS: Final = 100


async def executed(rpc: Rpc, decision: Decision, anchored: int) -> tuple[bool, str]:
    """Whether all that the vault did under the root was permitted by it, and what that was. Raises ChainError.

    `anchored`: the root's block. Events are looked for until the decision has expired by the chain's own time.
    """
    found, over = await _allocated(rpc, decision, anchored)
    if not found:
        end = (
            f"it expired at {minute(decision.expiry)} UTC" if over else f"it may be until {minute(decision.expiry)} UTC"
        )
        return True, f"nothing was carried out under it; {end}"
    wait = await anchor_blocks(rpc, decision.place.vault)
    leaves = {leaf.adapter.lower(): leaf for leaf in decision.leaves}
    done = []
    for event in found:
        entry, amount, received = event.values
        leaf = leaves.get(event.address(1))
        venue = leaf.forecast.venue if leaf is not None else event.address(1)
        if entry and (why := _not_permitted(leaf, amount, event.block - anchored, wait)):
            return False, f"{venue}: {why}"
        if event.number(0) != decision.plan.nonce:
            return False, f"{venue}: done as the vault's call {event.number(0)}, told {decision.plan.nonce}"
        done.append(f"{'entered' if entry else 'left'} {venue} with {amount} for {received}")
    sender = await sender_of(rpc, found[0].transaction)
    if sender == decision.place.anchorer.lower():
        return False, f"the call came from the anchorer itself, {sender}"
    later = found[0].block - anchored
    return True, f"{later} block{'s' if later != 1 else ''} after the anchor, by {sender}: {', '.join(done)}"


def _not_permitted(leaf: Leaf | None, amount: int, later: int, wait: int) -> str:
    """Why an entry of so much, so many blocks after the anchor, should not have been possible; "" where it should."""
    if leaf is None or not leaf.entry:
        return "entered without a leaf that permits it"
    if amount > leaf.max_assets:
        return f"{amount} entered, {leaf.max_assets} permitted"
    return f"entered {later} blocks after the anchor, {wait} are asked for" if later < wait else ""


async def _allocated(rpc: Rpc, decision: Decision, anchored: int) -> tuple[list[Event], bool]:
    """The vault's events under the root, in order, and whether no more can come."""
    topics = (_ALLOCATED, None, None, "0x" + decision.root.hex())
    last_block = await newest(rpc)
    for first in range(anchored, min(last_block, anchored + SPAN * MOST_SPANS) + 1, SPAN):
        last = min(last_block, first + SPAN - 1)
        found = await events(rpc, decision.place.vault, topics, ("bool", "uint256", "uint256"), first, last)
        over = await time_of(rpc, last) > decision.expiry
        if found or over:
            return [event for event in found if len(event.indexed) == 3], over
    return [], False
