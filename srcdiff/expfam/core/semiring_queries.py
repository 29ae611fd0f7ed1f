"""Semiring queries: best terms, drawn terms, numbers of terms and expected costs, from the source of one `log_Z`.

Each query is a source transformation (`srcdiff.transform(log_Z, "semiring", semiring=...)`) of `log_Z(eta, *data)`,
whose sums of exponentials run over the terms of a model, such as paths or trees. The queries return statistics: shaped
like `eta`, with a 1 for each potential that the term has (a 2 for a potential that it has twice).
"""

from typing import Any

import numpy as np

import srcdiff
from srcdiff.expfam.core.identities import Check, Inference, LogZ
from srcdiff.expfam.core.parameter_checks import check_draws
from srcdiff.expfam.core.pytree import Pytree, as_floats, map_leaves

_NO_TERM = "there is no path: all of them are forbidden"


class Draws(Inference):
    """`draws(eta, rng, n, *data)`; see `sample`."""

    def __call__(self, eta: Pytree, rng: np.random.Generator, n: int, *data: Any) -> Pytree:
        check_draws(rng, n)
        eta = as_floats(eta)
        if self.check is not None:
            self.check(eta, *data)
        found = [self.generated(eta, *data, rng) for _ in range(n)]
        if any(log_Z == -np.inf for log_Z, _ in found):
            raise ValueError(_NO_TERM)
        if not found:
            return map_leaves(lambda leaf: np.zeros((0, *np.shape(leaf))), eta)
        return map_leaves(lambda *leaves: np.stack(leaves), *(stats for _, stats in found))

    def source_for(self, eta: Pytree, *data: Any) -> str:
        """The source for these arguments; nothing is run."""
        return self.generated.source_for(as_floats(eta), *data, np.random.default_rng(0))


class Best(Inference):
    """`best(eta, *data)`: the largest terms and their statistics; see `kbest`."""

    def __init__(self, generated: srcdiff.Generated, check: Check | None, k: int, options: Any):
        super().__init__(generated, check, f"The {k} largest log-weights, and their statistics.")
        self.k = k
        self.options = options

    def __call__(self, eta: Pytree, *data: Any) -> Pytree:
        eta = as_floats(eta)
        if self.check is not None:
            self.check(eta, *data)
        scores, back = srcdiff.vjp(self.generated, eta, *data, argnums=0, **self.options)
        scores = scores[scores > -np.inf]
        one_of = np.eye(self.k)[: len(scores)]
        if not len(scores):
            return scores, map_leaves(lambda leaf: np.zeros((0, *np.shape(leaf))), eta)
        return scores, map_leaves(lambda *leaves: np.stack(leaves), *map(back, one_of))


class Cost:
    """`cost(eta, costs, *data)`; see `expected_cost`."""

    def __init__(self, log_Z: LogZ, check: Check | None, options: Any) -> None:
        self.log_Z = log_Z
        self.check = check
        self.options = options
        self._maker = srcdiff.make_jvp(log_Z, **options)

    def __call__(self, eta: Pytree, costs: Any, *data: Any) -> Any:
        eta, costs = as_floats(eta), as_floats(costs)
        if self.check is not None:
            self.check(eta, *data)
        return self._maker(eta, *data)(costs)[1]

    @property
    def source(self) -> str:
        """The source of the latest specialisation."""
        return self._maker.source

    def source_for(self, eta: Pytree, *data: Any) -> str:
        """The source for these arguments; nothing is run."""
        return self._maker.source_for(as_floats(eta), *data)


def sample(log_Z: LogZ, check: Check | None = None, **options: Any) -> Draws:
    """`sample(log_Z)(eta, rng, n, *data)`: statistics of `n` terms, drawn with probabilities in proportion to their
    weights.

    It is forward filtering, backward sampling: each sum of exponentials draws one of its terms, and the derivative
    follows the drawn terms. Each leaf of the statistics has the draws along its first axis.

    Raises
    ------
    ValueError
        If all terms are forbidden.
    """
    made = srcdiff.transform(log_Z, "semiring", semiring="sample", **options)
    return Draws(made, check, "Statistics of terms that are drawn.")


def kbest(log_Z: LogZ, k: int, check: Check | None = None, **options: Any) -> Best:
    """`kbest(log_Z, k)(eta, *data)`: the `k` largest log-weights in descending order, and the statistics of their
    terms.

    Each leaf of the statistics has the terms along its first axis. The result has fewer than `k` terms if `log_Z` has
    fewer.
    """
    made = srcdiff.transform(log_Z, "semiring", semiring="kbest", k=k, **options)
    return Best(made, check, k, options)


def count(log_Z: LogZ, check: Check | None = None, **options: Any) -> Inference:
    """`count(log_Z)(eta, *data)`: the number of terms that -inf does not forbid, as a float."""
    made = srcdiff.transform(log_Z, "semiring", semiring="count", **options)
    return Inference(made, check, "How many terms there are.")


def max_marginals(log_Z: LogZ, check: Check | None = None, **options: Any) -> Inference:
    """`max_marginals(log_Z)(eta, *data)`: for each potential, the largest log-weight of a term that has it.

    The result is shaped like `eta`; it is -inf where no term has the potential.
    """
    made = srcdiff.transform(log_Z, "semiring", semiring="max_marginals", **options)
    return Inference(made, check, "The largest log-weight with each potential.")


def expected_cost(log_Z: LogZ, check: Check | None = None, **options: Any) -> Cost:
    """`expected_cost(log_Z)(eta, costs, *data)`: the expected sum of the costs of a term's potentials.

    `costs` are shaped like `eta`, and finite. The result is the derivative of `log_Z` along them: forward mode, which
    stores nothing for a backward part.
    """
    return Cost(log_Z, check, options)
