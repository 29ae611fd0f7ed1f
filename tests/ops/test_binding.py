"""Calls as users write them: which operands and attributes they become, their text, and what is known of integers."""

import inspect
import sys

import numpy as np
import pytest

import srcdiff.ops.arrays.memory
from srcdiff.ir.build import Builder
from srcdiff.ir.dims import ShapeMismatch, Shapes
from srcdiff.ir.syntax.spelling import template_of
from srcdiff.ir.types import Array, Dim, Scalar
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import creation, reductions
from srcdiff.ops.core.operand_roles import carries_derivative
from srcdiff.ops.core.registry import OPERATIONS, find
from srcdiff.ops.core.type_rules import TypeMistake
from srcdiff.ops.elementwise import arithmetic, conversions, elementary
from srcdiff.ops.linalg import products, solve
from srcdiff.ops.shapes import concatenate, diagonals, permutations, repeat, reshapes

N, M = Dim.of("n"), Dim.of("m")
x = Value(Array("float64", (N,)), "x")
y = Value(Array("float64", (M,)), "y")
A = Value(Array("float64", (N, M)), "A")
s = Value(Scalar("float64"), "s")
n = Value(Scalar("int64", True, N), "n")


def made(decl, *operands, spelling="", **attrs):
    b = Builder(Shapes(rigid={"n", "m"}))
    b.ops(decl, *operands, spelling=spelling, **attrs)
    return b.body[0]


def text(op):
    names = {x: "x", y: "y", A: "A", s: "s", n: "n"}
    return template_of(op).format(*(names.get(a, a) for a in op.operands))


def called(function, *args, spelling="", **kwargs):
    decl = find(function)
    operands, attrs = decl.bind(args, kwargs) if decl.bind else (args, kwargs)
    return made(decl, *operands, spelling=spelling, **attrs)


@pytest.mark.parametrize(
    ("op", "printed", "type_"),
    [
        (made(arithmetic.add, x, s), "x + s", "float64[n]"),
        (made(elementary.exp, s), "np.exp(s)", "float64!"),
        (made(elementary.exp, s, spelling="math.exp"), "math.exp(s)", "float64"),
        (made(arithmetic.maximum, s, const(0.0), spelling="max"), "max(s, 0.0)", "float64"),
        (made(arithmetic.maximum, x, const(0.0)), "np.maximum(x, 0.0)", "float64[n]"),
        (made(arithmetic.absolute, s, spelling="abs"), "abs(s)", "float64"),
        (made(reductions.sum, A, axis=0), "np.sum(A, axis=0)", "float64[m]"),
        (
            made(reductions.sum, A, axis=-1, keepdims=True, spelling=".sum"),
            "A.sum(axis=-1, keepdims=True)",
            "float64[n, 1]",
        ),
        (made(reductions.count, A, axis=1), "A.shape[1]", "int64{m}"),
        (made(reductions.count, x), "len(x)", "int64{n}"),
        (called(np.reshape, A, (const(-1),)), "A.reshape(-1)", None),
        (called(np.reshape, x, (const(1), const(-1))), "x.reshape(1, -1)", "float64[1, n]"),
        (called(np.reshape, x, (n, const(1))), "x.reshape(n, 1)", "float64[n, 1]"),
        (made(reshapes.expand_dims, x, axis=1), "x[:, None]", "float64[n, 1]"),
        (made(reshapes.expand_dims, x, axis=0), "x[None, :]", "float64[1, n]"),
        (made(reshapes.expand_dims, A, axis=1), "A[:, None]", "float64[n, 1, m]"),
        (called(np.transpose, A), "A.T", "float64[m, n]"),
        (called(np.transpose, A, (const(1), const(0))), "A.transpose(1, 0)", "float64[m, n]"),
        (called(np.concatenate, (x, y)), "np.concatenate([x, y])", "float64[m+n]"),
        (called(np.stack, (x, x), axis=const(1)), "np.stack([x, x], axis=1)", "float64[n, 2]"),
        (called(np.array, (s, const(1.0))), "np.array([s, 1.0])", "float64[2]"),
        (called(np.array, ((s, s), (s, s))), "np.array([[s, s], [s, s]])", "float64[2, 2]"),
        (made(creation.array_of, s, s), "np.array([s, s])", "float64[2]"),
        (called(np.zeros, (n, const(2))), "np.zeros((n, 2))", "float64[n, 2]"),
        (called(np.full, n, s), "np.full(n, s)", "float64[n]"),
        (called(np.eye, n), "np.eye(n)", "float64[n, n]"),
        (called(np.arange, const(1), n), "np.arange(1, n)", "int64[max(n-1, 0)]"),
        (called(np.clip, x, const(0.0), a_max=const(None)), "np.clip(x, 0.0, None)", "float64[n]"),
        (made(products.matmul, A, y), "A @ y", "float64[n]"),
        (made(diagonals.diag, A), "np.diag(A)", None),
        (called(np.tile, x, const(2)), "np.tile(x, 2)", "float64[2*n]"),
        (made(repeat.repeat, x, const(2)), "np.repeat(x, 2)", "float64[2*n]"),
    ],
    ids=lambda value: value if isinstance(value, str) and "[" not in value else "",
)
def test_call_prints_as_written_and_has_the_type(op, printed, type_):
    assert text(op) == printed
    if type_ is not None:
        assert str(op.result.type) == type_


