"""Rewriting of expressions: operations and calls of a dynamic program become calls of the tape."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from srcdiff.eager.rewrite.attribute_routes import Routes
from srcdiff.eager.rewrite.line_map import with_place
from srcdiff.eager.rewrite.traceable_regions import Expression
from srcdiff.errors import UnsupportedError

_ITERATORS = {
    "range", "zip", "enumerate", "list", "tuple", "sorted", "map", "filter", "reversed", "set", "dict", "iter",
}  # fmt: skip
_SUBSCRIPTS = {"__getitem__", "__setitem__", "__delitem__"}
_NATIVE = {
    "range", "print", "isinstance", "issubclass", "int", "bool", "type", "id", "hasattr", "any", "all",
    "dict", "slice", "callable", "super", "ord", "chr", "hash", "delattr",
}  # fmt: skip


class ExpressionRewriter(ast.NodeTransformer):
    """Rewrites the expressions of one function.

    Parameters
    ----------
    look
        Gives the object of a name from outside; KeyError for other names.
    local
        The names that the function and its enclosing functions bind.
    is_leaf
        One call of the tape for each operation, whatever its operands are.
    """

    def __init__(
        self,
        look: Callable[[str], object],
        local: list[str],
        taken: set[str],
        routes: Routes,
        is_leaf: bool = False,
    ) -> None:
        self.bound = local  # names, as often as they are bound
        self.look, self.local, self.taken, self.routes, self.is_leaf = (
            look,
            set(local),
            taken,
            routes,
            is_leaf,
        )
        self.tape = unused_name("tape", taken)
        self.class_name = ""
        self.own: set[str] = set()  # functions that are defined in this one
        self.rebound: set[str] = set()  # names that inner functions bind
        self.imports: dict[str, object] = {}  # modules that the function imports itself

    def visit(self, node: Any) -> Any:
        return with_place(super().visit(node), node)

    # ---- making nodes ----

    def tape_call(self, method: str, *args: Any, keywords: Any = ()) -> ast.Call:
        function = ast.Attribute(ast.Name(self.tape, ast.Load()), method, ast.Load())
        return ast.Call(function, list(args), list(keywords))

    def fresh(self, hint: str) -> str:
        name = unused_name(hint, self.taken)
        self.taken.add(name)
        return name

    def each(self, value: Any, visited: ast.expr) -> ast.expr:
        """The iterable of a loop, where it may be an array or an object."""
        is_call = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
        is_own = is_call and value.func.id in _ITERATORS and value.func.id not in self.local
        is_items = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)
        is_items = is_items and value.func.attr in ("items", "values", "keys")
        shown = (
            ast.Tuple,
            ast.List,
            ast.ListComp,
            ast.GeneratorExp,
            ast.Dict,
            ast.Constant,
            ast.Set,
        )
        return (
            visited
            if is_own or is_items or isinstance(value, shown)
            else self.tape_call("each", visited)
        )

    def block(self, body: Sequence[object]) -> list[ast.stmt]:
        self.own |= {
            s.name for s in body if isinstance(s, ast.FunctionDef) and self.is_defined_once(s)
        }
        out: list[Any] = []
        for statement in body:
            found = self.visit(statement)
            out += found if isinstance(found, list) else [found]
        return out

    def is_defined_once(self, node: ast.FunctionDef) -> bool:
        return not node.decorator_list and self.bound.count(node.name) == 1

    # ---- expressions ----

    def visit_FormattedValue(self, node: Any) -> Any:
        node = self.generic_visit(node)
        node.value = self.tape_call("shown", node.value)
        return node

    def computed(self, node: ast.expr) -> Any:
        """An operation, or a tree of them."""
        expression = Expression(self, node)
        return expression.written()

    visit_BinOp = computed

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        return self.generic_visit(node) if isinstance(node.op, ast.Not) else self.computed(node)

    def visit_Compare(self, node: ast.expr) -> Any:
        return self.unless_computed(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        test = self.unless_computed(node.test)
        return ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))

    def visit_If(self, node: ast.If) -> ast.If:
        return ast.If(
            self.unless_computed(node.test), self.block(node.body), self.block(node.orelse)
        )

    def visit_While(self, node: ast.While) -> ast.While:
        test = self.unless_computed(node.test)
        return ast.While(test, self.block(node.body), self.block(node.orelse))

    def visit_Assert(self, node: Any) -> ast.Assert:
        return ast.Assert(
            self.unless_computed(node.test), node.msg and self.unless_computed(node.msg)
        )

    def unless_computed(self, node: ast.expr) -> Any:
        """An expression that is not a float: its operators do not run on the tape."""
        return _Plain(self).visit(node)

    def visit_Call(self, node: ast.expr) -> Any:
        return self.computed(node)

    def plain_call(self, node: Any) -> ast.Call:
        """A call that is not part of an expression that srcdiff differentiates."""
        name = (
            node.func.id
            if isinstance(node.func, ast.Name) and node.func.id not in self.local
            else ""
        )
        visit = (
            self.unless_computed
            if name in ("range", "len", "print", "isinstance", "slice")
            else self.argument
        )
        args = [visit(a) for a in node.args]
        keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        if name == "super" and not args:
            args = [ast.Name("__class__", ast.Load()), ast.Name(self.first, ast.Load())]
        is_file = name == "print" and any(k.arg == "file" for k in keywords)
        is_native = (name in _NATIVE and not is_file) or (
            name == "len" and "__len__" not in self.routes.methods
        )
        if (is_native and name not in self.routes.bound) or self.is_exception(name):
            return ast.Call(node.func, args, keywords)
        is_of_here = name == "vars" and not args  # `vars()`: the rewritten function has other names
        if name in ("locals", "globals", "eval", "exec") or is_of_here:
            raise UnsupportedError(
                f"`{name}()` is not supported in a dynamic program", "Name what is meant."
            )
        if self.is_quiet_method(node.func) or (
            isinstance(node.func, ast.Name) and node.func.id in self.own
        ):
            return ast.Call(self.visit(node.func), args, keywords)
        return self.tape_call("call", self.visit(node.func), *args, keywords=keywords)

    first = "self"

    def is_exception(self, name: str) -> bool:
        try:
            found = self.look(name) if name else None
        except KeyError:
            return False
        return (
            isinstance(found, type)
            and issubclass(found, BaseException)
            and found.__module__ == "builtins"
        )

    def is_quiet_method(self, function: ast.expr) -> bool:
        """Whether a name is a container's method, and no class of the user's has a method of that name."""
        return (
            isinstance(function, ast.Attribute)
            and function.attr in ("append", "items", "keys", "values", "pop", "get", "insert", "add", "clear", "update",
                                  "setdefault", "popleft", "appendleft", "discard", "remove", "join")
            and function.attr not in self.routes.methods
            and not self.is_module(function.value)
        )  # fmt: skip

    def argument(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Starred):
            return ast.Starred(self.each(node.value, self.visit(node.value)), ast.Load())
        return self.visit(node)

    def visit_Starred(self, node: ast.Starred) -> ast.expr:
        return self.argument(node) if isinstance(node.ctx, ast.Load) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        base = self.visit(node.value)
        if isinstance(node.ctx, ast.Del):
            return ast.Subscript(base, self.unless_computed(node.slice), ast.Del())
        if _is_view(node.slice) and "__getitem__" not in self.routes.methods and not self.is_leaf:
            return ast.Subscript(base, self.visit(node.slice), ast.Load())
        return self.tape_call("item", base, self.key(node))

    def key(self, subscript: ast.Subscript) -> ast.expr:
        """The key of a subscript as an argument: an index, but for methods of the user's, and `np.r_` and `np.c_`."""
        base = subscript.value
        name = getattr(base, "attr", getattr(base, "id", ""))
        is_index = not _SUBSCRIPTS & self.routes.methods and name not in ("r_", "c_")
        return self.part_of_key(subscript.slice, self.unless_computed if is_index else self.visit)

    def part_of_key(self, node: ast.expr, read: Callable[[ast.expr], ast.expr]) -> ast.expr:
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            bounds = [ast.Constant(None) if b is None else read(b) for b in parts]
            shown = bounds if node.step is not None else bounds[:2]
            return ast.Call(ast.Name("slice", ast.Load()), shown, [])
        if isinstance(node, ast.Tuple):
            return ast.Tuple([self.part_of_key(e, read) for e in node.elts], ast.Load())
        return read(node)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        name = self.mangled(node.attr)
        is_part = node.attr in ("T", "real", "imag", "mT")
        if isinstance(node.ctx, ast.Load) and is_part and node.attr not in self.routes.properties:
            return self.computed(node)
        base = self.visit(node.value)
        is_routed = node.attr in self.routes.properties or self.routes.custom
        is_routed = is_routed or node.attr in ("data", "flat")
        if is_routed and isinstance(node.ctx, ast.Load) and not self.is_module(node.value):
            return self.tape_call("attribute", base, ast.Constant(name))
        return ast.Attribute(base, name, node.ctx)

    def is_module(self, node: ast.expr) -> bool:
        return isinstance(Expression(self, node).meaning(node), ModuleType)

    def mangled(self, name: str) -> str:
        is_private = name.startswith("__") and not name.endswith("__") and self.class_name
        return f"_{self.class_name.lstrip('_')}{name}" if is_private else name

    def visit_NamedExpr(self, node: Any) -> ast.NamedExpr:
        return ast.NamedExpr(node.target, self.visit(node.value))

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        inner = self.inside(node.args)
        made = ast.Lambda(self.defaults(node.args), inner.visit(node.body))
        made.users_name = "<lambda>"  # type: ignore[attr-defined]
        return made

    def inside(self, arguments: ast.arguments) -> Any:
        names = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        inner = copy.copy(self)
        inner.own = set(self.own)
        inner.local = self.local | {a.arg for a in names if a is not None}
        listed = [*arguments.posonlyargs, *arguments.args]
        inner.first = listed[0].arg if listed else self.first
        return inner

    def defaults(self, arguments: ast.arguments) -> ast.arguments:
        new = copy.copy(arguments)
        new.defaults = [self.visit(d) for d in arguments.defaults]
        new.kw_defaults = [d and self.visit(d) for d in arguments.kw_defaults]
        for a in (*new.posonlyargs, *new.args, *new.kwonlyargs):
            a.annotation = None
        return new

    def visit_comprehension(self, node: object) -> ast.comprehension:
        return self.generators([node])[0]

    def generators(self, nodes: list[Any]) -> list[ast.comprehension]:
        out = []
        for node in nodes:
            target, taken = self.loop_target(node.target, node.iter)
            iterated = self.each(node.iter, self.visit(node.iter))
            ifs = [self.visit(i) for i in node.ifs]
            after = [ast.comprehension(t, ast.List([v], ast.Load()), [], 0) for t, v in taken]
            out += [ast.comprehension(target, iterated, [] if after else ifs, 0), *after]
            out[-1].ifs = ifs
        return out

    def comprehended(self, node: Any) -> Any:
        new = copy.copy(node)
        new.generators = self.generators(node.generators)
        for field in ("elt", "key", "value"):
            if hasattr(node, field):
                setattr(new, field, self.visit(getattr(node, field)))
        return new

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehended

    def loop_target(
        self, target: Any, iterated: ast.expr | None
    ) -> tuple[ast.expr, list[tuple[ast.expr, ast.expr]]]:
        """A target that unpacks no array, and the assignments after it."""
        if isinstance(target, ast.Name):
            return target, []
        is_known = (
            isinstance(iterated, ast.Call)
            and (
                (isinstance(iterated.func, ast.Name) and iterated.func.id in ("zip", "enumerate"))
                or (isinstance(iterated.func, ast.Attribute) and iterated.func.attr == "items")
            )
            and isinstance(target, ast.Tuple)
        )
        if is_known:
            elements, after = [], []
            for e in target.elts:
                inner, more = self.loop_target(e, None)
                elements.append(inner)
                after += more
            return ast.Tuple(elements, ast.Store()), after
        name = self.fresh("row")
        load = ast.Name(name, ast.Load())
        value = self.tape_call("each", load) if isinstance(target, ast.Tuple | ast.List) else load
        return ast.Name(name, ast.Store()), [(target, value)]


class _Plain(ast.NodeTransformer):
    """An expression whose result is not a float: only its calls, and the names that it binds, go to the tape."""

    def __init__(self, rewriter: ExpressionRewriter) -> None:
        self.rewriter = rewriter

    def visit_Call(self, node: ast.expr) -> Any:
        return self.rewriter.visit(node)

    visit_NamedExpr = visit_Lambda = visit_ListComp = visit_GeneratorExp = visit_Call
    visit_IfExp = visit_Subscript = visit_Attribute = visit_Call


def _is_view(key: ast.expr) -> bool:
    """Whether a subscript gives part of an array, or of a list, as it is."""
    parts = key.elts if isinstance(key, ast.Tuple) else [key]
    is_fixed = all(isinstance(p, ast.Slice | ast.Constant) for p in parts)
    return is_fixed and any(isinstance(p, ast.Slice) for p in parts)


def unused_name(name: str, taken: set[str]) -> str:
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found
