"""Input-output hidden Markov models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcdiff.expfam.core.chain_checks import check_symbols
from srcdiff.expfam.sequence.emissions import of_symbols
from srcdiff.expfam.sequence.hmm import HMM, input_forward_log_Z, prior_marginals
from srcdiff.expfam.sequence.sequences import Given, Sequence, sequences_of, without_columns


class IOHMM(HMM):
    """An input-output hidden Markov model: the input at t selects the transition into time t.

    As `HMM`, with `inputs` (integers, one for each observation, or a list of such arrays) in each call. `log_A_` has
    the shape `(inputs, K, K)`.
    """

    _log_Z: Callable[..., object] = staticmethod(input_forward_log_Z)

    def _sequences(
        self, X: object, lengths: Given, observed: Given, inputs: Given
    ) -> list[Sequence]:
        if inputs is None:
            raise ValueError("IOHMM needs inputs, an integer for each observation")
        found = sequences_of(X, lengths, observed, inputs)
        sequences = without_columns(found, of_symbols(self.emissions))
        size = len(self.log_A_) if hasattr(self, "log_A_") else _largest(sequences) + 1
        for n, s in enumerate(sequences):
            check_symbols(f"inputs of sequence {n}", s.inputs, size, f"log_A has {size} inputs")
        return sequences

    def _rows(self, sequences: list[Sequence]) -> tuple[int, ...]:
        return _largest(sequences) + 1, self.n_states

    @property
    def _shape_of_moves(self) -> tuple[Any, ...]:
        return "", self.n_states, self.n_states

    def _data(self, sequence: Sequence) -> tuple[object, ...]:
        return (sequence.inputs,)

    def _steps(self, sequence: Sequence) -> Any:
        return self.log_A_[sequence.inputs[1:]]

    def _prior_marginals(self, n: int, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
        if inputs is None or len(inputs) != n:
            raise ValueError(f"IOHMM needs inputs, an integer for each of the {n} observations")
        return prior_marginals(self.log_pi_, self.log_A_[np.asarray(inputs)[1:]])


def _largest(sequences: list[Sequence]) -> int:
    return max(int(np.max(s.inputs)) for s in sequences)
