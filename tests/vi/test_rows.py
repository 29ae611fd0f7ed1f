"""The rows of the list of seeds that are about variational inference: where each is tested, and those that are here."""

from __future__ import annotations

import ast
import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, optimize
from scipy.special import expit, softmax

import srcdiff
from srcdiff import vi
from srcdiff.vi import dist
from srcdiff.vi.guides.automatic import MeanFieldParams

TESTS = Path(__file__).parents[1]
REFERENCE = json.loads((TESTS / "reference" / "variational.json").read_text())
LINREG = REFERENCE["linreg"]
X, Y = np.array(LINREG["x"]), np.array(LINREG["y"])
positive = vi.constraints.positive

FIT, ESTIMATORS, GUIDES, OPTIM = (
    f"vi/{name}.py::test_"
    for name in (
        "test_fit",
        "objectives/test_gradient_estimators",
        "guides/test_custom",
        "inference/test_optimizers",
    )
)
SHARED, REWRITING, DEFINITE = (
    f"{name}.py::test_"
    for name in (
        "compat/test_shared_state",
        "rewriting/test_seeds",
        "transforms/linalg/test_cholesky_systems",
    )
)
HERE = "vi/test_rows.py::test_"

ROWS = {
    "T7": [REWRITING + "t7_the_logistic_function", REWRITING + "t7_its_extremes"],
    "T9": [SHARED + "two_functions_see_one_state", SHARED + "copies_are_not_aliased_unless_asked"],
    "T10": [
        SHARED + "the_accumulator_returns_the_value_from_before_the_update",
        SHARED + "updates_that_read_each_other_see_old_values",
    ],
    "T11": [
        REWRITING + "t11_its_gradients_are_the_formula",
        REWRITING + "t11_separable_data_and_large_weights",
        SHARED + "logistic_regression_of_the_tutorial",
        HERE + "t11_descent_comes_to_newtons_optimum",
    ],
    "T12": [HERE + "t12_a_perceptron_of_objects"],
    "T13": [SHARED + "momentum_moves_by_the_old_velocity", OPTIM + "theano_momentum"],
    "T14": [ESTIMATORS + "the_thermometer"],
    "T15": [
        "vi/model/test_models.py::test_the_mean_over_all_subsets_is_the_full_gradient",
        FIT + "the_mean_over_all_subsets_is_the_full_gradient",
        FIT + "batches_see_each_row_once_and_weigh_a_ragged_last_one",
        HERE + "t15_nested_plates_are_scaled_together",
    ],
    "T16": [HERE + "t16_monte_carlo_is_a_loop_and_its_error_falls"],
    "T17": [OPTIM + "rate_one_over_t_gives_the_running_mean"],
    "T18": [OPTIM + "rmsprop_with_the_sign_rule"],
    "T19": [OPTIM + "adagrad"],
    "T20": [OPTIM + "adadelta"],
    "T21": [ESTIMATORS + "the_source_reads_like_the_target", DEFINITE + "the_sparse_gaussian_process_of_seed_000"],
    "T22": [FIT + "bayesian_logistic_regression"],
    "T23": [HERE + "t23_precisions_that_are_learnt", HERE + "t23_hyperparameters_of_a_gaussian_process"],
    "T24": [
        HERE + "t24_divergences",
        HERE + "t24_conditional_variance",
        HERE + "t24_two_categories",
        "documentation/test_examples.py::test_example",
    ],
    "T25": [
        DEFINITE + "the_sparse_gaussian_process_of_seed_000",
        DEFINITE + "helpers_are_looked_into",
        DEFINITE + "its_negative_variances_are_reported",
    ],
    "P1": ["vi/objectives/test_stage_export.py::test_every_changed_sign_is_caught"],
    "P2": ["vi/model/test_models.py::test_blocks_within_blocks_are_the_flattened_model"],
    "P3": [HERE + "t24_divergences", HERE + "t24_two_categories"],
    "P4": [ESTIMATORS + "gradients_equal_differences_with_the_same_draws"],
    "P5": [
        REWRITING + "p5_adjoints_of_inverses_and_determinants",
        REWRITING + "p5_no_inverse_and_no_large_product_is_left",
    ],
    "P6": [REWRITING + "p6_numbers", REWRITING + "p6_rows", REWRITING + "p6_norms_and_determinants"],
    "P8": [HERE + "p8_dropout"],
    "B1": [OPTIM + "rate_one_over_t_gives_the_running_mean", OPTIM + "schedules_that_break_the_conditions"],
    "B2": [FIT + "when_a_fit_is_over", FIT + "a_fit_stops_by_its_rule_or_by_a_callback"],
    "B3": ["vi/test_densities.py::test_scores"],
    "B4": [ESTIMATORS + "exact_means_and_variances", HERE + "b4_the_score_function_of_the_thermometer"],
    "B5": [HERE + "b5_what_may_be_dropped"],
    "B6": [HERE + "b7_samples_divide_the_variance"],
    "B7": [
        ESTIMATORS + "exact_means_and_variances",
        GUIDES + "variances_are_those_of_the_reference",
        HERE + "b7_samples_divide_the_variance",
        HERE + "b7_over_many_runs",
    ],
    "B8": [ESTIMATORS + "exact_means_and_variances", HERE + "b8_the_two_lines"],
    "B9": [ESTIMATORS + "exact_means_and_variances"],
    "B10": [
        GUIDES + "a_discrete_site_under_the_path_estimator",
        FIT + "a_discrete_site_is_summed_out_or_refused_by_name",
    ],
    "B11": ["vi/test_draws.py::test_the_table_of_the_seed", "vi/test_draws.py::test_derivatives_of_the_mean_square"],
    "B12": [HERE + "b12_where_gradients_of_samples_point"],
    "B13": [FIT + "linear_regression_by_both_estimators", FIT + "mean_field_is_narrower_and_full_rank_is_exact"],
    "B14": [
        GUIDES + "discrete_and_continuous_sites_of_one_guide",
        ESTIMATORS + "sites_that_take_different_estimators",
    ],
    "B15": [FIT + "thermometer", FIT + "bayesian_logistic_regression", FIT + "eight_schools", FIT + "normal_gamma"],
    "B16": [FIT + "thermometer", ESTIMATORS + "the_thermometer"],
    "B17": [
        GUIDES + "sites_that_do_not_fit",
        GUIDES + "other_guides_that_do_not_fit",
        FIT + "constraints_are_kept_at_any_step_size",
    ],
    "B18": [HERE + "b18_a_normal_and_a_gamma_factor"],
    "B20": [FIT + "mean_field_is_narrower_and_full_rank_is_exact"],
    "B21": [HERE + "b21_local_parameters_beat_a_poor_encoder"],
    "B22": [GUIDES + "an_amortised_guide_finds_the_exact_map_and_the_model_its_parameter"],
    "B23": [
        "vi/test_digits.py::test_bounds_and_the_plane_of_digits",
        HERE + "b23_an_autoencoder",
        "vi/results/test_mnist_idx.py::test_images_and_labels",
        "vi/results/test_mnist_idx.py::test_files_that_are_none",
    ],
    "B24": ["vi/test_digits.py::test_bounds_and_the_plane_of_digits", HERE + "b23_an_autoencoder"],
    "B25": [HERE + "b25_a_planted_misfit_is_seen"],
    "K1": [HERE + "k1_the_evidence_is_bound_and_divergence"],
    "K2": [FIT + "mean_field_is_narrower_and_full_rank_is_exact", HERE + "k2_hamiltonian_monte_carlo"],
    "K3": [HERE + "b18_a_normal_and_a_gamma_factor"],
    "K4": [HERE + "k4_reparameterised_means"],
    "K5": [
        "vi/test_gaussian_identities.py::test_first_derivatives",
        "vi/test_gaussian_identities.py::test_price_and_what_follows_with_all_entries_free",
        "vi/test_gaussian_identities.py::test_third_and_fourth_derivatives_by_scale",
    ],
    "K6": ["vi/test_gaussian_identities.py::test_second_derivatives"],
    "K8": [GUIDES + "an_amortised_guide_finds_the_exact_map_and_the_model_its_parameter"],
    "K9": [HERE + "k9_the_hessian_of_an_encoder"],
    "K10": [ESTIMATORS + "a_hessian_vector_product_of_the_bound", HERE + "k9_the_hessian_of_an_encoder"],
    "J18": ["vi/model/test_numpy_generator_models.py::test_log_joints_of_the_reference_posteriors"],
    "beyond 1": ["vi/objectives/test_stage_export.py::test_stages_are_files_that_need_no_srcdiff"],
    "beyond 9": [FIT + "a_saved_posterior_needs_numpy_only", FIT + "a_saved_posterior_has_its_predictive"],
    "beyond 10": [
        "vi/model/test_numpy_generator_models.py::test_log_joints_of_the_reference_posteriors",
        "vi/model/test_numpy_generator_models.py::test_what_has_no_density_is_refused_at_its_line",
    ],
    "beyond 13": [HERE + "beyond_13_variance_and_cost_before_a_fit"],
    "beyond 14": [
        "vi/results/test_psis_khat.py::test_tails_of_known_index",
        FIT + "killed_and_resumed_is_uninterrupted_bit_for_bit",
    ],
    "beyond 15": [FIT + "a_fit_by_batches_of_mapped_rows", HERE + "beyond_15_rows_that_are_not_in_memory"],
    "beyond 19": ["vi/objectives/test_stage_export.py::test_every_changed_sign_is_caught"],
}  # fmt: skip


