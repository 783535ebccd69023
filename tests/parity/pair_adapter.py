"""The real Uniswap V2 pair behind the interface of the mirror, and the real router that quotes it."""

from __future__ import annotations

from bot.core.amm.constant_product import PairRevert, PairReverted
from bot.core.fixedpoint import UINT256_MAX
from tests.parity.evm import (
    MEDIA_TOKEN,
    NOBODY,
    NOW,
    OWNER,
    PAIR_DRIVER,
    PAIR_FACTORY,
    ROUTER,
    Machine,
    Reverted,
    numbers,
    selector,
    words,
)

_TOTAL_SUPPLY, _BALANCES, _RESERVES, _PRICES, _K_LAST = 0, 1, 8, 9, 11
_LOW_112 = (1 << 112) - 1
_ROUTERS_OWN = 1 << 200
"""What OWNER keeps of each token to trade through the router; the driver gets the rest."""
_SAID = {"ds-math-sub-underflow": PairRevert.SUB_UNDERFLOW, "ds-math-mul-overflow": PairRevert.MUL_OVERFLOW}


class BytecodePair:
    """A real pair in an EVM of its own, without reserves. Its driver holds all the liquidity that it mints."""

    def __init__(self, fee_on: bool = False) -> None:
        machine = self.machine = Machine()
        types = ("string", "string", "address", "uint256")
        tokens = [machine.deploy(MEDIA_TOKEN, types, (name, name, OWNER, UINT256_MAX)) for name in ("A", "B")]
        self.tokens = sorted(tokens, key=str.lower)
        self._factory = machine.deploy(PAIR_FACTORY, ("address",), (OWNER,))
        machine.call(self._factory, "createPair(address,address)", self.tokens)
        (self.address,) = machine.call(self._factory, "getPair(address,address)", self.tokens, ("address",))
        self.driver = machine.deploy(PAIR_DRIVER, ("address",) * 3, (self.address, *self.tokens))
        self.router = machine.deploy(ROUTER, ("address",) * 4, (self._factory, NOBODY, NOBODY, NOBODY))
        for token in self.tokens:
            machine.call(token, "transfer(address,uint256)", (self.driver, UINT256_MAX - _ROUTERS_OWN))
            machine.call(token, "approve(address,uint256)", (self.router, UINT256_MAX))
        self._now = NOW
        self.set_fee_on(fee_on)

    def set_fee_on(self, fee_on: bool) -> None:
        """The driver is who gets the protocol's share, so that all liquidity can be burnt."""
        self.fee_on = fee_on
        receiver = self.driver if fee_on else f"0x{0:040x}"
        self.machine.call(self._factory, "setFeeTo(address)", (receiver,))

    def mint(self, amount0: int, amount1: int, time: int) -> int:
        return self._drive("mint(uint256,uint256)", time, amount0, amount1)[0]

    def burn(self, liquidity: int, time: int) -> tuple[int, int]:
        amount0, amount1 = self._drive("burn(uint256)", time, liquidity)
        return amount0, amount1

    def swap(self, amount0_out: int, amount1_out: int, amount0_in: int, amount1_in: int, time: int) -> None:
        self._drive("swap(uint256,uint256,uint256,uint256)", time, amount0_out, amount1_out, amount0_in, amount1_in)

    def route(self, zero_for_one: bool, amount: int, exact_in: bool, time: int) -> int:
        """What the router got for an exact input, or paid for an exact output; it trades, with any result."""
        self._at(time)
        path = self.tokens if zero_for_one else self.tokens[::-1]
        name = "swapExactTokensForTokens" if exact_in else "swapTokensForExactTokens"
        bound = 0 if exact_in else UINT256_MAX
        function = f"{name}(uint256,uint256,address[],address)"
        return int(self.machine.call(self.router, function, (amount, bound, path, OWNER), ("uint256",))[0])

    @property
    def reserves(self) -> tuple[int, int]:
        packed = self._word(_RESERVES)
        return packed & _LOW_112, packed >> 112 & _LOW_112

    @property
    def block_timestamp_last(self) -> int:
        return self._word(_RESERVES) >> 224

    @property
    def total_supply(self) -> int:
        return self._word(_TOTAL_SUPPLY)

    @property
    def price_cumulative(self) -> tuple[int, int]:
        return self._word(_PRICES), self._word(_PRICES + 1)

    @property
    def k_last(self) -> int:
        return self._word(_K_LAST)

    def liquidity_held(self) -> int:
        """All liquidity but the burnt minimum."""
        (held,) = self.machine.call(self.address, "balanceOf(address)", (self.driver,), ("uint256",))
        return int(held)

    def _word(self, slot: int) -> int:
        return self.machine.storage(self.address, slot)

    def _at(self, time: int) -> None:
        if time != self._now:
            self.machine.set_time(time)
            self._now = time

    def _drive(self, function: str, time: int, *arguments: int) -> list[int]:
        """Words returned by the driver; PairReverted with the pair's reason."""
        self._at(time)
        try:
            return numbers(self.machine.send(self.driver, selector(function) + words(*arguments)))
        except Reverted as refused:
            said = refused.reason
            if not said:
                raise PairReverted(PairRevert.NO_REASON, function) from None
            known = _SAID.get(said) or PairRevert[said.removeprefix("UniswapV2: ")]
            raise PairReverted(known, function) from None
