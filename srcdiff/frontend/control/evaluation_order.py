"""Order of evaluation in a `try`: parts of a statement as statements of their own, so that a call that raises leaves
the rest out.

    total += x[0] * f(x)        becomes        part = x[0]; call = f(x); total += part * call
"""

from __future__ import annotations

import copy

import gast

from srcdiff.frontend.core.frame import Frame


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
        if hoist.calls(value):
            setattr(new, where, hoist.visit(value))
        if isinstance(new, gast.If) and not hasattr(new, "after"):
            new.after = fr.source.flow.after.get(id(s))
        found = s.hoisted = [*hoist.statements, new] if hoist.statements else []
        for part in found:
            part.hoisted = []
    fr.session.hints.setdefault("nodes", []).extend(found)  # an id is for good
    fr.session.hoisted.update(id(part.value) for part in found[:-1])
    return found or None


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
        return isinstance(node, gast.Call) or any(map(self.calls, gast.iter_child_nodes(node)))

    def taken(self, node: gast.AST, *targets: gast.AST) -> gast.AST:
        """The name of a part that is computed in front of the statement."""
        name = f"%part{len(self.statements)}_{node.lineno}_{node.col_offset}_{node.end_col_offset}"
        target = gast.copy_location(gast.Name(name, gast.Store(), None, None), node)
        made = gast.copy_location(gast.Assign([target, *targets], node, None), node)
        self.statements.append(made)
        return gast.copy_location(gast.Name(name, gast.Load(), None, None), node)

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

    visit_IfExp = visit_BoolOp = leave
    visit_ListComp = visit_GeneratorExp = visit_DictComp = visit_SetComp = leave

    def visit_Lambda(self, node: gast.AST) -> gast.AST:
        return node


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
