"""A wave over 2000 steps, in the memory of 40 states: how does the misfit depend on the initial height?

The gradient of the plain loop stores the state at each step. `srcdiff.checkpointed` stores 40 and computes the others
again, each step a few times.
"""

import tracemalloc

import numpy as np

import srcdiff


def misfit(u0, measured, steps, slots):
    u = u0.copy()
    v = np.zeros_like(u)
    for _ in srcdiff.checkpointed(range(steps), slots=slots):
        v[1:-1] += 0.2 * (u[2:] - 2.0 * u[1:-1] + u[:-2]) - 0.01 * u[1:-1] ** 3
        u += 0.2 * v
    return np.sum((u - measured) ** 2)


gradient = srcdiff.grad(misfit, jit=False)


def main():
    x = np.linspace(0.0, 1.0, 101)
    u0, measured = np.sin(np.pi * x), np.zeros(101)
    print(gradient.source_for(u0, measured, 2000, 40))
    for steps, slots in ((2000, 40), (2000, 2000)):
        tracemalloc.start()
        found = gradient(u0, measured, steps, slots)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(
            f"{steps} steps, {slots:4d} slots: {peak / 1e6:5.2f} MB, |d_u0| = {np.linalg.norm(found):.6f}"
        )


if __name__ == "__main__":
    main()
