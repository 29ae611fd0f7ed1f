"""Outlined calls: a function is read once for each set of argument types (monomorphisation), with lengths renamed after
the parameters, so that calls with other lengths share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gast

from srcdiff.frontend.calls.recursion import find_open, form_of_call, header_of, owning, read_around
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.operands import as_operand
from srcdiff.frontend.core.restarts import MustInline, NeedStatic, Recursive
from srcdiff.frontend.core.symbols import Symbols
from srcdiff.frontend.core.values import FrontValue, Parts
from srcdiff.frontend.source.function_source import Source
from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.core import Call, Function, Op, Tree, walk
from srcdiff.ir.dims import Shapes
from srcdiff.ir.recursion import is_recursive, tied
from srcdiff.ir.types import Array, Dim, Dynamic, List, Scalar, Static, Struct, Type, map_dims
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.control.control import assert_, raise_


@dataclass(frozen=True, eq=False)
class _Callee:
    """A function that was read as one of its own; None where it has to be read in place. `symbols`: its names for the
    caller's lengths.
    """

    function: Function | None
    needs_static: str = ""
    why_not: str = ""


@dataclass
class Renaming:
    """The caller's lengths by the callee's names."""

    shapes: Shapes
    names: dict[Dim, Dim]
    back: dict[str, Dim]
    taken: set[str]
    form: int = 0  # as `recursion.form_of_call` says: what calls may differ in

    def new(self, hint: str, dim: Dim) -> Dim:
        name, count = hint, 1
        while name in self.taken:
            count += 1
            name = f"{hint}_{count}"
        self.taken.add(name)
        self.names[dim] = Dim.of(name)
        self.back[name] = dim
        return Dim.of(name)

    def dim(self, dim: Dim, hint: str) -> Dim:
        if dim.is_const:
            return dim
        found = self.names.get(dim)
        if found is None and dim.symbol is None:
            found = self.composed(dim)
        return self.new(hint, dim) if found is None else found

    def composed(self, dim: Dim) -> Dim | None:
        """`n - 1` where n has a name."""
        known = {s: self.names.get(Dim.of(s)) for s in dim.symbols()}
        return (
            None
            if None in known.values()
            else dim.substitute({s: d for s, d in known.items() if d is not None})
        )

    def type(self, type_: Type, hint: str) -> Type:
        match type_:
            case Array():
                dims = [
                    self.dim(self.shapes.resolve(d), f"{hint}{k}")
                    for k, d in enumerate(type_.shape)
                ]
                return Array(type_.dtype, tuple(dims))
            case Scalar() if self.form > 1 and type_.dtype == "float64":
                return Scalar("float64", False)
            case Scalar() if self.form and type_.dtype == "int64":
                known = Dim.of(f"%{hint}{len(self.taken)}")
                if type_.expr is not None:
                    known = self.shapes.resolve(type_.expr)
                return Scalar("int64", True, self.own_integer(hint, known))
            case Scalar() if type_.dtype == "int64":
                expr = None if type_.expr is None else self.shapes.resolve(type_.expr)
                # a constant is passed like any other integer, so that calls with other constants share the function
                if expr is None or expr.is_const:
                    expr = self.new(hint, Dim.of(f"%{hint}{len(self.taken)}"))
                    return Scalar("int64", type_.weak, expr)
                return Scalar("int64", type_.weak, self.dim(expr, hint))
            case Struct():
                parts = tuple(
                    self.type(p, f"{hint}_{k}")
                    for k, p in zip(type_.keys, type_.parts, strict=True)
                )
                return Struct(type_.kind, type_.keys, parts, type_.cls)
            case List():
                element = map_dims(type_.element, lambda d: self.element_dim(d, hint))
                return replace(type_, element=element)
        return type_

    def own_integer(self, hint: str, dim: Dim) -> Dim:
        """An integer that is no length to the callee: each call passes its own value."""
        known = self.names.get(dim)
        made = self.new(hint, dim)
        if known is None:
            del self.names[dim]
        else:
            self.names[dim] = known
        return made

    def element_dim(self, dim: Dim, hint: str) -> Dim:
        return (
            dim
            if any(s.endswith("*") for s in dim.symbols())
            else self.dim(self.shapes.resolve(dim), hint)
        )


def call_outlined(
    fr: Frame, node: gast.AST, plain: object, source: Source, env: Mapping[str, FrontValue]
) -> FrontValue | None:
    """A `Call` of the function for these types; None where it has to be read in place."""
    session = fr.session
    shapes = session.shapes
    form = form_of_call(fr, node, plain, source)
    renaming = Renaming(shapes, {}, {}, set(), form)
    statics: set[str] = set()
    while True:
        types = {k: argument_type(renaming, k, v, k in statics) for k, v in env.items()}
        rigid = frozenset(
            name for name, dim in renaming.back.items() if not form and shapes.not_one(dim)
        )
        key = (
            plain,
            tuple(types.items()),
            rigid,
            form,
            bool(form) or _may_not_run(shapes),
            *(repr(v) for k, v in env.items() if k in statics),
        )
        around = find_open(session, plain, key, form)
        if around is not None:
            return append_call(fr, node, header_of(fr, around), env, renaming)
        callee = session.functions.get(key)
        if callee is None and not form:
            callee, renaming = _more_general(fr, key, renaming)
        if callee is None or not _still_assumed(fr, callee, renaming):
            try:
                callee = _read_outlined(fr, node, plain, types, rigid, renaming, key)
            except Recursive as found:
                if found.function is not plain:
                    raise
                return call_outlined(fr, node, plain, source, env)
            session.functions[key] = callee
        if not callee.needs_static:
            break
        if callee.needs_static in statics:
            return None
        statics.add(callee.needs_static)
        if not isinstance(env[callee.needs_static], Const):
            return None
        renaming = Renaming(shapes, {}, {}, set(), form)
    if callee.function is None:
        if form and callee.why_not:
            fr.untyped(
                node,
                f"`{source.name}` calls itself, and {callee.why_not}",
                "Return what it makes instead, and assign that where it is called.",
            )
        return None
    return append_call(fr, node, callee.function, env, renaming)


def _more_general(fr: Frame, key: Any, renaming: Renaming) -> tuple[_Callee | None, Renaming]:
    """A function that was read for any lengths, for a call whose lengths are known: both calls share one adjoint."""
    shapes = fr.session.shapes
    for other, callee in fr.session.functions.items():
        is_same = (
            len(other) == len(key)
            and other[0] is key[0]
            and len(other[1]) == len(key[1])
            and other[3:] == key[3:]
        )
        if not is_same or not isinstance(callee, _Callee) or callee.function is None:
            continue
        general = replace(renaming, back={})
        pairs = list(zip(other[1], key[1], strict=False))
        if (
            all(_is_case(renaming, general, a, b) for (_, a), (_, b) in pairs)
            and all(shapes.not_one(general.back[name]) for name in other[2] if name in general.back)
            and _still_assumed(fr, callee, general)
        ):
            return callee, general
    return None, renaming


def _is_case(renaming: Renaming, general: Renaming, type_: Type, known: Type) -> bool:
    """Whether `known` is `type_` for some lengths; these are noted in `general.back`."""

    def dim(a: Dim, b: Dim) -> bool:
        b = b.substitute(renaming.back)
        if a.symbol is not None:
            return general.back.setdefault(a.symbol, b) == b
        return a.substitute(general.back) == b

    match type_, known:
        case Array(), Array():
            shapes = zip(type_.shape, known.shape, strict=False)
            is_same = type_.dtype == known.dtype and len(type_.shape) == len(known.shape)
            return is_same and all(dim(a, b) for a, b in shapes)
        case Scalar(expr=Dim() as a), Scalar(expr=Dim() as b):
            return replace(type_, expr=b) == known and dim(a, b)
        case Struct(), Struct():
            parts = zip(type_.parts, known.parts, strict=False)
            is_same = replace(type_, parts=known.parts) == known
            return is_same and all(_is_case(renaming, general, a, b) for a, b in parts)
    return type_ == known


def new_renaming(shapes: Shapes) -> Renaming:
    """For a call of what is no function of the user's: nothing has a name yet."""
    return Renaming(shapes, {}, {}, set(), 0)


