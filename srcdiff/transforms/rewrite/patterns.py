"""Pattern matching for rewriting rules: a rule is a pair of small functions, matched on the data flow of a program.

    Rule("log(expit(x))", lambda x: log(expit(x)), lambda x: -logaddexp(0.0, -x))
    Rule("log_softmax", lambda x, *, axis: log(softmax(x, axis=axis)), lambda x, *, axis: log_softmax(x, axis=axis))

The functions are called with patterns instead of numbers. A parameter matches any value, the same value in all its
occurrences. A keyword matches an attribute of an operation, such as an axis. A number matches the constant. Matching
follows values to their defining operations, across statements and names. It tries both orders of `+` and `*`, and all
equivalent readings of an operation (`equivalents`). It never looks through storage that is written.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.types import Type, is_complex
from srcdiff.ir.values import Atom, Attrs, Const, Value, const
from srcdiff.ops.core.registry import OPERATIONS, declared
from srcdiff.ops.core.scalar_spellings import of_numbers
from srcdiff.transforms.rewrite.equivalents import Reading, readings

Binding = dict[str, Any]  # parameter -> atom, keyword -> value of the attribute, and `INNER`
# the key for the matched values between the root and the bound parameters
INNER = "made on the way"

_COMMUTATIVE = {"add", "multiply"}
_OF_NUMBERS = {"where", "maximum", "minimum"}  # written as plain Python if the operands are numbers


class Pattern:
    """An expression in a rule. NumPy's functions of patterns are patterns."""

    def __array_ufunc__(
        self, ufunc: object, method: str, *operands: object, **attrs: object
    ) -> Apply:
        return _applied(ufunc if method == "__call__" else None, operands, attrs)

    def __array_function__(self, function: Any, types: object, operands: Any, attrs: Any) -> Apply:
        return _applied(function, operands, attrs)

    @property
    def T(self) -> Apply:
        return Apply("transpose", (self,))

    def __add__(self, other: object) -> Apply:
        return Apply("add", (self, _lift(other)))

    def __radd__(self, other: object) -> Apply:
        return Apply("add", (_lift(other), self))

    def __sub__(self, other: object) -> Apply:
        return Apply("subtract", (self, _lift(other)))

    def __rsub__(self, other: object) -> Apply:
        return Apply("subtract", (_lift(other), self))

    def __mul__(self, other: Anything | Apply) -> Apply:
        return Apply("multiply", (self, _lift(other)))

    def __rmul__(self, other: object) -> Apply:
        return Apply("multiply", (_lift(other), self))

    def __truediv__(self, other: object) -> Apply:
        return Apply("divide", (self, _lift(other)))

    def __rtruediv__(self, other: object) -> Apply:
        return Apply("divide", (_lift(other), self))

    def __matmul__(self, other: Anything | Apply) -> Apply:
        return Apply("matmul", (self, _lift(other)))

    def __pow__(self, other: object) -> Apply:
        return Apply("power", (self, _lift(other)))

    def __neg__(self) -> Apply:
        return Apply("negative", (self,))


@dataclass(frozen=True)
class Anything(Pattern):
    name: str


@dataclass(frozen=True)
class Number(Pattern):
    value: float


@dataclass(frozen=True)
class Attribute:
    """A variable for the value of an attribute; it has the same value in all its occurrences."""

    name: str


@dataclass(frozen=True)
class Apply(Pattern):
    operation: str
    operands: tuple[Pattern, ...]
    attrs: tuple[tuple[str, Any], ...] = ()  # values, or `Attribute`s as variables
    result: int = 0  # which result of an operation with several; these occur on right sides only


