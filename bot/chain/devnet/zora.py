"""Real Zora Coins (0.7.1) on the devnet: the factory, and one coin for each venue, bought up to its price by others.

This is the generation of coins whose pool is a Uniswap V3 pool. Coins that are minted on the live network today trade
on Uniswap V4 through a hook whose launch fee falls from 99 % to 1 % in about ten seconds: they are not these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from bot.chain.devnet.accounts import OWNER
from bot.chain.devnet.batch import Batch, mine
from bot.chain.multicall import Call, read
from bot.chain.rpc import Rpc
from bot.core.fixedpoint import price_to_sqrt_x96
from bot.core.units import ZERO_ADDRESS, Token
from bot.core.universe import Venue
from bot.errors import ChainError

VERSION: Final = "0.7.1"
DECIMALS: Final = 18
_SPACING: Final = 200
_LAUNCH: Final = 13_864  # ticks below the venue's price at which a coin is launched: a quarter of it
_HISTORY: Final = 100  # observations that its pool keeps
_DEPLOY: Final = "deploy(address,address[],string,string,string,address,address,int24,uint256)"
_CREATED: Final = keccak(
    text="CoinCreated(address,address,address,address,string,string,string,address,address,string)"
)
_STEP: Final = "step((address,int256[],uint160,uint160)[])"


@dataclass(frozen=True, slots=True)
class Zora:
    """What every coin shares. `code_hash`: of the implementation that all coins are clones of."""

    factory: str
    implementation: str
    code_hash: str


async def deploy_zora(rpc: Rpc, weth: str, v3_factory: str, swap_router: str) -> Zora:
    """The factory and the coins' implementation, over a Uniswap that is there. Raises ChainError."""
    batch = await Batch.of(rpc, OWNER)
    rewards = batch.create("ProtocolRewards")
    # The airlock is asked for its owner, who gets a twentieth of the pool's fees; Uniswap's factory has one too.
    coin = batch.create("Coin", (OWNER, rewards, weth, v3_factory, swap_router, v3_factory))
    logic = batch.create("ZoraFactoryImpl", (coin,))
    factory = batch.create("ZoraFactory", (logic,))
    batch.call(factory, "initialize(address)", (OWNER,))
    await mine(rpc, batch.transactions)
    code = await rpc.request("eth_getCode", [coin, "latest"])
    return Zora(factory, coin, "0x" + keccak(bytes.fromhex(code[2:])).hex())


async def make_coins(
    rpc: Rpc, zora: Zora, venues: Sequence[Venue], money: Token, prices: Mapping[str, float], maker: str
) -> list[Venue]:
    """The venues with a coin and its pool each, at their prices (money per coin). Raises ChainError."""
    if not venues:
        return []
    batch = await Batch.of(rpc, OWNER)
    for venue in venues:
        launch = _launch_tick(prices[venue.id], money.decimals)
        names = (f"ipfs://{venue.asset}", f"Media: {venue.asset}", venue.asset)
        batch.call(
            zora.factory, _DEPLOY, (OWNER, [OWNER], *names, ZERO_ADDRESS, money.address, launch, 0), gas=9_000_000
        )
    receipts = await mine(rpc, batch.transactions)
    made = []
    for venue, receipt in zip(venues, receipts, strict=True):
        coin, pool, version = _created(receipt)
        if version != VERSION:
            raise ChainError(f"{venue.id}: the coin says that it is version {version}, expected {VERSION}")
        first = int(coin, 16) < int(money.address, 16)
        token = Token(money.chain_id, coin, venue.asset, DECIMALS)
        made.append(replace(venue, token=token, pool=pool, base_is_token0=first))
    await _buy_up(rpc, made, money, prices, maker)
    return made


async def coin_ranges(rpc: Rpc, coin: str) -> tuple[tuple[int, int], ...]:
    """(lower, upper) of the liquidity that a coin of one position owns and cannot take out. Raises ChainError."""
    terms = ("uint8", "int24", "int24", "uint16", "uint256")
    _, lower, upper, count, _ = await read(rpc, Call(coin, "poolConfiguration()", (), terms))
    if count != 1:
        raise ChainError(f"{coin}: its pool has {count} positions, and only coins of one are known here")
    return ((lower, upper),)


async def _buy_up(rpc: Rpc, coins: Sequence[Venue], money: Token, prices: Mapping[str, float], maker: str) -> None:
    """The market maker buys every coin from its launch up to the venue's price: what it pays is the pool's depth."""
    batch = await Batch.of(rpc, OWNER)
    steps: list[tuple[Any, ...]] = []
    for coin in coins:
        goal = price_to_sqrt_x96(prices[coin.id], DECIMALS, money.decimals, coin.base_is_token0)
        steps.append((coin.pool, [], goal, goal))
        batch.call(coin.pool, "increaseObservationCardinalityNext(uint16)", (_HISTORY,), gas=5_000_000)
    batch.call(maker, _STEP, (steps,), gas=500_000 + 600_000 * len(steps))
    await mine(rpc, batch.transactions)


def _launch_tick(price: float, money_decimals: int) -> int:
    """Where a coin's price begins, as if it were token0: a quarter of `price`, down to the pool's spacing."""
    raw = price * 10.0 ** (money_decimals - DECIMALS)
    tick = math.floor(math.log(raw) / math.log(1.0001)) - _LAUNCH
    return tick // _SPACING * _SPACING


def _created(receipt: Mapping[str, Any]) -> tuple[str, str, str]:
    """(coin, pool, version) of the coin that a receipt made."""
    for log in receipt["logs"]:
        if log["topics"][0] == "0x" + _CREATED.hex():
            types = ("address", "string", "string", "string", "address", "address", "string")
            *_, coin, pool, version = decode(types, bytes.fromhex(log["data"][2:]))
            return to_checksum_address(coin), to_checksum_address(pool), version
    raise ChainError("the factory made no coin")
