"""A pool's arrays by their addresses, so that a call from Python passes one small array instead of thirteen.

Taking thirteen arrays apart costs more than an exact quote. Handles hold no reference: they are good as long as the
PoolArrays that they were made of are kept alive, and belong to whoever keeps those.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from backtests.kernels.amm.layout import (
    INT_ENTRIES,
    OBSERVATION_COLUMNS,
    POSITION_ROWS,
    TICK_COLUMNS,
    TICK_ROWS,
    WORD_ROWS,
    WORD_TICKS,
    Ints,
    PoolArrays,
)

_FIRST_LENGTH: Final = len(PoolArrays._fields)
_DENSE: Final = _FIRST_LENGTH
_SLOTS: Final = _FIRST_LENGTH + 1
_POSITIONS: Final = _FIRST_LENGTH + 2
_OBSERVATIONS: Final = _FIRST_LENGTH + 3


def handles_of(pool: PoolArrays) -> Ints:
    """int64[17]: the addresses of the arrays in the order of their fields, then the four lengths that vary."""
    lengths = len(pool.slot_of), len(pool.tick_ints), len(pool.position_ticks), len(pool.observation_ints)
    return np.array([*(array.ctypes.data for array in pool), *lengths], dtype=np.int64)


def _pointer_to(target: Any) -> Any:
    @intrinsic
    def pointer(typing: Any, address: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: tuple[Any]) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

        return types.CPointer(target)(types.int64), emit  # numba is typed in part

    return pointer


_limbs_at: Final = _pointer_to(types.uint64)
_ints_at: Final = _pointer_to(types.int64)
_int32s_at: Final = _pointer_to(types.int32)


@njit(cache=True, nogil=True)
def pool_at_nb(handles: Ints) -> PoolArrays:
    """The arrays behind handles. Nothing checks that they are still there."""
    dense, slots = handles[_DENSE], handles[_SLOTS]
    positions, observations = handles[_POSITIONS], handles[_OBSERVATIONS]
    return PoolArrays(
        carray(_limbs_at(handles[0]), (WORD_ROWS, 4)),
        carray(_ints_at(handles[1]), (INT_ENTRIES,)),
        carray(_limbs_at(handles[2]), (dense >> 6,)),
        carray(_int32s_at(handles[3]), (dense,)),
        carray(_limbs_at(handles[4]), (2 * (dense // WORD_TICKS), 4)),
        carray(_limbs_at(handles[5]), (slots * TICK_ROWS, 4)),
        carray(_ints_at(handles[6]), (slots, TICK_COLUMNS)),
        carray(_int32s_at(handles[7]), (slots,)),
        carray(_limbs_at(handles[8]), (slots, 4)),
        carray(_limbs_at(handles[9]), (positions * POSITION_ROWS, 4)),
        carray(_ints_at(handles[10]), (positions, 2)),
        carray(_ints_at(handles[11]), (observations, OBSERVATION_COLUMNS)),
        carray(_limbs_at(handles[12]), (observations, 4)),
    )
