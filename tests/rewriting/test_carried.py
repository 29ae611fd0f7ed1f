"""Logarithms of loop-carried exponentials: value and gradient agree with mpmath's."""

import math

import mpmath as mp
import numpy as np
import pytest
from rewriting.test_spellings import ROWS, compare_with_mpmath, log_sum, softplus
from scipy.special import logsumexp

import srcdiff

P = np.array([[0.5, 0.25, 0.25], [0.125, 0.5, 0.375], [0.75, 0.125, 0.125]])
A = np.array([[-800.0, 1.0, 0.0], [5.0, -900.0, 3.0], [0.0, 3.0, -1.0]])
START = np.array([0.5, 0.25, 0.25])
WEIGHTS = np.array([0.5, 2.0, 0.25])
SLOPES = np.array([1.0, 0.5, -0.25])


def partial_sums(x):
    s = 0.0
    out = 0.0
    for i in range(len(x)):
        s += np.exp(x[i])
        out += np.log(s)
    return out


def before_it_is_added_to(x):
    s = 1.0
    out = 0.0
    for a in x:
        out -= np.log(2 * s)
        s = s + np.exp(-a)
    return out - np.log(s)


def weighed_sums(x, w):
    s = 0.0
    out = 0.0
    for i in range(len(x)):
        s += w[i] * np.exp(x[i])
        out += np.log(s)
    return out


def in_a_while(x):
    s, out, i = 0.0, 0.0, 0
    while i < len(x):
        s += np.exp(x[i])
        out += np.log(s)
        i += 1
    return out


def in_python(x):
    s, out = 0.0, 0.0
    for a in x.tolist():
        s += math.exp(a)
        out += math.log(s)
    return out


def mp_partial_sums(x, w=(1, 1, 1)):
    terms = [a + mp.log(mp.mpf(b)) for a, b in zip(x, w, strict=True)]
    return mp.fsum(log_sum(terms[: k + 1]) for k in range(len(x)))


def mp_before(x):
    sums = [mp.fsum([1, *(mp.exp(-a) for a in x[:k])]) for k in range(len(x) + 1)]
    return -mp.fsum(mp.log(2 * s) for s in sums[:-1]) - mp.log(sums[-1])


def decaying(x):
    s = np.exp(x[0])
    for i in range(1, len(x)):
        s = 0.9 * s + np.exp(x[i])
    return 2 * np.log(s)


def two_names(x):
    a, b = 1.0, 1.0
    for v in x:
        a, b = b, a * np.exp(v) + b
    return np.log(b)


def mp_two_names(x):
    a, b = mp.mpf(1), mp.mpf(1)
    for v in x:
        a, b = b, a * mp.exp(v) + b
    return mp.log(b)


def by_branches(x):
    s = np.exp(x[0])
    for i in range(len(x)):
        if i % 2:
            s = s * np.exp(x[i]) + 1
        else:
            s = s + np.exp(-x[i])
    return np.log(s)


def mp_by_branches(x):
    s = mp.exp(x[0])
    for i, a in enumerate(x):
        s = s * mp.exp(a) + 1 if i % 2 else s + mp.exp(-a)
    return mp.log(s)


def until(x):
    s = np.exp(x[0])
    for i in range(1, len(x)):
        s = s * np.exp(x[i]) + 1
        if i == 1:
            break
    return np.log(s)


def nested(x):
    s = 0.0
    out = 0.0
    for i in range(2):
        for j in range(len(x)):
            s += np.exp((i + 1) * x[j])
            s *= np.exp(-x[j] / 2)
        out += np.log(s)
    return out


def mp_nested(x):
    s, out = mp.mpf(0), mp.mpf(0)
    for i in range(2):
        for a in x:
            s = (s + mp.exp((i + 1) * a)) * mp.exp(-a / 2)
        out += mp.log(s)
    return out


def chances(x):
    p = 1.0
    out = 0.0
    for a in x:
        p = p / (1 + np.exp(-a))
        out += np.log(p)
    return out


NUMBERS = {
    "partial sums": (partial_sums, mp_partial_sums),
    "in a while": (in_a_while, mp_partial_sums),
    "in Python": (in_python, mp_partial_sums),
    "before it is added to": (before_it_is_added_to, mp_before),
    "weighed": (lambda x: weighed_sums(x, WEIGHTS), lambda x: mp_partial_sums(x, WEIGHTS)),
    "decaying": (decaying, lambda x: 2 * log_sum([a + (len(x) - 1 - max(k, 0)) * mp.log(mp.mpf(0.9))
                                                  for k, a in enumerate(x)])),
    "two names": (two_names, mp_two_names),
    "branches": (by_branches, mp_by_branches),
    "until": (until, lambda x: mp.log(mp.exp(x[0] + x[1]) + 1)),
    "nested": (nested, mp_nested),
    "chances": (chances, lambda x: -mp.fsum((len(x) - k) * softplus(-a) for k, a in enumerate(x))),
}  # fmt: skip