@dataclass(frozen=True)
class Rule:
    """A named rewriting; `before` and `after` take the same parameters.

    name : the name by which users switch the rule off or on.
    kind : "exact" (equal in exact arithmetic), "better" (closer to the intended value, and equal in exact arithmetic),
        or "domain" (equal only where the left side has a value), which is off by default.
    reason : what is wrong with the left side, in words.
    samples : arguments at which the left side is inaccurate, overflows or has no value; numbers, or lists for arrays.
    unless : a side condition; the rule does not apply where it is true.
    once : the rule applies only if the intermediate values of the left side have no other use in the same iterations.
    """

    name: str
    before: Callable[..., Pattern]
    after: Callable[..., Pattern]
    kind: str = "exact"
    reason: str = ""
    samples: tuple[tuple[Any, ...], ...] = ()
    unless: Callable[[Binding, Mapping[Atom, Op]], bool] = lambda binding, made: False
    once: bool = False

    @cached_property
    def pattern(self) -> Pattern:
        return self._as_pattern(self.before)

    @cached_property
    def replacement(self) -> Pattern:
        return self._as_pattern(self.after)

    def _as_pattern(self, side: Callable[..., Pattern]) -> Pattern:
        keywords = self.keywords
        return side(*map(Anything, self.parameters), **{k: Attribute(k) for k in keywords})

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters for values."""
        return self._names(is_keyword=False)

    @cached_property
    def keywords(self) -> tuple[str, ...]:
        """The names of the keywords for attributes."""
        return self._names(is_keyword=True)

    def _names(self, is_keyword: bool) -> tuple[str, ...]:
        found = inspect.signature(self.before).parameters.values()
        return tuple(p.name for p in found if (p.kind is p.KEYWORD_ONLY) == is_keyword)


def function(operation: str) -> Callable[..., Apply]:
    """A function for use in rules, by the name of its operation: `exp = function("exp")`."""
    return lambda *operands, result=0, **attrs: Apply(
        operation, tuple(map(_lift, operands)), tuple(attrs.items()), result
    )


def _applied(function: object, operands: Sequence[object], attrs: Attrs) -> Apply:
    """The pattern for a call of a NumPy or SciPy function.

    Raises
    ------
    TypeError
        If the function is not a single operation.
    """
    decl = declared(function) if function is not None else None
    if decl is None:
        called = getattr(function, "__name__", "a method of a ufunc")
        raise TypeError(f"{called} is no single operation, and cannot stand in a rewriting")
    return Apply(decl.name, tuple(map(_lift, operands)), tuple(attrs.items()))


def _lift(operand: Any) -> Pattern:
    return operand if isinstance(operand, Pattern) else Number(operand)


def match(
    pattern: Pattern, atom: Atom, made: Mapping[Atom, Op], binding: Binding | None = None
) -> Binding | None:
    """The binding of the parameters if `atom` matches, otherwise None; `made`: the defining operations to look into."""
    binding = {} if binding is None else binding
    match pattern:
        case Anything(name):
            known = binding.setdefault(name, atom)
            return binding if known == atom or are_equal(known, atom, made) else None
        case Number(value):
            return binding if isinstance(atom, Const) and atom.value == value else None
        case Apply(name, operands, attrs):
            op = made.get(atom)
            if op is None:
                return None
            for reading in readings(op, made):
                if reading.name != name or len(reading.operands) != len(operands):
                    continue
                if any(is_unruly(a.type) for a in (atom, *op.operands)):
                    return None
                given = _match_attrs(reading, dict(attrs), binding)
                found = None if given is None else _match_operands(operands, reading, made, given)
                if found is not None:
                    return {**found, INNER: (*found.get(INNER, ()), *reading.inner, atom)}
    return None


def is_unruly(type_: Type) -> bool:
    """Whether rules do not apply to a type: they hold for real numbers, and SciPy has no functions of float16."""
    return is_complex(type_) or getattr(type_, "dtype", "") == "float16"


def _match_operands(
    operands: Sequence[Pattern], reading: Reading, made: Mapping[Atom, Op], binding: Binding
) -> Binding | None:
    """Match operands in their order, and in both orders if the operation is commutative."""
    orders = [reading.operands]
    if reading.name in _COMMUTATIVE:
        orders.append(reading.operands[::-1])
    for order in orders:
        found: Binding | None = dict(binding)
        for part, operand in zip(operands, order, strict=True):
            found = None if found is None else match(part, operand, made, found)
        if found is not None:
            return found
    return None


def are_equal(x: Atom, y: Atom, made: Mapping[Atom, Op]) -> bool:
    """Whether two values are computed by equal expressions, such as `-x` on two lines."""
    pending, seen = [(x, y)], set[tuple[Atom, Atom]]()
    while pending:
        x, y = (_number_in(a, made) for a in pending.pop())
        if x == y or (x, y) in seen:
            continue
        seen.add((x, y))
        one, other = made.get(x), made.get(y)
        if one is None or other is None or one.results.index(x) != other.results.index(y):
            return False
        if one.decl is not other.decl or one.attrs != other.attrs:
            return False
        if len(one.operands) != len(other.operands):
            return False
        pending += zip(one.operands, other.operands, strict=True)
    return True


def are_opposite(x: Atom, y: Atom, made: Mapping[Atom, Op]) -> bool:
    """Whether one value is the negative of the other, such as `-x / 2` and `x / 2`."""
    (one, a), (other, b) = _scaled(x, made), _scaled(y, made)
    return one == -other and isinstance(a, Value) and are_equal(a, b, made)


def _scaled(x: Atom, made: Mapping[Atom, Op]) -> tuple[float, Any]:
    """A value as a constant factor and the remaining value."""
    scale = 1.0
    while (op := made.get(x)) is not None:
        factor, rest = _factor(op)
        if rest is x:
            break
        scale, x = factor * scale, rest
    return scale, x


def _factor(op: Op) -> tuple[float, Any]:
    """The constant factor of an operation and its other operand; 1 and the result if there is no constant factor."""
    if op.decl.name == "negative":
        return -1.0, op.operands[0]
    for k, a in enumerate(op.operands):
        if not (isinstance(a, Const) and isinstance(a.value, int | float) and a.value):
            continue
        if op.decl.name == "multiply":
            return a.value, op.operands[1 - k]
        if k and op.decl.name == "divide":
            return 1 / a.value, op.operands[0]
    return 1.0, op.results[0]


def _number_in(x: Atom, made: Mapping[Atom, Op]) -> Atom:
    """The operand of a conversion between Python's float and NumPy's float64; otherwise the value itself."""
    op = made.get(x)
    is_same = op is not None and op.decl.name in ("float64", "to_float")
    return op.operands[0] if op is not None and is_same and _is_double(op.operands[0]) else x


def _is_double(a: Atom) -> bool:
    return getattr(a.type, "dtype", "") == "float64"


def _match_attrs(op: Reading, attrs: Attrs, binding: Binding) -> Binding | None:
    """The binding extended by attributes; None if an attribute differs."""
    found, defaults = dict(binding), OPERATIONS[op.name].defaults
    for name in {**attrs, **op.attrs}:
        default = defaults.get(name)
        given, wanted = op.attrs.get(name, default), attrs.get(name, default)
        if isinstance(wanted, Attribute):
            wanted = found.setdefault(wanted.name, given)
        if type(given) is not type(wanted) or given != wanted:
            return None
    return found


def _given_attrs(
    decl: OpDecl, attrs: tuple[tuple[str, object], ...], binding: Binding
) -> dict[str, Any]:
    """The attributes of an operation that a rule makes, without defaults."""
    found = {k: binding[v.name] if isinstance(v, Attribute) else v for k, v in attrs}
    return {k: v for k, v in found.items() if v != decl.defaults.get(k)}


def build(
    pattern: Pattern,
    binding: Binding,
    b: Builder,
    is_python: bool = False,
    made: dict[Pattern, tuple[Value, ...]] | None = None,
) -> Atom:
    """Append the operations of a rule's right side, each once; with `is_python`, as functions of `math`."""
    made = {} if made is None else made
    match pattern:
        case Anything(name):
            atom: Atom = binding[name]
            return atom
        case Number(value):
            return const(value)
        case Apply(name, operands, attrs):
            whole = replace(pattern, result=0)
            if whole not in made:
                decl = OPERATIONS[name]
                parts = [build(p, binding, b, is_python, made) for p in operands]
                of_constants = name == "log" and all(isinstance(p, Const) for p in parts)
                chosen, spelling = of_numbers(decl, parts, "", is_python or of_constants)
                if is_python or of_constants or name in _OF_NUMBERS:
                    decl = chosen
                else:
                    spelling = ""
                given = _given_attrs(decl, attrs, binding)
                made[whole] = b.ops(decl, *parts, spelling=spelling, **given)
            return made[whole][pattern.result]
    raise TypeError(pattern)
