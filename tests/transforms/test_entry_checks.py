"""What was concluded from lengths is checked by the generated source itself."""

import runpy

import numpy as np
import pytest

import srcdiff
from srcdiff.errors import UnsupportedError
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


def overwritten(p, y):
    p[0][1:] = y[0] * p[1][1:]
    return np.sum(p[0] * p[1]) * y[1]


def module(f, path, *args):
    g = srcdiff.grad(f)
    return runpy.run_path(str(g.save(path / "saved.py", *args)))[g.__name__], g.source_for(*args)


def test_a_saved_gradient_refuses_storage_that_is_not_its_own(tmp_path):
    x, z, y = np.ones(3), np.ones(3), np.ones(2)
    g, source = module(overwritten, tmp_path, (x, z), y)
    expected = srcdiff.grad(overwritten)((x, z), y)
    np.testing.assert_allclose(g((x, z), y), expected)
    np.testing.assert_allclose(g((x, z), z[:2]), expected)  # what is only read may be anything
    with pytest.raises(ValueError, match=r"generated for p\[0\] and p\[1\] that do not overlap"):
        g((x, x), y)
    with pytest.raises(ValueError, match=r"generated for p\[0\] and y that do not overlap"):
        g((x, z), x[1:])
    assert "shares_memory" not in source  # a call through srcdiff has looked already


def test_arrays_on_lists_are_looked_at_as_well(tmp_path):
    def f(x, xs):
        x[0] = xs[0][1]
        total = 0.0
        for k in range(len(xs)):
            total += np.sum(x * xs[k])
        return total

    x, xs = np.ones(3), [np.ones(3), np.ones(3)]
    g, _ = module(f, tmp_path, x, xs)
    np.testing.assert_allclose(g(x, xs), [0.0, 2.0, 2.0])
    with pytest.raises(ValueError, match="generated for x and xs that do not overlap"):
        g(xs[1], xs)
    with pytest.raises(UnsupportedError, match=r"'x' and 'xs\[1\]' of f overlap"):
        srcdiff.grad(f)(xs[1], xs)


def test_saved_programs_that_write_nothing_check_no_storage(tmp_path):
    assert srcdiff.grad(weighted).specialise(np.ones(5), np.ones(4)).program.saved == ""