def forward(x):
    a = START * np.exp(x[0] * SLOPES)
    for t in range(1, len(x)):
        a = (a @ P) * np.exp(x[t] * SLOPES)
    return np.log(a.sum())


def forward_of_exponentials(x):
    a = np.exp(x[0] * SLOPES)
    for t in range(1, len(x)):
        a = np.exp(x[t] * SLOPES) * (a @ np.exp(A))
    return np.log(np.sum(a))


def backward(x):
    b = np.ones(len(START))
    for t in reversed(range(1, len(x))):
        b = P.dot(b * np.exp(x[t] * SLOPES))
    return np.log((START * np.exp(x[0] * SLOPES)) @ b)


def by_broadcasting(x):
    a = START * np.exp(x[0] * SLOPES)
    for t in range(1, len(x)):
        a = np.sum(a[:, None] * P, axis=0) * np.exp(x[t] * SLOPES)
    return np.log(3 * np.sum(a))


def in_rows(x):
    a = np.zeros((len(x), len(START)))
    a[0] = START * np.exp(x[0] * SLOPES)
    for t in range(1, len(x)):
        a[t] = (a[t - 1] @ P) * np.exp(x[t] * SLOPES)
    return np.log(a[-1].sum())


def in_place(x):
    a = START * np.exp(x[0] * SLOPES)
    for t in range(1, len(x)):
        a[:] = a @ P
        a *= np.exp(x[t] * SLOPES)
    return np.log(a.sum())


def on_a_list(x):
    messages = [START * np.exp(x[0] * SLOPES)]
    for t in range(1, len(x)):
        messages.append((messages[-1] @ P) * np.exp(x[t] * SLOPES))
    return np.log(messages[-1].sum())


def one_iteration(a, scores):
    return (a @ P) * np.exp(scores)


def by_helper(x):
    a = START * np.exp(x[0] * SLOPES)
    for t in range(1, len(x)):
        a = one_iteration(a, x[t] * SLOPES)
    return np.log(a.sum())


def best_path(x):
    a = START * np.exp(x[0] * SLOPES)
    for t in range(1, len(x)):
        a = np.max(a[:, None] * P, axis=0) * np.exp(x[t] * SLOPES)
    return np.log(a.max())


def mp_forward(x, logs=None, start=START, join=log_sum):
    logs = [[mp.log(mp.mpf(p)) for p in row] for row in P] if logs is None else logs
    a = [mp.log(mp.mpf(p)) + x[0] * s for p, s in zip(start, SLOPES, strict=True)]
    for v in x[1:]:
        a = [
            join([y + row[k] for y, row in zip(a, logs, strict=True)]) + v * s
            for k, s in enumerate(SLOPES)
        ]
    return join(a)


STATES = {
    "forward": (forward, mp_forward),
    "of exponentials": (forward_of_exponentials,
                        lambda x: mp_forward(x, [[mp.mpf(a) for a in row] for row in A], [1, 1, 1])),
    "backward": (backward, mp_forward),
    "broadcasting": (by_broadcasting, lambda x: mp.log(3) + mp_forward(x)),
    "rows": (in_rows, mp_forward),
    "in place": (in_place, mp_forward),
    "a list": (on_a_list, mp_forward),
    "a helper": (by_helper, mp_forward),
    "the best path": (best_path, lambda x: mp_forward(x, join=max)),
}  # fmt: skip


@pytest.mark.parametrize("name", [*NUMBERS, *STATES])
def test_what_loops_carry(name):
    f, exact = (NUMBERS | STATES)[name]
    g = srcdiff.value_and_grad(f, jit=False)
    for row in ROWS:
        compare_with_mpmath(g, exact, row)


def all_of_them(x):
    total = np.log(partial_sums(x) ** 2) + weighed_sums(x, WEIGHTS) + decaying(x) + two_names(x)
    total += by_branches(x) + until(x) + nested(x) + forward(x) + forward_of_exponentials(x)
    return total + backward(x) + by_broadcasting(x) + in_rows(x) + in_place(x) + on_a_list(x)


