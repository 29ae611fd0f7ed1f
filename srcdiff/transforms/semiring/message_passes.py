"""Counting and sum-product semirings: a log_Z computes the number of its terms, or the weights without logarithms.

    log_alpha = log_pi                                              n = np.where(log_pi > -inf, 1.0, 0.0)
    log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0)  ->   n = np.sum(n[:, None] * (log_A > -inf), axis=0)

Messages are the operands and results of sums of exponentials. They are retyped, and a potential is lifted where it
meets a message.
"""

from __future__ import annotations

import math
from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, lookup, map_ops, shapes_for
from srcdiff.ir.core import Call, For, Function, If, Op, OpDecl, Region, Statement, While, walk
from srcdiff.ir.location import Location
from srcdiff.ir.recursion import is_itself, tied
from srcdiff.ir.types import INT, is_float, ndim_of
from srcdiff.ir.values import (
    Atom,
    Const,
    Value,
    const,  # fmt: skip
)
from srcdiff.ops.arrays import memory, reductions
from srcdiff.ops.arrays.creation import full
from srcdiff.ops.core.adjoint_builders import lengths_of_axes
from srcdiff.ops.core.index_patterns import has_arrays, items
from srcdiff.ops.elementwise import arithmetic, elementary, special
from srcdiff.ops.shapes.reshapes import reshape
from srcdiff.transforms.analysis.reachability import JOINED, MOVED, Retyper, reached, shown_lengths
from srcdiff.transforms.semiring.argmax_sample import axes_of_sum
from srcdiff.transforms.semiring.log_semiring import log_plus
from srcdiff.transforms.simplify.calls.inline import without_calls
from srcdiff.transforms.simplify.dce import dce

SUMS: dict[str, OpDecl] = {"logsumexp": reductions.sum, "logaddexp": arithmetic.add}
_THROUGH = {"add", "subtract", "sum", "where", "maximum", "max", *JOINED}
_IS_POSSIBLE = {  # a test of a logarithm, or comparison with -inf -> whether it is true if there is a term
    "isfinite": True, "isinf": False, "greater": True, "not_equal": True, "equal": False, "less_equal": False,
}  # fmt: skip
_MAXIMA = {"max": special.logsumexp, "maximum": elementary.logaddexp}
_ONES: dict[str, OpDecl] = {
    "zeros": memory.ones, "zeros_like": memory.ones_like, "empty": memory.empty, "empty_like": memory.empty_like,
}  # fmt: skip


def counted(fn: Function) -> Function:
    """The number of terms that `fn` sums over; terms with a potential of -inf do not count."""
    return _Counted.of(fn)


def weights(fn: Function) -> Function:
    """`exp(fn)`, computed by sums and products of exponentials of the potentials."""
    return _Weights.of(fn)


def _is_sum(s: Statement) -> bool:
    if isinstance(s, Call):
        return is_itself(s.function) or any(map(_is_sum, walk(s.function.body)))
    return isinstance(s, Op) and (s.decl.name in SUMS or s.decl is elementary.exp)


def message_refused(old: Statement, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"semiring: {what} the logarithm of a sum of exponentials",
        "It may be added to others, to potentials, and summed again; anything else has no meaning in this semiring.",
        old.location,
    )


def refused_statement(old: Statement) -> UnsupportedError:
    what = f"`{old.decl.name}` is applied to" if isinstance(old, Op) else "something is done with"
    return message_refused(old, what)


def is_test(op: Op) -> bool:
    """Whether an operation tests whether a logarithm is -inf."""
    if op.decl.name not in _IS_POSSIBLE:
        return False
    return all(isinstance(a, Const) and a.value == -math.inf for a in op.operands[1:])


def sums_for_tests(fn: Function) -> Function:
    """`fn` with sums in place of maxima of messages that are only compared with -inf; both are -inf together."""
    found = reached(fn, _is_sum, _THROUGH)

    def is_maximum(s: Op | Call) -> bool:
        return isinstance(s, Op) and s.decl.name in _MAXIMA and not found.isdisjoint(s.operands)

    maxima = reached(fn, is_maximum, {*_MAXIMA, "where"})
    for s in walk(fn.body):
        used = maxima.intersection(a for a in s.operands if isinstance(a, Value))
        if not used or (isinstance(s, Op) and is_test(s)) or isinstance(s, For | While | If):
            continue
        if isinstance(s, Call) or maxima.isdisjoint(s.results):
            return fn

    def as_sum(op: Op) -> Op:
        is_one = op.decl.name in _MAXIMA and op.result in maxima
        return replace(op, decl=_MAXIMA[op.decl.name], spelling="") if is_one else op

    return map_ops(fn, as_sum)


