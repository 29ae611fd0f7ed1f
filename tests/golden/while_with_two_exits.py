import math


def walk_value_and_grad(x, a):
    """Value and gradient of `walk` with respect to `x`, `a`."""
    # forward
    xs = []
    totals = []
    n = 0
    total = 0.0
    while n < 12:
        xs.append(x)
        totals.append(total)
        n += 1
        x = a * math.cos(x) + 0.4
        if x < 0.0:
            x = 0.5 - x
        else:
            total += x * x
            if total > 3.0:
                break
            x += 0.1 * total
    value = total + x / n

    # backward
    d_x = 1.0 / n
    d_total = 1.0
    d_a = 0.0
    for x, total in zip(reversed(xs), reversed(totals)):
        cosine = math.cos(x)
        new_x = a * cosine + 0.4
        if new_x < 0.0:
            d_x = -d_x
        else:
            if not total + new_x * new_x > 3.0:
                d_total += 0.1 * d_x
            d_x += 2.0 * d_total * new_x
        d_a += d_x * cosine
        d_x = -(d_x * a) * math.sin(x)
    return value, (d_x, d_a)