@pytest.mark.parametrize(
    ("decl", "operands", "known"),
    [
        (arithmetic.add, (n, const(1)), "n+1"),
        (arithmetic.subtract, (n, const(1)), "n-1"),
        (arithmetic.multiply, (const(2), n), "2*n"),
        (arithmetic.negative, (n,), "-n"),
        (arithmetic.floor_divide, (const(7), const(2)), "3"),
        (arithmetic.minimum, (const(7), const(2)), "2"),
        (arithmetic.multiply, (n, n), "prod(n, n)"),
        (arithmetic.floor_divide, (n, const(2)), "div(n, 2)"),
        (arithmetic.floor_divide, (n, const(-2)), "i"),
        (arithmetic.mod, (n, const(2)), "i"),
        (conversions.to_int, (s,), "i"),
    ],
)
def test_integers_stay_affine_expressions_where_they_are(decl, operands, known):
    assert str(made(decl, *operands).result.type.expr) == known


@pytest.mark.parametrize(
    ("exponent", "dtype"),
    [(const(2), "int64"), (const(-1), "float64"), (const(0.5), "float64"), (n, "int64")],
)
def test_power_of_integers_is_an_integer_unless_the_exponent_is_negative(exponent, dtype):
    assert made(arithmetic.power, n, exponent).result.type.dtype == dtype


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: made(products.matmul, s, x), TypeMistake),
        (lambda: made(products.matmul, made_array(2, 3), made_array(2, 3)), ShapeMismatch),
        (lambda: made(reductions.sum, x, axis=1), TypeMistake),
        (
            lambda: made(
                arithmetic.subtract, made_array(3, dtype="bool"), made_array(3, dtype="bool")
            ),
            TypeMistake,
        ),
        (lambda: made(elementary.where, x, s, s), TypeMistake),
        (lambda: made(arithmetic.not_, x), TypeMistake),
        (lambda: made(solve.solve, made_array(2, 3), x), ShapeMismatch),
        (lambda: made(products.norm, x, ord=1), TypeMistake),
        (lambda: made(reshapes.reshape, made_array(2, 3), const(4)), TypeMistake),
        (lambda: made(concatenate.concatenate, x, A), TypeMistake),
        (lambda: called(np.array, ((s, s), s)), TypeMistake),
        (lambda: made(reshapes.squeeze, made_array(2), axis=0), TypeMistake),
    ],
)
def test_operands_that_do_not_fit_are_refused(build, error):
    with pytest.raises(error):
        build()


def made_array(*lengths, dtype="float64"):
    return Value(Array(dtype, tuple(map(Dim, lengths))))


def test_only_operands_with_derivatives_carry_them():
    carried = {
        name: [carries_derivative(OPERATIONS[name], k) for k in range(3)]
        for name in ("where", "add", "linspace")
    }
    assert carried["where"] == [False, True, True]
    assert carried["linspace"] == [True, True, False]
    assert [carries_derivative(reshapes.reshape, k) for k in range(3)] == [True, False, False]
    assert [carries_derivative(concatenate.concatenate, k) for k in range(3)] == [True, True, True]
    assert [carries_derivative(permutations.roll, k) for k in range(2)] == [True, False]


def test_importing_the_operations_leaves_scipy_alone():
    import subprocess

    code = "import srcdiff.ops, sys; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rules_are_for_parameters_that_the_signature_names():
    for decl in OPERATIONS.values():
        if decl.rule is not None:
            names = set(inspect.signature(decl.rule).parameters) - {"out", "d_out"}
            shown = inspect.signature(eval(f"lambda {decl.signature}: 0")).parameters
            assert names == set(shown), decl.name
    assert srcdiff.ops.arrays.memory
