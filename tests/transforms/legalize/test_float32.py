"""Python's numbers beside float32: loop-carried values and branch results have one type in compiled code."""

import itertools
import math

import numpy as np
import pytest
from transforms.passes import assert_same

import srcdiff
from srcdiff.ir.build import shapes_for
from srcdiff.ir.core import For, If, Op
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.syntax.parser import parse
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.syntax.spelling import as_spelled
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Const
from srcdiff.ir.verify import verify
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.legalize.float32 import narrow_numbers

STARTS = {"float32": ("1.5", "2", "%k", "%x0"), "complex128": ("1.5", "2", "%k", "%strong", "%x0")}
PATHS = """
def f(%x: {dtype}[n], %k: float64, %strong: float64!) -> tuple(0: 0, 1: 1, 2: 2) {{
  %0: int64{{n}} = axis_length[axis=0] %x
  %x0: {dtype}! = index[where='i'] %x, 0
  %s: {dtype}!, %t: {result} = for 0, %0, 1 with {start}, 0.5 {{
    (%i: int64{{i}}, %s.1: {dtype}!, %t.1: float64) ->
    %1: {dtype}! = multiply %s.1, %x0
    %2: float64 = multiply %t.1, %k
    yield {end}, %2
  }}
  %c: bool = greater %k, 1.0
  %u: {dtype}!, %m: float64 = if %c {{
    yield {start}, %k
  }} else {{
    yield %x0, 2.0
  }}
  %v: {dtype}! = multiply %t, %u
  yield %s, %v, %m
}}
"""
LOOP = """
def f(%x: float32[n], %k: float64) -> 0 {
  %0: int64{n} = axis_length[axis=0] %x
  %s: float32! = for 0, %0, 1 with %k {
    (%i: int64{i}, %s.1: float32!) ->
    %1: float32! = index[where='i'] %x, %i
    %2: float32! = multiply %s.1, %1
    yield %2
  }
  yield %s
}
"""


def test_what_a_loop_starts_from_is_cast():
    before = parse(LOOP.strip(), OPERATIONS)
    after = narrow_numbers(before)
    assert not verify(after)
    assert "%1: float32! = astype@np.float32[dtype='float32'] %k" in to_text(after)
    assert "with %1" in to_text(after)


BESIDE = """
def f(%x: float32[n], %k: float64, %b: bool) -> 0 {{
  %0: float32! = index[where='i'] %x, 0
  %1: {dtype}! = {operation}
  %2: {dtype}! = multiply %1, %0
  yield %2
}}
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("operation", ["multiply {}, {}", "maximum {}, {}", "where %b, {}, {}"])
def test_operations_on_pythons_numbers_alone_have_the_dtype_of_their_result(operation, dtype):
    for left, right in itertools.product(("%k", "0.1"), repeat=2):
        text = BESIDE.format(operation=operation.format(left, right), dtype=dtype)
        before = parse(text.strip(), OPERATIONS)
        after = narrow_numbers(before)
        assert not verify(after)
        op = next(s for s in after.body.body if s.decl.name == operation.split()[0])
        types = op.decl.infer(shapes_for(after), op.operands, op.attrs)
        assert as_spelled(op.decl, types, op.spelling) == (Scalar(dtype, False),)
        assert _dtypes(op.operands[:-2]) == ["bool"] * (len(op.operands) - 2)


@pytest.mark.parametrize("start", ["0", "%n", "%k"])
def test_pythons_numbers_stay_what_they_are_beside_each_other(start):
    text = f"""
