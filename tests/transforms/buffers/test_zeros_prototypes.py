"""Zeros like arrays that nothing else asks for."""

import numpy as np
import pytest
from scipy.special import logsumexp
from transforms.passes import check, unchanged

import srcdiff
from srcdiff.transforms.buffers.zeros_prototypes import other_models

TEXT = """
    def f(%x: float64[n]) -> 0 {{
      %y: float64[n] = {maker}
      %d: float64[n] = {zeros} ;adjoint
      store[where='i'] %d, 1.0, 0 ;adjoint
      %r: float64[n] = read %d ;adjoint
      {more}
      yield %r
    }}
"""


def text(maker, model, more=""):
    return TEXT.format(maker=maker, zeros=f"zeros_like {model}", more=more)


def test_what_is_there_for_its_shape_only_is_not_asked():
    check(other_models, text("sin %x ;adjoint", "%y"), text("sin %x ;adjoint", "%x"))


def test_what_is_there_anyway_is_asked():
    unchanged(other_models, text("sin %x ;adjoint", "%y", "add_into[where=''] %d, %y ;adjoint"))


def test_what_is_made_otherwise_is_asked():
    unchanged(other_models, text("cumsum %x ;adjoint", "%y"))


def spans(scores, n):
    best = np.zeros((n, n))
    for width in range(1, n):
        for i in range(n - width):
            parts = best[i, i : i + width] + best[i + 1 : i + 1 + width, i + width]
            best[i, i + width] = logsumexp(parts) + scores[i, i + width]
    return best[0, n - 1]


def test_what_differs_in_length_from_turn_to_turn_is_not_kept_for_its_shape():
    best = srcdiff.transform(spans, "semiring", semiring="argmax", jit=False)
    scores = np.random.default_rng(0).normal(size=(5, 5))
    value, chosen = best(scores, 5)
    assert value == pytest.approx(np.sum(chosen * scores))
    assert "np.zeros(width)" in best.source
    assert "append" not in best.source
