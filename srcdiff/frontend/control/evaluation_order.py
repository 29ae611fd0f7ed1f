"""Order of evaluation in a `try`: parts of a statement as statements of their own, so that a call that raises leaves
the rest out.

    total += x[0] * f(x)        becomes        part = x[0]; call = f(x); total += part * call
"""

from __future__ import annotations

import copy

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import Parts
from srcdiff.frontend.iteration.generators import is_of_library
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Const, Value


def hoisted(fr: Frame, s: gast.AST) -> list[gast.AST] | None:
    """The calls in a statement as statements of their own in front of it, so that one that raises leaves the rest out:
    `total += f(v)` is `call = f(v); total += call`. None where there are none.
    """
    found: list[gast.AST] | None = getattr(s, "hoisted", None)
    if found is None:
        where = "test" if isinstance(s, gast.If) else "value"
        if not isinstance(s, _SIMPLE) or getattr(s, where) is None:
            return None
        value, new = copy.deepcopy(getattr(s, where)), copy.copy(s)
        hoist = _Hoist(value)
        target = copy.deepcopy(s.target) if _is_read_first(fr, s, value) else None
        if hoist.calls(value):
            if target is not None:
                new.target = hoist.read_first(target)
            setattr(new, where, hoist.visit(value))
        if isinstance(new, gast.If) and not hasattr(new, "after"):
            new.after = fr.source.flow.after.get(id(s))
        found = s.hoisted = [*hoist.statements, new] if hoist.statements else []
        if found and target is not None:
            found.append(_assigned([target], copy.copy(new.target)))
        for part in found:
            part.hoisted = []
    fr.session.hints.setdefault("nodes", []).extend(found)  # an id is for good
    fr.session.hoisted.update(id(part.value) for part in found[:-1])
    return found or None


def _is_read_first(fr: Frame, s: gast.AST, value: gast.AST) -> bool:
    """Whether an augmented assignment reads its target before calls that may write it."""
    if not isinstance(s, gast.AugAssign):
        return False
    if isinstance(s.target, gast.Name):
        bound = fr.env.get(s.target.id)
        return isinstance(bound, Parts) and bound.kind == "shared"
    calls = (part for part in gast.walk(value) if isinstance(part, gast.Call))
    return any(_may_write(fr, call) for call in calls if not is_of_library(fr, call))


def _may_write(fr: Frame, call: gast.AST) -> bool:
    """Whether a call can reach arrays or objects: a method or a closure does, and a function by its arguments."""
    if not isinstance(call.func, gast.Name) or fr.env.get(call.func.id) is not None:
        return True
    arguments = (*call.args, *(keyword.value for keyword in call.keywords))
    return not all(_is_number(fr, argument) for argument in arguments)


def _is_number(fr: Frame, node: gast.AST) -> bool:
    """Whether an argument is certainly no array or object that has another name, too."""
    if isinstance(node, gast.Subscript) and isinstance(node.value, gast.Name):
        array = fr.env.get(node.value.id)
        is_row = isinstance(array, Value) and getattr(array.type, "ndim", 0) == 1
        return is_row and _is_number(fr, node.slice)
    value = fr.env.get(node.id) if isinstance(node, gast.Name) else None
    is_scalar = isinstance(value, Value | Const) and isinstance(value.type, Scalar)
    return is_scalar or isinstance(node, gast.Constant | gast.BinOp | gast.UnaryOp | gast.Compare)


def _assigned(targets: list[gast.AST], value: gast.AST) -> gast.AST:
    if isinstance(value, gast.Name):
        value.ctx = gast.Load()
    return gast.copy_location(gast.Assign(targets, value, None), value)


_SIMPLE = (gast.Assign, gast.AugAssign, gast.AnnAssign, gast.Expr, gast.Return, gast.If)


