"""Reassociation of generated code: expressions before and after."""

import inspect

import numpy as np
import pytest
from fuzz.compare import problems
from hypothesis import given, settings
from hypothesis import strategies as st
from transforms.sources import source

import srcdiff
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, Op, walk
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.types import FLOAT, Array, Dim
from srcdiff.ir.values import Const, Value
from srcdiff.transforms.rewrite.patterns import Anything, build, function
from srcdiff.transforms.simplify.algebra.reassociate import RULES, algebra
from tests.transforms.passes import assert_same, changed, result, unchanged

exp, expit, logaddexp, log = map(function, ("exp", "expit", "logaddexp", "log"))
VECTOR = Array("float64", (Dim.of("n"),))
SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}


def written(before, types=None, origin="adjoint"):
    """A function that computes an expression; capitals are arrays, the rest are scalars."""
    names = list(inspect.signature(before).parameters)
    params = {n: Value(VECTOR if n.isupper() else FLOAT, n) for n in names}
    b = Builder(origin=origin)
    b.shapes.rigid.add("n")
    out = build(before(*map(Anything, names)), params, b)
    return Function("f", b.region(params.values(), [out]), 0)


def expression(fn):
    """The result of a function as one line, with brackets around all operations but products."""
    made = {r: s for s in walk(fn.body) for r in s.results}

    def text(atom):
        if isinstance(atom, Const):
            return repr(atom.value)
        op = made.get(atom)
        if op is None:
            return atom.name
        parts = [text(a) for a in op.operands]
        if op.decl.name == "negative":
            return f"-{parts[0]}"
        if op.decl.name in SIGNS:
            return f"({parts[0]} {SIGNS[op.decl.name]} {parts[1]})"
        return f"{op.decl.name}({', '.join(parts)})"

    out = text(fn.body.yields[0])
    return out[1:-1] if out.startswith("(") else out


def values(fn):
    rng = np.random.default_rng(len(fn.params))
    return [
        rng.normal(size=3) if isinstance(p.type, Array) else float(rng.normal()) for p in fn.params
    ]


CASES = [
    (lambda a, b: a - (-b), "a + b"),
    (lambda a, b: a + (-b), "a - b"),
    (lambda a, b: (-a) * (-b), "a * b"),
    (lambda a, b: -(a - b), "b - a"),
    (lambda a, b: -((-a) / b), "a / b"),
    (lambda x: 2.0 * (0.5 * x), "x"),
    (lambda w: 0.01 * (w * 2.0), "0.02 * w"),
    (lambda w: 0.1 * (w * 3.0), "0.3 * w"),
    (lambda x, n: x * (1.0 / n), "x / n"),
    (lambda d, y, z: d * y + d * z, "d * (y + z)"),
    (lambda d, y, z, n: d * y / n - d * z / n, "(d * (y - z)) / n"),
    (lambda d, y: d * y + d * y, "(2.0 * d) * y"),
    (lambda x: 2.0 * x**1, "2.0 * x"),
    (lambda x: x + x, "2.0 * x"),
    (lambda y, z: (1.0 - y) * expit(z) - y * expit(-z), "expit(z) - y"),
    (lambda d, y, z: d * (1.0 - y) * expit(z) - d * y * expit(-z), "d * (expit(z) - y)"),
    (lambda X, s, t: X * s * t, "(s * t) * X"),
    (lambda x: exp(x - logaddexp(0.0, x)), "expit(x)"),
    (lambda s, x: s / exp(x) * exp(x), "s"),  # never zero
    (lambda x, y: x / y * y / y, "x / y"),  # something of it stays below
    (lambda x, r: x / (r**3 * r**3) * r**2, "x / (r ** 4)"),
    (lambda p: log(p) + p / p, "log(p) + 1.0"),  # whose logarithm shows where it is zero
    (  # a part, where the whole is no shorter
        lambda a, b, p, t: (log(p) + a + b + p / p) * (1.0 - t),
        "(((log(p) + a) + b) + 1.0) * (1.0 - t)",
    ),
]


