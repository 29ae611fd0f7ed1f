"""Discrete Fourier transforms.

The matrix of a transform is symmetric, so that its adjoint is the transform itself. For transforms from or to real
numbers, `_back_real` and `_back_half` add the missing factors. If the length `n` is shorter than the array, a composite
cuts the array first; an operation with the operand `n` pads with zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Type, element_type, is_complex, quotient_of
from srcdiff.ir.values import Atom, Attrs, Value, const, known_dim
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.adjoint_builders import length_of, whole
from srcdiff.ops.core.axes import axes_of
from srcdiff.ops.core.bind import Bound, known
from srcdiff.ops.core.registry import OPERATIONS, operation
from srcdiff.ops.core.samples import Sample, draw, of_complex
from srcdiff.ops.core.type_rules import TypeMistake, TypeRule, numeric, real_dtype
from srcdiff.ops.elementwise import arithmetic, complex_numbers

Back = Callable[[Builder, Op, Sequence[Atom | None]], list[Atom | None]]

# the normalisation of the inverse transform, by the normalisation of a transform
OPPOSITE = {None: "forward", "backward": "forward", "forward": None, "ortho": "ortho"}


def _array(operand: Atom) -> Array:
    type_ = numeric(operand)
    if not isinstance(type_, Array):
        raise TypeMistake("a Fourier transform is one of arrays")
    return type_


def _complex_dtype(dtype: str) -> str:
    return "complex64" if real_dtype(dtype) in ("float32", "float16") else "complex128"


def _half(shapes: Shapes, n: Dim) -> Dim:
    """`n // 2 + 1`, the number of frequencies of n real numbers."""
    return quotient_of(n, 2) + 1


def _lengthened(
    length: Callable[[Shapes, Dim, Dim | None], Dim], dtype: Callable[[str], str]
) -> TypeRule:
    """The type rule of a transform along one axis; `length` gives the length of the result's axis."""

    def infer(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        type_ = _array(operands[0])
        (axis,) = axes_of(type_.ndim, attrs.get("axis", -1))
        n = (known_dim(operands[1]) or shapes.fresh()) if len(operands) > 1 else None
        shape = list(type_.shape)
        shape[axis] = length(shapes, shape[axis], n)
        return (Array(dtype(type_.dtype), tuple(shape)),)

    return infer


def _of_all(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    type_ = _array(operands[0])
    for axis in attrs.get("axes") or ():
        axes_of(type_.ndim, axis)
    return (Array(_complex_dtype(type_.dtype), type_.shape),)


def _bind_n(args: Sequence[object], kwargs: Mapping[str, object]) -> Bound:
    """The array, and `n` if it is given."""
    given = dict(zip(("a", "n", "axis", "norm"), args, strict=False)) | dict(kwargs)
    if len(args) > 4 or not set(given) <= {"a", "n", "axis", "norm"}:
        raise TypeMistake("a Fourier transform takes an array, `n`, `axis` and `norm`")
    values = {k: known(v, f"`{k}`") for k, v in given.items() if k in ("axis", "norm")}
    n = given.get("n")
    is_given = n is not None and getattr(n, "value", n) is not None
    return (given["a"], *([n] if is_given else [])), _given_attrs(values)


def _given_attrs(attrs: Attrs) -> dict[str, object]:
    """The attributes that are not at their defaults."""
    defaults = {"axis": -1, "norm": None}
    return {k: v for k, v in attrs.items() if v != defaults.get(k, ...)}


# ---- adjoints --------------------------------------------------------------------------------


def _transformed(
    b: Builder, decl: OpDecl, d: Atom, n: Atom | None, type_: Array, attrs: Attrs
) -> Value:
    """A transform of an adjoint, with a type that is known already."""
    operands = (d,) if n is None else (d, n)
    result = Value(type_)
    b.append(Op(decl, operands, (result,), _given_attrs(attrs), b.location, b.origin))
    return result


def _cut(b: Builder, d: Atom, like: Array, axis: int) -> Atom:
    """The first entries of an adjoint, without those for the padding zeros."""
    where = ", ".join(":e" if k == axis else ":" for k in range(axis + 1))
    stop = length_of(b, like.shape[axis])
    result = Value(replace(like, dtype=element_type(d.type).dtype))
    b.append(Op(memory.index, (d, stop), (result,), {"where": where}, b.location, b.origin))
    return result


def _plan(b: Builder, op: Op, d_out: Atom | None) -> tuple[Atom, Array, Array, int]:
    assert d_out is not None
    a, out = op.operands[0].type, op.result.type
    assert isinstance(a, Array) and isinstance(out, Array)
    (axis,) = axes_of(a.ndim, op.attrs.get("axis", -1))
    return whole(b, op, d_out), a, out, axis


def _back(b: Builder, op: Op, d_outs: Sequence[Atom | None]) -> list[Atom | None]:
    """The adjoint of `fft` and `ifft`: the same transform."""
    d, a, out, axis = _plan(b, op, d_outs[0])
    d = _transformed(b, op.decl, d, None, out, op.attrs)
    if len(op.operands) == 1:
        return [d]
    return [_cut(b, d, a, axis), None]


def _back_real(b: Builder, op: Op, d_outs: Sequence[Atom | None]) -> list[Atom | None]:
    """The adjoint of `rfft`: the real part of `fft` of the adjoint, with zeros for the frequencies that are omitted."""
    d, a, out, axis = _plan(b, op, d_outs[0])
    n = op.operands[1] if len(op.operands) > 1 else None
    length = a.shape[axis] if n is None else known_dim(n)
    assert length is not None
    shape = tuple(length if k == axis else s for k, s in enumerate(out.shape))
    d = _transformed(b, fft, d, length_of(b, length), Array(out.dtype, shape), op.attrs)
    return [d] if n is None else [_cut(b, d, a, axis), None]


def _back_half(b: Builder, op: Op, d_outs: Sequence[Atom | None]) -> list[Atom | None]:
    """The adjoint of `irfft`: frequencies between the first and the last stand for two each."""
    d, a, out, axis = _plan(b, op, d_outs[0])
    n = length_of(b, out.shape[axis])
    attrs = {**op.attrs, "norm": OPPOSITE[op.attrs.get("norm")]}
    half = a if len(op.operands) == 1 else _half_type(b, a, out, axis)
    d = _transformed(b, rfft, d, None, replace(half, dtype=_complex_dtype(out.dtype)), attrs)
    count = b.op(OPERATIONS["axis_length"], d, axis=axis)
    place = b.op(arithmetic.multiply, const(2), _counted(b, count, half.shape[axis]))
    is_end = b.op(arithmetic.equal, b.op(arithmetic.mod, place, n), const(0))
    times: Atom = b.op(OPERATIONS["where"], is_end, const(1.0), const(2.0))
    if axis != a.ndim - 1:
        where = ", ".join([":", *["None"] * (a.ndim - 1 - axis)])
        times = b.op(memory.index, times, where=where)
    d = b.op(arithmetic.multiply, times, b.op(complex_numbers.conjugate, d))
    is_cut = len(op.operands) > 1 and half.shape[axis] != a.shape[axis]
    return [_cut(b, d, a, axis) if is_cut else d, *[None] * (len(op.operands) - 1)]


def _counted(b: Builder, count: Atom, length: Dim) -> Value:
    """0, 1, 2, ... with a type that is known already."""
    result = Value(Array("int64", (length,)))
    b.append(Op(creation.arange, (count,), (result,), {}, b.location, b.origin))
    return result


def _half_type(b: Builder, a: Array, out: Array, axis: int) -> Array:
    """The type of the operand that gives a real result."""
    n = out.shape[axis]
    shown = a.shape[axis]
    half = _half(b.shapes, n)
    length = half if half.is_const or (n.terms and half.symbols() <= n.symbols()) else shown
    return replace(a, shape=tuple(length if k == axis else s for k, s in enumerate(a.shape)))


def _of_reals(infer: TypeRule) -> TypeRule:
    """Refuse complex operands, as NumPy does."""

    def checked(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        if is_complex(operands[0].type):
            raise TypeMistake("np.fft.rfft takes real numbers; use np.fft.fft")
        return infer(shapes, operands, attrs)

    return checked


# ---- compiled code -----------------------------------------------------------------------------

RUNTIME = "srcdiff.runtime.fourier"
HAS_LOOPS = np.lib.NumpyVersion(np.__version__) >= "2.0.0"  # compiled code calls these loops


def _as_complex(op: Op) -> str:
    type_ = _array(op.operands[0])
    dtype = _complex_dtype(type_.dtype)
    return "{0}" if type_.dtype == dtype else f"{{0}}.astype(np.{dtype})"


def _as_real(op: Op) -> str:
    is_float = _array(op.operands[0]).dtype in ("float32", "float64")
    return "{0}" if is_float else "{0}.astype(np.float64)"


def _power(op: Op, is_inverse: bool) -> float:
    """The power of its length by which a transform is divided."""
    norm = op.attrs.get("norm")
    return 0.5 if norm == "ortho" else float((norm == "forward") != is_inverse)


def _routine_along(name: str, cast: Callable[[Op], str]) -> Callable[[Op], str]:
    """The text of compiled code for a transform along one axis."""

    def text(op: Op) -> str:
        (axis,) = axes_of(_array(op.operands[0]).ndim, op.attrs.get("axis", -1))
        length = ", n={1}" if len(op.operands) > 1 else ""
        return _along(name, cast(op), axis, length, _power(op, name[0] == "i"))

    return text


def _along(name: str, operand: str, axis: int, length: str, power: float) -> str:
    if not HAS_LOOPS:
        return ""
    is_given = power != float(name[0] == "i")
    scale = f", power={power}" if is_given else ""
    return f"{RUNTIME}.{name}({operand}, {axis}{length}{scale})"


def _routine_of_all(name: str, default: Sequence[int] | None = None) -> Callable[[Op], str]:
    """The text of compiled code for a transform along several axes, the last axis first."""

    def text(op: Op) -> str:
        ndim = _array(op.operands[0]).ndim
        axes = op.attrs.get("axes", default)
        whole = range(ndim) if axes is None else [axes_of(ndim, k)[0] for k in axes]
        out = _as_complex(op)
        for axis in reversed(whole):
            out = _along(name, out, axis, "", _power(op, name[0] == "i"))
        return out

    return text


# ---- declarations ----------------------------------------------------------------------------


def _as_given(shapes: Shapes, length: Dim, n: Dim | None) -> Dim:
    return length if n is None else n


_one: dict[str, Any] = {
    "bind": _bind_n,
    "signature": "a, n, axis=-1, norm=None",
    "defaults": {"axis": -1, "norm": None},
    "linear": True,
    "raises": True,
    "cost": "heavy",
    "takes_complex": True,
}
_all: dict[str, Any] = {
    "infer": _of_all,
    "linear": True,
    "raises": True,
    "cost": "heavy",
    "takes_complex": True,
    "build": _back,
}
_kinds = (
    draw((4,)),
    *of_complex((5,)),
    *(Sample(s.args, {"axis": 0, "norm": "ortho"}) for s in of_complex((4, 3))),
)

fft: Any = operation(
    "fft", np.fft.fft, routine=_routine_along("fft", _as_complex),
    infer=_lengthened(_as_given, _complex_dtype), build=_back, samples=_kinds, **_one
)  # fmt: skip
ifft: Any = operation(
    "ifft", np.fft.ifft, routine=_routine_along("ifft", _as_complex),
    infer=_lengthened(_as_given, _complex_dtype), build=_back, samples=_kinds, **_one
)  # fmt: skip
rfft: Any = operation(
    "rfft", np.fft.rfft,
    routine=_routine_along("rfft", _as_real),
    infer=_of_reals(
        _lengthened(lambda shapes, length, n: _half(shapes, length if n is None else n), _complex_dtype)
    ),
    build=_back_real,
    samples=(draw((4,)), draw((5,)), draw((4, 3), axis=0, norm="forward")),
    **_one,
)  # fmt: skip
irfft: Any = operation(
    "irfft", np.fft.irfft,
    routine=_routine_along("irfft", _as_complex),
    infer=_lengthened(
        lambda shapes, length, n: (length - 1).scaled(2) if n is None else n,
        lambda dtype: real_dtype(_complex_dtype(dtype)),
    ),
    build=_back_half,
    samples=(*of_complex((4,), (5,)), *(Sample(s.args, {"axis": 0, "norm": "ortho"}) for s in of_complex((3, 2)))),
    **_one,
)  # fmt: skip
fftn: Any = operation(
    "fftn", np.fft.fftn, routine=_routine_of_all("fft"),
    signature="a, axes=None, norm=None",
    samples=(*of_complex((2, 3)), draw((2, 3, 2), axes=(0, 2), norm="ortho")), **_all,
)  # fmt: skip
ifftn: Any = operation(
    "ifftn", np.fft.ifftn, routine=_routine_of_all("ifft"),
    signature="a, axes=None, norm=None",
    samples=(*of_complex((2, 3)), draw((2, 3, 2), axes=(0, 2), norm="forward")), **_all,
)  # fmt: skip
fft2: Any = operation(
    "fft2", np.fft.fft2, routine=_routine_of_all("fft", (-2, -1)),
    signature="a, axes=(-2, -1), norm=None", samples=of_complex((2, 3), (2, 2, 3)), **_all,
)  # fmt: skip
ifft2: Any = operation(
    "ifft2", np.fft.ifft2, routine=_routine_of_all("ifft", (-2, -1)),
    signature="a, axes=(-2, -1), norm=None", samples=of_complex((2, 3), (2, 2, 3)), **_all,
)  # fmt: skip

TRANSFORMS = (fft, ifft, rfft, irfft, fftn, ifftn, fft2, ifft2)
