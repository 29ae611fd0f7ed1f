"""The signs that the analysis gives are those that values have: of operations, of programs, and of helpers."""

import itertools

import numpy as np
import pytest
from corpus_loader import load
from fuzz.compare import function_of
from ops.rule_tools import apply
from ops.test_rules import values_of
from transforms.test_simplifications_on_corpus import traced

from srcdiff.frontend.source.argument_types import describe_arguments
from srcdiff.frontend.trace import trace
from srcdiff.ir.core import Op
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Value, const
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.signs import (
    ANY,
    AT_LEAST_ZERO,
    AT_MOST_ZERO,
    Sign,
    of_constant,
    of_operation,
    signs_of_results,
)

F = Scalar("float64", False)
NUMBERS = {
    Sign.NEGATIVE: (-2.0, -0.5),
    Sign.ZERO: (0.0,),
    Sign.POSITIVE: (0.5, 2.0),
    AT_LEAST_ZERO: (0.0, 0.5, 2.0),
    AT_MOST_ZERO: (-2.0, -0.5, 0.0),
    ANY: (-2.0, -0.5, 0.0, 0.5, 2.0),
}
ELEMENTWISE = [
    d
    for d in OPERATIONS.values()
    if d.elementwise
    and d.samples
    and d.differentiable
    and d.template != "{0}"
    and not any(np.asarray(v).dtype.kind == "i" for v in values_of(d, 0)[0])
]


def sign_of(value):
    return of_constant(const(float(value)))


def numbers_of(decl):
    return len(values_of(decl, 0)[0])


@pytest.mark.parametrize("decl", ELEMENTWISE, ids=lambda d: d.name)
def test_results_have_a_sign_that_the_operation_gives(decl):
    """Also for equal operands, which are one value."""
    count = numbers_of(decl)
    operands = [Value(F) for _ in range(count)]
    op = Op(decl, tuple(operands), (Value(F),), {})
    for signs in itertools.product(NUMBERS, repeat=count) if count < 3 else ():
        claimed = of_operation(op, signs)
        for values in itertools.product(*(NUMBERS[s] for s in signs)):
            try:
                with np.errstate(all="ignore"):
                    found = apply(decl, [np.float64(v) for v in values], {})
            except (TypeError, ValueError, ZeroDivisionError):
                continue
            if np.isrealobj(found) and not np.isnan(found):
                assert sign_of(found) in claimed, (signs, values)


@pytest.mark.parametrize("exponent", [2, 3, 2.0, 0.5, -1.0, -2])
def test_constant_powers(exponent):
    base = Value(F)
    op = Op(arithmetic.power, (base, const(exponent)), (Value(F),), {})
    for signs, values in NUMBERS.items():
        claimed = of_operation(op, [signs, of_constant(const(exponent))])
        for v in values:
            with np.errstate(all="ignore"):
                found = np.float64(v) ** exponent
            assert np.isnan(found) or sign_of(found) in claimed


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_programs_have_results_of_the_signs_that_are_found(program):
    fn, _ = traced(program)
    with np.errstate(all="ignore"):
        value = program.function(*program.arguments(0))
    if np.ndim(value) == 0 and np.isrealobj(value) and not np.isnan(value):
        assert sign_of(value) in signs_of_results(fn)[0]


PARTS = {
    "a loop": "s = 0.0\n    for v in x:\n        s = s + np.exp(v)\n    return s",
    "a loop that ends": "s = 1.0\n    while s < 9.0:\n        s = s * 2.0\n    return s",
    "a branch": "if x[0] > 0.0:\n        return np.abs(x[0])\n    return x[1] ** 2",
    "storage": "w = np.zeros(3)\n    for i in range(3):\n        w[i] = np.exp(x[i])\n    return np.sum(w)",
    "what is added to storage": "w = np.ones(3)\n    w[0] += x[0] ** 2\n    return w[1] * w[0]",
    "a list": "l = []\n    for v in x:\n        l.append(np.exp(v))\n    return l[0] * l[1]",
    "a tuple": "t = (np.exp(x[0]), np.abs(x[1]))\n    return t[0] + t[1]",
    "a helper": "def g(a):\n        return a * a\n    return g(x[0]) + g(x[1])",
    "a helper of what is positive": "def g(a):\n        return a * 2.0\n    return g(np.exp(x[0]))",
}
RECURSION = """
def g(x, n):
    if n == 0:
        return np.exp(x[0])
    return np.exp(x[n]) + 2.0 * g(x, n - 1)


def f(x):
    return g(x, 2)
"""


@pytest.mark.parametrize("body", [*PARTS, "recursion"])
def test_what_is_at_least_zero_is_found(body):
    text = RECURSION if body == "recursion" else f"def f(x):\n    {PARTS[body]}\n"
    f = function_of("import numpy as np\n\n\n" + text.lstrip())
    assert signs_of_results(read(f))[0] in AT_LEAST_ZERO


@pytest.mark.parametrize("end", ["w[0] = -1.0", "w[1] += x[0]", "v = w[:2]\n    v[0] = x[1]"])
def test_later_writes_count(end):
    body = f"w = np.exp(x)\n    {end}\n    return np.sum(w * w[0])"
    f = function_of(f"import numpy as np\n\n\ndef f(x):\n    {body}\n")
    assert signs_of_results(read(f))[0] is ANY


def read(f):
    types, lengths = describe_arguments((np.ones(3),), ["x"])
    return trace(f, types, shapes_actual=lengths)