def test_every_row_has_its_tests() -> None:
    """What the table names is there."""
    defined: dict[str, set[str]] = {}
    for name in itertools.chain.from_iterable(ROWS.values()):
        file, function = name.split("::")
        if file not in defined:
            tree = ast.parse((TESTS / file).read_text())
            defined[file] = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        assert function in defined[file], name
    numbers = {
        "T": [7, *range(9, 26)], "P": [*range(1, 7), 8], "B": [*range(1, 19), *range(20, 26)],
        "K": [*range(1, 7), 8, 9, 10], "J": [18], "beyond ": [1, 9, 10, 13, 14, 15, 19],
    }  # fmt: skip
    assert [*ROWS] == [f"{letter}{n}" for letter, found in numbers.items() for n in found]


def thermometer(sensor):
    temp = vi.sample("temp", dist.Normal(15.0, 2.0))
    vi.sample("sensor", dist.Normal(temp, 1.0), obs=sensor)


def regression(x, y):
    w0 = vi.sample("w0", dist.Normal(0.0, 1.0))
    w1 = vi.sample("w1", dist.Normal(0.0, 1.0))
    vi.sample("y", dist.Normal(w0 + w1 * x, 1.0), obs=y)


START = MeanFieldParams(np.zeros(2), np.zeros(2))


def nodes(n, d=1):
    """A grid of Gauss and Hermite's rule for d standard normal numbers, and its weights."""
    points, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = weights / np.sum(weights)
    grid = np.array(list(itertools.product(points, repeat=d)))
    return grid, np.prod(list(itertools.product(weights, repeat=d)), axis=1)


# ---- seed 000 ----------------------------------------------------------------------------------------


def cost(w, b, x, y):
    p = 1.0 / (1.0 + np.exp(-(x @ w) - b))
    return np.mean(-y * np.log(p) - (1.0 - y) * np.log(1.0 - p)) + 0.01 * np.sum(w**2)


def test_t11_descent_comes_to_newtons_optimum() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 784)) / 10.0
    y = (x[:, :30].sum(axis=1) > 0.0).astype(float)
    w, b = srcdiff.shared(rng.normal(size=784)), srcdiff.shared(0.0)
    gradient = srcdiff.grad(cost, argnums=(0, 1), jit=False)

    def descend(x, y):
        gw, gb = gradient(w.value, b.value, x, y)
        return w.value - 2.0 * gw, b.value - 2.0 * gb

    train = srcdiff.function(lambda x, y: None, updates={(w, b): descend})
    for _ in range(600):
        train(x, y)

    def joined(v):
        gw, gb = gradient(v[:-1], v[-1], x, y)
        return np.append(gw, gb)

    rows = np.c_[x, np.ones(60)]
    found = np.zeros(785)
    for _ in range(9):
        p = expit(rows @ found)
        H = rows.T @ (rows * (p * (1.0 - p))[:, None]) / 60
        H[np.arange(784), np.arange(784)] += 0.02
        found = found - np.linalg.solve(H, joined(found))
    np.testing.assert_allclose(w.get_value(), found[:-1], atol=1e-6)
    assert b.get_value() == pytest.approx(found[-1], abs=1e-6)


