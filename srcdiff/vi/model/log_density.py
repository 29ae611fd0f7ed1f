"""A model given by its density: a plain function, with its latent sites declared."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from srcdiff.vi.distributions.supports import constraints
from srcdiff.vi.model.models import is_finite, log_joint, sites
from srcdiff.vi.model.program_text import generators_of, load_text, name_of, parameter
from srcdiff.vi.model.unconstrained_layout import layout_of


class LogDensity:
    """A model given by its log-joint: any function that srcdiff differentiates.

    Parameters
    ----------
    f : callable
        `f(*sites, *data)` returns log p(sites, data), up to a constant.
    latents : dict
        The first parameters of `f`, in order: for each a shape; or a constraint of `srcdiff.vi.constraints`; or
        `(shape, constraint)`. A shape alone stands for real numbers, a constraint alone for one number.
    prior : callable, optional
        `prior(*sites)`: the part of log p that does not belong to rows of the data. `f` is then the log likelihood,
        which batches weight.

    Raises
    ------
    ValueError
        If the names are not those of the first parameters.

    Examples
    --------
    >>> def log_joint(mu, sigma, x):
    ...     return np.sum(-0.5 * ((x - mu) / sigma) ** 2 - np.log(sigma)) - 0.5 * mu**2 - sigma
    >>> model = vi.LogDensity(log_joint, {"mu": (), "sigma": vi.constraints.positive})
    """

    def __init__(
        self,
        f: Callable[..., Any],
        latents: Mapping[str, object],
        prior: Callable[..., object] | None = None,
    ) -> None:
        names = list(inspect.signature(f).parameters)
        for k, name in enumerate(latents):
            if k >= len(names) or names[k] != name:
                there = f"its parameters are {', '.join(names)}"
                raise ValueError(
                    f"LogDensity: {f.__name__} has to take the latent sites first, in their order; {name!r} does not "
                    f"stand in place {k + 1}: {there}"
                )
        self.f = f
        self.prior = prior
        self.__name__ = f.__name__
        self.data = tuple(names[len(latents) :])
        self.layout = layout_of(
            [(name, *_shape_and_support(name, each), "") for name, each in latents.items()]
        )

    @property
    def model_name(self) -> str:
        """The stem of the names of generated functions."""
        name = self.f.__name__
        for ending in ("_log_joint", "log_joint", "_log_likelihood", "log_likelihood"):
            name = name.removesuffix(ending)
        return name if name.isidentifier() else "model"

    def __call__(self, *args: Any) -> Any:
        """Log p, the prior included."""
        value = self.f(*args)
        if self.prior is not None:
            value = value + self.prior(*args[: len(self.layout.names)])
        return value


def observing(model: Callable[..., Any], observed: Sequence[str], *data: Any) -> LogDensity:
    """A `LogDensity` of a model that draws from a `Generator`: some of its draws were observed.

    Parameters
    ----------
    model : callable
        A function that draws from a parameter `rng`, or from a parameter annotated as a `Generator`.
    observed : sequence of str
        The names of sites that are data.
    *data
        The model's other arguments, for their shapes.

    Returns
    -------
    LogDensity
        Its data are the observed values, in this order, and after them the model's other arguments:
        `vi.fit(vi.observing(schools, ["y"], sigma), vi.FullRank(), y, sigma)`.

    Raises
    ------
    ValueError
        The model has no generator or no such site, or the support of a site is not known.
    """
    if not generators_of(model):
        raise ValueError(
            f"{name_of(model)} has no parameter that is a generator: what vi.sample draws is observed by obs="
        )
    found = {site.name: site for site in sites(model, *data)}
    for name in observed:
        if name not in found:
            raise ValueError(
                f"{name_of(model)} draws no {name!r}; it draws {', '.join(map(repr, found))}"
            )
    latents = {}
    for name, site in found.items():
        if name in observed or is_finite(site):
            continue
        if site.support is None or None in site.shape:
            raise ValueError(
                f"site {name!r} ({site.line}): its shape, or where its values may lie, is not known before the run"
            )
        latents[name] = site.shape, site.support
    made = log_joint(model, [*latents, *observed], jit=False)
    own = [n for n in inspect.signature(model).parameters if n not in generators_of(model)]
    first = [parameter(name) for name in (*latents, *observed)]
    name = f"{name_of(model)}_log_joint"
    parameters = ", ".join([*first, *own])
    text = f"def {name}({parameters}):\n    return log_joint({parameters})\n"
    density: Any = load_text(text, name, {"log_joint": made})
    density.source_for = made.source_for
    return LogDensity(density, {parameter(k): v for k, v in latents.items()})


def _shape_and_support(name: str, given: Any) -> tuple[tuple[int, ...], object]:
    if isinstance(given, constraints.Constraint):
        return (), given
    if isinstance(given, int):
        return (given,), constraints.real
    if isinstance(given, tuple) and all(isinstance(n, int) for n in given):
        return given, constraints.real
    if (
        isinstance(given, tuple)
        and len(given) == 2
        and isinstance(given[1], constraints.Constraint)
    ):
        shape = (given[0],) if isinstance(given[0], int) else tuple(given[0])
        return shape, given[1]
    raise ValueError(
        f"LogDensity: site {name!r} is {given!r}; it has to be a shape, a constraint, or (shape, constraint)"
    )
