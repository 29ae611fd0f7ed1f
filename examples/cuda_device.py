"""A gradient inside a CUDA kernel of your own: each thread minimises the energy of a chain from its own start.

Needs the extra `cuda` and a device; without them, run it with NUMBA_ENABLE_CUDASIM=1.
"""

import numpy as np
from numba import cuda

import srcdiff


@srcdiff.differentiate(jit=False)
def energy(x, k):
    e = 0.0
    for i in range(len(x) - 1):
        e += 0.5 * k * (x[i + 1] - x[i] - 1.0) ** 2
    return e + 0.5 * x[0] ** 2


gradient = energy.value_and_grad.cuda_device


@cuda.jit
def descend(x, k, d_x, energies):
    item = cuda.grid(1)
    if item < x.shape[0]:
        for _ in range(200):
            for i in range(x.shape[1]):
                d_x[item, i] = 0.0
            energies[item] = gradient(x[item], k, d_x[item])
            for i in range(x.shape[1]):
                x[item, i] -= 0.3 * d_x[item, i]


def main():
    x = np.random.default_rng(0).normal(size=(4, 3))
    print(gradient.source_for(x[0], 1.0))
    on_device, energies = cuda.to_device(x), cuda.to_device(np.zeros(len(x)))
    descend[1, 32](on_device, 1.0, cuda.to_device(np.zeros_like(x)), energies)
    print("at rest:", np.round(on_device.copy_to_host()[0], 3))
    assert np.allclose(on_device.copy_to_host(), [0.0, 1.0, 2.0], atol=0.02)
    assert np.allclose(energies.copy_to_host(), 0.0, atol=1e-3)


if __name__ == "__main__":
    main()
