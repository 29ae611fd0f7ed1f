"""Lists among the parameters of compiled code: they come as arrays and tuples, which Numba takes faster, and are lists
from the first line on.

    layers = list(layers)
"""

from __future__ import annotations

from collections.abc import Mapping

from srcdiff.codegen.text import syntax as n
from srcdiff.codegen.text.syntax import Expr, Stmt
from srcdiff.ir.core import Function
from srcdiff.ir.types import List, Struct, Type, has_lists
from srcdiff.ir.values import Value


def listed_parameters(fn: Function, names: Mapping[Value, str]) -> list[Stmt]:
    """The statements that make lists of what stands for them."""
    return [
        n.assign(n.name(names[p]), _listed(p.type, n.name(names[p])))
        for p in fn.params
        if has_lists(p.type)
    ]


def _listed(type_: Type, value: Expr, depth: int = 0) -> Expr:
    if isinstance(type_, List) and not has_lists(type_.element):
        return n.call("list", value)
    if isinstance(type_, List):
        each = f"part_{depth}" if depth else "part"
        inner = _listed(type_.element, n.name(each), depth + 1)
        return n.list_comp(inner, n.comprehension(n.name(each), value))
    if isinstance(type_, Struct) and has_lists(type_):
        parts = [
            _listed(t, n.subscript(value, n.constant(k)), depth) for k, t in enumerate(type_.parts)
        ]
        return n.call(type_.cls.__name__, *parts) if type_.cls is not None else n.tuple_(*parts)
    return value
