"""log_Z as people write it: grammars, alignments, CTC, subsets, chains whose sums are shifted by hand; and all terms of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import logsumexp

# ---- chains: `eta = (log_pi, log_A, log_B)` -----------------------------------------------------------


def shifted_if_finite(eta, data):
    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        scores = message[:, None] + log_A
        top = np.max(scores, axis=0, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        message = np.log(np.sum(np.exp(scores - top), axis=0)) + top[0] + log_B[:, y]
    top = np.max(message)
    if top == -np.inf:
        return -np.inf
    return np.log(np.sum(np.exp(message - top))) + top


def shifted_by_a_helper(eta, data):
    def log_sum(x, axis):
        top = x.max(axis=axis, keepdims=True)
        total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
        return np.squeeze(total, axis=axis)

    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        message = log_sum(message[:, None] + log_A, 0) + log_B[:, y]
    return log_sum(message, 0)


def shifted_before_a_product(eta, data):
    log_pi, log_A, log_B = eta
    weights = np.exp(log_A)
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        top = message.max()
        if not np.isfinite(top):
            top = 0.0
        message = np.log(weights.T @ np.exp(message - top)) + top + log_B[:, y]
    return np.log(np.sum(np.exp(message - message.max()))) + message.max()


def shifted_in_loops(eta, data):
    log_pi, log_A, log_B = eta
    K = len(log_pi)
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        new = np.full(K, -np.inf)
        for j in range(K):
            top = -np.inf
            for i in range(K):
                top = max(top, message[i] + log_A[i, j])
            if top > -np.inf:
                total = 0.0
                for i in range(K):
                    total += np.exp(message[i] + log_A[i, j] - top)
                new[j] = top + np.log(total) + log_B[j, y]
        message = new
    return logsumexp(message)


def messages_on_lists(eta, data):
    log_pi, log_A, log_B = eta
    K = len(log_pi)
    message = [log_pi[k] + log_B[k, data[0]] for k in range(K)]
    for y in data[1:]:
        scores = [np.array([message[i] + log_A[i, j] for i in range(K)]) for j in range(K)]
        message = [logsumexp(scores[j]) + log_B[j, y] for j in range(K)]
    return logsumexp(np.array(message))


def emissions_first(eta, data):
    log_pi, log_A, log_B = eta
    emitted = log_B[:, data].T
    message = emitted[0] + log_pi
    for row in emitted[1:]:
        message = row + logsumexp(log_A.T + message, axis=1)
    return logsumexp(message)


def chain_terms(eta: Any, data: Any) -> Iterator[Any]:
    for path in itertools.product(range(len(eta[0])), repeat=len(data)):
        counts = [np.zeros_like(x) for x in eta]
        counts[0][path[0]] += 1.0
        for i, j in itertools.pairwise(path):
            counts[1][i, j] += 1.0
        for k, y in zip(path, data, strict=True):
            counts[2][k, y] += 1.0
        yield counts


# ---- a grammar: `eta = (log_root (N), log_rules (N, N, N), log_words (N, words))` -------------------------


def inside(eta, words):
    log_root, log_rules, log_words = eta
    n, symbols = len(words), len(log_root)
    chart = np.full((n, n + 1, symbols), -np.inf)
    for i in range(n):
        chart[i, i + 1] = log_words[:, words[i]]
    for width in range(2, n + 1):
        for i in range(n - width + 1):
            k = i + width
            total = np.full(symbols, -np.inf)
            for j in range(i + 1, k):
                pair = chart[i, j][:, None] + chart[j, k]
                total = np.logaddexp(total, logsumexp(log_rules + pair, axis=(1, 2)))
            chart[i, k] = total
    return logsumexp(log_root + chart[0, n])


def inside_terms(eta: Any, words: Any) -> Iterator[Any]:
    symbols = range(len(eta[0]))

    def below(i: int, k: int, a: int) -> Iterator[Any]:
        if k == i + 1:
            counts = [np.zeros_like(x) for x in eta]
            counts[2][a, words[i]] += 1.0
            yield counts
        for j, b, c in itertools.product(range(i + 1, k), symbols, symbols):
            for left, right in itertools.product(list(below(i, j, b)), list(below(j, k, c))):
                counts = [x + y for x, y in zip(left, right, strict=True)]
                counts[1][a, b, c] += 1.0
                yield counts

    for a in symbols:
        for counts in below(0, len(words), a):
            counts[0][a] += 1.0
            yield counts


# ---- alignments of two strings: `eta = (log_pairs (S, S), log_inserted (S), log_deleted (S))` -------------


def alignments(eta, xs, ys):
    log_pairs, log_inserted, log_deleted = eta
    row = [0.0]
    for y in ys:
        row.append(row[-1] + log_inserted[y])
    for x in xs:
        new = [row[0] + log_deleted[x]]
        for j, y in enumerate(ys):
            gap = np.logaddexp(row[j + 1] + log_deleted[x], new[-1] + log_inserted[y])
            new.append(np.logaddexp(gap, row[j] + log_pairs[x, y]))
        row = new
    return row[-1]


def alignments_of_three_at_once(eta, xs, ys):
    log_pairs, log_inserted, log_deleted = eta
    table = np.full((len(xs) + 1, len(ys) + 1), -np.inf)
    table[0, 0] = 0.0
    for i in range(len(xs) + 1):
        for j in range(len(ys) + 1):
            if i > 0 and j > 0:
                x, y = xs[i - 1], ys[j - 1]
                table[i, j] = logsumexp(np.array([
                    table[i - 1, j - 1] + log_pairs[x, y],
                    table[i, j - 1] + log_inserted[y],
                    table[i - 1, j] + log_deleted[x],
                ]))  # fmt: skip
            elif j > 0:
                table[i, j] = table[i, j - 1] + log_inserted[ys[j - 1]]
            elif i > 0:
                table[i, j] = table[i - 1, j] + log_deleted[xs[i - 1]]
    return table[-1, -1]


def alignment_terms(eta: Any, xs: Any, ys: Any) -> Iterator[Any]:
    def upto(i: int, j: int) -> Iterator[Any]:
        if i == j == 0:
            yield [np.zeros_like(x) for x in eta]
        steps = ((1, 1, 0), (0, 1, 1), (1, 0, 2))
        for down, right, leaf in steps:
            if i < down or j < right:
                continue
            place = ((xs[i - 1], ys[j - 1]), ys[j - 1], xs[i - 1])[leaf]
            for counts in upto(i - down, j - right):
                counts[leaf][place] += 1.0
                yield counts

    return upto(len(xs), len(ys))


# ---- connectionist temporal classification: `log_p (T, labels)`, label 0 is the blank ---------------------


def ctc(log_p, labels):
    extended = np.zeros(2 * len(labels) + 1, dtype=np.int64)
    extended[1::2] = labels
    may_skip = np.zeros(len(extended), dtype=bool)
    may_skip[2:] = (extended[2:] != 0) & (extended[2:] != extended[:-2])
    message = np.full(len(extended), -np.inf)
    message[:2] = log_p[0, extended[:2]]
    for row in log_p[1:]:
        one = np.concatenate([[-np.inf], message[:-1]])
        two = np.concatenate([[-np.inf, -np.inf], message[:-2]])
        stay = np.logaddexp(message, one)
        message = np.logaddexp(stay, np.where(may_skip, two, -np.inf)) + row[extended]
    return np.logaddexp(message[-1], message[-2])


def ctc_in_loops(log_p, labels):
    extended = np.zeros(2 * len(labels) + 1, dtype=np.int64)
    extended[1::2] = labels
    message = np.full(len(extended), -np.inf)
    message[0], message[1] = log_p[0, 0], log_p[0, extended[1]]
    for t in range(1, len(log_p)):
        new = np.full(len(extended), -np.inf)
        for s in range(len(extended)):
            total = message[s]
            if s >= 1:
                total = np.logaddexp(total, message[s - 1])
            if s >= 2 and extended[s] != 0 and extended[s] != extended[s - 2]:
                total = np.logaddexp(total, message[s - 2])
            new[s] = total + log_p[t, extended[s]]
        message = new
    return np.logaddexp(message[-1], message[-2])


def ctc_terms(log_p: Any, labels: Any) -> Iterator[Any]:
    steps, symbols = log_p.shape
    for path in itertools.product(range(symbols), repeat=steps):
        if [k for k, _ in itertools.groupby(path) if k] == list(labels):
            counts = np.zeros_like(log_p)
            counts[range(steps), list(path)] = 1.0
            yield counts


# ---- subsets of a size: `log_weights (n)` --------------------------------------------------------------


def subsets(log_weights, size):
    message = np.full(size + 1, -np.inf)
    message[0] = 0.0
    for w in log_weights:
        message[1:] = np.logaddexp(message[1:], message[:-1] + w)
    return message[size]


def subset_terms(log_weights: Any, size: int) -> Iterator[Any]:
    places = np.arange(len(log_weights))
    for chosen in itertools.combinations(places, size):
        yield np.isin(places, chosen).astype(float)


# ---- maxima that are no shifts: what they do to the value stays -------------------------------------------


def cut_off(eta, data):
    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        message = np.maximum(logsumexp(message[:, None] + log_A, axis=0) + log_B[:, y], -2.0)
    return logsumexp(message)


def beam(eta, data):
    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        message = logsumexp(message[:, None] + log_A, axis=0) + log_B[:, y]
        message = np.where(message < message.max() - 1.0, -np.inf, message)
    return logsumexp(message)


def changed_before_it_is_put_back(eta, data):
    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        scores = message[:, None] + log_A
        top = scores.max(axis=0)
        total = np.log(np.sum(np.exp(scores - top), axis=0))
        top[0] = 3.0
        message = total + top + log_B[:, y]
    return logsumexp(message)


def put_back_in_one_branch(eta, data):
    log_pi, log_A, log_B = eta
    message = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        scores = message[:, None] + log_A
        top = scores.max(axis=0)
        message = np.log(np.sum(np.exp(scores - top), axis=0)) + log_B[:, y]
        if y > 0:
            message = message + top
    return logsumexp(message)
