"""Destination passing: the adjoint of a helper adds into an array of its caller instead of making an array.

    def f_backward(d_out, x):                   def f_backward(d_out, x, d_x):
        d_x = np.zeros_like(x)                      if len(x) > 1:
        if len(x) > 1:                    ->            f_backward(d_out, x[1:], d_x[1:])
            d_x[1:] = f_backward(d_out, x[1:])      d_x[0] += d_out
        d_x[0] += d_out
        return d_x

Otherwise each call would make zeros as large as the argument, and add the result of the inner call to them: n^2
additions where the function makes n calls. If a caller multiplies the result (`d_x += s * d_part`), the call takes the
factor as a parameter (`d_out`), and multiplies its additions by it. `transforms/ad/destination_analysis.py` decides
which results are passed this way. A caller that has no array to pass makes zeros, to which the call adds.

Such functions write parameters (`interface.written_params`), which no derivative rule allows. So the pass runs after
all derivatives. Functions of devices are inlined by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lookup, shapes_for
from srcdiff.ir.core import Call, Function, If, Op, Region, Statement, walk
from srcdiff.ir.recursion import callees_first, calls_of_itself, tied
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.adjoint_builders import multiplied
from srcdiff.transforms.ad.destination_analysis import (
    Destinations,
    Plan,
    Share,
    like,
    may_be_passed,
)
from srcdiff.transforms.analysis.placement import is_zeros
from srcdiff.transforms.simplify.algebra.reassociate import algebra
from srcdiff.transforms.simplify.calls.dead_arguments import with_yields
from srcdiff.transforms.simplify.cse import cse
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.folding.fold import fold

_T = TypeVar("_T")


def with_destinations(fn: Function) -> Function:
    """`fn` where the functions that it calls, directly or not, add to arrays of their callers."""
    order = _by_calls(fn)
    chosen = _chosen(fn, order)
    if not chosen:
        return fn
    done: dict[Function, Function] = {}
    for f in order:
        plan = Plan(f, chosen)
        body = _WithDestinations(f, plan, done).body()
        new = f if body is f.body else f.with_body(body)
        if f in chosen:
            new = _with_arrays(new, chosen[f], plan)
        done[f] = f if new is f else dce(fold(algebra(cse(tied(new)))))
    return done[fn]


# ---- choice of functions -------------------------------------------------------------------------


def _by_calls(fn: Function) -> list[Function]:
    """A function and the functions that it calls, callees first, without functions that are arguments of solvers."""
    kept = {
        f
        for g in callees_first(fn)
        for s in walk(g.body)
        if isinstance(s, Op)
        for applied in s.attrs.get("applied", ())
        for f in callees_first(applied.program)
    }
    return [f for f in callees_first(fn) if f not in kept]


def _chosen(fn: Function, order: Sequence[Function]) -> dict[Function, Destinations]:
    """The functions that get arrays of their callers, where this saves an allocation."""
    sites = {f: calls_of_itself(f) for f in order}
    for call in (s for f in order for s in walk(f.body) if isinstance(s, Call)):
        if call.function in sites:
            sites[call.function].append(call)
    others = {g for f in callees_first(fn) if f not in order for g in callees_first(f)}
    found: dict[Function, Destinations] = {}
    for f in order:
        results = may_be_passed(f, sites[f]) if f is not fn and f not in others else ()
        if results:
            found[f] = Destinations(results, f.interface.partials is not None)
    while found:
        plans = {f: Plan(f, found) for f in order}
        kept = {f: _that_pay(h, plans[f], plans.values(), sites[f]) for f, h in found.items()}
        kept = {f: h for f, h in kept.items() if h.results}
        if kept == found:
            break
        found = kept
    return found


def _that_pay(
    destinations: Destinations, own: Plan, plans: Iterable[Plan], calls: Sequence[Call]
) -> Destinations:
    """The results for which a function makes zeros, and which some caller adds to an array."""
    sinks = {v for p in plans for v in p.sinks if p.look.saves(v)}
    results = (
        k
        for k in destinations.results
        if k in own.makes_zeros and any(c.results[k] in sinks for c in calls)
    )
    return replace(destinations, results=tuple(results))


# ---- functions that add to arrays of their callers -------------------------------------------------


def _with_arrays(fn: Function, destinations: Destinations, plan: Plan) -> Function:
    """The function with array parameters in the place of results; its body already adds to them."""
    names = {p.name for p in fn.params}
    seeds = [_with_own_name(s, names) for s in plan.seeds]
    arrays = [_with_own_name(plan.arrays[k], names) for k in destinations.results]
    pairs = zip((*plan.seeds, *plan.arrays.values()), (*seeds, *arrays), strict=True)
    renamed: Env = {**dict(pairs)}
    params = (*seeds, *fn.params, *arrays)
    kept = [k for k in range(len(fn.body.yields)) if k not in destinations.results]
    body = Rewriter().region(fn.body, renamed, Builder(shapes_for(fn)))
    new = with_yields(fn.with_body(replace(body, params=params)), kept)
    at = tuple(range(len(params) - len(arrays), len(params)))
    interface = replace(new.interface, partials=None, gradient_names=(), written_params=at)
    return replace(new, doc=_doc(fn, seeds, arrays), interface=interface)


def _with_own_name(value: Value, taken: set[str]) -> Value:
    """A parameter with a name that no other parameter has."""
    name = value.name
    while name in taken:
        name = f"d_{name}"
    taken.add(name)
    return replace(value, name=name, user=False)


def _doc(fn: Function, seeds: Sequence[Value], arrays: Sequence[Value]) -> str:
    """The docstring of the function: `..., times `d_out`, added to `d_x`.`"""
    if not fn.doc:
        return ""
    times = "".join(f", times `{s.name}`" for s in seeds)
    shown = ", ".join(f"`{a.name}`" for a in arrays)
    return f"{fn.doc.removesuffix('.')}{times}, added to {shown}."


class _WithDestinations(Rewriter):
    """Applies a plan to a function."""

    def __init__(self, fn: Function, plan: Plan, done: Mapping[Function, Function]) -> None:
        self.fn, self.plan, self.done = fn, plan, done
        self.moved: set[Statement] = set()
        self.copies: Env = {}  # results of statements that were copied in front of calls

    def body(self) -> Region:
        return self.region(self.fn.body, {}, Builder(shapes_for(self.fn)))

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        new = super().region(old, env, b)
        for share in self.plan.at_end.get(old, ()):
            self.add(share, env, b)
        removed = self.plan.yields_removed.get(old, ())
        if new is old and not removed:
            return old
        # the results of the function stay until `_with_arrays` replaces them by parameters
        stays = old is self.fn.body
        return b.region(old.params, new.yields if stays else _but(new.yields, removed))

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        for s in self.plan.early.get(old, ()):
            self.earlier(s, env, b)
        if old in self.moved or old in self.plan.dropped - self.plan.instead.keys():
            return
        b.location, b.origin = old.location, "adjoint"
        if isinstance(old, Call):
            self.call(old, env, b)
        elif old in self.plan.instead:
            for share in self.plan.instead[old]:
                self.add(share, env, b)
        else:
            new = self.keep(old, env, b)
            if isinstance(new, If) and isinstance(old, If):
                removed = self.plan.yields_removed.get(old.then, ())
                new = replace(new, results=_but(new.results, removed))
            b.append(new)
            for share in self.plan.after.get(old, ()):
                self.add(share, env, b)

    def earlier(self, s: Statement, env: Env, b: Builder) -> None:
        """Append a statement that a call needs: zeros move in front of the call, other statements are copied there."""
        if is_zeros(s) and s not in self.moved:
            self.moved.add(s)
            b.append(self.keep(s, env, b))
        elif s not in self.moved and not self.copies.keys() >= {*s.results}:
            copy = replace(clone_statement(s, {**env, **self.copies}), origin="adjoint")
            self.copies.update(zip(s.results, copy.results, strict=True))
            b.append(copy)

    def call(self, old: Call, env: Env, b: Builder) -> None:
        """Append a call, with arrays for the results that the function adds: its sinks, or new zeros."""
        destinations = self.plan.destinations_of(old)
        function = self.done.get(old.function, old.function)
        operands = [lookup(env, a) for a in old.operands]
        if destinations is None:
            b.append(replace(old, function=function, operands=tuple(operands)))
            return
        arrays = [self.array(old, k, env, b) for k in destinations.results]
        first = old.results[destinations.results[0]]  # all results have the same factors
        known = self.plan.sinks.get(first) or self.plan.scaled.get(first)
        here = {**env, **self.copies}
        factors = [lookup(here, a) for a in known.factors] if known else []
        seeds = [multiplied(b, factors or [const(1.0)])]
        given = (*(seeds if destinations.scaled else ()), *operands, *arrays)
        kept = _but(old.results, destinations.results)
        b.append(replace(old, function=function, operands=given, results=kept))
        for k, array in zip(destinations.results, arrays, strict=True):
            result = old.results[k]
            if result in self.plan.scaled:
                result = self.plan.scaled[result].product
            if result not in self.plan.sinks:
                is_storage = self.plan.look.is_kept(result)
                env[result] = array if is_storage else b.op(memory.read, array, name=result.name)

    def array(self, call: Call, k: int, env: Env, b: Builder) -> Value:
        """The array that a call gets for one of its results."""
        result = call.results[k]
        sink = self.plan.sinks.get(result)
        if sink is None:
            operand = like(call, k)
            assert operand is not None  # `may_be_passed` has checked this
            return b.op(memory.zeros_like, lookup(env, operand), name=result.name)
        here = {**env, **self.copies}
        base = lookup(here, sink.base)
        assert isinstance(base, Value)
        at = [lookup(here, a) for a in sink.at]
        return b.op(memory.index, base, *at, where=sink.where) if sink.where else base

    def add(self, share: Share, env: Env, b: Builder) -> None:
        sink = share.sink
        base, *at = (lookup(env, a) for a in (sink.base, *sink.at))
        value = multiplied(b, [lookup(env, a) for a in (*sink.factors, share.value)])
        if sink.by is None:
            b.ops(memory.add_into, base, value, *at, where=sink.where)
        else:
            b.append(replace(sink.by, operands=(base, value, *at)))


def _but(items: Sequence[_T], removed: Collection[int]) -> tuple[_T, ...]:
    return tuple(v for k, v in enumerate(items) if k not in removed)
