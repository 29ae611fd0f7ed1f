"""The user's functions as dynamic programs: their own text, with computations asked of a `Tape`.

    for step in steps:             for step in tape.each(steps):
        y = step(x)                    y = tape.call(step, x)
        x = y * a[0]                   x = tape.of(lambda y, a_0: y * a_0, y, tape.item(a, 0))

What only moves values about stays as it is: loops, branches, containers, exceptions, generators.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import importlib
import linecache
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from srcdiff.dynamic.expressions import Expression, outside_names
from srcdiff.dynamic.routes import Routes, routes_of
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source import plain_tree

__all__ = [
    "PREFIX",
    "Rewriter",
    "bound_names",
    "dynamic_function",
    "rewriter_of",
    "rewritten",
    "rewritten_leaf",
    "unlike",
]

PREFIX = "<srcdiff dynamic"
OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.FloorDiv: "//", ast.Mod: "%",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
    ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "~",
}  # fmt: skip
_ITERATORS = {"range", "zip", "enumerate", "list", "tuple", "sorted", "map", "filter", "reversed", "set", "dict", "iter"}  # fmt: skip
_NATIVE = {
    "range", "print", "isinstance", "issubclass", "str", "repr", "int", "bool", "type", "id", "hasattr", "any", "all",
    "dict", "slice", "callable", "super", "ord", "chr", "hash", "format", "delattr",
}  # fmt: skip


class Rewriter(ast.NodeTransformer):
    """Rewrites the statements of one function.

    Parameters
    ----------
    look
        What a name from outside means; KeyError for others.
    local
        The names that the function, and those around it, bind.
    apart
        One call of the tape for each operation, whatever its operands are.
    """

    def __init__(
        self,
        look: Callable[[str], Any],
        local: list[str],
        taken: set[str],
        routes: Routes,
        apart: bool = False,
    ) -> None:
        self.bound = local  # a name as often as it is bound
        self.look, self.local, self.taken, self.routes, self.apart = (
            look,
            set(local),
            taken,
            routes,
            apart,
        )
        self.tape = unlike("tape", taken)
        self.class_name = ""
        self.own: set[str] = set()  # functions that are defined in this one, and whose text is here
        self.imports: dict[str, Any] = {}  # modules that the function imports itself

    # ---- making nodes ----

    def ask(self, method: str, *args: Any, keywords: Any = ()) -> Any:
        function = ast.Attribute(ast.Name(self.tape, ast.Load()), method, ast.Load())
        return ast.Call(function, list(args), list(keywords))

    def fresh(self, hint: str) -> str:
        name = unlike(hint, self.taken)
        self.taken.add(name)
        return name

    def each(self, value: Any, visited: Any) -> Any:
        """What is gone through, where it may be an array or an object."""
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
            visited if is_own or is_items or isinstance(value, shown) else self.ask("each", visited)
        )

    def block(self, body: list[Any]) -> list[Any]:
        self.own |= {
            s.name for s in body if isinstance(s, ast.FunctionDef) and self.is_defined_once(s)
        }
        out: list[Any] = []
        for statement in body:
            found = self.visit(statement)
            out += found if isinstance(found, list) else [found]
        return out

    def is_defined_once(self, node: Any) -> bool:
        return not node.decorator_list and self.bound.count(node.name) == 1

    # ---- expressions ----

    def computed(self, node: Any) -> Any:
        """An operation, or a tree of them."""
        expression = Expression(self, node)
        return expression.written()

    visit_BinOp = visit_UnaryOp = computed

    def visit_UnaryOp(self, node: Any) -> Any:  # noqa: F811
        return self.generic_visit(node) if isinstance(node.op, ast.Not) else self.computed(node)

    def visit_Compare(self, node: Any) -> Any:
        return self.unless_computed(node)

    def visit_IfExp(self, node: Any) -> Any:
        test = self.unless_computed(node.test)
        return ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))

    def visit_If(self, node: Any) -> Any:
        return ast.If(
            self.unless_computed(node.test), self.block(node.body), self.block(node.orelse)
        )

    def visit_While(self, node: Any) -> Any:
        test = self.unless_computed(node.test)
        return ast.While(test, self.block(node.body), self.block(node.orelse))

    def visit_Assert(self, node: Any) -> Any:
        return ast.Assert(
            self.unless_computed(node.test), node.msg and self.unless_computed(node.msg)
        )

    def unless_computed(self, node: Any) -> Any:
        """What gives no float: its operators need nobody to see them."""
        return _Plain(self).visit(node)

    def visit_Call(self, node: Any) -> Any:
        return self.computed(node)

    def plain_call(self, node: Any) -> Any:
        """A call that is no part of an expression for srcdiff to differentiate."""
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
        if (name in _NATIVE and name not in self.routes.bound) or self.is_exception(name):
            return ast.Call(node.func, args, keywords)
        if name in ("locals", "globals", "vars", "eval", "exec"):
            raise UnsupportedError(
                f"`{name}()` is not supported in a dynamic program", "Name what is meant."
            )
        if self.is_quiet_method(node.func) or (
            isinstance(node.func, ast.Name) and node.func.id in self.own
        ):
            return ast.Call(self.visit(node.func), args, keywords)
        return self.ask("call", self.visit(node.func), *args, keywords=keywords)

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

    def is_quiet_method(self, function: Any) -> bool:
        """Whether it is a container's method, and no class of the user's has one of that name."""
        return (
            isinstance(function, ast.Attribute)
            and function.attr in ("append", "items", "keys", "values", "pop", "get", "insert", "add", "clear", "update",
                                  "setdefault", "popleft", "appendleft", "discard", "remove", "format", "join")
            and function.attr not in self.routes.methods
        )  # fmt: skip

    def argument(self, node: Any) -> Any:
        if isinstance(node, ast.Starred):
            return ast.Starred(self.each(node.value, self.visit(node.value)), ast.Load())
        return self.visit(node)

    def visit_Starred(self, node: Any) -> Any:
        return self.argument(node) if isinstance(node.ctx, ast.Load) else node

    def visit_Subscript(self, node: Any) -> Any:
        base = self.visit(node.value)
        if isinstance(node.ctx, ast.Del):
            return ast.Subscript(base, self.unless_computed(node.slice), ast.Del())
        if _is_view(node.slice) and "__getitem__" not in self.routes.methods and not self.apart:
            return ast.Subscript(base, self.visit(node.slice), ast.Load())
        return self.ask("item", base, self.key(node.slice))

    def key(self, node: Any) -> Any:
        """What stands in a subscript as an argument."""
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            bounds = [ast.Constant(None) if b is None else self.unless_computed(b) for b in parts]
            shown = bounds if node.step is not None else bounds[:2]
            return ast.Call(ast.Name("slice", ast.Load()), shown, [])
        if isinstance(node, ast.Tuple):
            return ast.Tuple([self.key(e) for e in node.elts], ast.Load())
        return self.unless_computed(node)

    def visit_Attribute(self, node: Any) -> Any:
        name = self.mangled(node.attr)
        if isinstance(node.ctx, ast.Load) and node.attr in ("T", "real", "imag", "mT"):
            return self.computed(node)
        base = self.visit(node.value)
        is_routed = node.attr in self.routes.properties or self.routes.custom
        if is_routed and isinstance(node.ctx, ast.Load) and not self.is_module(node.value):
            return self.ask("attribute", base, ast.Constant(name))
        return ast.Attribute(base, name, node.ctx)

    def is_module(self, node: Any) -> bool:
        return isinstance(Expression(self, node).meaning(node), ModuleType)

    def mangled(self, name: str) -> str:
        is_private = name.startswith("__") and not name.endswith("__") and self.class_name
        return f"_{self.class_name.lstrip('_')}{name}" if is_private else name

    def visit_NamedExpr(self, node: Any) -> Any:
        return ast.NamedExpr(node.target, self.visit(node.value))

    def visit_Lambda(self, node: Any) -> Any:
        inner = self.inside(node.args)
        return ast.Lambda(self.defaults(node.args), inner.visit(node.body))

    def inside(self, arguments: Any) -> Rewriter:
        names = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ]
        inner = copy.copy(self)
        inner.local = self.local | {a.arg for a in names if a is not None}
        listed = [*arguments.posonlyargs, *arguments.args]
        inner.first = listed[0].arg if listed else self.first
        return inner

    def defaults(self, arguments: Any) -> Any:
        new = copy.copy(arguments)
        new.defaults = [self.visit(d) for d in arguments.defaults]
        new.kw_defaults = [d and self.visit(d) for d in arguments.kw_defaults]
        for a in (*new.posonlyargs, *new.args, *new.kwonlyargs):
            a.annotation = None
        return new

    def visit_comprehension(self, node: Any) -> Any:
        return self.generators([node])[0]

    def generators(self, nodes: list[Any]) -> list[Any]:
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

    def loop_target(self, target: Any, iterated: Any) -> tuple[Any, list[tuple[Any, Any]]]:
        """A target that takes no array apart, and what is assigned behind it."""
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
        value = self.ask("each", load) if isinstance(target, ast.Tuple | ast.List) else load
        return ast.Name(name, ast.Store()), [(target, value)]

    # ---- statements ----

    def visit_Expr(self, node: Any) -> Any:
        return ast.Expr(self.visit(node.value))

    def visit_Assign(self, node: Any) -> Any:
        value = self.visit(node.value)
        if len(node.targets) == 1:
            return self.assigned(node.targets[0], value, node.value)
        if all(isinstance(t, ast.Name) for t in node.targets):
            return ast.Assign(node.targets, value)
        name = self.fresh("value")
        out: list[Any] = [ast.Assign([ast.Name(name, ast.Store())], value)]
        for target in node.targets:
            out += self.assigned(target, ast.Name(name, ast.Load()), None)
        return out

    def visit_AnnAssign(self, node: Any) -> Any:
        return (
            []
            if node.value is None
            else self.assigned(node.target, self.visit(node.value), node.value)
        )

    def assigned(self, target: Any, value: Any, node: Any) -> list[Any]:
        """Statements that bind a target to a value; `node` is what the value was."""
        if isinstance(target, ast.Subscript):
            return [
                ast.Expr(self.ask("store", self.visit(target.value), self.key(target.slice), value))
            ]
        if isinstance(target, ast.Attribute):
            name, base = self.mangled(target.attr), self.visit(target.value)
            if target.attr in self.routes.properties or self.routes.custom:
                return [ast.Expr(self.ask("set_attribute", base, ast.Constant(name), value))]
            return [ast.Assign([ast.Attribute(base, name, ast.Store())], value)]
        if isinstance(target, ast.Tuple | ast.List):
            return self.unpacked(target, value, node)
        return [ast.Assign([target], value)]

    def unpacked(self, target: Any, value: Any, node: Any) -> list[Any]:
        if not isinstance(node, ast.Tuple):
            value = self.each(node, value) if node is not None else self.ask("each", value)
        elements: list[Any] = []
        after: list[Any] = []
        for e in target.elts:
            inner = e.value if isinstance(e, ast.Starred) else e
            if isinstance(inner, ast.Name):
                elements.append(e)
                continue
            name = self.fresh("part")
            made = ast.Name(name, ast.Store())
            elements.append(ast.Starred(made, ast.Store()) if isinstance(e, ast.Starred) else made)
            after += self.assigned(inner, ast.Name(name, ast.Load()), None)
        return [ast.Assign([ast.Tuple(elements, ast.Store())], value), *after]

    def visit_AugAssign(self, node: Any) -> Any:
        symbol, value = ast.Constant(OPERATORS[type(node.op)]), self.visit(node.value)
        target = node.target
        if isinstance(target, ast.Subscript):
            base, key = self.visit(target.value), self.key(target.slice)
            return ast.Expr(self.ask("augment_item", base, key, symbol, value))
        load = copy.copy(target)
        load.ctx = ast.Load()
        return self.assigned(target, self.ask("augmented", symbol, self.visit(load), value), None)

    def visit_For(self, node: Any) -> Any:
        target, taken = self.loop_target(node.target, node.iter)
        after = [s for t, v in taken for s in self.assigned(t, v, ast.Tuple([], ast.Load()))]
        iterated = self.each(node.iter, self.visit(node.iter))
        return ast.For(target, iterated, [*after, *self.block(node.body)], self.block(node.orelse))

    def visit_With(self, node: Any) -> Any:
        items = []
        for item in node.items:
            items.append(
                ast.withitem(self.ask("context", self.visit(item.context_expr)), item.optional_vars)
            )
        return ast.With(items, self.block(node.body))

    def visit_FunctionDef(self, node: Any) -> Any:
        inner = self.inside(node.args)
        inner.local = inner.local | set(bound_names(node.body))
        kept, called = [], []
        for d in node.decorator_list:
            (kept if self.is_library(d) else called).append(d)
        body = inner.block(_without_doc(node.body)) or [ast.Pass()]
        made = ast.FunctionDef(
            node.name, self.defaults(node.args), body, [self.visit_decorator(d) for d in kept], None
        )
        made.type_params = []
        out: list[Any] = [made]
        for d in reversed(called):
            value = self.ask("call", self.visit(d), ast.Name(node.name, ast.Load()))
            out.append(ast.Assign([ast.Name(node.name, ast.Store())], value))
        return out

    def visit_decorator(self, node: Any) -> Any:
        return node

    def is_library(self, node: Any) -> bool:
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

    def visit_ClassDef(self, node: Any) -> Any:
        inner = copy.copy(self)
        inner.class_name = node.name
        made = ast.ClassDef(node.name, [self.visit(b) for b in node.bases], [], inner.block(_without_doc(node.body)), node.decorator_list)  # fmt: skip
        made.type_params = []
        made.body = made.body or [ast.Pass()]
        return made

    def visit_Import(self, node: Any) -> Any:
        for alias in node.names:
            if alias.asname or "." not in alias.name:
                self.imports[alias.asname or alias.name] = importlib.import_module(alias.name)
        return node

    def visit_Return(self, node: Any) -> Any:
        return ast.Return(node.value and self.visit(node.value))

    def visit_YieldFrom(self, node: Any) -> Any:
        return ast.YieldFrom(self.each(node.value, self.visit(node.value)))

    def visit_Global(self, node: Any) -> Any:
        raise UnsupportedError(
            "`global` is not supported", "Pass the value as an argument and return the new one."
        )

    def visit_arguments(self, node: Any) -> Any:
        return self.defaults(node)


class _Plain(ast.NodeTransformer):
    """An expression whose result is no float: only calls, and names that it binds, are asked of the tape."""

    def __init__(self, rewriter: Rewriter) -> None:
        self.rewriter = rewriter

    def visit_Call(self, node: Any) -> Any:
        return self.rewriter.visit(node)

    visit_NamedExpr = visit_Lambda = visit_ListComp = visit_GeneratorExp = visit_Call
    visit_IfExp = visit_Subscript = visit_Attribute = visit_Call


def _is_view(key: Any) -> bool:
    """Whether a subscript gives part of an array, or of a list, as it is."""
    parts = key.elts if isinstance(key, ast.Tuple) else [key]
    is_fixed = all(isinstance(p, ast.Slice | ast.Constant) for p in parts)
    return is_fixed and any(isinstance(p, ast.Slice) for p in parts)


def _without_doc(body: list[Any]) -> list[Any]:
    first = body[0]
    is_doc = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if is_doc else body


def bound_names(body: list[Any]) -> list[str]:
    """The names that statements bind, those of nested functions included; as often as they are bound."""
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


def unlike(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken."""
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found


