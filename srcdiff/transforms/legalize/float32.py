"""Type unification: a Python number that a loop or branch makes float32 is float32 from the start.

    %s: float32! = for 0, %n, 1 with %k: float64 {         %0: float32! = astype[dtype='float32'] %k
        ... yield (multiply %s.1, %x) }          becomes   %s: float32! = for 0, %n, 1 with %0 { ... }

Compiled variables have one type. Numbers that become complex in an iteration or on a side of a branch are complex from
the start. The readable form keeps Python's numbers, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, with_parts
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of
from srcdiff.ir.syntax.spelling import as_spelled
from srcdiff.ir.types import Scalar, is_complex
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.elementwise import conversions
from srcdiff.transforms.analysis.defuse import defined_in, is_mixed


def narrow_numbers(fn: Function) -> Function:
    """`fn` with casts of Python numbers that become NumPy numbers of another dtype."""
    mixed = is_mixed(fn.body)
    return _Narrow(mixed)(fn) if mixed or _has_complex_numbers(fn.body) else fn


def _has_complex_numbers(body: Region) -> bool:
    return any(is_complex(v.type) for v in defined_in(body))


class _Narrow(Rewriter):
    def __init__(self, mixed: bool) -> None:
        self.mixed = mixed  # otherwise there are only float64 and complex numbers

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, For | While):
            self.loop(new, new.body.params[isinstance(new, For) :], env, b)
            return
        if isinstance(new, If):
            regions = [_ending(r, new.results, b) for r in regions_of(new)]
            new = with_parts(new, new.operands, regions)
        if self.mixed and isinstance(new, Op) and new.decl.elementwise and len(new.results) == 1:
            new = with_parts(new, _beside(new, b), ())
        b.append(new)

    def loop(self, loop: For | While, params: Sequence[Value], env: Env, b: Builder) -> None:
        """Give loop-carried values the types that iterations begin with; the results may be wider."""
        count = len(params)
        first = len(loop.operands) - count
        operands = (*loop.operands[:first], *_cast(loop.carried, params, b))
        *tests, body = regions_of(loop)
        found = loop.results[len(loop.results) - count :]
        given = [_like(v, p) for v, p in zip(found, params, strict=True)]
        results = (*loop.results[: len(loop.results) - count], *given)
        regions = (*tests, _ending(body, params, b))
        b.append(with_parts(loop, operands, regions, lambda: results))
        for v, r in zip(found, given, strict=True):
            if v is not r and isinstance(v.type, Scalar):
                env[v] = _number(r, v.type.dtype, b)


def _like(result: Value, param: Value) -> Value:
    """A loop's result, with the dtype of the loop-carried value."""
    have, want = result.type, param.type
    if isinstance(have, Scalar) and isinstance(want, Scalar) and have.dtype != want.dtype:
        return replace(result, type=replace(have, dtype=want.dtype))
    return result


def _beside(op: Op, b: Builder) -> Sequence[Atom]:
    """The operands of an operation with a NumPy result, cast where a pass replaced one by a Python number."""
    numbers = [a for a in op.operands if _is_python(a)]
    if op.decl is conversions.astype or not numbers or not _is_changed(op, b):
        return op.operands
    at = op.operands.index(numbers[0])
    return (*op.operands[:at], _strong(numbers[0], op.results[0], b), *op.operands[at + 1 :])


def _is_python(a: Atom) -> bool:
    return isinstance(a.type, Scalar) and a.type.weak and a.type.dtype != "bool"


def _is_changed(op: Op, b: Builder) -> bool:
    """Whether the result would have another type with these operands."""
    known = op.result.type
    (found,) = as_spelled(op.decl, op.decl.infer(b.shapes, op.operands, op.attrs), op.spelling)
    if not (isinstance(found, Scalar) and isinstance(known, Scalar)):
        return False
    return found.dtype != known.dtype or (found.weak and not known.weak)


def _strong(number: Atom, wanted: Value, b: Builder) -> Atom:
    """A Python number as a NumPy number of the dtype of `wanted`."""
    have, want = number.type, wanted.type
    assert isinstance(have, Scalar) and isinstance(want, Scalar)
    if have.dtype != want.dtype or want.weak:
        return _as(number, wanted, b)
    return (
        replace(number, type=want) if isinstance(number, Const) else _number(number, want.dtype, b)
    )


def _ending(region: Region, wanted: Sequence[Value], b: Builder) -> Region:
    """The region with its yields cast to the types of `wanted`."""
    inner = b.inner()
    inner.body += region.body
    first = len(region.yields) - len(wanted)
    yields = (*region.yields[:first], *_cast(region.yields[first:], wanted, inner))
    return region if yields == region.yields else inner.region(region.params, yields)


def _cast(given: Sequence[Atom], wanted: Sequence[Value], b: Builder) -> list[Atom]:
    return [_as(a, v, b) for a, v in zip(given, wanted, strict=True)]


def _as(number: Atom, wanted: Value, b: Builder) -> Atom:
    have, want = number.type, wanted.type
    if not (isinstance(have, Scalar) and isinstance(want, Scalar)):
        return number
    is_new = is_complex(want) and not is_complex(have)
    if have.dtype == want.dtype or ((not have.weak or want.weak) and not is_new):
        return number
    if isinstance(number, Const):  # NumPy takes it as it is
        value = complex(number.value) if is_new else number.value
        return replace(number, value=value, type=want)
    return _number(number, want.dtype, b)


def _number(number: Atom, dtype: str, b: Builder) -> Value:
    return b.op(conversions.astype, number, spelling=f"np.{dtype}", dtype=dtype)
