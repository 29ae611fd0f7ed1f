"""Pytrees: arguments as structures."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

from srcdiff.compile.arguments.pytree import (
    add_scaled,
    children,
    dot,
    fit_to,
    leaves,
    map_leaves,
    random_like,
    rebuild,
)

Pair = namedtuple("Pair", "w b")


@dataclasses.dataclass(frozen=True)
class Layer:
    w: Any
    name: str = "layer"
    size: int = dataclasses.field(init=False, default=3)


TREES: list[Any] = [
    (1.0, [2.0, 3]),
    {"b": np.ones(2), "a": (None, "text")},
    Pair(np.ones(2), 0.5),
    Layer(np.ones(2)),
    [],
    (),
]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_a_container_is_rebuilt_from_its_parts(tree: Any) -> None:
    parts = children(tree)
    assert parts is not None
    again = rebuild(tree, parts)
    assert type(again) is type(tree)
    assert all(a is b for a, b in zip(leaves(again), leaves(tree), strict=True))


def test_dicts_are_matched_by_key_and_not_by_order() -> None:
    found = map_leaves(lambda a, b: a - b, {"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0})
    assert found == {"a": 0.0, "b": 0.0}


def test_random_directions_are_none_where_there_are_no_floats() -> None:
    drawn = random_like({"w": np.ones(3, np.float32), "n": 3}, np.random.default_rng(0))
    assert drawn["n"] is None and drawn["w"].dtype == np.float32 and drawn["w"].shape == (3,)


def test_add_scaled_makes_new_arrays() -> None:
    x, i = np.ones(2), np.arange(2)
    moved = add_scaled((x, i), (np.ones(2), None), 0.5)
    np.testing.assert_array_equal(moved[0], [1.5, 1.5])
    assert moved[1] is not i and dot(moved, (x, None)) == 3.0


def test_a_direction_takes_the_form_of_what_it_belongs_to() -> None:
    tree = {"w": np.ones(2, np.float32), "b": 1.0, "n": 3}
    fitted = fit_to(tree, {"b": 2, "w": np.array([1, 2]), "n": None}, "v")
    assert fitted["w"].dtype == np.float32 and type(fitted["b"]) is float and fitted["n"] is None
    zeros = fit_to(tree, None, "v")
    assert zeros["b"] == 0.0 and not zeros["w"].any()


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        ({"w": np.ones(3)}, r"v\['w'\] has shape \(3,\)"),
        ({"w": "text"}, "has to hold floats"),
        ({"w": np.ones(2, complex)}, "has to hold floats"),
        ([np.ones(2)], "has to be a dict of 1"),
    ],
)
def test_a_direction_that_does_not_fit_is_refused(direction: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_to({"w": np.ones(2)}, direction, "v")
