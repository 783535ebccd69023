"""Unsigned integers of 128 to 512 bits inside compiled code: one LLVM integer each, so `+ - * & | ^ << >>` and
comparisons are the machine's own carry chains.

A value wraps modulo 2**bits, as the EVM's does in an `unchecked` block; who needs to know of an overflow works in the
next wider type or asks `sub_borrow`. Both operands of an operator have the same width, or the right one is a uint64 or
a literal that is not negative. A shift count is a uint64 or such a literal and must be below the width.

There is no division here: LLVM turns the division of wide integers into a loop over bits, and that of exactly 128 bits
into a call of a routine that compiled code cannot find, which kills the process. See `division`.

In arrays, 256 bits are four uint64, lowest first: the same 32 bytes as a little-endian fixed-size binary. Python's side
of that is in `limbs`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from llvmlite import ir
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model
from numba.np.arrayobj import make_array

import backtests.kernels  # noqa: F401  chooses the cache of compiled code before numba is imported

Wide: TypeAlias = Any
"""A value of one of the types below. Such values exist inside compiled code only."""
_LIMB_BITS: Final = 64
_MASK256: Final = (1 << 256) - 1


class WideUInt(types.Type):
    """Numba's type of an unsigned integer of `bits` bits, a multiple of 64."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__(name=f"U{bits}")


U128: Final = WideUInt(128)
U192: Final = WideUInt(192)
U256: Final = WideUInt(256)
U320: Final = WideUInt(320)
U384: Final = WideUInt(384)
U512: Final = WideUInt(512)


@register_model(WideUInt)
class _WideModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: WideUInt) -> None:
        super().__init__(dmm, fe_type, ir.IntType(fe_type.bits))


def _fits_beside(wide: Any, other: Any) -> bool:
    """Whether `other` may stand on the right of `wide`."""
    if isinstance(other, types.IntegerLiteral):
        return bool(other.literal_value >= 0)
    return bool(other == wide or other == types.uint64)


def _widened(builder: Any, value: Any, bits: int) -> Any:
    return builder.zext(value, ir.IntType(bits)) if value.type.width < bits else value


def _declare(op: Callable[..., Any], result: Any, emit: Callable[..., Any], shift: bool = False) -> None:
    """Teach Numba one operator: its type (None: that of the left side) and the instruction that it becomes."""

    class Typing(AbstractTemplate):
        prefer_literal = True

        def generic(self, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
            if len(args) != 2 or not isinstance(args[0], WideUInt):
                return None
            if not _fits_beside(*args) or (shift and isinstance(args[1], WideUInt)):
                return None
            return signature(result or args[0], *args)

    def lower(context: Any, builder: Any, sig: Any, args: tuple[Any, Any]) -> Any:
        return emit(builder, args[0], _widened(builder, args[1], sig.args[0].bits))

    infer_global(op)(Typing)
    lower_builtin(op, WideUInt, WideUInt)(lower)
    lower_builtin(op, WideUInt, types.Integer)(lower)


for _name in ("add", "sub", "mul", "and_", "or_", "xor"):
    _declare(getattr(operator, _name), None, lambda builder, a, b, name=_name: getattr(builder, name)(a, b))
for _op, _name in ((operator.lshift, "shl"), (operator.rshift, "lshr")):
    _declare(_op, None, lambda builder, a, b, name=_name: getattr(builder, name)(a, b), shift=True)
for _name, _sign in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!=")):
    _declare(
        getattr(operator, _name), types.boolean, lambda builder, a, b, sign=_sign: builder.icmp_unsigned(sign, a, b)
    )


def _conversion(target: WideUInt) -> Any:
    """The conversion of a uint64 or any wide integer to `target`: extended with zeros, or cut to the low bits."""

    @intrinsic
    def convert(typing: Any, value: Any) -> Any:
        wide = isinstance(value, WideUInt)
        if not wide and not _fits_beside(target, value):
            return None

        def emit(context: Any, builder: Any, sig: Any, args: tuple[Any]) -> Any:
            given = args[0].type.width
            if given > target.bits:
                return builder.trunc(args[0], ir.IntType(target.bits))
            return _widened(builder, args[0], target.bits)

        return target(value if wide else types.uint64), emit

    return convert


to_u128: Final = _conversion(U128)
to_u192: Final = _conversion(U192)
to_u256: Final = _conversion(U256)
to_u320: Final = _conversion(U320)
to_u384: Final = _conversion(U384)
to_u512: Final = _conversion(U512)


def const256(value: int) -> Any:
    """A function without arguments that returns `value` as a U256 inside compiled code, where it costs nothing.

    A negative value is taken in two's complement. Raises ValueError for a value that needs more than 256 bits.
    """
    if not -(1 << 255) <= value <= _MASK256:
        raise ValueError(f"a constant must fit 256 bits (got {value})")

    @intrinsic
    def constant(typing: Any) -> Any:
        return U256(), lambda context, builder, sig, args: ir.Constant(ir.IntType(256), value & _MASK256)

    return constant


@intrinsic
def limb(typing: Any, value: Any, index: Any) -> Any:
    """Limb `index` of a wide integer, a uint64; 0 is the lowest. The index must be a literal."""
    if not isinstance(value, WideUInt) or not isinstance(index, types.IntegerLiteral):
        return None
    shift = _LIMB_BITS * index.literal_value
    if not 0 <= shift < value.bits:
        return None

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, Any]) -> Any:
        shifted = builder.lshr(args[0], ir.Constant(args[0].type, shift)) if shift else args[0]
        return builder.trunc(shifted, ir.IntType(_LIMB_BITS))

    return types.uint64(value, index), emit


