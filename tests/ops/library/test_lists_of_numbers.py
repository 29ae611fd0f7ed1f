"""Functions of arrays take lists of numbers, as NumPy's do."""

import numpy as np
import pytest
from transforms.sources import source

import srcdiff

CALLS = (
    "np.linalg.norm({v})", "np.linalg.norm({v}, 1)", "np.linalg.norm({v}, 3)", "np.mean({v})", "np.var({v})",
    "np.std({v})",
    "np.ptp({v})", "np.median({v})", "np.sum(np.cumsum({v}) ** 2)", "np.nansum({v})", "np.nanmax({v})",
    "np.max({v})",
    "np.prod({v})", "np.sum({v}, where=[True, False])", "np.dot({v}, {v})", "np.dot({v}, [[x, 1.0], [y, x]])[0]",
    "np.sum(np.diff({v}) ** 2)", "np.average({v})", "np.quantile({v}, 0.3)", "np.inner({v}, {v})",
    "np.sum(np.outer({v}, {v}))",
    "np.trapezoid({v})" if hasattr(np, "trapezoid") else "np.trapz({v})",
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("error")
def test_a_list_stands_for_an_array(call):
    texts = [call.format(v=v) for v in ("[x, x * y + 2.0]", "np.array([x, x * y + 2.0])")]
    of_list, of_array = (source(f"def f(x, y):\n    return {text}\n") for text in texts)
    found = srcdiff.value_and_grad(of_list, argnums=(0, 1), on_independent="ignore")(2.0, 0.7)
    expected = srcdiff.value_and_grad(of_array, argnums=(0, 1), on_independent="ignore")(2.0, 0.7)
    assert found[0] == pytest.approx(of_list(2.0, 0.7))
    np.testing.assert_allclose(found[1], expected[1])


def test_whether_a_number_is_real_is_known():
    f = source("def f(x):\n    return x**2 if np.isreal(x) and not np.iscomplex(x) else x\n")
    assert srcdiff.grad(f)(2.0) == 4.0
