"""Control operations: Python's `and` and `or`, run-time tests, effects, outside constants, undefined values.

The text of messages in compiled code: Python writes them, because Numba formats numbers otherwise or not at all.

print("x is", f"{x:.2f}")        with numba.objmode():
                                     print("x is", "{:.2f}".format(x))
"""

from __future__ import annotations

import ast
import builtins
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from string import Formatter
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.ir.core import If, Op, OpDecl, Region
from srcdiff.ir.dims import Shapes
from srcdiff.ir.location import Location
from srcdiff.ir.types import BOOL, Array, List, Scalar, Struct, Type
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.type_rules import nothing, of_type, same_as_first

if TYPE_CHECKING:
    from srcdiff.ir.build import Builder


def written_by_python(text: str) -> str:
    """A statement for a call with `{i}` for operands; Numba's object mode knows no format specifications."""
    count = 1 + max((int(n) for _, n, _, _ in Formatter().parse(text) if n), default=-1)
    tree = ast.parse(text.format(*(f"_{k}_" for k in range(count))), mode="eval")
    call = ast.unparse(_WithoutFStrings().visit(tree)).replace("{", "{{").replace("}", "}}")
    return "with numba.objmode():\n    " + re.sub(r"\b_(\d+)_\b", r"{\1}", call)


