"""Free names of nested functions, by Python's rules of scopes.

def outer(k):               outer: b and s, which is a parameter of inner only
    def inner(s):           inner: b
        return s * b
    return inner(k) * s
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import gast


def free_names(node: gast.AST) -> Iterator[str]:
    """The names that a function reads or binds around it, in the order in which it has them."""
    cached = node.__dict__.get("free_names")
    if cached is None:
        free = _free_in(node)
        named = dict.fromkeys(n for part in gast.walk(node) for n in _named(part))
        cached = node.free_names = [name for name in named if name in free]
    return iter(cached)


def _named(node: gast.AST) -> Iterable[str]:
    if isinstance(node, gast.Name):
        return [node.id]
    return node.names if isinstance(node, gast.Nonlocal) else []


@dataclass
class _Scope:
    """The names that the statements of one scope bind and read; `outer` are those declared `nonlocal`."""

    read: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)

    def see(self, node: gast.AST) -> None:
        match node:
            case gast.Name():
                (self.read if isinstance(node.ctx, gast.Load) else self.bound).add(node.id)
            case gast.Nonlocal():
                self.outer.update(node.names)
            case gast.alias():
                self.bound.add((node.asname or node.name).partition(".")[0])
            case gast.FunctionDef() | gast.Lambda():
                self.see_function(node)
            case gast.ListComp() | gast.SetComp() | gast.DictComp() | gast.GeneratorExp():
                self.see_comprehension(node)
            case _:
                self.see_all(gast.iter_child_nodes(node))

    def see_all(self, nodes: Iterable[gast.AST]) -> None:
        for node in nodes:
            self.see(node)

    def see_function(self, node: gast.AST) -> None:
        """Names that a nested scope does not bind are looked up here; its defaults and decorators are read here."""
        if isinstance(node, gast.FunctionDef):
            self.bound.add(node.name)
            self.see_all(node.decorator_list)
        self.see_all(_defaults(node))
        self.read |= _free_in(node)

    def see_comprehension(self, node: gast.AST) -> None:
        """Its targets are its own; what `:=` binds in it is bound here."""
        inner, own = _Scope(), _Scope()
        inner.see_all(gast.iter_child_nodes(node))
        own.see_all(generator.target for generator in node.generators)
        self.see(node.generators[0].iter)
        self.read |= inner.read - own.bound
        self.bound |= inner.bound - own.bound


def _free_in(function: gast.AST) -> set[str]:
    scope = _Scope(bound=parameter_names(function))
    scope.see_all(function.body if isinstance(function.body, list) else [function.body])
    return (scope.read - scope.bound) | scope.outer


def parameter_names(function: gast.AST) -> set[str]:
    own = function.args
    every = [*own.posonlyargs, *own.args, own.vararg, *own.kwonlyargs, own.kwarg]
    return {parameter.id for parameter in every if parameter is not None}


def _defaults(function: gast.AST) -> list[gast.AST]:
    return [d for d in (*function.args.defaults, *function.args.kw_defaults) if d is not None]
