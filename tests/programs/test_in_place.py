"""The programs of `in_place_programs.py` against Python, finite differences in both modes, and Numba."""

import copy
import inspect

import numpy as np
import pytest
from corpus_loader import flatten
from fuzz.compare import problems
from programs import in_place_programs

import srcdiff

PROGRAMS = {k: f for k, f in vars(in_place_programs).items() if k.startswith("program_")}
FAST = {k for i, k in enumerate(PROGRAMS) if i % 5 == 0}
X = np.array([0.3, 1.1, -0.7, 0.9, -0.2])
VALUES = {
    "x": X,
    "z": X[:3] + 1j * X[2:],
    "A": np.array([[0.5, -0.3, 1.2], [0.7, 0.4, -0.6]]),
    "S": np.array([[1.5, 0.2, 0.1], [0.2, 2.0, -0.3], [0.1, -0.3, 1.8]]),
    "T": np.linspace(-1, 1.3, 12).reshape(2, 3, 2),
    "n": 3,
    "a": 0.7,
}

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning", "ignore::RuntimeWarning")


def arguments(f):
    return tuple(copy.deepcopy(VALUES[p]) for p in inspect.signature(f).parameters)


def each(fast_ones):
    slow = [] if fast_ones else [pytest.mark.slow]
    names = [k for k in PROGRAMS if (k in FAST) == fast_ones]
    return [pytest.param(k, marks=slow) for k in names]


@pytest.mark.parametrize("name", [*each(True), *each(False)])
def test_writing_has_the_derivatives_that_differences_show(name):
    f = PROGRAMS[name]
    args = arguments(f)
    if any(map(np.iscomplexobj, args)):
        assert srcdiff.vjp(f, *args)[0] == pytest.approx(f(*arguments(f)), rel=1e-12)
        srcdiff.check_grads(f, *args)
    else:
        assert not problems(f, args)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PROGRAMS))
def test_compiled_gradients_are_those_of_numpy(name):
    f = PROGRAMS[name]
    args = arguments(f)
    wrt = tuple(k for k, a in enumerate(args) if not isinstance(a, int))
    compiled = srcdiff.value_and_grad(f, argnums=wrt)(*args)  # NumPy, where Numba has no such thing
    interpreted = srcdiff.value_and_grad(f, argnums=wrt, jit=False)(*args)
    np.testing.assert_allclose(flatten(compiled), flatten(interpreted), rtol=1e-9, atol=1e-9)
