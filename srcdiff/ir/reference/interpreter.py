"""The reference evaluator: runs IR as it stands, and checks on the way that values are what their types say.

It is slow and literal on purpose. Passes are tested by evaluating a function before and after; `Mismatch` means that a
type, a length or a stack of saved values is not what the IR claims. What the program itself raises (`IndexError`,
`LinAlgError`) comes through unchanged, with a note on which statement it was.
"""

from __future__ import annotations

import ast
import cmath
import importlib
import math
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, Tree, While
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.reference.value_conformance import Mismatch, Scope, conform
from srcdiff.ir.structs import build_struct, take_part
from srcdiff.ir.syntax.printer import statement_text
from srcdiff.ir.syntax.spelling import template_of
from srcdiff.ir.types import Array, List, Scalar, Struct, Type, dims_of, shape_of
from srcdiff.ir.values import Atom, Const, Value


def evaluate(fn: Function, *args: object) -> Any:
    """What `fn` returns for these arguments. They are modified only if the function itself does so."""
    return form(fn.output, run(fn, args))


def run(fn: Function, args: Sequence[object]) -> list[Any]:
    """What the body of `fn` yields."""
    if len(args) != len(fn.params):
        raise Mismatch(f"{fn.name} takes {len(fn.params)} arguments, got {len(args)}")
    return Evaluator(fn).call(args)


def form(tree: Tree, values: Sequence[object]) -> Any:
    """The structure that a function returns, made of what it yields."""
    if isinstance(tree, int):
        return values[tree]
    return build_struct(
        tree.kind, tree.keys, [form(child, values) for child in tree.children], tree.cls
    )


class Evaluator:
    """One call: the values computed so far, and the stacks of saved ones."""

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.values: dict[Value, Any] = {}
        self.saved: dict[object, list[Any]] = defaultdict(list)

    def call(self, args: Sequence[object]) -> list[Any]:
        """What the body of the function yields."""
        results = self.region(self.fn.body, args, Scope())
        left = [slot for slot, stack in self.saved.items() if stack]
        if left:
            raise Mismatch(f"{self.fn.name}: values saved in slots {left} were not restored")
        return results

    def inner(self, fn: Function) -> Evaluator:
        return Evaluator(fn)

    def get(self, atom: Atom) -> Any:
        return self.all((atom,))[0]

    def all(self, atoms: Iterable[Atom]) -> list[Any]:
        values = self.values
        try:
            return [a.value if isinstance(a, Const) else values[a] for a in atoms]
        except KeyError as missing:
            raise Mismatch(f"{missing.args[0]} is used before it is defined") from None

    def bind(
        self,
        values: Sequence[Value],
        objects: Sequence[object],
        scope: Scope,
        where: Callable[[], str],
        soft: bool = False,
    ) -> None:
        """Enter what values stand for; `where` is what made them, for messages."""
        if len(values) != len(objects):
            raise Mismatch(f"{where()}: {len(values)} results, but {len(objects)} objects")
        for value, obj in zip(values, objects, strict=True):
            try:
                conform(obj, value.type, scope, soft)
            except Mismatch as mismatch:
                raise Mismatch(f"{where()}: {value}: {mismatch}") from None
            self.values[value] = obj

    def region(self, region: Region, arguments: Sequence[object], scope: Scope) -> list[Any]:
        """Run a region in its own scope (which the caller makes), and give what it yields."""
        self.bind(region.params, arguments, scope, lambda: "parameters")
        for statement in region.body:
            self.statement(statement, scope)
        return self.all(region.yields)

    def statement(self, statement: Statement, scope: Scope) -> None:
        if isinstance(statement, Op):
            self.op(statement, scope)
            return
        results = self.structured(statement, scope)
        soft = not isinstance(statement, Call)
        self.bind(statement.results, results, scope, lambda: statement_text(statement), soft)

    def structured(self, statement: If | For | While | Call, scope: Scope) -> list[Any]:
        match statement:
            case If():
                branch = statement.then if self.get(statement.condition) else statement.orelse
                return self.region(branch, (), Scope(scope))
            case For():
                return self.for_(statement, scope)
            case While():
                return self.while_(statement, scope)
            case Call():
                function = self.fn if is_itself(statement.function) else statement.function
                return self.inner(function).call(self.all(statement.operands))

    def op(self, op: Op, scope: Scope) -> None:
        operands = self.all(op.operands)
        try:
            out = self.compute(op, operands, scope)
        except Mismatch as mismatch:
            raise Mismatch(f"{statement_text(op)}: {mismatch}") from None
        except Exception as error:
            error.add_note(
                f"while evaluating {statement_text(op)}"
                + (f" ({op.location})" if op.location else "")
            )
            raise
        if not op.results:
            return
        several = len(op.results) > 1 or op.decl.name == "unpack"
        soft = op.decl.name == "undefined"  # has no lengths
        results = tuple(out) if several else (out,)
        self.bind(op.results, results, scope, partial(statement_text, op), soft)

    def compute(self, op: Op, operands: list[Any], scope: Scope) -> Any:
        """What an operation gives."""
        special = _SPECIAL.get(op.decl.name)
        if special is not None:
            return special(self, op, operands, scope)
        if op.decl.evaluate is not None:
            return op.decl.evaluate(operands, op.attrs)
        return _function_of(op)(*operands)

    def for_(self, loop: For, scope: Scope) -> list[Any]:
        indices = range(*self.all((loop.start, loop.stop, loop.step)))
        carried, made = self.all(loop.carried), 0
        for index in reversed(indices) if loop.reverse else indices:
            carried = self.region(loop.body, [index, *carried], Scope(scope))
            made += 1
            if loop.breaks and not carried.pop(0):
                break
        return [made, *carried] if loop.breaks else carried

    def while_(self, loop: While, scope: Scope) -> list[Any]:
        carried = self.all(loop.carried)
        while True:
            if loop.test is not None and not self.region(loop.test, carried, Scope(scope))[0]:
                return carried
            carried = self.region(loop.body, carried, Scope(scope))
            if loop.test is None and not carried.pop(0):
                return carried


