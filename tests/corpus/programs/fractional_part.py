"""A helper that rounds down or up by the sign, written with branches, used inside a loop.

After Taichi #3802, where only the version without a branch had a gradient.
"""

import math


def fraction(x):
    if x > 0.0:
        part = x - math.floor(x)
    else:
        part = x - math.ceil(x)
    return part


def sawtooth_energy(xs, gain):
    total = 0.0
    phase = 0.2
    for x in xs:
        phase = fraction(phase + gain * x)
        total += phase * phase
    return total


EXAMPLES = [([0.5, 1.9, -3.3], 1.2), ([-2.4], 0.7)]
WRT = (0, 1)
FUNCTION = sawtooth_energy
