"""Numba spellings: functions have the names that Numba knows, and messages of exceptions are constants.

    y = math.cbrt(x)                     becomes     y = np.cbrt(x)
    raise ValueError(f"got {x:.3f}")     becomes     raise ValueError("got ... (jit=False shows it whole)")

A call from Python that raises such a message runs once more in NumPy, for the whole message (`handles/generated.py`).
"""

from __future__ import annotations

import ast
from dataclasses import replace

from srcdiff.errors import INCOMPLETE
from srcdiff.ir.build import map_ops
from srcdiff.ir.core import Function, Op
from srcdiff.ops.control import control

_NAMES = {"math.cbrt": "np.cbrt", "math.fmod": "np.fmod", "np.fix": "np.trunc"}
_TEXTS = {control.raise_: "text", control.assert_: "message"}


def numba_spellings(fn: Function) -> Function:
    """`fn` with functions and messages that Numba compiles."""
    return map_ops(fn, _spelled)


def _spelled(op: Op) -> Op:
    if op.spelling in _NAMES:
        return replace(op, spelling=_NAMES[op.spelling])
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