@pytest.mark.parametrize(("before", "after"), CASES, ids=[after for _, after in CASES])
def test_is_written_as_a_person_would(before, after):
    fn = written(before)
    assert expression(changed(algebra, fn, *values(fn))) == after


KEPT = [
    lambda x, y: x * y / y,  # the domain
    lambda x, y: x / y * y,
    lambda y, z: y * expit(-z),
    lambda a, b, c: a * (b + c),
    lambda a, b, X: a + b * X,
    lambda x: exp(x) * log(x),
    lambda d, h, p, w: w - d * h * p * (1.0 - p),
]


@pytest.mark.parametrize("before", KEPT)
def test_is_kept(before):
    fn = written(before)
    assert to_text(changed(algebra, fn, *values(fn))) == to_text(fn)


def test_the_users_lines_stay():
    fn = written(lambda a, b: a - (-b) + 0.1 * a * a, origin="user")
    unchanged(algebra, to_text(fn), 1.5, 2.5)


def test_what_the_user_computed_may_be_looked_into():
    """As in the derivative of a cross entropy: `1 - y` is a line of the forward part."""
    b = Builder(origin="user")
    y, z = Value(FLOAT, "y"), Value(FLOAT, "z")
    binding = {"y": y, "z": z}
    binding["rest"] = build(1.0 - Anything("y"), binding, b)
    b.origin = "adjoint"
    form = Anything("rest") * expit(Anything("z")) - Anything("y") * expit(-Anything("z"))
    fn = Function("f", b.region([y, z], [build(form, binding, b)]), 0)
    assert expression(changed(algebra, fn, 0.3, 1.7)) == "expit(z) - y"


def of_parts(parts, whole):
    """A function of generated code, of the user's expressions without a name."""
    b = Builder(origin="user")
    binding = {n: Value(FLOAT, n) for n in inspect.signature(parts).parameters}
    params = list(binding.values())
    for name, part in parts(*map(Anything, binding)).items():
        binding[name] = build(part, binding, b)
    b.origin = "adjoint"
    return Function("f", b.region(params, [build(whole(*map(Anything, binding)), binding, b)]), 0)


def test_parts_of_the_users_expressions_are_looked_into():
    """The derivative of `-r * r`."""
    fn = of_parts(lambda d, r: {"turned": -r}, lambda d, r, turned: d * turned - d * r)
    assert expression(changed(algebra, fn, 0.3, 1.7)) == "(-2.0 * d) * r"


def test_a_quotient_by_a_product_loses_what_it_shares_with_it():
    """The derivative of `x / (a * b)` by `a`: below the line stays `a * b`, which is zero where `b` is."""
    fn = of_parts(
        lambda d, a, b, e: {"below": a * b}, lambda d, a, b, e, below: d * e * b / (below * below)
    )
    assert expression(changed(algebra, fn, 0.3, 1.7, 0.9, 0.4)) == "(d * e) / ((a * b) * a)"


def test_a_sum_that_was_smaller_than_its_place_is_not_made():
    """`X - X + s` has X's shape; `s` has not."""
    fn = written(lambda X, s: X - X + s)
    assert to_text(changed(algebra, fn, np.ones(3), 2.0)) == to_text(fn)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_keeps_the_value(rule):
    before, after = written(rule.before), written(rule.after)
    for x in (-2.0, 0.3, 5.0):
        given = [x * v if isinstance(v, np.ndarray) else x for v in values(before)]
        assert_same(result(before, given), result(after, given))


LEAVES = st.sampled_from([Anything("x"), Anything("y"), Anything("N"), 2.0, 0.5, -1.0, 3.0])


@st.composite
def trees(draw, depth=4):
    if depth == 0 or draw(st.booleans()):
        return draw(LEAVES)
    left, right = draw(trees(depth - 1)), draw(trees(depth - 1))
    kind = draw(st.sampled_from("+-*/n"))
    if not hasattr(left, "__dict__"):
        left = Anything("x") * left
    if kind == "n":
        return -left
    if kind == "/":
        return left / Anything("n")
    return left + right if kind == "+" else left - right if kind == "-" else left * right


