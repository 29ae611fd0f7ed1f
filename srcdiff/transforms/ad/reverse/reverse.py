"""Reverse mode: a function becomes its forward part followed by its backward part.

    %s = for 0, %n, %s0 { (%i, %s1): %t = f(...) ; save[1] %t ; yield ... }
    for 0, %n reversed { (%i, ...): %t = restore[1] ; ... }

Statements are reversed one by one, the last one first. A loop becomes a loop that mirrors it, and a branch becomes a
branch. This pass decides nothing about storage. A value that the backward part needs from inside a forward region
crosses by a save/restore pair; each slot is a stack. The reference evaluator runs such pairs, and the pass `residuals`
removes them.

An array that is written has an adjoint *buffer*, which lives through the backward part as the array does through the
forward part. The adjoint of a read adds into the buffer. The adjoint of a write takes the contents of the buffer and
clears it. The buffer of a view is the same view of its base's buffer. This is exact under mutation and aliasing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Call, For, Function, If, Node, Op, Region, Tree, While
from srcdiff.ir.definedness import Presence
from srcdiff.ir.facts import Interface
from srcdiff.ir.recursion import is_recursive, opened, stand_in, tied
from srcdiff.ir.types import FLOAT, Array, List, Scalar, Static, Struct, Type, is_float
from srcdiff.ir.values import Atom, Value, const
from srcdiff.transforms.ad.adjoints.accumulate import (
    Scope,
    adjoint_type,
    as_number,
    assumed_lengths,
    hint,
)
from srcdiff.transforms.ad.adjoints.guards import guarded_values
from srcdiff.transforms.ad.adjoints.primal_refs import ForwardPart
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal, Rules
from srcdiff.transforms.ad.adjoints.selected import Selections
from srcdiff.transforms.ad.adjoints.unbroadcast import Fitting
from srcdiff.transforms.ad.containers.list_traversal import lists_by_element
from srcdiff.transforms.ad.directives.hook_reverse import blocks_of
from srcdiff.transforms.ad.reverse.recursive_value_and_grad import (
    giving_slopes,
    has_slopes,
    uses_values,
    with_slopes,
)
from srcdiff.transforms.ad.reverse.reverse_calls import Positions, reverse_call, wanted_of
from srcdiff.transforms.ad.reverse.reverse_control import reverse_branch, reverse_loop
from srcdiff.transforms.ad.reverse.reverse_ops import reverse_op
from srcdiff.transforms.analysis.activity import active_values
from srcdiff.transforms.analysis.defuse import is_mixed, rename
from srcdiff.transforms.analysis.dependence.load_stability import survey
from srcdiff.transforms.prepare.insert_loads import own_arguments
from srcdiff.transforms.prepare.result_ownership import own_copy

Finish = Callable[[Function], Function]


def reverse(
    fn: Function,
    wrt: Sequence[int],
    rules: Rules,
    finish: Finish,
    *,
    value: bool = True,
    seeded: bool = False,
    as_tuple: bool = False,
) -> Function:
    """The function that returns the value of `fn` and its derivative with respect to the parameters at `wrt`.

    The first float leaf of the result is differentiated. With `seeded`, all float leaves are, weighted by further
    parameters (a vector-Jacobian product). `value=False` leaves the value out; `as_tuple` returns a tuple for a
    single parameter, too. `finish` is applied to the adjoints of helpers. In `fn`, each use of storage is a load
    (the pass "load insertion").
    """
    outputs = _float_yields(fn) if seeded else _float_yields(fn)[:1]
    backward = _Backward(finish, rules)
    fn = with_slopes(fn, tuple(wrt), tuple(outputs), backward.slopes)
    targets = [fn.params[k] for k in wrt]
    rigid = frozenset(
        s for p in fn.params if isinstance(p.type, Array) for d in p.type.shape for s in d.symbols()
    )
    r, scope = _start(fn, targets, [fn.body.yields[k] for k in outputs], rules, rigid)
    seeds: list[Value] = []
    for k in outputs:
        seed: Atom = const(1.0)
        if seeded:
            name = "d_value" if len(outputs) == 1 else f"d_value_{k}"
            seed = Value(adjoint_type(fn.body.yields[k].type), name)
            seeds.append(seed)
            if isinstance(seed.type, List):  # items are removed from the copy only
                seed = own_copy(seed, scope.b)
        r.contribute(fn.body.yields[k], seed, scope)
    backward.region(r, fn.body, scope)
    yields: list[Atom] = list(fn.body.yields) if value else []
    mixed = is_mixed(fn.body)
    trees = [_gradient(r, p, scope, yields, mixed) for p in targets]
    gradient = _together(trees, as_tuple)
    output: Tree = Node("tuple", (0, 1), (fn.output, gradient)) if value else gradient
    derivative = replace(
        fn.derivative,
        adjoint_of=_unnamed(scope),
        independent=tuple(k for k, p in zip(wrt, targets, strict=True) if p not in r.active),
    )
    body = _whole_body(r, fn, scope, (*fn.params, *seeds), yields)
    return replace(fn, body=body, output=output, derivative=derivative)


def adjoint_of_helper(
    fn: Function,
    wrt: Sequence[int],
    seeded: Sequence[int],
    guarded: Sequence[int],
    rules: Rules,
    backward: _Backward,
    announce: Callable[[Function], None],
) -> Function:
    """The adjoint of a helper. It takes the adjoints of the results at `seeded`, the arguments and the results, and
    returns the adjoints of the arguments at `wrt`. Parameters that it does not need are removed later. Guards of the
    caller leave out elements of the results at `guarded`.

    `announce` gets the adjoint's name before the body is reversed, because the body may call it.
    """
    fn = with_slopes(fn, tuple(wrt), tuple(seeded), backward.slopes)
    targets = [fn.params[k] for k in wrt]
    left_out = [fn.body.yields[k] for k in guarded]
    r, scope = _start(fn, targets, [fn.body.yields[k] for k in seeded], rules, guarded=left_out)
    single = len(fn.body.yields) == 1
    unused = _Unused({p.name for p in fn.params})
    outs = [
        Value(y.type, unused("out" if single else f"out_{k}")) for k, y in enumerate(fn.body.yields)
    ]
    for out, y in zip(outs, fn.body.yields, strict=True):
        if isinstance(y, Value) and y not in fn.params and y not in r.buffers:
            r.forward.standins[y] = out
    seeds = [
        Value(adjoint_type(fn.body.yields[k].type), unused("d_out" if single else f"d_out_{k}"))
        for k in seeded
    ]
    for k, seed in zip(seeded, seeds, strict=True):
        r.contribute(fn.body.yields[k], seed, scope)
    params = (*seeds, *fn.params, *outs)
    names = tuple(y for p in targets for y in _leaf_names(r, p))
    header = Region(params, (), tuple(Value(FLOAT) for _ in names))
    name = f"{fn.name}_backward"
    announce(
        Function(name, header, Node("tuple", (), ()), interface=Interface(gradient_names=names))
    )
    backward.region(r, fn.body, scope)
    yields: list[Atom] = []
    trees = [_gradient(r, p, scope, yields) for p in targets]
    output = _together(trees)
    shown = ", ".join(f"`{p.name}`" for p in targets)
    doc = f"Adjoint of `{fn.name}` with respect to {shown}."
    body = _whole_body(r, fn, scope, params, yields)
    return replace(
        fn,
        name=name,
        body=body,
        output=output,
        doc=doc,
        interface=replace(fn.interface, gradient_names=names, partials=None),
        derivative=replace(fn.derivative, adjoint_of=_unnamed(scope)),
    )


def value_and_slopes(
    fn: Function, wrt: Positions, seeded: Positions, rules: Rules, backward: _Backward
) -> Function:
    """A recursive helper that returns its results, and the derivatives of the result at `seeded` with respect to the
    arguments at `wrt`. Its calls of itself return them, too.
    """
    shown = ", ".join(f"`{fn.params[k].name}`" for k in wrt)
    doc = f"`{fn.name}` and its gradient with respect to {shown}."
    fn = giving_slopes(fn, wrt, seeded)
    targets = [fn.params[k] for k in wrt]
    r, scope = _start(fn, targets, [fn.body.yields[k] for k in seeded], rules)
    for k in seeded:
        r.contribute(fn.body.yields[k], const(1.0), scope)
    backward.region(r, fn.body, scope)
    yields = list(fn.body.yields)
    gradient = _together([_gradient(r, p, scope, yields) for p in targets])
    body = _whole_body(r, fn, scope, fn.params, yields)
    output = Node("tuple", (0, 1), (fn.output, gradient))
    derivative = replace(fn.derivative, adjoint_of=_unnamed(scope))
    return replace(fn, body=body, output=output, doc=doc, derivative=derivative)


class _Unused:
    """Names for new parameters that no parameter has yet (an adjoint of an adjoint has a `d_out` already)."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken

    def __call__(self, name: str) -> str:
        while name in self.taken:
            name = f"d_{name}"
        self.taken.add(name)
        return name


