"""Minibatches: shuffled rows of the data; each row occurs once in an epoch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from srcdiff.vi.model.pytree import Data, Pytree


class Batches:
    """Batches of shuffled rows; the last one of an epoch may be smaller.

    Parameters
    ----------
    data : tuple
        Arrays may be memory-mapped: the rows of a batch are read when the batch is taken, in the order of the file.
    by_row : tuple of bool
        Which data have rows; others are passed unchanged.
    """

    def __init__(
        self,
        data: Data,
        by_row: tuple[bool, ...],
        rows: int,
        size: int,
        rng: np.random.Generator,
    ) -> None:
        self.data = data
        self.by_row = by_row
        self.rows = rows
        self.size = size
        self.rng = rng
        self.position = rows  # the first epoch has not begun
        self.epoch_state: Any = None
        self._order: Any = None

    def next(self) -> tuple[tuple[Any, ...], float]:
        """The data of the next batch, and the number of rows of the data for each row of the batch."""
        if self.position >= self.rows:
            self._begin(self.rng.bit_generator.state)
        chosen = np.sort(self._order[self.position : self.position + self.size])
        self.position += self.size
        batch = tuple(
            np.asarray(a[chosen]) if is_row else a
            for a, is_row in zip(self.data, self.by_row, strict=True)
        )
        return batch, self.rows / len(chosen)

    def _begin(self, state: Pytree) -> None:
        """Shuffle, with the generator as it was in `state`."""
        self.epoch_state = state
        self._order = self.rng.permutation(self.rows)
        self.position = 0

    # ---- for checkpoints

    def state(self) -> dict[str, object]:
        """The state for a checkpoint: where the epoch stands, and the generator's state before its shuffling."""
        return {"position": self.position, "epoch": self.epoch_state}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a state. The generator is left as the epoch's shuffling leaves it; the caller
        sets its state.
        """
        if state["epoch"] is not None:
            self.rng.bit_generator.state = state["epoch"]
            self._begin(state["epoch"])
        self.position = state["position"]
