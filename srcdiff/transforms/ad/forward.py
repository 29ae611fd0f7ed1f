"""Forward mode: each active value has its tangent `<name>_dot` computed beside it.

    %y = exp %x                      %y = exp %x
                                     %y_dot = multiply %x_dot, %y

Loops and branches pass tangents on. A written array has a tangent array, which is written at the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcdiff.errors import UnsupportedError, called_at
from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder, Env, clone_statement, shapes_for
from srcdiff.ir.core import Call, For, Function, If, Node, Op, OpDecl, Region, Tree, While
from srcdiff.ir.dims import settling
from srcdiff.ir.recursion import is_recursive, opened, stand_in, tied
from srcdiff.ir.types import (
    Array,
    Dim,
    List,
    Scalar,
    Static,
    Struct,
    Type,
    is_float,
    is_numeric,
    shape_of,
)
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.ops.control.cuda_kernel import barrier_of, is_barrier, shared_array
from srcdiff.ops.control.cuda_launch import is_launch
from srcdiff.ops.core.operand_roles import carries_derivative
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import (
    adjoint_type,
    assumed_lengths,
    in_dtype,
    is_zero,
    unknown_derivative,
    whole,
)
from srcdiff.transforms.ad.directives.kernel_launches import tangent_launch
from srcdiff.transforms.ad.reverse.reverse_calls import wanted_of
from srcdiff.transforms.analysis.activity import active_values
from srcdiff.transforms.analysis.defuse import needed, rename
from srcdiff.transforms.simplify.constants import zero, zeros

Rules = Callable[
    [OpDecl, Sequence[Type], Mapping[str, Any], Sequence[Type], Sequence[Type]], Function
]
# forward_rules(decl, operand types, attrs, result types, tangent types): the rule as IR; params are operands, results,
# tangents; one yield for each result
ForwardRules = Rules


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


@dataclass
class _Scope:
    """The state of one function: the active values, and their tangents so far."""

    active: frozenset[Value]
    buffers: frozenset[Value]
    dots: dict[Value, Atom] = field(default_factory=dict)


class _Forward:
    def __init__(self, rules: Rules, forward_rules: ForwardRules) -> None:
        self.rules = rules
        self.forward_rules = forward_rules
        self.assumed: Callable[[Dim], Dim] = settling(())
        self.helpers: dict[tuple[int, tuple[int, ...]], tuple[Function, tuple[bool, ...]]] = {}
        self.dots: dict[Value, Atom] = {}  # of all functions transformed
        self.undefined: set[Value] = set()

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
        scope = _Scope(active_values(fn, targets, fn.body.yields), buffers, self.dots)
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

    def dot(self, atom: Atom, scope: _Scope) -> Atom | None:
        """The tangent of an atom; None for zero."""
        return scope.dots.get(atom) if isinstance(atom, Value) and atom in scope.active else None

    def whole_dot(self, atom: Atom, scope: _Scope, b: Builder) -> Atom:
        found = self.dot(atom, scope)
        type_ = adjoint_type(atom.type)
        return self.zero(atom, type_, b) if found is None else whole(b, found, type_)

    def sized_dot(self, atom: Atom, scope: _Scope, b: Builder) -> Atom | None:
        """The tangent of an atom at the atom's size; None for zero."""
        return None if self.dot(atom, scope) is None else self.whole_dot(atom, scope, b)

    def zero(self, atom: Atom, type_: Type, b: Builder) -> Atom:
        if atom in self.undefined:
            return b.op(control.undefined, type=type_)  # there are no lengths for zeros
        if isinstance(type_, Array):
            return zeros(b, type_)
        if isinstance(type_, Scalar):
            return zero(type_)
        if isinstance(type_, List):
            return b.op(memory.zeros_like_list, atom, type=type_)
        if isinstance(type_, Struct):
            parts = [b.op(containers.get, atom, key=k) for k in type_.keys]
            found = [self.zero(p, t, b) for p, t in zip(parts, type_.parts, strict=True)]
            return b.op(containers.pack, *found, kind=type_.kind, keys=type_.keys, cls=type_.cls)
        return const(None)

    # ---- statements --------------------------------------------------------------------------------

    def statements(self, region: Region, scope: _Scope, b: Builder) -> None:
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

    def op(self, op: Op, scope: _Scope, b: Builder) -> None:
        if is_barrier(op):  # it covers the tangents, too
            dots = [d for a in op.operands if (d := self.dot(a, scope)) is not None]
            operands = (*op.operands, *dots)
            b.body[-1] = replace(op, decl=barrier_of(len(operands)), operands=operands)
            return
        if is_launch(op):
            b.body.pop()
            tangent_launch(op, lambda a: self.sized_dot(a, scope, b), b)
            return
        if op.decl.writes:
            self.write(op, scope, b)
            return
        if op.decl is control.undefined:
            self.undefined.add(op.result)
        if not any(v in scope.active for v in op.results):
            return
        is_constant = op.decl.rule is None and not any(a in scope.active for a in op.operands)
        is_constant = is_constant and op.decl.name not in _STRUCTURAL and op.view_of is None
        if not op.decl.differentiable or (is_constant and isinstance(op.results[0].type, Array)):
            # storage for active values
            (result,) = op.results
            if op.decl is shared_array:
                made = b.op(shared_array, name=dot_name(result), type=result.type)
                scope.dots[result] = made
                return
            scope.dots[result] = self.zero(result, adjoint_type(result.type), b)
            return
        decl = op.decl
        if (
            decl.name in _STRUCTURAL
            or (decl.view_of is not None and decl.linear)
            or (decl.linear and not decl.elementwise)
        ):
            self.linear(op, scope, b)
        elif decl.multilinear:
            self.multilinear(op, scope, b)
        elif decl.elementwise and decl.rule is not None and decl.forward is None:
            self.elementwise(op, scope, b)
        elif decl.forward is not None or decl.specialised is not None:
            self.by_rule(op, scope, b)
        else:
            raise UnsupportedError(
                f"{decl.name} has no forward-mode derivative",
                "Use reverse mode, or declare one: rule(function, forward=...).",
                op.location,
            )
        for v in op.results:
            if isinstance(v.type, Scalar | Array) and v in scope.dots:
                scope.dots[v] = in_dtype(b, scope.dots[v], adjoint_type(v.type))

    def write(self, op: Op, scope: _Scope, b: Builder) -> None:
        """Write the tangent where the program writes the value."""
        target = op.operands[op.decl.writes[0]]
        if self.dot(target, scope) is None and not (
            isinstance(target, Value) and target in scope.active
        ):
            return
        operands = [self.write_operand(k, a, op, scope, b) for k, a in enumerate(op.operands)]
        results = tuple(Value(adjoint_type(v.type), dot_name(v)) for v in op.results)
        b.append(replace(op, operands=tuple(operands), results=results, origin="tangent"))
        scope.dots.update(zip(op.results, results, strict=True))

    def write_operand(self, k: int, a: Atom, op: Op, scope: _Scope, b: Builder) -> Atom:
        if k in op.decl.writes:
            found = self.dot(a, scope)
            assert found is not None, f"no tangent storage for {a}"
            return found
        if k != (2 if op.decl.name in ("list_set", "list_add") else 1):
            return a
        found = self.dot(a, scope)  # the tangent of an integer is zero
        if found is None:
            return (
                const(0.0)
                if not isinstance(a.type, Struct | List) and op.decl is not containers.append
                else self.whole_dot(a, scope, b)
            )
        return (
            found
            if op.decl in (memory.store, memory.add_into, memory.add_at)
            else whole(b, found, adjoint_type(a.type))
        )

    def linear(self, op: Op, scope: _Scope, b: Builder) -> None:
        """Apply a linear operation to the tangents."""
        constant = const(None) if op.decl is containers.pack else None
        operands = [
            self.whole_dot(a, scope, b) if _is_data(op, k) else constant or a
            for k, a in enumerate(op.operands)
        ]
        results = tuple(Value(t, dot_name(v)) for v, t in _tangents(op, operands, b))
        if op.decl is containers.list_new:
            op = replace(op, attrs={**op.attrs, "element": adjoint_type(op.attrs["element"])})
        b.append(replace(op, operands=tuple(operands), results=results, origin="tangent"))
        scope.dots.update(
            (v, d) for v, d in zip(op.results, results, strict=True) if is_float(v.type)
        )

    def multilinear(self, op: Op, scope: _Scope, b: Builder) -> None:
        """The product rule."""
        terms: list[Atom] = []
        for k, a in enumerate(op.operands):
            if self.dot(a, scope) is None:
                continue
            operands = list(op.operands)
            operands[k] = self.whole_dot(a, scope, b)
            ((_, type_),) = _tangents(op, operands, b)
            result = Value(type_, "")
            b.append(replace(op, operands=tuple(operands), results=(result,), origin="tangent"))
            terms.append(result)
        self.sum(op.results[0], terms, scope, b)

    def elementwise(self, op: Op, scope: _Scope, b: Builder) -> None:
        """Use the reverse rule, since the Jacobian of an elementwise operation is diagonal."""
        terms: list[Atom] = []
        for k, a in enumerate(op.operands):
            d = self.dot(a, scope)
            if d is None or is_zero(d):
                continue
            rule = self.rules(
                op.decl,
                [a.type for a in op.operands],
                op.attrs,
                [v.type for v in op.results],
                [d.type],
            )
            env: Env = dict(zip(rule.params, [*op.operands, *op.results, d], strict=True))
            missing = rule.interface.without_derivative
            if k in missing:
                raise unknown_derivative(op, k)
            terms += _inline(rule, [k - sum(m < k for m in missing)], env, b)
        result = op.results[0]
        self.sum(result, terms, scope, b)
        if result in scope.dots and not all(self.is_there(a, scope) for a in op.operands):
            scope.dots[result] = self.surely_whole(scope.dots[result], result.type, b)

    def is_there(self, a: Atom, scope: _Scope) -> bool:
        """Whether a sum of terms has an operand's shape: the operand is a number, or has a tangent of its own type."""
        dot = self.dot(a, scope)
        return not isinstance(a.type, Array) or (dot is not None and dot.type == a.type)

    def by_rule(self, op: Op, scope: _Scope, b: Builder) -> None:
        dots = [
            self.whole_dot(a, scope, b) if is_numeric(a.type) else const(0.0) for a in op.operands
        ]
        decl = op.decl
        if decl.specialised is not None:
            decl = decl.specialised(tuple(k for k, a in enumerate(op.operands) if a in scope.dots))
        rule = self.forward_rules(
            decl,
            [a.type for a in op.operands],
            op.attrs,
            [v.type for v in op.results],
            [d.type for d in dots],
        )
        missing = rule.interface.without_derivative
        wanted = [k for k, v in enumerate(op.results) if v in scope.active]
        if not set(missing).isdisjoint(wanted):
            raise unknown_derivative(op, 0)
        env: Env = dict(zip(rule.params, [*op.operands, *op.results, *dots], strict=True))
        given = [k for k in range(len(op.results)) if k not in missing]
        found = _inline(rule, range(len(given)), env, b)
        scope.dots.update(
            (op.results[k], d) for k, d in zip(given, found, strict=True) if k in wanted
        )

    def sum(self, result: Value, terms: Sequence[Atom], scope: _Scope, b: Builder) -> None:
        out: Atom | None = None
        for term in terms:
            out = term if out is None else b.op(arithmetic.add, out, term, name=dot_name(result))
        if out is not None:
            scope.dots[result] = out

    def surely_whole(self, dot: Atom, type_: Type, b: Builder) -> Atom:
        """A tangent at the size of its value, if it is not known whether an axis was broadcast."""
        have, full = (self.settled(shape_of(t)) for t in (dot.type, type_))
        if len(have) != len(full) or all(p in (q, Dim(1)) for p, q in zip(have, full, strict=True)):
            return dot
        return b.op(memory.expand, dot, type=adjoint_type(type_))

    def settled(self, shape: Sequence[Dim]) -> list[Dim]:
        return [*map(self.assumed, shape)]

    # ---- calls, branches, loops ------------------------------------------------------------------------

    def call(self, call: Call, scope: _Scope, b: Builder) -> None:
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

    def still_lists(self, values: Iterable[Value], scope: _Scope, b: Builder) -> None:
        """Zero tangents for active lists that a call returns without tangents: active items may be appended later."""
        for v in values:
            if isinstance(v.type, List) and v in scope.active:
                scope.dots[v] = self.zero(v, adjoint_type(v.type), b)

    def helper(self, fn: Function, wrt: tuple[int, ...]) -> tuple[Function, tuple[bool, ...]]:
        """A helper with tangents: it returns its results, then the tangents of the results that depend on `wrt`."""
        key = (id(fn), wrt)
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
        self.helpers[id(fn), wrt] = (stand_in(made), tuple(varies))

    def branch(self, branch: If, scope: _Scope, b: Builder) -> None:
        moving = [k for k, v in enumerate(branch.results) if v in scope.active]
        regions = []
        for region in (branch.then, branch.orelse):
            inner = b.inner()
            self.statements(region, scope, inner)
            dots = [self.whole_dot(region.yields[k], scope, inner) for k in moving]
            regions.append(inner.region((), (*region.yields, *dots)))
        results = tuple(
            Value(adjoint_type(branch.results[k].type), dot_name(branch.results[k])) for k in moving
        )
        b.append(
            replace(branch, then=regions[0], orelse=regions[1], results=(*branch.results, *results))
        )
        scope.dots.update((branch.results[k], d) for k, d in zip(moving, results, strict=True))

    def loop(self, loop: For | While, scope: _Scope, b: Builder) -> None:
        results = loop.carried_results if isinstance(loop, For) else loop.results
        params = loop.body.params[1:] if isinstance(loop, For) else loop.body.params
        moving = [
            k for k, v in enumerate(results) if v in scope.active or params[k] in scope.active
        ]
        starts = [self.whole_dot(loop.carried[k], scope, b) for k in moving]
        types = [_carried_type(s, params[k]) for s, k in zip(starts, moving, strict=True)]
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
            asked = tuple(
                replace(v, type=_carried_type(s, new.test.params[k]))
                for v, s, k in zip(ins, starts, moving, strict=True)
            )
            new = replace(new, test=replace(new.test, params=(*new.test.params, *asked)))
        b.append(new)


