"""Validation of parameters and data of chains, with messages in the terms of the model."""

from typing import Any

import numpy as np

from srcdiff.expfam.core.parameter_checks import check_arguments, check_finite, check_parts
from srcdiff.expfam.core.pytree import Pytree


def check_symbols(what: str, values: object, size: int, table: str) -> None:
    """Raise ValueError unless the data are integers from 0 to size - 1, at least one of them."""
    values = np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"{what} is one sequence, an array with 1 axis, not {values.ndim}")
    if len(values) == 0:
        raise ValueError(f"{what} is an empty sequence")
    if values.dtype.kind not in "iu":
        raise TypeError(f"{what} holds numbers of symbols, integers, not {values.dtype}")
    wrong = np.flatnonzero((values < 0) | (values >= size))
    if len(wrong):
        place = int(wrong[0])
        raise ValueError(f"{table}, {what} holds {values[place]} at position {place}")


def _check_arrays(model: str, names: str, eta: Pytree) -> None:
    """Raise unless `eta` has as many parts as there are names, each an array."""
    check_parts(model, eta, names)
    for name, part in zip(names.split(", "), eta, strict=True):
        if not isinstance(part, np.ndarray):
            what = type(part).__name__
            raise TypeError(
                f"{model}: {name} is an array, not a {what}: np.array({name}) makes one"
            )


def _check_states(model: str, log_pi: np.ndarray, log_A: np.ndarray, axes: int = 2) -> int:
    if np.ndim(log_pi) != 1:
        raise ValueError(
            f"{model}: log_pi has {np.ndim(log_pi)} axes, and needs 1: a number per state"
        )
    states = len(log_pi)
    if np.ndim(log_A) != axes or np.shape(log_A)[-2:] != (states, states):
        wanted = f"({'inputs, ' if axes == 3 else ''}{states}, {states})"
        raise ValueError(
            f"{model}: log_pi has {states} states, so log_A has the shape {wanted}, not {np.shape(log_A)}"
        )
    _check_potentials(model, "log_pi", log_pi)
    _check_potentials(model, "log_A", log_A)
    return states


def _check_potentials(model: str, name: str, values: np.ndarray) -> None:
    """Raise for NaN and +inf, for which a sum over paths has no meaning."""
    wrong = np.argwhere(np.isnan(values) | (values == np.inf))
    if len(wrong):
        place = tuple(int(k) for k in wrong[0])
        raise ValueError(f"{model}: {name} holds {values[place]} at {place}")


def _check_emissions(model: str, log_B: np.ndarray, states: int) -> None:
    if np.ndim(log_B) != 2 or len(log_B) != states:
        raise ValueError(
            f"{model}: log_pi has {states} states, so log_B has the shape ({states}, symbols), not {np.shape(log_B)}"
        )
    _check_potentials(model, "log_B", log_B)


def check_hmm(eta: Pytree, *given: object) -> None:
    """Raise ValueError unless `eta = (log_pi (K), log_A (K, K), log_B (K, symbols))` and `data (T)` fit each other."""
    _check_arrays("hmm", "log_pi, log_A, log_B", eta)
    check_arguments("hmm", "data", given)
    log_pi, log_A, log_B = eta
    (data,) = given
    _check_emissions("hmm", log_B, _check_states("hmm", log_pi, log_A))
    symbols = log_B.shape[1]
    check_symbols("data", data, symbols, f"log_B has {symbols} symbols")


def check_io_hmm(eta: Pytree, *given: Any) -> None:
    """Raise ValueError unless `eta` with `log_A (inputs, K, K)`, `inputs (T)` and `data (T)` fit each other."""
    _check_arrays("io_hmm", "log_pi, log_A, log_B", eta)
    check_arguments("io_hmm", "inputs, data", given)
    log_pi, log_A, log_B = eta
    inputs, data = given
    _check_emissions("io_hmm", log_B, _check_states("io_hmm", log_pi, log_A, axes=3))
    if len(inputs) != len(data):
        raise ValueError(f"io_hmm: there are {len(inputs)} inputs for {len(data)} observations")
    check_symbols("data", data, log_B.shape[1], f"log_B has {log_B.shape[1]} symbols")
    check_symbols("inputs", inputs, len(log_A), f"log_A has {len(log_A)} inputs")


def check_semi_markov(eta: Pytree, *given: object) -> None:
    """Raise ValueError unless `eta` with `log_D (K, longest)` and `data (T)` fit each other."""
    _check_arrays("semi_markov", "log_pi, log_A, log_D, log_B", eta)
    check_arguments("semi_markov", "data", given)
    (data,) = given
    log_pi, log_A, log_D, log_B = eta
    states = _check_states("semi_markov", log_pi, log_A)
    if np.ndim(log_D) != 2 or len(log_D) != states or log_D.shape[1] == 0:
        raise ValueError(
            f"semi_markov: log_pi has {states} states, so log_D has the shape ({states}, longest), "
            f"not {np.shape(log_D)}"
        )
    _check_potentials("semi_markov", "log_D", log_D)
    _check_emissions("semi_markov", log_B, states)
    symbols = log_B.shape[1]
    check_symbols("data", data, symbols, f"log_B has {symbols} symbols")


def check_chain(eta: Pytree, *given: object) -> None:
    """Raise ValueError unless `eta = (log_nodes (T, K), log_pairs (T - 1, K, K))` holds potentials of these shapes."""
    _check_arrays("chain", "log_nodes, log_pairs", eta)
    check_arguments("chain", "", given)
    log_nodes, log_pairs = eta
    if np.ndim(log_nodes) != 2 or 0 in np.shape(log_nodes):
        raise ValueError(
            f"chain: log_nodes has the shape (times, states), not {np.shape(log_nodes)}"
        )
    length, states = np.shape(log_nodes)
    if np.shape(log_pairs) != (length - 1, states, states):
        raise ValueError(
            f"chain: log_nodes has {length} times and {states} states, so log_pairs has the shape "
            f"{(length - 1, states, states)}, not {np.shape(log_pairs)}"
        )
    _check_potentials("chain", "log_nodes", log_nodes)
    _check_potentials("chain", "log_pairs", log_pairs)


def check_crf(eta: Pytree, *given: Any) -> None:
    """Raise ValueError unless `eta = (weights (F, K), log_A (K, K))` and `features (T, F)` fit each other."""
    _check_arrays("crf", "weights, log_A", eta)
    check_arguments("crf", "features", given)
    (features,) = given
    weights, log_A = eta
    if np.ndim(weights) != 2:
        raise ValueError(f"crf: weights has the shape (features, states), not {np.shape(weights)}")
    states = weights.shape[1]
    if np.shape(log_A) != (states, states):
        raise ValueError(
            f"crf: weights has {states} states, so log_A has the shape {(states, states)}, not {np.shape(log_A)}"
        )
    if np.ndim(features) != 2 or np.shape(features)[1] != len(weights):
        raise ValueError(
            f"crf: weights has {len(weights)} features, so data has the shape (times, {len(weights)}), "
            f"not {np.shape(features)}"
        )
    if len(features) == 0:
        raise ValueError("crf: data is an empty sequence")
    _check_potentials("crf", "log_A", log_A)
    # 0 times infinity is NaN and forbids nothing
    check_finite("crf", "weights", weights, "; forbid by -inf in log_A")
    check_finite("crf", "data", features)
