"""`einsum`: sums of products over letters that name axes.

The adjoint of an operand is an einsum of the other operands and of the result's adjoint. Along letters that only the
operand has, the sum makes the adjoint constant. Simple cases are written as a product, a transpose or a sum.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes, is_clamp_of
from srcdiff.ir.types import Array, Dim, Type, is_float, shape_of
from srcdiff.ir.values import Atom, Attrs, Const, const
from srcdiff.ops.arrays import creation, memory
from srcdiff.ops.core.adjoint_builders import length_of, whole
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.samples import draw
from srcdiff.ops.core.type_rules import TypeMistake, UntypedMistake, make, numeric
from srcdiff.ops.linalg.einsum_spelling import contraction
from srcdiff.ops.loopforms.context import At, LoopContext

ONE = Dim(1)


# ---- subscripts --------------------------------------------------------------------------------


def spelled_out(subscripts: str, ndims: Sequence[int]) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the result; an ellipsis is replaced by letters."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    given = left.split(",")
    if len(given) != len(ndims):
        raise TypeMistake(f"{subscripts!r} names {len(given)} operands, there are {len(ndims)}")
    free = [c for c in string.ascii_uppercase + string.ascii_lowercase if c not in subscripts]
    rest = [n - len(text.replace("...", "")) for text, n in zip(given, ndims, strict=True)]
    longest = max((r for text, r in zip(given, rest, strict=True) if "..." in text), default=0)
    spread = "".join(free[: max(longest, 0)])
    inputs = tuple(
        text.replace("...", spread[len(spread) - r :] if r > 0 else "")
        for text, r in zip(given, rest, strict=True)
    )
    for text, n in zip(inputs, ndims, strict=True):
        if len(text) != n:
            raise TypeMistake(f"{text!r} of {subscripts!r} does not fit an array with {n} axes")
    counts = Counter("".join(inputs))
    if not arrow:
        right = ("..." if "..." in left else "") + "".join(
            sorted(c for c in counts if counts[c] == 1 and c not in spread)
        )
    output = right.replace("...", spread)
    if len(set(output)) < len(output) or not set(output) <= set(counts) or not _is_text(counts):
        raise TypeMistake(f"{subscripts!r} is not what np.einsum takes")
    return inputs, output


def _is_text(letters: Mapping[str, int]) -> bool:
    return all(c in string.ascii_letters for c in letters)


def with_letters(op: Op) -> tuple[tuple[str, ...], str]:
    """The letters of an operation's operands and of its result."""
    return spelled_out(op.attrs["subscripts"], [len(shape_of(a.type)) for a in op.operands])


# ---- the operation -----------------------------------------------------------------------------


def _bind(args: Sequence[object], kwargs: Mapping[str, object]) -> object:
    for name in kwargs:
        if name != "optimize":
            raise TypeMistake(f"the argument {name!r} of np.einsum is not supported")
    first = args[0]
    if not isinstance(first, Const) or not isinstance(first.value, str):
        raise TypeMistake("np.einsum takes its subscripts as a text that is known when compiling")
    order = getattr(kwargs.get("optimize"), "value", False)
    return tuple(args[1:]), {"subscripts": first.value} | ({"optimize": order} if order else {})


