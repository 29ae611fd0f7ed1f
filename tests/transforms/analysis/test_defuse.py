"""Facts about values: what may stand for what."""

import pytest

from srcdiff.ir.types import Array, Dim, Scalar, Static, Struct
from srcdiff.transforms.analysis.defuse import same_kind

AROUND = {
    "a number": lambda t: t,
    "a tuple": lambda t: Struct("tuple", (0, 1), (t, Array("float64", (Dim.of("n"),)))),
    "a tuple of a tuple": lambda t: Struct("tuple", (0,), (Struct("tuple", (0,), (t,)),)),
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_values_of_one_kind_differ_in_facts_about_integers_alone(around):
    known = around(Scalar("int64", True, Dim.of("n")))
    assert same_kind(known, around(Scalar("int64", True)))
    assert same_kind(known, around(Scalar("int64", True, Dim(3))))
    assert not same_kind(known, around(Scalar("float64", True)))
    assert not same_kind(known, Static(None))
