"""EIP-1559 fees and gas, bounded before they are signed. All in wei and gas units."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import SendError

GWEI = 10**9
LEAST_GAS = 21_000  # intrinsic cost of any transaction


@dataclass(frozen=True, slots=True)
class FeeLimits:
    """What a transaction may cost at most. Above it nothing is signed."""

    tip: int = GWEI  # priority fee per gas
    max_fee: int = 200 * GWEI  # per gas, base fee included
    max_gas: int = 16_000_000  # below what one transaction may use at all (EIP-7825: 2^24)


@dataclass(frozen=True, slots=True)
class Fee:
    """The three fee fields of a type-2 transaction."""

    max_fee: int
    tip: int
    gas: int


def fee_of(base_fee: int, estimate: int, limits: FeeLimits) -> Fee:
    """Room for the base fee to double (six full blocks), gas with 30 % to spare, both cut at the limits.

    Raises SendError when even the present base fee or the bare estimate is above them: nothing was sent.
    """
    if base_fee + limits.tip > limits.max_fee:
        raise SendError(
            f"gas costs {_gwei(base_fee + limits.tip)} gwei, the limit is {_gwei(limits.max_fee)}: nothing was sent"
        )
    if not LEAST_GAS <= estimate <= limits.max_gas:
        raise SendError(f"a gas estimate of {estimate} is outside {LEAST_GAS} to {limits.max_gas}: nothing was sent")
    return Fee(
        max_fee=min(2 * base_fee + limits.tip, limits.max_fee),
        tip=limits.tip,
        gas=min(estimate * 13 // 10, limits.max_gas),
    )


def _gwei(wei: int) -> str:
    return f"{wei // GWEI}.{wei % GWEI:09d}".rstrip("0").rstrip(".")
