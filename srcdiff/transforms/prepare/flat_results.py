"""Flat results: containers among the results of a function are split, so that each result is a number or an array."""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, Node, Tree
from srcdiff.ir.types import Struct
from srcdiff.ir.values import Atom
from srcdiff.ops.arrays import containers


def flat_results(fn: Function) -> Function:
    """`fn` with the parts of containers as its results."""
    b = Builder(origin="compiler", location=fn.location)
    yields: list[Atom] = []

    def tree(old: Tree) -> Tree:
        if isinstance(old, int):
            return part(fn.body.yields[old])
        return replace(old, children=tuple(map(tree, old.children)))

    def part(y: Atom) -> Tree:
        if isinstance(y.type, Struct):
            parts = [part(b.op(containers.get, y, key=k)) for k in y.type.keys]
            return Node(y.type.kind, y.type.keys, tuple(parts), y.type.cls)
        yields.append(y)
        return len(yields) - 1

    output = tree(fn.output)
    body = replace(fn.body, body=(*fn.body.body, *b.body), yields=tuple(yields))
    return replace(fn, body=body, output=output)
