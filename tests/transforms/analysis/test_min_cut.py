"""The minimum cut, against the enumeration of all cuts."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srcdiff.transforms.analysis.min_cut import minimum_cut

NODES = ["s", "a", "b", "c", "t"]
EDGES = st.dictionaries(
    st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)),
    st.one_of(st.integers(0, 8), st.just(math.inf)),
    max_size=12,
)


def cut_capacity(edges, side):
    return sum(c for (a, b), c in edges.items() if a in side and b not in side)


def all_cuts(edges):
    """Every set of nodes that holds the source and not the sink, with its capacity."""
    for count in range(4):
        for chosen in itertools.combinations(["a", "b", "c"], count):
            side = {"s", *chosen}
            yield cut_capacity(edges, side), side


@pytest.mark.long
@given(EDGES)
def test_no_cut_is_smaller_and_the_nearest_is_chosen(edges):
    best = min(capacity for capacity, _ in all_cuts(edges))
    if best == math.inf:
        with pytest.raises(ValueError, match="must not be cut"):
            minimum_cut(edges, "s", "t")
        return
    side = minimum_cut(edges, "s", "t")
    assert cut_capacity(edges, side) == best
    smallest = set.intersection(*(other for capacity, other in all_cuts(edges) if capacity == best))
    assert side == smallest


def test_of_two_equal_cuts_the_one_nearest_the_source_is_taken():
    assert minimum_cut({("s", "a"): 1.0, ("a", "t"): 1.0}, "s", "t") == {"s"}


def test_rounding_leaves_no_capacity_behind():
    edges = {
        ("s", "a"): 0.1,
        ("s", "b"): 0.2,
        ("a", "c"): math.inf,
        ("b", "c"): math.inf,
        ("c", "t"): 0.3,
    }
    assert minimum_cut(edges, "s", "t") in ({"s"}, {"s", "a", "b", "c"})


def test_small_capacities_count_beside_a_large_one():
    edges = {("s", "p"): 1e18, ("p", "t"): 1e18, ("s", "a"): 2.0, ("a", "t"): 1.0}
    assert minimum_cut(edges, "s", "t") == {"s", "a"}


def test_a_sink_that_nothing_leads_to_costs_nothing():
    assert minimum_cut({("a", "t"): 2.0}, "s", "t") == {"s"}