class Messages(Retyper):
    """Retypes the messages of a function; the function returns messages."""

    def __init__(self, found: set[Value], shown: frozenset[str], done: dict[Function, Function]):
        super().__init__(found)
        self.shown = shown
        self.done = done

    @classmethod
    def of(
        cls, fn: Function, *settings: object, done: dict[Function, Function] | None = None
    ) -> Function:
        """`fn` in the semiring, with helpers inlined except recursive ones."""
        fn = sums_for_tests(dce(log_plus(without_calls(fn))))
        found = reached(fn, _is_sum, _THROUGH)
        new = cls(found, shown_lengths(fn), {} if done is None else done, *settings)
        return tied(new(fn))

    def __call__(self, fn: Function) -> Function:
        """A result that no sum reaches is one term."""
        env: Env = {}
        b = Builder(shapes_for(fn))
        for statement in fn.body.body:
            self.statement(statement, env, b)
        yields = [
            self.operand(y, fn.location, env, b) if is_float(y.type) else lookup(env, y)
            for y in fn.body.yields
        ]
        return fn.with_body(Region(fn.params, tuple(b.body), tuple(yields)))

    @property
    def settings(self) -> tuple[int, ...]:
        """The further arguments of `__init__`, for callees."""
        return ()

    def refused(self, old: Statement) -> UnsupportedError:
        return refused_statement(old)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and is_test(old) and old.operands[0] in self.found:
            b.location, b.origin = old.location, old.origin
            number, nothing = self.largest_part(lookup(env, old.operands[0]), b)
            test = arithmetic.greater if _IS_POSSIBLE[old.decl.name] else arithmetic.equal
            env[old.result] = b.op(test, number, nothing)
        else:
            super().statement(old, env, b)

    def largest_part(self, message: Atom, b: Builder) -> tuple[Atom, Const]:
        """A number that is larger than the second result if and only if the message has a term."""
        return message, const(0.0)

    def both(self, x: Atom, y: Atom, b: Builder) -> Value:
        """The replacement for the sum of two messages: the product of the semiring."""
        raise NotImplementedError

    def summed(self, old: Op, x: Atom, b: Builder) -> Atom:
        """The replacement for a `sum` of potentials, or of messages."""
        if old.operands[0] in self.found:
            return self.folded(old, x, b)
        return self.lift(b.op(old.decl, x, **old.attrs), old.location, b)

    def folded(self, old: Op, x: Atom, b: Builder) -> Atom:
        """The replacement for a `sum` of messages along an axis: a loop of products."""
        axes = ndim_of(old.operands[0].type)
        reduced = axes_of_sum(old.attrs.get("axis"), axes)
        if len(reduced) != 1 or old.attrs.get("keepdims"):
            if len(reduced) < axes or old.attrs.get("keepdims"):
                raise self.refused(old)
            later = lengths_of_axes(b, x, self.shown)[axes:]
            x, reduced = b.op(reshape, x, const(-1), *later), [0]
            lengths: list[Atom] = []
        else:
            lengths = [
                n
                for k, n in enumerate(lengths_of_axes(b, x, self.shown)[:axes])
                if k not in reduced
            ]
        first = self.lift(b.op(memory.zeros, *lengths) if lengths else const(0.0), old.location, b)
        inner, k = b.inner(), Value(INT, "k")
        before = Value(first.type, old.result.name, old.result.user)
        part = inner.op(memory.index, x, k, where=", ".join([*[":"] * reduced[0], "i"]))
        after = self.both(before, part, inner)
        found = Value(first.type, old.result.name, old.result.user)
        stop = b.op(memory.axis_length, x, axis=reduced[0])
        body = inner.region((k, before), (after,))
        b.append(
            For(
                const(0),
                stop,
                const(1),
                (first,),
                body,
                (found,),
                location=b.location,
                origin=b.origin,
            )
        )
        return found

    def call(self, old: Call, env: Env, b: Builder) -> None:
        function = old.function
        if not is_itself(function):
            if function not in self.done:
                made = type(self).of(function, *self.settings, done=self.done)
                self.done[function] = made
            function = self.done[function]
        results = tuple(self.renamed(r, env) for r in old.results)
        operands = tuple(lookup(env, a) for a in old.operands)
        b.append(replace(old, function=function, operands=operands, results=results))


