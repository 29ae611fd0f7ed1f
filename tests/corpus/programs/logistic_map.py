"""A chaotic scalar recurrence that forgets every intermediate value."""


def iterate(x, r, n):
    for _ in range(n):
        x = r * x * (1.0 - x)
    return x


EXAMPLES = [(0.3, 3.7, 5), (0.6, 2.9, 3), (0.6, 2.9, 0)]
WRT = (0, 1)
FUNCTION = iterate
UNCONVERGED = True
