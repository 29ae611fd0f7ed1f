"""docs/distributions.md lists the distributions that exist."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest

import srcdiff
from srcdiff import vi

ROOT = Path(__file__).resolve().parent.parent.parent
CLASSES = {n: c for n in vi.dist.__all__ if inspect.isclass(c := getattr(vi.dist, n))}

# numpyro.distributions, version 0.22: parameters in order, without `validate_args`
NUMPYRO = {
    "Normal": "loc=0.0, scale=1.0", "LogNormal": "loc=0.0, scale=1.0", "HalfNormal": "scale=1.0",
    "StudentT": "df, loc=0.0, scale=1.0", "Cauchy": "loc=0.0, scale=1.0", "HalfCauchy": "scale=1.0",
    "Laplace": "loc=0.0, scale=1.0", "Logistic": "loc=0.0, scale=1.0", "Gumbel": "loc=0.0, scale=1.0",
    "Exponential": "rate=1.0", "Gamma": "concentration, rate=1.0", "InverseGamma": "concentration, rate=1.0",
    "Chi2": "df", "Beta": "concentration1, concentration0", "Kumaraswamy": "concentration1, concentration0",
    "Uniform": "low=0.0, high=1.0", "Pareto": "scale, alpha", "Weibull": "scale, concentration",
    "VonMises": "loc, concentration", "TruncatedNormal": "loc=0.0, scale=1.0, *, low=None, high=None",
    "AsymmetricLaplace": "loc=0.0, scale=1.0, asymmetry=1.0", "SoftLaplace": "loc, scale",
    "LogUniform": "low, high", "Levy": "loc, scale",
    "MultivariateNormal": "loc=0.0, covariance_matrix=None, precision_matrix=None, scale_tril=None",
    "LowRankMultivariateNormal": "loc, cov_factor, cov_diag", "MultivariateStudentT": "df, loc=0.0, scale_tril=None",
    "Dirichlet": "concentration", "Wishart": "concentration, scale_matrix=None, rate_matrix=None, scale_tril=None",
    "LKJCholesky": "dimension, concentration=1.0",
    "Bernoulli": "probs=None, logits=None", "Binomial": "total_count=1, probs=None, logits=None",
    "Categorical": "probs=None, logits=None", "Multinomial": "total_count=1, probs=None, logits=None",
    "Poisson": "rate", "NegativeBinomial": "total_count, probs=None, logits=None",
    "Geometric": "probs=None, logits=None", "BetaBinomial": "concentration1, concentration0, total_count=1",
    "DirichletMultinomial": "concentration, total_count=1", "GammaPoisson": "concentration, rate=1.0",
    "ZeroInflatedPoisson": "gate, rate=1.0", "DiscreteUniform": "low=0, high=1",
    "Delta": "v=0.0, log_density=0.0, event_dim=0", "ImproperUniform": "support, batch_shape=(), event_shape=()",
    "Independent": "base_dist, reinterpreted_batch_ndims",
    "MixtureSameFamily": "mixing_distribution, component_distribution",
}  # fmt: skip


def table() -> Any:
    spec = importlib.util.spec_from_file_location("table", ROOT / "tools" / "distribution_table.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_as_written() -> None:
    module = table()
    missing = set(CLASSES) - {"Distribution"} - set(module.instances())
    assert not missing, f"tests/vi/cases.py has no case for {missing}"
    text = (ROOT / "docs" / "distributions.md").read_text(encoding="utf-8")
    assert text == module.text(), "python tools/distribution_table.py writes it"


@pytest.mark.parametrize("name", NUMPYRO)
def test_parameters_are_those_of_numpyro(name: str) -> None:
    assert str(inspect.signature(CLASSES[name])) == f"({NUMPYRO[name]})"


def test_there_are_forty() -> None:
    assert len(CLASSES) > 50
    assert all(c.__doc__ for c in CLASSES.values())


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match=r"'srcdiff\.vi' has no attribute 'nothing'"):
        _ = vi.nothing
    assert srcdiff.vi is vi
