"""Scalar code for CUDA: the text of operations on numbers.

    np.exp(x)               math.exp(x)
    scipy.special.expit(x)  expit(x), or expitf(x) for float32

Kernels use scalar Python, `math`, and the functions of `srcdiff.runtime.device`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.syntax.spelling import call_text, template_of
from srcdiff.ir.types import Array, Scalar, Type, is_float
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.type_rules import nothing

_RUNTIME = "srcdiff.runtime.device"
# the names of NumPy that Numba compiles for numbers on a device
_NUMPY = re.compile(r"np\.(float32|float64|int8|int16|int32|int64|uint8|uint16|uint32|uint64|bool_|inf|nan|pi|e"
                    r"|maximum|minimum|fmax|fmin|iinfo\(np\.int64\)\.min)\b(?!\.)")  # fmt: skip
# Python's functions, for Python numbers and for integers
_EXTREMES = {"maximum": "max", "minimum": "min"}
_MODULES = re.compile(r"\b(np|scipy|numba)\.")


def shown_type(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (attrs["type"],)


def array_text(op: Op, space: str) -> str:
    """An allocation of known size: `space` is "local" (of one thread) or "shared" (of a block)."""
    type_ = op.attrs["type"]
    lengths = [d.const for d in type_.shape]
    shape = str(lengths[0]) if len(lengths) == 1 else f"({', '.join(map(str, lengths))})"
    dtype = "bool_" if type_.dtype == "bool" else type_.dtype
    return f"cuda.{space}.array({shape}, np.{dtype})"


# storage of one thread, whose size is known when compiling
local_array = operation(
    "local_array",
    template=lambda op: array_text(op, "local"),
    infer=shown_type,
    differentiable=False,
)


def _uniform(op: Op) -> str:
    type_ = op.result.type
    suffix = "f" if isinstance(type_, Scalar) and type_.dtype == "float32" else ""
    return f"srcdiff.runtime.philox.uniform{suffix}({{0}}, 0, {{1}})"


# a number in [0, 1), from a key, the first operand, and an index
philox_uniform = operation(
    "philox_uniform",
    template=_uniform,
    infer=lambda *_: (Scalar("float64"),),
    differentiable=False,
)


# the end of a kernel's part for one item; `text` stands in the place of its results
leave = operation(
    "leave",
    template=lambda op: f"return {op.attrs['text']}".rstrip(),
    infer=nothing,
    effect=True,
    raises=True,
    differentiable=False,
    takes_complex=True,
)


def device_text(op: Op) -> str | None:
    """The text of an operation on a device, with `{i}` for operands; None if there is none."""
    decl = op.decl
    if decl.elementwise and all(isinstance(r.type, Scalar) for r in op.results):
        text = _of_numbers(op)
    else:
        text = template_of(op)
    return text if text is not None and not _MODULES.search(_NUMPY.sub("", text)) else None


def device_form(decl: OpDecl) -> str:
    """The text of an operation on numbers x, y, z in kernels; empty if kernels have none."""
    if decl.name in _EXTREMES or "{" in decl.device:
        return decl.device.format("x", "y", "z")
    if decl.device or _of_math(decl):
        return (
            f"{decl.device or _of_math(decl)}({', '.join('xyz'[: decl.signature.count(',') + 1])})"
        )
    return decl.template.format("x", "y", "z") if isinstance(decl.template, str) else ""


def _of_numbers(op: Op) -> str | None:
    decl = op.decl
    if decl.name in _EXTREMES and (
        op.spelling in _EXTREMES.values() or not is_float(op.result.type)
    ):
        return _called(_EXTREMES[decl.name], op)
    if "{" in decl.device:
        return decl.device
    if decl.device:
        narrow = any(isinstance(r.type, Scalar) and r.type.dtype == "float32" for r in op.results)
        return _called(f"{_RUNTIME}.{decl.device}{'f' if narrow else ''}", op)
    if isinstance(decl.template, str):
        return decl.template
    if decl.template is not None:
        return template_of(op)
    name = _of_math(decl)
    return _called(name, op) if name else call_text(op)


def _of_math(decl: OpDecl) -> str:
    """The function of `math` that is equal to an operation, or ""."""
    own = (c for c in decl.callables if getattr(c, "__module__", "") == "math")
    return next((f"math.{c.__name__}" for c in own), "")


def _called(name: str, op: Op) -> str:
    return f"{name}({', '.join(f'{{{k}}}' for k in range(len(op.operands)))})"


def is_known(type_: Type) -> bool:
    """Whether storage of a type has a size that is known when compiling."""
    return isinstance(type_, Array) and all(d.is_const for d in type_.shape)