def _may_not_run(shapes: Symbols) -> bool:
    """Whether the program may not come to where the reader is."""
    return bool(shapes.regions) or shapes.conditional


def argument_type(renaming: Renaming, name: str, value: FrontValue, is_static: bool) -> Type:
    if isinstance(value, Const) and (is_static or isinstance(value.type, Static)):
        return Static(value.value)
    return renaming.type(_type_of(value), name)


def _type_of(value: FrontValue) -> Type:
    if isinstance(value, Parts):
        return Struct(value.kind, value.keys, tuple(map(_type_of, value.values)), value.cls)
    assert isinstance(value, Value | Const)
    return value.type


def _still_assumed(fr: Frame, callee: _Callee, renaming: Renaming) -> bool:
    """Whether what a function was read under (equal lengths, axes of length 1) holds at this call, too."""
    if callee.function is None:
        return True
    shapes = fr.session.shapes
    for a, b in callee.function.lengths.equal:
        try:
            left, right = (d.substitute(renaming.back).evaluate(shapes.actual) for d in (a, b))
        except KeyError:
            return False
        if left != right:
            return False
    return True


def _read_outlined(
    fr: Frame,
    node: gast.AST,
    plain: Any,
    types: Mapping[str, Type],
    rigid: frozenset[str],
    renaming: Renaming,
    key: object,
) -> _Callee:
    session = fr.session
    actual = {}
    for name, dim in () if renaming.form else renaming.back.items():
        try:
            actual[name] = session.shapes.resolve(dim).evaluate(session.shapes.actual)
        except KeyError:
            continue
    calls = (*session.open_calls, plain.__code__)
    compared = session.shapes.compared
    is_compared = any(d.symbols() and d.symbols() <= compared for d in renaming.back.values())

    def read() -> Function:
        return fr.read_callee(
            plain,
            types,
            rigid,
            actual,
            session.functions,
            calls,
            bool(renaming.form) or _may_not_run(session.shapes),
            is_compared,
        )

    try:
        function = read_around(fr, node, plain, key, calls, renaming.form, read)
    except NeedStatic as need:
        return _Callee(None, need.parameter)
    except (NoValue, MustInline):
        return _Callee(None)
    if renaming.form:
        function = tied(owning(function))
    why_not = why_not_alone(function)
    return _Callee(None if why_not else function, why_not=why_not)


