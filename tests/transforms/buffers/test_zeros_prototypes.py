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


def test_what_differs_in_length_from_turn_to_turn_is_not_kept_for_its_shape():
    best = srcdiff.transform(spans, "semiring", semiring="argmax", jit=False)
    scores = np.random.default_rng(0).normal(size=(5, 5))
    value, chosen = best(scores, 5)
    assert value == pytest.approx(np.sum(chosen * scores))
    assert "np.zeros(width)" in best.source
    assert "append" not in best.source
