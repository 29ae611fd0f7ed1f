"""Euler steps of two coupled scalars, whose rates a helper returns as a tuple."""


def rates(prey, predators, p):
    a, b, c, d = p
    return a * prey - b * prey * predators, c * prey * predators - d * predators


def squared_distance(prey, predators, p, dt, steps):
    total = 0.0
    for _ in range(steps):
        d_prey, d_predators = rates(prey, predators, p)
        prey += dt * d_prey
        predators += dt * d_predators
        total += (prey - predators) ** 2 * dt
    return total


EXAMPLES = [
    (1.0, 0.5, (1.1, 0.4, 0.2, 0.6), 0.1, 5),
    (0.3, 2.0, (0.7, 0.9, 0.5, 0.3), 0.3, 2),
]
WRT = (0, 1, 2, 3)
FUNCTION = squared_distance
