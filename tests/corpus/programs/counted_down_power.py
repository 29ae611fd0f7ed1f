"""A loop that destroys its own counter, which is an argument, and multiplies as it goes.

After Zygote's introduction, whose `pow` counts `n` down in a `while`.
"""


def power(x, n):
    r = 1.0
    while n > 0:
        n -= 1
        r *= x
    return r


def sum_of_powers(x, y, n):
    return power(x, n) + power(x * y, 2) - power(y, n + 1) * x


EXAMPLES = [(1.3, 0.7, 3), (-0.6, 1.2, 0)]
WRT = (0, 1)
FUNCTION = sum_of_powers
