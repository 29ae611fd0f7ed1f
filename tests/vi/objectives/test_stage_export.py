"""Stages as files, and generated test files that catch every changed sign in a gradient."""

import ast
import runpy

import numpy as np
import pytest

from srcdiff import vi
from srcdiff.vi import dist

Y = np.array([0.4, -1.3, 2.2, 0.7])


def scaled(y):
    mu = vi.sample("mu", dist.Normal(0.3, 2.0))
    tau = vi.sample("tau", dist.HalfCauchy(1.5))
    vi.sample("y", dist.Normal(mu, tau), obs=y)


def guide(y):
    m = vi.param("m", 0.2)
    s = vi.param("s", 0.7, constraint=vi.constraints.positive)
    r = vi.param("r", 0.4)
    mu = vi.sample("mu", dist.Normal(m, s))
    vi.sample("tau", dist.LogNormal(r * mu, 0.6))


def given(estimator, family, model=scaled, data=Y):
    elbo = vi.elbo(model, family, estimator, draws=2, jit=False)
    rng = np.random.default_rng(0)
    start = elbo.init(data)
    params = type(start)(*[p + 0.3 * rng.normal(size=np.shape(p)) for p in start])
    return elbo, params, vi.noise(elbo, rng)


def test_stages_are_files_that_need_no_srcdiff(tmp_path) -> None:
    elbo, params, eps = given("path", vi.MeanField())
    files = elbo.save(tmp_path / "stages", params, eps, Y)
    assert [f.name for f in files] == ["elbo.py", "gradient.py", "loops.py"]
    assert all("import srcdiff" not in f.read_text() for f in files[:2])
    value = runpy.run_path(str(files[0]))["scaled_elbo"](*params, eps, Y)
    assert value == pytest.approx(elbo(params, eps, Y), rel=1e-13)
    again, grads = runpy.run_path(str(files[1]))["scaled_elbo_value_and_grad"](*params, eps, Y)
    assert again == pytest.approx(value, rel=1e-13)
    np.testing.assert_array_equal(grads[0], elbo.grad(params, eps, Y).loc)


def test_stages_without_a_loop_form_are_two_files(tmp_path) -> None:
    def mixture(x):
        mu = vi.sample("mu", dist.Normal(np.zeros((3, 2)), 3.0))
        s = vi.sample("s", dist.HalfNormal(np.ones(3)))
        with vi.plate("n", len(x)):
            z = vi.sample("z", dist.Categorical(np.ones(3) / 3.0))
            vi.sample("x", dist.Normal(mu[z], s[z][:, None]).to_event(1), obs=x)

    x = np.random.default_rng(0).normal(size=(5, 2))
    elbo = vi.elbo(mixture, vi.MeanField(), jit=False)
    params = elbo.init(x)
    files = elbo.save(tmp_path, params, vi.noise(elbo, np.random.default_rng(0)), x)
    assert [f.name for f in files][:2] == ["elbo.py", "gradient.py"]


def test_long_lines_are_broken_where_a_person_would() -> None:
    def many(x):
        alpha = vi.sample("alpha_of_all", dist.Normal(0.0, 1.0))
        beta = vi.sample("beta_of_all", dist.Normal(np.zeros((2, 3)), 1.0))
        gamma = vi.sample("gamma_of_all", dist.HalfCauchy(1.0))
        vi.sample("x", dist.Normal(alpha + np.sum(beta), gamma), obs=x)

    elbo = vi.elbo(many, vi.MeanField(), jit=False)
    elbo.init(Y)
    assert max(map(len, elbo.source.splitlines())) <= 100
    assert (
        """\
        elbo += many_bound(
            alpha_of_all, beta_of_all, gamma_of_all, loc[0], scale[0], loc[1:7].reshape((2, 3)),
            scale[1:7].reshape((2, 3)), x
        )
"""
        in elbo.source
    )


class _Flip(ast.NodeTransformer):
    """Changes the k-th sign: of a sum, a difference, an accumulation or a negation."""

    def __init__(self, k):
        self.k = k
        self.seen = 0

    def _due(self):
        self.seen += 1
        return self.seen - 1 == self.k

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Add | ast.Sub) and self._due():
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return node

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Add | ast.Sub) and self._due():
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return node

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        bound = isinstance(node.operand, ast.Constant) or ast.unparse(node.operand) == "np.inf"
        if isinstance(node.op, ast.USub) and not bound and self._due():
            return node.operand  # -700.0 and -np.inf are where a guard begins
        return node


def passes(file):
    module = runpy.run_path(str(file))
    try:
        for name, test in module.items():
            if name.startswith("test_"):
                test()
    except (AssertionError, ValueError, IndexError):
        return False
    return True


