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
