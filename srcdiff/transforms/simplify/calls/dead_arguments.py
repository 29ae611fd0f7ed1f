"""Dead argument elimination: generated functions lose results that no call uses, and parameters that are not needed.

    layer_backward(d_out, W, b, x, out) -> (d_W, d_b, d_x)      layer_backward(d_out, W, x, out) -> (d_W, d_x)
    %1, %2, %3 = call layer_backward(...)                  ->   %1, %3 = call layer_backward(...)

Here `%2` is not used, and the adjoint does not mention `b`. A function keeps the results that any of its calls needs.
The user's own functions keep their signature; the generated functions that they call are trimmed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Call, Function, Node, Region, Statement, Tree, leaves, walk
from srcdiff.ir.recursion import calls_of_itself, is_itself, is_recursive, rewired, tied
from srcdiff.transforms.analysis.defuse import count_uses, is_generated
from srcdiff.transforms.lower.materialise_dims import bind_lengths, lacking, shows
from srcdiff.transforms.simplify.dce import dce


@dataclass
class _Needs:
    """The results and parameters of one function that the calls seen so far need."""

    results: set[int] = field(default_factory=set)
    made: bool = True


@dataclass(frozen=True)
class _Trimmed:
    """A function after trimming, and its remaining parameters and results."""

    function: Function
    params: tuple[int, ...]
    results: tuple[int, ...]


def remove_dead_arguments(fn: Function) -> Function:
    """`fn` with the functions that it calls, directly or not, trimmed to the parameters and results that are used."""
    order = _callers_first(fn)
    if len(order) == 1:
        return fn
    needs = {function: _Needs() for function in order}
    needs[fn].made = False
    smaller: dict[Function, tuple[Function, tuple[int, ...]]] = {}
    for function in order:
        everything = range(len(function.body.yields))
        loses = needs[function].made and can_lose_results(function.output)
        kept = tuple(sorted(needs[function].results) if loses else everything)
        smaller[function] = _with_results(function, kept)
        _note_needs(smaller[function][0], needs)
    done: dict[Function, _Trimmed] = {}
    for function in reversed(order):
        done[function] = _trim(*smaller[function], needs[function].made, done)
    return done[fn].function


def _with_results(fn: Function, kept: tuple[int, ...]) -> tuple[Function, tuple[int, ...]]:
    """The function with these results, and the results that its recursive calls need for them."""
    while True:
        smaller = dce(with_yields(fn, kept))
        counts = count_uses(smaller)
        own = {
            k
            for call in calls_of_itself(smaller)
            for k, r in enumerate(call.results)
            if counts.get(r)
        }
        if own <= set(kept):
            return smaller, kept
        kept = tuple(sorted(own.union(kept)))


def _calls(fn: Function) -> list[Call]:
    return [s for s in walk(fn.body) if isinstance(s, Call) and not is_itself(s.function)]


def _callers_first(fn: Function) -> list[Function]:
    """All functions that are reached by calls, each after all that call it."""
    finished: dict[Function, None] = {}

    def visit(function: Function) -> None:
        if function not in finished:
            for call in _calls(function):
                visit(call.function)
            finished[function] = None

    visit(fn)
    return list(reversed(finished))


def _note_needs(fn: Function, needs: dict[Function, _Needs]) -> None:
    counts = count_uses(fn)
    for call in _calls(fn):
        need = needs[call.function]
        need.results |= {k for k, r in enumerate(call.results) if counts.get(r)}
        need.made = need.made and is_generated(call)


def can_lose_results(output: Tree) -> bool:
    """Whether results can be removed from a function's output: not from an object of a user's class."""
    return isinstance(output, int) or (
        output.cls is None and all(map(can_lose_results, output.children))
    )


def _trim(
    fn: Function, results: tuple[int, ...], made: bool, done: dict[Function, _Trimmed]
) -> _Trimmed:
    fn = dce(_Rewire(done)(_own_results(fn, results)))
    params = tuple(range(len(fn.params)))
    if made:
        fn, params = used_params(fn)
        fn = bind_lengths(_with_params(fn, params))
    return _Trimmed(tied(fn), params, results)


def used_params(fn: Function) -> tuple[Function, tuple[int, ...]]:
    """Which parameters a function needs, and the function without parameters that only its recursive calls use."""
    given = fn
    params: tuple[int, ...] = ()
    while True:
        fn = dce(_own_params(given, params))
        counts = count_uses(fn)
        used = tuple(
            k for k, p in enumerate(given.params) if k in params or counts.get(fn.params[k])
        )
        lost = lacking(bind_lengths(_with_params(fn, used)))
        used = tuple(k for k, p in enumerate(fn.params) if k in used or shows(p, lost))
        if used == params or not is_recursive(fn):
            return fn, used
        params = used


def _own_results(fn: Function, kept: Sequence[int]) -> Function:
    """The function whose recursive calls return these results only."""
    return rewired(fn, lambda c: replace(c, results=tuple(c.results[k] for k in kept)))


def _own_params(fn: Function, kept: Sequence[int]) -> Function:
    """The function whose recursive calls pass these arguments only."""
    return rewired(fn, lambda c: replace(c, operands=tuple(c.operands[k] for k in kept)))


def _with_params(fn: Function, kept: Sequence[int]) -> Function:
    return fn.with_body(replace(fn.body, params=tuple(fn.params[k] for k in kept)))


class _Rewire(Rewriter):
    """Replaces the calls in a function by calls of the trimmed functions."""

    def __init__(self, done: dict[Function, _Trimmed]) -> None:
        self.done = done

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Call) or is_itself(old.function):
            b.append(self.keep(old, env, b))
            return
        trimmed = self.done[old.function]
        operands = tuple(lookup(env, old.operands[k]) for k in trimmed.params)
        results = tuple(old.results[k] for k in trimmed.results)
        b.append(replace(old, function=trimmed.function, operands=operands, results=results))


_VALUE = re.compile("Value of (`.*`),? and its derivative")


def with_yields(fn: Function, kept: Sequence[int]) -> Function:
    """The function with some of its results only; a tuple of one becomes that one."""
    if len(kept) == len(fn.body.yields):
        return fn
    output = _keep(fn.output, {old: new for new, old in enumerate(kept)})
    if isinstance(output, Node) and output.kind == "tuple" and len(leaves(output)) == 1:
        output = leaves(output)[0]
    while isinstance(output, Node) and output.kind == "tuple" and len(output.children) == 1:
        output = output.children[0]
    yields = tuple(fn.body.yields[k] for k in kept)
    body = Region(fn.params, fn.body.body, yields)
    doc = fn.doc if 0 in kept else _VALUE.sub(r"Derivative of \1", fn.doc)
    output = output if output is not None else Node("tuple", (), ())
    return replace(fn, body=body, output=output, doc=doc)


def _keep(tree: Tree, places: dict[int, int]) -> Tree | None:
    if isinstance(tree, int):
        return places.get(tree)
    parts = [
        (k, part)
        for k, c in zip(tree.keys, tree.children, strict=True)
        if (part := _keep(c, places)) is not None
    ]
    if not parts:
        return None
    keys = (
        tuple(range(len(parts))) if tree.kind in ("tuple", "list") else tuple(k for k, _ in parts)
    )
    return replace(tree, keys=keys, children=tuple(part for _, part in parts))
