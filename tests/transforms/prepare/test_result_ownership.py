"""Result ownership: results share no memory with arguments or other results."""

import itertools

import numpy as np
import pytest
from corpus_loader import load
from transforms.passes import program

import srcdiff
from srcdiff.compile.arguments.pytree import leaves
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.prepare.result_ownership import own_results


def test_an_argument_that_is_a_result_is_copied():
    fn = own_results(program("def f(%x: float64[n]) -> 0 {\n  yield %x\n}"))
    assert "copy %x" in to_text(fn)


def test_of_two_results_that_share_storage_one_is_copied():
    text = "def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {\n  %y: float64[n] = exp %x\n  %v: float64[n] = index[where='::s'] %y, -1\n  yield %y, %v\n}"
    assert to_text(own_results(program(text))).count("copy") == 1


def test_what_a_branch_passes_on_and_what_it_is_made_of_share_nothing_as_results():
    def weights(x, w, k):
        a = np.zeros(4)
        a[0] = k
        b = a if k > 0.1 else a * 1.5
        return np.sum(a * x) + np.sum(b * w)

    d_x, d_w = srcdiff.grad(weights, argnums=(0, 1))(np.ones(4), np.ones(4), 2.0)
    assert not np.shares_memory(d_x, d_w)


def test_a_result_of_its_own_is_left_alone():
    fn = program("def f(%x: float64[n]) -> 0 {\n  %y: float64[n] = exp %x\n  yield %y\n}")
    assert to_text(own_results(fn)) == to_text(fn)


def weighted(ps, x):
    total = 0.0
    for p in ps:
        total += np.sum(p * x)
    return total


def both_parts(p):
    return np.sum(p["a"] * p["b"])


def nested_parts(p):
    return np.sum(p["a"] * p["b"][0]) + np.sum(p["b"][1] * p["a"])


def pairs(ps, x):
    total = 0.0
    for p in ps:
        total += np.sum(p["a"] * p["b"]) + p["b"] @ x
    return total


def weighted_elsewhere(ps, x):
    return 2.0 * weighted(ps, x)


A, B, C = np.array([1.0, 2.0]), np.array([0.5, 0.25]), np.array([3.0, -1.0])


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (weighted, ([A, B], C)),
        (weighted, ([A], C)),
        (both_parts, ({"a": A, "b": B},)),
        (nested_parts, ({"a": A, "b": (B, C)},)),
        (pairs, ([{"a": A, "b": B}, {"a": C, "b": A}], B)),
        (weighted_elsewhere, ([A, B], C)),
    ],
)
def test_gradients_of_what_containers_hold_are_arrays_of_their_own(f, args):
    g = srcdiff.grad(f, argnums=tuple(range(len(args))))
    own = [a for a in leaves(g(*args)) if isinstance(a, np.ndarray)]
    for a, b in itertools.combinations(own, 2):
        assert not np.shares_memory(a, b)
    for a, b in itertools.product(own, leaves(args)):
        assert not np.shares_memory(a, b)
    srcdiff.check_grads(f, *args)


def test_what_is_popped_off_a_list_is_moved():
    def f(x, ys):
        kept = [x]
        for y in ys:
            kept.append(y)
        total = 0.0
        for y in kept:
            total += np.sum(y * y * x)
        return total

    g = srcdiff.grad(f, argnums=1)
    assert "copy" not in g.source_for(A, [B, C])


def test_a_returned_list_holds_copies_of_arguments():
    def f(x, ys):
        kept = [x]
        for y in ys:
            kept.append(y)
        return np.sum(x**2), (kept, ys)

    g = srcdiff.grad(f, has_aux=True)
    _, (kept, ys) = g(A, [B, C])
    for a, b in itertools.product([*kept, *ys], [A, B, C]):
        assert not np.shares_memory(a, b)
    assert not any(np.shares_memory(a, b) for a, b in itertools.product(kept, ys))
    for found, expected in zip([*kept, *ys], [A, B, C, B, C], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_the_user_writes_into_stays_one_array():
    def f(x):
        y = x.copy()
        kept = []
        for _ in range(2):
            kept.append(y)
        y[0] = 5.0
        return kept

    kept, _ = srcdiff.jvp(f, (A,), (B,))
    assert [k[0] for k in kept] == [5.0, 5.0]


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