@intrinsic
def make_u256(typing: Any, limb0: Any, limb1: Any, limb2: Any, limb3: Any) -> Any:
    """The U256 of four uint64, lowest first."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, ...]) -> Any:
        value = _widened(builder, args[0], 256)
        for i in range(1, 4):
            part = builder.shl(_widened(builder, args[i], 256), ir.Constant(ir.IntType(256), _LIMB_BITS * i))
            value = builder.or_(value, part)
        return value

    return U256(*[types.uint64] * 4), emit


@intrinsic
def mul_full64(typing: Any, a: Any, b: Any) -> Any:
    """(high, low) uint64 of the product of two uint64."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, Any]) -> Any:
        product = builder.mul(_widened(builder, args[0], 128), _widened(builder, args[1], 128))
        high = builder.trunc(builder.lshr(product, ir.Constant(product.type, 64)), ir.IntType(64))
        low = builder.trunc(product, ir.IntType(64))
        return context.make_tuple(builder, sig.return_type, (high, low))

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), emit


@intrinsic
def sub_borrow(typing: Any, a: Any, b: Any) -> Any:
    """(a - b modulo 2**bits, whether b > a) for two wide integers of the same width."""
    if not isinstance(a, WideUInt) or a != b:
        return None

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, Any]) -> Any:
        difference = builder.usub_with_overflow(args[0], args[1])
        parts = (builder.extract_value(difference, 0), builder.extract_value(difference, 1))
        return context.make_tuple(builder, sig.return_type, parts)

    return types.Tuple((a, types.boolean))(a, b), emit


def _shift_below_64(left: bool) -> Any:
    """A shift by less than a limb: one double-width shift a limb, where the general one goes through memory."""

    @intrinsic
    def shift(typing: Any, value: Any, count: Any) -> Any:
        if not isinstance(value, WideUInt):
            return None
        limbs = value.bits // _LIMB_BITS

        def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, Any]) -> Any:
            word, full = ir.IntType(_LIMB_BITS), ir.IntType(value.bits)
            zero = ir.Constant(word, 0)
            parts = [
                builder.trunc(builder.lshr(args[0], ir.Constant(full, _LIMB_BITS * i)), word) for i in range(limbs)
            ]
            name = "llvm.fshl.i64" if left else "llvm.fshr.i64"
            funnel = builder.module.declare_intrinsic(name, (), ir.FunctionType(word, [word] * 3))
            result = ir.Constant(full, 0)
            for i in range(limbs):
                if left:
                    pair = (parts[i], parts[i - 1] if i else zero)
                else:
                    pair = (parts[i + 1] if i + 1 < limbs else zero, parts[i])
                moved = builder.zext(builder.call(funnel, [*pair, args[1]]), full)
                result = builder.or_(result, builder.shl(moved, ir.Constant(full, _LIMB_BITS * i)))
            return result

        return value(value, types.uint64), emit

    return shift