class _WithoutFStrings(ast.NodeTransformer):
    """Formatted strings as calls of `str.format`."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        template, values = "", []
        for part in node.values:
            if isinstance(part, ast.Constant):
                template += str(part.value).replace("{", "{{").replace("}", "}}")
                continue
            assert isinstance(part, ast.FormattedValue)
            values.append(self.visit(part.value))
            conversion = f"!{chr(part.conversion)}" if part.conversion > 0 else ""
            spec, inner = self._spec(part.format_spec)
            template += f"{{{conversion}{spec}}}"
            values += inner
        made = ast.Attribute(ast.Constant(template), "format", ast.Load())
        return ast.Call(made, values, [])

    def _spec(self, spec: ast.expr | None) -> tuple[str, list[ast.expr]]:
        """A format specification as text, and the values in it."""
        if spec is None:
            return "", []
        made = self.visit(spec)
        return f":{made.func.value.value}", made.args


def _bool(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (BOOL,)


# for two truth values; the second operand is evaluated whatever the first one is, so the frontend uses these only if
# that makes no difference
and_ = operation(
    "and",
    template="{0} and {1}",
    infer=_bool,
    differentiable=False,
    cost="cheap",
    takes_complex=True,
)
or_ = operation(
    "or", template="{0} or {1}", infer=_bool, differentiable=False, cost="cheap", takes_complex=True
)


def _test_now(operands: Sequence[object], attrs: Attrs) -> object:
    return _fill(attrs["text"], operands, {})


# a condition on a parameter whose value the compiler knows; `text` is as for effects
test = operation(
    "test",
    template=lambda op: str(op.attrs["text"]),
    infer=_bool,
    differentiable=False,
    cost="cheap",
    evaluate=_test_now,
    takes_complex=True,
)


def _any_value(operands: Sequence[object], attrs: Attrs) -> object:
    return _filler(attrs["type"])


def _filler(type_: Type) -> object:
    match type_:
        case Scalar():
            return np.dtype(type_.dtype).type(0).item()
        case Array():
            return np.zeros((0,) * type_.ndim, dtype=type_.dtype)
        case List():
            return []
        case Struct():
            return tuple(map(_filler, type_.parts))
    return None


def _unset_text(op: Op) -> str:
    """`None`, or for compiled code (`typed`) a value of the type that shows if it is used by mistake."""
    type_ = op.results[0].type
    if not op.attrs.get("typed") or not isinstance(type_, Scalar | Array):
        return "None"
    if isinstance(type_, Array):
        shape = "0" if type_.ndim == 1 else f"({', '.join('0' * type_.ndim)})"
        return f"np.empty({shape}, dtype=np.{np.dtype(type_.dtype).type.__name__})"
    return {"f": "np.nan", "b": "False"}.get(type_.dtype[0], "np.iinfo(np.int64).min")


# the value of a variable on a path that does not assign it and on which it is not read; it prints nothing
undefined = operation(
    "undefined",
    template=_unset_text,
    infer=of_type,
    differentiable=False,
    cost="free",
    evaluate=_any_value,
    takes_complex=True,
)


# an array outside of the function: a global or a captured variable; `name` is the user's text for it, `value` its
# contents now
constant_array = operation(
    "constant_array",
    template=lambda op: str(op.attrs["name"]).replace("{", "{{").replace("}", "}}"),
    infer=of_type,
    differentiable=False,
    cost="free",
    evaluate=lambda operands, attrs: attrs["value"],
    takes_complex=True,
)


def _stopped_text(op: Op) -> str:
    return "{0}.copy()" if isinstance(op.results[0].type, Array) else "{0}"


# the value without its derivative: its uses treat it as a constant. If nothing writes the array, the copy is removed
# before printing (`compile/result_ownership.py:without_stops`)
stop_gradient = operation(
    "stop_gradient",
    "srcdiff.markers.stop_gradient",
    signature="x",
    template=_stopped_text,
    infer=same_as_first,
    differentiable=False,
    cost="cheap",
    takes_complex=True,
)


def _threads(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return (Scalar("int64", True, shapes.fresh("threads")),)


# the number of threads of compiled code; another number changes the order of additions
thread_count = operation(
    "thread_count",
    spelling="numba.get_num_threads",
    infer=_threads,
    differentiable=False,
    cost="cheap",
    evaluate=lambda operands, attrs: 2,
)


def _clock(read: Callable[[], float]) -> OpDecl:
    """The time of the call: a number without a derivative, which is read where the program reads it."""
    return operation(
        read.__name__,
        read,
        template=f"time.{read.__name__}()",
        infer=lambda shapes, operands, attrs: (Scalar("float64", True),),
        effect=True,
        differentiable=False,
        evaluate=lambda operands, attrs: read(),
        routine=lambda op: f"srcdiff.runtime.clocks.read_{read.__name__}()",
    )


CLOCKS = tuple(map(_clock, (time.time, time.perf_counter, time.process_time, time.monotonic)))


# ---- effects: `text` is Python with `{i}` for operands --------------------------------------------------


def _text(op: Op) -> str:
    return str(op.attrs["text"])


def _fill(text: str, operands: Sequence[object], names: Mapping[str, object]) -> Any:
    """The value of an expression with `{i}` for operands."""
    places = {f"_{i}": v for i, v in enumerate(operands)}
    return builtins.eval(text.format(*places), {"np": np, **names, **places})


def _print_now(operands: Sequence[object], attrs: Attrs) -> None:
    _fill(attrs["text"], operands, {"logging": logging})


def _assert_now(operands: Sequence[object], attrs: Attrs) -> None:
    if not operands[0]:
        raise AssertionError(
            *([_fill(attrs["message"], operands, {})] if attrs.get("message") else [])
        )


def _assert_text(op: Op) -> str:
    return f"assert {{0}}, {op.attrs['message']}" if op.attrs.get("message") else "assert {0}"


def _raise_now(operands: Sequence[object], attrs: Attrs) -> None:
    raise _fill(attrs["text"], operands, attrs["classes"])


def _effect(
    name: str, template: Callable[[Op], str], evaluate: Callable[..., None], **fields: Any
) -> OpDecl:
    return operation(
        name,
        template=template,
        infer=nothing,
        effect=True,
        differentiable=False,
        evaluate=evaluate,
        **fields,
    )


print_ = _effect("print", _text, _print_now, routine=lambda op: written_by_python(_text(op)))
assert_ = _effect("assert", _assert_text, _assert_now, raises=True)
# `classes` holds the exception's class by its name in the text
raise_ = _effect("raise", lambda op: f"raise {_text(op)}", _raise_now, raises=True)


def raise_if(
    b: Builder,
    condition: Atom,
    error: type[Exception],
    message: str,
    location: Location | None = None,
) -> None:
    """Append `if condition: raise error(message)`, at the builder's location unless another one is given."""
    is_numpy = error.__module__.startswith("numpy")
    name = f"np.linalg.{error.__name__}" if is_numpy else error.__name__
    failing = b.inner()
    failing.ops(raise_, text=f"{name}({message!r})", classes={} if is_numpy else {name: error})
    nothing = Region((), (), ())
    b.append(If(condition, failing.region((), ()), nothing, (), location or b.location, "compiler"))
