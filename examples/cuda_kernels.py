"""A user's CUDA kernels, launched in a loop, and where their particles have to start to end at a given place.

NUMBA_ENABLE_CUDASIM=1 python examples/cuda_kernels.py    # without a device, in Numba's simulator
"""

import numpy as np
from numba import cuda

import srcdiff


@cuda.jit
def forces(x, charge, f):
    i = cuda.grid(1)
    if i < x.shape[0]:
        for k in range(2):
            f[i, k] = -x[i, k]
        for j in range(x.shape[0]):
            r2 = 0.1
            for k in range(2):
                r2 += (x[i, k] - x[j, k]) ** 2
            for k in range(2):
                f[i, k] += charge[i] * charge[j] * (x[i, k] - x[j, k]) / r2**1.5


@cuda.jit
def step(x, v, f, dt):
    i = cuda.grid(1)
    if i < x.shape[0]:
        for k in range(2):
            v[i, k] += dt * f[i, k]
            x[i, k] += dt * v[i, k]


def path(start, charge):
    """Where the particles are, from step to step."""
    x, v, f = start.copy(), np.zeros_like(start), np.zeros_like(start)
    places = [start]
    for _ in range(5):
        forces[1, 4](x, charge, f)
        step[1, 4](x, v, f, 0.1)
        places.append(x.copy())
    return np.array(places)


def miss(start, charge, goal):
    x, v, f = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for _ in range(5):
        forces[1, 4](x, charge, f)
        step[1, 4](x, v, f, 0.1)
    return np.sum((x - goal) ** 2)


def main():
    rng = np.random.default_rng(0)
    start, charge, goal = rng.normal(size=(4, 2)), rng.random(4), rng.normal(size=(4, 2))
    g, first = srcdiff.value_and_grad(miss, jit=False), path(start, charge)
    for turn in range(7):
        value, d_start = g(start, charge, goal)
        print(f"step {turn}: missed by {value:.6f}")
        start = start - 0.4 * d_start
    assert value < 0.01
    print(srcdiff.cuda.adjoint(forces).source_for(start, charge, start))
    try:
        from matplotlib import pyplot as plt
    except ImportError:  # pip install srcdiff[plot]
        return
    for places, style in ((first, ":"), (path(start, charge), "-")):
        for k in range(4):
            plt.plot(*places[:, k].T, style, color=f"C{k}", marker=".")
    plt.plot(*goal.T, "kx", label="goals")
    plt.title("Paths from the first start (dotted) and from the one that was found")
    plt.legend()
    plt.savefig("cuda_kernels.png")


if __name__ == "__main__":
    main()
