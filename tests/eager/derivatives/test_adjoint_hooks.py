"""Blocks of `srcdiff.adjoint` without types are those of programs with them."""

import numpy as np
import pytest
from eager.test_eager import _forced
from programs import test_adjoint_blocks as typed

import srcdiff

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")

SAME = [
    typed.test_what_the_block_assigns_takes_the_adjoints_place,
    typed.test_methods_and_what_they_collect,
    typed.test_each_backward_iteration_runs_the_block_once_and_in_order,
    typed.test_what_is_collected_belongs_to_the_list,
    typed.test_a_block_of_written_storage_that_assigns_a_new_array,
    typed.test_prints_and_assertions_run_in_the_backward_part_only,
    typed.test_a_block_runs_whatever_is_differentiated,
    typed.test_helpers_branches_and_whiles,
    typed.test_masks_loops_and_reshapes_in_a_block,
    typed.test_elements_that_are_written_one_by_one,
    typed.test_calls_for_their_effect,
    typed.test_forward_mode_and_values_leave_it_out,
]


@pytest.fixture
def without_types(monkeypatch):
    for kept in (typed.LOG, typed.SEEN, typed.OUTSIDE.norms):
        kept.clear()
    _forced(monkeypatch)
    srcdiff.handles.differentiable.forget_programs()


@pytest.mark.parametrize("test", SAME, ids=lambda test: test.__name__)
def test_blocks_are_the_same_without_types(test, without_types):
    test()


def test_arrays_written_in_place(without_types):
    typed.test_arrays_written_in_place_have_the_adjoint_of_their_contents_there(False)


def test_what_a_block_reads_is_what_stood_there(without_types):
    found = []

    def f(x):
        y = x
        for k in range(3):
            scale = np.array([k + 1.0])
            y = y * 2.0
            with srcdiff.adjoint(y) as d_y:
                found.append((k, d_y))
                d_y = d_y * scale[0]
            scale[0] = 0.0
        return y

    assert srcdiff.grad(f)(1.0) == 3.0 * 2.0 * 1.0 * 8.0
    assert found == [(2, 1.0), (1, 6.0), (0, 24.0)]


def test_the_name_is_another_value_from_there_on(without_types):
    def f(x):
        y = x
        with srcdiff.adjoint(y) as d_y:
            d_y = 10.0 * d_y
        return 3.0 * x + y

    assert srcdiff.grad(f)(1.0) == 13.0


def test_refusals(without_types):
    def wrong(x):
        y = x * x
        with srcdiff.adjoint(y) as d_y:
            d_y = np.ones(2) * d_y[0]
        return np.sum(y)

    def count(x):
        n = 3
        with srcdiff.adjoint(n) as d_n:
            d_n = 2.0 * d_n
        return x * n

    def slope(x):
        y = x * x
        with srcdiff.adjoint(y) as d_y:
            d_y = d_y * 2.0
        return np.sum(y)

    x = np.ones(3)
    with pytest.raises(srcdiff.UnsupportedError, match=r"the adjoint an array of shape \(2,\)"):
        srcdiff.grad(wrong)(x)
    with pytest.raises(srcdiff.UnsupportedError, match=r"srcdiff.adjoint of int, which has no"):
        srcdiff.grad(count)(1.0)
    with pytest.raises(srcdiff.UnsupportedError, match="no second derivative"):
        srcdiff.hvp(slope)(x, x)
