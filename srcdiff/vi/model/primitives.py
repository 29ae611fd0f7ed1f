"""What a model says: `sample`, `plate` and `param`. What they do is up to who runs the model (`srcdiff.effect`)."""

from __future__ import annotations

from typing import Any

from srcdiff.effects import effect

__all__ = ["param", "plate", "sample"]

_ADVICE = "run the model by vi.log_joint, vi.prior or the like"


@effect
def sample(name: str, distribution: Any, obs: Any = None) -> Any:
    """The value of a random variable.

    Parameters
    ----------
    name : str
        One of its own in the model.
    distribution
        From `vi.dist`, or any object with `log_prob(value)` and `sample(rng, shape=())`.
    obs : float, array or None
        The value, where it was observed.
    """
    raise RuntimeError(f"vi.sample({name!r}, ...) outside a model: {_ADVICE}")


@effect
def plate(name: str, size: int, subsample: Any = None) -> Any:
    """Independent items: `with plate(...) as rows` around statements of all at once, or `for i in plate(...)`.

    Parameters
    ----------
    name : str
    size : int
        How many there are.
    subsample : array of int, optional
        The rows that are there; their log densities are multiplied by size / len(subsample).
    """
    raise RuntimeError(f"vi.plate({name!r}, ...) outside a model: {_ADVICE}")


@effect
def param(name: str, init: Any, constraint: Any = None) -> Any:
    """A parameter that is fitted, as it is in a guide, or in a model that is not all random.

    Parameters
    ----------
    name : str
    init : float or array
        Where a fit starts.
    constraint : Constraint, optional
        Where it lies, one of `vi.constraints`.
    """
    raise RuntimeError(f"vi.param({name!r}, ...) outside a model: {_ADVICE}")