def f(%x: complex128[m], %k: float64, %n: int64) -> 0 {{
  %x0: complex128! = index[where='i'] %x, 0
  %s: float64 = for 0, 3, 1 with {start} {{
    (%i: int64{{i}}, %s.1: float64) ->
    %1: float64 = multiply %s.1, %k
    yield %1
  }}
  %y: complex128! = multiply %x0, %s
  yield %y
}}
"""
    before = parse(text.strip(), OPERATIONS)
    assert to_text(narrow_numbers(before)) == to_text(before)


def _dtypes(values):
    return [v.type.dtype for v in values]


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("float32", "float64"), ("float32", "float32!"), ("complex128", "float64")],
)
def test_loops_and_branches_have_one_type_from_the_start(dtype, result):
    x = np.array([0.5, 3.0], dtype=dtype)
    for start, end in itertools.product(STARTS[dtype], (*STARTS[dtype], "%1")):
        text = PATHS.format(dtype=dtype, start=start, end=end, result=result)
        before = parse(text.strip(), OPERATIONS)
        after = narrow_numbers(before)
        assert not verify(after)
        for k in () if "%strong" in (start, end) else (0.5, 1.5):  # not valid before
            args = x, k, np.float64(k)
            assert_same(evaluate(before, *args), evaluate(after, *args))
        loop, branch = (s for s in after.body.body if isinstance(s, For | If))
        wanted = _dtypes(loop.body.params[1:])
        assert _dtypes(loop.carried) == _dtypes(loop.body.yields) == _dtypes(loop.results) == wanted
        assert (
            _dtypes(branch.then.yields) == _dtypes(branch.orelse.yields) == _dtypes(branch.results)
        )
        numbers = [a for a in loop.carried if isinstance(a, Const) and a.type.dtype == "complex128"]
        assert all(isinstance(a.value, complex) for a in numbers)
        casts = [s for s in after.body.body if isinstance(s, Op) and s.decl.name == "astype"]
        assert len(casts) == (start in ("%k", "%strong")) + (result == "float32!")


def powers(x, k):
    s = k
    for i in range(len(x)):
        s = s * x[i]
    return s


def one_or_the_other(x, k):
    s = k
    if len(x) > 2:
        s = x[1] * x[2]
    return s * k


def counted(x, k):
    s, t = 0, 1
    for i in range(len(x)):
        s = s + x[i] * t
        t = t * k
    return s * t


def until_large(x, k):
    s = k
    while s < 10.0:
        s = s * 2 + 1
        for i in range(len(x)):
            s = s + x[i] ** 2
    return s


def sum_or_loop(x, k):
    s = 0.0
    for i in range(len(x)):
        s += x[i] * x[i]
    return s if len(x) > 2 else np.sum(x) * k


def weighted_by_neighbours(x, k):
    """`math.exp` gives a Python number, whose adjoint comes from sums of either kind."""
    s, norm = 0.0, 0.0
    for i in range(len(x)):
        for j in range(i - 1, i + 2):
            if 0 <= j < len(x):
                w = math.exp(-k * (x[j] - x[i]) ** 2)
                s += w * x[j]
                norm += w
    return s / norm


def by_position(x, k):
    return np.sum(np.arange(len(x)) * x**2) + np.sum(np.full(len(x), 2.0) * x) * k


def bounded(x, k):
    return np.sum(np.clip(x, k - 1, 1.2) ** 2) + np.sum(np.clip(2 * x, -k, k) * np.clip(x, 0.7, k))


def counted_masks(x, k):
    return np.count_nonzero(x > 0.7) * np.sum(x) * k + np.sum(x > 0.9) * np.sum(x**2)


def at_positions(x, k):
    rows = x[: len(x) // 2 * 2].reshape(-1, 2)
    return np.sum(rows.argmax(axis=1) * rows[:, 0]) * k


def off_a_stack(x, k):
    """The adjoint of what is on the stack is 1.0 times a float32, in float64."""
    stack, top, s = np.zeros(len(x)), 0, 0.0
    for v in x:
        if v > 0.9 or top == 0:
            stack[top] = v
            top += 1
        else:
            top -= 1
            s += stack[top] * v
    return s + np.sum(stack[:top] ** 2) + k


PROGRAMS = [
    off_a_stack,
    bounded, counted_masks, at_positions,
    powers, one_or_the_other, counted, until_large, sum_or_loop, weighted_by_neighbours, by_position,
]  # fmt: skip


@pytest.mark.parametrize("function", PROGRAMS)
@pytest.mark.parametrize("wrt", [0, (0, 1)])
def test_programs_with_numbers_of_both_kinds_compile(function, wrt):
    compiled = srcdiff.value_and_grad(function, argnums=wrt, jit=True)
    plain = srcdiff.value_and_grad(function, argnums=wrt, jit=False)
    for n in (4, 2, 5):
        x = np.linspace(0.5, 1.5, n, dtype=np.float32)
        (value, found), (expected, wanted) = compiled(x, 1.5), plain(x, 1.5)
        assert value == pytest.approx(float(expected), rel=1e-5)
        np.testing.assert_allclose(np.hstack(found), np.hstack(wanted), rtol=1e-5, atol=1e-6)


def test_integer_arrays_beside_float32_give_float64_as_in_numpy():
    x = np.full(3, 1.0 + 2.0**-23, dtype=np.float32)
    compiled = srcdiff.value_and_grad(by_position, jit=True)(x, 0.0)[0]
    assert compiled == pytest.approx(by_position(x, 0.0), rel=1e-14)
