"""The Bayesian logistic regression of `benchmarks/vi.py` in PyMC, for an interpreter that has it.

    python benchmarks/peers/pymc_vi.py X.npy y.npy 1500

The compiled step of its mean-field ADVI is called in a loop: `pm.fit` does so, too, and shows progress. Prints steps
per second, seconds until the first step is done (compilation and all), and the bound.
"""

import sys
import time

import numpy as np
import pymc as pm


def main():
    X, y, steps = np.load(sys.argv[1]), np.load(sys.argv[2]), int(sys.argv[3])
    begun = time.perf_counter()
    with pm.Model():
        beta = pm.Normal("beta", 0.0, 1.0, shape=X.shape[1])
        pm.Bernoulli("y", logit_p=X @ beta, observed=y)
        advi = pm.ADVI(random_seed=0)
        step = advi.objective.step_function(obj_optimizer=pm.adam(learning_rate=0.01), score=True)
        step()
    first = time.perf_counter() - begun
    for _ in range(steps):
        step()
    begun = time.perf_counter()
    losses = [step() for _ in range(steps)]
    seconds = time.perf_counter() - begun
    print(steps / seconds, first, -float(np.mean(losses[-100:])))


if __name__ == "__main__":
    main()