class NoValue(Exception):
    """A function that returns something that is no value of the IR."""


def why_not_alone(function: Function, may_raise: bool = False) -> str:
    """Why a function cannot be called as one of its own; empty where it can.

    One that calls itself may raise, and so may a derivative: whether it does is no matter of its callers.
    """
    effects = [s for s in walk(function.body) if isinstance(s, Op) and s.decl.effect]
    if may_raise or is_recursive(function):
        effects = [s for s in effects if s.decl not in (assert_, raise_)]
    if effects:
        return "has effects, as `print` has"
    roots = storage_roots(function)
    params = frozenset().union(
        *(roots.get(p, frozenset()) for p in function.params), function.params
    )
    if function.source.writes_containers or written_roots(function, roots) & params:
        return "writes into its arguments"
    returned: frozenset[Value] = frozenset()
    for atom in function.body.yields:
        own = roots.of(atom)
        if own & (params | returned):
            return "returns a part of its arguments"
        returned |= own
    return ""


def append_call(
    fr: Frame, node: gast.AST, function: Function, env: Mapping[str, FrontValue], renaming: Renaming
) -> FrontValue:
    operands = tuple(_operand(fr, node, env[p.name], p.type) for p in function.params)
    outward = outward_of(fr, function, renaming)
    results = tuple(Value(map_dims(y.type, outward)) for y in function.body.yields)
    fr.b.append(Call(function, operands, results, fr.source.location(node), fr.b.origin))
    return expand_tree(function.output, [_known_result(r) for r in results])


def _known_result(result: Value) -> Atom:
    """A result that a function passes on is as known as its source: `w is None`, `x[w]`."""
    known = result.type
    if isinstance(known, Static) and not isinstance(known, Dynamic):
        return Const(known.value, known)
    return result


def outward_of(fr: Frame, function: Function, renaming: Renaming) -> Callable[[Dim], Dim]:
    """The caller's lengths for a function's; what the function counts on and found outside, the caller does, too."""
    shapes = fr.session.shapes
    back = dict(renaming.back)
    for symbol, dim in function.lengths.bindings.items():
        if symbol in back:
            shapes.must_equal(back[symbol], dim.substitute(back), "axes of lengths")

    def outward(dim: Dim) -> Dim:
        for symbol in sorted(dim.symbols()):
            if symbol not in back and not symbol.endswith("*"):
                back[symbol] = shapes.fresh(symbol.rstrip("0123456789") or "k")
        return shapes.resolve(dim.substitute(back))

    for a, b in function.lengths.required:
        shapes.must_equal(outward(a), outward(b), "axes of lengths")
    for a, b in function.lengths.assumed:
        shapes.assumptions.append((outward(a), outward(b)))
    fr.session.globals.update(function.source.globals)
    fr.session.captured.update(function.source.captured)
    return outward


def _operand(fr: Frame, node: gast.AST, value: FrontValue, type_: Type) -> Atom:
    if isinstance(type_, Static) and isinstance(value, Const):
        return Const(value.value, type_)
    return as_operand(fr, node, value)


def expand_tree(tree: Tree, atoms: Sequence[Atom]) -> FrontValue:
    """A result of a function as a structure."""
    if isinstance(tree, int):
        return atoms[tree]
    return Parts(
        tree.kind, tree.keys, tuple(expand_tree(c, atoms) for c in tree.children), tree.cls
    )
