"""hmmlearn's C++: the gradient of log Z in the logs of the tables is the expected counts, which its E-step computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hmmlearn import _hmmc

from benchmarks.peers import Pair


def columns(name: str, problem: Any, args: tuple[Any, ...]) -> dict[str, Pair]:
    if name != "hmm":
        return {}
    log_pi, log_A, log_B, data = args
    pi, A = np.exp(log_pi), np.exp(log_A)

    def frames():
        return np.ascontiguousarray(log_B[:, data].T)

    def counts(posterior):
        d_log_B = np.zeros(log_B.T.shape)
        np.add.at(d_log_B, data, posterior)
        return d_log_B.T

    def log_counts():
        scores = frames()
        value, forward = _hmmc.forward_log(pi, A, scores)
        backward = _hmmc.backward_log(pi, A, scores)
        xi = np.exp(_hmmc.compute_log_xi_sum(forward, A, backward, scores))
        posterior = np.exp(forward + backward - value)
        return value, (posterior[0], xi, counts(posterior))

    def scaled_counts():
        likelihoods = np.exp(frames())
        value, forward, scaling = _hmmc.forward_scaling(pi, A, likelihoods)
        backward = _hmmc.backward_scaling(pi, A, likelihoods, scaling)
        xi = _hmmc.compute_scaling_xi_sum(forward, A, backward, likelihoods)
        posterior = forward * backward
        posterior /= posterior.sum(axis=1, keepdims=True)
        return value, (posterior[0], xi, counts(posterior))

    return {
        "hmmlearn, log": (lambda: _hmmc.forward_log(pi, A, frames())[0], log_counts),
        "hmmlearn, scaling": (
            lambda: _hmmc.forward_scaling(pi, A, np.exp(frames()))[0],
            scaled_counts,
        ),
    }
