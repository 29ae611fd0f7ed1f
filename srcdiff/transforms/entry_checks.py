"""Checks on entry of what was concluded from the arguments that a program was generated for.

    def f_grad(x, w, kind):
        if len(w) != len(x) - 1:
            raise ValueError("f_grad is generated for len(w) == len(x) - 1")
        if kind != "call":
            raise ValueError("f_grad is generated for kind='call'")

Calls through srcdiff pick the program that fits; a saved file has no one to do that, and must not compute
something wrong. A function that writes an array is differentiated as if nothing else were that array. Calls through
srcdiff look at the arguments as they are given, so this stands in saved files only:

        if np.shares_memory(x, w):
            raise ValueError("f_grad is generated for x and w that do not overlap")
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from srcdiff.ir.build import Builder, shapes_for
from srcdiff.ir.core import Atom, Function, If, Region, const
from srcdiff.ir.types import Array, Clamp, Dim, Scalar, Struct
from srcdiff.ops import arithmetic, control, memory
from srcdiff.ops.memory import part_texts
from srcdiff.ops.overlap import shares_memory
from srcdiff.transforms.parts import Keys, Part, storage_parts, take
from srcdiff.transforms.spelled_values import differs, spelled_value

__all__ = ["with_entry_checks", "with_overlap_checks"]


def with_entry_checks(fn: Function) -> Function:
    """`fn` with what it takes for granted checked first: the values of some parameters, then lengths."""
    names = _names(fn)
    b = Builder(shapes_for(fn), "compiler", fn.location)
    params = {p.name: p for p in fn.params}
    for name, rest, value in fn.notes.get("taken", ()):
        test = b.op(control.test, params[name], text=differs(f"{{0}}{_escaped(rest)}", value))
        _refuse(fn, test, f"{name}{rest}={spelled_value(value)}", b)
    for left, right in dict.fromkeys(fn.notes.get("assumptions", ())):
        if left != right and left.symbols() | right.symbols() <= set(names):
            _check(fn, left, right, names, b)
    return _behind(b, fn)


def with_overlap_checks(
    fn: Function, written: Collection[tuple[str, Keys]], names: Collection[str]
) -> Function:
    """`fn` with a check that what its base writes overlaps with nothing else in the parameters called `names`."""
    b = Builder(shapes_for(fn), "compiler", fn.location)
    parts = list(storage_parts(tuple(p for p in fn.params if p.name in names)))
    seen: set[frozenset[Part]] = set()
    for one in parts:
        if (one[0].name, one[1]) not in written:
            continue
        for other in parts:
            if other is not one and frozenset((one, other)) not in seen:
                seen.add(frozenset((one, other)))
                overlap = b.op(shares_memory, take(b, one), take(b, other))
                _refuse(fn, overlap, f"{_called(one)} and {_called(other)} that do not overlap", b)
    return _behind(b, fn)


def _called(part: Part) -> str:
    """A part as it is written: `p[0].weights`."""
    text, type_ = part[0].name, part[0].type
    for key in part[1]:
        assert isinstance(type_, Struct)
        text, type_ = part_texts(type_, text)[type_.keys.index(key)]
    return text


def _behind(checks: Builder, fn: Function) -> Function:
    if not checks.body:
        return fn
    return fn.with_body(replace(fn.body, body=(*checks.body, *fn.body.body)))


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _check(fn: Function, left: Dim, right: Dim, names: Mapping[str, str], b: Builder) -> None:
    sides = [const(d.const) if d.is_const else b.op(memory.length, dim=d) for d in (left, right)]
    differ = b.op(arithmetic.not_equal, *sides)
    _refuse(fn, differ, f"{spelled(left, names)} == {spelled(right, names)}", b)


def _refuse(fn: Function, differ: Atom, made_for: str, b: Builder) -> None:
    """Raise where a test says that the program was made for something else."""
    inner = b.inner()
    message = _escaped(f"{fn.name} is generated for {made_for}")
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