@pytest.mark.parametrize(
    ("estimator", "family"),
    [
        ("path", vi.MeanField()),
        ("auto", vi.MeanField()),
        ("path-without-score", vi.FullRank()),
        ("score", vi.MeanField()),
        ("score-running", vi.MeanField()),
        ("path+antithetic", vi.MeanField()),
        ("path+quasi-random", vi.MeanField()),
        ("iwae", vi.MeanField()),
        ("path", guide),
        ("score", guide),
    ],
)
@pytest.mark.parametrize("start", ["drawn", "first"])
def test_every_changed_sign_is_caught(tmp_path, estimator, family, start) -> None:
    elbo, params, eps = given(estimator, family)
    if start == "first":  # many of its numbers are zero
        params = elbo.init(Y)
    file = elbo.save_test(tmp_path / "test_scaled.py", params, eps, Y)
    assert "srcdiff" not in file.read_text().replace("Generated by srcdiff", "")
    assert passes(file)
    counter = _Flip(-1)
    counter.visit(ast.parse((tmp_path / "scaled_gradient.py").read_text()))
    assert counter.seen >= 20 or family is guide
    assert not survivors(file, tmp_path / "scaled_gradient.py")


def survivors(file, beside):
    """The signs of a saved gradient whose change the saved test does not catch."""
    text = beside.read_text()
    counter = _Flip(-1)
    counter.visit(ast.parse(text))
    found = []
    for k in range(counter.seen):
        tree = _Flip(k).visit(ast.parse(text))
        beside.write_text(ast.unparse(ast.fix_missing_locations(tree)))
        if passes(file):
            found.append(k)
    return found


def everything(x):
    W = vi.sample("W", dist.Normal(np.zeros((2, 3)), 1.0))
    s = vi.sample("s", dist.Gamma(2.0, 1.0))
    loc = vi.sample("loc", dist.Beta(2.0, 3.0))
    p = vi.sample("p", dist.Dirichlet(np.ones(3)))
    vi.sample("x", dist.Normal(W + p * loc, s), obs=x)


def groups(x):
    mean = vi.sample("mean", dist.Normal(0.0, 2.0))
    spread = vi.sample("spread", dist.HalfNormal(1.0))
    effects = vi.sample("effects", dist.Normal(mean * np.ones(3), spread))
    vi.sample("x", dist.StudentT(5.0, effects, 0.7), obs=x)


def classes(x):
    weights = vi.sample("weights", dist.Normal(np.zeros(2), 1.0))
    rate = vi.sample("rate", dist.Gamma(2.0, 1.5))
    vi.sample("counts", dist.Poisson(rate * np.exp(weights[0] * x)), obs=np.array([1.0, 0.0, 3.0]))
    vi.sample("labels", dist.Bernoulli(logits=weights[1] * x), obs=np.array([1.0, 0.0, 1.0]))


def growth(x):
    rate = vi.sample("rate", dist.LogNormal(0.2, 0.5))
    start = vi.sample("start", dist.Exponential(0.7))
    noise = vi.sample("noise", dist.InverseGamma(3.0, 2.0))
    vi.sample("x", dist.Laplace(start * np.exp(-rate * np.arange(3)), noise), obs=x)


@pytest.mark.parametrize("model", [groups, classes, growth])
@pytest.mark.parametrize("start", ["drawn", "first"])
def test_every_changed_sign_is_caught_in_models_of_other_kinds(tmp_path, model, start):
    x = np.array([0.3, -0.7, 1.2])
    elbo, params, eps = given("path", vi.MeanField(), model, x)
    params = elbo.init(x) if start == "first" else params
    file = elbo.save_test(tmp_path / "test_it.py", params, eps, x)
    assert passes(file)
    assert not survivors(file, tmp_path / "it_gradient.py")


@pytest.mark.parametrize("family", [vi.MeanField(), vi.LowRank(2)])
@pytest.mark.parametrize("estimator", ["auto", "path-without-score", "score"])
def test_the_source_has_all_that_it_names(family, estimator) -> None:
    """Sites with the names of what the bound computes, of several shapes, and a bijector that is a function."""
    x = np.ones((2, 3))
    elbo = vi.elbo(everything, family, estimator, draws=2, jit=False)
    params = elbo.init(x)
    eps = vi.noise(elbo, np.random.default_rng(0))
    namespace: dict = {}
    exec(elbo.source, namespace)
    given = elbo.latest.arguments(params, eps, (x,), 0.0)
    found = namespace["everything_elbo"](*given)
    value = found[1] if isinstance(found, tuple) else found
    assert value == pytest.approx(elbo(params, eps, x), rel=1e-12)