def _leaf_names(r: Reversal, value: Value) -> list[str]:
    """The names of the leaves that `_gradient` appends."""
    if isinstance(value.type, Struct):
        return [name for p in r.parts(value) for name in _leaf_names(r, p)]
    return [value.name]


def _together(trees: Sequence[Tree], as_tuple: bool = False) -> Tree:
    return (
        trees[0]
        if len(trees) == 1 and not as_tuple
        else Node("tuple", tuple(range(len(trees))), tuple(trees))
    )


class _Backward:
    """The walk over statements in reverse order. The adjoint of a helper is made once."""

    def __init__(self, finish: Finish, rules: Rules) -> None:
        self.finish = finish
        self.rules = rules
        self.helpers: dict[tuple[Function, Positions, Positions, Positions], Function] = {}
        self.in_making: set[tuple[Function, Positions, Positions]] = set()
        self.with_value: dict[tuple[Function, Positions, Positions], Function | None] = {}

    def region(self, r: Reversal, region: Region, scope: Scope) -> None:
        for statement in reversed(region.body):
            scope.b.location = statement.location
            match statement:
                case Op():
                    reverse_op(r, statement, scope)
                case Call():
                    reverse_call(r, statement, scope, self.helper, self.slopes)
                case If():
                    reverse_branch(r, statement, scope, self.region)
                case For() | While():
                    reverse_loop(r, statement, scope, self.region)

    def helper(
        self, fn: Function, wrt: Positions, seeded: Positions, guarded: Positions = ()
    ) -> Function:
        """The adjoint of a user's function; a stand-in while that adjoint is being made."""
        key = (fn, wrt, seeded, guarded)
        if key not in self.helpers:
            self.in_making.add(key[:3])

            def announce(made: Function) -> None:
                self.helpers[key] = stand_in(made)

            made = adjoint_of_helper(opened(fn), *key[1:], self.rules, self, announce)
            self.helpers[key] = self.finished(made)
            self.in_making.remove(key[:3])
        return self.helpers[key]

    def slopes(self, fn: Function, wrt: Positions, seeded: Positions) -> Function | None:
        """A recursive function that returns its slopes beside its value, if its adjoint needs the values of its
        calls; None for other functions.
        """
        if not is_recursive(fn):
            return None
        wrt, seeded = wanted_of(fn, wrt, seeded)
        key = (fn, wrt, seeded)
        if key in self.in_making:
            return None
        if key not in self.with_value:
            if not has_slopes(fn, wrt, seeded):
                self.with_value[key] = None
            else:
                found = uses_values(self.helper(fn, wrt, seeded), fn)
                self.with_value[key] = (
                    self.finished(value_and_slopes(fn, wrt, seeded, self.rules, self))
                    if found
                    else None
                )
        return self.with_value[key]

    def finished(self, made: Function) -> Function:
        return tied(self.finish(own_arguments(tied(made))))


