"""Standard normal noise: the draws of a bound as an explicit argument."""

import warnings
from typing import Any

import numpy as np

__all__ = ["standard_normal"]


def standard_normal(rng: np.random.Generator, draws: int, size: int, kind: str) -> Any:
    """Noise of shape (draws, size).

    Parameters
    ----------
    kind : str
        "independent"; "antithetic": the second half is minus the first; "quasi-random": a scrambled Sobol sequence.
    """
    if size == 0:
        return np.zeros((draws, 0))
    if kind == "antithetic":
        if draws % 2:
            raise ValueError(f"draws={draws}: antithetic draws come in pairs")
        half = rng.standard_normal((draws // 2, size))
        return np.concatenate((half, -half))
    if kind == "quasi-random":
        return _sobol(rng, draws, size)
    return rng.standard_normal((draws, size))


def _sobol(rng: np.random.Generator, draws: int, size: int) -> Any:
    # SciPy's statistics take half a second to import
    from scipy.special import ndtri
    from scipy.stats import qmc

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that numbers of draws other than 2**m are less even
        # of a number: SciPy would spawn a generator, of which the state of `rng` knows nothing
        seed = int(rng.integers(2**63))
        uniform = qmc.Sobol(size, scramble=True, seed=seed).random(draws)
    return ndtri(np.clip(uniform, 2.0**-53, 1.0 - 2.0**-53))
