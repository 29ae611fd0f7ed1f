"""Range analysis of subscripts: subscripts that are never negative become unsigned.

Numba allows every signed subscript to count from the end: `x[i]` is `x[i + len(x) if i < 0 else i]`. LLVM removes this
choice in a loop that starts at 0. If the start is known only during the run, LLVM does not, and the loop is not
vectorised.

    for i in range(first, last):                  for i in range(first, last):
        s += x[i, j]                 becomes          $t = build_tuple(i, j)    # of unsigned numbers
                                                      s += x[$t]

A number is nonnegative by its definition: a count up from a nonnegative number, a length, a sum or product of such
numbers. A sum that grows in every iteration may wrap round in the end, and does not qualify.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numba.core import ir, types
from numba.core.compiler import StateDict
from numba.core.compiler_machinery import register_pass
from numba.core.ir_utils import build_definitions, find_callname, guard

from srcdiff.numba_ext.passes.pass_helpers import Rewriting

_SMALL = 2**31  # numbers up to this may be added to a count without a wrap-round
_DIVIDED = (operator.floordiv, operator.ifloordiv, operator.mod, operator.imod)
_ROUNDS = 3


@register_pass(mutates_CFG=False, analysis_only=False)
class NeverNegative(Rewriting):
    """A pass of Numba's compiler, after type inference."""

    _name = "srcdiff_never_negative"

    def rewrite(self, state: Any) -> bool:
        function = state.func_ir
        function._definitions = build_definitions(function.blocks)
        rewriter = _Subscripts(state, _Bounds(function, state.typemap))
        for block in function.blocks.values():
            block.body = [new for s in block.body for new in rewriter.statement(s)]
        return bool(rewriter.count)


class _Subscripts:
    """Replaces signed subscripts by unsigned ones."""

    def __init__(self, state: StateDict, bounds: _Bounds) -> None:
        self.types, self.calls, self.context = state.typemap, state.calltypes, state.typingctx
        self.bounds = bounds
        self.made: dict[str, Sequence[Any]] = {}  # the parts of tuples
        self.count = 0
        for block in state.func_ir.blocks.values():
            for s in block.find_insts(ir.Assign):
                if isinstance(s.value, ir.Expr) and s.value.op == "build_tuple":
                    self.made[s.target.name] = s.value.items

    def statement(self, s: ir.Stmt) -> list[ir.Stmt]:
        if isinstance(s, ir.SetItem):
            return self.stored(s)
        value = getattr(s, "value", None)
        if isinstance(s, ir.Assign) and isinstance(value, ir.Expr) and value.op == "getitem":
            return self.loaded(s)
        return [s]

    def loaded(self, s: Any) -> list[ir.Stmt]:
        old = s.value
        before, index = self.subscript(old.value, old.index, s.target.scope)
        if index is None:
            return [s]
        new = ir.Expr.getitem(old.value, index, old.loc)
        kinds = (self.types[old.value.name], self.types[index.name])
        self.calls[new] = self.context.resolve_function_type(operator.getitem, kinds, {})
        return [*before, ir.Assign(new, s.target, s.loc)]

    def stored(self, s: Any) -> list[ir.Stmt]:
        before, index = self.subscript(s.target, s.index, s.target.scope)
        if index is None:
            return [s]
        new = ir.SetItem(s.target, index, s.value, s.loc)
        kinds = (self.types[v.name] for v in (s.target, index, s.value))
        self.calls[new] = self.context.resolve_setitem(*kinds)
        return [*before, new]

    def subscript(self, array: ir.Var, index: ir.Var, scope: ir.Scope) -> tuple[list[Any], Any]:
        """The statements that compute the unsigned subscript, and the subscript; None if the present one stays."""
        if not isinstance(self.types[array.name], types.Array):
            return [], None
        items = self.made.get(index.name)
        each = [index] if items is None else list(items)
        kinds = [self.kind(v) for v in each]
        if not any(k is types.uintp for k in kinds) or None in kinds:
            return [], None
        self.count += 1
        new = scope.redefine("$subscript", index.loc)
        if items is None:
            self.types[new.name], made = kinds[0], ir.Expr.cast(index, index.loc)
        else:
            self.types[new.name] = types.Tuple(kinds)
            made = ir.Expr.build_tuple(each, index.loc)
            self.calls[made] = None
        return [ir.Assign(made, new, index.loc)], new

    def kind(self, v: ir.Var) -> types.Integer | None:
        """The kind of a number in a subscript; None for other values."""
        type_ = types.unliteral(self.types[v.name])
        if not isinstance(type_, types.Integer):
            return None
        return types.uintp if type_ is types.intp and self.bounds.of(v) >= 0 else type_


@dataclass(frozen=True)
class _Bound:
    """A lower bound.

    Attributes
    ----------
    is_small : bool
        The number is far from where numbers wrap round.
    is_exact : bool
        The number equals `least`.
    """

    least: float
    is_small: bool = False
    is_exact: bool = False

    @property
    def is_step(self) -> bool:
        """Whether the number may be added again and again."""
        return self.is_exact and abs(self.least) < _SMALL


_UNKNOWN = _Bound(-math.inf)
_LENGTH = _Bound(0, is_small=True)


def _any_of(each: Sequence[_Bound]) -> _Bound:
    return _Bound(min(b.least for b in each), all(b.is_small for b in each))


