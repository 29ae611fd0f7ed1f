def sqrt_newton_value_and_grad(a, x, tol):
    """Value and gradient of `sqrt_newton` with respect to `a`, `x`."""
    # forward
    xs = []
    while abs(x * x - a) > tol:
        xs.append(x)
        x = 0.5 * (x + a / x)
    value = x

    # backward
    d_x = 1.0
    d_a = 0.0
    for x in reversed(xs):
        d_a += 0.5 * d_x / x
        d_x = 0.5 * d_x * (1.0 - a / (x * x))
    return value, (d_a, d_x)