# ---- functions that are met while a program runs -------------------------------------------------------------------


def rewriter_of(function: FunctionType, node: Any, apart: bool = False) -> Rewriter:
    """What rewrites a Python function with this tree."""
    body = node.body if isinstance(node.body, list) else [ast.Expr(node.body)]
    names = bound_names([*body, ast.Expr(ast.Lambda(node.args, ast.Constant(None)))])
    taken = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | set(names)
    made = Rewriter(outside_names(function, set(names)), names, taken, routes_of(function), apart)
    parts = function.__qualname__.split(".")
    made.class_name = parts[-2] if len(parts) > 1 and parts[-2] != "<locals>" else ""
    return made.inside(node.args)


_REWRITTEN: dict[Any, Any] = {}


def rewritten(tape: Any, function: FunctionType, apart: bool = False) -> Callable[..., Any]:
    """`function` as a dynamic program, a function of the tape and its own arguments."""
    key = id(function.__code__), apart  # equal codes are not the same function
    if key not in _REWRITTEN:
        _REWRITTEN[key] = (*_compiled(function, apart), function.__code__)
    code, free, _ = _REWRITTEN[key]
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    closure = tuple(cells[name] for name in free)
    made = FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, closure
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def rewritten_leaf(tape: Any, leaf: Any) -> Callable[..., Any]:
    """A lambda of a dynamic program with a call of the tape for each operation."""
    return rewritten(tape, leaf, apart=True)


