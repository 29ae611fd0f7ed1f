"""Rewriting of statements: a user's function becomes a dynamic program whose operations run on a `Tape`.

    for step in steps:             for step in tape.each(steps):
        y = step(x)                    y = tape.call(step, x)
        x = y * a[0]                   x = tape.of(lambda y, a_0: y * a_0, y, tape.item(a, 0))

Statements that only move values stay as they are: loops, branches, containers, exceptions, generators.
"""

from __future__ import annotations

import ast
import copy
import importlib
from types import FunctionType
from typing import Any

from srcdiff.eager.derivatives.adjoint_hooks import function_def, function_of_block
from srcdiff.eager.rewrite.attribute_routes import routes_of
from srcdiff.eager.rewrite.evaluation_order import may_write
from srcdiff.eager.rewrite.rewrite_expressions import ExpressionRewriter
from srcdiff.eager.rewrite.traceable_regions import OPERATORS, Expression, outside_names
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.adjoint_hook_nodes import check_block, is_block


class Rewriter(ExpressionRewriter):
    """Rewrites the statements of one function."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        return ast.Expr(self.visit(node.value))

    def visit_Assign(self, node: ast.Assign) -> Any:
        value = self.visit(node.value)
        if len(node.targets) == 1:
            return self.assigned(node.targets[0], value, node.value)
        if all(isinstance(t, ast.Name) for t in node.targets):
            return ast.Assign(node.targets, value)
        name = self.fresh("value")
        out: list[ast.stmt] = [ast.Assign([ast.Name(name, ast.Store())], value)]
        for target in node.targets:
            out += self.assigned(target, ast.Name(name, ast.Load()), None)
        return out

    def visit_AnnAssign(self, node: Any) -> Any:
        return (
            []
            if node.value is None
            else self.assigned(node.target, self.visit(node.value), node.value)
        )

    def assigned(self, target: Any, value: Any, node: Any) -> list[ast.stmt]:
        """Statements that bind a target to a value; `node` is the value before rewriting."""
        if isinstance(target, ast.Subscript | ast.Attribute):
            first, value = self.in_front(value) if self.is_later(target, node) else ([], value)
            return [*first, *self.stored(target, value)]
        if isinstance(target, ast.Tuple | ast.List):
            return self.unpacked(target, value, node)
        return [ast.Assign([target], value)]

    def is_later(self, target: ast.Subscript | ast.Attribute, value: ast.expr) -> bool:
        """Whether the value has to be computed before the target: `self.x[self.n] = self.next()`."""
        parts = (
            [target.value, target.slice] if isinstance(target, ast.Subscript) else [target.value]
        )
        if any(map(_is_called, parts)):
            return True
        if value is None:
            return False
        bound = {n.target.id for n in ast.walk(value) if isinstance(n, ast.NamedExpr)}
        if may_write(value, Expression(self, value).meaning):
            bound |= self.rebound
            if any(
                isinstance(n, ast.Attribute | ast.Subscript) for p in parts for n in ast.walk(p)
            ):
                return True
        return any(names_of(p) & bound for p in parts)

    def in_front(self, value: ast.expr) -> tuple[list[ast.stmt], ast.expr]:
        """A value in a statement of its own, and its name."""
        if isinstance(value, ast.Name | ast.Constant):
            return [], value
        name = self.fresh("value")
        return [ast.Assign([ast.Name(name, ast.Store())], value)], ast.Name(name, ast.Load())

    def stored(self, target: ast.Subscript | ast.Attribute, value: ast.expr) -> list[ast.stmt]:
        if isinstance(target, ast.Subscript):
            return [
                ast.Expr(self.tape_call("store", self.visit(target.value), self.key(target), value))
            ]
        name, base = self.mangled(target.attr), self.visit(target.value)
        is_property = target.attr in self.routes.properties
        if is_property or target.attr in ("flat", "real", "imag") or self.routes.custom:
            return [ast.Expr(self.tape_call("set_attribute", base, ast.Constant(name), value))]
        return [ast.Assign([ast.Attribute(base, name, ast.Store())], value)]

    def unpacked(self, target: ast.Tuple | ast.List, value: ast.expr, node: ast.expr) -> list[Any]:
        if not isinstance(node, ast.Tuple):
            value = self.each(node, value) if node is not None else self.tape_call("each", value)
        elements: list[Any] = []
        after: list[Any] = []
        read: set[str] = set()  # by targets further left: `a[i], i = ...` is the old `i`'s
        for e in target.elts:
            inner = e.value if isinstance(e, ast.Starred) else e
            if isinstance(inner, ast.Name) and inner.id not in read:
                elements.append(e)
                continue
            read |= names_of(inner)
            name = self.fresh("part")
            made = ast.Name(name, ast.Store())
            elements.append(ast.Starred(made, ast.Store()) if isinstance(e, ast.Starred) else made)
            after += self.assigned(inner, ast.Name(name, ast.Load()), None)
        return [ast.Assign([ast.Tuple(elements, ast.Store())], value), *after]

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        symbol, value = ast.Constant(OPERATORS[type(node.op)]), self.visit(node.value)
        target = node.target
        if isinstance(target, ast.Subscript):
            base, key = self.visit(target.value), self.key(target)
            if may_write(node.value, Expression(self, node.value).meaning):
                (base, base_again), (key, key_again) = self.kept(base), self.kept(key)
                before = self.tape_call("item", base_again, key_again)
                keywords = [ast.keyword("before", before), ast.keyword("value", value)]
                return ast.Expr(
                    self.tape_call("augment_item", base, key, symbol, keywords=keywords)
                )
            return ast.Expr(self.tape_call("augment_item", base, key, symbol, value))
        first, target = self.evaluated_once(target)
        load = copy.copy(target)
        load.ctx = ast.Load()
        made = self.tape_call("augmented", symbol, self.visit(load), value)
        return [*first, *self.assigned(target, made, None)]

    def evaluated_once(self, target: ast.expr) -> tuple[list[ast.stmt], Any]:
        """A target that is read and assigned; its calls, as in `xs.pop().v += 1`, run once, in front."""
        if not isinstance(target, ast.Attribute) or not _is_called(target.value):
            return [], target
        name = self.fresh("part")
        made = ast.Assign([ast.Name(name, ast.Store())], self.visit(target.value))
        return [made], ast.Attribute(ast.Name(name, ast.Load()), target.attr, ast.Store())

    def kept(self, node: ast.expr) -> tuple[ast.expr, ast.expr]:
        """An expression that also binds its value to a new name, and this name."""
        if isinstance(node, ast.Name | ast.Constant):
            return node, node
        name = self.fresh("part")
        return ast.NamedExpr(ast.Name(name, ast.Store()), node), ast.Name(name, ast.Load())

    def visit_Delete(self, node: Any) -> list[ast.stmt]:
        return [self.deleted(target) for target in node.targets]

    def deleted(self, target: ast.expr) -> ast.Expr | ast.Delete:
        if isinstance(target, ast.Subscript) and "__delitem__" in self.routes.methods:
            base = self.visit(target.value)
            return ast.Expr(self.tape_call("delete", base, self.key(target)))
        return ast.Delete([self.visit(target)])

    def visit_For(self, node: ast.For) -> ast.For:
        target, taken = self.loop_target(node.target, node.iter)
        after = [s for t, v in taken for s in self.assigned(t, v, ast.Tuple([], ast.Load()))]
        iterated = self.each(node.iter, self.visit(node.iter))
        return ast.For(target, iterated, [*after, *self.block(node.body)], self.block(node.orelse))

    def visit_With(self, node: Any) -> ast.With | list[ast.stmt]:
        if is_block(node) and self.marks_adjoint(node.items[0].context_expr.func):
            check_block(node, lambda _: None)
            name, function = node.items[0].context_expr.args[0].id, self.fresh("block")
            made = function_of_block(node, function, self.bound)
            value = self.tape_call(
                "block", ast.Name(name, ast.Load()), ast.Name(function, ast.Load())
            )
            return [made, ast.Assign([ast.Name(name, ast.Store())], value)]
        items = []
        for item in node.items:
            items.append(
                ast.withitem(
                    self.tape_call("context", self.visit(item.context_expr)), item.optional_vars
                )
            )
        return ast.With(items, self.block(node.body))

    def marks_adjoint(self, node: ast.expr) -> bool:
        return bool(getattr(Expression(self, node).meaning(node), "marks_adjoint", False))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        inner = self.inside(node.args)
        inner.local = inner.local | set(bound_names(node.body))
        kept: list[Any] = []
        called: list[Any] = []
        for d in node.decorator_list:
            (kept if self.is_library(d) else called).append(d)
        body = inner.block(_without_doc(node.body)) or [ast.Pass()]
        decorators = [self.visit_decorator(d) for d in kept]
        made = function_def(node.name, self.defaults(node.args), body, decorators)
        made.users_name = node.name  # type: ignore[attr-defined]
        out: list[Any] = [made]
        for d in reversed(called):
            value = self.tape_call("call", self.visit(d), ast.Name(node.name, ast.Load()))
            out.append(ast.Assign([ast.Name(node.name, ast.Store())], value))
        return out

    def visit_decorator(self, node: ast.expr) -> ast.expr:
        return node

    def is_library(self, node: ast.expr) -> bool:
        """Whether a decorator is a library's: `property`, `functools.wraps(f)`."""
        root: Any = node
        while isinstance(root, ast.Attribute | ast.Call):
            root = root.func if isinstance(root, ast.Call) else root.value
        try:
            found = self.look(root.id)
        except (KeyError, AttributeError):
            return isinstance(node, ast.Attribute) and node.attr in ("setter", "getter", "deleter")
        module = getattr(found, "__name__", "") if not isinstance(found, type) else found.__module__
        return str(module).partition(".")[0] in (
            "functools",
            "contextlib",
            "builtins",
            "dataclasses",
            "abc",
        )

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        inner = copy.copy(self)
        inner.class_name = node.name
        body = inner.class_body(_without_doc(node.body))
        bases = [self.visit(b) for b in node.bases]
        made = ast.ClassDef(node.name, bases, [], body, node.decorator_list)
        made.type_params = []  # type: ignore[attr-defined]
        made.body = made.body or [ast.Pass()]
        return made

    def class_body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Statements of a class body, whose names are attributes; a dataclass has its fields as annotations."""
        out: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                value = statement.value and self.visit(statement.value)
                annotation = statement.annotation
                is_own = getattr(annotation, "id", "") in ("bool", "float", "int", "str")
                kind = annotation if is_own else ast.Name("object", ast.Load())
                out.append(ast.AnnAssign(statement.target, kind, value, 1))
                continue
            found = self.visit(statement)
            out += found if isinstance(found, list) else [found]
        return out

    def visit_Import(self, node: Any) -> Any:
        for alias in node.names:
            if alias.asname or "." not in alias.name:
                self.imports[alias.asname or alias.name] = importlib.import_module(alias.name)
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        return ast.Return(node.value and self.visit(node.value))

    def visit_YieldFrom(self, node: Any) -> ast.YieldFrom:
        return ast.YieldFrom(self.each(node.value, self.visit(node.value)))

    def visit_MatchClass(self, node: Any) -> ast.AST:
        for name in node.kwd_attrs:
            if name in self.routes.properties:
                raise UnsupportedError(
                    f"`match` reads `{name}`, which is a property of some class",
                    "Read it after the `match`.",
                )
        return self.generic_visit(node)

    def visit_arguments(self, node: Any) -> ast.arguments:
        return self.defaults(node)


def _is_called(target: ast.expr) -> bool:
    """Whether the expressions in a target call a function or bind a name."""
    return any(isinstance(part, ast.Call | ast.NamedExpr) for part in ast.walk(target))


def _without_doc(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    is_doc = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if is_doc else body


def names_of(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}


def bound_names(body: list[ast.stmt]) -> list[str]:
    """The names that statements and nested functions bind, as often as they are bound."""
    found: list[str] = []
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.append(node.id)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.append(node.name)
            elif isinstance(node, ast.arg):
                found.append(node.arg)
            elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
                found.append(node.name)
            elif isinstance(node, ast.MatchMapping) and node.rest:
                found.append(node.rest)
    return found


def rewriter_of(
    function: FunctionType, node: ast.FunctionDef | ast.Lambda, is_leaf: bool = False
) -> Rewriter:
    body = node.body if isinstance(node.body, list) else [ast.Expr(node.body)]
    names = bound_names([*body, ast.Expr(ast.Lambda(node.args, ast.Constant(None)))])
    taken = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | set(names)
    made = Rewriter(outside_names(function, set(names)), names, taken, routes_of(function), is_leaf)
    made.rebound = {
        name for n in ast.walk(node) if isinstance(n, ast.Nonlocal | ast.Global) for name in n.names
    }
    parts = function.__qualname__.split(".")
    made.class_name = parts[-2] if len(parts) > 1 and parts[-2] != "<locals>" else ""
    inner: Rewriter = made.inside(node.args)
    return inner


def dynamic_function(
    node: ast.FunctionDef | ast.Lambda, rewriter: Rewriter, name: str
) -> ast.FunctionDef:
    """A function with the tape as its first parameter."""
    arguments = copy.deepcopy(node.args)
    for a in (
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ):
        if a is not None:
            a.annotation = None
    (arguments.posonlyargs or arguments.args).insert(0, ast.arg(rewriter.tape))
    body: list[ast.stmt]
    if isinstance(node, ast.Lambda):
        body = [ast.Return(rewriter.visit(node.body))]
    else:
        body = rewriter.block(_without_doc(node.body)) or [ast.Pass()]
    return function_def(name, arguments, body)
