"""Pickles of derivatives hold functions by name: functions, partials, methods, objects, functions of libraries."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import numpy as np
import pytest
from scipy import special

import srcdiff

X = np.array([0.5, 1.5, 0.7])


def loss(x, k=2.0):
    return k * np.sum(np.tanh(x) ** 2)


def product(*args):
    return np.sum(args[0] * args[1])


@srcdiff.differentiate(jit=False)
def decorated(x):
    return np.sum(x**3)


def with_keywords(x, **factors):
    return np.sum(x**2) * factors.get("k", 3.0)


class Model:
    def __init__(self, w):
        self.w = w

    def loss(self, x):
        return np.sum(self.w * x**2)

    @srcdiff.differentiate(jit=False)
    def decorated(self, x):
        return np.sum(self.w * x**2)

    def __call__(self, x):
        return self.loss(x)


MAKERS = {
    "function": lambda: (srcdiff.grad(loss, jit=False), (X,)),
    "partial": lambda: (srcdiff.grad(functools.partial(loss, k=3.0), jit=False), (X,)),
    "method": lambda: (srcdiff.value_and_grad(Model(2.0).loss, jit=False), (X,)),
    "object": lambda: (srcdiff.grad(Model(2.0), jit=False), (X,)),
    "partial of a method": lambda: (srcdiff.grad(functools.partial(Model(X).loss), jit=False), (X,)),
    "decorated": lambda: (decorated.grad, (X,)),
    "decorated method": lambda: (Model(2.0).decorated.grad, (X,)),
    "vjp": lambda: (decorated.vjp, (X,)),
    "jvp": lambda: (decorated.jvp, ((X,), (X,))),
    "any number": lambda: (srcdiff.grad(product, jit=False), (X, X)),
    "library": lambda: (srcdiff.grad(np.sum, jit=False), (X,)),
    "ufunc": lambda: (srcdiff.grad(special.gammaln, jit=False), (2.5,)),
    "partial of a library": lambda: (srcdiff.grad(functools.partial(np.prod, axis=0), jit=False), (X,)),
    "jacobian": lambda: (srcdiff.jacobian(np.tanh, jit=False), (X,)),
    "batch": lambda: (srcdiff.batch(srcdiff.grad(loss, jit=False), jit=False), (np.stack([X, X]),)),
    "make_vjp": lambda: (srcdiff.make_vjp(loss, jit=False), (X,)),
    "make_vjp of any number": lambda: (srcdiff.make_vjp(product, jit=False), (X, X)),
    "make_jvp of any number": lambda: (srcdiff.make_jvp(product, jit=False), (X, X)),
    "make_hvp of any number": lambda: (srcdiff.make_hvp(product, jit=False), (X, X)),
    "partial of any number": lambda: (srcdiff.grad(functools.partial(product, X), jit=False), (X,)),
    "keywords": lambda: (srcdiff.grad(with_keywords, jit=False), (X,)),
}  # fmt: skip


def numbers(found: Any) -> list[Any]:
    parts = found if isinstance(found, tuple) else (found,)
    return [p for p in parts if isinstance(p, float | np.ndarray)]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("moved", [lambda g: pickle.loads(pickle.dumps(g)), copy.deepcopy])
def test_derivatives_work_after_a_pickle_before_and_after_their_first_call(
    name: str, moved: Any
) -> None:
    g, args = MAKERS[name]()
    before = moved(g)
    expected = numbers(g(*args))
    after = moved(g)
    for found in (before(*args), after(*args)):
        for one, other in zip(numbers(found), expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "make", [srcdiff.vjp, srcdiff.make_vjp, srcdiff.make_jvp, srcdiff.make_hvp]
)
@pytest.mark.parametrize("f", [loss, product])
def test_what_needs_a_function_that_is_not_found_says_so(make, f, monkeypatch) -> None:
    g = srcdiff.differentiate(f).vjp if make is srcdiff.vjp else make(f)
    data = pickle.dumps(g)
    monkeypatch.delitem(globals(), f.__name__)
    again = pickle.loads(pickle.dumps(pickle.loads(data)))
    with pytest.raises(
        srcdiff.DifferentiationError, match=f"of {f.__name__} was unpickled where its function"
    ) as caught:
        again(X, X)
    assert "importable" in caught.value.advice