class Layer:
    def __init__(self, W, b, activation):
        self.W, self.b, self.activation = W, b, activation

    def output(self, x):
        linear = self.W @ x + self.b
        return linear if self.activation is None else self.activation(linear)


class MLP:
    def __init__(self, layers):
        self.layers = layers

    def output(self, x):
        for layer in self.layers:
            x = layer.output(x)
        return x

    def squared_error(self, x, y):
        return np.sum((self.output(x) - y) ** 2)


def perceptron(params, x, y):
    W0, b0, W1, b1 = params
    return MLP([Layer(W0, b0, np.tanh), Layer(W1, b1, None)]).squared_error(x, y)


def test_t12_a_perceptron_of_objects() -> None:
    rng = np.random.default_rng(1)
    params = tuple(rng.normal(size=s) for s in ((4, 2), (4, 1), (1, 4), (1, 1)))
    x, y = rng.normal(size=(2, 9)), rng.normal(size=(1, 9))
    srcdiff.check_grads(perceptron, params, x, y, order=1)
    g = srcdiff.grad(perceptron, jit=False)
    found = g(params, x, y)
    error = params[2] @ np.tanh(params[0] @ x + params[1]) + params[3] - y
    np.testing.assert_allclose(found[3], [[2.0 * np.sum(error)]], rtol=1e-12)  # over the columns
    assert "for " not in g.source  # unrolled


def test_t15_nested_plates_are_scaled_together() -> None:
    def nested(y):
        mu = vi.sample("mu", dist.Normal(0.0, 1.0))
        for i in vi.plate("groups", y.shape[0]):
            a = 0.5 * mu
            for j in vi.plate("items", y.shape[1]):
                vi.sample("y", dist.Normal(a, 1.0), obs=y[i, j])

    y = np.random.default_rng(0).normal(size=(4, 5))
    full = srcdiff.grad(vi.log_joint(nested, ["mu"], jit=False), jit=False)(0.3, y)
    joint = vi.log_joint(nested, ["mu"], ["groups", "items"], jit=False)
    scaled = srcdiff.grad(joint, jit=False)
    parts = [
        scaled(0.3, 4 / 2, 5 / 3, y[np.ix_(rows, columns)])
        for rows in itertools.combinations(range(4), 2)
        for columns in itertools.combinations(range(5), 3)
    ]
    assert np.mean(parts) == pytest.approx(full, rel=1e-12)


def test_t16_monte_carlo_is_a_loop_and_its_error_falls() -> None:
    elbo = vi.elbo(regression, vi.MeanField(), "path", draws=50, jit=False)
    params = MeanFieldParams(np.array([0.4, 1.2]), np.array([-1.0, -0.5]))
    elbo.init(X, Y)
    found = elbo(params, vi.noise(elbo, np.random.default_rng(7)), X, Y)
    total, scale = 0.0, np.exp(params.log_scale)
    for eps in np.random.default_rng(7).standard_normal((50, 2)):
        w = params.loc + scale * eps
        log_p = -0.5 * (w @ w + np.sum((Y - w[0] - w[1] * X) ** 2))
        total += log_p - 0.5 * (2 + len(X)) * np.log(2.0 * np.pi)
    by_hand = total / 50 + np.sum(params.log_scale) + 1.0 + np.log(2.0 * np.pi)
    assert found == pytest.approx(by_hand, rel=1e-13)

    rng, spreads = np.random.default_rng(0), []
    for draws in (4, 64):
        estimator = vi.elbo(regression, vi.MeanField(), "path", draws=draws, jit=False)
        estimator.init(X, Y)
        found = [estimator(params, vi.noise(estimator, rng), X, Y) for _ in range(300)]
        spreads.append(np.std(found))
    assert spreads[0] / spreads[1] == pytest.approx(4.0, rel=0.25)  # (64 / 4)**(1 / 2)


def test_t23_precisions_that_are_learnt() -> None:
    """The best precision of a prior of one weight is 1 / (m**2 + c**2), for a guide N(m, c**2)."""

    def divergence(log_alpha, m, c):
        return dist.kl(dist.Normal(m, c), dist.Normal(0.0, np.exp(-0.5 * log_alpha)))

    m, c = 0.7, 0.3
    slope = srcdiff.grad(divergence, jit=False)
    best = optimize.brentq(lambda a: slope(a, m, c), -5.0, 5.0, xtol=1e-13)
    assert np.exp(best) == pytest.approx(1.0 / (m**2 + c**2), rel=1e-9)


def kernel(x, log_scale, log_length, log_noise):
    far = (x[:, None] - x) ** 2
    K = np.exp(log_scale) * np.exp(-0.5 * far / np.exp(2.0 * log_length))
    return K + np.exp(log_noise) * np.eye(len(x))


def marginal(theta, x, y):
    K = kernel(x, theta[0], theta[1], theta[2])
    log_det = np.linalg.slogdet(K)[1]
    return -0.5 * (y @ np.linalg.solve(K, y) + log_det + len(x) * np.log(2.0 * np.pi))