class _Weights(Messages):
    """Messages are weights, not their logarithms."""

    def lift(self, atom: Atom, location: Location | None, b: Builder) -> Atom:
        return (
            b.op(elementary.exp, atom) if isinstance(atom, Value) else const(math.exp(atom.value))
        )

    def both(self, x: Atom, y: Atom, b: Builder) -> Value:
        return b.op(arithmetic.multiply, x, y)

    def without(self, x: Atom, y: Atom, b: Builder) -> Value:
        """The message `x` divided by the potential `y`, in place of a difference of logarithms."""
        return b.op(arithmetic.divide, x, self.factor(y, b))

    def factor(self, atom: Atom, b: Builder) -> Atom:
        """A potential as a factor of a message."""
        return self.lift(atom, None, b)

    def retype(self, old: Op, env: Env, b: Builder) -> None:
        name = old.decl.name
        given = [lookup(env, a) for a in old.operands]
        whole = [a in self.found for a in old.operands]
        if name in SUMS:
            b.append(replace(old, decl=SUMS[name], operands=self.all(old, env, b), spelling=""))
        elif name == "add":
            factors = [
                a if is_one else self.factor(a, b) for a, is_one in zip(given, whole, strict=True)
            ]
            if not any(whole):
                factors[0] = self.lift(given[0], old.location, b)
            b.append(replace(old, decl=arithmetic.multiply, operands=tuple(factors), spelling=""))
        elif name == "sum":
            env[old.result] = self.summed(old, given[0], b)
        elif name == "subtract" and whole == [True, False]:
            env[old.result] = self.without(given[0], given[1], b)
        elif name == "where":
            _, x, y = old.operands
            parts = (self.operand(a, old.location, env, b) for a in (x, y))
            b.append(replace(old, operands=(given[0], *parts)))
        elif name in JOINED:
            b.append(replace(old, operands=self.all(old, env, b)))
        elif name in MOVED and not (name == "diag" and ndim_of(old.result.type) == 2):
            moved = (self.operand(old.operands[0], old.location, env, b), *given[1:])
            b.append(replace(old, operands=moved))
        else:
            self.stored(old, env, b)

    def all(self, old: Op, env: Env, b: Builder) -> tuple[Atom, ...]:
        return tuple(self.operand(a, old.location, env, b) for a in old.operands)

    def stored(self, old: Op, env: Env, b: Builder) -> None:
        """An operation on an array or list that holds messages."""
        name, given = old.decl.name, [lookup(env, a) for a in old.operands]
        if name in _ONES:
            b.append(replace(old, decl=_ONES[name], operands=tuple(given), spelling=""))
        elif old.decl is full:
            value = self.lift(given[0], old.location, b)
            b.append(replace(old, operands=(value, *given[1:])))
        elif name in ("store", "append"):
            amount = self.operand(old.operands[1], old.location, env, b)
            b.append(replace(old, operands=(given[0], amount, *given[2:])))
        elif name == "list_set":
            amount = self.operand(old.operands[2], old.location, env, b)
            b.append(replace(old, operands=(*given[:2], amount)))
        elif name == "add_into" and not has_arrays(items(old.attrs["where"])):
            before = (
                b.op(memory.index, given[0], *given[2:], **old.attrs) if given[2:] else given[0]
            )
            before = b.op(memory.read, before)
            amount = given[1] if old.operands[1] in self.found else self.factor(given[1], b)
            after = b.op(arithmetic.multiply, before, amount)
            b.append(replace(old, decl=memory.store, operands=(given[0], after, *given[2:])))
        else:
            raise self.refused(old)


class _Counted(_Weights):
    """Messages are numbers of terms."""

    def lift(self, atom: Atom, location: Location | None, b: Builder) -> Atom:
        if isinstance(atom, Const):
            return const(0.0 if atom.value == -math.inf else 1.0)
        return b.op(elementary.where, self.factor(atom, b), const(1.0), const(0.0))

    def factor(self, atom: Atom, b: Builder) -> Atom:
        if isinstance(atom, Const):
            return self.lift(atom, None, b)
        return b.op(arithmetic.greater, atom, const(-math.inf))

    def without(self, x: Atom, y: Atom, b: Builder) -> Value:
        return b.op(arithmetic.multiply, x, self.factor(y, b))

    def folded(self, old: Op, x: Atom, b: Builder) -> Atom:
        made = replace(old, decl=reductions.prod, operands=(x,), spelling="")
        b.append(made)
        return made.result
