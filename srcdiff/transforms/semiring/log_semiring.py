"""Max-plus semiring: the logarithm of a sum of exponentials becomes the largest exponent.

    scores = log_alpha[:, None] + log_A             scores = log_alpha[:, None] + log_A
    log_alpha = logsumexp(scores, axis=0)     ->    log_alpha = np.max(scores, axis=0)

The same holds for sums that are spelled with `np.logaddexp`, with a shift by the user's own maximum, or with loops. The
pass follows each result of `exp` to its logarithm. On the way products become sums, and sums become maxima. Any other
operation on an exponential is an error at its line. Every sum of exponentials counts as a sum over states, also a
normaliser that the function computes itself. -inf stays -inf.

`log_plus` keeps the semiring and writes all sums as `logsumexp` and `logaddexp`, without shifts
(`transforms/semiring/normalise/cancel_normalisers.py`). Other passes start with it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, lookup
from srcdiff.ir.core import Call, For, Function, If, Op, OpDecl, Statement, walk
from srcdiff.ir.location import Location
from srcdiff.ir.recursion import callees_first, is_itself
from srcdiff.ir.types import INT, Array, List, Scalar, Type, ndim_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, creation, memory, reductions
from srcdiff.ops.core.index_patterns import has_arrays, items
from srcdiff.ops.elementwise import arithmetic, conversions, elementary, special
from srcdiff.ops.linalg.einsum import with_letters
from srcdiff.ops.shapes import diagonals
from srcdiff.transforms.analysis.defuse import definitions, same_kind
from srcdiff.transforms.analysis.reachability import JOINED, MOVED, Retyper, reached
from srcdiff.transforms.semiring.normalise.cancel_normalisers import norms_of, without_shifts
from srcdiff.transforms.semiring.normalise.contraction import contracted
from srcdiff.transforms.semiring.normalise.recognise_logaddexp import with_logaddexp
from srcdiff.transforms.semiring.scatter import can_be_put, put, put_at


@dataclass(frozen=True)
class Plus:
    """The sum of a semiring: of an array along axes, and of two values."""

    along: OpDecl
    two: OpDecl


MAX = Plus(reductions.max, arithmetic.maximum)
_LOG = Plus(special.logsumexp, elementary.logaddexp)

_COMBINED = {"add", "multiply", "divide"}
PRODUCTS = {"matmul", "dot", "einsum", "einsum_view"}
_MONOTONE = {"max", "maximum"}
_THROUGH = {
    "sum",
    "sum_if_one",
    "trace",
    "where",
    "full",
    *JOINED,
    *_COMBINED,
    *PRODUCTS,
    *_MONOTONE,
}
NOTHING = {"zeros", "zeros_like", "zeros_of"}
_EMPTY: dict[str, OpDecl] = {
    "zeros": memory.empty, "zeros_like": memory.empty_like, "zeros_of": memory.empty_of,
}  # fmt: skip
LOGARITHM_OF = {memory.ones: memory.zeros, memory.ones_like: memory.zeros_like}
_UNSET = {"empty", "empty_like", "empty_of"}


def max_plus(fn: Function) -> Function:
    """`fn` with the largest term of each sum of exponentials in place of the sum's logarithm."""
    return _in_logarithms(fn, MAX)


def log_plus(fn: Function) -> Function:
    """`fn` with `logsumexp` and `logaddexp` for its sums of exponentials, however they are spelled."""
    return without_shifts(_with_log_sums(fn))


def has_norms(fn: Function) -> bool:
    """Whether `fn` subtracts a sum of exponentials from its own terms, whether or not it adds the sum again."""
    return bool(norms_of(_with_log_sums(fn)))


def _with_log_sums(fn: Function) -> Function:
    return with_logaddexp(_in_logarithms(fn, _LOG))


