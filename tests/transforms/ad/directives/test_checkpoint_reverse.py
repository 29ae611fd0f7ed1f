"""Checkpointing: the schedule by which loops over `srcdiff.checkpointed` are reversed."""

from functools import cache

import numpy as np
import pytest

import srcdiff
from srcdiff.frontend.rule_parser import parse_rule
from srcdiff.frontend.trace import trace
from srcdiff.ir.core import For, While, walk
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.types import FLOAT, INT
from srcdiff.ir.verify import verify
from srcdiff.transforms.ad.directives.revolve import schedule
from srcdiff.transforms.ad.reverse.reverse import reverse
from srcdiff.transforms.passes import Recorder
from srcdiff.transforms.pipeline import prepare


@cache
def fewest(iterations: int, slots: int) -> int:
    """Iterations run to reverse so many, by trying all places for the next state."""
    if iterations < 2:
        return 0
    if slots == 1:
        return iterations * (iterations - 1) // 2
    return min(
        m + fewest(iterations - m, slots - 1) + fewest(m, slots) for m in range(1, iterations)
    )


def by_schedule(iterations: int, slots: int) -> int:
    if iterations < 2:
        return 0
    ahead = evaluate(schedule(), iterations, slots)
    if slots == 1:
        assert ahead == iterations - 1
        return ahead + by_schedule(iterations - 1, 1)
    assert 1 <= ahead < iterations
    return ahead + by_schedule(iterations - ahead, slots - 1) + by_schedule(ahead, slots)


@pytest.mark.parametrize("slots", [1, 2, 3, 6])
def test_no_other_choice_needs_fewer_iterations(slots: int) -> None:
    for iterations in range(2, 25):
        assert by_schedule(iterations, slots) == fewest(iterations, slots)


def test_the_last_iteration_has_nothing_to_advance_to() -> None:
    assert verify(schedule()) == []
    assert evaluate(schedule(), 1, 0) in (0, 1)


def powers(x, n):
    for _ in srcdiff.checkpointed(range(n), slots=2):
        x = x * x * 0.9
    return x


def waves(x, n):
    for _ in srcdiff.checkpointed(range(n), slots=2):
        y = x * x
        x = x + np.sin(y)
    return x


@pytest.mark.parametrize("f", [powers, waves])
def test_reverse_mode_is_a_legal_program_without_anything_saved(f) -> None:
    fn = trace(f, (FLOAT, INT), shapes_actual={})
    assert [s.slots for s in walk(fn.body) if isinstance(s, For)] == [2]
    made = reverse(prepare(fn, Recorder(verify=True)), [0], parse_rule, lambda f: f)
    assert verify(made) == []
    assert [s.slots for s in walk(made.body) if isinstance(s, For)] == [0, 0, 0]
    assert sum(isinstance(s, While) for s in walk(made.body)) == 1
    assert not [s for s in walk(made.body) if "slot" in getattr(s, "attrs", {})]
    value, d_x = evaluate(made, 1.05, 5)
    step = 1e-6
    difference = (f(1.05 + step, 5) - f(1.05 - step, 5)) / (2 * step)
    assert value == pytest.approx(f(1.05, 5))
    assert abs(d_x - difference) < 1e-6 * abs(difference)
