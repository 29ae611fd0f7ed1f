"""An exponential family: a log-partition function, and the few parts that cannot be derived from it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from srcdiff.expfam.core import identities, semiring_queries
from srcdiff.expfam.core.moment_matching import matched
from srcdiff.expfam.core.parameter_checks import check_draws, check_values
from srcdiff.expfam.core.pytree import Pytree, as_floats, leaves, map_leaves

Part = Callable[..., object] | None  # what a family may have beside `log_Z`


class Family:
    """An exponential family, made by `family`. Each derived member is generated from `log_Z` and has a `source`.

    Attributes
    ----------
    log_Z : callable
        The user's log-partition function: `log_Z(eta, *data)`.
    mean : Inference
        `mean(eta, *data)`: the expected statistics.
    e_step : Inference
        `e_step(eta, *data)`: `(log_Z, expected statistics)`.
    fisher : Fisher
        `fisher(eta, *data, v)`: the covariance of the statistics times `v`.
    kl : Formula
        `kl(eta, other, *data)`: the divergence KL(eta, other), in nats.
    """

    def __init__(self, log_Z: identities.LogZ, given: dict[str, Any], options: dict[str, object]):
        self.log_Z = log_Z
        self.options = options
        self.name: str = given["name"] or log_Z.__name__
        self.statistics = given["statistics"]
        self.log_base = given["log_base"]
        self.mean_log_base = given["mean_log_base"]
        self.natural = given["natural"]
        self.usual = given["usual"]
        self.support = given["support"]
        self.domain = given["domain"]
        self.check = given["check"]
        self.start = given["start"]
        self.possible = given["possible"]
        self._draw = given["draw"]
        self._mode = given["mode"]

    @cached_property
    def mean(self) -> identities.Inference:
        """`mean(eta, *data)`: the expected statistics, shaped like `eta`."""
        return identities.mean(self.log_Z, self.check, **self.options)

    @cached_property
    def e_step(self) -> identities.Inference:
        """`e_step(eta, *data)`: `(log_Z, expected statistics)`."""
        return identities.e_step(self.log_Z, self.check, **self.options)

    @cached_property
    def fisher(self) -> identities.Fisher:
        """`fisher(eta, *data, v)`: the covariance of the statistics times `v`, which is shaped like `eta`."""
        return identities.fisher(self.log_Z, self.check, **self.options)

    @cached_property
    def kl(self) -> identities.Formula:
        """`kl(eta, other, *data)`: the Kullback-Leibler divergence KL(eta, other), in nats."""
        return identities.kl(self.log_Z, self.check, **self.options)

    @cached_property
    def viterbi(self) -> identities.Inference:
        """`viterbi(eta, *data)`: the largest log-weight, and the statistics of its term."""
        return identities.viterbi(self.log_Z, self.check, **self.options)

    def kbest(self, k: int) -> semiring_queries.Best:
        """`kbest(k)(eta, *data)`: the `k` largest log-weights, and the statistics of their terms."""
        return semiring_queries.kbest(self.log_Z, k, self.check, **self.options)

    @cached_property
    def count(self) -> identities.Inference:
        """`count(eta, *data)`: the number of terms that -inf does not forbid."""
        return semiring_queries.count(self.log_Z, self.check, **self.options)

    @cached_property
    def max_marginals(self) -> identities.Inference:
        """`max_marginals(eta, *data)`: for each potential, the largest log-weight of a term that has it."""
        return semiring_queries.max_marginals(self.log_Z, self.check, **self.options)

    @cached_property
    def expected_cost(self) -> semiring_queries.Cost:
        """`expected_cost(eta, costs, *data)`: the expected sum of the costs of a term's potentials."""
        return semiring_queries.expected_cost(self.log_Z, self.check, **self.options)

    @cached_property
    def third_cumulant(self) -> identities.ThirdCumulant:
        """`third_cumulant(eta, *data, u, v)`: the third cumulants of the statistics, contracted with `u` and `v`."""
        return identities.third_cumulant(self.log_Z, self.check, **self.options)

    @cached_property
    def entropy(self) -> identities.Formula | WithBase:
        """`entropy(eta, *data)`, in nats; the differential entropy for densities."""
        return self._with_base(identities.entropy(self.log_Z, self.check, **self.options))

    @cached_property
    def cross_entropy(self) -> identities.Formula | WithBase:
        """`cross_entropy(eta, other, *data)`: the mean of minus the log-density of `other`, under `eta`."""
        return self._with_base(identities.cross_entropy(self.log_Z, self.check, **self.options))

    def _with_base(self, made: identities.Formula) -> identities.Formula | WithBase:
        if self.log_base is None:
            return made
        if self.mean_log_base is None:
            raise ValueError(
                f"the {made.__name__} of {self.name} needs the mean of log h(x), which is not in log_Z: "
                "give family(..., mean_log_base=f) with f(eta)"
            )
        return WithBase(made, self.mean_log_base)

    def log_prob(self, eta: Pytree, x: Any, *data: Any) -> Any:
        """The log-density at `x`.

        Parameters
        ----------
        eta
            Natural parameters.
        x
            One value, or many along leading axes.
        *data
            The data that `log_Z` is conditioned on.

        Returns
        -------
        float or array
            One number for each value; -inf for a value that is not possible, NaN for a value with NaN.

        Raises
        ------
        ValueError
            For parameters that the family's check refuses, and for a family without `statistics`.
        """
        eta = self._checked(eta, *data)
        with np.errstate(divide="ignore", invalid="ignore"):  # values that are not possible
            stats = self._statistics(eta, x)
        return self._log_density(eta, x, stats, *data)

    def log_prob_of_each(self, etas: Sequence[Any], x: object) -> np.ndarray:
        """The log-density of each value under each of several parameters.

        Parameters
        ----------
        etas : sequence
            Natural parameters of equal shapes.
        x : array
            `n` values along the first axis.

        Returns
        -------
        array, shape (n, len(etas))
        """
        etas = [self._checked(eta) for eta in etas]
        with np.errstate(divide="ignore", invalid="ignore"):
            stats = self._statistics(etas[0], x)
        return np.stack([self._log_density(eta, x, stats) for eta in etas], axis=1)

    def _checked(self, eta: Pytree, *data: Any) -> Pytree:
        eta = as_floats(eta)
        if self.check is not None:
            self.check(eta, *data)
        return eta

    def _log_density(self, eta: Pytree, x: Any, stats: Pytree, *data: Any) -> Any:
        holds = None
        if self.possible is not None:
            possible, missing = self._possible(eta, x)
            holds = possible | missing  # NaN stays NaN
        weighed = sum(
            _contracted(s, e) for s, e in zip(leaves(stats), leaves(eta), strict=True)
        ) - self.log_Z(eta, *data)
        found = weighed if self.log_base is None else weighed + self.log_base(eta, x)
        return found if holds is None else np.where(holds, found, -np.inf)[()]

    def check_values(self, eta: Pytree, xs: np.ndarray, what: str = "xs") -> None:
        """Raise ValueError for values that are not possible under the family, and for NaN."""
        if self.possible is not None:
            check_values(self.name, what, xs, self._possible(eta, xs)[0])

    def _possible(self, eta: Pytree, x: Any) -> tuple[Any, Any]:
        """For one value or each of many: whether it is possible, and whether it holds NaN."""
        x = np.asarray(x, float)
        with np.errstate(invalid="ignore"):
            holds = np.asarray(self.possible(eta, x))
        missing = np.isnan(x)
        own = np.ndim(leaves(eta)[0])
        left = own - (x.ndim - holds.ndim)  # axes of independent variables
        whole = tuple(range(holds.ndim - left, holds.ndim))
        return np.all(holds, axis=whole), np.any(missing, axis=tuple(range(x.ndim - own, x.ndim)))

    def _statistics(self, eta: Pytree, x: Any) -> Pytree:
        if self.statistics is None:
            raise ValueError(
                f"{self.name} has no statistics: give family(..., statistics=t) with t(eta, x)"
            )
        return self.statistics(eta, x)

    def mean_statistics(self, eta: Pytree, xs: np.ndarray, weights: Any = None) -> Pytree:
        """The mean of the statistics of observations, for `fit`.

        Parameters
        ----------
        eta
            Natural parameters, of which only the shapes matter.
        xs : array
            `n` observations along the first axis.
        weights : array, shape (n,) or (n, K), optional
            A weight for each observation. Two axes give `K` means along a first axis.

        Raises
        ------
        ValueError
            For observations that are not possible under the family, and for NaN.
        """
        self.check_values(eta, xs)
        stats = self._statistics(eta, xs)
        if np.ndim(weights) != 2:
            return map_leaves(lambda s: np.average(s, axis=0, weights=weights), stats)
        shares = weights / np.sum(weights, axis=0)
        return map_leaves(lambda s: np.tensordot(shares, np.asarray(s), axes=(0, 0)), stats)

    def sample(self, eta: Pytree, rng: np.random.Generator, n: int, *data: Any) -> Any:
        """`n` draws.

        Parameters
        ----------
        eta
            Natural parameters.
        rng : numpy.random.Generator
        n : int
            The number of draws, which are the first axis of the result.
        *data
            The data that `log_Z` is conditioned on.

        Raises
        ------
        TypeError
            If `rng` is not a generator.
        ValueError
            For a negative `n`, for parameters that the family's check refuses, and for a family with neither `draw` nor
            `support`.
        """
        check_draws(rng, n)
        eta = self._checked(eta, *data)
        if self._draw is not None:
            return self._draw(eta, rng, n, *data)
        if self.support is None:
            raise ValueError(
                f"{self.name} does not say how to draw from it: give family(..., draw=f) with f(eta, rng, n), "
                "or support=f with f(eta) for finitely many values"
            )
        values = self.support(eta)
        p = np.exp(np.array([self.log_prob(eta, x) for x in values]))
        chosen = rng.choice(len(values), size=n, p=p / p.sum())
        return np.array([values[k] for k in chosen])

    def mode(self, eta: Pytree, *data: Any) -> Pytree:
        """The most probable value.

        Raises
        ------
        ValueError
            For parameters that the family's check refuses, and for a family with neither `mode` nor `support`.
        """
        eta = self._checked(eta, *data)
        if self._mode is not None:
            return self._mode(eta, *data)
        if self.support is None:
            raise ValueError(
                f"{self.name} does not say what its mode is: give family(..., mode=f) with f(eta), "
                "or support=f with f(eta) for finitely many values"
            )
        values = self.support(eta)
        return values[int(np.argmax([self.log_prob(eta, x) for x in values]))]

    def fit(self, stats: Pytree, *data: Any, start: Pytree = None) -> Pytree:
        """Maximum likelihood: the parameters whose expected statistics are `stats`, by Newton's method.

        In natural parameters the Hessian of the likelihood is minus the Fisher information, so each step is a step
        along the natural gradient.

        Parameters
        ----------
        stats
            Mean statistics of observations, shaped like `eta`; see `mean_statistics`.
        *data
            The data that `log_Z` is conditioned on.
        start : optional
            The first iterate, shaped like `eta`; the default is the family's own.

        Raises
        ------
        ValueError
            If no parameters have these statistics: they lie on the boundary (all observations equal, say).
        """
        stats = as_floats(stats)
        if start is None:
            if self.start is None:
                raise ValueError(f"{self.name} does not say where to start: pass fit(..., start=)")
            start = self.start(stats)
        return matched(self, stats, as_floats(start), data)

    def __repr__(self) -> str:
        return f"<srcdiff.expfam family {self.name}>"

    def __reduce__(self) -> Any:
        """A family of this package is pickled by its name; a user's family is pickled if all its parts can be."""
        if getattr(sys.modules["srcdiff.expfam"], self.name, None) is self:
            return _ready, (self.name,)
        return super().__reduce__()


