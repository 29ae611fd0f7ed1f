"""The Bayesian logistic regression of `benchmarks/vi.py` in NumPyro, for an interpreter that has it.

    python benchmarks/peers/numpyro_vi.py X.npy y.npy 1500

All steps are one compiled loop, `SVI.run`, which is its fastest way. Prints steps per second, seconds until the first
step is done (compilation and all), and the bound.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import SVI, TraceMeanField_ELBO
from numpyro.infer.autoguide import AutoNormal

jax.config.update("jax_enable_x64", True)


def logistic(X, y):
    beta = numpyro.sample("beta", dist.Normal(jnp.zeros(X.shape[1]), 1.0).to_event(1))
    numpyro.sample("y", dist.Bernoulli(logits=X @ beta), obs=y)


def main():
    X, y, steps = jnp.array(np.load(sys.argv[1])), jnp.array(np.load(sys.argv[2])), int(sys.argv[3])
    begun = time.perf_counter()
    svi = SVI(logistic, AutoNormal(logistic), numpyro.optim.Adam(0.01), TraceMeanField_ELBO())
    svi.run(jax.random.PRNGKey(0), 1, X, y, progress_bar=False)
    first = time.perf_counter() - begun
    svi.run(jax.random.PRNGKey(0), steps, X, y, progress_bar=False)
    begun = time.perf_counter()
    found = svi.run(jax.random.PRNGKey(1), steps, X, y, progress_bar=False)
    jax.block_until_ready(found.losses)
    seconds = time.perf_counter() - begun
    print(steps / seconds, first, -float(jnp.mean(found.losses[-100:])))


if __name__ == "__main__":
    main()
