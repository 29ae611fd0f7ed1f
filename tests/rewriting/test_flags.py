"""Floating-point flags: derivatives as NumPy code raise those that the function raises itself, and underflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from scipy import stats

import srcdiff

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: np.sum(1.0 / (1.0 + np.exp(-x))),
    "softplus": lambda x: np.sum(np.log(1.0 + np.exp(x))),
    "log1p": lambda x: np.sum(-np.log1p(np.exp(-x))),
    "logistic loss": lambda x: np.sum(-0.3 * np.log(1.0 / (1.0 + np.exp(-x))) - 0.7 * np.log(1.0 / (1.0 + np.exp(x)))),
    "logistic loss of logaddexp": lambda x: np.sum(0.3 * np.logaddexp(0.0, -x) + 0.7 * np.logaddexp(0.0, x)),
    "sigmoid of one side": lambda x: np.sum(np.where(x >= 0.0, 1.0, np.exp(-np.abs(x))) / (1.0 + np.exp(-np.abs(x)))),
    "sigmoid of tanh": lambda x: np.sum(0.5 + 0.5 * np.tanh(0.5 * x)) ** 2,
    "squared sigmoid": lambda x: np.sum(1.0 / (1.0 + np.exp(-x)) ** 2),
    "silu": lambda x: np.sum(x / (1.0 + np.exp(-x))),
    "shifted softmax": lambda x: np.sum((np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)))) ** 2),
    "logaddexp": lambda x: np.sum(np.logaddexp(x, 0.0)),
    "logsumexp": lambda x: scipy.special.logsumexp(x),
    "expit": lambda x: np.sum(scipy.special.expit(x)),
    "log_expit": lambda x: np.sum(scipy.special.log_expit(x)),
    "erf": lambda x: np.sum(scipy.special.erf(x)),
    "gauss": lambda x: np.sum(np.exp(-(x**2))),
    "log density": lambda x: np.sum(stats.norm.logpdf(x)),
    "log tail": lambda x: np.sum(stats.norm.logcdf(x)),
    "tanh": lambda x: np.sum(np.tanh(x)),
    "product": lambda x: np.prod(np.tanh(x)),
    "elu": lambda x: np.sum(np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))),
    "masked exp": lambda x: np.sum(np.where(x > 0.0, x, np.exp(np.where(x > 0.0, 0.0, x)))),
    "root": lambda x: np.sum(np.sqrt(1.0 + x**2)),
    "power": lambda x: np.sum(np.abs(x) ** 1.5),
    "norm": lambda x: np.linalg.norm(x),
    "xlogy": lambda x: np.sum(scipy.special.xlogy(x, np.abs(x) + 1.0)),
    "log cosh": lambda x: np.sum(np.abs(x) + np.log1p(np.exp(-2.0 * np.abs(x)))),
}  # fmt: skip
POINTS = ([-1000.0, 1000.0], [0.0, 1e-320], [800.0, -30.0], [-745.0, 710.0], [1e5, -1e5])


def flags(call: Callable[[], Any]) -> set[str]:
    found: set[str] = set()
    with np.errstate(all="call", call=lambda kind, _: found.add(kind)):
        call()
    return found - {"underflow"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_raise_no_other_flags_than_the_function(name: str) -> None:
    f = FUNCTIONS[name]
    gradient, ones = srcdiff.grad(f, jit=False), np.ones(2)
    tangent = lambda x: srcdiff.jvp(f, (x,), (ones,), jit=False)
    for x in map(np.array, POINTS):
        with np.errstate(all="ignore"):
            assert np.all(np.isfinite(gradient(x)))
            tangent(x)
        own = flags(lambda x=x: f(x))
        assert flags(lambda x=x: gradient(x)) <= own, x
        assert flags(lambda x=x: tangent(x)) <= own, x
