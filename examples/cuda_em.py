"""EM that stays on a CUDA device: expected counts of many sequences, and the steps to new parameters, are kernels.

The E-step is the gradient of log Z, summed over sequences. Without a device, run it with NUMBA_ENABLE_CUDASIM=1.
"""

import math

import numpy as np
from numba import cuda

import srcdiff
from srcdiff.expfam.sequence.chains import hmm_log_Z

gradient = srcdiff.value_and_grad(hmm_log_Z, jit=False)
e_step = srcdiff.cuda.batched(gradient, in_axes=(None, 0), reduce="sum")


@cuda.jit
def m_step(counts, log_p):
    """Rows of probabilities are in proportion to their expected counts."""
    i = cuda.grid(1)
    if i < counts.shape[0]:
        total = 0.0
        for k in range(counts.shape[1]):
            total += counts[i, k]
        for k in range(counts.shape[1]):
            log_p[i, k] = math.log(counts[i, k] / total)


@cuda.jit
def put(value, values, step):
    values[step] = value[0]


def main():
    rng = np.random.default_rng(0)
    sequences = rng.integers(0, 3, (6, 8))
    start = [np.log(rng.dirichlet(np.ones(n), m)) for n, m in ((2, 1), (2, 2), (3, 2))]
    pi, A, B = (cuda.to_device(p) for p in start)
    there, history = cuda.to_device(sequences), cuda.device_array(4)
    for step in range(4):
        log_likelihood, counts = e_step((pi.reshape(2), A, B), there)
        put[1, 1](log_likelihood.reshape(1), history, step)
        for found, log_p in zip(counts, (pi, A, B), strict=True):
            m_step[1, 2](found.reshape(log_p.shape), log_p)
    print(e_step.source)
    print("log-likelihood", history.copy_to_host().round(3))
    assert np.all(np.diff(history.copy_to_host()) > 0.0)
    try:
        from matplotlib import pyplot as plt
    except ImportError:  # pip install srcdiff[plot]
        return
    plt.plot(range(1, 5), history.copy_to_host(), marker="o")
    plt.xlabel("iteration of EM")
    plt.ylabel("log-likelihood of all sequences")
    plt.savefig("cuda_em.png")


main()
