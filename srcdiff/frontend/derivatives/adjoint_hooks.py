"""Adjoint hooks: the block of `with srcdiff.adjoint(x) as d_x:` becomes a function of the adjoint and of the
values that it uses. An operation carries that function until reverse mode puts it into the backward part.

    with srcdiff.adjoint(y) as d_y:          %y.1 = adjoint_block[block=...] %y, %limit
        d_y = np.clip(d_y, -limit, limit)    (%d_y, %limit) -> ... yield %d_y.1

A change that a block makes outside the function (`log.append(d_y)`) stays as the user wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import gast

from srcdiff.errors import UnsupportedError
from srcdiff.frontend.calls.inline import read_body
from srcdiff.frontend.core.frame import Frame, describe, reads
from srcdiff.frontend.core.naming import bind_name
from srcdiff.frontend.core.string_formatting import text_of
from srcdiff.frontend.core.values import FrontValue, Known
from srcdiff.frontend.source.adjoint_hook_nodes import AdjointBlock, OutsideEffect
from srcdiff.frontend.source.external_dependencies import Watched
from srcdiff.frontend.source.function_source import nested_source
from srcdiff.frontend.source.wrappers import LIBRARIES, function_of, is_library
from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lookup, with_parts
from srcdiff.ir.core import Function, Op, Region, Statement, regions_of
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ir.types import Array, Dim, Scalar, Type, is_float
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays.memory import copy
from srcdiff.ops.control.adjoint_hooks import adjoint_block, outside_call
from srcdiff.ops.elementwise.conversions import to_float

# ---- the block ----------------------------------------------------------------------------------------


@reads(AdjointBlock)
def _adjoint_block(fr: Frame, node: gast.AST) -> None:
    function = fr.expr(node.function)
    is_ours = isinstance(function, Known) and getattr(function.value, "marks_adjoint", False)
    if not is_ours:
        fr.fail(node, "`with` is not supported", "Enter the context where the function is called.")
    name = node.value.id
    x = fr.name(name, node.value)
    if not isinstance(x, Value | Const) or not isinstance(x.type, Array | Scalar):
        fr.fail(
            node.value,
            f"`{name}` is {describe(x)}, and has no adjoint of its own",
            "Take the number or array out of it, give that a name, and use the name from there on.",
        )
    if not is_float(x.type):
        fr.fail(node.value, f"`{name}` is not made of floats, and has no adjoint")
    block = _block(fr, node, x)
    made, free = _function(fr, node, *block)
    since = len(fr.b.body)
    value = fr.op(node, adjoint_block, x, *free, block=made, name=name, user=True)
    bind_name(fr, name, value, since)


def _block(fr: Frame, node: gast.AST, x: Atom) -> tuple[Value, list[Statement], Atom]:
    """The adjoint that the block is given, its statements, and what it makes of the adjoint."""
    session = fr.session
    node.block.name = fr.source.name
    inner = fr.new(nested_source(fr.source, node.block), fr.look_up, fr, fr)
    d = Value(_adjoint_type(x.type), node.adjoint, True)
    inner.env = {node.adjoint: d}
    path, cells = session.path, dict(session.cells)
    session.path = (*path, id(node))
    try:
        with session.region() as b:
            found = _as_adjoint(inner, node, read_body(inner, node.block), d)
    finally:
        session.path = path
    for cell, before in cells.items():
        if session.cells.get(cell) is not before:
            name = session.cell_names.get(cell, "a container")
            _refuse_write(fr, node, name)
    return d, b.body, found


def _adjoint_type(type_: Type) -> Type:
    return Scalar(type_.dtype, False) if isinstance(type_, Scalar) else type_


def _as_adjoint(fr: Frame, node: gast.AST, value: FrontValue, d: Value) -> Atom:
    """The value that the block assigned to the adjoint: one number for all elements, or a value of its shape."""
    name = d.name
    advice = f"Assign floats shaped like `{node.value.id}` to `{name}`."
    if not isinstance(value, Value | Const) or not isinstance(value.type, Array | Scalar):
        fr.fail(node, f"the block makes `{name}` {describe(value)}", advice)
    if isinstance(value.type, Scalar):
        if is_float(value.type):
            return value
        return (
            const(float(value.value)) if isinstance(value, Const) else fr.op(node, to_float, value)
        )
    want = d.type.shape if isinstance(d.type, Array) else ()
    is_same = len(value.type.shape) == len(want) and is_float(value.type)
    if not (is_same and all(map(partial(_equal, fr), value.type.shape, want))):
        fr.fail(node, f"the block makes `{name}` {value.type}, and was given {d.type}", advice)
    return value


def _equal(fr: Frame, a: Dim, b: Dim) -> bool:
    """Whether two lengths are equal; where they are for the given arguments only, that is noted."""
    shapes = fr.session.shapes
    try:
        shapes.must_equal(a, b)
    except ShapeMismatch:
        return False
    a, b = shapes.resolve(a), shapes.resolve(b)
    return a == b or (shapes.actually(a) is not None and shapes.actually(a) == shapes.actually(b))


def _function(
    fr: Frame, node: gast.AST, d: Value, body: list[Statement], result: Atom
) -> tuple[Function, list[Value]]:
    """The block as a function of its own, and the values that it takes besides the adjoint."""
    region = Region((d,), tuple(body), (result,))
    free = list(dict.fromkeys(_free(region, set())))
    env: Env = {v: Value(v.type, v.name, v.user) for v in (d, *free)}
    params = tuple(v for v in env.values() if isinstance(v, Value))
    statements = tuple(clone_statement(s, env) for s in body)
    made = Function("block", Region(params, statements, (lookup(env, result),)), 0)
    written = written_roots(made, storage_roots(made))
    for param in made.params[1:]:
        if param in written:
            _refuse_write(fr, node, param.name or "an array")
    return _OwnArrays(made)(made), free


def _refuse_write(fr: Frame, node: gast.AST, name: str) -> None:
    fr.fail(
        node,
        f"a block of srcdiff.adjoint writes into `{name}`, which is the function's",
        "Write into a copy of it; what a block collects goes to a list outside the function.",
    )


def _free(region: Region, known: set[Value]) -> Iterator[Value]:
    """The values that a region uses and does not define, in order of use."""
    known = known | set(region.params)
    for s in region.body:
        yield from (a for a in s.operands if isinstance(a, Value) and a not in known)
        for inner in regions_of(s):
            yield from _free(inner, known)
        known |= set(s.results)
    yield from (y for y in region.yields if isinstance(y, Value) and y not in known)


# ---- what it does outside -----------------------------------------------------------------------------


@reads(OutsideEffect)
def _outside_effect(fr: Frame, node: gast.AST) -> None:
    statement = node.statement
    is_call = isinstance(statement, gast.Expr)
    place = statement.value.func if is_call else statement.targets[0]
    found = _outside(fr, place)
    if found is None or (is_call and _reads_as_numerics(fr, found, statement)):
        if found is None or not is_call:
            fr.statement(statement)
        return
    outside = _Outside(fr, statement, *found)
    operands: list[Atom] = []
    text = outside.text(place, operands)
    if is_call:
        text += f"({', '.join(outside.arguments(statement.value, operands))})"
    else:
        text += f" = {text_of(fr, fr.expr(statement.value), statement.value, operands)}"
    fr.ops(statement, outside_call, *operands, text=text, bindings={outside.name: outside.value})


def _outside(fr: Frame, place: gast.AST) -> tuple[str, object] | None:
    """The name that a chain of attributes and subscripts begins with, and the object outside that it is."""
    root = place
    while isinstance(root, gast.Attribute | gast.Subscript):
        root = root.value
    if not isinstance(root, gast.Name):
        return None
    frame: Frame | None = fr
    while frame is not None:
        if root.id in frame.env:
            value = frame.env[root.id]
            return (root.id, value.value) if isinstance(value, Known) else None
        if root.id in frame.local:
            return None
        frame = frame.outer
    found = fr.find(root.id)
    return None if found is None or found[0] == "builtins" else (root.id, found[1])


def _reads_as_numerics(fr: Frame, found: tuple[str, object], statement: gast.AST) -> bool:
    """Read a call as any other, if it is one of NumPy's, or of a function whose source can be read."""
    _, value = found
    func = statement.value.func
    is_plain = isinstance(func, gast.Name)
    if is_plain or isinstance(value, ModuleType):
        module = value if isinstance(value, ModuleType) else None
        name = getattr(module, "__name__", getattr(value, "__module__", "")) or ""
        if name.partition(".")[0] in LIBRARIES:
            fr.statement(statement)
            return True
    plain = function_of(value) if is_plain else None
    if type(plain) is not FunctionType or is_library(plain):
        return False
    session = fr.session
    mark, count = session.mark(), len(fr.b.body)
    try:
        fr.statement(statement)
    except UnsupportedError:  # it is run as it is
        session.reset(mark)
        del fr.b.body[count:]
        return False
    return True


