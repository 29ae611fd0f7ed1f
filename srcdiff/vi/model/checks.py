"""Validation of a model's arguments before a fit: parameters in their domains, data in their support."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from srcdiff.effects import handle
from srcdiff.vi.distributions.base import Distribution
from srcdiff.vi.distributions.mixtures_and_point_masses import ImproperUniform
from srcdiff.vi.model.program_text import check_count, generators_of, name_of
from srcdiff.vi.model.pytree import Data, Pytree
from srcdiff.vi.model.semantics_base import Plate


def check(
    model: Callable[..., Any], *data: Any, rng: np.random.Generator | int | None = 0, draws: int = 1
) -> None:
    """Run a model with latent values from its prior, and check all distributions and observed values.

    Parameters
    ----------
    model : callable
    *data
        The model's arguments.
    rng : Generator or seed
    draws : int
        The number of runs.

    Raises
    ------
    ValueError
        A parameter is not in its domain, or data are NaN, empty, or not in the support of their distribution. The
        message names site, argument, place and line. Also for a model that draws from a generator.
    """
    if generators_of(model):
        raise ValueError(
            f"{name_of(model)} draws from a generator: there are no observed values to check"
        )
    generator = np.random.default_rng(rng)
    check_count(model, data)
    _check_data(model, data)
    for _ in range(draws):
        checking = _Check(generator)
        with _reported_at_its_line(checking):
            handle(checking, model, *data)


_USERS = (ValueError, TypeError, IndexError, AttributeError)


@contextmanager
def _reported_at_its_line(checking: _Check) -> Iterator[None]:
    """Errors of NumPy or Python in a model are raised again with the user's line, and the latest site before it."""
    try:
        yield
    except _USERS as error:
        own = Path(__file__).parents[2], Path(np.__file__).parent
        frames = [f for f in traceback.extract_tb(error.__traceback__) if not _is_in(f, own)]
        line = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        if not line or str(error).startswith(line):
            raise
        behind = f", behind site {checking.latest!r}" if checking.latest else ""
        kinds = (k for k in _USERS if isinstance(error, k))
        raise next(kinds)(f"{line}{behind}: {error}") from error


def _is_in(frame: traceback.FrameSummary, folders: tuple[Path, ...]) -> bool:
    return any(folder in Path(frame.filename).parents for folder in folders)


def explain(model: Callable[..., Any], values: dict[str, Any], data: Data) -> str:
    """The error that the model raises for these values of its sites, as text; "" if there is none."""
    try:
        with np.errstate(all="ignore"):
            handle(_Check(np.random.default_rng(0), values), model, *data)
    except ValueError as error:
        return str(error)
    except _OneAfterAnother:
        pass
    return ""


def supports_of(model: Callable[..., Any], data: Data) -> dict[str, object]:
    """The supports of the sites in one run; None for a site whose iterations differ."""
    found: dict[str, Any] = {}
    handle(_Supports(np.random.default_rng(0), found), model, *data)
    return found


class _OneAfterAnother(Exception):
    """A site has another value in each iteration of a loop, so a run with one value explains nothing."""


def _check_data(model: Callable[..., Any], data: Data) -> None:
    """Raise for data that are not arrays, by the names of the model's parameters."""
    names = [*inspect.signature(model).parameters]
    for name, value in zip(names, data, strict=False):
        if isinstance(value, list) and value and isinstance(value[0], int | float | list):
            raise TypeError(
                f"the model {name_of(model)!r}: {name!r} is a list; pass an array, np.array({name})"
            )
        if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
            raise TypeError(
                f"the model {name_of(model)!r}: {name!r} is an array of {value.dtype}, and no numbers"
            )


class Items(Plate):
    """A plate of a model in a run."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.size) if self.rows is None else self.rows)


class _Check:
    def __init__(self, rng: np.random.Generator, values: dict[str, Any] | None = None) -> None:
        self.rng = rng
        self.values = values or {}
        self.sizes: tuple[int, ...] = ()
        self.latest = ""  # the site that was checked last

    def sample(self, name: str, distribution: Any = None, obs: Any = None) -> Any:
        if not isinstance(name, str):
            raise TypeError(
                f"{line_of_user()}: vi.sample takes a name first, a text, and then the distribution; got {name!r}"
            )
        if not hasattr(distribution, "log_prob"):
            raise TypeError(
                f"{line_of_user()}: site {name!r} needs a distribution of srcdiff.vi.dist, got {distribution!r}"
            )
        where = f"{line_of_user()}: site {name!r}, "
        if isinstance(distribution, Distribution):
            distribution.validate(where)
        self.latest = name
        if obs is not None:
            if np.size(obs) == 0:
                raise ValueError(f"{where}observed: there are no values")
            if isinstance(distribution, Distribution):
                distribution.validate_value(obs, where)
            return obs
        batch = distribution.batch_shape
        try:
            shape = np.broadcast_shapes(self.sizes, batch)
        except ValueError:
            raise ValueError(
                f"{where}{type(distribution).__name__}: batch_shape {batch} does not fit plates of {self.sizes} items"
            ) from None
        if name in self.values:
            value = self.values[name]
            if np.shape(value) != (*shape, *distribution.event_shape):
                raise _OneAfterAnother
            return value
        return some_draw(distribution, self.rng, shape[: len(shape) - len(batch)])

    def param(self, name: str, init: Pytree, constraint: Any = None) -> Any:
        value = self.values.get(name, init)
        if constraint is not None and not np.all(constraint.contains(value)):
            raise ValueError(
                f"{line_of_user()}: the parameter {name!r} is outside of {constraint}, it is {value}"
            )
        return value

    def plate(self, name: str, size: int, subsample: np.ndarray | None = None) -> Items:
        if size == 0:
            raise ValueError(f"{line_of_user()}: the plate {name!r} is empty")
        count = size if subsample is None else len(subsample)
        return Items(name, count, subsample, None)  # type: ignore[no-untyped-call]

    def enter_plate(self, plate: Items) -> None:
        self.sizes = (*self.sizes, plate.size)

    def leave_plate(self) -> None:
        self.sizes = self.sizes[:-1]


class _Supports(_Check):
    """A handler that notes supports and checks nothing."""

    def __init__(self, rng: np.random.Generator, found: dict[str, Any]) -> None:
        super().__init__(rng)
        self.found = found

    def sample(self, name: str, distribution: Any = None, obs: Any = None) -> Any:
        support = distribution.support
        is_same = self.found.setdefault(name, support) == support
        self.found[name] = support if is_same else None
        if obs is not None:
            return obs
        batch = distribution.batch_shape
        shape = np.broadcast_shapes(self.sizes, batch)
        return some_draw(distribution, self.rng, shape[: len(shape) - len(batch)])


def some_draw(distribution: Distribution, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Values that a site may have: a draw, or values from standard normal numbers if there is no sampler."""
    if not isinstance(distribution, ImproperUniform):
        return distribution.sample(rng, shape)
    support = distribution.support
    return support.constrain(
        rng.standard_normal(support.unconstrained_shape(distribution.shape(shape)))
    )


def line_of_user() -> str:
    """The user's line: the first frame outside srcdiff."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("srcdiff."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
