"""The defects that `tools/mutate.py` plants: where each one is, what it changes, and how it gets into loaded modules.

A defect in a function that is executed becomes `(changed if __planted__ else original)`, so that a run shows whether
the place was reached. To compare both values in the right compiler, it becomes
`(__planted__.both(original, changed) if __planted__ else original)`. A defect in a function that is read as text (a
derivative rule, a library function) replaces the text. A defect of a declaration is another value of one of its fields.
"""

from __future__ import annotations

import ast
import builtins
import gc
import linecache
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

_FLIPPED = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_TERM = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.BitOr, ast.BitAnd, ast.Pow)
_ORDERED = (ast.Sub, ast.Div, ast.Pow, ast.MatMult)
_SYMMETRIC = ("isinstance", "getattr", "cast", "min", "max")  # or types only

PLAIN = "({new}{lines})"
BESIDE = "(({new}) if __planted__ else ({old}))"
COMPARED = "(__planted__.both(({old}), ({new})) if __planted__ else ({old}))"
MOST_COMPARED = 1000


@dataclass(frozen=True)
class Defect:
    """One changed expression, or (`field`) one changed field of the declaration of the operation `function`."""

    path: str
    line: int
    end_line: int
    start: int  # byte offsets into these lines
    end: int
    kind: str
    new: str
    function: str = ""
    first: int = 0  # the first line of the function, its decorators included
    field: str = ""
    old: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}: {self.change}"

    @property
    def change(self) -> str:
        return f"{self.field} = {self.new}" if self.field else f"{self.old} -> {self.new}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same where lines move."""
        return self.path, self.function, self.change

    @property
    def has_value(self) -> bool:
        """Whether the original and the changed expression may both be evaluated: they do nothing else."""
        return not self.field and self.kind != "operand"

    def text(self, form: str) -> str:
        """The module's text with the defect beside the original, or (`PLAIN`) in place of it."""
        before, old, after = self._cut(self._lines())
        lines = "\n" * old.count(b"\n")
        middle = form.format(new=self.new, old=old.decode(), lines=lines)
        return before.decode() + middle + after.decode()

    def _lines(self) -> list[bytes]:
        return (ROOT / self.path).read_bytes().splitlines(keepends=True)

    def _cut(self, lines: list[bytes]) -> tuple[bytes, bytes, bytes]:
        text = b"".join(lines)
        start = sum(map(len, lines[: self.line - 1])) + self.start
        end = sum(map(len, lines[: self.end_line - 1])) + self.end
        return text[:start], text[start:end], text[end:]


def defects_of_code(path: Path) -> list[Defect]:
    """All defects that may be planted into the functions of a module."""
    finder = _Finder(str(path.relative_to(ROOT)))
    finder.visit(ast.parse(path.read_text()))
    return finder.found


def defects_of_declarations() -> list[Defect]:
    """Flags of operations, each the other way round, and properties that are not declared any more."""
    from srcdiff.ops.core.registry import OPERATIONS

    found = []
    for decl in OPERATIONS.values():
        code = getattr(decl.rule or decl.build or decl.infer, "__code__", None)
        if code is None or not code.co_filename.startswith(str(ROOT)):
            continue
        path = str(Path(code.co_filename).relative_to(ROOT))
        for field in fields(decl):
            value = getattr(decl, field.name)
            if isinstance(value, bool):
                new = repr(not value)
            elif (
                field.name not in ("name", "template", "samples")
                and isinstance(value, str | tuple)
                and value
            ):
                new = repr(type(value)())
            else:
                continue
            place = (path, code.co_firstlineno, code.co_firstlineno, 0, 0)
            found.append(
                Defect(*place, "declaration", new, decl.name, code.co_firstlineno, field.name)
            )
    return found


