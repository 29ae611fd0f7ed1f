"""What `reshape` copies depends on the layout of an array: programs without types keep the layouts of all arrays."""

import numpy as np
import pytest

import srcdiff

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")

VALUES = np.arange(1.0, 25.0).reshape(4, 6)
LAYOUTS = {
    "C order": np.copy,
    "Fortran order": np.asfortranarray,
    "every second column": lambda v: np.repeat(v, 2, axis=1)[:, ::2],
    "rows backwards": lambda v: v[::-1].copy()[::-1],
    "field of records": lambda v: field(v),
}


def field(values):
    """The same numbers at distances of twelve bytes: no whole number of floats."""
    records = np.zeros(values.shape, [("count", np.int32), ("value", np.float64)])
    records["value"] = values
    return records["value"]


def argument(x, without_types):
    match without_types:
        case [_, _]:
            x = x * 2.0
    return written(x)


def axes_of_a_result(x, without_types):
    match without_types:
        case [_, _]:
            x = x * 2.0
    return written(np.swapaxes(x * x, 0, 1))


def columns_of_a_result(x, without_types):
    match without_types:
        case [_, _]:
            x = x * 2.0
    return written((x * x)[:, ::2])


def written(x):
    flat = x.reshape(-1)
    flat[1] = 3.0 * x[0, 0]
    return np.sum(x**2)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("function", [argument, axes_of_a_result, columns_of_a_result])
def test_what_reshape_copies_is_copied_in_the_derivative(function, layout):
    x, tangent = layout(VALUES), np.random.default_rng(0).normal(size=VALUES.shape)
    ahead, behind = (function(layout(VALUES + h * tangent), 2) for h in (1e-6, -1e-6))
    wanted = pytest.approx((function(layout(VALUES), 2), (ahead - behind) / 2e-6), rel=1e-6)
    value, gradient = srcdiff.value_and_grad(function)(x, 2)
    assert (value, np.vdot(gradient, tangent)) == wanted
    assert srcdiff.jvp(function, (x, 2), (tangent, None)) == wanted
    value, back = srcdiff.vjp(function, x, 2)
    assert (value, np.vdot(back(1.0)[0], tangent)) == wanted
