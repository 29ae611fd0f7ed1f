"""Accumulation of adjoints: sums, parts and buffers."""

import numpy as np
from transforms.sources import agrees

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, Region
from srcdiff.ir.facts import LengthFacts
from srcdiff.ir.types import FLOAT, Array, Dim, List, Scalar, Struct
from srcdiff.ir.values import Value, const, is_zero
from srcdiff.transforms.ad.adjoints.accumulate import adjoint_type, assumed_lengths, whole

N, K = Dim.of("n"), Dim.of("k")


def array(*shape):
    return Array("float64", tuple(shape))


def names(b):
    return [op.decl.name for op in b.body]


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
    facts = LengthFacts(assumed=((Dim(4), N), (K, Dim(1))))
    fn = Function("f", Region((), (), ()), 0, lengths=facts)
    assumed = assumed_lengths(fn)
    assert (assumed(N), assumed(K), assumed(N + K), assumed(Dim(3))) == (
        Dim(4),
        Dim(1),
        Dim(5),
        Dim(3),
    )


def test_parts_wait_and_come_after_the_sum():
    agrees("def f(x):\n    return x[0] * x[2] + np.sum(x * x) + x[0]\n", np.array([0.3, 0.5, 0.7]))
