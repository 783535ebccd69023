"""A fork of somebody's node: its pools as a universe, tokens for our own accounts, and following its prices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from eth_utils.address import to_checksum_address

from bot.chain.addresses import book_of
from bot.chain.devnet.accounts import ROLES
from bot.chain.multicall import Call, read
from bot.chain.rpc import MethodMissingError, Rpc
from bot.core.mirror import BUDGET, MirrorStep
from bot.core.units import Token
from bot.core.universe import Universe, Venue, idle
from bot.errors import ChainError, RpcDown, RpcTimeout

_ETHER = 10**18
_SLOT0 = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")
_INVENTORIES = (BUDGET, 10**27, 10**24)  # some tokens keep a balance in fewer bits than others


async def universe_of(node: Rpc, wanted: Universe, pools: Mapping[str, str]) -> Universe:
    """`wanted` with what the node's chain says about the pools: tokens, decimals, orientation, spacing.

    Raises ChainError naming the venue: no contract there, no Uniswap V3 pool, money not in it, another fee.
    """
    known = book_of(node.chain_id)
    missing = [venue.id for venue in wanted.risky if not pools.get(venue.id)]
    if missing:
        raise ChainError(f"{missing[0]}: no pool address is given for it on chain {node.chain_id}")
    money, symbol = known.money if known else "", wanted.money.symbol
    reads = (_venue(node, venue, pools[venue.id], symbol, money) for venue in wanted.risky)
    found = []
    for answer in await asyncio.gather(*reads, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer  # the first venue in the file's own order is the one that is named
        found.append(answer)
    moneys = {token for _, token in found}
    if len(moneys) != 1:
        named = ", ".join(sorted(token.address for token in moneys))
        raise ChainError(f"the pools disagree about which token {symbol} is: {named}")
    (dollar,) = moneys
    return Universe(dollar, (idle(dollar), *(venue for venue, _ in found)))


async def prepare_accounts(fork: Rpc) -> None:
    """Gas money for our accounts on the fork, and no foreign code at them (the mnemonic is public on every chain)."""
    for account in ROLES:
        await fork.request("anvil_setBalance", [account, hex(10_000 * _ETHER)])
        await fork.request("anvil_setCode", [account, "0x"])


async def fund(fork: Rpc, universe: Universe, investor: str, capital: int, maker: str) -> None:
    """Money for the investor, and an inventory of each token for the market maker, written into the tokens' storage.

    Raises ChainError naming a token whose balances cannot be written.
    """
    await _deal(fork, universe.money, investor, (capital,))
    for token in {universe.money, *(venue.token for venue in universe.risky)}:
        await _deal(fork, token, maker, _INVENTORIES)


async def moves(node: Rpc, fork: Rpc, universe: Universe) -> tuple[MirrorStep, ...]:
    """The steps that bring each pool of the fork to the node's present price; none for a pool that is there."""
    calls = [Call(venue.pool, "slot0()", (), _SLOT0) for venue in universe.risky]
    there = await asyncio.gather(*(read(node, call) for call in calls))
    here = await asyncio.gather(*(read(fork, call) for call in calls))
    return tuple(
        MirrorStep(venue.id, (), goal[0], goal[0])
        for venue, goal, present in zip(universe.risky, there, here, strict=True)
        if goal[0] != present[0]
    )


async def _deal(fork: Rpc, token: Token, holder: str, amounts: tuple[int, ...]) -> None:
    """Writes the first of `amounts` that the token's storage can hold as the holder's balance."""
    for amount in amounts:
        try:
            # The node finds the balance's slot by the access list of balanceOf and a probing override.
            await fork.request("anvil_dealERC20", [holder, token.address, hex(amount)], timeout=30.0)
        except (RpcDown, RpcTimeout, MethodMissingError):
            raise
        except ChainError:
            continue  # no such slot for this amount
        (balance,) = await read(fork, Call(token.address, "balanceOf(address)", (holder,)))
        if balance == amount:
            return
    raise ChainError(f"{token.symbol} at {token.address}: its balances cannot be written on the fork")


async def _venue(node: Rpc, venue: Venue, pool: str, symbol: str, money: str) -> tuple[Venue, Token]:
    if await node.request("eth_getCode", [pool, "latest"]) in ("0x", "0x0"):
        raise ChainError(f"{venue.id}: no contract at {pool} on chain {node.chain_id}")
    try:
        (token0,), (token1,), (fee,), (spacing,), (factory,) = await asyncio.gather(
            read(node, Call(pool, "token0()", (), ("address",))),
            read(node, Call(pool, "token1()", (), ("address",))),
            read(node, Call(pool, "fee()", (), ("uint24",))),
            read(node, Call(pool, "tickSpacing()", (), ("int24",))),
            read(node, Call(pool, "factory()", (), ("address",))),
        )
        get_pool = Call(factory, "getPool(address,address,uint24)", (token0, token1, fee), ("address",))
        (registered,) = await read(node, get_pool)
    except (RpcDown, RpcTimeout):
        raise
    except ChainError:
        raise ChainError(f"{venue.id}: {pool} is not a Uniswap V3 pool") from None
    known = book_of(node.chain_id)
    if registered.lower() != pool.lower() or (known and factory.lower() != known.v3_factory.lower()):
        raise ChainError(f"{venue.id}: {pool} is not a pool of the Uniswap V3 factory")
    if fee != venue.fee_pips:
        said = f"the strategy file says {venue.fee_pips / 100:g}"
        raise ChainError(f"{venue.id}: the pool's fee is {fee / 100:g} bps, {said}")
    tokens = await asyncio.gather(_token(node, token0), _token(node, token1))
    is_money = [token.address.lower() == money.lower() if money else token.symbol == symbol for token in tokens]
    if sum(is_money) != 1:
        names = " and ".join(token.symbol for token in tokens)
        raise ChainError(f"{venue.id}: {symbol} is not one of the pool's tokens, {names}")
    base, dollar = (tokens[1], tokens[0]) if is_money[0] else (tokens[0], tokens[1])
    pool = to_checksum_address(pool)
    found = replace(venue, token=base, tick_spacing=spacing, base_is_token0=not is_money[0], pool=pool, adapter="")
    return found, dollar


async def _token(node: Rpc, address: str) -> Token:
    (decimals,) = await read(node, Call(address, "decimals()", (), ("uint8",)))
    try:
        (symbol,) = await read(node, Call(address, "symbol()", (), ("string",)))
    except ChainError:  # the oldest tokens answer with 32 bytes
        (raw,) = await read(node, Call(address, "symbol()", (), ("bytes32",)))
        symbol = raw.rstrip(b"\0").decode("utf-8", errors="replace")
    return Token(node.chain_id, to_checksum_address(address), symbol, decimals)