class _Bounds:
    """Lower bounds of integers, from all their assignments."""

    def __init__(self, function: ir.FunctionIR, typemap: Mapping[str, object]) -> None:
        self.function, self.types = function, typemap
        self.definitions: Mapping[str, Sequence[Any]] = function._definitions
        self.found: dict[str, _Bound] = {}
        self.open: dict[str, _Bound] = {}  # variables under analysis, with their assumed bounds
        self.leant: set[str] = set()  # the assumptions that the result depends on

    def of(self, v: ir.Var) -> float:
        """The lower bound of a variable."""
        return self.variable(v.name).least

    def variable(self, name: str) -> _Bound:
        if name in self.found:
            return self.found[name]
        if name in self.open:
            self.leant.add(name)
            return self.open[name]
        around, self.leant = self.leant, set()
        now = _Bound(math.inf)  # a value that a loop changes: the other definitions decide
        for _ in range(_ROUNDS):
            self.open[name], before = now, now
            each = [self.value(d) for d in self.definitions.get(name, ())] or [_UNKNOWN]
            now = each[0] if len(each) == 1 else _any_of(each)
            if name not in self.leant or now == before:
                break
        else:
            now = _UNKNOWN
        del self.open[name]
        self.leant.discard(name)
        if not self.leant:
            self.found[name] = now
        self.leant |= around
        return now

    def value(self, v: object) -> _Bound:
        if isinstance(v, ir.Var):
            return self.variable(v.name)
        if isinstance(v, ir.Const | ir.Global | ir.FreeVar):
            is_int = isinstance(v.value, int)
            return _Bound(v.value, abs(v.value) < _SMALL, True) if is_int else _UNKNOWN
        if isinstance(v, ir.Arg):  # no argument is so large that numbers wrap round
            return _Bound(-math.inf, is_small=True)
        if not isinstance(v, ir.Expr):
            return _Bound(math.inf, True) if v is ir.UNDEFINED else _UNKNOWN
        match v.op:
            case "phi":
                return _any_of([self.value(w) for w in v.incoming_values])
            case "cast":
                return self.value(v.value)
            case "binop" | "inplace_binop":
                fn = v.fn if v.op == "binop" else v.immutable_fn
                return _computed(fn, self.value(v.lhs), self.value(v.rhs))
            case "call":
                return self.called(v)
            case "pair_first":
                return self.counted(v.value)
            case "getitem" | "static_getitem":
                return _LENGTH if self.is_shape(v.value) else _UNKNOWN
        return _UNKNOWN

    def called(self, v: ir.Expr) -> _Bound:
        name, module = guard(find_callname, self.function, v) or ("", "")
        if module not in _BUILTIN or v.kws:
            return _UNKNOWN
        if name == "len":
            return _LENGTH
        if name in ("min", "max") and len(v.args) > 1:
            each = [self.value(a) for a in v.args]
            chosen = min if name == "min" else max
            return _Bound(chosen(b.least for b in each), all(b.is_small for b in each))
        return _UNKNOWN

    def counted(self, pair: ir.Var) -> _Bound:
        """The bound of a loop index over `range`, from the value of its iterator."""
        call: Any = self.only(pair)
        iterator: Any = self.only(call.value) if _is(call, "iternext") else None
        made: Any = self.only(iterator.value) if _is(iterator, "getiter") else None
        if not _is(made, "call") or guard(find_callname, self.function, made) != _RANGE:
            return _UNKNOWN
        first, last, step = _range([self.value(a) for a in made.args])
        if step.least >= 1:
            return _Bound(first.least, first.is_small)
        if step.is_exact:
            return _Bound(last.least + 1, first.is_small)
        return _UNKNOWN

    def only(self, v: Any) -> Any:
        while isinstance(v, ir.Var):
            found = self.definitions.get(v.name, ())
            v = found[0] if len(found) == 1 else None
            if _is(v, "exhaust_iter") or (_is(v, "cast")):
                v = v.value
        return v

    def is_shape(self, v: ir.Var) -> bool:
        found = self.only(v)
        if not _is(found, "getattr") or found.attr != "shape":
            return False
        return isinstance(self.types[found.value.name], types.Array)


_RANGE = ("range", "builtins")
_BUILTIN = (
    "builtins",
    "srcdiff.numba_ext.passes.inline_intrinsics",
)  # `max` and `min` at that stage


def _is(v: ir.AbstractRHS, op: str) -> bool:
    return isinstance(v, ir.Expr) and v.op == op


def _computed(fn: object, a: _Bound, b: _Bound) -> _Bound:
    both, exact = a.is_small and b.is_small, a.is_exact and b.is_exact
    if fn in (operator.add, operator.iadd) and (both or a.is_step or b.is_step):
        return _Bound(a.least + b.least, both, exact)
    if fn in (operator.sub, operator.isub) and b.is_step:
        return _Bound(a.least - b.least, both, exact)
    least = 0 if min(a.least, b.least) >= 0 else -math.inf
    if fn in (operator.mul, operator.imul) and both:
        return _Bound(least, True)
    return _Bound(least, both) if fn in _DIVIDED else _UNKNOWN


def _range(args: Sequence[_Bound]) -> tuple[_Bound, _Bound, _Bound]:
    zero, one = _Bound(0, True, True), _Bound(1, True, True)
    first, last, step = {1: (zero, *args, one), 2: (*args, one), 3: args}[len(args)]
    return first, last, step
