"""Results own their memory."""

import itertools

import numpy as np
import pytest
from corpus_loader import load
from transforms.passes import program

import srcdiff
from srcdiff.ir.text import to_text
from srcdiff.transforms.ownership import own_results
from srcdiff.trees import leaves


def test_an_argument_that_is_a_result_is_copied():
    fn = own_results(program("def f(%x: float64[n]) -> 0 {\n  yield %x\n}"))
    assert "copy %x" in to_text(fn)


def test_of_two_results_that_share_storage_one_is_copied():
    text = "def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {\n  %y: float64[n] = exp %x\n  %v: float64[n] = index[where='::s'] %y, -1\n  yield %y, %v\n}"
    assert to_text(own_results(program(text))).count("copy") == 1


def test_a_result_of_its_own_is_left_alone():
    fn = program("def f(%x: float64[n]) -> 0 {\n  %y: float64[n] = exp %x\n  yield %y\n}")
    assert to_text(own_results(fn)) == to_text(fn)


@pytest.mark.parametrize("p", load("targets"), ids=repr)
def test_writing_into_one_result_changes_no_other_no_argument_and_no_later_call(p):
    g = srcdiff.value_and_grad(p.function, argnums=p.wrt)
    args = p.arguments(0)
    first = [np.copy(a) for a in leaves(g(*args)[1]) if isinstance(a, np.ndarray)]
    arrays = [a for a in leaves(g(*args)[1]) if isinstance(a, np.ndarray)]
    own = [a for a in leaves(args) if isinstance(a, np.ndarray)]
    for a, b in itertools.combinations(arrays, 2):
        assert not np.shares_memory(a, b)
    for a, b in itertools.product(arrays, own):
        assert not np.shares_memory(a, b)
    for a in arrays:
        a[...] = 99.0
    again = [a for a in leaves(g(*args)[1]) if isinstance(a, np.ndarray)]
    for a, b in zip(again, first, strict=True):
        np.testing.assert_array_equal(a, b)
