"""Numbers on which wide arithmetic goes wrong, if anywhere: near powers of two, and made of extreme limbs."""

from __future__ import annotations

from hypothesis import strategies as st

LIMBS = (0, 1, 2, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, (1 << 64) - 2, (1 << 64) - 1)


def unsigned(bits: int) -> st.SearchStrategy[int]:
    """Integers of at most `bits` bits, a multiple of 64."""
    top = (1 << bits) - 1
    near = st.builds(
        lambda power, step: min(max((1 << power) + step, 0), top), st.integers(0, bits), st.sampled_from([-2, -1, 0, 1])
    )
    limb = st.sampled_from(LIMBS) | st.integers(0, (1 << 64) - 1)
    made = st.lists(limb, min_size=1, max_size=bits // 64).map(
        lambda limbs: sum(value << 64 * place for place, value in enumerate(limbs))
    )
    sized = st.integers(0, bits).flatmap(lambda size: st.integers(0, (1 << size) - 1))
    return near | made | sized | st.sampled_from([0, 1, top])
