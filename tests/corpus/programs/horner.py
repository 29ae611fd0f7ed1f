"""Horner's rule over the coefficients in reverse, giving the value and the slope at once."""


def value_times_slope(coefficients, x):
    value = 0.0
    slope = 0.0
    for c in reversed(coefficients):
        slope = slope * x + value
        value = value * x + c
    return value * slope


EXAMPLES = [
    ([0.5, -1.2, 0.3, 0.8], 1.3),
    ([0.5, 2.0], -0.7),
]
WRT = (0, 1)
FUNCTION = value_times_slope