class Exponentials:
    """The exponentials of a function and its callees: `values[f]`, and the positions of parameters and results.

    All results of the function itself are weights.
    """

    def __init__(self, fn: Function, begun: Collection[Value]) -> None:
        self.functions = callees_first(fn)
        self.params: dict[Function, set[int]] = {f: set() for f in self.functions}
        self.results: dict[Function, set[int]] = {f: set() for f in self.functions}
        self.values: dict[Function, set[Value]] = {}
        self.results[fn] = set(range(len(fn.body.yields)))
        before = -1
        while before != (size := self.size()):
            before = size
            for f in reversed(self.functions):
                self.look(f, begun)

    def size(self) -> int:
        return sum(map(len, (*self.params.values(), *self.results.values())))

    def look(self, fn: Function, begun: Collection[Value]) -> None:
        calls = [(s, self.callee(s, fn)) for s in walk(fn.body) if isinstance(s, Call)]
        known = {*begun, *(fn.params[k] for k in self.params[fn])}
        known |= {call.results[k] for call, callee in calls for k in self.results[callee]}
        yields = fn.body.yields
        known |= {y for k in self.results[fn] if isinstance(y := yields[k], Value)}
        found = self.values[fn] = _exponentials(fn, known)
        self.results[fn] |= {k for k, y in enumerate(yields) if y in found}
        for call, callee in calls:
            self.params[callee] |= {k for k, a in enumerate(call.operands) if a in found}

    @staticmethod
    def callee(call: Call, fn: Function) -> Function:
        return fn if is_itself(call.function) else call.function


def _in_logarithms(fn: Function, plus: Plus) -> Function:
    found = _exponentials(fn)
    for y in fn.body.yields:
        if y in found:
            raise _refused(fn.location, "the function returns")
    return Logarithms(fn, found, plus)(fn)


def _exponentials(fn: Function, begun: Collection[Value] = ()) -> set[Value]:
    """The values that are exponentials or sums and products of exponentials, and the arrays that hold them."""
    return reached(fn, _is_exp, _THROUGH, begun)


def _is_exp(s: Op | Call) -> bool:
    return isinstance(s, Op) and s.decl is elementary.exp


