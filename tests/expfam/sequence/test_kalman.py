"""The smoother against dense Gaussian algebra and reference numbers, and the program of the slides (row J7)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import block_diag, solve_triangular

import srcdiff
from srcdiff import expfam
from srcdiff.expfam.core.pytree import map_leaves

REFERENCE = json.loads(
    (Path(__file__).parents[2] / "reference" / "chains.json").read_text(encoding="utf-8")
)["lds"]
rng = np.random.default_rng(23)


def system(D: int = 3, P: int = 2, T: int = 5) -> dict[str, Any]:
    def covariance(n: int) -> Any:
        root = rng.normal(size=(n, n))
        return root @ root.T + 0.5 * np.eye(n)

    return {
        "y": rng.normal(size=(T, P)), "m1": rng.normal(size=D), "P1": covariance(D), "A": 0.6 * rng.normal(size=(D, D)),
        "Q": covariance(D), "C": rng.normal(size=(P, D)), "R": covariance(P), "b": rng.normal(size=D), "d": rng.normal(size=P),
    }  # fmt: skip


def dense(s: dict[str, Any], seen: Any) -> tuple[float, Any, Any]:
    """Log-evidence of what is seen, and mean and covariance of all states given it."""
    T, D = len(s["y"]), len(s["m1"])
    mean = [s["m1"]]
    for _ in range(T - 1):
        mean.append(s["A"] @ mean[-1] + s["b"])
    # x = mean + L w for independent w: the chain as one lower triangle of blocks
    lower = np.eye(T * D)
    for t in range(1, T):
        lower[t * D : (t + 1) * D] += s["A"] @ lower[(t - 1) * D : t * D]
    noise = block_diag(s["P1"], *[s["Q"]] * (T - 1))
    prior, m = lower @ noise @ lower.T, np.concatenate(mean)
    C, R, d = block_diag(*[s["C"]] * T), block_diag(*[s["R"]] * T), np.tile(s["d"], T)
    rows = np.flatnonzero(np.ravel(seen))
    C, R, y = C[rows], R[np.ix_(rows, rows)], (np.ravel(s["y"]) - d)[rows]
    S = C @ prior @ C.T + R
    gain = np.linalg.solve(S, C @ prior).T
    evidence = stats.multivariate_normal(C @ m, S).logpdf(y) if len(rows) else 0.0
    return float(evidence), m + gain @ (y - C @ m), prior - gain @ C @ prior


def test_the_smoother_is_that_of_the_reference() -> None:
    given = {k: np.array(REFERENCE[k]) for k in ("y", "m1", "P1", "A", "Q", "C", "R", "b", "d")}
    eta = expfam.lds.natural(**given)
    log_Z, moments = expfam.lds.e_step(eta)
    found = expfam.lds.usual(moments)
    assert log_Z == pytest.approx(REFERENCE["logev"], abs=1e-10)
    for name, wanted in (("mean", "mean"), ("covariance", "cov"), ("cross", "cross")):
        assert found[name] == pytest.approx(np.array(REFERENCE[wanted]), abs=1e-10)
    assert expfam.lds.entropy(eta) == pytest.approx(REFERENCE["entropy"], abs=1e-10)


@pytest.mark.parametrize("seen", ["all", "some missing", "a time missing", "one time"])
def test_moments_and_evidence_are_those_of_the_dense_gaussian(seen: str) -> None:
    s = system(T=1 if seen == "one time" else 5)
    mask = np.ones(s["y"].shape, bool)
    if seen == "some missing":
        mask = rng.random(mask.shape) < 0.6
    if seen == "a time missing":
        mask[2] = False
    log_Z, moments = expfam.lds.e_step(expfam.lds.natural(**s, observed=mask))
    evidence, mean, covariance = dense(s, mask)
    assert log_Z == pytest.approx(evidence, abs=1e-9)
    found, D = expfam.lds.usual(moments), 3
    assert np.ravel(found["mean"]) == pytest.approx(mean, abs=1e-9)
    for t, block in enumerate(found["covariance"]):
        rows = slice(t * D, (t + 1) * D)
        assert block == pytest.approx(covariance[rows, rows], abs=1e-9)
        assert np.array_equal(block, block.T)
    for t, block in enumerate(found["cross"]):
        wanted = covariance[t * D : (t + 1) * D, (t + 1) * D : (t + 2) * D]
        assert block == pytest.approx(wanted, abs=1e-9)


def test_nan_is_missing_too() -> None:
    s = system()
    s["y"][1, 0] = np.nan
    mask = ~np.isnan(s["y"])
    assert expfam.lds.e_step(expfam.lds.natural(**s))[0] == pytest.approx(
        expfam.lds.e_step(expfam.lds.natural(**{**s, "y": np.nan_to_num(s["y"])}, observed=mask))[0]
    )


def test_the_entropy_is_that_of_the_dense_gaussian() -> None:
    s = system()
    _, mean, covariance = dense(s, np.ones(s["y"].shape, bool))
    wanted = stats.multivariate_normal(mean, covariance).entropy()
    assert expfam.lds.entropy(expfam.lds.natural(**s)) == pytest.approx(wanted, abs=1e-9)


def test_the_hessian_is_the_covariance_of_the_states() -> None:
    s = system()
    eta = expfam.lds.natural(**s)
    _, _, covariance = dense(s, np.ones(s["y"].shape, bool))
    still = expfam.lds.mean(eta)
    v = zeros(still)
    direction = rng.normal(size=eta[2][1].shape)
    v[2][1][:] = direction
    found = expfam.lds.fisher(eta, v)[2][1]
    assert np.ravel(found) == pytest.approx(covariance @ np.ravel(direction), abs=1e-9)


def zeros(tree: Any) -> Any:
    return map_leaves(lambda leaf: np.zeros_like(leaf) if np.ndim(leaf) else 0.0, tree)


def test_constants_have_gradient_one() -> None:
    init, pairs, nodes = expfam.lds.mean(expfam.lds.natural(**system()))
    assert init[2] == 1.0
    assert np.array_equal(pairs[3], np.ones(4))
    assert np.array_equal(nodes[2], np.ones(5))


def test_drawn_paths_have_the_smoothed_moments() -> None:
    s = system(D=2, T=3)
    _, mean, covariance = dense(s, np.ones(s["y"].shape, bool))
    n = 20_000
    x = expfam.lds.sample(expfam.lds.natural(**s), np.random.default_rng(4), n).reshape(n, -1)
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (x - mean).T)
    assert np.abs(whitened.mean(1)).max() < 4.5 / np.sqrt(n)
    assert np.abs(np.cov(whitened) - np.eye(6)).max() < 6.5 / np.sqrt(n)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(3)}, r"y has the shape \(times, numbers\)"),
        ({"C": np.zeros((3, 3))}, r"C \(2, 3\), not \(3, 3\) and \(3, 3\)"),
        ({"Q": -np.eye(3)}, "Q is not positive definite, so it is no covariance"),
        ({"P1": np.triu(np.ones((3, 3)))}, "P1 is not symmetric"),
    ],
)
def test_bad_input_is_reported_in_the_terms_of_the_model(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expfam.lds.natural(**{**system(), **change})


def test_shapes_of_natural_parameters_have_to_agree() -> None:
    init, pairs, nodes = expfam.lds.natural(**system())
    with pytest.raises(ValueError, match=r"5 times and 3 states, so J12 of the pairs has the shape \(4, 3, 3\)"):  # fmt: skip
        expfam.lds.mean((init, (pairs[0], pairs[1][:3], *pairs[2:]), nodes))


# ---- the program of the slides: messages, closures, and a runner of monads ----------------------------


def condition(node_param):
    def step(message):
        J, h = message
        J_node, h_node, log_Z_node = node_param
        return (J + J_node, h + h_node), log_Z_node

    return step


def predict(pair_param):
    def step(message):
        J, h = message
        J11, J12, J22, log_Z_pair = pair_param
        L = np.linalg.cholesky(-2 * (J + J11))
        v = solve_triangular(L, h, lower=True)
        lognorm = 1.0 / 2 * np.dot(v, v) - np.sum(np.log(np.diag(L)))
        h_predict = np.dot(J12.T, solve_triangular(L, v, trans="T", lower=True))
        temp = solve_triangular(L, J12, lower=True)
        J_predict = J22 + 1.0 / 2 * np.dot(temp.T, temp)
        return (J_predict, h_predict), lognorm + log_Z_pair

    return step


def natural_lognorm(message):
    J, h = message
    L = np.linalg.cholesky(-2 * J)
    v = solve_triangular(L, h, lower=True)
    return 1.0 / 2 * np.dot(v, v) - np.sum(np.log(np.diag(L)))


def slide_log_Z(natural_params):
    init_params, pair_params, node_params = natural_params

    def unit(J, h, logZ):
        return (J, h), logZ

    def bind(result, step):
        message, lognorm = result
        new_message, term = step(message)
        return new_message, lognorm + term

    result = bind(unit(*init_params), condition(node_params[0]))
    for pair_param, node_param in zip(pair_params, node_params[1:], strict=True):
        result = bind(result, predict(pair_param))
        result = bind(result, condition(node_param))
    message, lognorm = result
    return lognorm + natural_lognorm(message)


def test_the_program_of_the_slides_has_the_same_leaves() -> None:
    init, pairs, nodes = expfam.lds.natural(**system())
    steps = [tuple(part[t] for part in pairs) for t in range(4)]
    observed = [tuple(part[t] for part in nodes) for t in range(5)]
    value, (_, d_pairs, d_nodes) = srcdiff.value_and_grad(slide_log_Z, jit=False)((init, steps, observed))  # fmt: skip
    log_Z, (_, moments, node_moments) = expfam.lds.e_step((init, pairs, nodes))
    assert value == pytest.approx(log_Z - 0.5 * 15 * np.log(2 * np.pi))  # the slides leave that out
    for t in range(
        4
    ):  # Cholesky reads lower triangles only: off the diagonal, they have both halves
        squares, cross, _, one = d_pairs[t]
        whole = squares + np.tril(squares, -1).T
        assert whole == pytest.approx(2 * moments[0][t] - np.diag(np.diag(moments[0][t])))
        assert cross == pytest.approx(moments[1][t])
        assert one == 1.0
    for t in range(5):
        assert d_nodes[t][1] == pytest.approx(node_moments[1][t])
        assert d_nodes[t][2] == 1.0
