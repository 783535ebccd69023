"""What a leg in liquidity is assumed to use, against the pool's own bytecode."""

from __future__ import annotations

from bot.core.fixedpoint import UINT128_MAX
from bot.paper import GAS_OF_LIQUIDITY
from tests.parity.evm import NOW
from tests.parity.pool_adapter import BytecodePool

US, OTHERS = "0x" + "22" * 20, "0x" + "33" * 20


def test_the_gas_assumed_for_liquidity_is_what_the_pool_uses() -> None:
    pool = BytecodePool(3_000, 60)

    def used() -> int:
        result = pool.machine._evm.result
        assert result is not None
        return int(result.gas_used)

    pool.initialize(1 << 96, NOW)
    pool.mint(OTHERS, -887_220, 887_220, 10**22, NOW)
    pool.mint(US, -1_860, 1_860, 10**20, NOW + 1)
    entering = used()
    pool.swap(True, 10**9, None, NOW + 2)
    entering += used()
    assert 0.9 * GAS_OF_LIQUIDITY < entering < 1.1 * GAS_OF_LIQUIDITY
    pool.swap(False, 10**19, None, NOW + 3)
    pool.burn(US, -1_860, 1_860, 10**20, NOW + 4)
    leaving = used()
    pool.collect(US, -1_860, 1_860, UINT128_MAX, UINT128_MAX)
    leaving += used()
    assert leaving < 0.6 * GAS_OF_LIQUIDITY