# operations that only build containers, or take items out of them
_STRUCTURAL = {"pack", "unpack", "get", "list_new", "list_item", "read", "copy"}


def _is_data(op: Op, position: int) -> bool:
    """Whether an operand is data of the result, not an index, a length or a condition."""
    if op.decl.name in ("pack", "list_new"):
        return not isinstance(op.operands[position].type, Static)
    return carries_derivative(op.decl, position)


def _tangents(op: Op, operands: Sequence[Atom], b: Builder) -> list[tuple[Value, Type]]:
    """The results of an operation, each with the type of its tangent. The dtype is wider if a tangent operand is wider
    than its value.
    """
    types = [adjoint_type(v.type) for v in op.results]
    if any(isinstance(a.type, Scalar | Array) and a.type.dtype in _NARROW for a in operands):
        found = op.decl.infer(b.shapes, operands, op.attrs)
        types = [
            replace(t, dtype=f.dtype)
            if isinstance(t, Scalar | Array) and isinstance(f, Scalar | Array)
            else t
            for t, f in zip(types, found, strict=True)
        ]
    return list(zip(op.results, types, strict=True))


_NARROW = ("float16", "float32")


def _carried_type(start: Atom, param: Value) -> Type:
    """The type of a loop-carried tangent: a number or array takes the lengths of the loop-carried value."""
    return adjoint_type(param.type) if isinstance(param.type, Scalar | Array) else start.type


def dot_name(value: Value) -> str:
    return f"{value.name}_dot" if value.name else ""


def _inline(rule: Function, wanted: Sequence[int], env: Env, b: Builder) -> list[Atom]:
    """Append the part of a rule on which the wanted yields depend."""
    yields = [rule.body.yields[k] for k in wanted]
    for statement in needed(rule.body, yields):
        b.append(replace(clone_statement(statement, env), origin="tangent", location=b.location))
    return [env.get(y, y) if isinstance(y, Value) else y for y in yields]