def test_t23_hyperparameters_of_a_gaussian_process() -> None:
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-3.0, 3.0, 15))
    y = np.sin(2.0 * x) + 0.1 * rng.normal(size=15)
    gradient = srcdiff.grad(marginal, jit=False)
    theta = np.array([0.2, -0.3, -2.0])
    K = kernel(x, *theta)
    K_inv = np.linalg.inv(K)
    a = K_inv @ y
    smooth = K - np.exp(theta[2]) * np.eye(15)
    by = [smooth, smooth * (x[:, None] - x) ** 2 / np.exp(2.0 * theta[1]), K - smooth]
    expected = [0.5 * np.trace((np.outer(a, a) - K_inv) @ dK) for dK in by]
    np.testing.assert_allclose(gradient(theta, x, y), expected, rtol=1e-8)
    best = optimize.minimize(
        lambda t: -marginal(t, x, y), theta, jac=lambda t: -gradient(t, x, y), method="BFGS",
        options={"gtol": 1e-8},
    )  # fmt: skip
    assert (
        np.max(np.abs(gradient(best.x, x, y))) < 1e-5
    )  # where the value's last digits end a line search


# ---- the categorical Gaussian process of seeds 000 and 001, in blocks (T24, P3) ------------------------


def RBF(sf2, ls, Z, X):
    return sf2 * np.exp(-0.5 * np.sum(((Z[:, None, :] - X) / ls) ** 2, 2))


def get_KL_X(m, s):
    return np.sum(0.5 * (m**2 + s**2 - 1.0) - np.log(s))


def get_KL_U(mu, L, Kmm):
    Kmm_inv, count = np.linalg.inv(Kmm), mu.shape[1]
    log_det = np.linalg.slogdet(Kmm)[1] - 2.0 * np.sum(np.log(np.abs(np.diag(L))))
    trace = np.sum(L * Kmm_inv.dot(L)) - len(L)
    return 0.5 * (np.sum(mu * Kmm_inv.dot(mu)) + count * (trace + log_det))


def conditional(sf2, ls, Z, X, jitter):
    Kmm = RBF(sf2, ls, Z, Z) + jitter * np.eye(len(Z))
    Kmn = RBF(sf2, ls, Z, X)
    A = np.linalg.inv(Kmm).dot(Kmn)
    return A, np.maximum(sf2 - np.sum(Kmn * A, 0), 0.0), Kmm


def latent_bound(m, s, mu, L, Z, sf2, ls, Y, eps_X, eps_U, eps_F):
    X, U = m + s * eps_X, mu + np.tril(L).dot(eps_U)
    A, B, Kmm = conditional(sf2, ls, Z, X, 1e-6)
    F = A.T.dot(U) + np.sqrt(B + 1e-12)[:, None] * eps_F
    S = softmax(F, axis=1)
    return np.sum(np.log(np.sum(Y * S, 1))) - get_KL_U(mu, np.tril(L), Kmm) - get_KL_X(m, s)


def test_t24_divergences() -> None:
    rng = np.random.default_rng(0)
    mu, L = rng.normal(size=(3, 2)), np.tril(rng.normal(size=(3, 3))) + 2.0 * np.eye(3)
    Z = rng.normal(size=(3, 2))
    K = RBF(1.3, np.ones(2), Z, Z) + 1e-6 * np.eye(3)
    expected = sum(
        float(dist.kl(dist.MultivariateNormal(mu[:, k], scale_tril=L), dist.MultivariateNormal(np.zeros(3), K)))
        for k in range(2)
    )  # fmt: skip
    assert get_KL_U(mu, L, K) == pytest.approx(expected, rel=1e-9)
    m, s = rng.normal(size=(4, 2)), 0.3 + rng.random((4, 2))
    expected = np.sum(dist.kl(dist.Normal(m, s), dist.Normal(0.0, 1.0)))
    assert get_KL_X(m, s) == pytest.approx(expected, rel=1e-12)
    Y = np.eye(2)[rng.integers(0, 2, 4)]
    args = (
        m, s, mu, L, Z, 1.3, np.ones(2), Y,
        rng.normal(size=(4, 2)), rng.normal(size=(3, 2)), rng.normal(size=(4, 2)),
    )  # fmt: skip
    g = srcdiff.value_and_grad(latent_bound, argnums=tuple(range(7)), jit=False)
    srcdiff.check_grads(latent_bound, *args, argnums=tuple(range(7)), order=1)
    assert "cho_solve(" in g.source_for(*args)


@pytest.mark.parametrize("count", [5, 20])
def test_t24_conditional_variance(count) -> None:
    """What is known at the inducing inputs themselves has no variance but the jitter's."""
    Z = np.random.default_rng(count).normal(size=(count, 2)) * 2.0
    B = conditional(1.0, np.ones(2), Z, Z, 1e-6)[1]
    assert np.all(B >= 0.0)
    assert np.max(B) < 2e-6


def test_t24_two_categories() -> None:
    """One row and one inducing input: the mean bound is an integral over one normal number."""
    m, s, mu, L = np.zeros((1, 1)), np.array([[1e-9]]), np.array([[0.4, -0.3]]), np.array([[0.6]])
    Z, sf2, ls, Y = np.array([[0.7]]), 1.5, np.ones(1), np.array([[1.0, 0.0]])
    A, B, K = conditional(sf2, ls, Z, m, 1e-6)
    mean = A[0, 0] * (mu[0, 0] - mu[0, 1])
    sd = np.sqrt(2.0 * (A[0, 0] ** 2 * L[0, 0] ** 2 + B[0] + 1e-12))  # of the difference of two
    exact = integrate.quad(
        lambda e: -np.logaddexp(0.0, -(mean + sd * e)) * np.exp(-0.5 * e * e) / np.sqrt(2.0 * np.pi),
        -12.0, 12.0,
    )[0]  # fmt: skip
    exact -= get_KL_U(mu, L, K) + get_KL_X(m, s)
    rng = np.random.default_rng(0)
    found = [
        latent_bound(m, s, mu, L, Z, sf2, ls, Y, *(rng.normal(size=d) for d in ((1, 1), (1, 2), (1, 2))))
        for _ in range(3000)
    ]  # fmt: skip
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(exact, abs=4.0 * error)


# ---- seed 001 ----------------------------------------------------------------------------------------


def dropout(w, x, y):
    """A linear layer whose weights are switched on by coins."""
    z = vi.sample("z", dist.Bernoulli(probs=0.8 * np.ones(len(w))))
    vi.sample("y", dist.Normal(np.sum(w * z * x), 1.0), obs=y)


