"""A scalar squares itself as often as an integer argument says, for each element of an array.

After NVIDIA Warp's guide: the same loss of overwritten values without any array being written.
"""


def total(x, times):
    result = 0.0
    for i in range(len(x)):
        s = x[i]
        for _ in range(times[i]):
            s = s * s
        result += s * (i + 1)
    return result


EXAMPLES = [([0.5, 0.7, 1.1], [2, 0, 3]), ([0.9], [1])]
WRT = (0,)
FUNCTION = total
