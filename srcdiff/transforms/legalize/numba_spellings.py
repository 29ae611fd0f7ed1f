"""Numba spellings: functions have the names that Numba knows, and messages of exceptions are constants.

    y = math.cbrt(x)                     becomes     y = np.cbrt(x)
    y = s.round()                        becomes     y = np.round(s)                         # of a number
    raise ValueError(f"got {x:.3f}")     becomes     raise ValueError("got ... (jit=False shows it whole)")

A call from Python that raises such a message runs once more in NumPy, for the whole message (`handles/generated.py`).

Typed empty lists: an empty list inside of another list is written with its element type.

    %v: list[float64] = list_new                 %v: list[float64] = list_new[typed=True]
    %w = list_new %v, %v              becomes    %w = list_new %v, %v

    w = [[], []]                      becomes    w = [[0.0 for _ in range(0)], [0.0 for _ in range(0)]]

Numba finds the type of such a list in no other line.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from srcdiff.errors import INCOMPLETE
from srcdiff.ir.build import map_ops, ops_of
from srcdiff.ir.core import Function, Op
from srcdiff.ir.types import Array, List, Scalar, Struct, Type
from srcdiff.ops.arrays import containers
from srcdiff.ops.control import control

_NAMES = {"math.cbrt": "np.cbrt", "math.fmod": "np.fmod", "np.fix": "np.trunc"}
_TEXTS = {control.raise_: "text", control.assert_: "message"}


def numba_spellings(fn: Function) -> Function:
    """`fn` with functions and messages that Numba compiles."""
    return map_ops(fn, _spelled)


def _spelled(op: Op) -> Op:
    if op.spelling in _NAMES:
        return replace(op, spelling=_NAMES[op.spelling])
    if op.spelling.startswith(".") and all(isinstance(a.type, Scalar) for a in op.operands):
        return replace(op, spelling="")
    name = _TEXTS.get(op.decl, "")
    if op.attrs.get(name):
        return replace(op, attrs={**op.attrs, name: _plain(op.attrs[name], len(op.operands))})
    return op


def _plain(text: str, count: int) -> str:
    """An exception, or a message, with constants in the place of formatted strings."""
    tree = ast.parse(text.format(*(f"_{k}_" for k in range(count))), mode="eval")
    whole = tree.body
    exception = whole.func if isinstance(whole, ast.Call) and _is_exception(whole) else None
    parts = whole.args if isinstance(whole, ast.Call) and exception is not None else [whole]
    if not any(isinstance(p, ast.JoinedStr | ast.BinOp | ast.Call) for p in parts):
        return text
    message = ast.Constant(" ".join(map(_words, parts)) + INCOMPLETE)
    new = message if exception is None else ast.Call(exception, [message], [])
    return ast.unparse(new).replace("{", "{{").replace("}", "}}")


def _is_exception(call: ast.Call) -> bool:
    """Whether a call makes the exception; `"...".format(x)` and `str(x)` do not."""
    name = ast.unparse(call.func)
    return name not in ("str", "repr") and not name.endswith((".format", ".join"))


def _words(message: ast.expr) -> str:
    """The constant parts of a message, with dots for the rest."""
    if isinstance(message, ast.Constant):
        return str(message.value)
    if isinstance(message, ast.JoinedStr):
        return "".join(_words(part) for part in message.values)
    if isinstance(message, ast.BinOp):
        return f"{_words(message.left)}{_words(message.right) if isinstance(message.op, ast.Add) else ''}"
    return "..."


def typed_lists(fn: Function) -> Function:
    """`fn` with typed lists, where nothing is appended to the list by its first name."""
    ops = list(ops_of(fn))
    appended = {op.operands[0] for op in ops if op.decl is containers.append}
    held = {a for op in ops if op.decl is containers.list_new for a in op.operands}
    held |= {op.operands[1] for op in ops if op.decl is containers.append}
    held -= appended

    def typed(op: Op) -> Op:
        is_held = _is_empty(op) and op.result in held
        return replace(op, attrs={**op.attrs, "typed": True}) if is_held else op

    return map_ops(fn, typed)


def _is_empty(op: Op) -> bool:
    """Whether an operation makes an empty list of items that Numba has a type for."""
    if op.decl is not containers.list_new or op.operands:
        return False
    return _has_example(op.attrs["element"])


def _has_example(type_: Type) -> bool:
    match type_:
        case List():
            return _has_example(type_.element)
        case Struct():
            return type_.kind == "tuple" and all(map(_has_example, type_.parts))
    return isinstance(type_, Scalar | Array)
