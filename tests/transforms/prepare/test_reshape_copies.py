"""Explicit reshape copies: a reshape is a view or a copy exactly where it is for NumPy."""

import importlib.util

import numpy as np
import pytest
from transforms.passes import check, program, unchanged
from transforms.sources import agrees, refusal, source

import srcdiff
from srcdiff.errors import UnsupportedError
from srcdiff.transforms.analysis.memory_layout import all_layouts
from srcdiff.transforms.prepare.reshape_copies import (
    contiguous_buffers,
    needs_contiguous,
    own_reshaped,
)

X = np.linspace(0.3, 1.9, 6).reshape(2, 3)


def reshaped(fn):
    return own_reshaped(fn, all_layouts(fn))


def buffers(fn):
    return contiguous_buffers(fn, all_layouts(fn))


def test_a_raveled_transpose_that_is_written_is_a_copy():
    check(
        reshaped,
        """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[m, n] = transpose %x
          %v: float64[k] = ravel %y
          store[where='i'] %v, 0.0, 0
          yield %v
        }
        """,
        """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[m, n] = transpose %x
          %v: float64[k] = flatten %y
          store[where='i'] %v, 0.0, 0
          yield %v
        }
        """,
    )


def test_what_is_in_an_array_is_reshaped_where_the_result_is_not_written():
    check(
        reshaped,
        """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[n, m] = copy@.copy %x
          store[where='i, i'] %y, 0.0, 0, 0
          %t: float64[m, n] = transpose %y
          %v: float64[k] = reshape %t, -1
          yield %v
        }
        """,
        """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[n, m] = copy@.copy %x
          store[where='i, i'] %y, 0.0, 0, 0
          %t: float64[m, n] = transpose %y
          %t.1: float64[m, n] = read %t
          %v: float64[k] = reshape %t.1, -1
          yield %v
        }
        """,
    )


def test_a_contiguous_array_is_reshaped_in_place():
    unchanged(
        reshaped,
        """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[n, m] = multiply %x, 2.0
          %v: float64[k] = ravel %y
          store[where='i'] %v, 0.0, 0
          yield %y
        }
        """,
    )


def test_what_nothing_writes_stays_as_it_is():
    unchanged(
        reshaped,
        """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[m, n] = transpose %x
          %v: float64[k] = ravel %y
          yield %v
        }
        """,
    )


def test_an_adjoint_that_is_reshaped_and_written_is_made_contiguous():
    check(
        buffers,
        """
        def f(%x: float64[n, m]) -> 0 {
          %t: float64[m, n] = transpose %x
          %d: float64[m, n] = multiply %t, 2.0 ;adjoint
          %v: float64[k] = ravel %d ;adjoint
          store[where='i'] %v, 0.0, 0 ;adjoint
          yield %d
        }
        """,
        """
        def f(%x: float64[n, m]) -> 0 {
          %t: float64[m, n] = transpose %x
          %0: float64[m, n] = multiply %t, 2.0 ;adjoint
          %d: float64[m, n] = copy %0 ;compiler
          %v: float64[k] = ravel %d ;adjoint
          store[where='i'] %v, 0.0, 0 ;adjoint
          yield %d
        }
        """,
    )


RIGHT = {
    "columns, written": "v = x[:, :2].ravel()\nv[0] *= 5.0\nreturn np.sum(v)",
    "transpose beside its base": "y = x.copy()\nv = y.T.ravel()\nv[0] = 5 * v[1]\nreturn np.sum(y**2) + v[0] * v[2]",
    "laid out as a transpose": "y = x.T * 2.0\ny.ravel()[1] = 9.0\nreturn np.sum(y**2)",
    "zeros like a transpose": (
        "z = np.zeros_like(x.T)\nv = z.reshape(-1)\nfor i in range(len(v)):\n    v[i] = x[0, 0] * i\n"
        "return np.sum(z**2) + np.sum(x)"
    ),
    "filled, then columns": "A = x.copy()\nA[0, 0] = 3 * x[1, 1]\nv = A[:, :2].ravel()\nreturn np.sum(v**2)",
    "adjoint laid out as a transpose": (
        "A = x.copy()\nv = A.reshape(-1)\nv[0] = 5.0 * v[1]\nreturn np.sum(A * np.exp(x.T).T)"
    ),
    "zeros like something transposed": (
        "E = x.T * 3.0\nA = x.T.copy()\nv = A.reshape(-1)\nv[0] = 5.0 * v[1]\nreturn np.sum(A * E)"
    ),
    "one column reshaped": "y = x.copy()\nv = y[:, 0].reshape(-1)\nv[0] = 5.0 * v[1]\nreturn np.sum(y**2)",
    "one column raveled": "y = x.copy()\nv = y[:, 0].ravel()\nv[0] = 5.0 * v[1]\nreturn np.sum(y**2) * v[0]",
    "another dtype": (
        "y = x.astype(np.float32)\nv = np.asarray(y, dtype=np.float64)\ny[0, 0] = 7.0\n"
        "return float(np.sum(y)) * 0.0 + np.sum(x) * v[0, 0]"
    ),
    "last rows": "y = x.copy()\nv = y[1:].ravel()\nv[0] = 5.0 * v[1]\nreturn np.sum(y**2) * v[0]",
    "another array in the same iteration": (
        "y = x.copy()\ns = 0.0\nfor i in range(2):\n    v = y.T.ravel()\n    s += v[1] * v[2]\n    y[i] *= 1.5\nreturn s"
    ),
}