class _Hoist(gast.NodeTransformer):
    """Takes out the calls that are made whatever happens, the innermost first, and what is evaluated before a call:
    the call may write into it, and a `:=` may bind its name.
    """

    def __init__(self, value: gast.AST) -> None:
        self.statements: list[gast.AST] = []
        self.is_early = False  # whether a call or a `:=` of the statement follows
        named = (n.target.id for n in gast.walk(value) if isinstance(n, gast.NamedExpr))
        self.rebound = frozenset(named)

    def calls(self, node: gast.AST) -> bool:
        """Whether a part has a call that is made whatever happens."""
        if isinstance(node, _LEFT):
            return False
        if _is_chain(node):
            return self.calls(node.left) or self.calls(node.comparators[0])
        return isinstance(node, gast.Call) or any(map(self.calls, gast.iter_child_nodes(node)))

    def taken(self, node: gast.AST, *targets: gast.AST) -> gast.AST:
        """The name of a part that is computed in front of the statement."""
        name = f"%part{len(self.statements)}_{node.lineno}_{node.col_offset}_{node.end_col_offset}"
        target = gast.copy_location(gast.Name(name, gast.Store(), None, None), node)
        self.statements.append(_assigned([target, *targets], node))
        return gast.copy_location(gast.Name(name, gast.Load(), None, None), node)

    def read_first(self, target: gast.AST) -> gast.AST:
        """The name of the value that a target has before the calls; its index and its object are computed once."""
        self.is_early = True
        for name in ("value", "slice"):
            part = getattr(target, name, None)
            if part is None or isinstance(part, gast.Name):
                continue
            if not any(isinstance(n, gast.Slice) for n in gast.walk(part)):
                setattr(target, name, self.taken(part))
        self.is_early = False
        old = copy.copy(target)
        old.ctx = gast.Load()
        return gast.copy_location(gast.Name(self.taken(old).id, gast.Store(), None, None), target)

    def generic_visit(self, node: gast.AST) -> gast.AST:
        """The parts in their order; a part is early if a later one has a call or a `:=`."""
        outer, parts = self.is_early, [*gast.iter_child_nodes(node)]
        changing = [any(isinstance(n, _CHANGING) for n in gast.walk(part)) for part in parts]
        early = {id(part): any(changing[k + 1 :]) for k, part in enumerate(parts)}

        def visited(part: object) -> object:
            self.is_early = outer or early.get(id(part), False)
            return self.visit(part) if isinstance(part, gast.AST) else part

        for name, old in gast.iter_fields(node):
            setattr(node, name, [*map(visited, old)] if isinstance(old, list) else visited(old))
        self.is_early = outer
        return node

    def visit_Call(self, node: gast.AST) -> gast.AST:
        outer, self.is_early = self.is_early, False
        node.func = self.visit(node.func)
        function, node.func = node.func, gast.Constant(None, None)
        self.generic_visit(node)
        node.func, self.is_early = function, outer
        return self.taken(node)

    def visit_NamedExpr(self, node: gast.AST) -> gast.AST:
        value = self.visit(node.value)
        return self.taken(value, node.target)

    def read(self, node: gast.AST) -> gast.AST:
        self.generic_visit(node)
        is_read = isinstance(getattr(node, "ctx", None), gast.Load)
        return self.taken(node) if self.is_early and is_read else node

    visit_Subscript = visit_Attribute = read

    def visit_Name(self, node: gast.AST) -> gast.AST:
        return self.taken(node) if self.is_early and node.id in self.rebound else node

    def leave(self, node: gast.AST) -> gast.AST:
        return self.taken(node) if self.is_early else node

    def visit_Compare(self, node: gast.AST) -> gast.AST:
        if not _is_chain(node):
            return self.generic_visit(node)
        rest = node.comparators[1:]  # computed only where the first comparison holds
        node.comparators[1:] = []
        self.generic_visit(node)
        node.comparators += rest
        return self.leave(node)

    visit_IfExp = visit_BoolOp = leave
    visit_ListComp = visit_GeneratorExp = visit_DictComp = visit_SetComp = leave

    def visit_Lambda(self, node: gast.AST) -> gast.AST:
        return node


def _is_chain(node: gast.AST) -> bool:
    return isinstance(node, gast.Compare) and len(node.ops) > 1


_LEFT = (
    gast.IfExp,
    gast.BoolOp,
    gast.Lambda,
    gast.ListComp,
    gast.GeneratorExp,
    gast.DictComp,
    gast.SetComp,
)
_CHANGING = (gast.Call, gast.NamedExpr)
