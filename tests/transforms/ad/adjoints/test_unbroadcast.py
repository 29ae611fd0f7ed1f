"""Contributions are summed over the axes along which a value was broadcast."""

import numpy as np
import pytest
from transforms.sources import agrees

from srcdiff.ir.build import Builder
from srcdiff.ir.types import FLOAT, Array, Dim, Scalar
from srcdiff.ir.values import Value
from srcdiff.transforms.ad.adjoints.unbroadcast import fit

N, K = Dim.of("n"), Dim.of("k")


def array(*shape):
    return Array("float64", tuple(shape))


def names(b):
    return [op.decl.name for op in b.body]


def test_a_contribution_of_the_right_shape_is_taken_as_it_is():
    b, d = Builder(), Value(array(N))
    assert fit(b, d, array(N), array(N)) is d
    assert names(b) == []


def test_what_was_broadcast_along_an_axis_is_summed_over_it():
    b = Builder()
    total = fit(b, Value(array(K, N)), array(K, N), array(N))
    assert (names(b), total.type) == (["sum"], array(N))


def test_an_axis_of_length_one_stays():
    b = Builder()
    total = fit(b, Value(array(K, N)), array(K, N), array(K, Dim(1)))
    assert (b.body[0].attrs["keepdims"], total.type) == (True, array(K, Dim(1)))


def test_a_number_that_stands_for_an_array_is_multiplied_by_the_length():
    b = Builder()
    fit(b, Value(FLOAT), array(N), Scalar("float64", False))
    assert names(b) == ["length", "multiply"]


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("m", [1, 4])
def test_an_axis_that_only_the_run_decides_is_summed_where_its_length_is_one(n, m):
    rng = np.random.default_rng(0)
    text = "def f(x, y, n, m):\n    return np.sum(np.sin(x[:n]) * y[:m] + x[:n])\n"
    agrees(text, rng.normal(size=4), rng.normal(size=4), n, m)
