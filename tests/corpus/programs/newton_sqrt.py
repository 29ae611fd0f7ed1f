"""Newton's method with the test at the top and a loose tolerance."""


def sqrt_newton(a, x, tol):
    while abs(x * x - a) > tol:
        x = 0.5 * (x + a / x)
    return x


EXAMPLES = [(2.0, 3.0, 0.3), (7.0, 1.0, 0.05), (4.0, 2.01, 0.5)]
WRT = (0, 1)
FUNCTION = sqrt_newton
UNCONVERGED = True
