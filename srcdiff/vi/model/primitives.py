"""The effects of models: `sample`, `plate` and `param`. The handler that runs the model gives them their meaning
(`srcdiff.effect`).
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from srcdiff.effects import effect
from srcdiff.vi.model.pytree import Pytree

_ADVICE = "run the model by vi.log_joint, vi.prior or the like"


@effect
def sample(name: str, distribution: Any, obs: Any = None) -> Any:
    """The value of a random variable.

    Parameters
    ----------
    name : str
        The site's name, which is unique in the model.
    distribution
        From `vi.dist`, or any object with `log_prob(value)` and `sample(rng, shape=())`.
    obs : float, array or None
        The observed value; None for a latent site.

    Returns
    -------
    float or array
        The value, of the shape of the distribution and of the plates around the site.

    Raises
    ------
    RuntimeError
        Outside a handler.
    """
    raise RuntimeError(f"vi.sample({name!r}, ...) outside a model: {_ADVICE}")


@effect
def plate(name: str, size: int, subsample: ArrayLike | None = None) -> Any:
    """Independent items: `with plate(...) as rows` around statements for all items at once, or `for i in plate(...)`.

    Parameters
    ----------
    name : str
    size : int
        The number of items.
    subsample : array of int, optional
        The rows that are present; their log densities are multiplied by size / len(subsample).

    Raises
    ------
    RuntimeError
        Outside a handler.
    """
    raise RuntimeError(f"vi.plate({name!r}, ...) outside a model: {_ADVICE}")


@effect
def param(name: str, init: Pytree, constraint: object = None) -> Any:
    """A parameter that is fitted: of a guide, or of a model.

    Parameters
    ----------
    name : str
    init : float or array
        The first value of a fit.
    constraint : Constraint, optional
        The set of its values, one of `vi.constraints`.

    Raises
    ------
    RuntimeError
        Outside a handler.
    """
    raise RuntimeError(f"vi.param({name!r}, ...) outside a model: {_ADVICE}")