# ---- operations that need more than their operands --------------------------------------------


def _save(frame: Evaluator, op: Op, operands: Sequence[object], scope: Scope) -> None:
    frame.saved[op.attrs["slot"]].append(operands[0])


def _restore(frame: Evaluator, op: Op, operands: Sequence[object], scope: Scope) -> Any:
    stack = frame.saved[op.attrs["slot"]]
    if not stack:
        raise Mismatch(f"nothing is saved in slot {op.attrs['slot']!r}")
    return stack.pop()


def _length(frame: Evaluator, op: Op, operands: Sequence[object], scope: Scope) -> int:
    return scope.number(op.attrs["dim"])


def _poisoned(frame: Evaluator, op: Op, operands: Sequence[object], scope: Scope) -> object:
    """Unset memory, filled with what will be seen if it is used."""
    made = compiled(template_of(op), len(operands), is_statement=False)(*operands)
    return poison(made)


def poison(array: np.ndarray) -> object:
    if array.dtype.kind in "fc":
        array.fill(np.nan)
    elif array.dtype.kind in "iu":
        array.fill(np.iinfo(array.dtype).max)
    return array


def _shape(op: Op, scope: Scope) -> tuple[int, ...]:
    return tuple(scope.number(d) for d in shape_of(op.result.type))


def _zeros_of(frame: Evaluator, op: Op, operands: Sequence[object], scope: Scope) -> Any:
    return zeros(op.result.type, scope)


def _zeros_like_list(frame: Evaluator, op: Op, operands: list[Any], scope: Scope) -> Any:
    type_ = op.result.type
    return (
        [zeros(type_.element, scope, item) for item in operands[0]]
        if isinstance(type_, List)
        else operands[0]
    )


