"""Variational inference: from a sampler program to readable ELBO gradients, and fits that can be trusted."""

import importlib
from typing import Any

from srcdiff.vi.checks import check
from srcdiff.vi.density import LogDensity, observing
from srcdiff.vi.elbo import Elbo, elbo, noise
from srcdiff.vi.fitting import fit
from srcdiff.vi.guides import Delta, FullRank, Laplace, LowRank, MeanField
from srcdiff.vi.idx import read_idx
from srcdiff.vi.khat import khat
from srcdiff.vi.models import Site, log_joint, sites
from srcdiff.vi.posterior import Posterior
from srcdiff.vi.primitives import param, plate, sample
from srcdiff.vi.sampling import Sampler, predictive, prior
from srcdiff.vi.stopping import Plateau

__all__ = [
    "Delta", "Elbo", "FullRank", "Laplace", "LogDensity", "LowRank", "MeanField", "Plateau", "Posterior", "Sampler",
    "Site", "check", "elbo", "fit", "khat", "log_joint", "noise", "observing", "param", "plate", "predictive", "prior",
    "read_idx", "sample", "sites",
]  # fmt: skip

_LATER = {
    "constraints": "srcdiff.vi.distributions.constraints",
    "dist": "srcdiff.vi.dist",
    "estimators": "srcdiff.vi.estimators",
    "optim": "srcdiff.vi.optim",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        found = globals()[name] = importlib.import_module(_LATER[name])
        return found
    raise AttributeError(f"module 'srcdiff.vi' has no attribute {name!r}")
