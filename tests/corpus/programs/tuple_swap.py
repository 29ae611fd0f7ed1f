"""A simultaneous assignment in a loop, whose right-hand side uses the old values of both names."""


def ratio(a, b, n):
    for _ in range(n):
        a, b = b, a + b
    a, b = a / b, b / (a + 1.0)
    return a * a + b


EXAMPLES = [(1.0, 1.5, 5), (0.3, 2.0, 4), (0.3, 2.0, 0)]
WRT = (0, 1)
FUNCTION = ratio
