"""The heat equation, computed in place: which initial temperature gives the measured one?

The program is linear, so the backward part needs nothing from the forward part, and nothing is stored.
"""

import numpy as np

import srcdiff


def misfit(u0, k, measured, steps):
    u = u0.copy()
    for _ in range(steps):
        u[1:-1] += k * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum((u - measured) ** 2)


gradient = srcdiff.value_and_grad(misfit)


def main():
    x = np.linspace(0.0, 1.0, 41)
    truth = np.exp(-100.0 * (x - 0.3) ** 2) + 0.5 * np.exp(-100.0 * (x - 0.7) ** 2)
    k, steps = 0.25, 100
    measured = truth.copy()
    for _ in range(steps):
        measured[1:-1] += k * (measured[2:] - 2.0 * measured[1:-1] + measured[:-2])

    u0 = measured.copy()
    print(gradient.source_for(u0, k, measured, steps))
    for step in range(2001):
        value, d_u0 = gradient(u0, k, measured, steps)
        if step % 500 == 0:
            print(f"step {step:4d}: misfit {value:.2e}, error {np.abs(u0 - truth).max():.3f}")
        u0[1:-1] -= 0.5 * d_u0[1:-1]  # the ends are known


if __name__ == "__main__":
    main()
