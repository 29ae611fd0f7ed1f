"""A pursuer closes in on a fleeing point; the chase ends near it, or when the point is out of reach."""

import numpy as np


def distance_at_end(speed, flight, gap, reach):
    position = 0.0
    while gap - position > reach:
        position = position + speed * np.tanh(gap - position)
        gap = gap + flight
        if gap > 10.0:
            break
    return gap - position + 0.1 * position**2


EXAMPLES = [(0.9, 0.1, 2.0, 0.5), (0.2, 1.3, 4.0, 0.1)]
WRT = (0, 1, 2)
FUNCTION = distance_at_end
