"""Max-plus: the largest term in place of the logarithm of a sum of exponentials, however that is spelled."""

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp
from transforms.passes import program

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import verify
from srcdiff.transforms.semiring.log_semiring import max_plus

rng = np.random.default_rng(5)
LOG_PI, LOG_A, LOG_B = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=(5, 3))
FORBIDDEN = np.where(np.eye(3) + np.eye(3, k=1), LOG_A, -np.inf)


def with_logsumexp(log_pi, log_A, log_B):
    a = log_pi + log_B[0]
    for b in log_B[1:]:
        a = logsumexp(a[:, None] + log_A, axis=0) + b
    return logsumexp(a)


def with_logaddexp(log_pi, log_A, log_B):
    a = log_pi + log_B[0]
    for b in log_B[1:]:
        new = a[0] + log_A[0]
        for i in range(1, len(a)):
            new = np.logaddexp(new, a[i] + log_A[i])
        a = new + b
    return np.logaddexp(np.logaddexp(a[0], a[1]), a[2])


def shifted_by_hand(log_pi, log_A, log_B):
    a = log_pi + log_B[0]
    for b in log_B[1:]:
        scores = a[:, None] + log_A
        top = np.max(scores, axis=0)
        a = top + np.log(np.sum(np.exp(scores - top), axis=0)) + b
    top = np.max(a)
    return top + np.log(np.sum(np.exp(a - top)))


def in_loops(log_pi, log_A, log_B):
    states = len(log_pi)
    a = log_pi + log_B[0]
    for t in range(1, len(log_B)):
        new = np.empty(states)
        for j in range(states):
            total = 0.0
            for i in range(states):
                total += np.exp(a[i]) * np.exp(log_A[i, j])
            new[j] = np.log(total) + log_B[t, j]
        a = new
    return np.log(np.sum(np.exp(a)))


def with_a_helper(log_pi, log_A, log_B):
    a = log_pi + log_B[0]
    for b in log_B[1:]:
        a = total_of(a[:, None] + log_A) + b
    return logsumexp(a)


def total_of(scores):
    return np.log(np.exp(scores).sum(axis=0))


def with_scaled_messages(log_pi, log_A, log_B):
    p = np.exp(log_pi + log_B[0])
    log_scale = 0.0
    for b in log_B[1:]:
        p = np.sum(p[:, None] * np.exp(log_A), axis=0) * np.exp(b)
        total = np.sum(p)
        p = p / total
        log_scale += np.log(total)
    return np.log(np.sum(p)) + log_scale


def summed_into(log_pi, log_A, log_B):
    a = log_pi + log_B[0]
    for t in range(1, len(log_B)):
        new = np.zeros(len(log_pi))
        for j in range(len(log_pi)):
            for i in range(len(log_pi)):
                new[j] += np.exp(a[i] + log_A[i, j])
        a = np.log(new) + log_B[t]
    return np.log(np.sum(np.exp(a)))


def in_a_table(log_pi, log_A, log_B):
    steps, states = log_B.shape
    table = np.zeros((steps, states))
    table[0] = np.exp(log_pi + log_B[0])
    for t in range(1, steps):
        for i in range(states):
            table[t] += table[t - 1, i] * np.exp(log_A[i])
        table[t] *= np.exp(log_B[t])
    return np.log(np.sum(table[-1]))


def with_products(log_pi, log_A, log_B):
    A = np.exp(log_A)
    p = np.exp(log_pi + log_B[0])
    log_scale = 0.0
    for b in log_B[1:]:
        p = (p @ A) * np.exp(b)
        log_scale += np.log(p.sum())
        p /= p.sum()
    return np.log(np.sum(p)) + log_scale


def while_there_are_more(log_pi, log_A, log_B):
    p = np.exp(log_pi + log_B[0])
    t = 1
    while t < len(log_B):
        p = (np.exp(log_A.T) @ p) * np.exp(log_B[t])
        t += 1
    return np.log(np.sum(p))


def weighed_element_by_element(log_pi, log_A, log_B):
    a = log_pi + log_B[0]
    for b in log_B[1:]:
        a = logsumexp(a[:, None] + log_A, axis=0)
        for j in range(len(b)):
            a[j] += b[j]
    return logsumexp(a)


SCALED = [with_scaled_messages, with_products]
PROGRAMS = [
    with_logsumexp, with_logaddexp, shifted_by_hand, in_loops, with_a_helper, summed_into, in_a_table,
    while_there_are_more, weighed_element_by_element, *SCALED,
]  # fmt: skip
PLAIN = [f for f in PROGRAMS if f not in SCALED]


