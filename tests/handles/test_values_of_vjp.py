"""The value beside a derivative is the value of the program that is differentiated, rewritten in the same way."""

import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff


def log_sum_of_exponentials(x):
    return np.log(np.sum(np.exp(x)))


def log_product(x):
    return np.log(np.prod(np.exp(x)))


def cross_entropy(x):
    p = np.exp(x) / np.sum(np.exp(x))
    return -np.log(p[0])


X = np.array([-800.0, -990.0, -995.0])
CASES = {
    log_sum_of_exponentials: logsumexp(X),
    log_product: np.sum(X),
    cross_entropy: logsumexp(X) - X[0],
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("f", CASES, ids=lambda f: f.__name__)
def test_every_way_to_a_value_gives_the_rewritten_one(f, jit) -> None:
    values = [
        srcdiff.vjp(f, X, jit=jit)[0],
        srcdiff.jvp(f, (X,), (X,), jit=jit)[0],
        srcdiff.value_and_grad(f, jit=jit)(X)[0],
        srcdiff.make_vjp(f, jit=jit)(X)[1],
    ]
    np.testing.assert_allclose(values, CASES[f], rtol=1e-12)
