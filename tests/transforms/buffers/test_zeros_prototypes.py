"""Zeros without a prototype: no array is kept for its shape alone."""

import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff


def spans(scores, n):
    best = np.zeros((n, n))
    for width in range(1, n):
        for i in range(n - width):
            parts = best[i, i : i + width] + best[i + 1 : i + 1 + width, i + width]
            best[i, i + width] = logsumexp(parts) + scores[i, i + width]
    return best[0, n - 1]


def test_arrays_whose_length_varies_with_the_iteration_are_not_kept_as_prototypes():
    best = srcdiff.transform(spans, "semiring", semiring="argmax", jit=False)
    scores = np.random.default_rng(0).normal(size=(5, 5))
    value, chosen = best(scores, 5)
    assert value == pytest.approx(np.sum(chosen * scores))
    assert "np.zeros(width)" in best.source
    assert "append" not in best.source
