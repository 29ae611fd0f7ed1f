"""What is collected of an adjoint: sums, parts, buffers, and sums over broadcast axes."""

import numpy as np
import pytest
from transforms.sources import agrees

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, Region, Value, const
from srcdiff.ir.types import FLOAT, Array, Dim, List, Scalar, Struct
from srcdiff.transforms.adjoints import adjoint_type, assumed_lengths, fit, is_zero, whole

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


def test_a_whole_adjoint_is_not_expanded_again():
    b, d = Builder(), Value(array(N))
    assert whole(b, d, array(N)) is d
    assert whole(b, const(2.0), array(N)).type == array(N) and names(b) == ["expand"]


def test_integers_have_no_adjoint_but_a_place_for_one():
    assert adjoint_type(Scalar("int64", True)) == Scalar("float64", False)
    both = Struct("tuple", (0, 1), (array(N), List(FLOAT)))
    assert adjoint_type(both).parts == (array(N), List(adjoint_type(FLOAT)))


def test_zero_is_recognised_as_a_constant_only():
    assert (
        is_zero(const(0.0))
        and is_zero(const(0))
        and not is_zero(const(1.0))
        and not is_zero(Value(FLOAT))
    )


def test_assumptions_name_the_length_that_is_not_fixed():
    fn = Function("f", Region((), (), ()), 0, notes={"assumptions": ((Dim(4), N), (K, Dim(1)))})
    assert assumed_lengths(fn) == {N: Dim(4), K: Dim(1)}


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("m", [1, 4])
def test_an_axis_that_only_the_run_decides_is_summed_where_its_length_is_one(n, m):
    rng = np.random.default_rng(0)
    text = "def f(x, y, n, m):\n    return np.sum(np.sin(x[:n]) * y[:m] + x[:n])\n"
    agrees(text, rng.normal(size=4), rng.normal(size=4), n, m)


def test_parts_wait_and_come_after_the_sum():
    agrees("def f(x):\n    return x[0] * x[2] + np.sum(x * x) + x[0]\n", np.array([0.3, 0.5, 0.7]))