def begin(
    fn: Function, targets: Sequence[Value], results: Sequence[Atom], rules: Rules
) -> tuple[Reversal, Scope]:
    """A reversal whose caller seeds the adjoints, and takes the results."""
    return _start(fn, targets, results, rules)


def walk_back(r: Reversal, fn: Function, scope: Scope) -> None:
    """Reverse the statements of a function that calls no other function."""
    _Backward(lambda helper: helper, r.rules).region(r, fn.body, scope)


def finish_reversed(
    r: Reversal, fn: Function, scope: Scope, params: Sequence[Value], yields: Sequence[Atom]
) -> Function:
    """The function with its forward part and the backward part of `scope` as its body."""
    derivative = replace(fn.derivative, adjoint_of=_unnamed(scope))
    return replace(fn, body=_whole_body(r, fn, scope, params, yields), derivative=derivative)


def _float_yields(fn: Function) -> list[int]:
    return [k for k, y in enumerate(fn.body.yields) if is_float(y.type)]


def _start(
    fn: Function,
    targets: Sequence[Value],
    results: Sequence[Atom],
    rules: Rules,
    rigid: frozenset[str] = frozenset(),
    guarded: Sequence[Atom] = (),
) -> tuple[Reversal, Scope]:
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    buffers = frozenset(v for v, r in roots.items() if r & written and isinstance(v.type, Array))
    program = survey(fn.body, roots)
    forward = ForwardPart(program, Presence(fn, program.maker).uncertain())
    blocks = blocks_of(fn)  # blocks run for any `wrt`
    state = Reversal(
        rules,
        active_values(fn, [*targets, *blocks], [*results, *blocks]),
        buffers,
        forward,
        Fitting(forward, assumed_lengths(fn), rigid),
        lists_by_element(program, buffers),
        guarded_values(fn, forward.maker, guarded),
    )
    b = Builder(shapes_for(fn), "adjoint", fn.location)
    return state, Scope(fn.body, None, b, state.zeros, selections=Selections(forward.maker))


