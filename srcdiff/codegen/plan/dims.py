"""How lengths that passes use are written: by an array or a number in scope that has them.

`length[n - 1]` becomes `len(x) - 1`, or `x.shape[1] - 1`, or `n - 1` where `n` is an argument.
Parameters come first; other arrays only where something else still needs them, so that no dead
value is kept for its length.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from srcdiff.codegen.plan.defuse import Facts, facts_of
from srcdiff.codegen.plan.plan import Branch, Copy, Let, Loop, Node, Plan, pattern_values
from srcdiff.ir.alias import Roots
from srcdiff.ir.core import Op, While
from srcdiff.ir.dims import lengths_in
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
)
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays.container_text import part_texts, struct_text


def resolve_lengths(plan: Plan, roots: Roots, is_compiled: bool = False) -> None:
    """Give the plan's operations that depend on lengths their text and operands.

    The operands that show a length come last: what reads better is taken, and these may turn out not to be needed.
    """
    lets = _unresolved(plan.nodes)
    if not lets:
        return
    for let in lets:
        if let.op is not None and let.op.decl.lengths_from is not None:
            let.operands = let.operands[: let.op.decl.lengths_from]
    facts = facts_of(plan, roots)
    homes = {v: home for home, values in plan.members.items() for v in values}
    scope = _Scope(facts, homes, plan.uncertain, is_compiled)
    for param in plan.params:
        scope.enter(param, param, param.type)
    scope.nodes(plan.nodes)
    plan.prune()
    plan.number()


def _unresolved(nodes: list[Node]) -> list[Let]:
    out: list[Let] = []
    for node in nodes:
        if isinstance(node, Let) and not node.text:
            out.append(node)
        elif isinstance(node, Branch):
            out += _unresolved(node.then) + _unresolved(node.orelse)
        elif isinstance(node, Loop):
            out += _unresolved(node.test) + _unresolved(node.body)
    return out


_NUMBER = "{0}"  # the text of a source that is a number itself
_LAST = 6  # the rank of what would have to be kept under another name


@dataclass(frozen=True)
class _Source:
    """Something to ask: `text` with the value (`{0}`) is a length, or an array in it. A loop's variable has a type at
    a time.
    """

    value: Value
    type: Type
    text: str
    is_param: bool


class _Text:
    """A text under construction, and its operands."""

    def __init__(self) -> None:
        self.operands: list[Atom] = []

    def put(self, source: _Source) -> str:
        if source.value not in self.operands:
            self.operands.append(source.value)
        return source.text.replace("{0}", f"{{{self.operands.index(source.value)}}}")

    def atom(self, atom: Atom) -> str:
        if atom not in self.operands:
            self.operands.append(atom)
        return f"{{{self.operands.index(atom)}}}"


class _Scope:
    def __init__(
        self,
        facts: Facts,
        home: Mapping[Value, Value],
        uncertain: Collection[Value],
        is_compiled: bool,
    ) -> None:
        self.facts = facts
        self.is_compiled = (
            is_compiled  # lengths are taken from arrays rather than from tuples that hold them
        )
        self.home = home  # of what a loop carries: the variable that it is
        self.uncertain = uncertain  # has a value on some paths only: no length is taken from it
        self.sources: dict[Dim | Array, list[_Source]] = {}
        self.history: list[Dim | Array] = []
        self.seen: set[Value] = set()

    def nodes(self, nodes: list[Node]) -> None:
        mark = len(self.history)
        for node in nodes:
            match node:
                case Let():
                    if not node.text:
                        self.resolve(node)
                    self.enter_all(node.results)
                case Branch():
                    self.nodes(node.then)
                    self.nodes(node.orelse)
                    if node.source is not None:
                        self.enter_all([v for v in node.source.results if v in self.facts.defined])
                case Loop():
                    self.loop(node)
                case Copy():
                    pass  # the assigned value has other lengths in each iteration, and on each path
        self.leave(mark)

    def loop(self, loop: Loop) -> None:
        """A loop's variables have the lengths of the current iteration inside, and those of its results after it."""
        source = loop.source
        mark = len(self.history)
        test = source.test if isinstance(source, While) else None
        self.enter_as(loop, loop.variables if test is None else test.params)
        self.nodes(loop.test)
        self.leave(mark)
        self.enter_all([] if loop.index is None else [loop.index])
        self.enter_all([v for p in loop.patterns for v in pattern_values(p)])
        self.enter_all(loop.variables)
        self.nodes(loop.body)
        self.leave(mark)
        self.enter_as(loop, source.results)

    def enter_as(self, loop: Loop, values: Sequence[Value]) -> None:
        """A loop's variables with the lengths that they have where they stand for these values."""
        types = {self.home.get(v, v): v.type for v in values}
        for variable in loop.variables:
            self.enter(variable, None, types.get(variable))

    def enter_all(self, values: Sequence[Value]) -> None:
        for value in values:
            self.enter(value, None, value.type)

    def leave(self, mark: int) -> None:
        while len(self.history) > mark:
            self.sources[self.history.pop()].pop()

    def enter(self, value: Value, param: Value | None, type_: Type | None) -> None:
        if type_ is not None and value not in self.uncertain:
            self.note(value, param, type_)

    def note(self, value: Value, param: Value | None, type_: Type) -> None:
        arrays = _arrays_in(type_)
        found: list[tuple[Dim | Array, str]] = [*lengths_in(type_), *arrays]
        found += [(_shape_only(a), text) for a, text in arrays]
        for key, text in found:
            self.sources.setdefault(key, []).append(_Source(value, type_, text, param is not None))
            self.history.append(key)

    # ---- texts ----

    def resolve(self, let: Let) -> None:
        op = let.source
        assert isinstance(op, Op)
        t = _Text()
        mark = len(self.history)
        for (
            a
        ) in op.operands:  # a length that a statement is given is bound there, if not everywhere
            if isinstance(a, Value) and a in self.uncertain and isinstance(a.type, Scalar):
                self.note(a, None, a.type)
        if op.decl.name == "length":
            text = self.length(op.attrs["dim"], let, t)
        elif op.decl.name == "element_count":
            text = self.elements(op.attrs["type"], let, t)
        elif op.decl.name == "expand":
            operand = t.atom(let.operands[0])
            shape = op.attrs["type"].shape
            text = f"np.full({self.shape(shape, let, t)}, {operand})"
            if isinstance(let.operands[0].type, Array):
                text = f"np.broadcast_to({operand}, {self.shape(shape, let, t)})"
        else:
            text = self.storage_text(op, let, t)
        let.text, let.operands = text, tuple(t.operands)
        self.leave(mark)

    def storage_text(self, op: Op, let: Let, t: _Text) -> str:
        name = op.decl.name.removesuffix("_of").removesuffix("_like")
        try:
            return self.storage(name, let.results[0].type, let, t)
        except LookupError:
            if not op.decl.name.endswith("_like"):
                raise
            t.operands[:] = let.operands  # only what the pass took it from has the length
            return f"np.{name}_like({{0}})"

    def storage(self, name: str, type_: Type, let: Let, t: _Text) -> str:
        """Zeros, or empty storage, of a type."""
        if isinstance(type_, Array):
            like = self.like(type_, let)
            if like is not None:
                return f"np.{name}_like({t.put(like)})"
            kind = "bool" if type_.dtype == "bool" else f"np.{type_.dtype}"
            dtype = "" if type_.dtype == "float64" else f", dtype={kind}"
            return f"np.{name}({self.shape(type_.shape, let, t)}{dtype})"
        if isinstance(type_, Struct):
            parts = [self.storage(name, part, let, t) for part in type_.parts]
            return struct_text(type_.kind, type_.keys, parts, type_.cls)
        return "[]" if isinstance(type_, List) else t.atom(const(0.0))

    def like(self, type_: Array, let: Let) -> _Source | None:
        """An array of just this type that may be used: what it is the adjoint of, or else a parameter."""

        def order(source: _Source) -> tuple[bool, int]:
            is_adjoint = let.results[0].name == f"d_{source.value.name}"
            return not is_adjoint, self.rank(source, let, let.point)

        best = min(self.sources.get(type_, []), key=order, default=None)
        return best if best is not None and self.rank(best, let, let.point) < _LAST else None

    def shape(self, shape: Sequence[Dim], let: Let, t: _Text) -> str:
        texts = [self.length(d, let, t) for d in shape]
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    def length(self, dim: Dim, let: Let, t: _Text) -> str:
        if dim.is_const:
            return str(dim.const)
        exact = self.best(dim, let)
        if exact is not None and (exact.text == _NUMBER or not self.has_numbers(dim, let)):
            return t.put(exact)
        text = ""
        for symbol, k in sorted(dim.terms, key=lambda term: term[1] < 0):
            part = self.symbol(symbol, let, t)
            if isinstance(symbol, Quotient) and k < 0:
                part = f"({part})"
            if abs(k) != 1:
                part = f"{abs(k)} * {part if part.endswith((')', '}')) else f'({part})'}"
            text = f"{text} {'-' if k < 0 else '+'} {part}" if text or k < 0 else part
        text = text.lstrip()
        if text.startswith("- "):
            text = f"-{text[2:]}"
        return f"{text} {'-' if dim.const < 0 else '+'} {abs(dim.const)}" if dim.const else text

    def elements(self, type_: Array, let: Let, t: _Text) -> str:
        """The size of something of this shape that is there anyway, or else a product of lengths."""
        several = [d for d in type_.shape if d != Dim(1)]
        if len(several) > 1:
            found = self.best(_shape_only(type_), let)
            if found is not None and self.is_there(found, let):
                return f"{t.put(found)}.size"
        texts = [self.length(d, let, t) for d in several]
        if len(texts) == 1:
            return texts[0]
        return _times(texts) or "1"

    def is_there(self, source: _Source, let: Let) -> bool:
        """Whether something stands in a variable anyway."""
        if self.rank(source, let, self.last(let)) == _LAST:
            return False
        is_named = bool(source.value.user and source.value.name)
        return source.is_param or len(self.facts.uses.get(source.value, ())) > 1 - is_named

    def has_numbers(self, dim: Dim, let: Let) -> bool:
        """Whether a length is written with numbers in scope: `m + 1`, not `D.shape[1]`."""
        parts = [self.best(Dim.of(symbol), let) for symbol, _ in dim.terms]
        return all(p is not None and p.text == _NUMBER for p in parts)

    def symbol(self, symbol: Symbol, let: Let, t: _Text) -> str:
        source = self.best(Dim.of(symbol), let)
        if source is not None:
            return t.put(source)
        if isinstance(symbol, Clamp):
            return f"max({self.length(symbol.inner, let, t)}, 0)"
        if isinstance(symbol, Quotient):
            inner = self.length(symbol.inner, let, t)
            return f"{f'({inner})' if ' ' in inner else inner} // {symbol.by}"
        if isinstance(symbol, Product):
            return _times(self.length(f, let, t) for f in symbol.factors)
        for dim in sorted((d for d in self.sources if isinstance(d, Dim)), key=str):
            if self.sources[dim] and dim.terms == ((symbol, 1),):
                found = self.best(dim, let)
                if found is not None:
                    sign = "-" if dim.const > 0 else "+"
                    return f"({t.put(found)} {sign} {abs(dim.const)})"
        raise LookupError(f"nothing in scope has the length {symbol}")

    def last(self, let: Let) -> int:
        """The last point where a result is used."""
        return max((u.last for u in self.facts.uses.get(let.results[0], ())), default=let.point)

    def best(self, key: Dim | Array, let: Let) -> _Source | None:
        last = self.last(let)
        return min(
            self.sources.get(key, []),
            key=lambda s: (self.rank(s, let, last), s.text != _NUMBER),
            default=None,
        )

    def rank(self, source: _Source, let: Let, last: int) -> int:
        """0: a parameter that still has its name, or a number of the user's; then what the user named; then what is
        needed later anyway.
        """
        value = source.value
        made = max(self.facts.defined.get(value, [0]))
        if self.facts.renamed(value, 0 if source.is_param else made, last):
            return _LAST
        if self.is_compiled and isinstance(value.type, Struct):
            return _LAST - 1
        if source.is_param or (value.user and value.name and isinstance(value.type, Scalar)):
            return 0
        is_needed = any(u.last >= last for u in self.facts.uses.get(value, ()))
        if value.user and value.name:
            return 1 if is_needed else 2
        return 3 if is_needed else 4


def _times(texts: Iterable[str]) -> str:
    return " * ".join(f"({text})" if " " in text else text for text in texts)


def _arrays_in(type_: Type, base: str = "{0}") -> list[tuple[Array, str]]:
    """The arrays in a value of a type, each with its text."""
    if isinstance(type_, Array):
        return [(type_, base)]
    parts = part_texts(type_, base) if isinstance(type_, Struct) else []
    return [found for text, part in parts for found in _arrays_in(part, text)]


def _shape_only(type_: Array) -> Array:
    """A type that arrays of all dtypes have in common."""
    return Array("", type_.shape)
