"""Derivative rules, small NumPy functions, as IR: read like any other function, with static attributes as constants.

    def tanh(x, *, out, d_out):          (%x, %out, %d_out) ->
        d_x = d_out * (1 - out**2)           %0 = power %out, 2
                                             %1 = subtract 1, %0
                                             %d_x = multiply %d_out, %1
                                             yield %d_x

The function's parameters are the operands, the results (`out`), and in reverse mode their adjoints (`d_out`),
in forward mode the operands' tangents (`x_dot`). It yields the values that the rule assigns, operand by operand;
`interface.without_derivative` are the positions of operands that the rule assigns nothing for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from types import FunctionType

from srcdiff.errors import RuleError
from srcdiff.frontend.control.blocks import block
from srcdiff.frontend.core.constants import from_python
from srcdiff.frontend.core.session import Session
from srcdiff.frontend.core.symbols import Symbols
from srcdiff.frontend.core.values import FrontValue, Missing, sequence, tree_of
from srcdiff.frontend.source.external_dependencies import look_up
from srcdiff.frontend.source.function_source import source_of
from srcdiff.frontend.trace import Tracer
from srcdiff.ir.build import Builder, change_dims
from srcdiff.ir.core import Function, Node, Op, OpDecl, Region, Statement, Tree, walk
from srcdiff.ir.facts import Interface
from srcdiff.ir.types import NONE, Array, Dim, Scalar, Type, dims_of, shape_of
from srcdiff.ir.values import Atom, Attrs, Value, const
from srcdiff.ops.arrays.memory import element_count, length
from srcdiff.ops.arrays.reductions import count
from srcdiff.ops.core.axes import axes_of

_PARSED: dict[object, Function] = {}
_LIMIT = 10_000


def parse_rule(
    decl: OpDecl,
    operands: Sequence[Type],
    attrs: Attrs,
    out: Sequence[Type],
    d_out: Sequence[Type | None],
) -> Function:
    """The reverse-mode rule of an operation for these types; None in `d_out` for a result that has no adjoint."""
    assert decl.rule is not None
    return _parsed(decl.rule, operands, attrs, out, d_out, (), decl.elementwise)


def parse_forward_rule(
    decl: OpDecl,
    operands: Sequence[Type],
    attrs: Attrs,
    out: Sequence[Type],
    dots: Sequence[Type | None],
) -> Function:
    """The forward-mode rule: `dots` are the operands' tangents, None for those that have none."""
    assert decl.forward is not None
    return _parsed(decl.forward, operands, attrs, out, (), dots, decl.elementwise)


def parse_expansion(
    form: Callable[..., object], operands: Sequence[Type], attrs: Attrs
) -> Function:
    """An operation written with simpler operations, for these types; it yields the results."""
    key = ("expansion", form, tuple(operands), tuple(attrs.items()))
    if key not in _PARSED:
        _PARSED[key] = _Rule(form, attrs).expansion(operands)
    return _PARSED[key]


def _parsed(
    rule: Callable[..., object],
    operands: Sequence[Type],
    attrs: Attrs,
    out: Sequence[Type],
    d_out: Sequence[Type | None],
    dots: Sequence[Type | None],
    elementwise: bool,
) -> Function:
    try:
        key = (rule, tuple(operands), tuple(attrs.items()), tuple(out), tuple(d_out), tuple(dots))
        found = _PARSED.get(key)
    except TypeError:  # an attribute that cannot be hashed
        return _Rule(rule, attrs, elementwise).function(operands, out, d_out, dots)
    if found is None:
        if len(_PARSED) > _LIMIT:
            _PARSED.clear()
        found = _PARSED[key] = _Rule(rule, attrs, elementwise).function(operands, out, d_out, dots)
    return found