def _whole_body(
    r: Reversal, fn: Function, scope: Scope, params: Sequence[Value], yields: Sequence[Atom]
) -> Region:
    forward = r.forward.with_saves(fn.body)
    region = Region(tuple(params), (*forward.body, *scope.prologue, *scope.b.body), tuple(yields))
    named = {
        d: replace(d, name=hint(v))
        for d, v in scope.adjoint_of.items()
        if v.name and not d.user and d not in params
    }
    return rename(fn.with_body(region), named).body


def _unnamed(scope: Scope) -> dict[Value, Value]:
    """The adjoints of values without names: such an adjoint is named after the value once the value has a name."""
    return {d: v for d, v in scope.adjoint_of.items() if not d.name and not v.name}


def _gradient(
    r: Reversal, value: Value, scope: Scope, yields: list[Atom], mixed: bool = False
) -> Tree:
    """Append the adjoint of a parameter to the yields, leaf by leaf; the tree has the parameter's structure.

    In a program with floats of several precisions (`mixed`), a number gets the precision of its parameter.
    """
    type_ = value.type
    if isinstance(type_, Struct):
        children = tuple(_gradient(r, p, scope, yields, mixed) for p in r.parts(value))
        return Node(type_.kind, type_.keys, children, type_.cls)
    if isinstance(type_, Static) or not is_float(type_):
        yields.append(const(None))  # integers in a structure have no derivative
    elif isinstance(type_, List) or value in r.active:
        found = r.take_whole(value, scope)
        yields.append(_as_given(found, type_, scope) if mixed else found)
    else:
        found = r.zeros(value, scope)
        yields.append(_as_given(found, type_, scope) if mixed else found)
    return len(yields) - 1


def _as_given(d: Atom, type_: Type, scope: Scope) -> Atom:
    """The derivative in the parameter's kind: a NumPy number of lower precision, or a Python number."""
    if not (isinstance(type_, Scalar) and isinstance(d.type, Scalar)):
        return d
    is_due = type_.dtype != "float64" if d.type.weak else type_.weak
    return as_number(scope.b, d, type_.dtype) if is_due else d
