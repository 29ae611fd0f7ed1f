"""Newton's method without a Hessian: conjugate gradients need its products with vectors only."""

import numpy as np

from srcdiff import differentiate


@differentiate
def chain(x):
    """Rosenbrock's function in many variables; its minimum, 0, is where all of them are 1."""
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def solve(x, g):
    """A step s with `H s = -g`, by conjugate gradients; stops where the curvature is negative."""
    s, r = np.zeros_like(g), -g
    p = r
    for _ in range(2 * len(g)):
        Hp = chain.hvp(x, p)
        curvature = p @ Hp
        if curvature <= 0.0 or np.linalg.norm(r) < 1e-6 * np.linalg.norm(g):
            break
        a = (r @ r) / curvature
        s, old, r = s + a * p, r, r - a * Hp
        p = r + (r @ r) / (old @ old) * p
    return s if s.any() else -g


def main():
    x = np.full(10, -1.0)
    print(chain.hvp.source_for(x, x))
    for iteration in range(100):
        value, g = chain.value_and_grad(x)
        if iteration % 5 == 0 or np.linalg.norm(g) < 1e-8:
            print(f"iteration {iteration:2d}: value {value:.3e}, slope {np.linalg.norm(g):.1e}")
        if np.linalg.norm(g) < 1e-8:
            break
        s, step = solve(x, g), 1.0
        while chain(x + step * s) > value and step > 1e-8:
            step *= 0.5
        x = x + step * s

    # forward mode gives the derivative along one direction
    value, along = chain.jvp((x + 0.1,), (np.ones(10),))
    assert np.isclose(along, chain.grad(x + 0.1) @ np.ones(10))


if __name__ == "__main__":
    main()
