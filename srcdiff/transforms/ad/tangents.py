"""Tangents of operations, for forward mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, clone_statement, own_copy
from srcdiff.ir.core import Function, Op, OpDecl
from srcdiff.ir.dims import settling
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
from srcdiff.ir.values import Atom, Value, const, is_zero
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.ops.control.cuda_kernel import barrier_of, is_barrier, shared_array
from srcdiff.ops.control.cuda_launch import is_launch
from srcdiff.ops.core.operand_roles import carries_derivative
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.ad.adjoints.accumulate import (
    adjoint_type,
    in_dtype,
    unknown_derivative,
    whole,
)
from srcdiff.transforms.ad.directives.kernel_launches import tangent_launch
from srcdiff.transforms.analysis.defuse import needed
from srcdiff.transforms.simplify.constants import zero, zeros

Rules = Callable[
    [OpDecl, Sequence[Type], Mapping[str, object], Sequence[Type], Sequence[Type]], Function
]
# forward_rules(decl, operand types, attrs, result types, tangent types): the rule as IR; params are operands, results,
# tangents; one yield for each result
ForwardRules = Rules


@dataclass
class Scope:
    """The state of one function: the active values, and their tangents so far."""

    active: frozenset[Value]
    buffers: frozenset[Value]
    dots: dict[Value, Atom] = field(default_factory=dict)


class Tangents:
    """The tangents of the values of a function: `op` appends the tangent of an operation."""

    def __init__(self, rules: Rules, forward_rules: ForwardRules) -> None:
        self.rules = rules
        self.forward_rules = forward_rules
        self.assumed: Callable[[Dim], Dim] = settling(())
        self.helpers: dict[tuple[Function, tuple[int, ...]], tuple[Function, tuple[bool, ...]]] = {}
        self.dots: dict[Value, Atom] = {}  # of all functions transformed
        self.undefined: set[Value] = set()
        self.unsized: set[Value] = set()  # zeros for names that may have no value

    def dot(self, atom: Atom, scope: Scope) -> Atom | None:
        """The tangent of an atom; None for zero."""
        return scope.dots.get(atom) if isinstance(atom, Value) and atom in scope.active else None

    def whole_dot(self, atom: Atom, scope: Scope, b: Builder) -> Atom:
        found = self.dot(atom, scope)
        type_ = adjoint_type(atom.type)
        return self.zero(atom, type_, b) if found is None else whole(b, found, type_)

    def sized_dot(self, atom: Atom, scope: Scope, b: Builder) -> Atom | None:
        """The tangent of an atom at the atom's size; None for zero."""
        return None if self.dot(atom, scope) is None else self.whole_dot(atom, scope, b)

    def zero(self, atom: Atom, type_: Type, b: Builder) -> Atom:
        if atom in self.undefined:
            return b.op(control.undefined, type=type_)  # there are no lengths for zeros
        if atom in self.unsized:
            return b.op(memory.zeros_like, atom)
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

    def op(self, op: Op, scope: Scope, b: Builder) -> None:
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
        if op.decl is memory.zeros_like and op.attrs.get("unbound"):
            self.unsized.add(op.result)
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

    def write(self, op: Op, scope: Scope, b: Builder) -> None:
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

    def write_operand(self, k: int, a: Atom, op: Op, scope: Scope, b: Builder) -> Atom:
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

    def linear(self, op: Op, scope: Scope, b: Builder) -> None:
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

    def multilinear(self, op: Op, scope: Scope, b: Builder) -> None:
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

    def elementwise(self, op: Op, scope: Scope, b: Builder) -> None:
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
            rule = own_copy(rule, b.shapes)
            env: Env = dict(zip(rule.params, [*op.operands, *op.results, d], strict=True))
            missing = rule.interface.without_derivative
            if k in missing:
                raise unknown_derivative(op, k)
            terms += _inline(rule, [k - sum(m < k for m in missing)], env, b)
        result = op.results[0]
        self.sum(result, terms, scope, b)
        if result in scope.dots and not all(self.is_there(a, scope) for a in op.operands):
            scope.dots[result] = self.surely_whole(scope.dots[result], result.type, b)

    def is_there(self, a: Atom, scope: Scope) -> bool:
        """Whether a sum of terms has an operand's shape: the operand is a number, or has a tangent of its own type."""
        dot = self.dot(a, scope)
        return not isinstance(a.type, Array) or (dot is not None and dot.type == a.type)

    def by_rule(self, op: Op, scope: Scope, b: Builder) -> None:
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
        rule = own_copy(rule, b.shapes)
        env: Env = dict(zip(rule.params, [*op.operands, *op.results, *dots], strict=True))
        given = [k for k in range(len(op.results)) if k not in missing]
        found = _inline(rule, range(len(given)), env, b)
        scope.dots.update(
            (op.results[k], d) for k, d in zip(given, found, strict=True) if k in wanted
        )

    def sum(self, result: Value, terms: Sequence[Atom], scope: Scope, b: Builder) -> None:
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


def dot_name(value: Value) -> str:
    return f"{value.name}_dot" if value.name else ""


def _inline(rule: Function, wanted: Sequence[int], env: Env, b: Builder) -> list[Atom]:
    """Append the part of a rule on which the wanted yields depend."""
    yields = [rule.body.yields[k] for k in wanted]
    for statement in needed(rule.body, yields):
        b.append(replace(clone_statement(statement, env), origin="tangent", location=b.location))
    return [env.get(y, y) if isinstance(y, Value) else y for y in yields]