@pytest.mark.long
@settings(max_examples=150)
@given(trees())
def test_any_expression_keeps_its_value_and_gets_no_longer(tree):
    fn = written(lambda x, y, N, n: Anything("x") + tree)
    new = algebra(fn)
    args = [0.7, -1.3, np.array([0.4, 2.0, -0.6]), 1.9]
    np.testing.assert_allclose(result(fn, args), result(new, args), rtol=1e-9, atol=1e-9)
    assert sum(isinstance(s, Op) for s in walk(new.body)) <= sum(
        isinstance(s, Op) for s in walk(fn.body)
    )


ROOTS = (
    "np.cbrt(x)",
    "np.sqrt(x)",
    "x**1.5",
    "x ** (-1 / 3)",
    "1.0 / np.cbrt(x)",
    "np.reciprocal(np.sqrt(x))",
)
POWERS = ("z * z", "z**3", "z * z * y", "(z / y) ** 2", "z * z / np.cbrt(x)")


@pytest.mark.parametrize("helper", [False, True])
@pytest.mark.parametrize("root", ROOTS)
def test_products_of_roots_keep_their_factors(root, helper):
    """Compared with differences: the first and the second derivative by both factors."""
    x, y = np.array([[0.7, 1.2, 2.5], [1.9, 0.6, 3.1]]), np.array([0.4, -1.3, 0.8])
    for power in POWERS:
        z = "h(x, y)" if helper else f"{root} * y"
        text = f"def h(x, y):\n    return {root} * y\n\n\ndef f(x, y):\n    z = {z}\n    return np.sum({power})\n"
        srcdiff.check_grads(source(text), x, y, order=2, argnums=(0, 1))


# ---- integers and truth values --------------------------------------------------------------------

Z, W = np.array([0.3, -2.2, 2.7]), np.array([1.0, -2.0, 0.5])
BYTES, MORE = np.array([200, 100, 3], dtype=np.uint8), np.array([100, 200, 250], dtype=np.uint8)


def clipped_twice(z, w):
    return np.sum(w * np.clip(z, None, 1.0)) + np.sum(w * np.clip(z, None, 2.0))


def clipped_between(z, w):
    return np.sum(w * np.clip(z, -w[0], w[0]) ** 2)


def masked_twice(z, w):
    return np.sum(z * (w > 0.0) + z * (w > -3.0)) + np.sum(w**2 * (z > 0.0) - w**2 * (z > 1.0))


@pytest.mark.parametrize("f", [clipped_twice, clipped_between, masked_twice])
def test_truth_values_are_not_added(f):
    assert problems(f, (Z, W), second=True) == []


def weighted_sum(z, k, m):
    return np.sum(z * k + z * m) + np.sum(z * k - z * m)


def weighted_squares(z, k, m):
    return np.sum(z * k * (z * k + m * z))


def gaussian_window(z, k, m):
    return np.sum(np.exp(-((z * k / 255.0) ** 2)) * m * k * z)


@pytest.mark.parametrize(
    "f", [weighted_sum, weighted_squares, gaussian_window], ids=lambda f: f.__name__
)
def test_integers_of_few_digits_do_not_meet(f):
    assert problems(f, (Z, BYTES, MORE), second=True) == []


def test_long_integers_do_not_meet_either():
    times = np.array([20_000_000_000, 3])
    d = srcdiff.grad(lambda rate, t: np.sum((rate * t) ** 2))(0.5, times)
    np.testing.assert_allclose(d, 4e20)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: (a + 0.2 * np.log(a)) * np.sin(b),
        lambda a, b: (0.35 * a + 0.2 * np.log(a)) / (1.5 + np.cos(b) ** 2),
        lambda a, b: (np.log(1.5 + a * a) + np.log(a) + np.sin(b)) ** 2,
        lambda a, b: np.log(a) * np.log(a) * b + 1.5 * np.log10(a),
        lambda a, b: 3.0 * np.sqrt(a) + b * np.sqrt(a),
    ],
)
def test_numbers_of_python_divide_by_zero_only_where_the_rules_do(f):
    d_a, _ = srcdiff.grad(f, argnums=(0, 1), jit=False)(0.0, 0.5)
    assert not np.isfinite(d_a)
