"""An accumulator is added to and then multiplied by the same element in each iteration.

After the section on dynamic loops in NVIDIA Warp's guide: a backward pass that skips the loop sees
only the last value of `s`.
"""


def fold(x):
    s = 0.5
    for i in range(len(x)):
        s += x[i]
        s *= x[i]
    return s


EXAMPLES = [([0.9, 1.3, -0.8],), ([1.1, 1.4],)]
WRT = (0,)
FUNCTION = fold