def body(text):
    return "def f(x):\n" + "".join(f"    {line}\n" for line in text.split("\n"))


@pytest.mark.parametrize("name", RIGHT)
def test_derivatives_are_of_what_numpy_does(name):
    agrees(body(RIGHT[name]), X)


def test_second_derivatives_reshape_what_is_contiguous():
    f = source(body(RIGHT["adjoint laid out as a transpose"]))
    v = np.cos(X)
    h = 1e-5
    wanted = (srcdiff.grad(f)(X + h * v) - srcdiff.grad(f)(X - h * v)) / (2 * h)
    np.testing.assert_allclose(srcdiff.hvp(f)(X, v), wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "text",
    [
        "y = x.copy()\nv = y[::2].ravel()\nv[0] = 5 * v[1]\nreturn np.sum(y) + v[0]",
        "y = x.copy()\nv = y[:, :2].reshape(-1)\ny[0, 0] = 2.0\nreturn np.sum(v**2)",
        "y = np.copy(x.T)\nv = y.ravel()\nv[0] = 5 * v[1]\nreturn np.sum(y * v[0])",
    ],
)
def test_where_lengths_decide_and_it_shows_the_line_is_refused(text):
    message = refusal(body(text), X)
    assert "a view or a copy" in message
    assert "A.copy()" in message
    assert text.split("\n")[1] in message


# ---- arguments -------------------------------------------------------------------------------------


def test_a_function_whose_meaning_depends_on_it_takes_contiguous_arguments_only():
    g = srcdiff.grad(source(body("v = x.ravel()\nv[0] = 5.0 * v[1]\nreturn np.sum(x**2)")))
    np.testing.assert_allclose(g(X)[0, 0], 0.0)
    with pytest.raises(
        UnsupportedError, match=r"(?s)'x' of f is not contiguous.*np\.ascontiguousarray\(x\)"
    ):
        g(np.asfortranarray(X))


def test_other_functions_take_any_argument():
    g = srcdiff.grad(source(body("v = x.ravel()\nreturn np.sum(v**2)")))
    np.testing.assert_allclose(g(np.asfortranarray(X)), 2.0 * X)


def test_a_saved_file_checks_what_it_was_generated_for(tmp_path):
    g = srcdiff.grad(source(body("v = x.ravel()\nv[0] = 5.0 * v[1]\nreturn np.sum(x**2)")))
    wanted = g(X)
    g.save(tmp_path / "saved.py")
    spec = importlib.util.spec_from_file_location("saved", tmp_path / "saved.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    np.testing.assert_allclose(module.f_grad(X), wanted)
    with pytest.raises(ValueError, match="generated for x contiguous in C order"):
        module.f_grad(np.asfortranarray(X))


def test_parameters_that_matter_are_named():
    fn = program(
        """
        def f(%x: float64[n, m], %w: float64[n, m]) -> 0 {
          %y: float64[n, m] = copy@.copy %x
          %z: float64[n, m] = multiply %w, 2.0
          %u: float64[k] = ravel %y
          store[where='i'] %u, 0.0, 0
          %v: float64[k] = ravel %z
          store[where='i'] %v, 0.0, 0
          %s: float64[n, m] = add %y, %z
          yield %s
        }
        """
    )
    assert needs_contiguous(fn) == ("w",)
