"""Types of the IR: what the compiler knows about a value before the program runs.

Lengths of axes are `Dim`s: affine expressions over *symbols* (strings). Two axes that must be equal for the
program to run share one symbol, so the adjoint of a broadcast is decided when compiling. An integer scalar carries
its own `Dim` (`Scalar.expr`), so `np.zeros(n - 1)` has the length that `x[1:]` has.

    scalar   float64        a Python or NumPy scalar (`weak`: a Python one, which does not widen an array's dtype)
    array    float64[n, 3]  symbolic or fixed lengths; `1` is a length-1 axis that broadcasts
    struct   (a, b)         a container whose parts are known by position or key: tuple, dict, named tuple, ...
    list     [a]            a list whose elements have one type (their lengths may differ: symbols within are its own)
    static   'axis'         a value known when compiling: None, strings, dtypes
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from srcdiff.ir.structs import identity_of


@dataclass(frozen=True, slots=True)
class Clamp:
    """`max(inner, 0)` as an atom of a `Dim`: the length of `x[1:]` where x may be empty."""

    inner: Dim

    def __str__(self) -> str:
        return f"max({self.inner}, 0)"

    def substitute(self, bindings: Mapping[str, Dim]) -> Dim:
        """Of a number that is no length, `max(n, 0)` stays what it is."""
        inner = self.inner.substitute(bindings)
        is_length = self.inner.clamped() == Dim.of(self)
        return inner.clamped() if is_length or inner.is_const else Dim.of(Clamp(inner))


@dataclass(frozen=True, slots=True)
class Product:
    """A product of lengths as an atom of a `Dim`: the length of `x.ravel()`.

    `product_of` makes it; `factors` are sorted.
    """

    factors: tuple[Dim, ...]

    def __str__(self) -> str:
        return f"prod({', '.join(map(str, self.factors))})"

    def substitute(self, bindings: Mapping[str, Dim]) -> Dim:
        return product_of([f.substitute(bindings) for f in self.factors])


@dataclass(frozen=True, slots=True)
class Quotient:
    """`inner // by` as an atom of a `Dim`: how many frequencies n numbers have. `quotient_of` makes it."""

    inner: Dim
    by: int

    def __str__(self) -> str:
        return f"div({self.inner}, {self.by})"

    def substitute(self, bindings: Mapping[str, Dim]) -> Dim:
        return quotient_of(self.inner.substitute(bindings), self.by)


Composed = Clamp | Product | Quotient
Symbol = str | Composed


@dataclass(frozen=True, slots=True)
class Dim:
    """An affine expression `const + sum(coefficient * symbol)`; `terms` is sorted and has no zero coefficient."""

    const: int = 0
    terms: tuple[tuple[Symbol, int], ...] = ()

    @staticmethod
    def of(symbol: Symbol) -> Dim:
        return Dim(0, ((symbol, 1),))

    @property
    def is_const(self) -> bool:
        return not self.terms

    @property
    def symbol(self) -> str | None:
        """The name, where this is a bare symbol."""
        if self.const == 0 and len(self.terms) == 1 and self.terms[0][1] == 1:
            name = self.terms[0][0]
            return name if isinstance(name, str) else None
        return None

    def __add__(self, other: Dim | int) -> Dim:
        other = as_dim(other)
        total = dict(self.terms)
        for symbol, k in other.terms:
            total[symbol] = total.get(symbol, 0) + k
        terms = tuple(sorted(((s, k) for s, k in total.items() if k), key=lambda t: str(t[0])))
        return Dim(self.const + other.const, terms)

    def __neg__(self) -> Dim:
        return self.scaled(-1)

    def __sub__(self, other: Dim | int) -> Dim:
        return self + as_dim(other).scaled(-1)

    def scaled(self, k: int) -> Dim:
        return Dim(self.const * k, tuple((s, c * k) for s, c in self.terms)) if k else Dim()

    def clamped(self) -> Dim:
        """`max(self, 0)`; `max(max(a, 0) - k, 0)` is `max(a - k, 0)` for k >= 0."""
        if self.is_const:
            return Dim(max(self.const, 0))
        if self.const <= 0 and len(self.terms) == 1 and self.terms[0][1] == 1:
            symbol = self.terms[0][0]
            if isinstance(symbol, Clamp):
                return (symbol.inner + self.const).clamped()
        if self._is_length():
            return self
        return Dim.of(Clamp(self))

    def _is_length(self) -> bool:
        """Whether it cannot be negative, as symbols are not."""
        inner = (s.inner for s, _ in self.terms if isinstance(s, Quotient))
        return (
            self.const >= 0
            and all(k > 0 for _, k in self.terms)
            and all(d._is_length() for d in inner)
        )

    def trip_bound(self) -> Dim:
        """What a loop with this many iterations may count to: `n` for `max(n, 0)`."""
        if self.const == 0 and len(self.terms) == 1 and self.terms[0][1] == 1:
            symbol = self.terms[0][0]
            if isinstance(symbol, Clamp):
                return symbol.inner
        return self

    def substitute(self, bindings: Mapping[str, Dim]) -> Dim:
        out = Dim(self.const)
        for symbol, k in self.terms:
            if isinstance(symbol, str):
                out = out + bindings.get(symbol, Dim.of(symbol)).scaled(k)
            else:
                out = out + symbol.substitute(bindings).scaled(k)
        return out

    def evaluate(self, lengths: Mapping[str, int]) -> int:
        """The number, given one for each symbol; KeyError where a symbol is unknown."""
        total = self.const
        for symbol, k in self.terms:
            if isinstance(symbol, Clamp):
                total += k * max(symbol.inner.evaluate(lengths), 0)
            elif isinstance(symbol, Quotient):
                total += k * (symbol.inner.evaluate(lengths) // symbol.by)
            elif isinstance(symbol, Product):
                total += k * math.prod(f.evaluate(lengths) for f in symbol.factors)
            else:
                total += k * lengths[symbol]
        return total

    def symbols(self) -> set[str]:
        found: set[str] = set()
        for symbol, _ in self.terms:
            found |= {symbol} if isinstance(symbol, str) else symbols_of(inner_lengths(symbol))
        return found

    def __str__(self) -> str:
        parts: list[str] = []
        for symbol, k in self.terms:
            sign = "-" if k < 0 else "+"
            parts += [sign, f"{symbol}" if abs(k) == 1 else f"{abs(k)}*{symbol}"]
        if self.const or not parts:
            parts += ["-" if self.const < 0 else "+", str(abs(self.const))]
        text = "".join(parts)
        return text[1:] if text[0] == "+" else text


def as_dim(value: Dim | int) -> Dim:
    return value if isinstance(value, Dim) else Dim(value)


def inner_lengths(symbol: Composed) -> tuple[Dim, ...]:
    """What an atom that is no name is made of."""
    return symbol.factors if isinstance(symbol, Product) else (symbol.inner,)


def symbols_of(dims: Iterable[Dim]) -> set[str]:
    return {s for d in dims for s in d.symbols()}


def factors_of(dims: Iterable[Dim]) -> tuple[int, list[Dim]]:
    """A product of lengths: a number, and the factors that are not known."""
    number = 1
    factors: list[Dim] = []
    for dim in dims:
        atom, k = dim.terms[0] if len(dim.terms) == 1 and not dim.const else (None, 1)
        if dim.is_const:
            number *= dim.const
        elif isinstance(atom, Product):
            number, factors = number * k, [*factors, *atom.factors]
        elif atom is not None:
            number, factors = number * k, [*factors, Dim.of(atom)]
        else:
            factors.append(dim)
    return number, factors


def product_of(dims: Iterable[Dim]) -> Dim:
    """The product of lengths (none of them is negative)."""
    number, factors = factors_of(dims)
    if len(factors) < 2 or number == 0:
        return factors[0].scaled(number) if factors else Dim(number)
    return Dim.of(Product(tuple(sorted(factors, key=str)))).scaled(number)


def quotient_of(dim: Dim, by: int) -> Dim:
    """`dim // by` for a positive number; what can be divided without a rest is."""
    whole = {s: k // by for s, k in dim.terms if k % by == 0}
    rest = Dim(dim.const % by, tuple((s, k) for s, k in dim.terms if s not in whole))
    out = sum((Dim.of(s).scaled(k) for s, k in whole.items()), Dim(dim.const // by))
    return out if rest.is_const else out + Dim.of(Quotient(rest, by))


@dataclass(frozen=True, slots=True)
class Scalar:
    dtype: str
    weak: bool = True
    expr: Dim | None = None  # integers only: what is known of the value

    def __str__(self) -> str:
        known = f"{{{self.expr}}}" if self.expr is not None else ""
        return f"{self.dtype}{'' if self.weak else '!'}{known}"


@dataclass(frozen=True, slots=True)
class Array:
    dtype: str
    shape: tuple[Dim, ...]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class Struct:
    """A container of known parts. `kind`: tuple, list, dict, namedtuple, dataclass or object; `cls` for the last three.

    An object of a class of the user's is its attributes; generated code has a dict of them.
    """

    kind: str
    keys: tuple[Any, ...]  # positions for tuple and list
    parts: tuple[Type, ...]
    cls: type | None = None

    def __str__(self) -> str:
        inner = ", ".join(f"{k!r}: {t}" for k, t in zip(self.keys, self.parts, strict=True))
        name = self.cls.__name__ if self.cls else self.kind
        return f"{name}({inner})"


@dataclass(frozen=True, slots=True)
class List:
    """A list of any length; `is_tuple`: while a program is read, Python has a tuple there."""

    element: Type
    is_tuple: bool = False

    def __str__(self) -> str:
        return f"tuple({self.element}, ...)" if self.is_tuple else f"list({self.element})"


@dataclass(frozen=True, slots=True)
class Static:
    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Static) or type(self.value) is not type(other.value):
            return False
        return self.value is other.value or identity_of(self.value) == identity_of(other.value)

    def __hash__(self) -> int:
        return hash(identity_of(self.value))

    def __str__(self) -> str:
        return f"static({self.value!r})"


@dataclass(frozen=True, slots=True)
class Dynamic(Static):
    """A Python object that no other type describes; `value` is its class."""

    def __str__(self) -> str:
        return f"dynamic({self.value.__name__})"


Type = Scalar | Array | Struct | List | Static

FLOAT = Scalar("float64")
INT = Scalar("int64")
BOOL = Scalar("bool")
NONE = Static(None)


def is_numeric(type_: Type) -> bool:
    return isinstance(type_, Scalar | Array)


def is_float(type_: Type) -> bool:
    """Whether derivatives can pass through values of this type (containers: through any part)."""
    if isinstance(type_, Scalar | Array):
        return type_.dtype.startswith(("float", "complex"))
    if isinstance(type_, Struct):
        return any(map(is_float, type_.parts))
    return isinstance(type_, List) and is_float(type_.element)


def is_complex(type_: Type) -> bool:
    """Whether numbers and arrays of this type are complex (containers: any part)."""
    if isinstance(type_, Scalar | Array):
        return type_.dtype.startswith("complex")
    if isinstance(type_, Struct):
        return any(map(is_complex, type_.parts))
    return isinstance(type_, List) and is_complex(type_.element)


def holds_arrays(type_: Type) -> bool:
    """Whether a value is an array, or a container with one in it."""
    if isinstance(type_, Struct):
        return any(map(holds_arrays, type_.parts))
    return isinstance(type_, Array) or (isinstance(type_, List) and holds_arrays(type_.element))


Size = tuple[tuple[Dim, ...], ...]  # how many numbers arrays of these shapes have together


def shape_of(type_: Type) -> tuple[Dim, ...]:
    return type_.shape if isinstance(type_, Array) else ()


def axes_of(type_: Type) -> tuple[Dim, ...]:
    """The lengths of the arrays in a type, those of a structure's parts as well; a list's elements have their own."""
    if isinstance(type_, Struct):
        return tuple(d for part in type_.parts for d in axes_of(part))
    return shape_of(type_)


def ndim_of(type_: Type) -> int:
    return len(shape_of(type_))


def size_of(size: Size, lengths: Mapping[str, int]) -> int:
    """How many elements there are, given the lengths; KeyError where one is not known."""
    return sum(math.prod(d.evaluate(lengths) for d in shape) for shape in size)


def dims_of(type_: Type) -> tuple[Dim, ...]:
    """Every `Dim` in a type, list elements left out (their symbols are the list's own)."""
    if isinstance(type_, Array):
        return type_.shape
    if isinstance(type_, Scalar):
        return () if type_.expr is None else (type_.expr,)
    if isinstance(type_, Struct):
        return tuple(d for part in type_.parts for d in dims_of(part))
    return ()


def all_dims(type_: Type) -> tuple[Dim, ...]:
    """Every length in a type, those of a list's elements as well."""
    if isinstance(type_, List):
        return all_dims(type_.element)
    if isinstance(type_, Struct):
        return tuple(d for part in type_.parts for d in all_dims(part))
    return dims_of(type_)


def element_type(type_: Type) -> Scalar:
    """The scalar type of a numeric type's elements."""
    assert isinstance(type_, Scalar | Array)
    return Scalar(type_.dtype, isinstance(type_, Scalar) and type_.weak)


def map_dims(type_: Type, change: Callable[[Dim], Dim]) -> Type:
    """The type with every length changed, inside list elements as well."""
    if isinstance(type_, Array):
        return Array(type_.dtype, tuple(map(change, type_.shape)))
    if isinstance(type_, Scalar):
        return type_ if type_.expr is None else replace(type_, expr=change(type_.expr))
    if isinstance(type_, Struct):
        return replace(type_, parts=tuple(map_dims(p, change) for p in type_.parts))
    if isinstance(type_, List):
        return replace(type_, element=map_dims(type_.element, change))
    return type_


def strip(type_: Type) -> Type:
    """The type without what is known of integer values: what two yields of a loop must have in common."""
    if isinstance(type_, Scalar):
        return Scalar(type_.dtype, type_.weak)
    if isinstance(type_, Struct):
        return replace(type_, parts=tuple(strip(p) for p in type_.parts))
    return type_


def has_lists(type_: Type) -> bool:
    """Whether there is a list of a length that only the run knows."""
    if isinstance(type_, Struct):
        return any(map(has_lists, type_.parts))
    return isinstance(type_, List)
