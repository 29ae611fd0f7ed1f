"""Chains of discrete states: hidden Markov models, with inputs and durations, and conditional random fields.

States are 0 to K - 1, times 0 to T - 1. Each `log_Z` sums over all paths of states; its gradient holds expected counts.
Parameters need not be normalised; -inf forbids.

=============================  =====================================================================
`chain`                        `eta = (log_nodes (T, K), log_pairs (T - 1, K, K))`: bare potentials
`crf`                          `eta = (weights (F, K), log_A (K, K))`, `data = features (T, F)`
`hmm`                          `eta = (log_pi (K), log_A (K, K), log_B (K, symbols))`, `data (T)`
`io_hmm`                       the same with `log_A (inputs, K, K)`, and `inputs (T), data (T)`
`semi_markov`                  `eta = (log_pi, log_A, log_D (K, longest), log_B)`, `data (T)`
`hmm_transition_first`,        as `hmm` and `io_hmm`, but with a state before the first observation
`io_hmm_transition_first`
=============================  =====================================================================

`log_A[i, j]` leads from i to j. In most texts, and in `hmm`, `log_pi` belongs to the state of the first observation,
and there are T - 1 transitions; in `io_hmm`, `inputs[t]` picks the transition *into* time t, so `inputs[0]` is not
used. Where a transition comes first, `log_pi` belongs to a state before it: T + 1 states, T transitions, all inputs
used. The two differ in value and counts, and neither is an error, so the names say which is which.

Paths of states from marginals of nodes and of neighbouring pairs: the gradient of a chain's
log-partition function.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from srcdiff.expfam.core.chain_checks import (
    check_chain,
    check_crf,
    check_hmm,
    check_io_hmm,
    check_semi_markov,
)
from srcdiff.expfam.core.family import Family, family
from srcdiff.expfam.core.identities import viterbi
from srcdiff.expfam.core.pytree import Pytree
from srcdiff.expfam.core.semiring_queries import sample


def chain_log_Z(eta):
    """The log-partition function of `eta = (log_nodes (T, K), log_pairs (T - 1, K, K))`."""
    log_nodes, log_pairs = eta
    log_alpha = log_nodes[0]
    for t in range(1, len(log_nodes)):
        log_alpha = logsumexp(log_alpha[:, None] + log_pairs[t - 1], axis=0) + log_nodes[t]
    return logsumexp(log_alpha)


def crf_log_Z(eta, features):
    """The log-partition function of the labels, for `eta = (weights (F, K), log_A (K, K))` and `features (T, F)`."""
    weights, log_A = eta
    scores = features @ weights
    log_alpha = scores[0]
    for score in scores[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + score
    return logsumexp(log_alpha)


def hmm_log_Z(eta, data):
    """The log-likelihood of `data (T)`, for `eta = (log_pi (K), log_A (K, K), log_B (K, symbols))`."""
    log_pi, log_A, log_B = eta
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def hmm_joint_log_Z(eta, data):
    """The sum over states and data, of which only the length counts. It is 0 for normalised parameters."""
    log_pi, log_A, log_B = eta
    log_emitted = logsumexp(log_B, axis=1)
    log_alpha = log_pi + log_emitted
    for _ in range(1, len(data)):
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_emitted
    return logsumexp(log_alpha)


def hmm_transition_first_log_Z(eta, data):
    """As `hmm_log_Z`, with a state and a transition before the first observation."""
    log_pi, log_A, log_B = eta
    log_alpha = log_pi
    for y in data:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def io_hmm_log_Z(eta, inputs, data):
    """As `hmm_log_Z`, with `log_A (inputs, K, K)`: `inputs[t]` selects the transition into time t."""
    log_pi, log_A, log_B = eta
    log_alpha = log_pi + log_B[:, data[0]]
    for u, y in zip(inputs[1:], data[1:], strict=True):
        log_alpha = logsumexp(log_alpha[:, None] + log_A[u], axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def io_hmm_transition_first_log_Z(eta, inputs, data):
    """As `io_hmm_log_Z`, with a state and a transition before the first observation."""
    log_pi, log_A, log_B = eta
    log_alpha = log_pi
    for u, y in zip(inputs, data, strict=True):
        log_alpha = logsumexp(log_alpha[:, None] + log_A[u], axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def semi_markov_log_Z(eta, data):
    """The log-likelihood of segments of one state each: `log_D[k, d - 1]` is for length d, `log_A` for the next
    segment's state.
    """
    log_pi, log_A, log_D, log_B = eta
    n_states, longest = log_D.shape
    log_starts = np.empty((len(data) + 1, n_states))  # log weights of segments that begin at t
    log_starts[0] = log_pi
    log_end = log_pi
    for t in range(1, len(data) + 1):
        log_end = np.full(n_states, -np.inf)  # log weights of segments that end before t
        emitted = np.zeros(n_states)
        for d in range(1, min(longest, t) + 1):
            emitted = emitted + log_B[:, data[t - d]]
            log_end = np.logaddexp(log_end, log_starts[t - d] + log_D[:, d - 1] + emitted)
        log_starts[t] = logsumexp(log_end[:, None] + log_A, axis=0)
    return logsumexp(log_end)


def segments_log_Z(eta, data):
    """As `semi_markov_log_Z`, with potentials of segments: `log_marks[t - 1, d - 1]` belongs to a segment that ends
    before t.
    """
    log_marks, (log_pi, log_A, log_D, log_B) = eta
    n_states, longest = log_D.shape
    log_starts = np.empty((len(data) + 1, n_states))
    log_starts[0] = log_pi
    log_end = log_pi
    for t in range(1, len(data) + 1):
        log_end = np.full(n_states, -np.inf)
        emitted = np.zeros(n_states)
        for d in range(1, min(longest, t) + 1):
            emitted = emitted + log_B[:, data[t - d]]
            scores = log_starts[t - d] + log_D[:, d - 1] + emitted + log_marks[t - 1, d - 1]
            log_end = np.logaddexp(log_end, scores)
        log_starts[t] = logsumexp(log_end[:, None] + log_A, axis=0)
    return logsumexp(log_end)


# ---- as bare potentials, which have one gradient for each time -----------------------------------------


def hmm_as_chain(eta: Pytree, data: np.ndarray) -> Any:
    """Potentials `(log_nodes, log_pairs)` of the posterior distribution of paths, for `chain`."""
    log_pi, log_A, log_B = eta
    log_nodes = log_B[:, data].T
    log_nodes[0] += log_pi
    return log_nodes, np.tile(log_A, (len(data) - 1, 1, 1))


def io_hmm_as_chain(eta: Pytree, inputs: np.ndarray, data: np.ndarray) -> Pytree:
    """As `hmm_as_chain`, with inputs."""
    log_pi, log_A, log_B = eta
    log_nodes = log_B[:, data].T
    log_nodes[0] += log_pi
    return log_nodes, log_A[inputs[1:]]


def hmm_transition_first_as_chain(eta: Pytree, data: np.ndarray) -> Pytree:
    """As `hmm_as_chain`, with a state before the first observation: T + 1 nodes."""
    log_pi, log_A, log_B = eta
    log_nodes = np.vstack([log_pi, log_B[:, data].T])
    return log_nodes, np.tile(log_A, (len(data), 1, 1))


def io_hmm_transition_first_as_chain(
    eta: Pytree, inputs: ArrayLike | None, data: np.ndarray
) -> Pytree:
    """As `hmm_as_chain`, with inputs and a state before the first observation."""
    log_pi, log_A, log_B = eta
    return np.vstack([log_pi, log_B[:, data].T]), log_A[inputs]


def crf_as_chain(eta: Pytree, features: np.ndarray) -> Pytree:
    """Potentials `(log_nodes, log_pairs)` of the labels of one sequence."""
    weights, log_A = eta
    return features @ weights, np.tile(log_A, (len(features) - 1, 1, 1))


_viterbi_of_segments = viterbi(segments_log_Z)
_draws_of_segments = sample(segments_log_Z)


def _marked(eta: Pytree, data: Any) -> Any:
    n_states, longest = eta[2].shape
    return np.zeros((len(data), longest, n_states)), eta


def _segments(marks: Any) -> list[tuple[int, int]]:
    """The segments `(state, length)` in order, from the marks of one term, which say where each segment ends."""
    return [(int(k), int(d) + 1) for _, d, k in np.argwhere(marks > 0.5)]


def _draw_segments(
    eta: Pytree, rng: np.random.Generator, n: int, data: object
) -> list[list[tuple[int, int]]]:
    """`n` lists of segments `(state, length)`."""
    marks, _ = _draws_of_segments(_marked(eta, data), rng, n, data)
    return [_segments(drawn) for drawn in marks]


def _mode_of_segments(eta: Pytree, data: object) -> list[tuple[int, int]]:
    """The most probable segments `(state, length)`."""
    score, (marks, _) = _viterbi_of_segments(_marked(eta, data), data)
    if score == -np.inf:
        raise ValueError("there is no path: all of them are forbidden")
    return _segments(marks)


def _of_paths(log_Z: Any, check: Any, as_chain: Any) -> Family:
    """A family of paths of states: draws and the mode are those of a chain."""

    def draw(eta: Pytree, rng: np.random.Generator, n: int, *data: Any) -> Any:
        return draw_paths(chain.mean(as_chain(eta, *data)), rng, n)

    def mode(eta: Pytree, *data: Any) -> np.ndarray:
        score, counts = chain.viterbi(as_chain(eta, *data))
        if score == -np.inf:
            raise ValueError("there is no path: all of them are forbidden")
        return followed(counts)

    name = log_Z.__name__.removesuffix("_log_Z")
    return family(log_Z, name=name, check=check, draw=draw, mode=mode)


chain = _of_paths(chain_log_Z, check_chain, lambda eta: eta)
crf = _of_paths(crf_log_Z, check_crf, crf_as_chain)
hmm = _of_paths(hmm_log_Z, check_hmm, hmm_as_chain)
io_hmm = _of_paths(io_hmm_log_Z, check_io_hmm, io_hmm_as_chain)
hmm_transition_first = _of_paths(
    hmm_transition_first_log_Z, check_hmm, hmm_transition_first_as_chain
)
io_hmm_transition_first = _of_paths(
    io_hmm_transition_first_log_Z, check_io_hmm, io_hmm_transition_first_as_chain
)
semi_markov = family(
    semi_markov_log_Z,
    name="semi_markov",
    check=check_semi_markov,
    draw=_draw_segments,
    mode=_mode_of_segments,
)


def draw_paths(
    marginals: tuple[np.ndarray, np.ndarray], rng: np.random.Generator, n: int
) -> np.ndarray:
    """`n` paths of a chain with these marginals, `(nodes (T, K), pairs (T - 1, K, K))`: an array `(n, T)`.

    A pair's rows are, up to scale, the probabilities of the next state, so sampling needs the gradient of `log_Z` only.
    """
    nodes, pairs = marginals
    paths = np.empty((n, len(nodes)), dtype=np.int64)
    paths[:, 0] = _drawn(np.broadcast_to(nodes[0], (n, len(nodes[0]))), rng)
    for t, pair in enumerate(pairs):
        paths[:, t + 1] = _drawn(pair[paths[:, t]], rng)
    return paths


def _drawn(weights: np.ndarray, rng: np.random.Generator) -> Any:
    """One index for each row, in proportion to the weights."""
    upto = np.cumsum(np.maximum(weights, 0.0), axis=1)
    if np.any(upto[:, -1] == 0.0):
        raise ValueError("there is no path: all of them are forbidden")
    points = rng.random(len(weights)) * upto[:, -1]
    found = np.sum(upto <= points[:, None], axis=1)
    return np.minimum(found, weights.shape[1] - 1)


def followed(marginals: Any) -> np.ndarray:
    """The path that has all mass, or one of the best paths in a tie; `(nodes, pairs)` are marginals in max-plus."""
    nodes, pairs = marginals
    path = np.empty(len(nodes), dtype=np.int64)
    path[0] = np.argmax(nodes[0])
    for t, pair in enumerate(pairs):
        path[t + 1] = np.argmax(pair[path[t]])
    return path
