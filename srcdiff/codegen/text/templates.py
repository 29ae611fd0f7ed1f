"""Templates of operations as syntax trees: parsed once each, filled in by copying.

SciPy's functions are imported by name (`from scipy.special import expit`) unless a variable has
that name.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import gast

from srcdiff.codegen.text.syntax import Expr
from srcdiff.ir.values import Atom, Const

_MODULES = {
    "np", "cmath", "cuda", "logging", "math", "numba", "numpy", "operator", "scipy", "srcdiff", "time",
}  # fmt: skip


@dataclass(frozen=True)
class Template:
    """`tree` is an expression, or a statement; `dotted` are the module attributes that it mentions."""

    tree: Expr
    is_statement: bool
    dotted: tuple[str, ...]

    def fill(self, operands: Sequence[Expr], short: dict[str, str]) -> Expr:
        """The tree with operands in the places of `{i}`; `short` maps dotted names to what they are imported as."""
        return _fill(self.tree, operands, short)


@functools.cache
def template(text: str, count: int) -> Template:
    """The template of a text with `count` operands."""
    filled = text.format(*[f"_{k}_" for k in range(count)])
    (statement,) = gast.parse(filled).body
    is_statement = not isinstance(statement, gast.Expr)
    tree = statement if is_statement else statement.value
    return Template(tree, is_statement, tuple(dict.fromkeys(dotted_names(tree))))


def dotted_names(tree: Expr) -> Iterator[str]:
    dotted = _dotted(tree)
    if dotted:
        yield dotted
        return
    for child in gast.iter_child_nodes(tree):
        yield from dotted_names(child)


def _dotted(tree: Expr) -> str:
    parts: list[str] = []
    while isinstance(tree, gast.Attribute):
        parts.append(tree.attr)
        tree = tree.value
    if parts and isinstance(tree, gast.Name) and tree.id in _MODULES:
        return ".".join([tree.id, *reversed(parts)])
    return ""


def _fill(tree: Expr, operands: Sequence[Expr], short: dict[str, str]) -> Expr:
    if isinstance(tree, list):
        return [_fill(each, operands, short) for each in tree]
    if not isinstance(tree, gast.AST):
        return tree
    if isinstance(tree, gast.Name):
        name = tree.id
        return (
            operands[int(name[1:-1])]
            if name[0] == "_" == name[-1] and name[1:-1].isdigit()
            else tree
        )
    if isinstance(tree, gast.Attribute) and short:
        known = short.get(_dotted(tree))
        if known is not None:
            return gast.Name(known, gast.Load(), None, None)
    filled = type(tree)(*(_fill(getattr(tree, f), operands, short) for f in tree._fields))
    return _flat(filled) if isinstance(filled, gast.Call) else filled


def _flat(call: Expr) -> Expr:
    """`min(a, b, c)`, of `min(min(a, b), c)`: Python looks at them in the same order."""
    is_chain = len(call.args) > 1 and isinstance(call.args[0], gast.Call) and not call.keywords
    if not (is_chain and len(call.args[0].args) > 1 and not call.args[0].keywords):
        return call
    names = {f.id if isinstance(f, gast.Name) else "" for f in (call.func, call.args[0].func)}
    if names not in ({"min"}, {"max"}):
        return call
    return gast.Call(call.func, [*call.args[0].args, *call.args[1:]], [])


def conditional_text(condition: Atom, a: Atom, b: Atom) -> tuple[str, tuple[Atom, ...]]:
    """`a if condition else b`, or what is shorter; with its operands in order."""
    if isinstance(b, Const) and b.value is False:
        return "{0} and {1}", (condition, a)
    if isinstance(a, Const) and a.value is True:
        return "{0} or {1}", (condition, b)
    return "{1} if {0} else {2}", (condition, a, b)
