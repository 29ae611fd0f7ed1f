"""What was concluded from lengths is checked by the generated source itself."""

import numpy as np
import pytest

import srcdiff
from srcdiff.ir.types import Clamp, Dim
from srcdiff.transforms.entry_checks import spelled


def weighted(x, w):
    return np.sum((x[1:] + w) ** 2)


def saved(*args):
    namespace = {}
    exec(srcdiff.grad(weighted).source_for(*args), namespace)
    return namespace["weighted_grad"]


def test_a_saved_gradient_refuses_lengths_that_it_was_not_made_for():
    g = saved(np.ones(5), np.ones(4))
    np.testing.assert_allclose(g(np.ones(3), np.ones(2)), [0.0, 4.0, 4.0])
    with pytest.raises(
        ValueError, match=r"weighted_grad is generated for .*len\(x\) - 1.* == len\(w\)"
    ):
        g(np.ones(2), np.ones(4))


def test_one_made_for_a_broadcast_refuses_what_is_none():
    g = saved(np.ones(2), np.ones(4))
    np.testing.assert_allclose(g(np.ones(2), np.ones(3)), [0.0, 12.0])
    with pytest.raises(ValueError, match="== 1"):
        g(np.ones(5), np.ones(4))


def test_nothing_is_checked_where_nothing_was_concluded():
    assert "raise" not in srcdiff.grad(lambda x: np.sum(x * x)).source_for(np.ones(3))


def test_lengths_are_written_in_terms_of_the_parameters():
    n = Dim.of("x0")
    names = {"x0": "len(x)"}
    assert spelled(n + 1, names) == "len(x) + 1"
    assert spelled(n.scaled(2) - 1, names) == "2 * len(x) - 1"
    assert spelled(-n, names) == "-len(x)"
    assert spelled(Dim.of(Clamp(n - 1)), names) == "max(len(x) - 1, 0)"
    assert spelled(Dim(3), names) == "3"
