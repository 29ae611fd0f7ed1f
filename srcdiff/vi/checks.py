"""A look at a model's arguments before anything is fitted: parameters in their domains, data in their support."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcdiff.effects import handle
from srcdiff.vi.handlers import Plate
from srcdiff.vi.programs import generators_of, name_of

__all__ = ["check"]


def check(
    model: Callable[..., Any], *data: Any, rng: np.random.Generator | int | None = 0, draws: int = 1
) -> None:
    """Run a model with latent values from its prior, and look at all distributions and observed values.

    Parameters
    ----------
    model : callable
    *data
        Its arguments.
    rng : Generator or seed
    draws : int
        How often it is run.

    Raises
    ------
    ValueError
        A parameter is not in its domain, or data are NaN, empty, or not in the support of their distribution: names
        site, argument, place and line.
    """
    if generators_of(model):
        raise ValueError(
            f"{name_of(model)} draws from a generator: there are no observed values to check"
        )
    generator = np.random.default_rng(rng)
    for _ in range(draws):
        handle(_Check(generator), model, *data)


class _Items(Plate):
    """A plate of a model that is run."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size) if self.rows is None else self.rows)


class _Check:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.sizes: tuple[int, ...] = ()

    def sample(self, name: str, distribution: Any, obs: Any = None) -> Any:
        where = f"{_line()}: site {name!r}, "
        distribution.validate(where)
        if obs is not None:
            if np.size(obs) == 0:
                raise ValueError(f"{where}observed: there are no values")
            distribution.validate_value(obs, where)
            return obs
        batch = distribution.batch_shape
        shape = np.broadcast_shapes(self.sizes, batch)
        return distribution.sample(self.rng, shape[: len(shape) - len(batch)])

    def param(self, name: str, init: Any, constraint: Any = None) -> Any:
        if constraint is not None and not np.all(constraint.contains(init)):
            raise ValueError(f"{_line()}: the parameter {name!r} starts outside of {constraint}")
        return init

    def plate(self, name: str, size: int, subsample: Any = None) -> _Items:
        if size == 0:
            raise ValueError(f"{_line()}: the plate {name!r} is empty")
        count = size if subsample is None else len(subsample)
        return _Items(name, count, subsample, None)  # type: ignore[no-untyped-call]

    def enter_plate(self, plate: _Items) -> None:
        self.sizes = (*self.sizes, plate.size)

    def leave_plate(self) -> None:
        self.sizes = self.sizes[:-1]


def _line() -> str:
    """The user's line: the first frame that is not ours."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("srcdiff."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
