"""What was found outside is looked at again, quickly where it is still itself."""

import functools

import numpy as np
import pytest

import srcdiff
from srcdiff.frontend.source.external_dependencies import found_now, look_up, watched

SCALE = 2.0


def scaled(x):
    return SCALE * x


def of(function, name, value):
    return watched(functools.partial(found_now, functools.partial(look_up, function), name), value)


def test_a_global_that_is_another_thing_is_noticed_and_an_equal_one_is_not(monkeypatch):
    check = of(scaled, "SCALE", SCALE).quick()
    assert check()
    monkeypatch.setitem(globals(), "SCALE", float("2.0"))
    assert check()
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert not check()
    monkeypatch.delitem(globals(), "SCALE")
    assert not check()


def test_a_captured_name_that_is_bound_anew_or_unbound_is_noticed():
    def make():
        k = scaled

        def f(x):
            return k(x)

        def bind(value):
            nonlocal k
            k = value

        def unbind():
            nonlocal k
            del k

        return f, bind, unbind

    f, bind, unbind = make()
    check = of(f, "k", scaled).quick()
    assert check()
    bind(np.sin)
    assert not check()
    bind(scaled)
    assert check()
    unbind()
    assert not check()


def test_what_is_found_in_other_ways_is_looked_at_as_before():
    thing = [1.0]
    other = watched(lambda: thing[0], 1.0)
    assert other.quick() == other.holds


@pytest.mark.parametrize("jit", [False, True])
def test_calls_use_the_present_helpers_and_numbers(jit, monkeypatch):
    def f(x):
        return scaled(x) ** 2

    g = srcdiff.grad(f, jit=jit)
    assert [g(1.0) for _ in range(3)] == [8.0] * 3
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert [g(1.0) for _ in range(3)] == [18.0] * 3
    monkeypatch.setitem(globals(), "scaled", lambda x: 5.0 * x)
    assert [g(1.0) for _ in range(3)] == [50.0] * 3
