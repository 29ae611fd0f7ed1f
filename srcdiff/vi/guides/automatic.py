"""Automatic guides: families q(z; parameters) over the vector z of all latent sites, and their formulas as text.

A draw z of each guide is a function of its parameters and of standard normal noise eps. The methods that return text
write lines of generated code for one set of parameter names; `prefix` is put before each name (`held_` for a second
set).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from srcdiff.vi.model.pytree import Pytree


class DeltaParams(NamedTuple):
    """The place of the point: `loc` (D,), in the space of z."""

    loc: np.ndarray


class MeanFieldParams(NamedTuple):
    """Means `loc` and logarithms of standard deviations `log_scale`, both (D,)."""

    loc: np.ndarray
    log_scale: np.ndarray


class FullRankParams(NamedTuple):
    """C = exp(log_scale)[:, None] * (I + L), where L is the part of `lower` (D, D) below the diagonal."""

    loc: np.ndarray
    log_scale: np.ndarray
    lower: np.ndarray


class LowRankParams(NamedTuple):
    """Covariance diag(exp(log_scale)**2) + factor factor^T, with `factor` (D, rank)."""

    loc: np.ndarray
    log_scale: np.ndarray
    factor: np.ndarray


class Guide:
    """The base class of automatic guides."""

    params_type: Any
    words = ""

    def init(self, loc: np.ndarray, scale: float) -> Any:
        """First parameters: centred at `loc` (D,), with standard deviations `scale`."""
        raise NotImplementedError

    def noise_size(self, size: int) -> int:
        """The number of standard normal numbers in the noise of one draw of `size` numbers."""
        return size

    def prologue(self, prefix: str = "") -> list[str]:
        """Lines before the draws."""
        raise NotImplementedError

    def draw(self, eps: str, size: int, prefix: str = "") -> str:
        """The expression of z for a row of noise."""
        raise NotImplementedError

    def entropy(self, size: int, prefix: str = "") -> str:
        """The expression of the entropy in closed form."""
        raise NotImplementedError

    def log_density(self, size: int, prefix: str = "") -> tuple[list[str], str]:
        """Log q(z): lines, and an expression."""
        raise NotImplementedError

    def own_log_density(self, eps: str, size: int, prefix: str = "") -> tuple[list[str], str]:
        """Log q(z) at the draw from `eps` under the same parameters: lines, and an expression."""
        log_scale = f"np.sum({prefix}log_scale)"
        return [], f"-0.5 * np.sum({eps}**2 + LOG_2PI) - {log_scale}"

    def moments(self, params: Pytree) -> tuple[np.ndarray, np.ndarray]:
        """Mean (D,) and covariance (D, D) of z."""
        raise NotImplementedError

    def draws(self, params: Pytree, eps: np.ndarray) -> Any:
        """Draws z (n, D) from noise (n, noise_size)."""
        raise NotImplementedError

    def log_prob(self, params: Pytree, z: np.ndarray) -> Any:
        """Log q at each row of z (n, D): shape (n,)."""
        loc, cov = self.moments(params)
        C = np.linalg.cholesky(cov)
        whitened = np.linalg.solve(C, (z - loc).T)
        log_det = np.sum(np.log(np.diag(C)))
        return -0.5 * np.sum(whitened**2 + np.log(2.0 * np.pi), axis=0) - log_det

    def sampler(self, params: Pytree) -> tuple[dict[str, np.ndarray], list[str]]:
        """The text of draws for a module of its own: arrays by name, and lines that compute z (n, D) from n and rng."""
        raise NotImplementedError


@dataclass(frozen=True)
class Delta(Guide):
    """A point mass: the fit finds the maximum of log p over the users' values (MAP), without Jacobians of bijectors.

    It has no density, so there are no importance weights and no k-hat.
    """

    params_type = DeltaParams
    words = "a point"

    def init(self, loc: np.ndarray, scale: float) -> DeltaParams:
        return DeltaParams(np.array(loc, float))

    def noise_size(self, size: int) -> int:
        return 0

    def prologue(self, prefix: str = "") -> list[str]:
        return []

    def draw(self, eps: str, size: int, prefix: str = "") -> str:
        return f"{prefix}loc"

    def entropy(self, size: int, prefix: str = "") -> str:
        return ""

    def moments(self, params: DeltaParams) -> tuple[np.ndarray, np.ndarray]:
        size = len(params.loc)
        return params.loc, np.zeros((size, size))

    def log_prob(self, params: Pytree, z: np.ndarray) -> Any:
        raise TypeError("a point has no density: there are no importance weights, and no k-hat")

    def sampler(self, params: DeltaParams) -> tuple[dict[str, np.ndarray], list[str]]:
        return {"LOC": params.loc}, ["z = np.tile(LOC, (n, 1))"]

    def draws(self, params: DeltaParams, eps: np.ndarray) -> Any:
        return np.tile(params.loc, (len(eps), 1))


@dataclass(frozen=True)
class Laplace(Delta):
    """The Laplace approximation: a normal distribution at the maximum of the density of z; its precision is minus the
    Hessian there.
    """

    words = "the maximum of the density of z"


@dataclass(frozen=True)
class MeanField(Guide):
    """The mean-field family: independent normal distributions for all numbers of z."""

    params_type = MeanFieldParams
    words = "the mean-field guide"

    def init(self, loc: np.ndarray, scale: float) -> MeanFieldParams:
        return MeanFieldParams(np.array(loc, float), np.full(len(loc), np.log(scale)))

    def prologue(self, prefix: str = "") -> list[str]:
        return [f"{prefix}scale = np.exp({prefix}log_scale)"]

    def draw(self, eps: str, size: int, prefix: str = "") -> str:
        return f"{prefix}loc + {prefix}scale * {eps}"

    def entropy(self, size: int, prefix: str = "") -> str:
        return f"np.sum({prefix}log_scale) + {normal_constant(size)}"

    def log_density(self, size: int, prefix: str = "") -> tuple[list[str], str]:
        distances = f"((z - {prefix}loc) / {prefix}scale) ** 2"
        return [], f"-0.5 * np.sum({distances} + LOG_2PI) - np.sum({prefix}log_scale)"

    def moments(self, params: MeanFieldParams) -> tuple[np.ndarray, np.ndarray]:
        return params.loc, np.diag(np.exp(2.0 * params.log_scale))

    def draws(self, params: MeanFieldParams, eps: np.ndarray) -> Any:
        return params.loc + np.exp(params.log_scale) * eps

    def log_prob(self, params: MeanFieldParams, z: np.ndarray) -> Any:
        distances = ((z - params.loc) / np.exp(params.log_scale)) ** 2
        return -0.5 * np.sum(distances + np.log(2.0 * np.pi), axis=1) - np.sum(params.log_scale)

    def sampler(self, params: MeanFieldParams) -> tuple[dict[str, np.ndarray], list[str]]:
        arrays = {"LOC": params.loc, "SCALE": np.exp(params.log_scale)}
        return arrays, ["z = LOC + SCALE * rng.standard_normal((n, len(LOC)))"]


@dataclass(frozen=True)
class FullRank(Guide):
    """The full-rank family: a normal distribution with covariance C C^T."""

    params_type = FullRankParams
    words = "the full-rank guide"

    def init(self, loc: np.ndarray, scale: float) -> FullRankParams:
        size = len(loc)
        return FullRankParams(
            np.array(loc, float), np.full(size, np.log(scale)), np.zeros((size, size))
        )

    def prologue(self, prefix: str = "") -> list[str]:
        return [
            f"{prefix}scale = np.exp({prefix}log_scale)",
            f"{prefix}L = np.tril({prefix}lower, -1)",
        ]

    def draw(self, eps: str, size: int, prefix: str = "") -> str:
        return f"{prefix}loc + {prefix}scale * ({eps} + {prefix}L @ {eps})"

    def entropy(self, size: int, prefix: str = "") -> str:
        return f"np.sum({prefix}log_scale) + {normal_constant(size)}"

    def log_density(self, size: int, prefix: str = "") -> tuple[list[str], str]:
        lines = [
            f"whitened = solve_triangular({prefix}L + np.eye({size}), (z - {prefix}loc) / {prefix}scale, lower=True)"
        ]
        return lines, f"-0.5 * np.sum(whitened**2 + LOG_2PI) - np.sum({prefix}log_scale)"

    def scale_tril(self, params: FullRankParams) -> Any:
        """C, the Cholesky factor of the covariance."""
        unit = np.tril(params.lower, -1) + np.eye(len(params.loc))
        return np.exp(params.log_scale)[:, None] * unit

    def moments(self, params: FullRankParams) -> tuple[np.ndarray, np.ndarray]:
        C = self.scale_tril(params)
        return params.loc, C @ C.T

    def draws(self, params: FullRankParams, eps: np.ndarray) -> Any:
        return params.loc + eps @ self.scale_tril(params).T

    def sampler(self, params: FullRankParams) -> tuple[dict[str, np.ndarray], list[str]]:
        arrays = {"LOC": params.loc, "C": self.scale_tril(params)}
        return arrays, ["z = LOC + rng.standard_normal((n, len(LOC))) @ C.T"]


@dataclass(frozen=True)
class LowRank(Guide):
    """A low-rank family: a normal distribution with covariance diag(scale**2) + factor factor^T.

    Parameters
    ----------
    rank : int
        The number of columns of the factor.

    Raises
    ------
    ValueError
        If `rank` is less than 1.
    """

    rank: int = 2
    params_type = LowRankParams

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"LowRank: rank={self.rank}, at least 1 is needed")

    @property
    def words(self) -> str:  # type: ignore[override]
        return f"the guide of rank {self.rank}"

    def init(self, loc: np.ndarray, scale: float) -> LowRankParams:
        size = len(loc)
        # zeros would be a saddle point; waves of different frequencies are not parallel
        k, j = np.arange(size)[:, None], np.arange(1, self.rank + 1)
        factor = 0.1 * scale * np.cos(np.pi * (k + 0.5) * j / size) / np.sqrt(self.rank)
        return LowRankParams(np.array(loc, float), np.full(size, np.log(scale)), factor)

    def noise_size(self, size: int) -> int:
        return size + self.rank

    def prologue(self, prefix: str = "") -> list[str]:
        scaled = f"{prefix}factor / {prefix}scale[:, None]"
        return [
            f"{prefix}scale = np.exp({prefix}log_scale)",
            f"{prefix}scaled = {scaled}",
            f"{prefix}capacitance = np.eye({self.rank}) + {prefix}scaled.T @ {prefix}scaled",
            # det(diag(s**2) + F F^T) = prod(s**2) det(I + F^T diag(s**-2) F)
            f"{prefix}log_det = np.sum({prefix}log_scale) + 0.5 * np.linalg.slogdet({prefix}capacitance)[1]",
        ]

    def draw(self, eps: str, size: int, prefix: str = "") -> str:
        row = eps.removesuffix("]")
        own, common = f"{row}, :{size}]", f"{row}, {size}:]"
        return f"{prefix}loc + {prefix}scale * {own} + {prefix}factor @ {common}"

    def entropy(self, size: int, prefix: str = "") -> str:
        return f"{prefix}log_det + {normal_constant(size)}"

    def log_density(self, size: int, prefix: str = "") -> tuple[list[str], str]:
        lines = [
            f"distance = (z - {prefix}loc) / {prefix}scale",
            f"common = {prefix}scaled.T @ distance",
            f"square = distance @ distance - common @ np.linalg.solve({prefix}capacitance, common)",
        ]
        return lines, f"-0.5 * (square + {float(size)} * LOG_2PI) - {prefix}log_det"

    def own_log_density(self, eps: str, size: int, prefix: str = "") -> tuple[list[str], str]:
        return self.log_density(size, prefix)

    def moments(self, params: LowRankParams) -> tuple[np.ndarray, np.ndarray]:
        own = np.diag(np.exp(2.0 * params.log_scale))
        return params.loc, own + params.factor @ params.factor.T

    def draws(self, params: LowRankParams, eps: np.ndarray) -> Any:
        size = len(params.loc)
        common = eps[:, size:] @ params.factor.T
        return params.loc + np.exp(params.log_scale) * eps[:, :size] + common

    def sampler(self, params: LowRankParams) -> tuple[dict[str, np.ndarray], list[str]]:
        size = len(params.loc)
        arrays = {"LOC": params.loc, "SCALE": np.exp(params.log_scale), "FACTOR": params.factor}
        lines = [
            f"eps = rng.standard_normal((n, {size + self.rank}))",
            f"z = LOC + SCALE * eps[:, :{size}] + eps[:, {size}:] @ FACTOR.T",
        ]
        return arrays, lines


def gaussian(loc: np.ndarray, cov: np.ndarray) -> tuple[FullRank, FullRankParams]:
    """A full-rank guide with mean `loc` (D,) and covariance `cov` (D, D), and its parameters."""
    C = np.linalg.cholesky(cov)
    scale = np.diag(C).copy()
    return FullRank(), FullRankParams(loc, np.log(scale), np.tril(C / scale[:, None], -1))


def normal_constant(size: int) -> str:
    """The part of a normal distribution's entropy that depends on its size only."""
    return "(1.0 + LOG_2PI)" if size == 2 else f"{0.5 * size} * (1.0 + LOG_2PI)"
