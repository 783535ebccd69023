"""The real Uniswap V3 pool behind the interface of the mirror: calls go to the bytecode, views read its storage.

Positions belong to the addresses that the caller names: the driver contract mints for them and pays, they
themselves burn and collect. Tokens that the pool pays out go back to the driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from eth_utils.crypto import keccak

from bot.core.amm.oracle import Observation
from bot.core.amm.pool_state import PositionInfo, TickInfo
from bot.core.amm.reverts import PoolReverted, Revert
from bot.core.amm.tick_math import MAX_SQRT_RATIO, MIN_SQRT_RATIO
from bot.core.fixedpoint import UINT128_MAX, UINT256_MAX
from tests.parity.evm import (
    FACTORY,
    MEDIA_TOKEN,
    NOW,
    OWNER,
    POOL_DRIVER,
    Machine,
    Reverted,
    numbers,
    selector,
    signed,
    words,
)

TIERS = {500: 10, 3000: 60, 10000: 200}
"""Fee in pips and tick spacing of the tiers that a new factory has."""

_SLOT0, _FEE_GROWTH, _PROTOCOL_FEES, _LIQUIDITY = 0, 1, 3, 4
_TICKS, _BITMAP, _POSITIONS, _OBSERVATIONS = 5, 6, 7, 8
_LOW_128 = UINT128_MAX


def slot_of(key: int, mapping: int) -> int:
    """Storage slot of a key of a mapping."""
    return int.from_bytes(keccak(words(key, mapping)), "big")


tick_slot = cache(lambda tick: slot_of(tick, _TICKS))
word_slot = cache(lambda word: slot_of(word, _BITMAP))


@cache
def position_slot(owner: str, lower: int, upper: int) -> int:
    """Storage slot of a position, whose key is the hash of owner and ticks, packed."""
    ticks = b"".join([tick.to_bytes(3, "big", signed=True) for tick in (lower, upper)])
    return slot_of(int.from_bytes(keccak(bytes.fromhex(owner[2:]) + ticks), "big"), _POSITIONS)


class BytecodePool:
    """A real pool in an EVM of its own; not initialised yet."""

    def __init__(self, fee_pips: int, tick_spacing: int) -> None:
        machine = self.machine = Machine()
        types = ("string", "string", "address", "uint256")
        tokens = [machine.deploy(MEDIA_TOKEN, types, (name, name, OWNER, UINT256_MAX)) for name in ("A", "B")]
        self.tokens = sorted(tokens, key=str.lower)
        factory = machine.deploy(FACTORY)
        if TIERS.get(fee_pips) != tick_spacing:
            machine.call(factory, "enableFeeAmount(uint24,int24)", (fee_pips, tick_spacing))
        create = "createPool(address,address,uint24)"
        (self.address,) = machine.call(factory, create, (*self.tokens, fee_pips), ("address",))
        self.driver = machine.deploy(POOL_DRIVER, ("address",) * 3, (self.address, *self.tokens))
        for token in self.tokens:
            machine.call(token, "transfer(address,uint256)", (self.driver, UINT256_MAX))
        self.fee_pips, self.tick_spacing = fee_pips, tick_spacing
        (self.max_liquidity_per_tick,) = machine.call(self.address, "maxLiquidityPerTick()", (), ("uint128",))
        self._driver = int(self.driver, 16)
        self._balances = [slot_of(int(self.address, 16), 0)] * 2
        self._bitmap_words: set[int] = set()
        self._now = NOW

    def initialize(self, sqrt_price_x96: int, time: int) -> int:
        self._send("initialize(uint160)", words(sqrt_price_x96), time=time)
        return self.tick

    def mint(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        self._bitmap_words |= {tick // self.tick_spacing >> 8 for tick in (lower, upper)}
        data = words(int(owner, 16), lower, upper, liquidity, 5 * 32, 0)
        return _pair(self._send("mint(address,int24,int24,uint128,bytes)", data, time=time, to=self.driver))

    def burn(self, owner: str, lower: int, upper: int, liquidity: int, time: int) -> tuple[int, int]:
        data = words(lower, upper, liquidity)
        return _pair(self._send("burn(int24,int24,uint128)", data, time=time, caller=owner))

    def collect(self, owner: str, lower: int, upper: int, requested0: int, requested1: int) -> tuple[int, int]:
        data = words(self._driver, lower, upper, requested0, requested1)
        return _pair(self._send("collect(address,int24,int24,uint128,uint128)", data, caller=owner))

    def swap(
        self, zero_for_one: bool, amount_specified: int, sqrt_price_limit_x96: int | None, time: int
    ) -> tuple[int, int]:
        if sqrt_price_limit_x96 is None:
            sqrt_price_limit_x96 = MIN_SQRT_RATIO + 1 if zero_for_one else MAX_SQRT_RATIO - 1
        data = words(self._driver, zero_for_one, amount_specified, sqrt_price_limit_x96, 5 * 32, 0)
        sent = self._send("swap(address,bool,int256,uint160,bytes)", data, time=time, to=self.driver)
        amount0, amount1 = numbers(sent)
        return signed(amount0), signed(amount1)

    def flash(self, paid0: int, paid1: int) -> None:
        """Borrows as much as these fees allow, of what the pool has, and pays it back with them."""
        fee = self.fee_pips
        held = self.balances()
        borrowed = [
            min(paid * 10**6 // fee if fee else has, has) for paid, has in zip((paid0, paid1), held, strict=True)
        ]
        data = words(self._driver, *borrowed, 4 * 32, 64, borrowed[0] + paid0, borrowed[1] + paid1)
        self._send("flash(address,uint256,uint256,bytes)", data, to=self.driver)

    def set_fee_protocol(self, denominator0: int, denominator1: int) -> None:
        self._send("setFeeProtocol(uint8,uint8)", words(denominator0, denominator1))

    def collect_protocol(self, requested0: int, requested1: int) -> tuple[int, int]:
        data = words(self._driver, requested0, requested1)
        return _pair(self._send("collectProtocol(address,uint128,uint128)", data))

    def increase_observation_cardinality_next(self, cardinality_next: int) -> None:
        self._send("increaseObservationCardinalityNext(uint16)", words(cardinality_next))

    def observe(self, seconds_agos: Sequence[int], time: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        data = words(32, len(seconds_agos), *seconds_agos)
        count = len(seconds_agos)
        answer = numbers(self._send("observe(uint32[])", data, time=time))
        assert answer[2] == count, answer
        return tuple(signed(word) for word in answer[3 : 3 + count]), tuple(answer[4 + count :])

    def snapshot_cumulatives_inside(self, lower: int, upper: int, time: int) -> tuple[int, int, int]:
        sent = self._send("snapshotCumulativesInside(int24,int24)", words(lower, upper), time=time)
        tick_cumulative, seconds_per_liquidity, seconds = numbers(sent)
        return signed(tick_cumulative), seconds_per_liquidity, seconds

    @property
    def sqrt_price_x96(self) -> int:
        return self._word(_SLOT0) & (1 << 160) - 1

    @property
    def tick(self) -> int:
        return signed(self._word(_SLOT0) >> 160, 24)

    @property
    def observation_index(self) -> int:
        return self._word(_SLOT0) >> 184 & 0xFFFF

    @property
    def observation_cardinality(self) -> int:
        return self._word(_SLOT0) >> 200 & 0xFFFF

    @property
    def observation_cardinality_next(self) -> int:
        return self._word(_SLOT0) >> 216 & 0xFFFF

    @property
    def fee_protocol(self) -> tuple[int, int]:
        packed = self._word(_SLOT0) >> 232
        return packed & 0xF, packed >> 4 & 0xF

    @property
    def liquidity(self) -> int:
        return self._word(_LIQUIDITY)

    @property
    def fee_growth_global(self) -> tuple[int, int]:
        return self._word(_FEE_GROWTH), self._word(_FEE_GROWTH + 1)

    @property
    def protocol_fees(self) -> tuple[int, int]:
        return _halves(self._word(_PROTOCOL_FEES))

    def tick_info(self, tick: int) -> TickInfo:
        slot = tick_slot(tick)
        gross, net = _halves(self._word(slot))
        outside = self._word(slot + 3)
        return TickInfo(
            gross=gross,
            net=signed(net, 128),
            fee_growth_outside=(self._word(slot + 1), self._word(slot + 2)),
            tick_cumulative_outside=signed(outside, 56),
            seconds_per_liquidity_outside_x128=outside >> 56 & (1 << 160) - 1,
            seconds_outside=outside >> 216 & 0xFFFFFFFF,
            initialized=bool(outside >> 248),
        )

    def position(self, owner: str, lower: int, upper: int) -> PositionInfo:
        slot = position_slot(owner, lower, upper)
        return PositionInfo(
            liquidity=self._word(slot),
            fee_growth_inside_last=(self._word(slot + 1), self._word(slot + 2)),
            owed=_halves(self._word(slot + 3)),
        )

    def observation(self, index: int) -> Observation:
        word = self._word(_OBSERVATIONS + index)
        return Observation(
            time=word & 0xFFFFFFFF,
            tick_cumulative=signed(word >> 32, 56),
            seconds_per_liquidity_x128=word >> 88 & (1 << 160) - 1,
            initialized=bool(word >> 248),
        )

    def initialized_ticks(self) -> tuple[int, ...]:
        """Ticks whose bit is set in the contract's own bitmap."""
        found = []
        for word in sorted(self._bitmap_words):
            bits = self._word(word_slot(word))
            found += [((word << 8) + bit) * self.tick_spacing for bit in range(256) if bits >> bit & 1]
        return tuple(found)

    def balances(self) -> tuple[int, int]:
        """(token0, token1) that the pool holds."""
        held = [self.machine.storage(token, slot) for token, slot in zip(self.tokens, self._balances, strict=True)]
        return held[0], held[1]

    def _word(self, slot: int) -> int:
        return self.machine.storage(self.address, slot)

    def _send(self, function: str, data: bytes, time: int | None = None, to: str = "", caller: str = "") -> bytes:
        """Return data of a call to the pool, directly or through the driver; PoolReverted with its reason."""
        if time is not None and time != self._now:
            self.machine.set_time(time)
            self._now = time
        try:
            return self.machine.send(to or self.address, selector(function) + data, caller)
        except Reverted as refused:
            reason = refused.reason
            raise PoolReverted(Revert[reason] if reason else Revert.NO_REASON, function) from None


def _halves(word: int) -> tuple[int, int]:
    return word & _LOW_128, word >> 128


def _pair(output: bytes) -> tuple[int, int]:
    first, second = numbers(output)
    return first, second