shl_below_64: Final = _shift_below_64(left=True)
"""value << count for a count of 0..63."""
shr_below_64: Final = _shift_below_64(left=False)
"""value >> count for a count of 0..63."""


def _counting(name: str) -> Any:
    @intrinsic
    def count(typing: Any, value: Any) -> Any:
        def emit(context: Any, builder: Any, sig: Any, args: tuple[Any]) -> Any:
            return getattr(builder, name)(args[0], ir.Constant(ir.IntType(1), 0))

        return types.uint64(types.uint64), emit

    return count


leading_zeros64: Final = _counting("ctlz")
"""Zero bits above the highest one of a uint64; 64 for zero."""
trailing_zeros64: Final = _counting("cttz")
"""Zero bits below the lowest one of a uint64; 64 for zero."""


def _address(context: Any, builder: Any, sig: Any, array: Any, row: Any) -> Any:
    start = make_array(sig.args[0])(context, builder, array).data
    offset = builder.mul(row, ir.Constant(ir.IntType(64), 4))
    return builder.bitcast(builder.gep(start, [offset]), ir.IntType(256).as_pointer())


def _is_words(array: Any) -> bool:
    return bool(
        isinstance(array, types.Array) and array.ndim in (1, 2) and array.layout == "C" and array.dtype == types.uint64
    )


@intrinsic
def load256(typing: Any, array: Any, row: Any) -> Any:
    """Row `row` of a C-contiguous uint64[:, 4] (or the same limbs, flat) as a U256. The row is not checked."""
    if not _is_words(array):
        return None

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, Any]) -> Any:
        value = builder.load(_address(context, builder, sig, *args))
        value.align = 8
        return value

    return U256(array, types.int64), emit


@intrinsic
def store256(typing: Any, array: Any, row: Any, value: Any) -> Any:
    """Write the U256 `value` to row `row` of a C-contiguous uint64[:, 4] (or the same limbs, flat). Not checked."""
    if not _is_words(array):
        return None

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, Any, Any]) -> Any:
        builder.store(args[2], _address(context, builder, sig, args[0], args[1])).align = 8
        return context.get_dummy_value()

    return types.void(array, types.int64, U256), emit


@intrinsic
def neg256(typing: Any, value: Any) -> Any:
    """-value in two's complement; the smallest number is its own negative."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any]) -> Any:
        return builder.sub(ir.Constant(ir.IntType(256), 0), args[0])

    return U256(U256), emit


@intrinsic
def is_negative256(typing: Any, value: Any) -> Any:
    """Whether the top bit is set: the sign in two's complement."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any]) -> Any:
        return builder.icmp_signed("<", args[0], ir.Constant(ir.IntType(256), 0))

    return types.boolean(U256), emit


@intrinsic
def slt256(typing: Any, a: Any, b: Any) -> Any:
    """a < b, both in two's complement."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, Any]) -> Any:
        return builder.icmp_signed("<", args[0], args[1])

    return types.boolean(U256, U256), emit


@intrinsic
def sar256(typing: Any, value: Any, count: Any) -> Any:
    """value >> count in two's complement, towards minus infinity. count: a uint64 below 256."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any, Any]) -> Any:
        return builder.ashr(args[0], builder.zext(args[1], ir.IntType(256)))

    return U256(U256, types.uint64), emit


@intrinsic
def to_float(typing: Any, value: Any) -> Any:
    """The float64 next to a wide integer. Only ever for an estimate that integers confirm."""

    def emit(context: Any, builder: Any, sig: Any, args: tuple[Any]) -> Any:
        double = ir.DoubleType()
        parts = []
        for i in range(value.bits // _LIMB_BITS):
            part = builder.trunc(builder.lshr(args[0], ir.Constant(args[0].type, _LIMB_BITS * i)), ir.IntType(64))
            parts.append(builder.fmul(builder.uitofp(part, double), ir.Constant(double, 2.0 ** (64 * i))))
        while len(parts) > 1:  # by pairs: a chain of additions would cost more than they do
            sums = [builder.fadd(low, high) for low, high in zip(parts[::2], parts[1::2], strict=False)]
            parts = sums + parts[2 * len(sums) :]
        return parts[0]

    return types.float64(value), emit
