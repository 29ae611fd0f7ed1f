"""Guards on entry: generated code checks the assumptions that its specialisation made about arguments.

    def f_grad(x, w, kind):
        if kind != "call":
            raise ValueError("f_grad is generated for kind='call'")
        if len(w) != len(x):
            raise ValueError("f_grad: w and x have to have equal lengths")

Calls through srcdiff choose the program that fits the arguments. A saved file cannot choose, and must not compute wrong
numbers. Lengths that NumPy compares anyway are not checked.

A function that writes an array is differentiated on the assumption that no other argument shares its memory. Calls
through srcdiff check that themselves, so this guard stands in saved files only:

        if np.shares_memory(x, w):
            raise ValueError("f_grad is generated for x and w that do not overlap")

Two more guards stand in saved files only. One checks that the target of `s += v` is a number: an array without axes
may have another name. The other checks that arrays are contiguous, in programs that reshape them and write the result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Function
from srcdiff.ir.dims import is_clamp_of, lengths_in
from srcdiff.ir.types import (
    Array,
    Clamp,
    Dim,
    List,
    Product,
    Quotient,
    Scalar,
    Struct,
    Symbol,
    Type,
    map_dims,
)
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays.container_text import part_texts
from srcdiff.ops.arrays.memory_overlap import shares_memory
from srcdiff.ops.control import control
from srcdiff.transforms.analysis.implied_dims import demanded
from srcdiff.transforms.analysis.struct_params import Keys, Part, storage_parts, take
from srcdiff.transforms.guards.static_values import differs, escaped, is_tuple, spelled_value


def with_entry_checks(fn: Function, compiled: bool = False, alone: bool = False) -> Function:
    """`fn` with guards for the values of static parameters, then for lengths. Compiled code gets no functions and
    classes, and cannot compare them. Where the code stands `alone`, no caller has checked which axes have length 1.
    """
    b = Builder(shapes_for(fn), "compiler", fn.location)
    params = {p.name: p for p in fn.params}
    for name, rest, value in fn.source.specialised_on:
        is_plain = isinstance(value, bool | int | float | str | None) or is_tuple(value)
        if compiled and not is_plain:
            continue
        text = differs(f"{{0}}{escaped(rest)}", value)
        _refuse(
            fn, text, (params[name],), f" is generated for {name}{rest}={spelled_value(value)}", b
        )
    types = fn.source.argument_types
    lengths = _Lengths(fn, types)
    pairs = _pairs(fn, types, alone)
    known = lengths.ones(types) if alone else lengths.of_rows(types) if compiled else ()
    for code, name, number in known:
        text = f" is generated for {name} == {number}"
        _refuse(fn, f"{code} != {number}", lengths.params, text, b)
    for left, right in pairs:
        is_bound = is_clamp_of(left, right)
        if lengths.follows(right, pairs) if is_bound else _is_plain(left, right, pairs):
            continue
        if left.symbols() | right.symbols() <= lengths.of.keys():
            _refuse(
                fn, lengths.differ(left, right), lengths.params, lengths.requirement(left, right), b
            )
    return _after(b, fn)


def with_overlap_checks(
    fn: Function, written: Collection[tuple[str, Keys]], names: Collection[str]
) -> Function:
    """`fn` with a check that arrays which its base writes overlap with no other array of the parameters `names`."""
    b = Builder(shapes_for(fn), "compiler", fn.location)
    parts = list(storage_parts(tuple(p for p in fn.params if p.name in names)))
    seen: set[frozenset[Part]] = set()
    for one in parts:
        if (one[0].name, one[1]) not in written:
            continue
        for other in parts:
            if other is not one and frozenset((one, other)) not in seen:
                seen.add(frozenset((one, other)))
                overlap = b.op(shares_memory, take(b, one), take(b, other))
                both = f"{_called(one)} and {_called(other)}"
                _raise_if(overlap, f"{fn.name} is generated for {both} that do not overlap", fn, b)
    return _after(b, fn)


def with_layout_checks(fn: Function, names: Collection[str]) -> Function:
    """`fn` with a check that the arrays in the parameters `names` are contiguous."""
    b = Builder(shapes_for(fn), "compiler", fn.location)
    for part in storage_parts(tuple(p for p in fn.params if p.name in names)):
        taken = b.inner()
        array = take(taken, part)
        if isinstance(array, Value) and isinstance(array.type, Array):
            b.body += taken.body
            text = f" is generated for {_called(part)} contiguous in C order"
            _refuse(fn, "not {0}.flags.c_contiguous", (array,), text, b)
    return _after(b, fn)


def with_number_checks(
    fn: Function, changed: Collection[tuple[str, Keys]], names: Collection[str]
) -> Function:
    """`fn` with a check that numbers which its base changes in place are not arrays without axes."""
    b = Builder(shapes_for(fn), "compiler", fn.location)
    params = {p.name: p for p in fn.params if p.name in names}
    for name, keys in dict.fromkeys(changed):
        if name not in params:
            continue
        unused = b.inner()
        type_ = take(unused, (params[name], keys)).type
        called = _called((params[name], keys))
        test = _is_array(type_, "{0}" + escaped(called.removeprefix(name)))
        if test:
            text = f" is generated for {called} without arrays in the place of numbers"
            _refuse(fn, test, (params[name],), text, b)
    return _after(b, fn)


def _is_array(type_: Type, text: str, item: str = "item") -> str:
    """The test whether a number, or a number in a container, is an array; empty where there are no numbers."""
    if isinstance(type_, Scalar):
        return f"isinstance({text}, np.ndarray)"
    if isinstance(type_, List):
        inner = _is_array(type_.element, item, f"{item}s")
        return inner and f"any({inner} for {item} in {text})"
    parts = part_texts(type_, text) if isinstance(type_, Struct) else []
    return " or ".join(filter(None, (_is_array(t, part, item) for part, t in parts)))


def _called(part: Part) -> str:
    """A part as it is written: `p[0].weights`."""
    text, type_ = part[0].name, part[0].type
    for key in part[1]:
        assert isinstance(type_, Struct)
        text, type_ = part_texts(type_, text)[type_.keys.index(key)]
    return text


def _after(checks: Builder, fn: Function) -> Function:
    if not checks.body:
        return fn
    return fn.with_body(replace(fn.body, body=(*checks.body, *fn.body.body)))


def _pairs(fn: Function, types: Mapping[str, Type], alone: bool) -> list[tuple[Dim, Dim]]:
    """The lengths to compare: those that the program was generated for, and those that it does not compare itself."""
    needed = list(dict.fromkeys(fn.lengths.required))
    assumed = dict.fromkeys(fn.lengths.assumed)
    distinct = {max(a - b, b - a, key=str): (a, b) for a, b in reversed(assumed) if a != b}
    decided = [p for p in assumed if p in distinct.values() and not {p, p[::-1]} & set(needed)]
    if not needed:
        return decided
    own = demanded(fn, types, may_be_one=alone)
    for left, right in decided:
        if not is_clamp_of(left, right):
            own.must_equal(left, right)
    for pair in needed:
        if not own.same(*pair):
            own.must_equal(*pair)  # equalities that follow from it are not compared again
            decided.append(pair)
    return decided


def _refuse(fn: Function, test: str, params: tuple[Value, ...], text: str, b: Builder) -> None:
    """Raise where a test shows that the program was generated for other arguments."""
    used = [k for k in range(len(params)) if f"{{{k}}}" in test]
    for position, k in enumerate(used):
        test = test.replace(f"{{{k}}}", f"{{{position}}}")
    differ = b.op(control.test, *(params[k] for k in used), text=test)
    _raise_if(differ, fn.name + text, fn, b)


def _raise_if(condition: Atom, message: str, fn: Function, b: Builder) -> None:
    """`if condition: raise ValueError(message)`."""
    control.raise_if(b, condition, ValueError, escaped(message), fn.location)


class _Lengths:
    """How lengths are written in terms of the parameters, in code and in messages."""

    def __init__(self, fn: Function, types: Mapping[str, Type]) -> None:
        self.params = fn.params
        self.of: dict[str, tuple[str, str]] = {}
        for k, p in enumerate(fn.params):
            shown = types.get(p.name, p.type)
            texts = zip(lengths_in(shown, f"{{{k}}}"), lengths_in(shown, p.name), strict=True)
            for (dim, code), (_, name) in texts:
                if dim.symbol is not None:
                    self.of.setdefault(dim.symbol, (code, name))

    def ones(self, types: Mapping[str, Type]) -> Iterator[tuple[str, str, int]]:
        """The lengths that were 1, in code and in messages."""
        return (known for known in self.numbers(types) if known[2] == 1)

    def of_rows(self, types: Mapping[str, Type]) -> Iterator[tuple[str, str, int]]:
        """The known lengths of second and later axes: LLVM then knows the distance of rows."""
        return (known for known in self.numbers(types) if ".shape[" in known[0])

    def numbers(self, types: Mapping[str, Type]) -> Iterator[tuple[str, str, int]]:
        """The lengths that are known, in code and in messages."""
        for k, p in enumerate(self.params):
            shown = map_dims(
                types.get(p.name, p.type), lambda d: Dim.of(str(d.const)) if d.is_const else d
            )
            texts = zip(lengths_in(shown, f"{{{k}}}"), lengths_in(shown, p.name), strict=True)
            for (dim, code), (_, name) in texts:
                if (dim.symbol or "").isdigit() and _is_length(code):
                    yield code, name, int(dim.symbol or "")

    def text(self, dim: Dim) -> str:
        return spelled(dim, {s: code for s, (code, _) in self.of.items()})

    def follows(self, amount: Dim, pairs: Sequence[tuple[Dim, Dim]]) -> bool:
        """Whether a number is not negative because other lengths are equal, or another number is not."""
        bounds = [b for a, b in pairs if is_clamp_of(a, b) and b != amount]
        rests = [amount - b for b in bounds] + [_by_equals(amount, pairs)]
        return any(
            rest.const >= 0 and all(k > 0 and self.is_length(s) for s, k in rest.terms)
            for rest in rests
        )

    def is_length(self, symbol: Symbol) -> bool:
        return isinstance(symbol, str) and symbol in self.of and _is_length(self.of[symbol][0])

    def differ(self, left: Dim, right: Dim) -> str:
        """The test that two lengths do not compare as they did."""
        if is_clamp_of(left, right):
            less, more = _sides(right)
            if more.is_const:  # `len(x) > 5`
                return f"{self.text(less)} > {self.text(more)}"
            return f"{self.text(more)} < {self.text(less)}"
        left, right = _gathered(left, right)
        return f"{self.text(left)} != {self.text(right)}"

    def requirement(self, left: Dim, right: Dim) -> str:
        """The requirement on two lengths, in words."""
        names = {s: name for s, (_, name) in self.of.items()}
        if is_clamp_of(left, right):
            less, more = _sides(right)
            one, other = spelled(less, names), spelled(more, names)
            return (
                f" is generated for {one} <= {other}"
                if more.is_const
                else f" is generated for {other} >= {one}"
            )
        left, right = _gathered(_bare(left), _bare(right))
        if left.const == right.const and not left.is_const and not right.is_const:
            left, right = left - left.const, right - right.const
        one, other = spelled(left, names), spelled(right, names)
        if left.is_const or right.is_const:
            return f" is generated for {one} == {other}"
        if all(
            t.startswith("len(") and t.count("(") == 1 and t.endswith(")") for t in (one, other)
        ):
            return f": {one[4:-1]} and {other[4:-1]} have to have equal lengths"
        return f": {one} and {other} have to be equal"


def _is_length(code: str) -> bool:
    return code.startswith("len(") or ".shape[" in code


def _sides(amount: Dim) -> tuple[Dim, Dim]:
    """`n, m + 1` for `m + 1 - n`, which is not negative."""
    above = Dim(max(amount.const, 0), tuple((s, k) for s, k in amount.terms if k > 0))
    return above - amount, above


def _gathered(left: Dim, right: Dim) -> tuple[Dim, Dim]:
    """`n == 4 * m` for `n - 3 * m == m`; numbers stand last."""
    left, right = (right, left) if left.is_const else (left, right)
    if not any(k < 0 for dim in (left, right) for _, k in dim.terms):
        return left, right
    less, more = _sides(left - right)
    return (left, right) if less.is_const or more.is_const else (more, less)


def _by_equals(amount: Dim, pairs: Sequence[tuple[Dim, Dim]]) -> Dim:
    """A number in terms of other lengths, where lengths are equal."""
    for left, right in pairs:
        rest = left - right
        symbol, k = next(((s, k) for s, k in rest.terms if abs(k) == 1), ("", 0))
        if isinstance(symbol, str) and k and not is_clamp_of(left, right):
            amount = amount.substitute({symbol: Dim.of(symbol) - rest.scaled(k)})
    return amount


def _is_plain(left: Dim, right: Dim, pairs: Sequence[tuple[Dim, Dim]]) -> bool:
    """Whether two lengths are equal because of numbers that are not negative."""
    inner = {a.terms[0][0]: b for a, b in pairs if is_clamp_of(a, b)}
    rest = left - right
    clamps = [(s, k) for s, k in rest.terms if s in inner]
    return rest == sum((Dim.of(s).scaled(k) - inner[s].scaled(k) for s, k in clamps), Dim())


def _bare(dim: Dim) -> Dim:
    """`n - 1` for `max(n - 1, 0)`."""
    clamps = [s for s, _ in dim.terms if isinstance(s, Clamp)]
    return (
        clamps[0].inner
        if len(clamps) == len(dim.terms) == 1 and dim.terms[0][1] == 1 and not dim.const
        else dim
    )


def _spelled_atom(symbol: Symbol, names: Mapping[str, str]) -> str:
    if isinstance(symbol, Clamp):
        return f"max({spelled(symbol.inner, names)}, 0)"
    if isinstance(symbol, Quotient):
        inner = spelled(symbol.inner, names)
        return f"({inner}) // {symbol.by}" if " " in inner else f"{inner} // {symbol.by}"
    if isinstance(symbol, Product):
        texts = [spelled(f, names) for f in symbol.factors]
        return " * ".join(f"({text})" if " " in text else text for text in texts)
    return names.get(symbol, symbol)


def spelled(dim: Dim, names: Mapping[str, str]) -> str:
    """A length in terms of the parameters: `len(x) - 1`."""
    out = ""
    for symbol, k in dim.terms:
        inner = _spelled_atom(symbol, names)
        if isinstance(symbol, Quotient) and k != 1:
            inner = f"({inner})"
        term = inner if abs(k) == 1 else f"{abs(k)} * {inner}"
        sign = ("-" if not out else " - ") if k < 0 else ("" if not out else " + ")
        out += sign + term
    if dim.const or not out:
        out += f"{' - ' if dim.const < 0 else ' + '}{abs(dim.const)}" if out else str(dim.const)
    return out