def dynamic_function(node: Any, rewriter: Rewriter, name: str) -> Any:
    """A function as one of the tape and its own arguments."""
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
    if isinstance(node, ast.Lambda):
        body = [ast.Return(rewriter.visit(node.body))]
    else:
        body = rewriter.block(_without_doc(node.body)) or [ast.Pass()]
    made = ast.FunctionDef(name, arguments, body, [], None)
    made.type_params = []
    return made


def _compiled(function: FunctionType, apart: bool) -> tuple[Any, tuple[str, ...]]:
    node = plain_tree(function)
    rewriter = rewriter_of(function, node, apart)
    name = "function" if isinstance(node, ast.Lambda) else f"{node.name}_dynamic"
    made = dynamic_function(node, rewriter, name)
    none = ast.Constant(None)
    made.args.defaults = [none for _ in made.args.defaults]
    made.args.kw_defaults = [d and none for d in made.args.kw_defaults]
    free = function.__code__.co_freevars
    parameters = ast.arguments([], [ast.arg(n) for n in free], None, [], [], None, [])
    maker = ast.FunctionDef(
        "made", parameters, [made, ast.Return(ast.Name(name, ast.Load()))], [], None
    )
    maker.type_params = []
    text = ast.unparse(ast.fix_missing_locations(ast.Module([maker], [])))
    digest = hashlib.sha256(f"{text}{function.__module__}".encode()).hexdigest()[:16]
    file = f"{PREFIX} {name} {digest}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    outer = next(
        c for c in compile(text, file, "exec", dont_inherit=True).co_consts if hasattr(c, "co_code")
    )
    code = next(c for c in outer.co_consts if hasattr(c, "co_code") and c.co_name == name)
    return code, code.co_freevars
