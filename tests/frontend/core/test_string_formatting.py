"""Messages of exceptions are those of the function itself."""

import numpy as np
import pytest

import srcdiff


def quoted(x, name="foo"):
    if np.sum(x) < 0:
        raise ValueError(f'don\'t {{{name}}} "{name!r}" \\ got {x[0]:.3f}, {name:>6}\n')
    return np.sum(x)


def of_width(x, width=8):
    if np.sum(x) < 0:
        raise ValueError(f"{np.sum(x):{width}.2f} {f'{x[0]:.1e}'} {x.shape} {('a', x[1])}")
    return np.sum(x)


@pytest.mark.parametrize("function", [quoted, of_width])
def test_f_strings_say_what_they_say(function):
    x = np.array([-1.0, -2.0])
    with pytest.raises(ValueError) as expected:
        function(x)
    with pytest.raises(ValueError) as found:
        srcdiff.grad(function, jit=False)(x)
    assert str(found.value) == str(expected.value)


def named_by_iterations(x):
    weights = {"a_0": 2.0, "a_1": 3.0}
    total = 0.0
    for i in range(2):
        name = f"a_{i}"
        if name in ("a_1", "b"):
            total += weights[name] * x
        if name == "a_0":
            total += x**2
        if name != "a_1" and name in weights:
            total += 5.0 * x
    return total


def test_f_strings_that_are_compared_are_known():
    srcdiff.check_grads(named_by_iterations, 3.0)
    assert srcdiff.grad(named_by_iterations, jit=False)(3.0) == 3.0 + 2.0 * 3.0 + 5.0
