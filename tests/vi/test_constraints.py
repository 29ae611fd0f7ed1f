"""Supports, their bijectors, and what `validate` says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vi.cases import CASES, D

import srcdiff
from srcdiff import vi

C = vi.constraints

BIJECTORS: list[tuple[Any, tuple[int, ...]]] = [
    (C.real, ()), (C.positive, ()), (C.nonnegative, ()), (C.greater_than(2.0), ()), (C.less_than(-1.0), ()),
    (C.at_least(0.5), ()), (C.unit_interval, ()), (C.interval(-2.0, 3.0), ()), (C.circular, ()),
    (C.real_vector, (3,)), (C.positive_vector, (3,)), (C.simplex, (4,)), (C.lower_cholesky, (3, 3)),
    (C.corr_cholesky, (4, 4)), (C.positive_definite, (3, 3)), (C.independent(C.positive, 1), (3,)),
]  # fmt: skip


def free(c: Any, x: Any) -> Any:
    """The numbers of a point that can be chosen: the rest follows."""
    if c is C.simplex:
        return x[..., :-1]
    if c is C.corr_cholesky:
        return x[..., *np.tril_indices(x.shape[-1], -1)]
    if x.ndim > 1:
        return x[..., *np.tril_indices(x.shape[-1])]
    return x


@pytest.mark.parametrize(("c", "shape"), BIJECTORS, ids=lambda v: repr(v))
def test_round_trip_and_jacobian(c: Any, shape: Any) -> None:
    rng = np.random.default_rng(0)
    u = rng.normal(size=c.unconstrained_shape(shape))
    x = c.constrain(u)
    assert np.shape(x) == shape and c.contains(x)
    np.testing.assert_allclose(c.unconstrain(x), u, rtol=1e-10, atol=1e-10)
    flat = np.atleast_1d(u).astype(float)
    columns = []
    for e in np.eye(len(flat)):
        up, down = (c.constrain((flat + s * e).reshape(np.shape(u))) for s in (1e-5, -1e-5))
        columns.append(np.ravel(free(c, up) - free(c, down)) / 2e-5)
    log_det = np.linalg.slogdet(np.array(columns))[1]
    np.testing.assert_allclose(c.log_abs_det_jacobian(u), log_det, rtol=1e-7, atol=1e-7)
    many = rng.normal(size=(5, *c.unconstrained_shape(shape)))
    np.testing.assert_allclose(c.constrain(many)[2], c.constrain(many[2]))
    assert c.log_abs_det_jacobian(many).shape == (5,) == c.contains(c.constrain(many)).shape


@pytest.mark.parametrize(("c", "shape"), BIJECTORS, ids=lambda v: repr(v))
@pytest.mark.parametrize("size", [1e-300, 30.0, 800.0, 1e300])
def test_kept_at_any_finite_value(c: Any, shape: Any, size: float) -> None:
    if c is C.positive_definite and size > 100.0:
        size = 100.0  # exp(2 * 700) is no double: L L' is what overflows
    for sign in (1.0, -1.0):
        u = sign * size * np.ones(c.unconstrained_shape(shape))
        if c is C.positive_definite:
            x = c.constrain(np.clip(u, -3.0, 3.0))
        else:
            x = c.constrain(u)
        assert np.all(c.contains(x)) and np.isfinite(x).all()


@pytest.mark.parametrize(("c", "shape"), BIJECTORS, ids=lambda v: repr(v))
def test_derivatives_of_bijectors(c: Any, shape: Any) -> None:
    rng = np.random.default_rng(0)
    u = rng.normal(size=c.unconstrained_shape(shape))
    v = rng.normal(size=np.shape(u))

    def total(u):
        return np.sum(np.sin(c.constrain(u))) + np.sum(c.log_abs_det_jacobian(u))

    gradient = srcdiff.grad(total, jit=False)(u if np.ndim(u) else float(u))
    difference = (total(u + 1e-6 * v) - total(u - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(np.sum(gradient * v), difference, rtol=1e-6, atol=1e-8)


def test_whole_numbers_have_no_bijector() -> None:
    with pytest.raises(TypeError, match="0 or 1 values cannot be made of real numbers"):
        C.boolean.constrain(0.3)


# ---- validation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_good_parameters(name: str) -> None:
    CASES[name].dist().validate()


WRONG: list[tuple[Any, str]] = [
    (D.Normal(0.0, -1.0), "Normal: scale has to be positive, got -1.0"),
    (D.Normal(np.array([0.0, np.nan])), r"Normal: loc is NaN at \[1\]"),
    (D.Normal(0.0, np.array([1.0, 0.0])), r"scale has to be positive, got 0.0 at \[1\]"),
    (D.Normal(np.zeros(3), np.ones(2)), r"do not broadcast: loc has \(3,\), scale has \(2,\)"),
    (D.Normal(0.0, [1.0, 2.0]), r"Normal: scale is a list: make an array of it \(np.array\)"),
    (D.Normal("a"), "Normal: loc has to be numbers, got str"),
    (D.Gamma(0.0, 1.0), "Gamma: concentration has to be positive"),
    (D.Bernoulli(1.2), r"Bernoulli: probs has to be in \[0, 1\], got 1.2"),
    (D.Bernoulli(), "Bernoulli: give one of probs, logits"),
    (D.Bernoulli(0.3, 0.4), "Bernoulli: give one of probs, logits"),
    (
        D.Categorical(np.array([0.5, 0.6])),
        "Categorical: probs has to be positive numbers that add up to 1",
    ),
    (D.Categorical(logits=0.3), r"Categorical: logits has to have 1 axis, got shape \(\)"),
    (
        D.MultivariateNormal(np.zeros(2), -np.eye(2)),
        "covariance_matrix has to be symmetric and positive definite",
    ),
    (
        D.MultivariateNormal(np.zeros(2), np.eye(3)),
        r"loc has shape \(2,\), where events have shape \(3,\)",
    ),
    (D.Binomial(-1, 0.3), "Binomial: total_count has to be a whole number from 0 on"),
    (D.Uniform(1.0, 0.5), "Uniform: low has to be below high"),
    (D.TruncatedNormal(low=1.0, high=1.0), "TruncatedNormal: low has to be below high"),
    (D.LogUniform(2.0, 1.0), "LogUniform: low has to be below high"),
    (D.Wishart(0.5, np.eye(2)), "Wishart: concentration has to be above 1"),
    (D.Normal(0.0, -1.0).to_event(0), "Normal: scale has to be positive"),
]


@pytest.mark.parametrize(
    ("d", "message"), WRONG, ids=lambda v: v[:30] if isinstance(v, str) else ""
)
def test_wrong_parameters(d: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        d.validate()


def test_where_it_was() -> None:
    with pytest.raises(ValueError, match="site 'tau': HalfCauchy: scale is NaN"):
        D.HalfCauchy(np.nan).validate("site 'tau': ")
    with pytest.raises(ValueError, match="site 'y': Normal: value is NaN at"):
        D.Normal().validate_value(np.array([1.0, np.nan]), "site 'y': ")
    with pytest.raises(ValueError, match=r"a value of shape \(2,\), where each has shape \(3,\)"):
        D.Dirichlet(np.ones(3)).validate_value(np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="does not broadcast with batch_shape"):
        D.Normal(np.zeros(3)).validate_value(np.zeros(2))
