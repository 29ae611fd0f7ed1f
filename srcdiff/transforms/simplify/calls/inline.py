"""Inlining: a helper that is small, or called in one place, becomes part of its caller, so that their loops fuse.

%k = call derivative %x, %y        becomes        %j = concatenate ...;  %k = multiply %x, %j

Inlining of short helpers beside masks, so that the adjoints of their operations see the mask.

np.where(m, size(x, w), 0.0)        becomes        np.where(m, x * w, 0.0)
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.build import (
    Builder,
    Env,
    Rewriter,
    change_dims,
    clone_statement,
    lookup,
    with_parts,
)
from srcdiff.ir.core import Call, Function, Op, Statement, regions_of, walk
from srcdiff.ir.facts import LengthPair, Rewrite
from srcdiff.ir.recursion import is_itself, is_recursive
from srcdiff.ir.types import Array, Dim, Scalar, Struct, Type, all_dims, dims_of, has_lists
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import conversions
from srcdiff.transforms.analysis.defuse import defined_in, definitions_in, is_pure, written_values

_MOST = 80  # statements of a helper that is called in several places
_FEW = 30  # statements of a helper that is inlined for what its caller knows
_DEPTH = 3  # helpers that call helpers


def inline_calls(fn: Function, most: int = _MOST, reads: bool = True) -> Function:
    """`fn` with the statements of such helpers in the place of their calls. A helper that is called in several places
    has at most `most` statements. Where `reads` are not inserted yet, helpers take storage as it is.
    """
    return Inline(fn, most, reads)(fn)


def without_calls(fn: Function) -> Function:
    """`fn` with all such helpers inlined, and the helpers that they call."""
    while (new := inline_calls(fn, most=sys.maxsize)).body is not fn.body:
        fn = new
    return fn


def inline_chosen(fn: Function, choose: Callable[[Function], Collection[Call]]) -> Function:
    """`fn` with the calls inlined that `choose` returns, and calls of these helpers that it returns then."""
    for _ in range(_DEPTH):
        chosen = choose(fn)
        if not chosen:
            break
        fn = _InlineChosen(fn, chosen)(fn)
    return fn


def is_few_lines(helper: Function, *kinds: type[Statement], most: int = _FEW) -> bool:
    """Whether a helper is a few lines of operations without effects, and of these kinds."""
    body, written = list(walk(helper.body)), written_values(helper)
    return len(body) <= most and all(
        isinstance(s, kinds) or (isinstance(s, Op) and is_pure(s, written)) for s in body
    )


class Inline(Rewriter):
    def __init__(self, fn: Function, most: int, reads: bool = True) -> None:
        self.most, self.reads = most, reads
        self.written = written_values(fn)
        self.given = {v for v in fn.params if v not in self.written}  # containers, as they came
        self.places = Counter(s.function.name for s in walk(fn.body) if isinstance(s, Call))
        self.assumed: list[LengthPair] = []  # of helpers
        self.rewrites: list[Rewrite] = []  # the same

    def __call__(self, fn: Function) -> Function:
        new = super().__call__(fn)
        if self.assumed:
            assumed = tuple(dict.fromkeys((*new.lengths.assumed, *self.assumed)))
            new = replace(new, lengths=replace(new.lengths, assumed=assumed))
        if self.rewrites:
            applied = tuple(dict.fromkeys((*new.rewriting.applied, *self.rewrites)))
            new = replace(new, rewriting=replace(new.rewriting, applied=applied))
        return new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Call) or not self.may_inline(old):
            super().statement(old, env, b)
            return
        pairs = zip((lookup(env, a) for a in old.operands), old.function.params, strict=True)
        operands = [_as_given(a, p, b) for a, p in pairs]
        bound = _bindings(old.function, operands)
        if bound is None:
            super().statement(old, env, b)
            return
        own = {
            s for v in defined_in(old.function.body) for d in all_dims(v.type) for s in d.symbols()
        }
        given = _of_results(old)
        bound |= {s: given.get(s) or b.shapes.fresh(s) for s in sorted(own - bound.keys())}

        def change(dim: Dim) -> Dim:
            return dim.substitute(bound)

        helper = change_dims(old.function, change)
        results = [y.type for y in helper.body.yields]
        if any(a.type != p.type for a, p in zip(operands, helper.params, strict=True)) or any(
            t != r.type for t, r in zip(results, old.results, strict=True)
        ):
            super().statement(old, env, b)
            return
        self.assumed += [
            (x, y) for pair in _assumed(old.function) for x, y in [map(change, pair)] if x != y
        ]
        self.rewrites += old.function.rewriting.applied
        self.put(old, helper, operands, env, b)

    def may_inline(self, call: Call) -> bool:
        if is_itself(call.function) or is_recursive(call.function):
            return False
        body = list(walk(call.function.body))
        if len(body) > self.most and self.places[call.function.name] > 1:
            return False
        if not self.written.isdisjoint(call.results):
            return False
        if self.most == sys.maxsize:
            return all(not has_lists(v.type) for v in (*call.operands, *call.results))
        return all(not isinstance(s, Op) or not s.decl.effect for s in body) and all(
            isinstance(v.type, Array | Scalar) or (v in self.given and _is_plain(v.type))
            for v in (*call.operands, *call.results)
        )

    def put(
        self, call: Call, helper: Function, operands: Sequence[Atom], env: Env, b: Builder
    ) -> None:
        """Append the helper's statements. Its arguments and results are contents, not storage."""
        b.location, b.origin = call.location, call.origin
        written = written_values(helper)
        inner: Env = {}
        for param, a in zip(helper.params, operands, strict=True):
            is_storage = self.reads and a in self.written
            inner[param] = b.op(memory.read, a) if is_storage else a
        names = {
            y: r
            for y, r in zip(helper.body.yields, call.results, strict=True)
            if isinstance(y, Value) and y not in written
        }
        for s in helper.body.body:
            b.append(_named(clone_statement(s, inner), s, names, inner))
        for y, r in zip(helper.body.yields, call.results, strict=True):
            found = lookup(inner, y)
            is_storage = self.reads and y in written
            env[r] = b.op(memory.read, found, name=r.name) if is_storage else found


