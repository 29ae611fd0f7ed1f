"""Lentz's forward evaluation of a continued fraction: a product of ratios with two recurrences."""


def tan_fraction(x, tol):
    f = 3.0
    c = 3.0
    d = 0.0
    k = 1
    while True:
        b = 2.0 * k + 3.0
        d = 1.0 / (b - x * x * d)
        c = b - x * x / c
        delta = c * d
        f *= delta
        k += 1
        if abs(delta - 1.0) < tol:
            break
    return x / (1.0 - x * x / f)


EXAMPLES = [(0.9, 0.5), (1.4, 1e-2), (2.3, 1e-4)]
WRT = (0,)
FUNCTION = tan_fraction
UNCONVERGED = True
