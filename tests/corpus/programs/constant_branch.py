"""One branch makes a value from the argument, the other a constant, in both orders.

After Tangent #82, where one of the two orders could not be differentiated.
"""


def f(x, y):
    if x > 0.0:
        a = x * x + y
    else:
        a = 2.0
    if y <= 0.0:
        b = 1.5
    else:
        b = y * a
    return a * b + x


EXAMPLES = [(0.7, 0.9), (-0.7, 0.9), (0.7, -0.9), (-0.7, -0.9)]
WRT = (0, 1)
FUNCTION = f