class Logarithms(Retyper):
    """Replaces each exponential by its logarithm."""

    def __init__(self, fn: Function, exponentials: set[Value], plus: Plus) -> None:
        super().__init__(exponentials)
        self.plus = plus
        self.at_once = {"logsumexp": plus.along, "logaddexp": plus.two}
        self.combined = {
            "add": plus.two, "multiply": arithmetic.add, "divide": arithmetic.subtract,
        }  # fmt: skip
        self.made = definitions(fn)
        # a sum of the semiring over a difference -> the difference
        self.shifted: dict[Atom, Op] = {}

    def plain(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op):
            super().plain(old, env, b)
            return
        new = self.op(old, env, b)
        if old.decl.name in self.at_once:
            new = replace(new, decl=self.at_once[old.decl.name], spelling="")
        elif old.decl is arithmetic.add:
            new = self.unshifted(new, env)
        b.append(new)

    def unshifted(self, new: Op, env: Env) -> Op:
        """`logsumexp(x)` for `logsumexp(x - top) + top`."""
        for top, largest in (new.operands, new.operands[::-1]):
            difference = self.shifted.get(largest)
            if difference is None or not isinstance(largest, Value):
                continue
            scores, shift = (lookup(env, a) for a in difference.operands)
            attrs = self.made[largest].attrs
            if self.is_along(shift, top, ndim_of(scores.type), attrs.get("axis")):
                return replace(new, decl=self.plus.along, operands=(scores,), attrs=attrs)
        return new

    def is_along(self, shift: Atom, top: Atom, axes: int, axis: int | None) -> bool:
        """Whether `shift` is `top`, broadcast along `axis`."""
        if axis is None:
            return shift == top and ndim_of(top.type) == 0
        if shift == top:
            return ndim_of(top.type) == axes - 1 and axis % axes == 0
        made = self.made.get(shift)
        if made is None or made.operands[0] != top or ndim_of(top.type) != axes - 1:
            return False
        parts = str(made.attrs.get("where")).split(", ")
        new_axis = [k for k, part in enumerate(parts) if part == "None"]
        return new_axis == [axis % axes] and all(part in (":", "None") for part in parts)

    def op(self, old: Op, env: Env, b: Builder) -> Op:
        new = self.keep(old, env, b)
        assert isinstance(new, Op)
        return new

    def retype(self, old: Op, env: Env, b: Builder) -> None:
        name = old.decl.name
        if name == "exp" and old.operands[0] not in self.found:
            x = lookup(env, old.operands[0])
            is_same = same_kind(x.type, old.result.type)
            env[old.result] = x if is_same else b.op(conversions.float64, x)
        elif name == "log":
            env[old.result] = lookup(env, old.operands[0])
        elif name == "log1p":
            one = (const(0.0), lookup(env, old.operands[0]))
            b.append(replace(old, decl=self.plus.two, operands=one, spelling=""))
        elif name == "sum":
            new = replace(self.op(old, env, b), decl=self.plus.along, spelling="")
            exponent = new.operands[0]
            difference = self.made.get(exponent)
            if difference is not None and difference.decl is arithmetic.subtract:
                self.shifted[new.result] = difference
            b.append(new)
        elif name in _COMBINED:
            operands = self.logarithms(old, env, b)
            b.append(replace(old, decl=self.combined[name], operands=operands, spelling=""))
        elif name in PRODUCTS:
            self.product(old, env, b)
        elif name == "sum_if_one":
            self.summed_if_one(old, env, b)
        elif name == "diag" and ndim_of(old.operands[0].type) == 1:
            env[old.result] = self.diagonal(old, lookup(env, old.operands[0]), b)
        elif name == "trace":
            diagonal = b.op(diagonals.diagonal, lookup(env, old.operands[0]), **old.attrs)
            env[old.result] = b.op(self.plus.along, diagonal)
        elif name == "where":
            parts = (self.operand(a, old.location, env, b) for a in old.operands[1:])
            b.append(replace(old, operands=(lookup(env, old.operands[0]), *parts)))
        elif name in JOINED:
            b.append(replace(old, operands=self.logarithms(old, env, b)))
        elif name == "full":
            value = self.operand(old.operands[0], old.location, env, b)
            lengths = [lookup(env, a) for a in old.operands[1:]]
            b.append(replace(old, operands=(value, *lengths)))
        elif name in MOVED and old.operands[0] in self.found:
            b.append(self.op(old, env, b))
        elif name in ("greater", "equal") and old.operands[1] == const(0.0):
            b.append(replace(old, operands=(lookup(env, old.operands[0]), const(-math.inf))))
        elif name in _MONOTONE:
            b.append(replace(self.op(old, env, b), operands=self.logarithms(old, env, b)))
        else:
            self.stored(old, env, b)

    @staticmethod
    def diagonal(old: Op, x: Atom, b: Builder) -> Value:
        """A matrix of -inf with `x` on its diagonal."""
        if old.attrs.get("k"):
            raise _refused(old.location, _what(old))
        n = b.op(memory.axis_length, x, axis=0)
        is_there = b.op(arithmetic.equal, b.op(creation.eye, n), const(1.0))
        column = b.op(memory.index, x, where=":, None")
        return b.op(elementary.where, is_there, column, const(-math.inf))

    def summed_if_one(self, old: Op, env: Env, b: Builder) -> None:
        """Append a branch on the length: a broadcast axis is summed, another one stays."""
        x, n = (lookup(env, a) for a in old.operands)
        is_one, inner = b.op(arithmetic.equal, n, const(1)), b.inner()
        total = inner.op(self.plus.along, x, axis=old.attrs["axis"], keepdims=True)
        then, orelse = inner.region((), (total,)), b.inner().region((), (x,))
        b.append(If(is_one, then, orelse, old.results, location=b.location, origin=b.origin))

    def product(self, old: Op, env: Env, b: Builder) -> None:
        """A product of matrices and vectors, as a sum of the semiring along their common axis."""
        operands = self.logarithms(old, env, b)
        if "subscripts" in old.attrs:
            inputs, output = with_letters(old)
            if any(len(set(own)) < len(own) for own in inputs):
                raise _refused(old.location, "`einsum` takes a diagonal of")
            env[old.result] = contracted(b, self.plus.along, operands, inputs, output)
            return
        x, y = operands
        axes = ndim_of(x.type), ndim_of(y.type)
        if axes not in ((1, 1), (1, 2), (2, 1), (2, 2)):
            raise _refused(old.location, _what(old))
        if axes[1] == 2:
            x = b.op(memory.index, x, where=":, None" if axes[0] == 1 else ":, :, None")
        terms = b.op(arithmetic.add, x, y)
        attrs = {} if axes == (1, 1) else {"axis": 0 if axes == (1, 2) else 1}
        b.append(replace(old, decl=self.plus.along, operands=(terms,), attrs=attrs, spelling=""))

    def stored(self, old: Op, env: Env, b: Builder) -> None:
        """An operation on an array or list that holds exponentials."""
        name = old.decl.name
        if name in _UNSET:
            b.append(self.op(old, env, b))
        elif name in NOTHING:
            b.append(replace(self.op(old, env, b), decl=_EMPTY[name], spelling=""))
            b.ops(memory.store, old.result, const(-math.inf), where="")
        elif old.decl in LOGARITHM_OF:
            b.append(replace(self.op(old, env, b), decl=LOGARITHM_OF[old.decl], spelling=""))
        elif name == "copy":
            logarithm = b.op(elementary.log, lookup(env, old.operands[0]))
            env[old.result] = logarithm
        elif name in ("store", "append"):
            target, amount, *places = old.operands
            amount = self.operand(amount, old.location, env, b)
            where = [lookup(env, a) for a in places]
            b.append(replace(old, operands=(lookup(env, target), amount, *where)))
        elif name == "add_into" and not has_arrays(items(old.attrs["where"])):
            target, *where = (lookup(env, a) for a in (old.operands[0], *old.operands[2:]))
            amount = self.operand(old.operands[1], old.location, env, b)
            put(b, self.plus.two, target, amount, where, old.attrs["where"])
        elif name == "add_into" and old.attrs.get("distinct"):
            target, *where = (lookup(env, a) for a in (old.operands[0], *old.operands[2:]))
            amount = self.operand(old.operands[1], old.location, env, b)
            before = b.op(memory.gather, target, *where, **old.attrs)
            after = b.op(self.plus.two, before, amount)
            b.ops(memory.store, target, after, *where, where=old.attrs["where"])
        elif name in ("add_diagonal", "add_at") and can_be_put(old):
            target, *places = (lookup(env, a) for a in (old.operands[0], *old.operands[2:]))
            amount = self.operand(old.operands[1], old.location, env, b)
            put_at(b, self.plus.two, old, target, amount, places)
        elif name == "list_add":
            target, place = (lookup(env, a) for a in old.operands[:2])
            amount = self.operand(old.operands[2], old.location, env, b)
            before = b.op(containers.list_item, target, place)
            b.ops(containers.list_set, target, place, b.op(self.plus.two, before, amount))
        elif name == "list_set":
            amount = self.operand(old.operands[2], old.location, env, b)
            b.ops(containers.list_set, *(lookup(env, a) for a in old.operands[:2]), amount)
        elif name == "zeros_like_list" and is_plain_list(old.result.type):
            b.append(self.op(old, env, b))
            self.fill_list(old.result, b)
        else:
            raise _refused(old.location, _what(old))

    @staticmethod
    def fill_list(target: Value, b: Builder) -> None:
        """Fill a list of numbers or of arrays with -inf."""
        k, inner = Value(INT, "k"), b.inner()
        if isinstance(target.type, List) and isinstance(target.type.element, Array):
            item = inner.op(containers.list_item, target, k)
            inner.ops(memory.store, item, const(-math.inf), where="")
        else:
            inner.ops(containers.list_set, target, k, const(-math.inf))
        stop = b.op(containers.list_length, target)
        body = inner.region((k,), ())
        b.append(For(const(0), stop, const(1), (), body, (), location=b.location, origin=b.origin))

    def logarithms(self, old: Op, env: Env, b: Builder) -> tuple[Atom, ...]:
        return tuple(self.operand(a, old.location, env, b) for a in old.operands)

    def lift(self, atom: Atom, location: Location | None, b: Builder) -> Atom:
        if isinstance(atom, Value):
            made = self.made.get(atom)
            if made is not None and made.decl in LOGARITHM_OF:
                return b.op(LOGARITHM_OF[made.decl], *made.operands, **made.attrs)
            # avoids the logarithm of 0 and its warning
            if made is not None and made.decl is creation.eye:
                is_there = b.op(arithmetic.equal, atom, const(1.0))
                return b.op(elementary.where, is_there, const(0.0), const(-math.inf))
            return b.op(elementary.log, atom)
        if not isinstance(atom.value, int | float) or atom.value < 0:
            raise _refused(location, f"{atom.value!r} is put together with")
        return const(math.log(atom.value) if atom.value else -math.inf)

    def refused(self, old: Statement) -> UnsupportedError:
        return _refused(old.location, _what(old))


def is_plain_list(type_: Type) -> bool:
    """Whether a type is a list of numbers or of arrays."""
    return isinstance(type_, List) and isinstance(type_.element, Scalar | Array)


def _what(old: Statement) -> str:
    match old:
        case Op():
            return f"`{old.decl.name}` is applied to"
        case Call():
            return f"`{old.function.name}` is called with"
    return "something is done with"


def _refused(location: Location | None, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"semiring: {what} an exponential whose logarithm is not taken",
        "It knows sums, products and quotients of exponentials on the way to their logarithm. "
        "Write the sum with scipy.special.logsumexp.",
        location,
    )
