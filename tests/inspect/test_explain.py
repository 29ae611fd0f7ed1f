"""`explain`: what a call was specialised on, why, what runs, and where the files are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff

X = np.array([0.3, -0.7, 1.1])
SCALE = 2.0


def energy(x, k, p):
    return SCALE * np.sum(np.exp(-k * x**2)) * p["w"]


P = {"w": 0.5}


def test_types_are_shown_and_nothing_is_run() -> None:
    g = srcdiff.grad(lambda x, n: np.sum(x[:n] ** 2), jit=True)
    report = srcdiff.explain(g, X, 2)
    assert report.arguments == {"x": "float64[x0]", "n": "int"}
    assert report.runs == "nothing yet" and report.because == () and report.signatures == ()
    assert report.assumes == ("n >= 0", "x0 >= n")
    assert Path(report.files["source"]).read_text() == g.source_for(X, 2)


def test_a_compiled_call_says_how_long_it_took_and_for_what() -> None:
    g = srcdiff.grad(energy, jit=True)
    g(X, 0.5, P)
    report = srcdiff.explain(g, X, 0.5, P)
    assert report.runs == "compiled" and report.outside == 1
    assert report.seconds["compile"] > 0 and report.seconds["reverse"] > 0
    assert len(report.signatures) == 1 and report.signatures[0].startswith("array(float64, 1d, C)")
    assert Path(report.files["loop form"]).read_text() == g.loop_source
    text = str(report)
    assert "p: dict(w: float)" in text and "runs: compiled" in text and "compiled in" in text


def naive_loss(z, y):
    p = 1.0 / (1.0 + np.exp(-z))
    return weight(-np.sum(y * np.log(p)), z)


def weight(loss, z):
    norm = np.log(np.sum(np.exp(z)))
    return loss + norm


def test_rewritings_are_reported_with_their_lines() -> None:
    g = srcdiff.grad(naive_loss, jit=False)
    first, second = srcdiff.explain(g, X, np.ones(3)).rewritten
    assert first.startswith("log_sigmoid: return weight(-np.sum(y * np.log(p)), z) (")
    assert second.startswith("log_sum_exp: norm = np.log(np.sum(np.exp(z))) (")
    assert "rewritten\n    log_sigmoid: " in str(srcdiff.explain(g, X, np.ones(3)))
    assert srcdiff.explain(srcdiff.grad(naive_loss, rewrite=False), X, np.ones(3)).rewritten == ()


def test_a_new_type_is_reported_as_the_reason() -> None:
    g = srcdiff.grad(energy, jit=False)
    g(X, 0.5, P)
    report = srcdiff.explain(g, X.astype(np.float32), 0.5, P)
    assert report.because == ("x is float32[x0], and was float64[x0]",)
    g(X, 0.5, P)
    assert srcdiff.explain(g, X, 0.5, P).because == ()
    assert srcdiff.explain(g, X, 0.5, P).runs == "NumPy"


def test_why_it_is_not_compiled(monkeypatch) -> None:
    def sorted_into(x):
        buckets = [[], []]
        for k in range(len(x)):
            buckets[k % 2].append(x[k::2])
        return np.sum(buckets[0][0]) * np.sum(buckets[1][0])

    monkeypatch.setenv("SRCDIFF_JIT", "wait")
    g = srcdiff.grad(sorted_into)
    with pytest.warns(srcdiff.CompileWarning):
        g(X)
    report = srcdiff.explain(g, X)
    assert report.runs == "NumPy" and "cannot be compiled" in report.refused
    assert "runs: NumPy (sorted_into_grad cannot be compiled" in str(report)


def test_of_a_vjp() -> None:
    f = srcdiff.differentiate(energy)
    assert srcdiff.explain(f.vjp, X, 0.5, P).name == "energy_vjp"
    assert srcdiff.explain(f.jvp, (X, 0.5, P), (X, None, None)).arguments["x"] == "float64[x0]"


@pytest.mark.parametrize("g", [energy, srcdiff.differentiate(energy)])
def test_of_what_is_no_derivative(g) -> None:
    with pytest.raises(TypeError, match=r"such as srcdiff\.grad\(f\) or f\.grad"):
        srcdiff.explain(g, X, 0.5, P)


def log_Z(log_alpha, log_A, scores):
    for score in scores:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + score
    return logsumexp(log_alpha)


def test_what_will_be_compiled_says_its_own_rewritings_before_the_first_call():
    arguments = np.zeros(3), np.zeros((3, 3)), np.zeros((4, 3))
    (report,) = srcdiff.explain(srcdiff.grad(log_Z, jit=True), *arguments).rewritten
    assert report.startswith("scaled_probabilities: log_alpha = logsumexp(log_alpha[:, None]")
    assert srcdiff.explain(srcdiff.grad(log_Z, jit=False), *arguments).rewritten == ()
