"""Variational inference: ELBO gradients as readable source, generated from a sampler program, and fits with
diagnostics.

In: a model and a guide; out: an ELBO as source, a fit, a posterior. The package uses the public API and
`srcdiff.effects` only. Start with `objectives/elbo` and `inference/fit`; `model/primitives` has the effects that models
call.
"""

import importlib
import types

from srcdiff.vi.guides.automatic import Delta, FullRank, Laplace, LowRank, MeanField
from srcdiff.vi.inference.fit import fit
from srcdiff.vi.inference.stopping_rules import Plateau
from srcdiff.vi.model.checks import check
from srcdiff.vi.model.log_density import LogDensity, observing
from srcdiff.vi.model.models import Site, log_joint, sites
from srcdiff.vi.model.predictive import Sampler, predictive, prior
from srcdiff.vi.model.primitives import param, plate, sample
from srcdiff.vi.objectives.elbo import Elbo, elbo, noise
from srcdiff.vi.results.mnist_idx import read_idx
from srcdiff.vi.results.posterior import Posterior
from srcdiff.vi.results.psis_khat import khat

__all__ = [
    "Delta", "Elbo", "FullRank", "Laplace", "LogDensity", "LowRank", "MeanField", "Plateau", "Posterior", "Sampler",
    "Site", "check", "elbo", "fit", "khat", "log_joint", "noise", "observing", "param", "plate", "predictive", "prior",
    "read_idx", "sample", "sites",
]  # fmt: skip

_LATER = {
    "constraints": "srcdiff.vi.distributions.supports.constraints",
    "dist": "srcdiff.vi.dist",
    "estimators": "srcdiff.vi.objectives.gradient_estimators",
    "optim": "srcdiff.vi.inference.optimizers",
    "stopping": "srcdiff.vi.inference.stopping_rules",
}


def __getattr__(name: str) -> types.ModuleType:
    if name in _LATER:
        found = globals()[name] = importlib.import_module(_LATER[name])
        return found
    raise AttributeError(f"module 'srcdiff.vi' has no attribute {name!r}")