def paths(log_A):
    """All paths, from the best on, with their scores."""

    def score(p):
        moves = sum(log_A[i, j] for i, j in itertools.pairwise(p))
        return LOG_PI[p[0]] + moves + sum(LOG_B[t, s] for t, s in enumerate(p))

    return sorted(((score(p), p) for p in itertools.product(range(3), repeat=5)), reverse=True)


def best(log_A):
    return paths(log_A)[0]


@pytest.mark.parametrize("log_A", [LOG_A, FORBIDDEN], ids=["free", "forbidden"])
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_the_best_path_comes_from_any_spelling(f, log_A):
    if f is in_loops and log_A is FORBIDDEN:
        log_A = np.where(np.isinf(log_A), -1e300, log_A)  # as far as plain arithmetic goes
    largest = srcdiff.transform(f, "semiring", semiring="max", jit=False)
    value, d_nodes = srcdiff.value_and_grad(largest, argnums=2, jit=False)(LOG_PI, log_A, LOG_B)
    score, path = best(log_A)
    assert value == pytest.approx(score, abs=1e-12)
    assert np.array_equal(d_nodes, np.eye(3)[list(path)])
    assert largest(LOG_PI, log_A, LOG_B) == value


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_traceback_and_draws_come_from_any_spelling(f):
    traceback = srcdiff.transform(f, "semiring", semiring="argmax", argnums=2, jit=False)
    score, path = best(LOG_A)
    value, d_nodes = traceback(LOG_PI, LOG_A, LOG_B)
    assert value == pytest.approx(score, abs=1e-12)
    assert np.array_equal(d_nodes, np.eye(3)[list(path)])

    draw = srcdiff.transform(f, "semiring", semiring="sample", argnums=2, jit=False)
    value, p = srcdiff.value_and_grad(with_logsumexp, argnums=2, jit=False)(LOG_PI, LOG_A, LOG_B)
    rng, n = np.random.default_rng(3), 400
    drawn = [draw(LOG_PI, LOG_A, LOG_B, rng) for _ in range(n)]
    assert drawn[0][0] == pytest.approx(value)
    mean = np.mean([d for _, d in drawn], axis=0)
    assert np.all(np.abs(mean - p) < 4.5 * np.sqrt(p * (1.0 - p) / n) + 1e-9)


@pytest.mark.parametrize("f", PLAIN, ids=lambda f: f.__name__)
def test_the_k_best_and_the_number_of_paths_come_from_any_spelling(f):
    ranked = [score for score, _ in paths(FORBIDDEN)]
    found = srcdiff.transform(f, "semiring", semiring="kbest", k=40, jit=False)(LOG_PI, FORBIDDEN, LOG_B)  # fmt: skip
    assert np.allclose(found, ranked[:40], rtol=0, atol=1e-12)
    count = srcdiff.transform(f, "semiring", semiring="count", jit=False)
    assert count(LOG_PI, FORBIDDEN, LOG_B) == np.sum(np.isfinite(ranked)) == 17
    assert count(LOG_PI, LOG_A, LOG_B) == 3.0**5


@pytest.mark.parametrize("f", PLAIN, ids=lambda f: f.__name__)
def test_entropy_and_max_marginals_come_from_any_spelling(f):
    scores, ranked = zip(*paths(FORBIDDEN), strict=True)
    p = np.exp(scores - logsumexp(scores))
    entropy = srcdiff.transform(f, "semiring", semiring="entropy", argnums=(0, 1, 2), jit=False)
    assert entropy(LOG_PI, FORBIDDEN, LOG_B) == pytest.approx(-np.sum(p[p > 0] * np.log(p[p > 0])))
    largest = srcdiff.transform(f, "semiring", semiring="max_marginals", argnums=2, jit=False)
    wanted = np.full((5, 3), -np.inf)
    for score, path in zip(scores, ranked, strict=True):
        for t, k in enumerate(path):
            wanted[t, k] = max(wanted[t, k], score)
    assert np.allclose(largest(LOG_PI, FORBIDDEN, LOG_B), wanted, rtol=0, atol=1e-12)


def test_sums_that_messages_are_divided_by_cancel():
    two_best = [score for score, _ in paths(LOG_A)][:2]
    for f in SCALED:
        count = srcdiff.transform(f, "semiring", semiring="count", jit=False)
        assert count(LOG_PI, LOG_A, LOG_B) == len(paths(LOG_A))
        found = srcdiff.transform(f, "semiring", semiring="kbest", k=2, jit=False)
        assert found(LOG_PI, LOG_A, LOG_B) == pytest.approx(two_best, abs=1e-12)


