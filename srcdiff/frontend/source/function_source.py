"""A Python function -> its tree: the text is found, parsed once, and kept with its place.

Decorators that compute the same (`functools.lru_cache`, `numba.njit`, srcdiff's own) are looked through; the function
that another decorator returns is read itself. Two lambdas on one line are distinguished by the positions in the code
object.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import linecache
import os
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType, FunctionType

import gast

from srcdiff.errors import SourceNotFoundError
from srcdiff.frontend.source.adjoint_hook_nodes import with_blocks
from srcdiff.frontend.source.desugar_finally import without_finally
from srcdiff.frontend.source.flow_analysis import Flow, flow_of
from srcdiff.frontend.source.refusals import check_tree
from srcdiff.frontend.source.staleness import is_compiled_from
from srcdiff.ir.location import Location


@dataclass(frozen=True, eq=False)
class Source:
    """One function's tree. `node` is a `FunctionDef` or a `Lambda`; columns of the tree are `indent` short of
    the file's.
    """

    name: str
    node: gast.AST
    file: str
    line_shift: int
    indent: int
    lines: tuple[str, ...]
    flow: Flow
    doc: str = ""

    def location(self, node: gast.AST) -> Location:
        """Where a node of the tree stands in the user's file (a span that ends on a later line is cut at the
        line's end).
        """
        source, found = node.__dict__.get("_location", (None, None))
        if (
            source is not self
        ):  # noted on the node: the reader makes some, which have no lasting `id`
            found = self._locate(node)
            node._location = (self, found)
        place: Location = found
        return place

    def _locate(self, node: gast.AST) -> Location:
        line = getattr(node, "lineno", self.node.lineno)
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        column = getattr(node, "col_offset", 0)
        end = getattr(node, "end_col_offset", 0)
        if getattr(node, "end_lineno", line) != line:
            end = len(text.rstrip().encode())
        shift = self.indent
        return Location(
            self.file,
            line + self.line_shift,
            column + shift,
            max(end, column) + shift,
            self.name,
            " " * shift + text,
        )


EXPRESSION = "<genexpr>"  # what Python calls the function of a generator expression


_SOURCES: dict[object, Source] = {}


def source_of(function: FunctionType) -> Source:
    """The tree of a Python function; `SourceNotFoundError` where there is none."""
    code = function.__code__
    key = (
        code.co_filename,
        code.co_firstlineno,
        code.co_qualname if hasattr(code, "co_qualname") else code.co_name,
        function.__name__,  # a decorator's wrappers are one code, called after what each wraps
        code,
    )
    found = _SOURCES.get(key)
    if found is None:
        if len(_SOURCES) > 2000:  # a session that defines functions without end
            _SOURCES.clear()
        found = _SOURCES[key] = (
            _lambda_source(function) if code.co_name == "<lambda>" else _def_source(function)
        )
    return found


def nested_source(outer: Source, node: gast.AST) -> Source:
    """The source of a function or lambda defined inside another."""
    name = getattr(node, "name", "<lambda>")
    return replace(outer, name=name, node=node, flow=flow_of(node), doc=_doc(node))


@dataclass(frozen=True, eq=False)
class CalledSource(Source):
    """The source of one of our functions: messages about its lines are shown at the call of it."""

    place: Location | None = None

    def location(self, node: gast.AST) -> Location:
        assert self.place is not None
        return self.place


@dataclass(frozen=True, eq=False)
class FormulaSource(CalledSource):
    """The source of a formula of a library on top; its errors are reported when it is read."""


def is_read_in_place(module: str | None) -> bool:
    """Whether a module is of a library on top of srcdiff whose functions are formulas: their lines are generated code,
    as those of composites are, and an error in them is shown at the user's call.
    """
    return (module or "").startswith(
        (
            "srcdiff.vi.distributions",
            "srcdiff.vi.model.guide_semantics",
            "srcdiff.vi.model.numpy_generator_models",
            "srcdiff.vi.model.semantics",
            "srcdiff.vi.model.subsampling_semantics",
        )
    )


def placed(place: gast.AST, node: gast.AST) -> gast.AST:
    """A node that the reader makes, in the place of one of the user's."""
    return gast.copy_location(node, place)


def _missing(function: FunctionType) -> SourceNotFoundError:
    code = function.__code__
    return SourceNotFoundError(
        f"the source of {function.__name__!r} cannot be found",
        advice="Define it in a file or a notebook cell, or put the text that `exec` runs into `linecache.cache`.",
        location=Location(code.co_filename, code.co_firstlineno, function=function.__name__),
    )


def _changed(function: FunctionType) -> SourceNotFoundError:
    code = function.__code__
    return SourceNotFoundError(
        f"the source of {function.__name__!r} has changed since the function was made",
        advice="Import its module again (importlib.reload), or run the cell again, and use the new function.",
        location=Location(code.co_filename, code.co_firstlineno, function=function.__name__),
    )


def plain_tree(function: FunctionType) -> ast.FunctionDef | ast.Lambda:
    """The tree of a Python function as Python reads it, whatever stands in it; its lines are those of the file."""
    if function.__code__.co_name == "<lambda>":
        return copy.deepcopy(_found_lambda(function)[0])  # readers change it
    tree, _, shift, indent = _found_def(function)
    if not isinstance(tree, ast.FunctionDef):
        raise _missing(function)
    node: gast.AST
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno, node.end_lineno = node.lineno + shift, node.end_lineno + shift
            node.col_offset += indent
            node.end_col_offset += indent
    return tree