def _ready(name: str) -> Any:
    return getattr(sys.modules["srcdiff.expfam"], name)


class WithBase:
    """An entropy, or cross-entropy, of a family with a base measure: the mean of log h(x) is subtracted."""

    def __init__(self, formula: identities.Formula, mean_log_base: Callable[..., Any]) -> None:
        self.formula = formula
        self.mean_log_base = mean_log_base

    def __call__(self, eta: Pytree, *data: Any) -> float:
        return float(self.formula(eta, *data) - self.mean_log_base(as_floats(eta)))

    @property
    def source(self) -> str:
        """The source of the part that follows from `log_Z`."""
        return self.formula.source

    def source_for(self, *args: object) -> str:
        """The source for these arguments; nothing is run."""
        return self.formula.source_for(*args)


def _contracted(stats: Pytree, eta: Pytree) -> Any:
    """Statistics of one or many observations times parameters, summed; 0 times -inf is 0."""
    stats = np.asarray(stats, float)
    if np.all(np.isfinite(eta)):
        return np.tensordot(stats, eta, np.ndim(eta))
    axes = tuple(range(stats.ndim - np.ndim(eta), stats.ndim))
    return np.sum(stats * np.where(stats == 0.0, 0.0, eta), axis=axes)


def family(
    log_Z: identities.LogZ,
    *,
    name: str = "",
    statistics: Part = None,
    log_base: Part = None,
    mean_log_base: Part = None,
    support: Part = None,
    draw: Part = None,
    mode: Part = None,
    domain: Part = None,
    start: Part = None,
    possible: Part = None,
    natural: Part = None,
    usual: Part = None,
    check: Callable[..., None] | None = None,
    **options: Any,
) -> Family:
    """The exponential family of a log-partition function. All parameters but `log_Z` are optional.

    Parameters
    ----------
    log_Z : callable
        `log_Z(eta, *data)`: natural parameters (any structure of numbers and arrays), and the data of a conditional
        model.
    name : str
        The name in messages; the default is the name of `log_Z`.
    statistics : callable
        `t(eta, x)`: the statistics of one value, or of many along leading axes, in the structure of `eta`; of `eta`,
        only sizes matter. `log_prob` and `mean_statistics` need it.
    log_base : callable
        `log h(x)` as a function of `(eta, x)`, unless it is 0.
    mean_log_base : callable
        The mean of `log h(x)` as a function of `eta`, which `entropy` needs.
    support : callable
        All values as a function of `eta`, if there are finitely many: `sample` and `mode` enumerate them.
    draw : callable
        `draw(eta, rng, n, *data)`, for `sample`.
    mode : callable
        The most probable value, as a function of `(eta, *data)`.
    domain : callable
        Whether `eta` is possible, if `log_Z` does not show it by NaN, infinity or `LinAlgError`.
    start : callable
        The first iterate of `fit`, as a function of the statistics.
    possible : callable
        Whether an observation is possible, for each element of an array of floats, as a function of `(eta, x)`:
        `log_prob` is -inf for others, and `mean_statistics` raises an error.
    natural, usual : callables
        From the usual parameters to `eta`, and back.
    check : callable
        `check(eta, *data)` raises for bad input, in the terms of the model.
    **options
        As for `srcdiff.grad`: `jit`, `residuals`, ...

    Examples
    --------
    >>> import numpy as np
    >>> from srcdiff import expfam
    >>> def log_Z(eta):
    ...     return np.logaddexp(0.0, eta)
    >>> coin = expfam.family(log_Z, jit=False)
    >>> float(coin.mean(0.0))
    0.5
    """
    given = {
        "name": name, "statistics": statistics, "log_base": log_base, "mean_log_base": mean_log_base,
        "support": support, "draw": draw, "mode": mode, "domain": domain, "start": start, "possible": possible,
        "natural": natural, "usual": usual, "check": check,
    }  # fmt: skip
    if not callable(log_Z):
        raise TypeError(f"log_Z is a function of natural parameters, not {log_Z!r}")
    return Family(log_Z, given, options)
