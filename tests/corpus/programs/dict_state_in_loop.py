"""A local dict with known keys holds the state, and its entries are assigned in each iteration."""

import math


def simulate(mass, stiffness, steps):
    state = {"x": 1.0, "v": 0.0}
    params = {"k": stiffness, "m": mass}
    for i in range(steps):
        force = -params["k"] * math.sin(state["x"]) + 0.1 * i
        state["v"] = state["v"] + 0.1 * force / params["m"]
        state["x"] += 0.1 * state["v"]
    return state["x"] * state["v"]


EXAMPLES = [(1.3, 2.0, 4), (0.7, 0.9, 1)]
WRT = (0, 1)
FUNCTION = simulate
