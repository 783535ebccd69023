"""A liquidity provider on a devnet who uses the real position manager."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.chain.devnet.accounts import INVESTOR, OWNER
from bot.chain.devnet.batch import Batch, mine
from bot.chain.devnet.devnet import Devnet
from bot.chain.multicall import Call, call_data, read
from bot.core.fixedpoint import UINT128_MAX
from bot.core.universe import Venue

NEVER = 1 << 60  # a deadline
_MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
_LESS = "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))"
_MORE = "increaseLiquidity((uint256,uint256,uint256,uint256,uint256,uint256))"
_COLLECT = "collect((uint256,address,uint128,uint128))"
_ROUTE = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint160))"


@dataclass
class Provider:
    """`who` provides in the pool of one venue, whose media token is token0 and whose money is token1."""

    chain: Devnet
    venue: Venue
    who: str = OWNER

    @property
    def manager(self) -> str:
        protocols = self.chain.description.protocols
        assert protocols is not None
        return protocols.position_manager

    @property
    def tokens(self) -> tuple[str, str]:
        return self.venue.token.address, self.chain.universe.money.address

    async def fund(self, dollars: int) -> None:
        """Gives himself so many whole dollars, half of them spent on the media token in the pool."""
        protocols = self.chain.description.protocols
        assert protocols is not None
        token, money = self.tokens
        raw = dollars * 10**6
        owner = await Batch.of(self.chain.rpc, OWNER)
        owner.call(money, "mint(address,uint256)", (self.who, raw))
        await mine(self.chain.rpc, owner.transactions)
        own = await Batch.of(self.chain.rpc, self.who)
        for spender in (self.manager, protocols.swap_router):
            for each in (token, money):
                own.call(each, "approve(address,uint256)", (spender, 1 << 255))
        order = (money, token, self.venue.fee_pips, self.who, raw // 2, 0, 0)
        own.call(protocols.swap_router, _ROUTE, (order,))
        await mine(self.chain.rpc, own.transactions)

    async def around(self, spacings: int, shift: int = 0) -> tuple[int, int]:
        """A range of so many spacings on either side of the price, moved by `shift` spacings."""
        _, tick = await self.price_and_tick()
        spacing = self.venue.tick_spacing
        middle = tick // spacing + shift
        return (middle - spacings) * spacing, (middle + spacings) * spacing

    async def price_and_tick(self) -> tuple[int, int]:
        types = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")
        price, tick, *_ = await read(self.chain.rpc, Call(self.venue.pool, "slot0()", (), types))
        return price, tick

    async def mint(self, lower: int, upper: int, amount0: int, amount1: int) -> int:
        """The number of a new position."""
        order = (*self.tokens, self.venue.fee_pips, lower, upper, amount0, amount1, 0, 0, self.who, NEVER)
        receipt = await self._do((_MINT, (order,)))
        (made,) = [log for log in receipt["logs"] if log["address"].lower() == self.manager.lower()][:1]
        return int(made["topics"][3], 16)  # the token standard's Transfer is the first

    async def add(self, token_id: int, amount0: int, amount1: int) -> dict[str, Any]:
        return await self._do((_MORE, ((token_id, amount0, amount1, 0, 0, NEVER),)))

    async def take_out(self, token_id: int, liquidity: int) -> dict[str, Any]:
        return await self._do((_LESS, ((token_id, liquidity, 0, 0, NEVER),)))

    async def collect(self, token_id: int, most0: int = UINT128_MAX, most1: int = UINT128_MAX) -> dict[str, Any]:
        return await self._do((_COLLECT, ((token_id, self.who, most0, most1),)))

    async def burn(self, token_id: int) -> dict[str, Any]:
        return await self._do(("burn(uint256)", (token_id,)))

    async def would_collect(self, token_id: int) -> tuple[Any, ...]:
        """What the manager says that a collect of everything would pay, without doing it."""
        data = call_data(_COLLECT, ((token_id, self.who, UINT128_MAX, UINT128_MAX),))
        request = {"from": self.who, "to": self.manager, "data": "0x" + data.hex()}
        raw = await self.chain.rpc.request("eth_call", [request, "latest"])
        return int(raw[2:66], 16), int(raw[66:], 16)

    async def liquidity(self, token_id: int) -> int:
        types = (*("uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128"), *("uint256",) * 4)
        return int((await read(self.chain.rpc, Call(self.manager, "positions(uint256)", (token_id,), types)))[7])

    async def _do(self, call: tuple[str, Sequence[Any]]) -> dict[str, Any]:
        own = await Batch.of(self.chain.rpc, self.who)
        own.call(self.manager, call[0], call[1], gas=1_500_000)
        (receipt,) = await mine(self.chain.rpc, own.transactions)
        return receipt


def second(provider: Provider) -> Provider:
    """Another provider in the same pool."""
    return Provider(provider.chain, provider.venue, INVESTOR)
