"""CUDA kernels in a loop (NUMBA_ENABLE_CUDASIM=1: simulated): from which starts do particles reach given places?"""

import numpy as np
from numba import cuda

import srcdiff


@cuda.jit
def forces(x, charge, f):
    i = cuda.grid(1)
    if i < len(x):
        f[i] = -x[i]
        for j in range(len(x)):
            distance = x[i] - x[j]
            f[i] += charge[i] * charge[j] * distance / (0.1 + distance**2) ** 1.5


@cuda.jit
def step(x, v, f, dt):
    i = cuda.grid(1)
    if i < len(x):
        v[i] += dt * f[i]
        x[i] += dt * v[i]


def path(x, charge):
    x, v, f, places = x.copy(), np.zeros(4), np.zeros(4), np.empty((5, 4))
    for k in range(5):
        forces[1, 4](x, charge, f)
        step[1, 4](x, v, f, 0.1)
        places[k] = x
    return places


def miss(start, charge, goal):
    return np.sum((path(start, charge)[4] - goal) ** 2)


start, goal, charge = np.linspace(-1.5, 1.5, 4), np.array([-2.0, 0.0, 1.0, 1.5]), np.full(4, 0.5)
found, g = start, srcdiff.value_and_grad(miss, jit=False)
for k in range(7):
    value, d_start = g(found, charge, goal)
    print(f"step {k}: missed by {value:.6f}")
    found = found - 0.4 * d_start
assert value < 0.01
print(srcdiff.cuda.adjoint(forces).source_for(start, charge, start))
try:
    from matplotlib import pyplot as plt
except ImportError:  # pip install srcdiff[plot]
    plt = None
if plt is not None:
    plt.plot(path(start, charge), ":")
    plt.plot(path(found, charge))
    plt.plot([4] * 4, goal, "kx")
    plt.xlabel("step")
    plt.ylabel("place of each particle")
    plt.title("From the first start (dotted) and the one found; goals are crosses")
    plt.savefig("cuda_kernels.png")