@pytest.mark.long
def test_compiled_and_in_all_modes():
    plain, compiled = (srcdiff.value_and_grad(all_of_them, jit=jit) for jit in (False, True))
    off = srcdiff.value_and_grad(all_of_them, jit=False, rewrite=False)
    near, far = np.array([0.5, -1.0, 0.25]), np.array([800.0, -799.0, 798.5])
    for x in (near, far):
        (value, slopes), (same, also) = plain(x), compiled(x)
        assert same == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(also, slopes, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(plain(near)[1], off(near)[1], rtol=1e-12)
    srcdiff.check_grads(all_of_them, near)


def test_single_precision_stays_single():
    def of_single(x, w):
        s = np.float32(0.0)
        a = w * np.exp(x)
        for i in range(len(x)):
            s += w[i] * np.exp(x[i])
            a = a * np.exp(x) + a[::-1]
        return np.log(s) + np.log(np.mean(a))

    x, w = np.array([200.0, -3.0, 1.0], np.float32), np.array([0.5, 1.0, 2.0], np.float32)
    value, d_x = srcdiff.value_and_grad(of_single, jit=False)(x, w)
    exact, slopes = srcdiff.value_and_grad(of_single, jit=False)(x.astype(float), w.astype(float))
    assert value.dtype == d_x.dtype == np.float32
    assert value == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(d_x, slopes, rtol=1e-5, atol=1e-6)


def test_the_source_carries_logarithms():
    g = srcdiff.grad(partial_sums, jit=False)
    assert "log_s = np.logaddexp(log_s, x[i])" in g.source_for(np.ones(3))
    lines = srcdiff.explain(g, np.ones(3)).rewritten
    assert any(line.startswith("log_of_loops: s += np.exp(x[i])") for line in lines)
    off = srcdiff.grad(partial_sums, jit=False, rewrite={"log_of_loops": False})
    assert "logaddexp(log_s" not in off.source_for(np.ones(3))


def with_potentials(A, x):
    a = np.exp(x[0])
    for t in range(1, len(x)):
        a = (a @ np.exp(A)) * np.exp(x[t])
    return np.log(np.sum(a))


def test_a_product_with_exponentials_stays_one():
    """In NumPy a sum over terms took twelve times as long as what the user wrote; exp(A) is computed once."""
    g = srcdiff.value_and_grad(with_potentials, argnums=(0, 1), jit=False)
    text = g.source_for(A, np.ones((4, len(A))))
    assert "@ weights" in text and text.count("np.exp(A - ") == 1
    for far in (np.zeros_like(A), np.where(np.eye(len(A)) > 0, 0.0, -3000.0)):
        x = 900.0 * np.cos(np.arange(4.0 * len(A))).reshape(4, -1)
        log_a = x[0]
        for row in x[1:]:
            log_a = logsumexp(log_a[:, None] + A + far, axis=0) + row
        value, (d_A, d_x) = g(A + far, x)
        np.testing.assert_allclose(value, logsumexp(log_a), rtol=1e-15)
        np.testing.assert_allclose(np.sum(d_A), 3.0, rtol=1e-12)
        np.testing.assert_allclose(np.sum(d_x, axis=1), np.ones(4), rtol=1e-12)


def divided_by_its_sum(x):
    a = START * np.exp(x[0] * SLOPES)
    c = a.sum()
    a = a / c
    out = np.log(c)
    for t in range(1, len(x)):
        a = (a @ P) * np.exp(x[t] * SLOPES)
        c = a.sum()
        a = a / c
        out += np.log(c)
    return out


def shifted_by_hand(x):
    m, s = x[0], 1.0
    for i in range(1, len(x)):
        top = np.maximum(m, x[i])
        s = s * np.exp(m - top) + np.exp(x[i] - top)
        m = top
    return m + np.log(s)


def read_itself(x):
    s, out = 1.0, 0.0
    for a in x:
        s = s + np.exp(a)
        out += np.log(s) + np.cos(s)
    return out


def without_exponentials(x):
    s, out = 1.0, 0.0
    for a in x:
        s = s + a * a
        out += np.log(s)
    return out


@pytest.mark.parametrize(
    "f", [divided_by_its_sum, shifted_by_hand, read_itself, without_exponentials]
)
def test_what_the_user_has_seen_to_stays(f):
    text = srcdiff.grad(f, jit=False).source_for(np.ones(3))
    assert "log_s" not in text and "log_a" not in text and "scaled_" not in text


def test_a_chance_of_zero_has_its_derivative():
    """What is scaled is 0 there, and its logarithm is not taken."""

    def f(chances, x):
        a = np.exp(x)
        for _ in range(3):
            a = (a @ chances) * np.exp(x)
        return np.log(a.sum())

    left_to_right = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
    x = np.array([0.5, -1.0, 0.25])
    options = {"jit": False, "argnums": (0, 1)}
    found, wanted = (srcdiff.grad(f, rewrite=r, **options)(left_to_right, x) for r in (True, False))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    far = srcdiff.grad(f, **options)(left_to_right, x - 1000)
    for a, b in zip(far, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
