"""dynamax: its filter; JAX differentiates it."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from dynamax.hidden_markov_model import hmm_filter

from benchmarks.peers import Pair
from benchmarks.peers.jax_versions import _pair


def columns(name: str, problem: Any, args: tuple[Any, ...]) -> dict[str, Pair]:
    if name != "hmm":
        return {}
    return {"dynamax": _pair(hmm, problem.WRT, args)}


def hmm(log_pi, log_A, log_B, data):
    posterior = hmm_filter(jnp.exp(log_pi), jnp.exp(log_A), log_B[:, data].T)
    return posterior.marginal_loglik
