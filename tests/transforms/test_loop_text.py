"""The text of loop forms: properties that LLVM needs to vectorise loops, and to read memory once."""

import re

import numpy as np
import pytest
from fuzz.compare import flat

import srcdiff

X = np.linspace(-1.0, 1.5, 7)
PAIRS = np.sin(np.arange(12.0)).reshape(4, 3)


def softmax_like(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def pair_energy(x):
    difference = x[:, None, :] - x[None, :, :]
    return np.sum(1.0 / np.sqrt(np.sum(difference**2, axis=2) + 0.5))


def logistic(s, y):
    return np.sum(y[:, None] * s - np.logaddexp(0.0, s))


def steps(u0, k, n):
    u = u0.copy()
    for _ in range(n):
        u[1:-1] += k * (u[:-2] - 2.0 * u[1:-1] + u[2:])
    return np.sum(u**2)


CASES = [
    (softmax_like, (X,), 0),
    (pair_energy, (PAIRS,), 0),
    (logistic, (np.hstack((PAIRS, PAIRS)), X[:4]), 0),
    (steps, (X, 0.2, 3), (0, 1)),
]


def loops(function, args, wrt):
    return srcdiff.value_and_grad(function, argnums=wrt).loop_source_for(*args)


@pytest.mark.parametrize(
    ("function", "args", "wrt"), CASES, ids=lambda c: getattr(c, "__name__", "")
)
def test_compiled_loops_give_what_arrays_give(function, args, wrt):
    value, d = srcdiff.value_and_grad(function, argnums=wrt)(*args)
    found, d_found = srcdiff.value_and_grad(function, argnums=wrt, jit=True)(*args)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(flat(d_found), flat(d), rtol=1e-11, atol=1e-12)


def test_a_temporary_of_all_pairs_is_a_number():
    text = loops(*CASES[1])
    assert "np.empty((len(x), len(x)" not in text
    assert len(re.findall("for i in", text)) == 2  # the pairs, and what is made of the sums


def test_what_is_dear_is_not_done_beside_an_inner_loop():
    """LLVM vectorises innermost loops: the square root stands in one, and its arguments in a row."""
    text = loops(*CASES[1])
    lines = text.splitlines()
    at = next(k for k, line in enumerate(lines) if "np.sqrt" in line)
    around = [line for line in lines[:at] if re.match(" *for ", line)][-1]
    assert around == "        for j in range(len(x)):"
    assert "for k" not in lines[at + 1] + lines[at + 2]


def test_one_new_array_is_enough_for_a_softmax():
    text = loops(*CASES[0])
    assert text.count("np.empty") == 1
    assert "maximum(highest, x[i])" in text


def test_elements_are_loaded_before_others_are_written():
    """LLVM cannot prove that the arrays do not overlap: it would load again after writes, and does not vectorise."""
    body = loops(*CASES[2]).split("for j in")[1].splitlines()[1:]
    first_write = next(k for k, line in enumerate(body) if re.match(r" *d_s\[.*\] [+-]?= ", line))
    assert not any("y[i]" in line for line in body[first_write + 1 :])


def test_a_loop_takes_its_storage_once():
    text = loops(*CASES[3])
    assert not re.search(r"for t in .*\n( {8}.*\n)*? {8}.*np\.(empty|zeros)", text)


def test_a_sum_of_what_was_just_stored_is_made_of_the_number():
    """One loop of two: what both compute is computed once."""
    text = loops(*CASES[3])
    assert text.count("u[j] - 2.0 * u[j + 1]") == 1


def log_likelihood(W, X, y):
    Z = X @ W
    Z = Z - np.max(Z, axis=1, keepdims=True)
    log_p = Z - np.log(np.sum(np.exp(Z), axis=1, keepdims=True))
    return np.sum(log_p[np.arange(len(y)), y])


def test_sums_along_an_axis_have_one_axis_less():
    text = loops(log_likelihood, (PAIRS.T, PAIRS, np.array([0, 1, 1, 0])), 0)
    assert not re.search(r"np\.(empty|zeros)\(\((1, .*|.*, 1)\)\)", text)


def test_an_index_that_counts_up_is_not_asked_whether_it_counts_from_the_end():
    text = loops(log_likelihood, (PAIRS.T, PAIRS, np.array([0, 1, 1, 0])), 0)
    assert "if len(y) > len(X):" in text
    assert text.count("not -") == 1 and "if y[i] < 0 else" in text and "if i < 0" not in text


def chain(A, n):
    P = A.copy()
    for _ in range(n):
        P = np.tanh(P @ A)
    return np.sum(P)


def test_a_sum_that_starts_at_0_is_stored_and_not_added():
    text = loops(chain, (PAIRS[:3], 4), 0)
    assert "totals[0, j] = total\n" in text
    assert not re.search(r"totals\[.*\] (= 0\.0|\+=)", text)


def edges(x):
    D = np.zeros(len(x) + 1)
    for i in range(1, len(x) + 1):
        D[i] = D[i - 1] * x[i - 1] + x[i - 1]
    return D[len(x)]


def test_a_loop_back_starts_at_the_length_that_it_ended_before():
    text = loops(edges, (X,), 0)
    assert "range(len(x), 0, -1)" in text and "+ 1 - 1" not in text


def normalised(x, g):
    mean = np.mean(x, axis=1)[:, None]
    scale = np.sqrt(np.mean((x - mean) ** 2, axis=1) + 0.1)[:, None]
    return np.sum(np.tanh(g * (x - mean) / scale))


def test_a_quotient_that_is_the_same_in_all_iterations_stands_in_front():
    text = loops(normalised, (PAIRS, X[:3]), (0, 1))
    inner = re.findall(r"^ {12}.* / (.*)$", text, flags=re.MULTILINE)
    assert not [line for line in inner if re.fullmatch(r"\w+\[i\]", line)], text
