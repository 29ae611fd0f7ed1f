"""Gradients of what autograd knows as well, against autograd's: nothing in it is ours."""

import numpy as np
import pytest
from ops.sample_programs import Case, cases, composites, operations, scalar_program

import srcdiff

autograd = pytest.importorskip("autograd", reason="autograd is in the test extra")
pytestmark = pytest.mark.slow

# where finite differences (`test_rules.py`, `test_composites.py`) say that autograd's is another one
OTHERS = {
    "cholesky": "takes the matrix to stay symmetric; ours is of the triangle that is read",
    "prod": "divides by the elements, which may be zero",
    "full_like": "takes what it is filled with for a constant",
    "full_like_of": "takes what it is filled with for a constant",
    "full_of": "gives each element of what it is filled with the sum of all adjoints",
    "rgamma": "has NaN at the poles of gamma, where this is a zero",
    "tile": "gives the adjoints to other elements of matrices",
    "repeat": "gives the adjoints to other elements of matrices",
    "sinc": "has NaN at 0",
    "norm_of_order": "has NaN for the largest and least",
    "sum_where": "leaves `where` and `initial` out",
    "prod_where": "leaves `where` and `initial` out",
    "mean_where": "leaves `where` out",
    "var_where": "leaves `where` and `correction` out",
    "std_where": "leaves `where` and `correction` out",
}
CASES = [
    c
    for c in cases([d for d in (*operations(), *composites()) if d.name not in OTHERS])
    if c.is_smooth and c.decl.name not in ("argsort", "searchsorted")
]


def autograd_gradient(case: Case):
    """autograd's gradient of the same text, or None where it does not know how."""
    import autograd.numpy as anp
    import autograd.scipy as ascipy
    import autograd.scipy.special

    parameters = ", ".join("xyzw"[: len(case.values())])
    names = {"np": anp, "scipy": ascipy}
    count = 1
    with np.errstate(all="ignore"):
        result = case.program(*case.values())
    if isinstance(result, tuple | list):
        count = len(result)
    parts = (
        ["found"] if not isinstance(result, tuple | list) else [f"found[{k}]" for k in range(count)]
    )
    total = " + ".join(f"np.sum(np.sin({p}))" for p in parts)
    exec(f"def loss({parameters}):\n    found = {case.text}\n    return {total}\n", names)
    try:
        return autograd.grad(names["loss"], argnum=list(case.sample.wrt))(*case.values())
    except Exception:  # a good half of NumPy
        return None


# autograd 1.9 divides by the length of x where it should by n; ours agrees with differences (test_composites.py)
# and has NaN for what weighs nothing and overflows
AUTOGRAD_IS_WRONG = {"rfft_of_length-1", "weighted_logsumexp-3"}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.label)
@pytest.mark.filterwarnings("ignore")
def test_gradient_is_autograd_s(case):
    expected = autograd_gradient(case)
    if expected is None:
        pytest.skip("autograd does not know this call")
    options = {"argnums": case.sample.wrt, "jit": False, "on_independent": "ignore"}
    with np.errstate(all="ignore"):
        found = srcdiff.grad(scalar_program(case), **options)(*case.values())
    if case.label in AUTOGRAD_IS_WRONG:
        assert not all(np.allclose(f, e) for f, e in zip(found, expected, strict=True))
        return
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-9, atol=1e-10)