def test_it_compiles():
    def two(log_pi, log_A, log_B):
        return with_logsumexp(log_pi, log_A, log_B) + in_loops(log_pi, log_A, log_B)

    largest = srcdiff.transform(two, "semiring", semiring="max", jit=True, fastmath=False)
    value, d_nodes = srcdiff.value_and_grad(largest, argnums=2, jit=True, fastmath=False)(LOG_PI, LOG_A, LOG_B)  # fmt: skip
    assert value == pytest.approx(2 * best(LOG_A)[0])
    assert d_nodes == pytest.approx(2.0 * np.eye(3)[list(best(LOG_A)[1])])


def test_the_text_is_the_programs_own():
    source = srcdiff.transform(with_logsumexp, "semiring", semiring="max").source_for(LOG_PI, LOG_A, LOG_B)  # fmt: skip
    assert "a = np.max(a[:, None] + log_A, axis=0) + b\n    return np.max(a)" in source
    assert "exp" not in source.split('"""')[2]


def test_a_shift_by_hand_is_gone():
    source = srcdiff.transform(shifted_by_hand, "semiring", semiring="max").source_for(LOG_PI, LOG_A, LOG_B)  # fmt: skip
    assert "a = np.max(scores, axis=0) + b\n    return np.max(a)" in source


def along_rows(x):
    top = np.max(x, axis=1)
    return np.sum(np.log(np.sum(np.exp(x - top[:, None]), axis=-1)) + top)


def across_rows(x):
    shift = x[0]  # of columns, while the sum is one along rows
    return np.sum(np.log(np.sum(np.exp(x - shift), axis=1)) + shift)


def another_shift(x):
    top = np.max(x, axis=0)
    return np.sum(np.log(np.sum(np.exp(x - top), axis=0)) + 2.0 * top)


def test_only_what_was_taken_off_is_put_back():
    x = rng.normal(size=(3, 3))
    maximum = {f: srcdiff.transform(f, "semiring", semiring="max", jit=False) for f in (along_rows, across_rows, another_shift)}  # fmt: skip
    assert maximum[along_rows](x) == pytest.approx(x.max(1).sum())
    assert "return np.sum(np.max(x, axis=-1))" in maximum[along_rows].source
    assert maximum[across_rows](x) == pytest.approx(np.sum((x - x[0]).max(1) + x[0]))
    assert maximum[another_shift](x) == pytest.approx(2.0 * x.max(0).sum())


def twice(x):
    return np.log(np.sum(np.exp(np.exp(x))))


def added_in_log(x):
    return np.logaddexp(np.exp(x[0]), x[1])


def test_weights_are_logarithms_in_max_plus():
    def mixture(x, weights):
        return np.log(np.sum(weights * np.exp(x)))

    x, weights = np.array([0.3, 0.2, -1.0]), np.array([0.1, 0.7, 0.0])
    with np.errstate(divide="ignore"):
        assert srcdiff.transform(mixture, "semiring", semiring="max", jit=False)(
            x, weights
        ) == pytest.approx(0.2 + np.log(0.7))


def test_branches_and_one_plus_an_exponential():
    def softplus_or_not(x, flag):
        if flag > 0:
            p = np.exp(x) + 1.0
        else:
            p = 1.0
        return np.log(p) + np.log1p(np.exp(-x))

    f = srcdiff.transform(softplus_or_not, "semiring", semiring="max", jit=False)
    for x, flag in itertools.product((0.7, -0.4), (1.0, -1.0)):
        assert f(x, flag) == pytest.approx((max(x, 0.0) if flag > 0 else 0.0) + max(-x, 0.0))


@pytest.mark.parametrize("base", ["max", "number"])
def test_one_plus_an_exponential_of_a_distance(base):
    def f(x):
        shift = np.maximum(x[0], x[1]) if base == "max" else x[2]
        return shift + np.log1p(np.exp(-np.abs(x[0] - x[1])))

    largest = srcdiff.transform(f, "semiring", semiring="max", jit=False)
    for x in rng.normal(size=(4, 3)):
        assert largest(x) == pytest.approx(max(x[0], x[1]) if base == "max" else x[2])


def test_messages_that_are_normalised_by_columns():
    def columns(a, log_A, log_B):
        norm = np.zeros(2)
        for b in log_B:
            a = logsumexp(log_A[:, :, None] + a[:, None, :], axis=0) + b[:, None]
            total = logsumexp(a, axis=0)
            norm = norm + total
            a = a - total
        return norm

    a = rng.normal(size=(3, 2))
    found = srcdiff.transform(columns, "semiring", semiring="max", jit=False)(a, LOG_A, LOG_B)
    for b in LOG_B:
        a = (LOG_A[:, :, None] + a[:, None, :]).max(axis=0) + b[:, None]
    assert found == pytest.approx(a.max(axis=0))


def sine(x):
    return np.log(np.sum(np.sin(np.exp(x))))


def returned(x):
    return np.sum(np.exp(x))


