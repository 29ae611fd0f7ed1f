"""Distributions that stand outside of what is differentiated, and programs that are found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from vi.cases import D

import srcdiff
from srcdiff import vi
from srcdiff.handles import differentiable
from srcdiff.handles.specialisations import Specialisations

PRIOR = D.Uniform(0.0, 2.0)
LIKELIHOOD = D.Normal(np.zeros(3), 1.0)


def loss(x):
    return np.sum(PRIOR.log_prob(x)) + np.sum(LIKELIHOOD.log_prob(x)) + PRIOR.mean * np.sum(x)


def test_parameters_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    g = srcdiff.grad(loss, jit=False)
    x = np.array([0.2, 0.5, 0.7])
    np.testing.assert_allclose(g(x), 1.0 - x)
    source = g.source
    np.testing.assert_allclose(g(2.0 * x), 1.0 - 2.0 * x)
    assert g.source == source
    monkeypatch.setattr(LIKELIHOOD, "loc", np.ones(3))
    np.testing.assert_allclose(g(x), 2.0 - x)
    monkeypatch.setattr(LIKELIHOOD, "scale", 2.0)
    np.testing.assert_allclose(g(x), 1.0 + 0.25 * (1.0 - x))
    monkeypatch.setattr(PRIOR, "high", 4.0)
    np.testing.assert_allclose(g(x), 2.0 + 0.25 * (1.0 - x))


def with_paths(a, b, eps):
    draws = vi.dist.Gamma(a, b).from_noise(eps)
    return np.sum(vi.dist.Beta(a, b).log_prob(eps)) + np.sum(draws) + D.kl(D.Normal(a), D.Normal())


def test_programs_are_kept(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SRCDIFF_VERIFY", raising=False)
    monkeypatch.setattr(
        differentiable, "_known", lambda derived: Specialisations()
    )  # as in another process
    args = 1.5, 0.7, np.array([0.2, 0.5])
    first = srcdiff.grad(with_paths, jit=False)
    first(*args)
    assert srcdiff.explain(first, *args).cache["source"].startswith("kept in")
    second = srcdiff.grad(with_paths, jit=False)
    assert second(*args) == first(*args)
    assert srcdiff.explain(second, *args).cache["source"].startswith("found in")


def test_written_to_a_file(tmp_path: Any) -> None:
    """A file of densities needs NumPy and SciPy only, and so does one of path derivatives: it holds their functions."""

    def density(a, b, x):
        return np.sum(D.Gamma(a, b).log_prob(x)) + np.sum(D.StudentT(a, 0.0, b).log_prob(x))

    args = 1.5, 0.7, np.array([0.2, 0.5])
    g = srcdiff.grad(density, jit=False)
    g.save(tmp_path / "density.py", *args)
    text = (tmp_path / "density.py").read_text()
    assert "srcdiff" not in "".join(line for line in text.splitlines() if "import" in line)
    names: dict[str, Any] = {}
    exec(text, names)
    assert names["density_grad"](*args) == g(*args)
    paths = srcdiff.grad(with_paths, jit=False)
    paths.save(tmp_path / "paths.py", *args)
    text = (tmp_path / "paths.py").read_text()
    assert "def gamma_path(" in text
    assert "srcdiff" not in "".join(line for line in text.splitlines() if "import" in line)
    names = {}
    exec(text, names)
    assert names["with_paths_grad"](*args) == paths(*args)
