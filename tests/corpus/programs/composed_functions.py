"""Lambdas that call lambdas that were passed, and a function applied by another function."""

import math


def twice(f, x):
    return f(f(x))


def mixture(f, g, x):
    h = lambda t: f(g(t)) - g(f(t))
    return h(x) + twice(lambda t: 0.5 * h(t), x)


def value(x, a):
    affine = lambda t: a * t + 0.3
    return mixture(affine, math.sin, x) * mixture(lambda t: twice(affine, t), math.cos, a)


EXAMPLES = [(0.7, 0.9), (-1.4, 0.3)]
WRT = (0, 1)
FUNCTION = value