class _Outside:
    """The text of a statement that reaches an object outside, with operands in the places of values."""

    def __init__(self, fr: Frame, node: gast.AST, name: str, value: object) -> None:
        self.fr, self.root, self.value = fr, name, value
        self.name = _bound_name(fr, name, value)
        find = fr
        while find.outer is not None:
            find = find.outer
        watch = _Same(partial(_found, find.look_up, name, value))
        fr.session.watched.setdefault(f"{id(value)} outside", Watched(watch, None, value))

    def text(self, node: gast.AST, operands: list[Atom]) -> str:
        fr = self.fr
        match node:
            case gast.Name():
                return self.name
            case gast.Attribute():
                return f"{self.text(node.value, operands)}.{node.attr}"
            case gast.Subscript():
                return f"{self.text(node.value, operands)}[{self.key(node.slice, operands)}]"
        fr.fail(node, "this is not supported in a block of srcdiff.adjoint")

    def key(self, node: gast.AST, operands: list[Atom]) -> str:
        if isinstance(node, gast.Tuple):
            return ", ".join(self.key(each, operands) for each in node.elts)
        if not isinstance(node, gast.Slice):
            return text_of(self.fr, self.fr.expr(node), node, operands)
        parts = [
            "" if each is None else text_of(self.fr, self.fr.expr(each), each, operands)
            for each in (node.lower, node.upper, node.step)
        ]
        return ":".join(parts if node.step is not None else parts[:2])

    def arguments(self, call: gast.AST, operands: list[Atom]) -> list[str]:
        fr = self.fr
        given = [text_of(fr, fr.expr(a), a, operands) for a in call.args]
        for keyword in call.keywords:
            value = text_of(fr, fr.expr(keyword.value), keyword.value, operands)
            given.append(f"{keyword.arg}={value}")
        return given


