"""What a call costs, counted: exact on programs that can be counted by hand."""

import numpy as np
import pytest
from corpus_loader import load
from scipy.special import logsumexp

import srcdiff


def linear(x, A):
    return np.sum(np.exp(A @ x) * x)


def test_a_gradient_counted_by_hand():
    found = srcdiff.cost(srcdiff.value_and_grad(linear), np.ones(10), np.ones((10, 10)))
    # forward: A @ x, exp, a product, a sum; backward: A.T @ product, a sum of two
    assert found.flops == 200 + 10 + 9 + 200 + 10
    assert found.exponentials == 10
    assert found.bytes == 8 * ((100 + 20) + 20 + 30 + 10 + (100 + 20) + 30)
    assert (found.temporaries, found.temporary_bytes) == (4, 4 * 80)
    assert found.uncounted == ()
    assert "429 floating-point operations" in str(found)


def steps(x, n):
    for _ in range(n):
        x = x * x + 0.1
    return x


@pytest.mark.parametrize("n", [0, 1, 7])
def test_iterations_of_loops_are_counted(n):
    value = srcdiff.cost(srcdiff.batch(steps, in_axes=(0, None)), np.ones(4), n)
    assert value.flops == 4 * 2 * n and value.exponentials == 0


def test_elements_in_loops_and_branches():
    def f(x):
        total = 0.0
        for i in range(len(x)):
            if x[i] > 0.0:
                total += np.log(x[i])
        return total

    found = srcdiff.cost(srcdiff.value_and_grad(f), np.array([1.0, -1.0, 2.0]))
    assert found.exponentials == 2


def chain(log_alpha, log_A):
    for _ in range(9):
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0)
    return np.sum(log_alpha)


def test_scaled_probabilities_take_fewer_exponentials():
    args = np.zeros(5), np.zeros((5, 5))
    on, off = (
        srcdiff.cost(srcdiff.grad(chain, rewrite={"scaled_probabilities": r}), *args)
        for r in (True, False)
    )
    assert (
        off.exponentials == 9 * (25 + 5) + 9 * 25
    )  # sums over states, and their weights once more
    assert on.exponentials == 25 + 9 * (5 + 5) + 9 * 5


def test_systems_and_sums_over_letters():
    def f(A, b):
        return np.sum(np.linalg.solve(A, b)) + np.sum(np.einsum("ij,jk,kl->il", A, A, A))

    A = np.eye(4) + 0.1
    value = srcdiff.cost(srcdiff.batch(f, in_axes=(0, None)), A[None], np.ones(4))
    assert value.flops == pytest.approx(2 / 3 * 64 + 2 * 16 + 3 + 3 * 4**4 + 15 + 1)


@pytest.mark.parametrize(
    ("f", "flops"),
    [
        (lambda x: np.linalg.norm(x), 2 * 8 + 8),  # squares, sums and the root; a quotient each
        (lambda x: np.trace(np.outer(x, x[:4])), 32 + 3 + 2 * 8 * 4 + 2 * 8 * 4 + 4 + 4),
        (lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), None),
        (lambda x: np.sum(np.convolve(x, x[:3])), None),
    ],
)
def test_heavy_operations_are_never_counted_as_nothing(f, flops):
    found = srcdiff.cost(srcdiff.value_and_grad(f), np.arange(1.0, 9.0))
    assert found.flops == flops if flops else found.flops > 2 * 5 * 8 or found.uncounted


def test_what_is_not_known_is_reported():
    from scipy.linalg import expm

    found = srcdiff.cost(srcdiff.grad(lambda x: np.sum(expm(x))), np.eye(3))
    assert found.uncounted and "without" in str(found)
    with pytest.raises(TypeError, match="cost takes what differentiates"):
        srcdiff.cost(linear, np.ones(3), np.eye(3))


@pytest.mark.parametrize("program", load("all")[::6], ids=repr)
def test_the_programs_of_the_corpus_have_a_cost(program):
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt, on_independent="ignore")
    found = srcdiff.cost(g, *program.examples[0])
    assert found.flops >= 0 and found.bytes >= 0 and not found.uncounted