def difference(x):
    return np.log(np.exp(x[0]) - np.exp(x[1]))


def negative_weight(x):
    return np.log(np.sum(-2.0 * np.exp(x)))


def scattered(x):
    p = np.zeros(2)
    np.add.at(p, np.array([[0, 1], [1, 0]]), np.exp(x) * np.ones((2, 2)))
    return np.log(np.sum(p))


def scattered_rows(x):
    p = np.zeros((2, 2))
    np.add.at(p, np.array([[0, 1], [1, 0]]), np.exp(x) * np.ones((2, 2, 2)))
    return np.log(np.sum(p))


def test_terms_that_an_array_of_indices_adds_up():
    x = np.array([0.5, 2.0])
    assert srcdiff.transform(scattered, "semiring", semiring="max", jit=False)(x) == 2.0
    entropy = srcdiff.transform(scattered, "semiring", semiring="entropy", jit=False)(x)
    p = np.exp([0.5, 0.5, 2.0, 2.0]) / (2.0 * np.sum(np.exp(x)))
    assert entropy == pytest.approx(-np.sum(p * np.log(p)))


def added_by_rows(x):
    p = np.zeros((2, 3))
    np.add.at(p, (slice(None), np.array([0, 2, 0])), np.exp(x))
    return np.log(np.sum(p, axis=1))


def test_terms_that_an_index_array_adds_up():
    x = np.array([[1.0, 2.0, 3.0], [-np.inf, 0.5, -1.0]])
    found = srcdiff.transform(added_by_rows, "semiring", semiring="max", jit=False)
    np.testing.assert_array_equal(found(x), [3.0, 0.5])
    counted = srcdiff.transform(added_by_rows, "semiring", semiring="count", jit=False)
    np.testing.assert_array_equal(counted(x), [3.0, 2.0])


@pytest.mark.parametrize(
    ("f", "what", "line"),
    [
        (sine, "`sin` is applied to an exponential", "np.sin(np.exp(x))"),
        (returned, "the function returns an exponential", "def returned(x):"),
        (difference, "`subtract` is applied to an exponential", "np.exp(x[0]) - np.exp(x[1])"),
        (negative_weight, "-2.0 is put together with an exponential", "-2.0 * np.exp(x)"),
        (twice, "`exp` is applied to an exponential", "np.exp(np.exp(x))"),
        (
            added_in_log,
            "`logaddexp` is applied to an exponential",
            "np.logaddexp(np.exp(x[0]), x[1])",
        ),
        (scattered_rows, "`add_at` is applied to an exponential", "np.add.at("),
    ],
)
def test_what_is_no_sum_of_exponentials_is_refused_at_its_line(f, what, line):
    with pytest.raises(srcdiff.UnsupportedError) as error:
        srcdiff.transform(f, "semiring", semiring="max").source_for(np.ones(2))
    assert what in error.value.message
    assert line in error.value.source_line


def test_it_is_a_pass_on_text():
    before = """
    def f(%x': float64[x0, x1]) -> 0 {
      %p: float64[x0, x1] = exp %x
      %total: float64[x1] = sum[axis=0] %p
      %y: float64[x1] = log %total
      yield %y
    }
    """
    after = """
    def f(%x': float64[x0, x1]) -> 0 {
      %total: float64[x1] = max[axis=0] %x
      yield %total
    }
    """
    new = max_plus(program(before))
    assert verify(new) == []
    assert to_text(new) == to_text(program(after))
    assert to_text(max_plus(new)) == to_text(new)


def test_rewritings_for_accuracy_do_not_hide_a_sum():
    def normalised(x):
        p = np.exp(x)
        return np.sum(np.log(p / np.sum(p)))

    x = np.array([0.3, 1.2, -0.4])
    largest = srcdiff.transform(normalised, "semiring", semiring="max", jit=False)
    assert largest(x) == pytest.approx(np.sum(x - x.max()))


def test_logaddexp_reduce_is_a_sum():
    def reduced(x):
        return np.sum(np.logaddexp.reduce(x, axis=1))

    x = rng.normal(size=(3, 4))
    largest = srcdiff.transform(reduced, "semiring", semiring="max", jit=False)
    assert largest(x) == pytest.approx(x.max(1).sum())


def test_unknown_transformations_are_named():
    with pytest.raises(ValueError, match=r"there is no transformation 'fourier'; there are .*, "):
        srcdiff.transform(sine, "fourier")
    with pytest.raises(ValueError, match="semiring='min': expected one of argmax, count"):
        srcdiff.transform(sine, "semiring", semiring="min")
    with pytest.raises(ValueError, match="needs k, how many terms are wanted: k=0"):
        srcdiff.transform(sine, "semiring", semiring="kbest", k=0)
