"""Forward mode: each active value has its tangent `<name>_dot` computed beside it.

    %y = exp %x                      %y = exp %x
                                     %y_dot = multiply %x_dot, %y

Loops and branches pass tangents on. A written array has a tangent array, which is written at the same places.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from srcdiff.errors import called_at
from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Call, For, Function, If, Node, Op, Region, Tree, While
from srcdiff.ir.recursion import is_recursive, opened, stand_in, tied
from srcdiff.ir.types import Array, List, Scalar, Type, is_float
from srcdiff.ir.values import Atom, Value
from srcdiff.transforms.ad.adjoints.accumulate import adjoint_type, assumed_lengths, in_dtype
from srcdiff.transforms.ad.reverse.reverse_calls import wanted_of
from srcdiff.transforms.ad.tangents import ForwardRules, Rules, Scope, Tangents, dot_name
from srcdiff.transforms.analysis.activity import active_values
from srcdiff.transforms.analysis.defuse import rename


def forward(
    fn: Function,
    wrt: Sequence[int],
    rules: Rules,
    forward_rules: ForwardRules,
    *,
    value: bool = True,
    names: Sequence[str] = (),
) -> Function:
    """The function of the parameters of `fn`, and the tangents of the parameters at `wrt`, that returns the value of
    `fn` and the value's tangent.

    `value=False` leaves the value out. `names` are the names of the tangent parameters (by default `<name>_dot`).
    """
    walker = _Forward(rules, forward_rules)
    walker.assumed = assumed_lengths(fn)
    new, dots, _ = walker.function(fn, wrt, names)
    yields = [*(fn.body.yields if value else ()), *dots]
    tangent = _renumber(fn.output, len(fn.body.yields) if value else 0)
    output: Tree = Node("tuple", (0, 1), (fn.output, tangent)) if value else tangent
    return walker.named(replace(fn, body=replace(new, yields=tuple(yields)), output=output))


def _renumber(tree: Tree, first: int) -> Tree:
    """The structure of the result, over the tangents: yields from number `first` on."""
    if isinstance(tree, int):
        return first + tree
    return replace(tree, children=tuple(_renumber(c, first) for c in tree.children))


class _Forward(Tangents):
    def function(
        self, fn: Function, wrt: Sequence[int], names: Sequence[str] = ()
    ) -> tuple[Region, list[Atom], list[bool]]:
        """The body with tangents, the tangent of each yield (zeros if it does not depend on `wrt`), and whether the
        yield depends on `wrt`.
        """
        targets = [fn.params[k] for k in wrt]
        roots = storage_roots(fn)
        written = written_roots(fn, roots)
        buffers = frozenset(
            v for v, r in roots.items() if r & written and isinstance(v.type, Array)
        )
        scope = Scope(active_values(fn, targets, fn.body.yields), buffers, self.dots)
        params = list(fn.params)
        for p, name in zip(targets, names or map(dot_name, targets), strict=True):
            dot = Value(adjoint_type(p.type), name)
            params.append(dot)
            scope.dots[p] = dot
        b = Builder(shapes_for(fn), "tangent", fn.location)
        self.statements(fn.body, scope, b)
        varies = [isinstance(y, Value) and y in scope.active for y in fn.body.yields]
        dots = [self.whole_dot(y, scope, b) for y in fn.body.yields]
        return Region(tuple(params), tuple(b.body), fn.body.yields), dots, varies

    def named(self, fn: Function) -> Function:
        """`fn` with each tangent named after its value. If the value has no name yet, `tangent_of` records it."""
        names: dict[Value, Value] = {}
        unnamed: dict[Value, Value] = {}
        for value, dot in sorted(self.dots.items(), key=lambda pair: not pair[0].name):
            if isinstance(dot, Value) and dot not in names and dot not in fn.params:
                names[dot] = replace(dot, name=dot_name(value))
                if not value.name:
                    unnamed[names[dot]] = value
        return replace(rename(fn, names), derivative=replace(fn.derivative, tangent_of=unnamed))

    # ---- tangents of atoms ---------------------------------------------------------------------

    # ---- statements --------------------------------------------------------------------------------

    def statements(self, region: Region, scope: Scope, b: Builder) -> None:
        for statement in region.body:
            b.location = statement.location
            match statement:
                case Op():
                    b.append(statement)
                    self.op(statement, scope, b)
                case Call():
                    self.call(statement, scope, b)
                case If():
                    self.branch(statement, scope, b)
                case For() | While():
                    self.loop(statement, scope, b)

    # ---- calls, branches, loops ------------------------------------------------------------------------

    def call(self, call: Call, scope: Scope, b: Builder) -> None:
        wrt = tuple(k for k, a in enumerate(call.operands) if self.dot(a, scope) is not None)
        if not wrt or not any(v in scope.active for v in call.results):
            b.append(call)
            self.still_lists(call.results, scope, b)
            return
        wrt = wanted_of(call.function, wrt, tuple(range(len(call.results))))[0]
        with called_at(call.location):
            helper, varies = self.helper(call.function, wrt)
        dots = [self.whole_dot(call.operands[k], scope, b) for k in wrt]
        moving = [v for v, does in zip(call.results, varies, strict=True) if does]
        results = tuple(Value(adjoint_type(v.type), dot_name(v)) for v in moving)
        b.append(
            replace(
                call,
                function=helper,
                operands=(*call.operands, *dots),
                results=(*call.results, *results),
            )
        )
        scope.dots.update(zip(moving, results, strict=True))
        self.still_lists([v for v in call.results if v not in moving], scope, b)

    def still_lists(self, values: Iterable[Value], scope: Scope, b: Builder) -> None:
        """Zero tangents for active lists that a call returns without tangents: active items may be appended later."""
        for v in values:
            if isinstance(v.type, List) and v in scope.active:
                scope.dots[v] = self.zero(v, adjoint_type(v.type), b)

    def helper(self, fn: Function, wrt: tuple[int, ...]) -> tuple[Function, tuple[bool, ...]]:
        """A helper with tangents: it returns its results, then the tangents of the results that depend on `wrt`."""
        key = (fn, wrt)
        if key not in self.helpers:
            varies_all = [is_float(y.type) for y in fn.body.yields]
            if is_recursive(fn):
                self.announce(fn, wrt, varies_all)
            outer = dict(self.dots)  # an adjoint shares values with its primal function
            body, dots, varies = self.function(opened(fn), wrt)
            if is_recursive(fn):
                varies = varies_all
            shown = [d for d, does in zip(dots, varies, strict=True) if does]
            count = len(fn.body.yields)
            tangents: Tree = (
                count
                if len(shown) == 1
                else Node(
                    "tuple", tuple(range(len(shown))), tuple(count + k for k in range(len(shown)))
                )
            )
            output = Node("tuple", (0, 1), (fn.output, tangents))
            doc = f"`{fn.name}` and its tangent."
            new = Function(
                f"{fn.name}_jvp",
                replace(body, yields=(*fn.body.yields, *shown)),
                output,
                doc,
                fn.location,
            )
            self.helpers[key] = (tied(self.named(new)), tuple(varies))
            self.dots.clear()
            self.dots.update(outer)
        return self.helpers[key]

    def announce(self, fn: Function, wrt: tuple[int, ...], varies: Sequence[bool]) -> None:
        """Enter a stand-in for calls of a recursive helper inside of itself: each float result has a tangent."""
        dots = [Value(adjoint_type(fn.params[k].type)) for k in wrt]
        header = Region((*fn.params, *dots), (), fn.body.yields)
        made = Function(f"{fn.name}_jvp", header, fn.output)
        self.helpers[fn, wrt] = (stand_in(made), tuple(varies))

    def branch(self, branch: If, scope: Scope, b: Builder) -> None:
        moving = [k for k, v in enumerate(branch.results) if v in scope.active]
        types = [adjoint_type(branch.results[k].type) for k in moving]
        regions = []
        for region in (branch.then, branch.orelse):
            inner = b.inner()
            self.statements(region, scope, inner)
            dots = [self.whole_dot(region.yields[k], scope, inner) for k in moving]
            dots = [in_dtype(inner, d, t) for d, t in zip(dots, types, strict=True)]
            regions.append(inner.region((), (*region.yields, *dots)))
        results = tuple(
            Value(t, dot_name(branch.results[k])) for t, k in zip(types, moving, strict=True)
        )
        b.append(
            replace(branch, then=regions[0], orelse=regions[1], results=(*branch.results, *results))
        )
        scope.dots.update((branch.results[k], d) for k, d in zip(moving, results, strict=True))

    def loop(self, loop: For | While, scope: Scope, b: Builder) -> None:
        results = loop.carried_results if isinstance(loop, For) else loop.results
        params = loop.body.params[1:] if isinstance(loop, For) else loop.body.params
        moving = [
            k for k, v in enumerate(results) if v in scope.active or params[k] in scope.active
        ]
        given = [self.whole_dot(loop.carried[k], scope, b) for k in moving]
        types = [_carried_type(s, params[k]) for s, k in zip(given, moving, strict=True)]
        starts = [in_dtype(b, s, t) for s, t in zip(given, types, strict=True)]
        ins = tuple(Value(t, dot_name(params[k])) for t, k in zip(types, moving, strict=True))
        outs = tuple(
            Value(_carried_type(s, results[k]), dot_name(results[k]))
            for s, k in zip(starts, moving, strict=True)
        )
        scope.active |= frozenset(params[k] for k in moving)
        scope.dots.update((params[k], d) for k, d in zip(moving, ins, strict=True))
        inner = b.inner()
        self.statements(loop.body, scope, inner)
        back = [self.whole_dot(loop.carried_yields[k], scope, inner) for k in moving]
        body = Region((*loop.body.params, *ins), tuple(inner.body), (*loop.body.yields, *back))
        scope.active |= frozenset(results[k] for k in moving)
        scope.dots.update((results[k], d) for k, d in zip(moving, outs, strict=True))
        new = replace(
            loop, carried=(*loop.carried, *starts), body=body, results=(*loop.results, *outs)
        )
        if isinstance(new, While) and new.test is not None:
            tested = tuple(
                replace(v, type=_carried_type(s, new.test.params[k]))
                for v, s, k in zip(ins, starts, moving, strict=True)
            )
            new = replace(new, test=replace(new.test, params=(*new.test.params, *tested)))
        b.append(new)


def _carried_type(start: Atom, param: Value) -> Type:
    """The type of a loop-carried tangent: a number or array takes the lengths of the loop-carried value."""
    return adjoint_type(param.type) if isinstance(param.type, Scalar | Array) else start.type