def zeros(type_: Type, scope: Scope, like: np.ndarray | None = None) -> Any:
    """Zeros of a type; lengths are those of an object of the same structure, or what they are in the scope (else 0)."""
    match type_:
        case Array():
            known = scope.lengths
            lengths = [d.evaluate(known) if d.symbols() <= set(known) else 0 for d in type_.shape]
            return np.zeros(lengths if like is None else np.shape(like), type_.dtype)
        case Scalar():
            zero = np.dtype(type_.dtype).type(0)
            return zero.item() if type_.weak else zero
        case Struct():
            pairs = zip(type_.keys, type_.parts, strict=True)
            parts = [
                zeros(t, scope, None if like is None else take_part(like, type_.kind, k))
                for k, t in pairs
            ]
            return build_struct(type_.kind, type_.keys, parts, type_.cls)
        case List():
            return [zeros(type_.element, scope, item) for item in like or ()]
    return type_.value


def _elements(frame: Evaluator, op: Op, operands: Sequence[object], scope: Scope) -> int:
    return math.prod(scope.number(d) for d in dims_of(op.attrs["type"]))


def _empty_of(frame: Evaluator, op: Op, operands: Sequence[object], scope: Scope) -> object:
    type_ = op.result.type
    if not isinstance(type_, Array):
        raise Mismatch(f"no unset storage of type {type_}")
    return poison(np.empty(_shape(op, scope), type_.dtype))


def _expand(frame: Evaluator, op: Op, operands: list[Any], scope: Scope) -> object:
    type_ = op.result.type
    if not isinstance(type_, Array):
        return operands[0]
    return np.broadcast_to(operands[0], _shape(op, scope)).astype(type_.dtype)


def _choose(frame: Evaluator, op: Op, operands: Sequence[object], scope: Scope) -> Any:
    """One of two numbers, of the type that compiled code gives to both."""
    chosen, type_ = operands[1 if operands[0] else 2], op.result.type
    if not isinstance(type_, Scalar) or np.asarray(chosen).dtype == type_.dtype:
        return chosen
    number = np.dtype(type_.dtype).type(chosen)
    return number.item() if type_.weak else number


_SPECIAL: Mapping[str, Callable[[Evaluator, Op, list[Any], Scope], Any]] = {
    "save": _save,
    "restore": _restore,
    "length": _length,
    "element_count": _elements,
    "empty": _poisoned,
    "empty_like": _poisoned,
    "empty_of": _empty_of,
    "zeros_of": _zeros_of,
    "expand": _expand,
    "choose": _choose,
    "undefined": _zeros_of,
    "zeros_like_list": _zeros_like_list,
}


# ---- templates ---------------------------------------------------------------------------------


@lru_cache(maxsize=4096)  # passes keep most operations, and loops run them many times
def _function_of(op: Op) -> Callable[..., Any]:
    return compiled(template_of(op), len(op.operands), is_statement=not op.results)


@cache
def compiled(template: str, count: int, is_statement: bool) -> Callable[..., Any]:
    """The function of `count` operands that a template's text stands for."""
    names = [f"_{i}" for i in range(count)]
    text = template.format(*names)
    body = text if is_statement else f"return ({text})"
    source = f"def operation({', '.join(names)}):\n{textwrap.indent(body, '    ')}\n"
    namespace = namespace_of(source)
    exec(source, namespace)
    operation: Callable[..., Any] = namespace["operation"]
    return operation


def namespace_of(source: str) -> dict[str, Any]:
    """The modules that a template's dotted names start with, submodules imported."""
    namespace: dict[str, Any] = {"np": np, "math": math, "cmath": cmath}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            head, *path = ast.unparse(node).split(".")
            if head.isidentifier() and not head.startswith("_") and head not in namespace:
                _import_prefixes(head, path, namespace)
    return namespace


def _import_prefixes(head: str, path: Sequence[str], namespace: dict[str, object]) -> None:
    for end in range(len(path)):
        try:
            importlib.import_module(".".join([head, *path[:end]]))
        except ImportError:
            return
        namespace[head] = importlib.import_module(head)
