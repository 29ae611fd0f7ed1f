"""The noise of a bound's draws as an explicit argument: standard normal or uniform numbers."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np


def standard_normal(rng: np.random.Generator, draws: int, size: int, kind: str) -> Any:
    """Standard normal noise of shape (draws, size).

    Parameters
    ----------
    kind : str
        "independent"; "antithetic": the second half is minus the first; "quasi-random": a scrambled Sobol sequence;
        "stratified": each number has one draw in the middle of each of `draws` intervals of equal probability.
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
    if kind == "stratified":
        from scipy.special import ndtri  # slow to import

        order = rng.permuted(np.tile(np.arange(draws), (size, 1)), axis=1)
        return ndtri((order.T + 0.5) / draws)
    return rng.standard_normal((draws, size))


def noise_of_sites(
    sites: Sequence[Any], rng: np.random.Generator, draws: int, kind: str
) -> dict[str, np.ndarray]:
    """A dict of noise for each site, of shape (draws, *noise_shape): standard normal, or uniform in (0, 1), as
    `site.noise` says.
    """
    sizes = [int(np.prod(site.noise_shape, dtype=int)) for site in sites]
    found = {}
    if kind == "independent":  # uniform numbers come directly from the generator
        for site in sites:
            shape = (draws, *site.noise_shape)
            normal = site.noise == "normal"
            found[site.name] = (
                rng.standard_normal(shape) if normal else np.maximum(rng.random(shape), 2.0**-54)
            )
        return found
    from scipy.special import ndtr  # slow to import

    ends = np.cumsum(sizes)
    columns = np.split(standard_normal(rng, draws, int(ends[-1]), kind), ends[:-1], axis=1)
    for site, part in zip(sites, columns, strict=True):
        eps = part.reshape((draws, *site.noise_shape))
        found[site.name] = eps if site.noise == "normal" else ndtr(eps)
    return found


def _sobol(rng: np.random.Generator, draws: int, size: int) -> Any:
    # SciPy's statistics take half a second to import
    from scipy.special import ndtri
    from scipy.stats import qmc

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # the warning that numbers of draws other than 2**m are less even
        # from an integer seed: SciPy would spawn a generator, whose state is not part of the state of `rng`
        seed = int(rng.integers(2**63))
        uniform = qmc.Sobol(size, scramble=True, seed=seed).random(draws)
    return ndtri(np.clip(uniform, 2.0**-53, 1.0 - 2.0**-53))
