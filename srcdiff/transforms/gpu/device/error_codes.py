"""Error codes: an exception becomes a number in an array and an early return, since kernels cannot raise on the host.

    if n == 0:                              if n == 0:
        raise IndexError("...")    becomes      failed[0] = 1
                                                return math.nan

The host raises the error when it finds its code.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter
from srcdiff.ir.core import Function, Op, Statement
from srcdiff.ir.types import Array, Dim, Scalar, Type
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control, cuda_scalar


def device_errors(fn: Function) -> Function:
    """`fn` with a last parameter `failed`; code k stands for the k-th error of `target.failures`, from 1 on."""
    name = "failed"
    while name in {p.name for p in fn.params}:
        name = f"{name}_"
    failed = Value(Array("int32", (Dim(1),)), name)
    pass_ = _Leave(failed, tuple(y.type for y in fn.body.yields))
    new = pass_(fn)
    body = replace(new.body, params=(*fn.params, failed))
    return replace(new, body=body, target=replace(fn.target, failures=tuple(pass_.failures)))


class _Leave(Rewriter):
    def __init__(self, failed: Value, results: tuple[Type, ...]) -> None:
        self.failed = failed
        self.nothing = ", ".join(map(_nothing, results))
        self.failures: list[tuple[type[Exception], str]] = []

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old.decl is not control.raise_:
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        error = (_class_of(old), _message_of(old))
        if error not in self.failures:
            self.failures.append(error)
        b.ops(memory.store, self.failed, const(self.failures.index(error) + 1), const(0), where="i")
        b.ops(cuda_scalar.leave, text=self.nothing)


def _class_of(op: Op) -> type[Exception]:
    found = next((c for c in op.attrs["classes"].values()), ValueError)
    return found if isinstance(found, type) and issubclass(found, Exception) else ValueError


def _message_of(op: Op) -> str:
    """The argument of `ValueError("...")`, if it is a literal text."""
    text = str(op.attrs["text"])
    inner = text[text.find("(") + 1 : -1].strip() if "(" in text else ""
    is_text = inner[:1] in "'\"" and inner[-1:] == inner[:1]
    return inner[1:-1].replace("{{", "{").replace("}}", "}") if is_text else ""


def _nothing(type_: Type) -> str:
    if not isinstance(type_, Scalar) or type_.dtype == "float64":
        return "np.nan"
    if type_.dtype == "float32":
        return "np.float32(np.nan)"
    return "False" if type_.dtype == "bool" else f"np.{type_.dtype}(0)"
