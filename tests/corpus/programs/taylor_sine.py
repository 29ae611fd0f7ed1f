"""A series summed until its terms are small, so that the argument decides how many are taken.

After the tutorial of autograd, which differentiates such a sine through Python's control flow; here
the tolerance is loose.
"""


def sine(x, tol):
    term = x
    total = x
    n = 1
    while abs(term) > tol:
        term = -term * x * x / ((n + 1) * (n + 2))
        total += term
        n += 2
    return total


EXAMPLES = [(1.3, 0.1), (2.6, 0.01), (0.05, 0.1)]
WRT = (0,)
FUNCTION = sine
UNCONVERGED = True
