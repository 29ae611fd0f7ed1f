"""Shape checks: compiled code refuses lengths that NumPy refuses, and never reads behind an array."""

from __future__ import annotations

import numpy as np
import pytest
from fuzz.checked_runs import run_by_python

import srcdiff
from srcdiff.handles.compiling.jit import Compiled

X = np.arange(1.0, 7.0)
A = np.arange(16.0).reshape(4, 4) / 10.0


def masked(x, w):
    return np.sum(x[x > 0] * w)


def sliced(x, w, i, j):
    return np.sum(x[i:j] * w)


def reshaped(x, w):
    return np.sum(x.reshape(2, 3) * w)


def raveled(x, w):
    return np.sum(x.ravel() * w)


def joined(x, w):
    return np.sum(np.concatenate([x, x]) * w)


def power(x, A, steps):
    for _ in range(steps):
        x = A @ x
    return np.sum(x * x)


def shrunk(x, A, bound):
    while np.sum(x**2) > bound:
        x = 0.3 * np.tanh(A @ x)
    return np.sum(x)


def replaced(x, w, n):
    while n > 0:
        n -= 1
        x = np.tanh(w) * np.sum(x)
    return np.sum(x * w)


def in_parts(p, x):
    return np.sum(p[0] @ x + p[1])


def replaced_by_parts(p, x):
    n = 0
    while np.sum(x) < 4.0 and n < 5:
        x = np.abs(p["middle"]) * np.sum(x)
        n += 1
    return p["out"] @ x


CASES = {
    "mask": (masked, (np.array([1.0, -1.0, 2.0]), np.ones(2)), (np.ones(3), np.ones(2))),
    "slice": (sliced, (X, np.ones(3), 2, 5), (X, np.ones(3), 4, 7)),
    "reshape": (reshaped, (X, np.ones((2, 3))), (X[:5].copy(), np.ones((2, 3)))),
    "ravel": (raveled, (X.reshape(2, 3), X), (X[:4].reshape(2, 2), X)),
    "concatenate": (joined, (X, np.ones(12)), (X, np.ones(11))),
    "start of a loop": (power, (X[:4], A, 2), (X[:2].copy(), A, 2)),
    "start of a while": (shrunk, (X[:4], A, 0.1), (X[:3].copy(), A, 0.1)),
    "iteration of a loop": (power, (X[:4], A, 2), (X[:4], A[:3].copy(), 2)),
    "iteration of a while": (shrunk, (X[:4], A, 0.1), (X[:4], A[:3].copy(), 0.1)),
    "no iteration": (replaced, (X[:3].copy(), np.ones(6), 2), (X, np.ones(7), 0)),
    "part of a tuple": (in_parts, ((A, X[:4]), X[:4]), ((A, X[:3].copy()), X[:4])),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("f", "good", "bad"), CASES.values(), ids=CASES)
def test_lengths_that_do_not_fit_raise_as_in_numpy(f, good, bad) -> None:
    compiled, plain = (srcdiff.value_and_grad(f, jit=jit) for jit in (True, False))
    value, gradient = compiled(*good)
    expected, d_expected = plain(*good)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(np.ravel(gradient[0]), np.ravel(d_expected[0]), rtol=1e-11)
    for g in (compiled, plain):
        with pytest.raises((ValueError, srcdiff.UnsupportedError)):
            g(*bad)


@pytest.mark.parametrize(("out", "x"), [(0, 0.5), (2, 0.5), (4, 0.5), (3, 5.0)])
def test_lengths_of_parts_that_loops_claim_are_compared(out, x, monkeypatch) -> None:
    """`x` has another length than `out` before the loop, and the length of `out` after it, as the loop claims."""
    monkeypatch.setattr(Compiled, "compile_for", run_by_python)  # which looks at each access
    g = srcdiff.value_and_grad(replaced_by_parts, jit=True)
    parts, short = {"middle": np.ones(3), "out": np.ones(3)}, np.ones(2)
    assert g(parts, 0.5 * short)[0] == 9.0
    with pytest.raises(ValueError, match="matmul"):
        g({**parts, "out": np.ones(out)}, x * short)


def test_what_always_fits_is_not_looked_at() -> None:
    text = srcdiff.value_and_grad(power).loop_source_for(X[:4], A, 2)
    before, _, loop = text.partition("for _ in range(steps)")
    assert before.count("len(x) != ") == 2 and "raise" not in loop
    text = srcdiff.value_and_grad(lambda x: np.sum(x.reshape(len(x), 1) ** 2)).loop_source_for(X)
    assert "raise" not in text
