"""A helper sums in a loop from a start that is not zero, and returns a reciprocal of the sum.

After NVIDIA Warp #1740 and #1754: the reciprocal was differentiated at the accumulator's first
value.
"""


def harmonic(a, start, n):
    total = start
    for i in range(n):
        total += a[i] * a[i]
    return 1.0 / total


def blend(a, start, n):
    full = harmonic(a, start, len(a))
    part = harmonic(a, 2.0 * start, n)
    return full * part + 1.0 / (full + part)


EXAMPLES = [([0.5, -1.1, 0.8], 0.7, 2), ([0.9, 0.3], 1.6, 0)]
WRT = (0, 1)
FUNCTION = blend