def _contracted(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    if not operands:
        raise TypeMistake("np.einsum takes one array at least")
    own = [shape_of(numeric(a)) for a in operands]
    inputs, output = spelled_out(attrs["subscripts"], [len(shape) for shape in own])
    lengths: dict[str, Dim] = {}
    for text, shape in zip(inputs, own, strict=True):
        mine: dict[str, Dim] = {}
        for letter, d in zip(text, shape, strict=True):  # a diagonal has two axes of one length
            named = f"the axes {letter!r} of lengths"
            mine[letter] = shapes.must_equal(mine[letter], d, named) if letter in mine else d
        for letter, d in mine.items():
            before = lengths.get(letter)
            lengths[letter] = d if before is None else _together(shapes, letter, before, d)
    dtype = np.result_type(
        *(np.dtype(numeric(a).dtype) for a in operands)
    ).name  # no operand is weak here
    return (make(dtype, [lengths[c] for c in output]),)


def _together(shapes: Shapes, letter: str, a: Dim, b: Dim) -> Dim:
    """The common length of a letter that two operands have: equal lengths, or 1 in one of them."""
    a, b = shapes.resolve(a), shapes.resolve(b)
    if a == b or ONE in (a, b):
        return b if a == ONE else a
    if shapes.not_one(a) and shapes.not_one(b):
        return shapes.must_equal(a, b, f"the axes {letter!r} of lengths")
    count = len(shapes.assumptions)
    found = shapes.decide(a, b)
    noted = shapes.assumptions[count:]
    if not noted or any(ONE in pair or is_clamp_of(*pair) for pair in noted):
        raise UntypedMistake(
            f"whether the axis {letter!r} has length 1 is known only when the program runs",
            "Make arrays of one length.",
        )
    return found


def _text(op: Op) -> str:
    operands = "".join(f", {{{k}}}" for k in range(len(op.operands)))
    order = f", optimize={op.attrs['optimize']!r}" if op.attrs.get("optimize") else ""
    return f'np.einsum("{op.attrs["subscripts"]}"{operands}{order})'


def _back(b: Builder, op: Op, d_outs: Sequence[Atom]) -> list[Atom | None]:
    d = whole(b, op, d_outs[0])
    inputs, output = with_letters(op)
    parts = list(zip(inputs, op.operands, strict=True))
    return [
        _adjoint(b, a, text, [(output, d), *parts[:k], *parts[k + 1 :]])
        if is_float(a.type)
        else None
        for k, (text, a) in enumerate(parts)
    ]


def _adjoint(b: Builder, a: Atom, text: str, parts: list[tuple[str, Atom]]) -> Atom:
    """The adjoint of the operand `a`, whose letters are `text`."""
    own, parts = _separated(b, a, text, parts)
    lengths: dict[str, Dim] = {}
    for letters, other in parts:
        for letter, d in zip(letters, shape_of(other.type), strict=True):
            lengths[letter] = d if lengths.get(letter, ONE) == ONE else lengths[letter]
    shape = dict(zip(own, shape_of(a.type), strict=True))
    kept = [c for c in own if c in lengths and (shape[c] != ONE or lengths[c] == ONE)]
    found = contraction(b, decl_for, parts, "".join(kept))
    if len(kept) == len(own):
        return found
    if kept:
        where = ", ".join(":" if c in kept else "None" for c in own)
        found = b.op(memory.index, found, where=where)
    return (
        found
        if not own
        else b.op(memory.expand, found, type=Array(numeric(found).dtype, shape_of(a.type)))
    )


def _separated(
    b: Builder, a: Atom, text: str, parts: list[tuple[str, Atom]]
) -> tuple[str, list[tuple[str, Atom]]]:
    """Give a repeated letter of an operand a new name, and add an identity matrix that joins the two letters."""
    used = set(text).union(*(letters for letters, _ in parts))
    free = iter(c for c in string.ascii_letters if c not in used)
    own, parts = "", list(parts)
    for letter, d in zip(text, shape_of(a.type), strict=True):
        if letter in own:
            new = next(free)
            parts.append((letter + new, b.op(creation.eye, length_of(b, d))))
            letter = new
        own += letter
    return own, parts


def _element(n: LoopContext, op: Op, at: At) -> Atom:
    """An element of an einsum without sums: a product of elements."""
    _, output = with_letters(op)
    return product_at(n, op, dict(zip(output, at, strict=True)))


def product_at(n: LoopContext, op: Op, at: Mapping[str, Atom]) -> Atom:
    """The product of the operands' elements at the indices `at` of the letters."""
    inputs, _ = with_letters(op)
    product: Atom | None = None
    for text, a in zip(inputs, op.operands, strict=True):
        place = [
            const(0) if d == ONE else at[c] for c, d in zip(text, shape_of(a.type), strict=True)
        ]
        element = n.element(a, place)
        product = element if product is None else n.compute("multiply", product, element)
    assert product is not None
    return product


def decl_for(inputs: Sequence[str], output: str) -> OpDecl:
    """The operation for these letters; for one array, NumPy returns a view if it sums nothing."""
    return einsum_view if len(inputs) == 1 and set(inputs[0]) == set(output) else einsum


_declared: dict[str, Any] = {
    "template": _text, "infer": _contracted, "bind": _bind, "build": _back, "element": _element, "raises": True,
    "signature": "*operands",
}  # fmt: skip

einsum = operation(
    "einsum", np.einsum, multilinear=True, cost="heavy", **_declared,
    samples=(
        draw((2, 3), (3, 4), subscripts="ij,jk->ik"), draw((2, 3), subscripts="ij->j"), draw((3, 3), subscripts="ii"),
        draw((2, 3, 3), (4, 2, 3), subscripts="kij,nkj->nki"), draw((3,), (2,), subscripts="i,j"),
        draw((2, 3), (3,), (2,), subscripts="ij,j,i"), draw((2, 3), (2, 4), (4, 3), subscripts="ij,ik,kj->i"),
        draw((2, 3, 4), (4, 2), subscripts="...ij,jk->...ik"), draw((1, 3), (2, 3), subscripts="ij,ij->ij"),
        draw((2, 3), (1,), subscripts="ij,j->i"), draw((2, 2, 3), subscripts="iij->j"),
        draw((), (3,), subscripts=",i->i"), draw((0, 3), (3,), subscripts="ij,j->i"),
        draw((3, 2), (3, 2), subscripts="ij,ij"),
    ), takes_complex=True,
)  # fmt: skip
# one array with all of its letters: a diagonal, or the axes in another order
einsum_view = operation(
    "einsum_view", spelling="np.einsum", linear=True, view_of=0, read_only=True, **_declared,
    samples=(
        draw((2, 3), subscripts="ij->ji"), draw((3, 3), subscripts="ii->i"), draw((2, 2, 3), subscripts="iij->ji"),
    ), takes_complex=True,
)  # fmt: skip
