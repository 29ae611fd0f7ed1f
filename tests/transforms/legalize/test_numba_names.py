"""Functions that Numba knows by other names."""

import math

import numpy as np

import srcdiff


def odd_names(x):
    s = 0.0
    for v in x:
        a = float(abs(v)) + 0.1
        s += math.fmod(7.0 * a, a + 0.3) * v + math.cbrt(a) + np.fix(a * 3.3) * v
    return s


def test_compiled_code_calls_functions_by_names_that_it_has():
    x = np.array([0.5, -1.2, 0.8])
    compiled = srcdiff.grad(odd_names, jit=True)
    np.testing.assert_allclose(compiled(x), srcdiff.grad(odd_names, jit=False)(x), rtol=1e-12)
    assert "np.cbrt(a)" in compiled.loop_source_for(x)
    assert "math.cbrt(" in srcdiff.grad(odd_names, jit=False).source_for(x)
