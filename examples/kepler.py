"""Kepler's equation by Newton's method: a `while` loop that stops when it has converged.

The number of iterations is not known in advance, so a list stores the values that the backward part needs.
"""

import math

import srcdiff


def eccentric_anomaly(e, M):
    E = M
    step = 1.0
    while abs(step) > 1e-12:
        step = (E - e * math.sin(E) - M) / (1.0 - e * math.cos(E))
        E = E - step
    return E


slope = srcdiff.value_and_grad(eccentric_anomaly, argnums=("e", "M"))


def main():
    print(slope.source_for(0.5, 1.0))
    for e in (0.1, 0.5, 0.9):
        E, (d_e, d_M) = slope(e, 1.0)
        # E - e sin E = M, with a hand-written derivative
        by_hand = math.sin(E) / (1.0 - e * math.cos(E)), 1.0 / (1.0 - e * math.cos(E))
        print(f"e = {e}: E = {E:.6f}, dE/de = {d_e:.6f}, dE/dM = {d_M:.6f}")
        assert math.isclose(d_e, by_hand[0]) and math.isclose(d_M, by_hand[1])


if __name__ == "__main__":
    main()
