"""IR to plan: explicit copies and jumps, and `for` over sequences where an index only picks elements.

    For(0, n, 1; s = 0.0) { (i, s) -> x_i = index x, i; s1 = add s, x_i; yield s1 }

becomes `s <- 0.0; for x_i in x: { s1 = s + x_i; s <- s1 }`. What no statement needs is left out.
An `If` at the end of a loop's body or of the function ends in `break`, `continue` or `return`
itself, as the user wrote it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from srcdiff.codegen.plan.block_arguments import BlockArguments
from srcdiff.codegen.plan.iteration_idioms import compiled_range, range_form, sequence_form
from srcdiff.codegen.plan.needed_values import Needed, reads_within
from srcdiff.codegen.plan.plan import Branch, Copy, Jump, Let, Loop, Node, Plan, is_pure
from srcdiff.codegen.plan.sequence_lengths import Counts
from srcdiff.codegen.plan.terminators import (
    Assign,
    End,
    Exit,
    Known,
    Leave,
    Return,
    copies,
    decides,
    ends_in_jump,
    in_arm,
    known_in_arms,
    last_decision,
    prefers_expression,
)
from srcdiff.codegen.plan.tuple_assignments import is_unpacking
from srcdiff.codegen.text.templates import conditional_text
from srcdiff.ir.alias import Roots
from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, carried_values
from srcdiff.ir.definedness import perhaps_undefined
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.syntax.spelling import routine_of, template_of
from srcdiff.ir.types import INT, Array, Scalar, is_complex, is_float
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.control.cuda_scalar import device_text
from srcdiff.ops.control.solvers import text_of
from srcdiff.ops.core.ufuncs import complex_name, is_complex_special

ITSELF = (
    "__itself__"  # how a function that calls itself is called until it has its name in the module
)

_BY_SCOPE = {"element_count", "length", "zeros_of", "empty_of", "expand"}
_EXTREMES = {"maximum": "max", "minimum": "min"}  # NumPy's, and Python's, which pass over NaN
_LIKE_AN_ARRAY = {"zeros_like", "empty_like", "ones_like"}


def is_printed_by_scope(op: Op) -> bool:
    """Whether `dims` finds the text: storage that a pass made may be like anything of its type."""
    made_by_pass = (
        op.origin != "user" and op.decl.name in _LIKE_AN_ARRAY and isinstance(op.result.type, Array)
    )
    return made_by_pass or op.decl.name in _BY_SCOPE


def lower(
    fn: Function,
    roots: Roots,
    function_names: Mapping[Function, str] = MappingProxyType({}),
    unset: Collection[Value] = (),
) -> Plan:
    """The plan of a function.

    `function_names`: the names of functions in the text; `unset`: variables that may be None (see `block_arguments`).
    """
    lowering = _Lowering(fn, roots, function_names, unset)
    nodes = lowering.region(fn.body, Return())
    uncertain = frozenset(perhaps_undefined(fn))
    return Plan(fn.params, nodes, fn.output, lowering.members, lowering.doubtful, uncertain)


# ---- statements -----------------------------------------------------------------------------------


RUNTIME = "srcdiff.runtime.vmath"
OF_SCIPY = "srcdiff.runtime.scipy_special"
COMPLEX_OF_SCIPY = "srcdiff.runtime.complex_special"


class _Lowering(BlockArguments):
    def __init__(
        self,
        fn: Function,
        roots: Roots,
        function_names: Mapping[Function, str],
        unset: Collection[Value],
    ) -> None:
        self.roots = roots
        self.counts = Counts(fn, roots)
        super().__init__(fn, self.counts.maker, unset)
        self.function_names = function_names
        self.needed = Needed(fn)
        self.only_ranges = fn.target.is_compiled
        self.is_device = fn.target.is_device
        self.absorbed: set[Statement] = set()  # stand in the header of a loop

    def keeps(self, s: Statement) -> bool:
        return s not in self.absorbed and self.needed.keeps(s)

    def region(self, region: Region, end: End, owner: Statement | None = None) -> list[Node]:
        return self.body(region.body, region.yields, end, owner)

    def body(
        self, body: Sequence[Statement], yields: Sequence[Atom], end: End, owner: Statement | None
    ) -> list[Node]:
        kept = [s for s in body if self.keeps(s)]
        at = last_decision(kept)
        last = kept[at] if at is not None else None
        if isinstance(last, If) and at is not None:
            known = known_in_arms(last, kept[at + 1 :])
            if end.takes_over(last, yields, known):
                return self.taken_over(kept[:at], last, yields, end, known)
        nodes = [n for s in kept for n in self.statement(s)]
        return nodes + end.nodes(self.sources(yields, end), owner)  # type: ignore[arg-type]

    def taken_over(
        self,
        before: Sequence[Statement],
        branch: If,
        yields: Sequence[Atom],
        end: End,
        known: Known,
    ) -> list[Node]:
        """Both arms of the last branch do what comes at the end of the region around."""
        threaded = self.threaded(before, branch, yields, end, known)
        if threaded is not None:
            return threaded
        nodes = [n for s in before for n in self.statement(s)]
        arms: list[list[Node]] = []
        for k, region in enumerate((branch.then, branch.orelse)):
            with self.where(branch.condition, k == 0):
                arms.append(self.body(region.body, in_arm(yields, known, k), end, branch))
        then, orelse = arms
        condition = self.at(branch.condition)
        if isinstance(end, Assign):
            then.append(Jump("continue", origin=branch.origin))
        if ends_in_jump(then):
            return [*nodes, Branch(condition, then, [], branch.origin, branch), *orelse]
        return [*nodes, Branch(condition, then, orelse, branch.origin, branch)]

    def threaded(
        self,
        before: Sequence[Statement],
        branch: If,
        yields: Sequence[Atom],
        end: End,
        known: Known,
    ) -> list[Node] | None:
        """Where an earlier branch decides this one, and one arm only leaves: leave from there.

        if c: x = 1; done = True                   if c: return 1
        else: ...; done = False         becomes    ...
        if done: return x                          rest
        """
        at = last_decision(before)
        earlier = before[at] if at is not None else None
        if at is None or not isinstance(earlier, If) or isinstance(end, Exit):
            return None
        settled = known_in_arms(earlier, before[at + 1 :])
        arms = (branch.then, branch.orelse)
        leaving = next((k for k, arm in enumerate(arms) if not arm.body), None)
        if leaving is None or not decides(earlier, branch.condition, settled):
            return None
        passed = in_arm(yields, known, leaving)

        def leave(results: Sequence[Atom | None]) -> list[Node]:
            given = dict(zip(earlier.results, results, strict=True))
            with self.where(branch.condition, leaving == 0):
                return end.nodes(self.passed(passed, end, given), branch)

        if not ends_in_jump(leave(earlier.then.yields)):
            return None
        rest = arms[1 - leaving]
        rest_yields = in_arm(yields, known, 1 - leaving)
        read = {a for s in rest.body for a in reads_within(s)} | {*rest_yields}
        targets = tuple(r if r in read else None for r in earlier.results)
        wanted = tuple(r if r in read or r in passed else None for r in earlier.results)
        way_out = Exit(targets, wanted, leave, leaving == 0)
        nodes = [n for s in before[:at] for n in self.statement(s)]
        arms_yields = [
            (*region.yields, settled[branch.condition][k])
            for k, region in enumerate((earlier.then, earlier.orelse))
        ]
        both: list[list[Node]] = []
        for k, region in enumerate((earlier.then, earlier.orelse)):
            with self.where(earlier.condition, k == 0):
                both.append(self.body(region.body, arms_yields[k], way_out, earlier))
        then, orelse = both
        condition = self.at(earlier.condition)
        with self.where(branch.condition, leaving == 1):
            after = self.body(rest.body, rest_yields, end, branch)
        if ends_in_jump(then):
            return [*nodes, Branch(condition, then, [], earlier.origin, earlier), *orelse, *after]
        return [*nodes, Branch(condition, then, orelse, earlier.origin, earlier), *after]

    def statement(self, s: Statement) -> list[Node]:
        match s:
            case Op():
                return [self.operation(s)]
            case Call():
                operands = ", ".join(f"{{{i}}}" for i in range(len(s.operands)))
                f = s.function
                name = self.function_names.get(f, ITSELF if is_itself(f) else f.name)
                return [Let(s.results, f"{name}({operands})", self.many(s.operands), s, s.origin)]
            case If():
                return self.conditional(s) or self.branch(s)
            case For():
                return self.for_loop(s)
            case While():
                return self.while_loop(s)

    def operation(self, op: Op) -> Let:
        self.noted(op)
        if "applied" in op.attrs:
            return self.solver(op)
        text = "" if is_printed_by_scope(op) else self.text(op)
        needed = [k for k, r in enumerate(op.results) if r in self.needed.values]
        if len(op.results) > 1 and len(needed) == 1 and not is_unpacking(op):
            (k,) = needed
            return Let((op.results[k],), f"{text}[{k}]", self.many(op.operands), op, op.origin)
        return Let(op.results, text, self.many(op.operands), op, op.origin)

    def solver(self, op: Op) -> Let:
        """A call that is given functions, which have their names in the module."""
        needed = [k for k, r in enumerate(op.results) if r in self.needed.values]
        results = tuple(op.results[k] for k in needed)
        text = text_of(op, self.function_names, needed)
        return Let(results, text, self.many(op.operands), op, op.origin)

    def text(self, op: Op) -> str:
        """What an operation is written as; compiled code has its own functions of numbers."""
        if self.is_device:
            text = device_text(op)
            assert text is not None, op.decl.name
            return text
        is_extreme = op.decl.name in _EXTREMES and op.spelling not in _EXTREMES.values()
        own = op.decl.name if is_extreme else op.decl.compiled or op.decl.c_function
        module = OF_SCIPY if own == op.decl.c_function else RUNTIME
        are_numbers = all(isinstance(r.type, Scalar) and is_float(r.type) for r in op.results)
        are_numbers = are_numbers and not any(
            is_complex(a.type) for a in (*op.operands, *op.results)
        )
        if self.only_ranges and (routine := routine_of(op)):
            return routine
        if self.only_ranges and is_complex_special(op):
            module, own, are_numbers = COMPLEX_OF_SCIPY, complex_name(op), True
        if self.only_ranges and own and are_numbers:
            places = ", ".join(f"{{{k}}}" for k in range(len(op.operands)))
            return f"{module}.{own}({places})"
        return template_of(op)

    def branch(self, s: If) -> list[Node]:
        targets = tuple(r if r in self.needed.values else None for r in s.results)
        arms: list[list[Node]] = []
        for k, region in enumerate((s.then, s.orelse)):
            with self.where(s.condition, k == 0):
                arms.append(self.region(region, Assign(targets), s))
        then, orelse = arms
        return [Branch(self.at(s.condition), then, orelse, s.origin, s)]

    def conditional(self, s: If) -> list[Node]:
        """`a if c else b`, `c and b`, `c or b`: an `If` with one result whose arms are one expression each."""
        live = [k for k, r in enumerate(s.results) if r in self.needed.values]
        if len(live) != 1 or not prefers_expression(s):
            return []
        (k,) = live
        arms: list[list[Node] | None] = []
        for truth, region in ((True, s.then), (False, s.orelse)):
            with self.where(s.condition, truth):
                if self.is_absent(region.yields[k]):
                    return []
                arms.append(self.expression(region, region.yields[k]))
                self.read(region.yields[k])
        if any(arm is None for arm in arms):
            return []
        a, b = self.at(s.then.yields[k]), self.at(s.orelse.yields[k])
        text, operands = conditional_text(self.at(s.condition), a, b)
        inner: list[Node] = [node for arm in arms for node in arm or ()]
        return [*inner, Let((s.results[k],), text, operands, s, s.origin)]

    def expression(self, region: Region, result: Atom) -> list[Node] | None:
        """The operations of an arm, if they can all stand inside one expression."""
        kept = [s for s in region.body if self.keeps(s)]
        nodes: list[Node] = []
        for s in kept:
            if isinstance(s, If):
                inner = self.conditional(s)
                if not inner:
                    return None
                nodes += inner
            elif (
                isinstance(s, Op)
                and len(s.results) == 1
                and not (s.decl.writes or s.decl.effect or s.result.user)
            ):
                nodes.append(self.operation(s))
            else:
                return None
        uses = Counter(
            a
            for node in nodes
            if isinstance(node, Let)
            for a in node.operands
            if isinstance(a, Value)
        )
        uses.update([result] if isinstance(result, Value) else [])
        for node in nodes:
            assert isinstance(node, Let)
            if uses[node.results[0]] != 1:
                return None
            node.inline = True
        return nodes

    # ---- loops ----

    def variables(self, loop: For | While) -> list[Value | None]:
        """The variable of each carried value (None: nothing needs it); results and test parameters refer to it."""
        out: list[Value | None] = []
        offset = 1 if isinstance(loop, For) else 0
        needed = set(self.needed.carried(loop))
        for k in range(len(loop.carried)):
            variable = loop.body.params[k + offset]
            values = carried_values(loop, k)
            self.home.update((v, variable) for v in values if v is not variable)
            self.members[variable] = values
            out.append(variable if k in needed else None)
        return out

    def for_loop(self, loop: For) -> list[Node]:
        variables = self.variables(loop)
        before = copies(variables, self.starts(loop, variables), loop)
        if self.is_device:
            header = range_form(loop)
        elif self.only_ranges:
            header = compiled_range(loop)
        else:
            header = sequence_form(loop, self.counts, self.roots, self.needed.keeps)
        self.home.update(header.same)
        end: End = (
            Leave(tuple(variables)) if loop.breaks else Assign(tuple(variables), is_iteration=True)
        )
        self.absorbed |= header.absorbed
        body = self.region(loop.body, end, loop)
        node = Loop(
            loop,
            header.form,
            self.many(header.operands),
            header.index,
            header.patterns,
            body,
            loop.origin,
            loop.reverse,
            is_array=header.is_array,
        )
        node.variables = tuple(v for v in variables if v is not None)
        if loop.breaks and loop.results[0] in self.needed.values:
            before.append(self.count(loop, node))
        return [*before, node]

    def count(self, loop: For, node: Loop) -> Node:
        """A counter of iterations, where later statements use their number."""
        number = loop.results[0]
        one, zero = (Const(k, Scalar("int64")) for k in (1, 0))
        variable = Value(INT, number.name or "iterations", number.user)
        self.home[number] = variable
        self.members[variable] = [variable, number]
        after = Value(INT, variable.name, variable.user)
        plus = Let((after,), "{0} + {1}", (variable, one), None, loop.origin)
        node.variables += (variable,)
        node.body[:0] = [plus, Copy((variable,), (after,), loop.origin)]
        return Copy((variable,), (zero,), loop.origin)

    def while_loop(self, loop: While) -> list[Node]:
        variables = self.variables(loop)
        before = copies(variables, self.starts(loop, variables), loop)
        end: End = (
            Leave(tuple(variables))
            if loop.test is None
            else Assign(tuple(variables), is_iteration=True)
        )
        body = self.region(loop.body, end, loop)
        node = Loop(loop, "while", (), None, (), body, loop.origin)
        node.variables = tuple(v for v in variables if v is not None)
        if loop.test is not None:
            node.test = [n for s in loop.test.body if self.keeps(s) for n in self.statement(s)]
            node.condition = self.at(loop.test.yields[0])
        else:
            _test_first(node)
        return [*before, node]


def _test_first(node: Loop) -> None:
    """`while True: if c: ... else: break` is `while c: ...`."""
    if not node.body:
        return
    *before, last = node.body
    if not isinstance(last, Branch) or not all(isinstance(n, Let) and is_pure(n) for n in before):
        return
    if (
        len(last.orelse) == 1
        and isinstance(last.orelse[0], Jump)
        and last.orelse[0].kind == "break"
    ):
        node.test, node.condition, node.body = before, last.condition, last.then
