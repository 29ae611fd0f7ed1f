"""Variational inference: from a sampler program to readable ELBO gradients, and fits that can be trusted."""

import importlib
from typing import Any

from srcdiff.vi.checks import check
from srcdiff.vi.models import Site, log_joint, sites
from srcdiff.vi.primitives import param, plate, sample
from srcdiff.vi.sampling import Sampler, predictive, prior

__all__ = [
    "Sampler", "Site", "check", "log_joint", "param", "plate", "predictive", "prior", "sample", "sites",
]  # fmt: skip

_LATER = {
    "constraints": "srcdiff.vi.distributions.constraints",
    "dist": "srcdiff.vi.distributions",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        found = globals()[name] = importlib.import_module(_LATER[name])
        return found
    raise AttributeError(f"module 'srcdiff.vi' has no attribute {name!r}")
