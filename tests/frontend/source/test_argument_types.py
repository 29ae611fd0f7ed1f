"""Types of arguments: symbols, containers, lists of elements of equal and different types, refusals."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.argument_types import (
    describe_arguments,
    lengths_of_argument,
    type_of_argument,
)
from srcdiff.ir.types import Array, Dim, List, Scalar, Static, Struct

N, M = Dim.of("x0"), Dim.of("x1")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, Scalar("float64", True)),
        (True, Scalar("bool", True)),
        (1j, Scalar("complex128", True)),
        (3, Scalar("int64", True, Dim.of("x"))),
        (np.float32(1), Scalar("float32", False)),
        (np.array(2.0), Scalar("float64", False)),
        (np.zeros((2, 3)), Array("float64", (N, M))),
        (np.zeros((1, 3)), Array("float64", (Dim(1), M))),
        (np.zeros(0, dtype=int), Array("int64", (N,))),
        (None, Static(None)),
        ("sum", Static("sum")),
        (math.sin, Static(math.sin)),
        ([1.0, 2.0], List(Scalar("float64"))),
        ([1, 2.0], List(Scalar("float64"))),
        ([1, 2], List(Scalar("int64"))),
        ([], List(Scalar("float64"))),
    ],
    ids=repr,
)
def test_types_of_single_values(value, expected):
    assert type_of_argument(value) == expected


class Pair(NamedTuple):
    a: float
    b: int


@dataclass
class Point:
    w: np.ndarray


def test_containers_name_their_parts():
    value = (1.0, {"k": np.zeros(2)}, Pair(1.0, 2), Point(np.zeros(3)))
    type_ = type_of_argument(value, "p")
    assert type_.keys == (0, 1, 2, 3)
    assert type_.parts[1] == Struct("dict", ("k",), (Array("float64", (Dim.of("p_1_k0"),)),))
    assert type_.parts[2].cls is Pair and type_.parts[2].parts[1].expr == Dim.of("p_2_b")
    assert type_.parts[3] == Struct(
        "dataclass", ("w",), (Array("float64", (Dim.of("p_3_w0"),)),), Point
    )


def test_lists_of_arrays_that_differ_in_lengths_are_one_type():
    type_ = type_of_argument([np.zeros((2, 3)), np.zeros((4, 3))])
    assert type_ == List(Array("float64", (Dim.of("x0_*"), M)))
    assert type_of_argument([np.zeros((5, 3)), np.zeros((2, 3))]) == type_
    assert type_of_argument([np.zeros(1), np.zeros(2)]) == List(Array("float64", (Dim.of("x0*"),)))


def test_lists_of_different_elements_are_structures():
    type_ = type_of_argument([np.zeros((2, 2)), np.zeros(2)])
    assert type_.kind == "list" and len(type_.parts) == 2


def test_symbols_of_several_arguments_do_not_clash():
    types, actual = describe_arguments((np.zeros((2, 3)), 7), ("x", "x1"))
    assert types[1].expr != types[0].shape[1]
    assert actual == {"x0": 2, "x1": 3, types[1].expr.symbol: 7}


def test_equal_specialisations_have_equal_hashable_types():
    one, _ = describe_arguments((np.zeros(3), [(np.zeros((2, 2)), 1.0)]), ("a", "b"))
    two, _ = describe_arguments((np.zeros(5), [(np.zeros((3, 4)), 2.0)]), ("a", "b"))
    assert one == two and hash(one) == hash(two)
    three, _ = describe_arguments((np.zeros(1), [(np.zeros((3, 4)), 2.0)]), ("a", "b"))
    assert one != three


def test_lengths_of_an_argument():
    value = {"a": np.zeros((2, 1)), "n": 4, "l": [np.zeros(3), np.zeros(3)]}
    assert lengths_of_argument(type_of_argument(value), value) == {"x_a0": 2, "x_n": 4, "x_l0": 3}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([None]), "an array of dtype object"),
        (np.array(["a"]), "an array of dtype <U1"),
        ({1, 2}, "is a set"),
        pytest.param(object(), "an object of type object", id="object"),
        ((1.0, {"k": {3}}), "the argument `x_1_k` is a set"),
        (np.ma.array([1.0]), "is a MaskedArray"),
    ],
    ids=str,
)
def test_what_is_no_argument(value, message):
    with pytest.raises(UnsupportedError, match=message) as caught:
        type_of_argument(value)
    assert caught.value.advice


class Length(float):
    """A number with a unit."""


class Phasor(complex):
    pass


@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"a": (v,)}, lambda v: (1.0, v)])
@pytest.mark.parametrize("value", [Length(2.0), Phasor(1.0)])
def test_numbers_of_the_users_classes_are_refused_with_what_to_pass(value, wrap):
    with pytest.raises(UnsupportedError, match=r"a class of numbers of your own") as caught:
        type_of_argument(wrap(value))
    assert caught.value.advice.startswith(f"Pass {type(value).__base__.__name__}(x")


class Column:
    """An object of another library that holds numbers, as pandas' are."""

    def to_numpy(self):
        return np.ones(3)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (np.ma.masked_array([1.0, 2.0], mask=[False, True]), r"filled.*mask.*compressed"),
        (Column(), r"x\.to_numpy\(\)"),
        ({"a": Column()}, r"to_numpy\(\)"),
    ],
)
def test_other_holders_of_numbers_are_refused_with_what_to_pass(value, advice):
    with pytest.raises(UnsupportedError, match=f"(?s){advice}") as caught:
        type_of_argument(value)
    assert "asarray" not in str(caught.value)