def dropout_guide(w, x, y):
    p = vi.param("p", 0.8, constraint=vi.constraints.unit_interval)
    vi.sample("z", dist.Bernoulli(probs=p * np.ones(len(w))))


def test_p8_dropout() -> None:
    """The output's variance is p (1 - p) sum (w x)**2; with weights N(0, 1) the divergence scales them by p."""
    rng = np.random.default_rng(0)
    w, x, p = rng.normal(size=6), rng.normal(size=6), 0.8
    elbo = vi.elbo(dropout, dropout_guide, jit=False)
    params = elbo.init(w, x, 0.0)
    draws = elbo.bound(w, x, 0.0).sample(params, 20000, rng, (w, x, 0.0))["z"]
    outputs = draws @ (w * x)
    exact = p * (1.0 - p) * np.sum((w * x) ** 2)
    assert np.var(outputs) == pytest.approx(exact, rel=0.05)
    assert np.mean(outputs) == pytest.approx(p * np.sum(w * x), abs=4.0 * np.sqrt(exact / 20000))

    def divergence(
        w,
    ):  # Gal and Ghahramani: of p N(w, s**2) + (1 - p) N(0, s**2), for small s, up to a constant
        return p * dist.kl(dist.Normal(w, 0.1), dist.Normal(0.0, 1.0)).sum()

    np.testing.assert_allclose(srcdiff.grad(divergence, jit=False)(w), p * w, rtol=1e-12)


# ---- seed 002 ----------------------------------------------------------------------------------------


def test_b4_the_score_function_of_the_thermometer() -> None:
    elbo = vi.elbo(thermometer, vi.MeanField(), "score", jit=False)
    grid, weights = nodes(20)
    start = MeanFieldParams(np.zeros(1), np.zeros(1))
    found = [np.ravel(elbo.grad(start, eps[None], 18.0)) for eps in grid]
    np.testing.assert_allclose(
        weights @ found, REFERENCE["temp_sensor"]["grad_at_(0,1)"], rtol=1e-9
    )


