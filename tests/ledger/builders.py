"""Small but complete values of the core's types, numbered so that no two are equal."""

from __future__ import annotations

from eth_utils.crypto import keccak

from bot.core.plan import Leg, Plan
from bot.core.postings import Fill, Posting, Receipt, postings_of
from bot.core.report import DEPLOYED, CycleReport
from bot.core.units import Token
from bot.core.universe import Universe, Venue, idle
from bot.ports import Intent

CHAIN_ID = 31_337
MONEY = Token(CHAIN_ID, "0x" + "11" * 20, "USDC", 6)
MEDIA = Token(CHAIN_ID, "0x" + "22" * 20, "MEDIA", 18)
SENDER = "0x" + "33" * 20
UNIVERSE = Universe(MONEY, (idle(MONEY), Venue("media", "uniswap_v3_hold", "media", MEDIA)))


def plan_of(number: int, amount: int = 1_000_000) -> Plan:
    """An entry of `amount` into the one venue, decided at block `number`."""
    leg = Leg("media", True, amount, 3 * amount, 2 * amount, amount, 1, ("cut to stay within max_loss",))
    return Plan(
        chain_id=CHAIN_ID,
        block=number,
        block_hash=f"0x{number:064x}",
        time=1_700_000_000 + number,
        nonce=number,
        deadline=1_700_000_600 + number,
        nav=2**200 + number,
        weights=(1 / 3, 2 / 3),
        legs=(leg,),
        skipped={"other": "below the smallest trade"},
    )


def intent_of(plan: Plan, cycle: int = 1, nonce: int | None = None) -> Intent:
    """An intent whose bytes are made up, but whose hash is theirs."""
    raw = b"\x02" + bytes.fromhex(plan.id)
    return Intent(
        id=plan.id,
        cycle=cycle,
        chain_id=plan.chain_id,
        sender=SENDER,
        nonce=plan.nonce if nonce is None else nonce,
        tx_hash="0x" + keccak(raw).hex(),
        raw=raw,
        created_at=plan.time,
    )


def receipt_of(intent: Intent, plan: Plan, ok: bool = True) -> Receipt:
    """The chain's word: every leg filled as expected, or a revert that cost gas all the same."""
    return Receipt(
        tx_hash=intent.tx_hash,
        block=plan.block + 1,
        block_hash=f"0x{plan.block + 1:064x}",
        time=plan.time + 12,
        ok=ok,
        fills=tuple(Fill(leg.venue, leg.entry, leg.amount, leg.expected) for leg in plan.legs) if ok else (),
        gas_used=200_000,
        gas_cost=200_000 * 10**9,
        reason="" if ok else "SlippageTooHigh()",
    )


def lines_of(receipt: Receipt) -> tuple[Posting, ...]:
    return postings_of(receipt, UNIVERSE)


def report_of(cycle: int, nav: int = 10**10, outcome: str = DEPLOYED, at: int | None = None) -> CycleReport:
    return CycleReport(
        cycle=cycle,
        at=1_700_000_000 + 60 * cycle if at is None else at,
        block=cycle,
        outcome=outcome,
        sentence=f"{outcome}: as planned",
        nav=nav,
        idle=nav // 2,
        target=(0.5, 0.5),
        weights=(0.4, 0.6),
        held=(1.0, 0.0),
        prices=(1.0, 3.25),
        model="idle",
        plan="ab" * 32,
        legs=({"venue": "media", "entry": True, "amount": 5, "cost": 0, "value": 5, "notes": ("cut",), "score": None},),
        postings=(Posting("idle", MONEY.address, -5), Posting("market:media", MONEY.address, 5)),
        reasons=("a reason",),
    )