@dataclass
class _Lengths(Symbols):
    """Lengths of a rule. `whole`: the result of broadcasting two lengths, of which one may be 1; `takes_all_as_long`:
    the caller has checked whether axes have length 1.
    """

    whole: dict[frozenset[Dim], Dim] = field(default_factory=dict)
    takes_all_as_long: bool = False

    def take_as_long(self, dim: Dim) -> bool:
        return self.takes_all_as_long or super().take_as_long(dim)

    def broadcast_axis(self, a: Dim, b: Dim) -> Dim:
        found = self.whole.get(frozenset((a, b)))
        return super().broadcast_axis(a, b) if found is None else found

    def of_elements(self, operands: Sequence[Type], out: Type) -> None:
        """Take in what the operands of an elementwise operation become together, where that is the same on all axes."""
        shapes, found = [shape_of(t)[::-1] for t in operands], defaultdict(set)
        for axis, whole in enumerate(shape_of(out)[::-1]):
            dims = {whole, *(s[axis] for s in shapes if len(s) > axis)} - {Dim(1)}
            for pair in map(frozenset, combinations(dims, 2)):
                found[pair].add(whole)
        self.whole = {
            pair: next(iter(wholes)) for pair, wholes in found.items() if len(wholes) == 1
        }


class _Rule:
    """One rule being read."""

    def __init__(
        self, rule: Callable[..., object], attrs: Attrs, elementwise: bool = False
    ) -> None:
        assert isinstance(rule, FunctionType)
        self.rule = rule
        self.attrs = attrs
        self.source = source_of(rule)
        self.shapes = _Lengths(takes_all_as_long="applied" in attrs)  # calls of solvers
        self.elementwise = elementwise
        self.session = Session(
            self.shapes, Builder(self.shapes, origin="compiler"), user_names=False, of_rule=True
        )
        self.frame = Tracer(self.session, self.source, lambda name: look_up(rule, name))
        self.params: list[Value] = []

    def function(
        self,
        operands: Sequence[Type],
        out: Sequence[Type],
        d_out: Sequence[Type | None],
        dots: Sequence[Type | None],
    ) -> Function:
        for type_ in (*operands, *out, *d_out, *dots):
            if type_ is not None and not isinstance(type_, Scalar):
                self.shapes.rigid |= {s for d in dims_of(type_) for s in d.symbols()}
        if self.elementwise and len(operands) == 2:
            self.shapes.of_elements(operands, out[0])
        self.session.of_python = all(isinstance(t, Scalar) and t.weak for t in out)
        names = self._bind_operands(operands)
        self._bind_results(out, d_out)
        self._bind_tangents(names, dots)
        block(self.frame, self.source.node.body, frozenset(self.source.flow.local))
        return self._finished(names, bool(dots), len(out))

    def expansion(self, operands: Sequence[Type]) -> Function:
        for type_ in operands:
            if not isinstance(type_, Scalar):
                self.shapes.rigid |= {s for d in dims_of(type_) for s in d.symbols()}
        self._bind_operands(operands)
        block(self.frame, self.source.node.body, frozenset(self.source.flow.local))
        yields: list[Atom] = []
        found = self._value("result")
        assert found is not None
        tree = tree_of(found, yields)
        assert tree is not None
        region = Region(tuple(self.params), tuple(self.session.b.body), tuple(yields))
        function = Function(self.rule.__name__, region, tree)
        return change_dims(function, self.shapes.resolve) if self.shapes.bindings else function

    # ---- parameters ----

    def _bind_operands(self, operands: Sequence[Type]) -> list[str]:
        """Bind operands and static attributes; gives the name of each operand."""
        fr, arguments = self.frame, self.source.node.args
        positional = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
        keyword = {a.id for a in arguments.kwonlyargs}
        defaults = dict(
            zip(
                positional[len(positional) - len(arguments.defaults) :],
                self.rule.__defaults__ or (),
                strict=True,
            )
        )
        names: list[str] = []
        for name in positional:
            if name in defaults:
                fr.env[name] = from_python(
                    fr, self.attrs.get(name, defaults[name]), name, self.source.node
                )
            elif len(names) < len(operands):
                operand = self._param(name, operands[len(names)])
                fr.env[name] = const(None) if operand.type == NONE else operand
                names.append(name)
        for name, value in self.attrs.items():
            if name not in fr.env and name not in keyword:
                fr.env[name] = from_python(fr, value, name, self.source.node)
        if arguments.vararg is not None:
            star = arguments.vararg.id
            rest = [self._param(star, t) for t in operands[len(names) :]]
            fr.env[star] = sequence(rest)
            names += [star] * len(rest)
        if len(names) != len(operands):
            raise RuleError(
                f"the rule `{self.rule.__name__}` has {len(names)} operands, its operation {len(operands)}",
                location=self.source.location(self.source.node),
            )
        return names

    def _bind_results(self, out: Sequence[Type], d_out: Sequence[Type | None]) -> None:
        results: list[FrontValue] = [self._param("out", t) for t in out]
        adjoints = [const(None) if t is None else self._param("d_out", t) for t in d_out]
        self.frame.env["out"] = results[0] if len(results) == 1 else sequence(results)
        if d_out:
            self.frame.env["d_out"] = adjoints[0] if len(adjoints) == 1 else sequence(adjoints)

    def _bind_tangents(self, names: Sequence[str], dots: Sequence[Type | None]) -> None:
        bound: dict[str, list[FrontValue]] = {}
        for name, type_ in zip(names, dots, strict=False):
            value = const(None) if type_ is None else self._param(f"{name}_dot", type_)
            bound.setdefault(name, []).append(value)
        star = self.source.node.args.vararg
        for name, values in bound.items():
            is_star = star is not None and star.id == name
            self.frame.env[f"{name}_dot"] = sequence(values) if is_star else values[0]

    def _param(self, name: str, type_: Type) -> Value:
        param = Value(type_, name)
        self.params.append(param)
        return param

    # ---- results ----

    def _finished(self, names: Sequence[str], is_forward: bool, results: int) -> Function:
        self._refuse_writes()
        yields: list[Atom] = []
        missing: list[int] = []
        children: list[Tree] = []
        for position, value in enumerate(self._assigned(names, is_forward, results)):
            tree = None if value is None else tree_of(value, yields)
            if tree is None:
                missing.append(position)
            else:
                children.append(tree)
        output = Node("tuple", tuple(range(len(children))), tuple(children))
        body = tuple(_by_type(s) for s in self.session.b.body)
        region = Region(tuple(self.params), body, tuple(yields))
        interface = Interface(without_derivative=tuple(missing))
        function = Function(self.rule.__name__, region, output, interface=interface)
        return change_dims(function, self.shapes.resolve) if self.shapes.bindings else function

    def _refuse_writes(self) -> None:
        """Only what values are made of is taken over from a rule: a write would be left out."""
        for statement in walk(Region((), tuple(self.session.b.body), ())):
            if isinstance(statement, Op) and statement.decl.writes:
                raise RuleError(
                    f"the rule `{self.rule.__name__}` writes into an array or a list",
                    "Make the result by expressions, without `x[i] = ...` and `append`, or call a function of NumPy's.",
                    self.source.location(self.source.node),
                )

    def _assigned(
        self, names: Sequence[str], is_forward: bool, results: int
    ) -> list[FrontValue | None]:
        """The values that the rule assigns, for each operand (in forward mode: for each result)."""
        if is_forward:
            dot = self._value("out_dot")
            dots = list(getattr(dot, "values", [None] * results)) if results > 1 else [dot]
            return [None if d == const(None) else d for d in dots]
        star = self.source.node.args.vararg
        out: list[FrontValue | None] = []
        for k, name in enumerate(names):
            value = self._value(f"d_{name}")
            if value is not None and star is not None and star.id == name:
                value = value.values[k - names.index(name)]  # type: ignore[union-attr]
            out.append(value)
        return out

    def _value(self, name: str) -> FrontValue | None:
        value = self.frame.env.get(name)
        if value is None or isinstance(value, Missing):
            return None
        return self.frame.bound(value, name, self.source.node)


def _by_type(statement: Statement) -> Statement:
    """How many elements something has is had from any other of its shape: it need not be kept for that."""
    if not isinstance(statement, Op) or statement.decl is not count:
        return statement
    shape = shape_of(statement.operands[0].type)
    lengths = tuple(shape[k] for k in axes_of(len(shape), statement.attrs.get("axis")))
    if len(lengths) == 1:
        return replace(statement, decl=length, operands=(), attrs={"dim": lengths[0]})
    return replace(
        statement, decl=element_count, operands=(), attrs={"type": Array("float64", lengths)}
    )
