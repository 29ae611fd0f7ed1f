"""Checks on entry of what was concluded from the lengths of the arguments that a program was generated for.

    def f_grad(x, w):
        if len(w) != len(x) - 1:
            raise ValueError("f_grad is generated for len(w) == len(x) - 1")

Calls through srcdiff pick the program that fits; a saved file has no one to do that, and must not compute
something wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Function, If, Region, Statement, const
from srcdiff.ir.types import Array, Clamp, Dim, Scalar
from srcdiff.ops import arithmetic, control, memory

__all__ = ["with_entry_checks"]


def with_entry_checks(fn: Function) -> Function:
    """`fn` with its assumptions about lengths checked first."""
    names = _names(fn)
    b = Builder(shapes_for(fn), "compiler", fn.location)
    for left, right in dict.fromkeys(fn.notes.get("assumptions", ())):
        if left != right and left.symbols() | right.symbols() <= set(names):
            _check(fn, left, right, names, b)
    if not b.body:
        return fn
    checks: list[Statement] = list(b.body)
    return fn.with_body(replace(fn.body, body=(*checks, *fn.body.body)))


def _check(fn: Function, left: Dim, right: Dim, names: Mapping[str, str], b: Builder) -> None:
    sides = [const(d.const) if d.is_const else b.op(memory.length, dim=d) for d in (left, right)]
    differ = b.op(arithmetic.not_equal, *sides)
    inner = b.inner()
    message = f"{fn.name} is generated for {spelled(left, names)} == {spelled(right, names)}"
    inner.ops(control.raise_, text=f"ValueError({message!r})", classes={"ValueError": ValueError})
    nothing = Region((), (), ())
    b.append(If(differ, inner.region((), ()), nothing, (), fn.location, "compiler"))


def _names(fn: Function) -> dict[str, str]:
    """How each symbol of the parameters' types is written."""
    out: dict[str, str] = {}
    for p in fn.params:
        if isinstance(p.type, Array):
            for k, d in enumerate(p.type.shape):
                if d.symbol is not None:
                    text = f"len({p.name})" if k == 0 else f"{p.name}.shape[{k}]"
                    out.setdefault(d.symbol, text)
        elif isinstance(p.type, Scalar) and p.type.expr is not None and p.type.expr.symbol:
            out.setdefault(p.type.expr.symbol, p.name)
    return out


def spelled(dim: Dim, names: Mapping[str, str]) -> str:
    """A length in terms of the parameters: `len(x) - 1`."""
    out = ""
    for symbol, k in dim.terms:
        inner = (
            f"max({spelled(symbol.inner, names)}, 0)"
            if isinstance(symbol, Clamp)
            else names.get(symbol, symbol)
        )
        term = inner if abs(k) == 1 else f"{abs(k)} * {inner}"
        sign = ("-" if not out else " - ") if k < 0 else ("" if not out else " + ")
        out += sign + term
    if dim.const or not out:
        out += f"{' - ' if dim.const < 0 else ' + '}{abs(dim.const)}" if out else str(dim.const)
    return out
