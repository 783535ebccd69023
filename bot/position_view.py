"""What `patron lp position` says about a position itself: lines for people, a document for machines."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

from bot.core.amm.events import Kind
from bot.core.amm.held_position import HeldPosition, Pair, quote_of
from bot.core.dates import minute
from bot.core.fixedpoint import sqrt_x96_to_price

_SAID = {Kind.MINT: "paid in", Kind.BURN: "taken out", Kind.COLLECT: "collected"}


def show_position(held: HeldPosition, as_json: bool, console: Console) -> None:
    """Prints what a position holds and earned, and how to compare it with other ranges."""
    following = f"patron lp fetch {held.facts.pool} pool.parquet, then patron lp position {held.token_id}"
    following += " --log pool.parquet"
    if as_json:
        console.file.write(json.dumps(position_document(held) | {"next": following}, indent=2) + "\n")
        return
    for line in (*position_lines(held), f"try next: {following}"):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def position_lines(held: HeldPosition) -> list[str]:
    """What it is, what happened to it, what it earned and is worth, at the block it was read at."""
    facts, quote = held.facts, quote_of(held.facts)
    money = (facts.token0, facts.token1)[quote]
    state = "closed" if held.closed is not None else "in range" if held.in_range else "out of range: it earns nothing"
    lines = [
        f"position {held.token_id} of {held.owner}: {facts.token0.symbol}/{facts.token1.symbol}, "
        f"fee {facts.fee_pips / 10_000:g} %, pool {facts.pool}, chain {facts.chain_id}",
        f"ticks {held.lower} to {held.upper}, the pool is at {held.tick}: {state}; liquidity {held.liquidity}",
    ]
    for event in held.history:
        what = f"{_SAID[event.kind]} {_shown(held, (event.amount0, event.amount1))}"
        lines.append(f"  {minute(event.time)}, block {event.block}: {what}")
    total = (held.principal[0] + held.owed[0], held.principal[1] + held.owed[1])
    return [
        *lines,
        f"as of block {held.block}, {minute(held.time)}:",
        f"  fees earned: {_shown(held, held.fees)}, worth {money.human(held.worth(held.fees, quote))} {money.symbol}",
        f"  not collected yet: {_shown(held, held.owed)}",
        f"  in the pool: {_shown(held, held.principal)}",
        f"  worth now at the pool's price: {money.human(held.worth(total, quote))} {money.symbol}",
    ]


def position_document(held: HeldPosition) -> dict[str, Any]:
    """The same as JSON values; raw units are integers."""
    facts, quote = held.facts, quote_of(held.facts)
    decimals = (facts.token0.decimals, facts.token1.decimals)
    total = (held.principal[0] + held.owed[0], held.principal[1] + held.owed[1])
    return {
        "token_id": held.token_id,
        "chain_id": facts.chain_id,
        "manager": held.manager,
        "owner": held.owner,
        "pool": facts.pool,
        "tokens": [facts.token0.symbol, facts.token1.symbol],
        "decimals": list(decimals),
        "fee_pips": facts.fee_pips,
        "lower": held.lower,
        "upper": held.upper,
        "tick": held.tick,
        "in_range": held.in_range,
        "liquidity": held.liquidity,
        "block": held.block,
        "time": held.time,
        "since": held.since,
        "closed": held.closed,
        "deposited": list(held.deposited),
        "withdrawn": list(held.withdrawn),
        "collected": list(held.collected),
        "owed": list(held.owed),
        "fees": list(held.fees),
        "principal": list(held.principal),
        "price": sqrt_x96_to_price(
            held.sqrt_price_x96, decimals[1 - quote], decimals[quote], base_is_token0=quote == 1
        ),
        "quote": quote,
        "fees_in_quote": held.worth(held.fees, quote),
        "worth_in_quote": held.worth(total, quote),
        "history": [
            {
                "kind": event.kind.label,
                "block": event.block,
                "log_index": event.log_index,
                "time": event.time,
                "liquidity": event.liquidity,
                "amounts": [event.amount0, event.amount1],
            }
            for event in held.history
        ],
    }


def _shown(held: HeldPosition, amounts: Pair) -> str:
    tokens = (held.facts.token0, held.facts.token1)
    return " and ".join(f"{token.human(amount)} {token.symbol}" for token, amount in zip(tokens, amounts, strict=True))
