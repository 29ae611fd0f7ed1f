"""A named plan to statements: expressions, assignments in an order that works, jumps and headers of loops."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import gast

from srcdiff.codegen.plan.call_results import CallResults
from srcdiff.codegen.plan.plan import Branch, Copy, Jump, Let, Loop, Node, Pattern, Plan
from srcdiff.codegen.plan.zero_dim_variables import boxed_values
from srcdiff.codegen.text import syntax as n
from srcdiff.codegen.text.augmented import (
    OPERATORS,
    arguments_with_minus,
    effect,
    is_name,
    may_augment,
    negated,
    with_minus,
    without_term,
    wraps,
)
from srcdiff.codegen.text.expression_folding import Folding
from srcdiff.codegen.text.syntax import Expr, Stmt
from srcdiff.codegen.text.templates import template
from srcdiff.ir.core import Call, For, Op, Tree
from srcdiff.ir.types import Scalar, ndim_of
from srcdiff.ir.values import Atom, Const, Value, const, is_number_of
from srcdiff.ops.arrays.container_text import struct_text

_NEGATED = {"less": ">=", "less_equal": ">", "greater": "<=", "greater_equal": "<"}
_STEPS = {"add": 1, "subtract": -1}


class Writer:
    """Writes the statements of one function. `short` maps SciPy's dotted names to what they are imported as, `taken`
    are names that it uses of things outside.
    """

    def __init__(
        self,
        plan: Plan,
        folding: Folding,
        names: Mapping[Value, str],
        short: dict[str, str],
        taken: Collection[str] = (),
    ) -> None:
        self.plan, self.folding, self.names, self.short = plan, folding, names, short
        self.calls = CallResults(plan, names, taken)
        self.remarks: dict[int, str] = {}  # comments, by the statement's identity in the plan
        self.boxed = {names[v] for v in boxed_values(plan, folding.folded.values()) if v in names}

    # ---- expressions ----

    def expression(self, atom: Atom) -> Expr:
        if isinstance(atom, Const):
            return constant(atom.value)
        let = self.folding.folded.get(atom)
        if let is not None:
            return self.value(let)
        return self.calls.places.get(atom) or n.name(self.names[atom])

    def value(self, let: Let) -> Expr:
        if (
            isinstance(let.source, Op)
            and let.source.decl.name == "read"
            and let.results[0] in self.folding.copied
        ):
            return n.call(n.attribute(self.expression(let.operands[0]), "copy"))
        counted = self.counted_on(let)
        if counted is not None:
            return counted
        filled = template(let.text, len(let.operands)).fill(
            [self.expression(a) for a in let.operands], self.short
        )
        if wraps(let.op):
            filled.wraps = True  # `x - -k` is not `x + k` then
        return with_minus(filled) if let.origin != "user" else filled

    def counted_on(self, let: Let) -> Expr:
        """`i - 1` for `i + 1 - 2`: steps of an integer in one; None where there are not several."""
        steps, count = 0, 0
        at: Atom | None = None
        inner: Let | None = let
        while inner is not None and inner.op is not None and inner.op.decl.name in _STEPS:
            start, by = inner.operands
            if not isinstance(start, Value) or not isinstance(by, Const):
                break
            if not (_is_integer(start) and _is_integer(by)):
                break
            at, steps, count = start, steps + _STEPS[inner.op.decl.name] * by.value, count + 1
            inner = self.folding.folded.get(start)
        if at is None or count < 2 or let.origin == "user":
            return None
        start = self.expression(at)
        return n.binop(start, "-" if steps < 0 else "+", n.constant(abs(steps))) if steps else start

    # ---- statements ----

    def block(self, nodes: Sequence[Node]) -> list[Stmt]:
        return [s for node in nodes for s in self.statement(node)]

    def statement(self, node: Node) -> list[Stmt]:
        match node:
            case Let():
                written = self.let(node)
                if written and id(node) in self.remarks:
                    written[-1].remark = self.remarks[id(node)]
                return written
            case Copy():
                return self.copy(node)
            case Branch():
                return self.branch(node)
            case Loop():
                return self.loop(node)
            case Jump():
                return self.jump(node)

    def let(self, let: Let) -> list[Stmt]:
        if len(let.results) == 1 and let.results[0] in self.folding.folded:
            return []
        if let.op is not None and let.op.decl.name == "comment":
            return [n.Comment(let.op.attrs["text"])]
        filled = self.value(let)
        if not let.results:
            return [
                effect(filled, may_augment(let.op))
                if template(let.text, len(let.operands)).is_statement
                else n.expr_stmt(filled if let.origin == "user" else arguments_with_minus(filled))
            ]
        if isinstance(let.source, Call):
            return self.calls.statements(let.source, let.results, filled)
        if len(let.results) > 1 or (let.op is not None and let.op.decl.name == "unpack"):
            return [n.assign(n.tuple_(*(self.target(r) for r in let.results)), filled)]
        return [self.assign(let.results[0], filled, let.op)]

    def assign(self, result: Value, value: Expr, op: Op | None = None) -> Stmt:
        name = self.names[result]
        if name == "_" and isinstance(value, gast.Call) and result.name != "_":
            return n.expr_stmt(value)  # `xs.pop()`
        if (
            isinstance(result.type, Scalar)
            and isinstance(value, gast.BinOp)
            and not isinstance(value.op, gast.MatMult)  # a matrix product has no in-place form
            and name not in ("_", *self.boxed)
        ):
            symbol = OPERATORS[type(value.op)]
            if (
                is_name(value.left, name)
                and may_augment(op, name)
                and not is_name(value.right, name)
            ):
                return n.augassign(name, symbol, value.right)
            generated = op is None or op.origin != "user"
            if symbol == "*" and generated and is_name(value.right, name):
                return n.augassign(name, symbol, value.left)
            rest = without_term(value, name) if symbol in "+-" and generated else None
            if rest is not None and not self.adds_truth_values(op):
                return n.augassign(name, *rest)
        return n.assign(name, value)

    def adds_truth_values(self, op: Op | None) -> bool:
        """Whether terms of a sum are true or false: NumPy joins two of them by `or`, and adds one to a number."""
        if op is None or op.decl.name not in _STEPS:
            return False
        folded = (self.folding.folded.get(a) for a in op.operands)
        return any(is_number_of(a, "bool") for a in op.operands) or any(
            self.adds_truth_values(let.op) for let in folded if let is not None
        )

    def target(self, pattern: Pattern) -> Expr:
        return (
            n.name(self.names[pattern])
            if isinstance(pattern, Value)
            else n.tuple_(*map(self.target, pattern))
        )

    def copy(self, copy: Copy) -> list[Stmt]:
        """Assignments one after the other where the order allows it, in one tuple where they form a circle."""
        shape = self.shape(copy) if copy.together else None
        if shape is not None:
            return [n.assign(n.tuple_(*map(self.target, copy.targets)), shape)]
        pending: list[tuple[Value, Expr]] = []
        for target, source in zip(copy.targets, copy.sources, strict=True):
            value = self.expression(source)
            if self.names[target] != "_" and not is_name(value, self.names[target]):
                pending.append((target, value))
        reads = {
            t: {node.id for node in gast.walk(v) if isinstance(node, gast.Name)} for t, v in pending
        }
        out: list[Stmt] = []
        while pending:
            ready = [
                p
                for p in pending
                if not any(self.names[p[0]] in reads[t] for t, _ in pending if t is not p[0])
            ]
            if not ready or (copy.together and len(pending) > 1):
                targets = n.tuple_(*(n.name(self.names[t]) for t, _ in pending))
                return [*out, n.assign(targets, n.tuple_(*(v for _, v in pending)))]
            target, value = ready[0]
            maker = self.made_by(copy, target)
            out.append(self.assign(target, value, None if maker is None else maker.op))
            pending.remove(ready[0])
        return out

    def shape(self, copy: Copy) -> Expr | None:
        """`x.shape`, where all the lengths of one array are taken together."""
        makers = [self.made_by(copy, target) for target in copy.targets]
        lengths = [
            m
            for m in makers
            if m is not None and m.op is not None and m.op.decl.name == "axis_length"
        ]
        bases = {maker.operands[0] for maker in lengths}
        if len(lengths) != len(makers) or len(bases) != 1:
            return None
        (base,) = bases
        axes = [maker.op.attrs["axis"] for maker in lengths if maker.op is not None]
        return (
            n.attribute(self.expression(base), "shape")
            if axes == [*range(ndim_of(base.type))]
            else None
        )

    def made_by(self, copy: Copy, target: Value) -> Let | None:
        return self.folding.folded.get(copy.sources[copy.targets.index(target)])

    def branch(self, node: Branch) -> list[Stmt]:
        then, orelse = self.block(node.then), self.block(node.orelse)
        if not then and not orelse:
            return []
        if not then:
            return [n.if_(self.opposite(node.condition), orelse)]
        return [n.if_(self.expression(node.condition), then, orelse)]

    def opposite(self, condition: Atom) -> Expr:
        """What holds where a condition does not: of integers, `i < n` where `i >= n` does not."""
        let = self.folding.folded.get(condition)
        name = let.op.decl.name if let is not None and let.op is not None else ""
        if let is not None and name == "or":
            return n.boolop("and", *map(self.opposite, let.operands))
        if let is not None and name in _NEGATED and all(map(_is_integer, let.operands)):
            left, right = map(self.expression, let.operands)
            return n.compare(left, _NEGATED[name], right)
        return negated(self.expression(condition))

    def loop(self, node: Loop) -> list[Stmt]:
        body = self.block(node.body)
        if node.form == "while":
            return [self.while_loop(node, body)]
        return [
            n.for_(
                self.loop_target(node),
                self.iterable(node),
                _without_last_continue(body) or [n.pass_()],
            )
        ]

    def while_loop(self, node: Loop, body: list[Stmt]) -> Stmt:
        test = self.block(node.test)
        if node.condition is None:
            return n.while_(n.constant(True), body)
        condition = self.expression(node.condition)
        if not test:
            return n.while_(condition, body or [n.pass_()])
        leave = n.if_(negated(condition), [n.break_()])
        return n.while_(n.constant(True), [*test, leave, *body])

    def loop_target(self, node: Loop) -> Expr:
        if node.form == "range":
            assert node.index is not None
            return n.name(self.names[node.index])
        patterns = [self.target(p) for p in node.patterns]
        target = patterns[0] if len(patterns) == 1 else n.tuple_(*patterns)
        if node.form == "each":
            return target
        assert node.index is not None
        return n.tuple_(n.name(self.names[node.index]), target)

    def iterable(self, node: Loop) -> Expr:
        if node.form == "range":
            start, stop, step = node.operands
            bounds = [self.expression(stop)]
            if step != const(1):
                bounds = [self.expression(a) for a in node.operands]
            elif start != const(0):
                bounds = [self.expression(start), *bounds]
            is_parallel = isinstance(node.source, For) and node.source.is_parallel
            form = "prange" if is_parallel else "np.arange" if node.is_array else "range"
            counted = n.call(form, *bounds)
            return n.call("reversed", counted) if node.reverse else counted
        sequences = [self.expression(a) for a in node.operands]
        if node.reverse:
            sequences = [n.call("reversed", s) for s in sequences]
        together = sequences[0] if len(sequences) == 1 else n.call("zip", *sequences)
        return together if node.form == "each" else n.call("enumerate", together)

    def jump(self, node: Jump) -> list[Stmt]:
        if node.kind == "break":
            return [n.break_()]
        if node.kind == "continue":
            return [n.continue_()]
        return [n.return_(self.tree(self.plan.output, node.operands))]

    def tree(self, tree: Tree, operands: Sequence[Atom]) -> Expr:
        if isinstance(tree, int):
            return self.expression(operands[tree])
        count = len(tree.children)
        text = struct_text(tree.kind, tree.keys, [f"{{{k}}}" for k in range(count)], tree.cls)
        return template(text, count).fill(
            [self.tree(c, operands) for c in tree.children], self.short
        )


# ---- small things --------------------------------------------------------------------------------


def constant(value: Any) -> Expr:
    """The expression for an operand that is known when compiling; dtypes are known by their NumPy names."""
    of_pi = _of_pi(abs(value)) if type(value) is float and math.isfinite(value) else None
    if of_pi is not None:
        return of_pi if value > 0.0 else n.unary("-", of_pi)
    try:
        return n.constant(value)
    except TypeError:
        name = getattr(value, "name", None) or getattr(value, "__name__", None)
        if isinstance(name, str) and name.isidentifier():
            return n.attribute(f"np.{name}")
        raise


def _of_pi(value: float) -> Expr:
    """`2.0 * np.pi` and `2.0 / np.pi`, for the numbers that these are; None for another one."""
    pi = n.attribute("np.pi")
    if value == math.pi:
        return pi
    if value > 8.0 * math.pi:
        return None
    times, over = round(2.0 * value / math.pi) / 2.0, round(2.0 * value * math.pi) / 2.0
    if 0.0 < times <= 8.0 and times * math.pi == value:
        return n.binop(n.constant(times), "*", pi)
    if 0.0 < over <= 8.0 and over / math.pi == value:
        return n.binop(n.constant(over), "/", pi)
    return None


def _is_integer(atom: Atom) -> bool:
    return isinstance(atom.type, Scalar) and atom.type.dtype.startswith(("int", "uint"))


def _without_last_continue(body: list[Stmt]) -> list[Stmt]:
    while body and isinstance(body[-1], gast.Continue):
        body = body[:-1]
    return body
