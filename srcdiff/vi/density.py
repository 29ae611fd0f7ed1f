"""What is fitted, as a log-joint of latent variables and data: a plain function with its sites declared."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from srcdiff.vi.distributions import constraints
from srcdiff.vi.layout import Layout, layout_of

__all__ = ["LogDensity", "Target"]


@dataclass(frozen=True)
class Target:
    """A log-joint for data of certain types.

    Attributes
    ----------
    name : str
        Of the model.
    layout : Layout
        Of the latent sites.
    log_joint : callable
        `log_joint(*values of the sites, *data)`.
    data : tuple of str
        What the data are called.
    text : callable
        `text(values, *data)`: its source, or "" where that is the user's own.
    """

    name: str
    layout: Layout
    log_joint: Callable[..., Any]
    data: tuple[str, ...]
    text: Callable[..., str]


class LogDensity:
    """A model given by its log-joint: any function that srcdiff differentiates.

    Parameters
    ----------
    f : callable
        `f(*sites, *data)` returns log p(sites, data), up to a constant.
    latents : dict
        What the first parameters of `f` are, in order: a shape; or a constraint of `srcdiff.vi.constraints`; or
        `(shape, constraint)`. A shape alone is of real numbers, a constraint alone of one number.

    Examples
    --------
    >>> def log_joint(mu, sigma, x):
    ...     return np.sum(-0.5 * ((x - mu) / sigma) ** 2 - np.log(sigma)) - 0.5 * mu**2 - sigma
    >>> model = vi.LogDensity(log_joint, {"mu": (), "sigma": vi.constraints.positive})

    Raises
    ------
    ValueError
        If the names are not those of the first parameters.
    """

    def __init__(self, f: Callable[..., Any], latents: Mapping[str, Any]) -> None:
        names = list(inspect.signature(f).parameters)
        for k, name in enumerate(latents):
            if k >= len(names) or names[k] != name:
                there = f"its parameters are {', '.join(names)}"
                raise ValueError(
                    f"LogDensity: {f.__name__} has to take the latent sites first, in their order; {name!r} does not stand "
                    f"in place {k + 1}: {there}"
                )
        self.f = f
        self.__name__ = f.__name__
        self.data = tuple(names[len(latents) :])
        self.layout = layout_of(
            [(name, *_shape_and_support(name, each)) for name, each in latents.items()]
        )

    def __call__(self, *args: Any) -> Any:
        return self.f(*args)

    def target(self) -> Target:
        name = self.f.__name__.removesuffix("_log_joint").removesuffix("log_joint") or "model"
        if not name.isidentifier():
            name = "model"
        return Target(name, self.layout, self.f, self.data, lambda *_: _source_of(self.f, name))


def _shape_and_support(name: str, given: Any) -> tuple[tuple[int, ...], Any]:
    if isinstance(given, constraints.Constraint):
        return (), given
    if isinstance(given, int):
        return (given,), constraints.real
    if isinstance(given, tuple) and all(isinstance(n, int) for n in given):
        return given, constraints.real
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], constraints.Constraint):
        shape = (given[0],) if isinstance(given[0], int) else tuple(given[0])
        return shape, given[1]
    raise ValueError(
        f"LogDensity: site {name!r} is {given!r}; it has to be a shape, a constraint, or (shape, constraint)"
    )


def _source_of(f: Callable[..., Any], name: str) -> str:
    try:
        text = inspect.cleandoc("\n" + inspect.getsource(f))
    except (OSError, TypeError):
        return ""
    return text.replace(f"def {f.__name__}(", f"def {name}_log_joint(", 1) + "\n"
