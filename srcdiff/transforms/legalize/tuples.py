"""Container legalisation: dicts, dataclasses and lists of known parts become tuples.

    %W = get[key='W'] %params        becomes        %W = get[key=0] %params

Compiled code has no other containers of several types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.build import with_parts
from srcdiff.ir.core import Call, Function, Node, Op, Region, Statement, Tree, regions_of
from srcdiff.ir.structs import COMPILED_KINDS
from srcdiff.ir.types import List, Struct, Type
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import containers


def plain_tuples(fn: Function) -> Function:
    """`fn` with tuples for containers that compiled code does not have."""
    return _Plain().function(fn)


def _plain(type_: Type) -> Type:
    if isinstance(type_, List):
        return List(_plain(type_.element))
    if not isinstance(type_, Struct):
        return type_
    parts = tuple(map(_plain, type_.parts))
    if type_.kind in COMPILED_KINDS:
        return replace(type_, parts=parts)
    return Struct("tuple", tuple(range(len(parts))), parts)


class _Plain:
    """Rewrites one function after the other, also callees."""

    def __init__(self) -> None:
        self.values: dict[Value, Value] = {}
        self.functions: dict[Function, Function] = {}

    def function(self, fn: Function) -> Function:
        if fn not in self.functions:
            body = self.region(fn.body)
            source = replace(
                fn.source,
                argument_types={k: _plain(t) for k, t in fn.source.argument_types.items()},
                specialised_on=tuple(t for t in fn.source.specialised_on if not t[1]),
            )
            self.functions[fn] = replace(fn, body=body, output=_tree(fn.output), source=source)
        return self.functions[fn]

    def value(self, old: Value) -> Value:
        if old not in self.values:
            type_ = _plain(old.type)
            self.values[old] = old if type_ == old.type else replace(old, type=type_)
        return self.values[old]

    def atom(self, old: Atom) -> Atom:
        return old if isinstance(old, Const) else self.value(old)

    def region(self, old: Region) -> Region:
        return Region(
            tuple(map(self.value, old.params)),
            tuple(map(self.statement, old.body)),
            tuple(map(self.atom, old.yields)),
        )

    def statement(self, old: Statement) -> Statement:
        regions = [self.region(r) for r in regions_of(old)]
        new = with_parts(
            old, self.atoms(old.operands), regions, lambda: tuple(map(self.value, old.results))
        )
        if isinstance(new, Call):
            return replace(new, function=self.function(new.function))
        return self.operation(old, new) if isinstance(old, Op) and isinstance(new, Op) else new

    def operation(self, old: Op, new: Op) -> Op:
        attrs = dict(new.attrs)
        for name in ("type", "element"):
            if isinstance(attrs.get(name), List | Struct):
                attrs[name] = _plain(attrs[name])
        if old.decl is containers.get:
            base = old.operands[0].type
            if isinstance(base, Struct) and base.kind not in COMPILED_KINDS:
                attrs["key"] = base.keys.index(attrs["key"])
        if old.decl is containers.pack and attrs["kind"] not in COMPILED_KINDS:
            attrs = {"kind": "tuple", "keys": tuple(range(len(old.operands)))}
        return replace(new, attrs=attrs)

    def atoms(self, old: Sequence[Atom]) -> tuple[Atom, ...]:
        return tuple(map(self.atom, old))


def _tree(tree: Tree) -> Tree:
    if isinstance(tree, int):
        return tree
    children = tuple(map(_tree, tree.children))
    if tree.kind in COMPILED_KINDS:
        return replace(tree, children=children)
    return Node("tuple", tuple(range(len(children))), children)