class _Finder(ast.NodeVisitor):
    """Collects the defects of the expressions inside functions."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.found: list[Defect] = []
        self.functions: list[tuple[str, int, dict[str, list[str]]]] = []

    def add(self, node: Any, kind: str, new: str) -> None:
        if self.functions and new != ast.unparse(node):
            place = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
            name, first, _ = self.functions[-1]
            old = ast.unparse(node)
            self.found.append(Defect(self.path, *place, kind, new, name, first, old=old))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        self._within(node.name, first, node.args, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._within("<lambda>", node.lineno, node.args, [node.body])

    def _within(self, name: str, first: int, args: ast.arguments, body: list[Any]) -> None:
        by_annotation: dict[str, list[str]] = {}
        for a in (*args.args, *args.kwonlyargs):
            by_annotation.setdefault(ast.unparse(a.annotation) if a.annotation else "", []).append(
                a.arg
            )
        self.functions.append((name, first, by_annotation))
        for statement in body:
            self.visit(statement)
        self.functions.pop()

    def visit_Raise(self, node: ast.Raise) -> None:
        """Messages are not what is tested here."""

    visit_Assert = visit_JoinedStr = visit_Raise

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_If(self, node: Any) -> None:
        for value in ("True", "False"):
            self.add(node.test, "condition", value)
        self.generic_visit(node)

    visit_IfExp = visit_If

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self.add(test, "condition", "True")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for k in range(len(node.values)):
            kept = [v for j, v in enumerate(node.values) if j != k]
            new = kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)
            self.add(node, "condition", ast.unparse(new))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.USub | ast.Not) and not isinstance(node.operand, ast.Constant):
            kind = "sign" if isinstance(node.op, ast.USub) else "condition"
            self.add(node, kind, ast.unparse(node.operand))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        left, right = node.left, node.right
        if isinstance(node.op, _TERM):
            self.add(node, "dropped", ast.unparse(left))
        if isinstance(node.op, _ORDERED):
            self.add(node, "operand", ast.unparse(ast.BinOp(right, node.op, left)))
        texts = any(isinstance(v, ast.Constant) and isinstance(v.value, str) for v in (left, right))
        lists = any(
            isinstance(v, ast.List | ast.Tuple | ast.ListComp | ast.Set) for v in (left, right)
        )
        if isinstance(node.op, ast.Add | ast.Sub) and not (texts or lists):
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            self.add(node, "sign", ast.unparse(ast.BinOp(left, other, right)))
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1 and (other := _FLIPPED.get(type(node.ops[0]))):
            a, b = ast.unparse(node.left), ast.unparse(node.comparators[0])
            is_bound = isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
            self.add(node, "off by one" if is_bound else "condition", f"{a} {other} {b}")
        self._numbers(node, [node.left, *node.comparators])
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Load):
            cut = node.slice
            parts = [cut.lower, cut.upper] if isinstance(cut, ast.Slice) else [cut]
            self._numbers(node, parts)
        self.generic_visit(node)

    def _numbers(self, node: Any, parts: list[Any]) -> None:
        for part in parts:
            if isinstance(part, ast.Constant) and type(part.value) is int:
                self.add(part, "off by one", str(part.value + 1))

    def visit_Call(self, node: ast.Call) -> None:
        args = node.args
        is_plain = not any(isinstance(a, ast.Starred | ast.GeneratorExp) for a in args)
        named = ast.unparse(node.func)
        if len(args) >= 2 and is_plain and named not in _SYMMETRIC:
            new = ast.Call(node.func, [args[1], args[0], *args[2:]], node.keywords)
            self.add(node, "operand", ast.unparse(new))
        if named == "range":
            self._numbers(node, args)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if self.functions and isinstance(node.ctx, ast.Load):
            for names in self.functions[-1][2].values():
                if node.id in names and len(names) > 1:
                    other = names[(names.index(node.id) + 1) % len(names)]
                    self.add(node, "operand", other)


# ---- planting ------------------------------------------------------------------------------------------------------


class Planted:
    """What `__planted__` is: true, and it remembers that somebody asked, and whether values differed."""

    def __init__(self) -> None:
        self.reached = self.differs = False
        self.left = MOST_COMPARED

    def __bool__(self) -> bool:
        self.reached = True
        return self.left > 0

    def both(self, original: Any, changed: Any) -> Any:
        self.left -= 1
        self.differs |= bool(original != changed)
        return original


def loaded_functions() -> dict[CodeType, list[FunctionType]]:
    """The functions of the project in memory, by their code."""
    found: dict[CodeType, list[FunctionType]] = defaultdict(list)
    for value in gc.get_objects():
        if isinstance(value, FunctionType) and value.__code__.co_filename.startswith(str(ROOT)):
            found[value.__code__].append(value)
    return found


def plant(defect: Defect, form: str, functions: Mapping[CodeType, list[FunctionType]]) -> Planted:
    """Change the functions of this process that the defect is in; `form`: how the defect stands in the text.

    Raises
    ------
    ValueError
        Where the defect cannot be planted into what is loaded.
    """
    flag = vars(builtins)["__planted__"] = Planted()
    if defect.field:
        from srcdiff.ops.core.registry import OPERATIONS

        object.__setattr__(OPERATIONS[defect.function], defect.field, ast.literal_eval(defect.new))
        return flag
    file, text = str(ROOT / defect.path), defect.text(form)
    old = _by_place(compile((ROOT / defect.path).read_text(), file, "exec", dont_inherit=True))
    new = _by_place(compile(text, file, "exec", dont_inherit=True))
    other = {
        a: b
        for place, codes in old.items()
        if len(codes) == len(new[place])  # otherwise a part of the changed expression
        for a, b in zip(codes, new[place], strict=True)
        if a != b
    }
    if form == PLAIN:
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    changed = [(f, code) for old_code, code in other.items() for f in functions.get(old_code, ())]
    for function, code in changed:
        function.__code__ = code
    if not changed:
        raise ValueError("no such function is loaded")
    return flag


def _by_place(module: CodeType) -> dict[tuple[str, int], list[CodeType]]:
    """The code of all functions, by name and first line: lambdas of one line in their order."""
    found: dict[tuple[str, int], list[CodeType]] = defaultdict(list)
    for code in _codes(module):
        found[code.co_qualname, code.co_firstlineno].append(code)
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)