class _InlineChosen(Inline):
    def __init__(self, fn: Function, chosen: Collection[Call]) -> None:
        super().__init__(fn, _FEW)
        self.chosen = chosen

    def may_inline(self, call: Call) -> bool:
        return call in self.chosen and super().may_inline(call)


def _as_given(a: Atom, param: Value, b: Builder) -> Atom:
    """A Python float as a NumPy float, where the helper takes one: the types of its results depend on that."""
    own, wanted = a.type, param.type
    if not isinstance(own, Scalar) or not isinstance(wanted, Scalar) or wanted.weak or not own.weak:
        return a
    if own.dtype != wanted.dtype or not own.dtype.startswith("float"):
        return a
    return b.op(conversions.astype, a, spelling=f"np.{own.dtype}", dtype=own.dtype)


def _named(new: Statement, old: Statement, names: dict[Value, Value], env: Env) -> Statement:
    """A copied operation whose result has the caller's name for it."""
    results = []
    for r, first in zip(new.results, old.results, strict=True):
        given = names.get(first)
        if given is not None and given.name:
            r = replace(r, name=given.name, user=given.user)
            env[first] = r
        results.append(r)
    return with_parts(new, new.operands, regions_of(new), lambda: tuple(results))


def _bindings(helper: Function, operands: Sequence[Atom]) -> dict[str, Dim] | None:
    """The lengths that the symbols of a helper's parameters stand for; None where an operand does not show one."""
    found: dict[str, Dim] = {}
    for param, a in zip(helper.params, operands, strict=True):
        mine, given = _dims(param.type), _dims(a.type)
        if len(mine) != len(given):
            return None
        for d, e in zip(mine, given, strict=True):
            if isinstance(d.symbol, str):
                found.setdefault(d.symbol, e)
    return found


def _assumed(helper: Function) -> list[LengthPair]:
    """The lengths that were taken to be equal, in terms of the symbols that its types have."""
    bindings = helper.lengths.bindings
    return [(a.substitute(bindings), b.substitute(bindings)) for a, b in helper.lengths.assumed]


def _of_results(call: Call) -> dict[str, Dim]:
    """The lengths of the symbols of a helper's results at a call: an adjoint is as long as its value."""
    found: dict[str, Dim] = {}
    for inner, outer in zip(call.function.body.yields, call.results, strict=True):
        for d, e in zip(_dims(inner.type), _dims(outer.type), strict=False):
            if isinstance(d.symbol, str):
                found.setdefault(d.symbol, e)
    return found


def _is_plain(type_: Type) -> bool:
    """Whether a value consists of arrays and numbers, in containers of known parts."""
    if isinstance(type_, Struct):
        return all(map(_is_plain, type_.parts))
    return isinstance(type_, Array | Scalar)


def _dims(type_: Type) -> tuple[Dim, ...]:
    if isinstance(type_, Scalar):
        return () if type_.expr is None else (type_.expr,)
    return dims_of(type_)


_MASKS = ("where", "nan_to_num")


def beside_masks(fn: Function) -> set[Call]:
    """The calls to inline: those whose result a mask selects from, and those that select from a computed argument."""
    calls = [s for s in walk(fn.body) if isinstance(s, Call) and is_few_lines(s.function, Call)]
    if not calls:
        return set()
    makers = definitions_in(walk(fn.body))
    found = {s for a in _selected(fn) for s in _made_from(a, makers) if s in calls}
    for call in calls:
        if any(_selected(call.function)):
            origins = [s for a in call.operands for s in _made_from(a, makers)]
            if any(isinstance(s, Call) or not s.decl.linear for s in origins):
                found.add(call)
    return {c for c in found if isinstance(c, Call)}


def _selected(fn: Function) -> Iterator[Atom]:
    for s in walk(fn.body):
        if isinstance(s, Op) and s.decl.name in _MASKS:
            yield from s.operands[-2:]


def _made_from(a: Atom, makers: Mapping[Atom, Statement]) -> Iterator[Op | Call]:
    """The elementwise operations and calls that compute a value, from the last one backwards."""
    made = makers.get(a)
    if isinstance(made, Call):
        yield made
    elif isinstance(made, Op) and made.decl.elementwise:
        yield made
        for operand in made.operands:
            yield from _made_from(operand, makers)
