"""Side conditions of rewriting rules: predicates on the bound values, their types and their defining operations.

A condition that is true stops its rule (`Rule.unless`). The parameters `x`, `m`, ... are those of the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from srcdiff.ir.core import Op
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Atom, Const, Value, known_dim
from srcdiff.transforms.analysis.reachability import made_through
from srcdiff.transforms.rewrite.named_values import is_shifted
from srcdiff.transforms.rewrite.patterns import INNER, Binding, are_equal, are_opposite

_ARITHMETIC = ("add", "subtract", "multiply", "divide", "negative", "power")

Unless = Callable[[Mapping[str, Any], Mapping[Atom, Op]], bool]


def is_number_or_shifted(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `x` is a number, or an array from which a maximum is subtracted already."""
    return not shape_of(binding["x"].type) or is_shifted(binding["x"], made)


def is_number(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    return not shape_of(binding["x"].type)


def _axes(binding: Binding, ndim: int) -> set[int]:
    """The axes that a rule's `axis` names."""
    axis = binding.get("axis")
    given = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return {a % ndim for a in given}


def varies_along_axis(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether the shift `m` is not known to be constant along the axes."""
    x, m = shape_of(binding["x"].type), shape_of(binding["m"].type)
    at = [k - len(x) + len(m) for k in _axes(binding, len(x))]
    return not x or len(m) > len(x) or any(k >= 0 and m[k] != Dim(1) for k in at)


def is_another_shift(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether the added shift `m` differs from the subtracted shift `s`; axes of length 1 do not count."""
    if varies_along_axis({**binding, "m": binding["s"]}, made):
        return True
    m, s = (_without_ones(binding[k], made) for k in ("m", "s"))
    return bool(m != s)


def _without_ones(atom: Atom, made: Mapping[Atom, Op]) -> tuple[str, tuple[Atom, ...], str] | Atom:
    """A key for a value that ignores axes of length 1, and the attributes of a maximum other than its axis."""
    while (op := made.get(atom)) is not None:
        before = shape_of(op.operands[0].type) if op.operands else ()
        ones = [d for d in shape_of(atom.type) if d != Dim(1)]
        if op.decl.name not in ("index", "reshape", "expand_dims", "squeeze") or ones != [
            d for d in before if d != Dim(1)
        ]:
            break
        atom = op.operands[0]
    if op is not None and op.decl.name in ("max", "highest"):
        return op.decl.name, op.operands, repr(op.attrs.get("axis"))
    return atom


def is_no_norm(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether NumPy has no norm of `x` over the axes: it supports one, two or all axes of a real array."""
    type_, axis = binding["x"].type, binding.get("axis")
    is_real = getattr(type_, "dtype", "") in ("float32", "float64")
    is_known = axis is None or isinstance(axis, int) or len(axis) in (1, 2)
    return not (is_real and shape_of(type_) and is_known)


def is_there_anyway(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether one of the two exponentials has another use."""
    for name in ("x", "y"):
        inner = binding[name]
        same = [
            op
            for op in made.values()
            if op.decl.name == "exp" and are_equal(op.operands[0], inner, made)
        ]
        if len(same) > 1:
            return True
    return False


def are_two_cosh(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether two exponentials have opposite exponents; `transforms/logspace/logarithm.py` rewrites these."""
    return are_opposite(binding["x"], binding["y"], made)


def is_constant(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `x` is a constant, as in log(1.0 - -1.0): a rewriting gains nothing."""
    return isinstance(binding["x"], Const)


def is_constant_below_zero(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `y` is a constant without a logarithm: NumPy's logarithm of the product is NaN, and `math.log` raises."""
    y = binding["y"]
    return isinstance(y, Const) and y.value <= 0


def has_own_logarithm(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `x` is constant, or `transforms/logspace/logarithm.py` has a rewriting for the logarithm of `1 - x`."""
    if is_constant(binding, made):
        return True
    op = made.get(binding["x"])
    if op is not None and op.decl.name in ("power", "square", "multiply"):
        op = made.get(op.operands[0])
    return op is not None and op.decl.name in ("tanh", "ndtr", "erf", "erfc")


def is_no_vector(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    return is_no_norm(binding, made) or len(shape_of(binding["x"].type)) != 1


def is_no_positive_number(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether NumPy has no norm of `x`, or `n` is neither a positive constant nor a length."""
    n = binding["n"]
    is_positive = isinstance(n, Const) and not isinstance(n.value, bool) and n.value > 0
    return is_no_norm(binding, made) or not (is_positive or known_dim(n) is not None)


def is_sigmoid(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether the numerator of a quotient by `1 + exp(u)` is 1 or contains an exponential."""
    y = binding["y"]
    return (isinstance(y, Const) and y.value == 1) or _has_exponential(y, made)


def _has_exponential(atom: Atom, made: Mapping[Atom, Op]) -> bool:
    return any(op.decl.name in ("exp", "expm1") for op in made_through(atom, made, _ARITHMETIC))


def is_no_positive_constant(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `c` is not a positive constant, or `x` is a constant, too."""
    return is_no_base(binding, made) or isinstance(binding["x"], Const)


def is_no_base(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `c` is not a positive constant."""
    c = binding["c"]
    return not (isinstance(c, Const) and isinstance(c.value, int | float) and c.value > 0)


def is_wider(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `x` is a number, or `y` does not broadcast to the shape of `x`."""
    x, y = (shape_of(binding[k].type) for k in "xy")
    is_within = len(y) <= len(x) and all(
        d in (Dim(1), own) for d, own in zip(y[::-1], x[::-1], strict=False)
    )
    return not x or not is_within


def is_wider_or_shifted(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    return is_wider(binding, made) or is_shifted(binding["x"], made)


def are_not_of_one_shape(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `x` and `v` are not arrays of the same shape."""
    x, w = (shape_of(binding[k].type) for k in "xv")
    return not x or x != w


def is_no_count(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether `n` is not known to be the number of elements of `x` in each sum."""
    shape, n = shape_of(binding["x"].type), known_dim(binding["n"])
    lengths = [shape[a] for a in sorted(_axes(binding, len(shape)))]
    if all(d.is_const for d in lengths):
        return not shape or n != Dim(prod(d.const for d in lengths))
    return len(lengths) != 1 or n != lengths[0]


def unless_axes(*counts: tuple[int, ...]) -> Unless:
    """A condition that is false if the numbers of axes of the parameters, in their order, are among `counts`."""

    def differ(binding: Mapping[str, Any], made: Mapping[Atom, Op]) -> bool:
        atoms = [a for name, a in binding.items() if name != INNER]
        return tuple(len(shape_of(a.type)) for a in atoms) not in counts

    return differ


def unless_shapes(names: Sequence[str], shapes: Sequence[Sequence[tuple[int, ...]]]) -> Unless:
    """A condition that is false if the parameters `names` have the ranks and axes of length 1 of one of `shapes`."""
    known = [[[n == 1 for n in shape] for shape in sample] for sample in shapes]

    def differ(binding: Mapping[str, Any], made: Mapping[Atom, Op]) -> bool:
        return [[d == Dim(1) for d in shape_of(binding[n].type)] for n in names] not in known

    return differ


def is_not_square(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether a product of `a` and `b` (or of `a` and the transposed `b`) is not known to be square, or contains an
    inverse, which becomes a system instead.
    """
    a, b = (shape_of(binding[k].type) for k in "ab")
    if len(a) != 2 or len(b) != 2 or any(_is_inverse(binding[k], made) for k in "ab"):
        return True
    is_transposed = len(binding[INNER]) > 2
    return a[0] != b[0 if is_transposed else 1]


def has_no_product(binding: Binding, made: Mapping[Atom, Op]) -> bool:
    """Whether neither term `a` nor `b` is a matrix product, or the terms are not matrices of one shape."""
    terms = [binding[k] for k in "ab"]
    shapes = {shape_of(t.type) for t in terms}
    if len(shapes) > 1 or any(len(shape) != 2 for shape in shapes):
        return True
    return not any(_has_product(t, made) for t in terms)


def _has_product(atom: Atom, made: Mapping[Atom, Op]) -> bool:
    """Whether a matrix product is among the terms of a sum."""
    return any(
        op.decl.name in ("matmul", "dot")
        and all(len(shape_of(a.type)) == 2 for a in (*op.operands, op.result))
        for op in made_through(atom, made, {*_ARITHMETIC, "transpose"} - {"power"})
    )


def _is_inverse(atom: Atom, made: Mapping[Atom, Op]) -> bool:
    return isinstance(atom, Value) and (op := made.get(atom)) is not None and op.decl.name == "inv"
