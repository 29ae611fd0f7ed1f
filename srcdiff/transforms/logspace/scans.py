"""Log-space prefix sums: each running sum of exponentials is shifted by the largest exponent up to its place.

    np.log(np.cumsum(np.exp(x)))       if np.all(np.abs(x) < 200.0):
                                           log_sums = np.log(np.cumsum(np.exp(x)))
                                       else:
                                           largest = np.maximum.accumulate(x)
                                  ->       scaled = np.exp(x - largest)
                                           for k in range(1, len(x)):
                                               scaled[k] += scaled[k - 1] * np.exp(largest[k - 1] - largest[k])
                                           log_sums = np.log(scaled) + largest

The user's line costs less, and it is accurate where all exponents are far from overflow and underflow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder
from srcdiff.ir.core import For, If, Op
from srcdiff.ir.types import Scalar, element_type, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory, reductions, running
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.ops.indices import sorting
from srcdiff.ops.shapes import reshapes
from srcdiff.transforms.logspace.factored_form import Parts, signed
from srcdiff.transforms.logspace.reductions import Sums
from srcdiff.transforms.rewrite.patterns import function

# up to here, squares of the exponentials do not overflow or underflow
NEAR = {"float64": 200.0, "float32": 25.0}

exp, log, cumsum, where = map(function, ("exp", "log", "cumsum", "where"))


class RunningSums(Sums):
    """Adds `cumsum` and `cumprod` to `Sums`."""

    def of_cumsum(self, op: Op) -> Parts | None:
        x, axis = op.operands[0], op.attrs.get("axis")
        parts, rank = self.unsigned(x), len(shape_of(x.type))
        exponent = self.whole(parts, x)
        if exponent is None or element_type(exponent.type).dtype not in NEAR:
            return None
        if axis is None and rank > 1:
            if any(map(shape_of, (a.type for a in (*parts.factors, *parts.divisors)))):
                return None
            exponent, rank = self.b.op(reshapes.ravel, exponent, spelling=".ravel"), 1
        out = self.running(exponent, parts, (axis or 0) % rank)
        return Parts([(1.0, out)]) if parts.is_positive else signed([(1.0, out)])

    def running(self, exponent: Atom, parts: Parts, axis: int) -> Value:
        """The logarithms of the running sums of `exp(exponent)` times the factors of `parts`."""
        then, orelse = self.b.inner(), self.b.inner()
        near = _as_written(exponent, parts, axis, then)
        self.settled.add(near)
        branches = (
            then.region((), (near,)),
            orelse.region((), (_shifted(exponent, parts, axis, orelse),)),
        )
        size = self.b.op(arithmetic.absolute, exponent)
        are_near = self.b.op(arithmetic.less, size, const(NEAR[element_type(exponent.type).dtype]))
        are_near = self.b.op(reductions.all, are_near, name="are_near")
        out = replace(near)
        self.b.append(If(are_near, *branches, (out,), self.b.location, self.b.origin))
        return out

    def of_cumprod(self, op: Op) -> Parts | None:
        x = op.operands[0]
        parts = self.unsigned(x)
        if not parts.exponents or not parts.is_positive:
            return None
        terms = self.logarithm(parts)
        if shape_of(terms.type) != shape_of(x.type):
            return None
        return Parts([(1.0, self.make(lambda x: cumsum(x, **op.attrs), terms))])


def _as_written(exponent: Atom, parts: Parts, axis: int, b: Builder) -> Value:
    maker = Sums({}, lambda a: a, b)
    terms = maker.scaled(parts, maker.make(exp, exponent))
    axes: dict[str, Any] = {"axis": axis} if len(shape_of(terms.type)) > 1 else {}
    return b.op(elementary.log, b.op(running.cumsum, terms, **axes), name="log_sums")


def _shifted(exponent: Atom, parts: Parts, axis: int, b: Builder) -> Atom:
    """Each scaled sum is the previous one, rescaled to the new largest exponent, plus its own term."""
    maker = Sums({}, lambda a: a, b)
    largest = b.op(sorting.running_maximum, exponent, axis=axis, name="largest")
    shift = maker.finite(largest)
    weights = maker.scaled(parts, maker.make(lambda x, top: exp(x - top), exponent, shift))
    scaled = b.op(memory.copy, weights, name="scaled", spelling=".copy")
    iteration, index = b.inner(), Value(Scalar("int64", True, b.shapes.fresh("k")), "k")
    rank = len(shape_of(exponent.type))
    here: dict[str, Any] = {"where": ", ".join("i" if k == axis else ":" for k in range(rank))}
    last = iteration.op(arithmetic.subtract, index, const(1))
    before, top = (iteration.op(memory.index, a, last, **here) for a in (scaled, largest))
    if shape_of(before.type):
        before = iteration.op(memory.read, before)
    own = iteration.op(memory.index, shift, index, **here)
    rest = Sums({}, lambda a: a, iteration).make(lambda s, t, m: s * exp(t - m), before, top, own)
    iteration.ops(memory.add_into, scaled, rest, index, **here)
    count = b.op(memory.axis_length, exponent, axis=axis)
    region = iteration.region((index,), ())
    b.append(For(const(1), count, const(1), (), region, (), location=b.location, origin=b.origin))
    sums = b.op(memory.read, scaled, name="scaled")
    test = maker.is_finite(largest)
    return maker.make(lambda s, t, top: log(where(t, s, 1.0)) + top, sums, test, largest)
