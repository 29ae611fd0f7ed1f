"""Logarithms of what helpers compute: in loops, lists, comprehensions, and by helpers of helpers."""

import numpy as np
import pytest
from fuzz.compare import function_of

import srcdiff
from srcdiff.transforms.logspace import worker_wrapper


def pdf(x, mu, s):
    return np.exp(-0.5 * ((x - mu) / s) ** 2) / s


def softmax_by_hand(v):
    e = np.exp(v)
    return e / e.sum()


def mixture(X, w, mu, s):
    total = 0.0
    for n in range(len(X)):
        density = 0.0
        for k in range(len(w)):
            density += w[k] * pdf(X[n], mu[k], s[k])
        total += np.log(density)
    return total


def product(X, w, mu, s):
    like = 1.0
    for x in X:
        like *= pdf(x, mu[0], s[0])
    return np.log(like)


def helpers_of_helpers(X, w, mu, s):
    def term(k):
        return w[k] * pdf(X, mu[k], s[k])

    return np.sum(np.log(term(0) + term(1)))


def listed(X, w, mu, s):
    shares = []
    for i in range(2):
        shares.append(softmax_by_hand(X[i : i + 2]))
    return np.log(shares[0][1]) + np.log(shares[1][0])


def normal(x, mu, s):
    return -0.5 * ((x - mu) / s) ** 2 - np.log(s)


def wanted_mixture(X, w, mu, s):
    return np.sum(np.logaddexp(*(np.log(w[k]) + normal(X, mu[k], s[k]) for k in (0, 1))))


WANTED = {
    mixture: wanted_mixture,
    product: lambda X, w, mu, s: np.sum(normal(X, mu[0], s[0])),
    helpers_of_helpers: wanted_mixture,
    listed: lambda X, w, mu, s: X[1] - np.logaddexp(X[0], X[1]) + X[1] - np.logaddexp(X[1], X[2]),
}
PARAMETERS = np.array([0.25, 0.75]), np.array([-1.0, 1.0]), np.array([1.0, 2.0])
FAR, NEAR = np.array([0.0, 1e3, 5.0]), np.array([0.5, -1.0, 2.0])


@pytest.mark.parametrize("f", WANTED)
def test_results_of_helpers_are_factored(f):
    options = {"argnums": (0, 2), "jit": False, "on_independent": "ignore"}
    on, off = (srcdiff.value_and_grad(f, rewrite=r, **options) for r in (True, False))
    value, slopes = on(FAR, *PARAMETERS)
    assert value == pytest.approx(WANTED[f](FAR, *PARAMETERS), rel=1e-14)
    assert all(np.all(np.isfinite(d)) for d in slopes)
    (value, slopes), (same, others) = on(NEAR, *PARAMETERS), off(NEAR, *PARAMETERS)
    assert value == pytest.approx(same, rel=1e-14)
    for d, wanted in zip(slopes, others, strict=True):
        np.testing.assert_allclose(d, wanted, rtol=1e-12, atol=1e-14)


def test_the_helper_s_own_lines_are_reported():
    g = srcdiff.grad(mixture, jit=False)
    lines = [line.partition(" (")[0] for line in srcdiff.explain(g, NEAR, *PARAMETERS).rewritten]
    assert lines == [
        "log_of_loops: density += w[k] * pdf(X[n], mu[k], s[k])",
        "log_exp: total += np.log(density)",
    ]


def accurate(X, w, mu, s):
    return np.sum(pdf(X, mu[0], s[0])) + np.log(1.0 + X @ X)


def test_helpers_stay_where_nothing_is_gained():
    g = srcdiff.value_and_grad(accurate, jit=False)
    assert "pdf" in g.source_for(NEAR, *PARAMETERS)


def nested(depth):
    """Helpers of 16 statements, each of which calls the one before it."""
    lines = "    u = np.tanh(x[0])\n" + "    u = 0.5 * u + np.cos(u) ** 2\n" * 14
    text = f"import numpy as np\n\n\ndef h0(x):\n{lines}    return np.exp(x) * u**2\n"
    for k in range(1, depth):
        text += f"\n\ndef h{k}(x):\n{lines}    return h{k - 1}(x) * u**2\n"
    top = f"h{depth - 1}(x)"
    text += f"\n\ndef f(x):\n    return np.log(np.sum({top}) ** 2) + np.sum({top} * x) / np.sum({top})\n"
    return function_of(text)


@pytest.mark.parametrize("depth", [2, 5])
def test_each_helper_has_one_worker_however_deep_it_is_called(depth, monkeypatch):
    made = []
    plain = worker_wrapper._TakeLogarithms.__init__

    def noted(self, helper, positions):
        made.append(helper.name)
        plain(self, helper, positions)

    monkeypatch.setattr(worker_wrapper._TakeLogarithms, "__init__", noted)
    srcdiff.value_and_grad(nested(depth), jit=False)(NEAR)
    assert set(made) == {f"h{k}" for k in range(depth)}
    assert max(map(made.count, made)) <= 2  # on its own, and where its caller is prepared
