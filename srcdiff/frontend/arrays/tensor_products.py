"""Products that are sums over letters: `np.tensordot`, `np.kron`, and `np.inner`, `np.vdot` of more than vectors."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gast
import numpy as np

from srcdiff.frontend.arrays.apply_op import apply
from srcdiff.frontend.arrays.static_keys import specialise_on
from srcdiff.frontend.arrays.subscripts import array_of, length_along
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    Args,
    FrontValue,
    Known,
    Kwargs,
    Parts,
    Text,
    is_static,
    static,
    static_int,
)
from srcdiff.ir.core import OpDecl
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.types import Array, is_complex, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.core.type_rules import TypeMistake
from srcdiff.ops.elementwise import arithmetic, complex_numbers
from srcdiff.ops.linalg import products
from srcdiff.ops.linalg.einsum import decl_for, einsum, spelled_out
from srcdiff.ops.linalg.einsum_spelling import contraction
from srcdiff.ops.shapes import reshapes


def _two(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs, name: str) -> tuple[Atom, Atom]:
    if len(args) != 2 or kwargs:
        fr.fail(node, f"{name} takes two arrays")
    a, b = (array_of(fr, v, node) for v in args)
    return a, b


def _inner(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """Sums over the last axis of both."""
    a, b = _two(fr, node, args, kwargs, "np.inner")
    left, right = ndim_of(a.type), ndim_of(b.type)
    if left == right == 1:
        return apply(fr, node, products.inner, args, kwargs, "")
    if not left or not right:
        return fr.op(node, arithmetic.multiply, *(_wide(fr, v, node) for v in (a, b)))
    one, two = _letters(left, right)
    two = two[:-1] + one[-1]
    return _contracted(fr, node, a, b, f"{one},{two}->{one[:-1]}{two[:-1]}")


def _vdot(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """Sums over all elements."""
    a, b = _two(fr, node, args, kwargs, "np.vdot")
    if ndim_of(a.type) != ndim_of(b.type):
        args = [fr.call(node, Known(np.ravel), [v]) for v in (a, b)]
        a, b = (fr.as_atom(v, node) for v in args)
    if is_complex(a.type):
        a = fr.op(node, complex_numbers.conjugate, a)
    elif ndim_of(a.type) < 2:
        decl = products.inner if ndim_of(a.type) else arithmetic.multiply
        return apply(fr, node, decl, args, kwargs, "np.vdot" if ndim_of(a.type) else "")
    if ndim_of(a.type) < 2:
        return fr.op(node, products.inner if ndim_of(a.type) else arithmetic.multiply, a, b)
    letters, _ = _letters(ndim_of(a.type), 0)
    return _contracted(fr, node, a, b, f"{letters},{letters}->")


def _tensordot(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """Sums over the last axes of one and the first of the other, or over axes that are given."""
    named = dict(kwargs)
    axes = args[2] if len(args) > 2 else named.pop("axes", const(2))
    a, b = _two(fr, node, args[:2], named, "np.tensordot")
    ndims = ndim_of(a.type), ndim_of(b.type)
    left, right = _summed_axes(fr, node, axes, ndims)
    one, two = _letters(*ndims)
    if len(left) != len(right) or not all(
        -n <= k < n for n, each in zip(ndims, (left, right), strict=True) for k in each
    ):
        fr.fail(node, "the axes of np.tensordot do not fit the arrays")
    for k, n in zip(left, right, strict=True):
        place = n % ndims[1]
        two = two[:place] + one[k] + two[place + 1 :]
    if not all(ndims):
        return fr.op(node, arithmetic.multiply, *(_wide(fr, v, node) for v in (a, b)))
    summed = {one[k] for k in left}
    out = "".join(c for c in one + two if c not in summed)
    return _contracted(fr, node, a, b, f"{one},{two}->{out}")


def _summed_axes(
    fr: Frame, node: gast.AST, axes: FrontValue, ndims: tuple[int, int]
) -> tuple[list[int], list[int]]:
    count = static_int(axes)
    if count is not None:
        return list(range(ndims[0] - count, ndims[0])), list(range(count))
    pair = axes.values if isinstance(axes, Parts) else static(axes) if is_static(axes) else ()
    if len(pair) != 2:
        specialise_on(fr, axes)
        fr.fail(node, "the axes of np.tensordot must be known when compiling", "Use constants.")
    left, right = (_numbers(fr, node, each) for each in pair)
    return left, right


def _numbers(fr: Frame, node: gast.AST, value: Any) -> list[int]:
    values = (
        value.values if isinstance(value, Parts) else static(value) if is_static(value) else None
    )
    values = values if isinstance(values, tuple | list) else [value]
    found = [v if isinstance(v, int) else static_int(v) for v in values]
    if any(k is None for k in found):
        specialise_on(fr, value)
        fr.fail(node, "the axes of np.tensordot must be known when compiling", "Use constants.")
    return [k for k in found if k is not None]


def _kron(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """Each element of one times all of the other."""
    a, b = _two(fr, node, args, kwargs, "np.kron")
    ndim = max(ndim_of(a.type), ndim_of(b.type))
    if not ndim_of(a.type) or not ndim_of(b.type):
        return fr.op(node, arithmetic.multiply, *(_wide(fr, v, node) for v in (a, b)))
    a, b = (_of_axes(fr, x, ndim, node) for x in (a, b))
    one, two = _letters(ndim, ndim)
    mixed = "".join(c + d for c, d in zip(one, two, strict=True))
    product = _contracted(fr, node, a, b, f"{one},{two}->{mixed}")
    lengths = [
        fr.op(node, arithmetic.multiply, *(length_along(fr, x, k, node) for x in (a, b)))
        for k in range(ndim)
    ]
    return fr.op(node, reshapes.reshape, product, *lengths)


def _of_axes(fr: Frame, a: Atom, ndim: int, node: gast.AST) -> Atom:
    """An array with further axes of length 1 in front."""
    lacking = tuple(range(ndim - ndim_of(a.type)))
    return fr.op(node, reshapes.expand_dims, a, axis=lacking) if lacking else a


def _outer(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """Products of all elements of one with all of the other."""
    named = [kwargs[k] for k in ("a", "b") if k in kwargs]
    given = [*args, *named]
    if len(given) != 2 or len(named) < len(kwargs):
        return apply(fr, node, products.outer, args, kwargs, "")
    pair = [array_of(fr, v, node) for v in given]
    if any(ndim_of(v.type) != 1 for v in pair):
        rows = [fr.call(node, Known(np.ravel), [v]) for v in pair]
        return apply(fr, node, products.outer, rows, {}, "")
    return apply(fr, node, products.outer, args, kwargs, "")


def _dot(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue | None:
    """`np.dot` of a number is a product."""
    if len(args) == 2 and not kwargs:
        are_arrays = all(isinstance(v, Value | Const | Parts) for v in args)
        pair = [array_of(fr, v, node) for v in args] if are_arrays else []
        if not all(ndim_of(v.type) for v in pair):
            return fr.op(node, arithmetic.multiply, *(_wide(fr, v, node) for v in pair))
    return None


def _with_text(fr: Frame, node: gast.AST, args: Args) -> Args:
    """`np.einsum("ab,b", x, y)` where the letters are numbers behind each array: `np.einsum(x, [0, 1], y, [1])`."""
    if len(args) < 2 or not isinstance(args[0], Value) or not isinstance(args[0].type, Array):
        return args
    letters = string.ascii_letters
    texts = [
        "".join("..." if k is Ellipsis else letters[k] for k in _entries(fr, node, sub))
        for sub in (args[1::2] if len(args) % 2 == 0 else [*args[1::2], args[-1]])
    ]
    inputs = texts[: len(args) // 2]
    target = f"->{texts[-1]}" if len(args) % 2 else ""
    return [const(",".join(inputs) + target), *args[0 : 2 * len(inputs) : 2]]


def _entries(fr: Frame, node: gast.AST, value: FrontValue) -> list[Any]:
    values = value.values if isinstance(value, Parts) else [value]
    if not all(map(is_static, values)):
        fr.fail(node, "the letters of np.einsum must be known when compiling", "Use constants.")
    return [static(v) for v in values]


def _wide(fr: Frame, value: FrontValue, node: gast.AST) -> Atom:
    """The operand as an array: Python's numbers are as wide as NumPy's there."""
    made = fr.call(node, Known(np.asarray), [value])
    return array_of(fr, made, node)


def _letters(left: int, right: int) -> tuple[str, str]:
    """Letters for the axes of two arrays, none of them twice."""
    letters = string.ascii_lowercase[8:] + string.ascii_lowercase[:8]  # from i on
    return letters[:left], letters[left : left + right]


@dataclass(frozen=True)
class _Lines:
    """Appends what stands for a line."""

    fr: Frame
    node: gast.AST

    def op(self, decl: OpDecl, *operands: Atom, **attrs: Any) -> Value:
        return self.fr.op(self.node, decl, *operands, **attrs)


def _contracted(fr: Frame, node: gast.AST, a: Atom, b: Atom, subscripts: str) -> Atom:
    inputs, _, target = subscripts.partition("->")
    one, two = inputs.split(",")
    for letter in sorted({*one} & {*two}):  # only `np.einsum` broadcasts axes of length 1
        pair = shape_of(a.type)[one.index(letter)], shape_of(b.type)[two.index(letter)]
        try:
            fr.session.shapes.must_equal(*pair, "summed axes of lengths")
        except ShapeMismatch as mismatch:
            fr.fail(node, str(mismatch), "Check the axes that the product sums over.")
    return contraction(_Lines(fr, node), decl_for, [(one, a), (two, b)], target)


def _einsum(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`np.einsum`, as an operation that makes a view where NumPy does."""
    args = _with_text(fr, node, args)
    if len(args) != 2 or not isinstance(args[1], Value) or not isinstance(args[1].type, Array):
        return apply(fr, node, einsum, args, kwargs, "")
    text = args[0].template if isinstance(args[0], Text) else getattr(args[0], "value", None)
    try:
        inputs, output = spelled_out(str(text), [args[1].type.ndim])
    except TypeMistake:
        inputs, output = ("",), "?"
    return apply(fr, node, decl_for(inputs, output), args, kwargs, "")


PRODUCT_CALLS: dict[object, Callable[..., FrontValue | None]] = {
    np.einsum: _einsum,
    np.inner: _inner,
    np.vdot: _vdot,
    np.tensordot: _tensordot,
    np.kron: _kron,
    np.outer: _outer,
    np.dot: _dot,
}
