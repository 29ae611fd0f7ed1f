"""Bisection with the test in the middle of the loop; the ends move by assignment only."""


def bisect(low, high, target, width):
    evaluations = 0.0
    while True:
        middle = 0.5 * (low + high)
        value = middle**3 - target
        evaluations += value * value
        if high - low < width:
            break
        if value > 0.0:
            high = middle
        else:
            low = middle
    return middle * (1.0 + 0.01 * evaluations)


EXAMPLES = [(0.0, 3.0, 5.0, 0.5), (-1.0, 2.3, 1.7, 0.1)]
WRT = (0, 1, 2)
FUNCTION = bisect
UNCONVERGED = True