def _bound_name(fr: Frame, name: str, value: object) -> str:
    """The name of an object in generated code: the user's, and different for different objects."""
    taken = fr.session.functions.setdefault("objects from outside", {})
    mine = {p.name for p in fr.session.params}
    found, k = name, 2
    while found in mine or taken.get(found, value) is not value:
        found, k = f"{name}_{k}", k + 1
    taken[found] = value
    return found


def _found(find: Callable[[str], tuple[str, object] | None], name: str, value: object) -> Any:
    """The object that the name stands for now; `self` of a method does not change."""
    found = find(name)
    return value if found is None else found[1]


class _Same:
    """How to look at an object again. It is no partial: programs with such objects are kept in no file."""

    def __init__(self, get: Callable[[], object]) -> None:
        self.get = get

    def __call__(self) -> Any:
        return self.get()


class _OwnArrays(Rewriter):
    """Copies what is handed out and may be kept there, if it is the program's: an array that comes in, or goes on."""

    def __init__(self, block: Function) -> None:
        self.roots = storage_roots(block)
        going_on = (*block.params, *block.body.yields)
        nothing: frozenset[Value] = frozenset()
        self.kept = nothing.union(
            *(self.roots.get(v, nothing) for v in going_on if isinstance(v, Value))
        )

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old.decl is not outside_call:
            b.append(self.keep(old, env, b))
            return
        b.location = old.location
        operands = [self.own(a, lookup(env, a), b) for a in old.operands]
        b.append(with_parts(old, operands, ()))

    def own(self, old: Atom, now: Atom, b: Builder) -> Atom:
        if not isinstance(old, Value) or not isinstance(old.type, Array):
            return now
        return b.op(copy, now, spelling=".copy") if self.roots[old] & self.kept else now