def _def_source(function: FunctionType) -> Source:
    tree, text, shift, indent = _found_def(function)
    return _make(tree, _file_of(function.__code__), shift, indent, text, function.__name__)


def _file_of(code: CodeType) -> str:
    """Where the text stands: of a file that `linecache` holds, modules need not be searched for it."""
    is_held = code.co_filename in linecache.cache
    return code.co_filename if is_held else inspect.getsourcefile(code) or code.co_filename


def _found_def(
    function: FunctionType,
) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, str, int, int]:
    """The tree of a `def`, the text that it was read from, and how far its lines and columns are from the file's."""
    try:
        lines, first = _lines_of(function)
    except (OSError, TypeError, IndentationError, SyntaxError):
        raise _missing(function) from None
    text = "".join(lines)
    dedented = textwrap.dedent(text)
    plain = ast.parse(dedented)
    found = [s for s in plain.body if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef)]
    if not found:
        raise _missing(function)
    if isinstance(found[0], ast.FunctionDef) and not is_compiled_from(function.__code__, found[0]):
        raise _changed(function)
    return found[0], dedented, first - 1, len(lines[0]) - len(lines[0].lstrip())


def _lines_of(function: FunctionType) -> tuple[list[str], int]:
    """As `inspect.getsourcelines` of the code, which resolves the paths of all modules there are to find one."""
    code = function.__code__
    file = _file_of(code)
    is_held = file in linecache.cache or os.path.isabs(file) or file[:1] == "<"
    if not (is_held or os.path.exists(file)):
        raise OSError  # it would be looked for among modules
    linecache.checkcache(file)
    lines = linecache.getlines(file, function.__globals__)
    if len(lines) < code.co_firstlineno:
        raise OSError
    return inspect.getblock(lines[code.co_firstlineno - 1 :]), code.co_firstlineno


def _lambda_source(function: FunctionType) -> Source:
    node, text = _found_lambda(function)
    return _make(node, _file_of(function.__code__), 0, 0, text, "<lambda>")


def _found_lambda(function: FunctionType) -> tuple[ast.Lambda, str]:
    try:
        lines, _ = inspect.findsource(function)
    except (OSError, TypeError):
        raise _missing(function) from None
    text = "".join(lines)
    candidates = [n for n in _lambdas(text) if _has_parameters(n, function.__code__)]
    matching = [n for n in candidates if _spans(n, function.__code__)]
    if not matching:
        raise _missing(function)
    matching = [n for n in matching if is_compiled_from(function.__code__, n)]
    if not matching:
        raise _changed(function)
    # a lambda within a lambda spans less than the one around it
    node = min(
        matching,
        key=lambda n: (
            (n.end_lineno or n.lineno) - n.lineno,
            (n.end_col_offset or 0) - n.col_offset,
        ),
    )
    return node, text


@functools.lru_cache(maxsize=16)
def _lambdas(text: str) -> tuple[ast.Lambda, ...]:
    try:
        return tuple(n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Lambda))
    except SyntaxError:  # a notebook cell with magics
        return ()


def _has_parameters(node: ast.Lambda, code: CodeType) -> bool:
    arguments = node.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    names += [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return tuple(names) == code.co_varnames[: len(names)] and len(names) == _parameter_count(code)


def _parameter_count(code: CodeType) -> int:
    stars = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_argcount + code.co_kwonlyargcount + stars


def _spans(node: ast.Lambda, code: CodeType) -> bool:
    """Whether the code's instructions all lie within this lambda's body, the last of them at its end."""
    body = node.body
    start = (body.lineno, body.col_offset)
    end = (body.end_lineno or body.lineno, body.end_col_offset or 0)
    spans = list(_positions(code))
    if not spans:  # Python 3.10 keeps no columns
        return code.co_firstlineno in range(node.lineno, end[0] + 1)
    return all(start <= a and b <= end for a, b in spans) and max(b for _, b in spans) == end


def _positions(code: CodeType) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    positions = getattr(code, "co_positions", tuple)
    for line, end_line, column, end_column in positions():
        if None not in (line, end_line, column, end_column) and (end_column or end_line != line):
            yield (line, column), (end_line, end_column)


def _make(node: gast.AST, file: str, shift: int, indent: int, text: str, name: str) -> Source:
    lines = tuple(text.splitlines())

    def locate(n: gast.AST) -> Location:
        line = getattr(n, "lineno", node.lineno)
        source_line = " " * indent + (lines[line - 1] if line <= len(lines) else "")
        column = getattr(n, "col_offset", 0) + indent
        return Location(
            file, line + shift, column, getattr(n, "end_col_offset", 0) + indent, name, source_line
        )

    check_tree(node, locate)
    tree = with_blocks(without_finally(gast.ast_to_gast(node)))
    return Source(name, tree, file, shift, indent, lines, flow_of(tree), _doc(tree))


def _doc(tree: gast.AST) -> str:
    body = getattr(tree, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    is_text = (
        isinstance(first, gast.Expr)
        and isinstance(first.value, gast.Constant)
        and isinstance(first.value.value, str)
    )
    return inspect.cleandoc(first.value.value) if is_text and first is not None else ""