def test_b5_what_may_be_dropped() -> None:
    """Log q of the other site alone raises the variance; with its prior, the two are no part of the mean."""
    grid, weights = nodes(8, 2)
    scores = np.c_[grid, grid**2 - 1.0]  # of loc and log_scale at the start
    log_q = -0.5 * grid**2 - 0.5 * np.log(2.0 * np.pi)
    joint = vi.log_joint(regression, ["w0", "w1"], jit=False)
    log_p = np.array([joint(a, b, X, Y) for a, b in grid])
    own = log_p[:, None] - log_q[:, [0, 1, 0, 1]]  # log q of the site that the number belongs to
    found = scores * own
    mean = weights @ found
    np.testing.assert_allclose(mean, LINREG["grad"], rtol=1e-9)
    variance = weights @ (found - mean) ** 2
    np.testing.assert_allclose(variance, [11514.99, 12876.60, 33375.00, 42886.35], rtol=1e-6)
    full = LINREG["one_sample_variance"]["score"]
    assert np.all(variance > full)
    elbo = vi.elbo(regression, vi.MeanField(), "score", jit=False)  # which keeps all of log q
    whole = np.array([np.ravel(elbo.grad(START, e[None], X, Y)) for e in grid])
    np.testing.assert_allclose(weights @ (whole - mean) ** 2, full, rtol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize(("estimator", "key"), [("score", "score"), ("path", "path_entropy")])
def test_b7_samples_divide_the_variance(estimator, key) -> None:
    """Unbiased for any number of samples (B6), and the variance is that of one by their number."""
    exact = np.array(LINREG["one_sample_variance"][key])
    rng = np.random.default_rng(0)
    for count in (3, 10):
        elbo = vi.elbo(regression, vi.MeanField(), estimator, draws=count, jit=False)
        report = elbo.report(START, rng, X, Y, estimates=1500)
        mean, variance = (np.concatenate(r) for r in (report.mean, report.variance))
        np.testing.assert_array_less(
            np.abs(mean - LINREG["grad"]), 4.5 * np.sqrt(exact / count / 1500)
        )
        # a score of 20 numbers has tails: its kurtosis is below 30
        np.testing.assert_allclose(
            variance * count / exact, 1.0, atol=4.0 * np.sqrt(30 / count / 1500 + 2 / 1500)
        )


@pytest.mark.slow
@pytest.mark.parametrize("draws", [3, 5, 10, 25])
def test_b7_over_many_runs(draws) -> None:
    """Of 10**5 estimates: the variance is the reference's by `draws` within 4 errors, of the kurtosis that is seen."""
    elbo = vi.elbo(regression, vi.MeanField(), "score", draws=draws)
    elbo.init(X, Y)
    noise = np.random.default_rng(draws).standard_normal((10**5, draws, 2))
    step = elbo.bound(X, Y).step
    found = np.array([np.concatenate(step(START, eps, (X, Y))[1]) for eps in noise])
    far = found - LINREG["grad"]
    error = np.std(found, axis=0) / np.sqrt(len(found))
    np.testing.assert_array_less(np.abs(np.mean(far, axis=0)), 4.0 * error)
    variance = np.mean(far**2, axis=0)
    kurtosis = np.mean(far**4, axis=0) / variance**2
    ratio = variance * draws / LINREG["one_sample_variance"]["score"]
    np.testing.assert_array_less(np.abs(ratio - 1.0), 4.0 * np.sqrt((kurtosis - 1.0) / len(found)))


def test_b8_the_two_lines() -> None:
    """D log N / d mu = (t - mu) / s**2, and d log N / d s = ((t - mu)**2 - s**2) / s**3."""

    def log_q(mu, s, t):
        return dist.Normal(mu, s).log_prob(t)

    g = srcdiff.grad(log_q, argnums=(0, 1), jit=False)
    by_mu, by_s = g(0.3, 0.7, 1.1)
    assert by_mu == pytest.approx((1.1 - 0.3) / 0.7**2, rel=1e-14)
    assert by_s == pytest.approx(((1.1 - 0.3) ** 2 - 0.7**2) / 0.7**3, rel=1e-14)
    assert "z = (t - mu) / s" in g.source
    assert "return z / s, (z * z - 1.0) / s" in g.source


def test_b12_where_gradients_of_samples_point() -> None:
    """The path gradient of a sample points to the posterior's mean; the score's along the line to q's mode."""
    post = np.array(LINREG["post_mean"])
    rng = np.random.default_rng(0)
    log_joint = vi.log_joint(regression, ["w0", "w1"], jit=False)
    by_values = srcdiff.grad(log_joint, argnums=(0, 1), jit=False)

    def cosine(a, b):
        return a @ b / np.sqrt((a @ a) * (b @ b))

    draws = rng.normal(size=(400, 2))
    path = [cosine(np.array(by_values(*z, X, Y)), post - z) for z in draws]
    assert np.mean(path) > 0.9
    score = [cosine(z, post) for z in draws]  # of log q at N(0, 1), by its mean
    assert abs(np.mean(score)) < 0.1


def normal_gamma(x):
    mu = vi.sample("mu", dist.Normal(0.0, 10.0))
    gamma = vi.sample("gamma", dist.Gamma(2.0, 1.0))
    vi.sample("x", dist.Normal(mu, 1.0 / np.sqrt(gamma)), obs=x)


def normal_gamma_guide(x):
    m = vi.param("m", 1.0)
    s = vi.param("s", 0.3, constraint=positive)
    a = vi.param("a", 8.0, constraint=positive)
    b = vi.param("b", 5.0, constraint=positive)
    vi.sample("mu", dist.Normal(m, s))
    vi.sample("gamma", dist.Gamma(a, b))


@pytest.mark.long
def test_b18_a_normal_and_a_gamma_factor() -> None:
    """By gradients, what the updates of mean field come to (K3)."""
    found = json.loads((TESTS / "reference" / "normal_gamma.json").read_text())
    x, best = np.array(found["data"]["x"]), found["cavi_optimum"]
    fit = vi.fit(
        normal_gamma, normal_gamma_guide, x, rng=0, jit=False, progress=False, estimator="quasi-random",
        optimizer=vi.optim.LBFGS(draws=128),
    )  # fmt: skip
    assert fit.values["m"] == pytest.approx(best["mu_mean"], abs=0.005)
    assert fit.values["s"] == pytest.approx(best["mu_sd"], rel=0.02)
    assert fit.values["a"] == pytest.approx(best["gamma_shape"], rel=0.05)
    ratio = fit.values["a"] / fit.values["b"]
    assert ratio == pytest.approx(best["gamma_shape"] / best["gamma_rate"], rel=0.01)
    bound, error = fit.bound(4000, np.random.default_rng(0))
    assert best["elbo"] - 0.005 - 3 * error < bound < best["elbo"] + 3 * error
    assert fit.evidence(4000, np.random.default_rng(0)) == pytest.approx(
        found["exact_quadrature"]["log_evidence"], abs=0.02
    )


def factors(x):
    with vi.plate("rows", len(x)):
        z = vi.sample("z", dist.Normal(0.0, 1.0))
        vi.sample("x", dist.Normal(np.tanh(2.0 * z), 0.3), obs=x)


def one_line(x):
    gain = vi.param("gain", 1.0)
    s = vi.param("s", 0.3, constraint=positive)
    vi.sample("z", dist.Normal(gain * x, s * np.ones(len(x))))


def each_row(x):
    m = vi.param("m", np.zeros(len(x)))
    s = vi.param("s", np.full(len(x), 0.3), constraint=positive)
    vi.sample("z", dist.Normal(m, s))


@pytest.mark.long
def test_b21_local_parameters_beat_a_poor_encoder() -> None:
    """Parameters of each row reach a higher bound than a line through all of them: the gap is reported."""
    rng = np.random.default_rng(0)
    x = np.tanh(2.0 * rng.normal(size=40)) + 0.3 * rng.normal(size=40)
    bounds = {}
    for guide in (one_line, each_row):
        fit = vi.fit(
            factors, guide, x, rng=0, jit=False, progress=False, estimator="quasi-random",
            optimizer=vi.optim.LBFGS(draws=64),
        )  # fmt: skip
        bounds[guide], error = fit.bound(1000, np.random.default_rng(1))
    assert bounds[each_row] - bounds[one_line] > 10.0 * error


ENCODER = {
    "W": np.random.default_rng(1).normal(size=(16, 12)) / 4.0,
    "V": np.random.default_rng(2).normal(size=(12, 2)) / 4.0,
    "U": np.random.default_rng(3).normal(size=(2, 24)),
    "T": np.random.default_rng(4).normal(size=(24, 16)) / 5.0,
}


def linear_decoder(x):
    z = vi.sample("z", dist.Normal(np.zeros((len(x), 2)), 1.0))
    T = vi.param("T", ENCODER["T"][:2])
    vi.sample("x", dist.Bernoulli(logits=z @ T + vi.param("t", np.zeros(16))), obs=x)


def decoder(x):
    z = vi.sample("z", dist.Normal(np.zeros((len(x), 2)), 1.0))
    h = np.maximum(z @ vi.param("U", ENCODER["U"]) + vi.param("u", np.zeros(24)), 0.0)
    vi.sample(
        "x",
        dist.Bernoulli(logits=h @ vi.param("T", ENCODER["T"]) + vi.param("t", np.zeros(16))),
        obs=x,
    )


def encoder(x):
    h = np.maximum(x @ vi.param("W", ENCODER["W"]) + vi.param("w", np.zeros(12)), 0.0)
    loc = h @ vi.param("V", ENCODER["V"]) + vi.param("v", np.zeros(2))
    vi.sample("z", dist.Normal(loc, np.exp(vi.param("s", np.full(2, -1.0))) * np.ones((len(x), 2))))


@pytest.mark.long
def test_b23_an_autoencoder() -> None:
    """On discs in a plane: a decoder with an inner layer is ahead of a linear one, and that of independent pixels."""
    rng = np.random.default_rng(0)
    (i, j), (a, b) = np.mgrid[-1.5:2, -1.5:2].reshape(2, -1), 1.2 * rng.normal(size=(2, 400, 1))
    x = (np.hypot(i - a, j - b) < 1.4).astype(float)
    found = []
    for model in (linear_decoder, decoder):
        fit = vi.fit(
            model, encoder, x[:300], rng=0, steps=700, batch_size=50, jit=False, progress=False,
            optimizer=vi.optim.Adam(0.01),
        )  # fmt: skip
        new = x[300:]
        noise = [vi.noise(fit.elbo, rng, new) for _ in range(10)]
        found.append(np.mean([fit.elbo(fit.params, eps, new) for eps in noise]) / 100)
    p = np.clip(np.mean(x[:300], axis=0), 0.01, 0.99)
    single = np.mean(x[300:] @ np.log(p) + (1.0 - x[300:]) @ np.log1p(-p))
    assert single + 0.3 < found[0]
    assert found[0] + 0.3 < found[1]


def test_b25_a_planted_misfit_is_seen() -> None:
    """Predictive draws of a normal model do not reach the largest of heavy-tailed data; of its own data they do."""

    def normal(x):
        mu = vi.sample("mu", dist.Normal(0.0, 10.0))
        sigma = vi.sample("sigma", dist.HalfNormal(5.0))
        vi.sample("x", dist.Normal(mu, sigma), obs=x)

    rng = np.random.default_rng(0)
    p_values = []
    for x in (rng.normal(size=100), rng.standard_t(1.2, size=100)):
        fit = vi.fit(
            normal, vi.FullRank(), x, rng=0, jit=False, progress=False, estimator="quasi-random",
            optimizer=vi.optim.LBFGS(draws=64),
        )  # fmt: skip
        drawn = fit.predictive(np.random.default_rng(1), x, draws=1000)["x"]

        def kurtosis(a):
            centred = a - a.mean(axis=-1, keepdims=True)
            return np.mean(centred**4, axis=-1) / np.mean(centred**2, axis=-1) ** 2

        p_values.append(np.mean(kurtosis(drawn) >= kurtosis(x)))
    assert p_values[0] > 0.05
    assert p_values[1] < 0.01


# ---- seed 003 ----------------------------------------------------------------------------------------


def test_k1_the_evidence_is_bound_and_divergence() -> None:
    reference = REFERENCE["temp_sensor"]
    elbo = vi.elbo(thermometer, vi.MeanField(), "path", jit=False)
    grid, weights = nodes(6)
    params = MeanFieldParams(np.array([16.1]), np.array([0.2]))
    bound = weights @ [elbo(params, eps[None], 18.0) for eps in grid]
    posterior = dist.Normal(reference["mean"], reference["sd"])
    gap = dist.kl(dist.Normal(16.1, np.exp(0.2)), posterior)
    assert bound + gap == pytest.approx(reference["log_evidence"], abs=1e-12)

    net = REFERENCE["sbn"]
    W, b, c, v = (np.array(net[k]) for k in "Wbcv")
    logits = np.array(net["U"]) @ v + np.array(net["d"])
    states = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    log_q = np.array([np.sum(dist.Bernoulli(logits=logits).log_prob(h)) for h in states])
    log_p = np.array([
        np.sum(dist.Bernoulli(logits=b).log_prob(h)) + np.sum(dist.Bernoulli(logits=W @ h + c).log_prob(v))
        for h in states
    ])  # fmt: skip
    bound = np.exp(log_q) @ (log_p - log_q)
    divergence = np.exp(log_q) @ (log_q - (log_p - net["log_lik"]))
    assert bound == pytest.approx(net["elbo"], rel=1e-12)
    assert bound + divergence == pytest.approx(net["log_lik"], rel=1e-12)


def test_k2_hamiltonian_monte_carlo() -> None:
    """Plain HMC on generated gradients has the posterior's moments; so has a delta guide its maximum (elsewhere)."""
    log_joint = vi.log_joint(regression, ["w0", "w1"], jit=False)
    gradient = srcdiff.value_and_grad(log_joint, argnums=(0, 1), jit=False)
    rng = np.random.default_rng(0)
    w, draws = np.zeros(2), []
    value, g = gradient(*w, X, Y)
    for _ in range(1500):
        p = rng.normal(size=2)
        new, new_g, momentum = w.copy(), np.array(g), p.copy()
        for _ in range(4):
            momentum += 0.06 * new_g
            new += 0.12 * momentum
            new_value, new_g = gradient(*new, X, Y)
            new_g = np.array(new_g)
            momentum += 0.06 * new_g
        if np.log(rng.random()) < new_value - value + 0.5 * (p @ p - momentum @ momentum):
            w, value, g = new, new_value, new_g
        draws.append(w)
    draws = np.array(draws[100:])
    far = draws - LINREG["post_mean"]
    moments = np.c_[far, far**2, far[:, :1] * far[:, 1:]]
    batches = moments.reshape(20, -1, 5).mean(axis=1)
    error = batches.std(axis=0, ddof=1) / np.sqrt(20)
    (v0, c), (_, v1) = LINREG["post_cov"]
    assert np.all(np.abs(moments.mean(axis=0) - [0.0, 0.0, v0, v1, c]) < 5.0 * error)
    assert np.all(error < [0.02, 0.02, 0.01, 0.01, 0.01])


def normal_means(m, s):
    """Of sin x and x**2."""
    return np.exp(-0.5 * s**2) * np.sin(m), m**2 + s**2


def laplace_means(m, s):
    return np.sin(m) / (1.0 + s**2), m**2 + 2.0 * s**2


def student_means(m, s):
    a = np.sqrt(5.0) * s
    return np.exp(-a) * (1.0 + a + a**2 / 3.0) * np.sin(m), m**2 + 5.0 / 3.0 * s**2


@pytest.mark.parametrize(
    ("make", "means"),
    [
        (dist.Normal, normal_means),
        (dist.Laplace, laplace_means),
        (lambda m, s: dist.StudentT(5.0, m, s), student_means),
    ],
    ids=["normal", "Laplace", "t"],
)
def test_k4_reparameterised_means(make, means) -> None:
    """The mean of the derivative along the path is the derivative of the mean."""
    points, weights = np.polynomial.legendre.leggauss(24)
    ends = 0.5 * 2.0 ** -np.arange(51.0)[:, None]  # panels that halve towards 0: tails are there
    low = np.ravel(0.25 * ends * (points + 3.0))
    eps = np.concatenate([low, 1.0 - low])
    weights = np.tile(np.ravel(0.25 * ends * weights), 2)
    if make is dist.Normal:
        (eps,), weights = nodes(60)[0].T, nodes(60)[1]

    def mean(m, s):
        x = make(m, s).from_noise(eps)
        return np.sum(weights * np.sin(x)), np.sum(weights * x**2)

    for k in range(2):
        found = srcdiff.grad(lambda m, s, k=k: mean(m, s)[k], argnums=(0, 1), jit=False)(0.4, 0.8)
        exact = srcdiff.grad(lambda m, s, k=k: means(m, s)[k], argnums=(0, 1), jit=False)(0.4, 0.8)
        np.testing.assert_allclose(found, exact, rtol=1e-8)


def encoded(psi, x, eps):
    """A bound through mu(psi) and R(psi), of an encoder of 20 parameters."""
    W, V, r = psi[:9].reshape(3, 3), psi[9:15].reshape(2, 3), psi[15:]
    h = np.tanh(W @ x)
    mu, total = V @ h, 0.0
    R = np.array([[np.exp(r[0]), 0.0], [r[1] * h[0] + r[2], np.exp(r[3] + r[4] * h[1])]])
    for k in range(len(eps)):
        z = mu + R @ eps[k]
        total += -0.5 * np.sum(z**2) - np.logaddexp(0.0, -3.0 * z[0] * z[1])
    return total / len(eps) + np.sum(np.log(np.diag(R)))


def test_k9_the_hessian_of_an_encoder() -> None:
    """Equal to a dense one from differences; symmetric; and products with it cost less than five gradients (K10)."""
    rng = np.random.default_rng(0)
    psi, x, eps = 0.5 * rng.normal(size=20), rng.normal(size=3), rng.normal(size=(6, 2))
    gradient = srcdiff.grad(encoded, jit=False)
    H = srcdiff.hessian(encoded, jit=False)(psi, x, eps)
    np.testing.assert_allclose(H, H.T, atol=1e-12)
    rows = [
        (gradient(psi + h, x, eps) - gradient(psi - h, x, eps)) / 2e-5 for h in 1e-5 * np.eye(20)
    ]
    np.testing.assert_allclose(H, rows, rtol=1e-5, atol=1e-7)
    hvp, v = srcdiff.hvp(encoded, jit=False), rng.normal(size=20)
    np.testing.assert_allclose(hvp(psi, x, eps, v), H @ v, rtol=1e-10, atol=1e-12)
    costs = [srcdiff.cost(hvp, psi, x, eps, v), srcdiff.cost(gradient, psi, x, eps)]
    assert costs[0].flops < 5.0 * costs[1].flops
    assert "def encoded_" in hvp.source


# ---- beyond the seeds --------------------------------------------------------------------------------


def test_beyond_13_variance_and_cost_before_a_fit() -> None:
    elbo = vi.elbo(regression, vi.MeanField(), "path", jit=False)
    report = elbo.report(START, np.random.default_rng(1), X, Y)
    found = np.concatenate(report.variance)
    np.testing.assert_allclose(found, LINREG["one_sample_variance"]["path_entropy"], rtol=0.05)
    error = np.sqrt(report.bound_variance / report.estimates)
    assert report.bound == pytest.approx(LINREG["elbo"], abs=4.0 * error)
    n = len(X)
    twice = elbo.report(START, np.random.default_rng(1), np.r_[X, X], np.r_[Y, Y], estimates=2)
    # for a row, log p takes w0 + w1 x, its difference from y, a square, a sum, a product and what adds it up; the
    # gradient takes the difference again, its factor, what adds it up and a product with x that is added up
    assert twice.cost.flops - report.cost.flops == n * (7 + 7)
    text = str(report)
    assert "10,000 estimates, each of 1 draw" in text
    assert "log_scale[1]: " in text
    assert "floating-point operations" in text
    with pytest.raises(ValueError, match="two at least"):
        elbo.report(START, np.random.default_rng(1), X, Y, estimates=1)


OUT_OF_CORE = """
import re, sys
import numpy as np
from srcdiff import vi
from srcdiff.vi import dist

def logistic(X, y):
    beta = vi.sample("beta", dist.Normal(np.zeros(X.shape[1]), 2.0))
    vi.sample("y", dist.Bernoulli(logits=X @ beta), obs=y)

def own(step):
    # pages of the mapped files, which the system takes back when it needs them, are not its own
    if step.number % 50 == 1:
        used.append(int(re.search("RssAnon:\\s+([0-9]+) kB", open("/proc/self/status").read())[1]))

used = []
X, y = np.load(sys.argv[1], mmap_mode="r"), np.load(sys.argv[2], mmap_mode="r")
fit = vi.fit(logistic, vi.MeanField(), X, y, batch_size=1000, steps=600, rng=0, jit=False, progress=False,
             callbacks=[own])
print(*fit.mean["beta"], max(used) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_beyond_15_rows_that_are_not_in_memory(tmp_path) -> None:
    """A logistic regression of 10**7 rows of 16 numbers (1.3 GB) in less than a gigabyte."""
    n, beta = 10**7, np.linspace(-1.0, 1.0, 16)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", float, (n, 16))
    y = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", float, (n,))
    rng = np.random.default_rng(0)
    for k in range(0, n, 10**6):
        rows = rng.standard_normal((10**6, 16))
        X[k : k + 10**6] = rows
        y[k : k + 10**6] = rng.random(10**6) < expit(rows @ beta)
    del X, y
    (tmp_path / "fit.py").write_text(OUT_OF_CORE)
    done = subprocess.run(
        [sys.executable, "fit.py", "X.npy", "y.npy"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    *found, gigabytes = map(float, done.stdout.split())
    np.testing.assert_allclose(found, beta, atol=0.1)
    assert gigabytes < 1.0
