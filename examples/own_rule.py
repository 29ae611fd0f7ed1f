"""A rule of your own: the quantiles of a mixture, found by bisection, with the derivative that calculus gives."""

import numpy as np
from scipy.special import ndtr

import srcdiff


def quantile(p, weight, shift):
    """Where the mixture of N(0, 1) and N(shift, 1) has the share p below it."""
    low, high = np.full_like(p, -20.0), np.full_like(p, 20.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = (1.0 - weight) * ndtr(middle) + weight * ndtr(middle - shift)
        low, high = np.where(below < p, middle, low), np.where(below < p, high, middle)
    return 0.5 * (low + high)


def density(z):
    return np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)


# F(x; weight, shift) = p: each derivative of x is one of F, divided by the density, with a minus for parameters
@srcdiff.rule(quantile, elementwise=True)
def quantile_rule(p, weight, shift, *, out, d_out):
    slope = d_out / ((1.0 - weight) * density(out) + weight * density(out - shift))
    d_p = slope
    d_weight = slope * (ndtr(out) - ndtr(out - shift))
    d_shift = slope * weight * density(out - shift)


def misfit(weight, shift, p, wanted):
    return np.sum((quantile(p, weight, shift) - wanted) ** 2)


def main():
    p = np.linspace(0.1, 0.9, 9)
    srcdiff.check_rule(quantile, p, 0.3, 2.0)
    wanted = quantile(p, 0.4, 3.0)
    g = srcdiff.value_and_grad(misfit, argnums=("weight", "shift"), jit=False)
    print(g.source_for(0.3, 2.0, p, wanted))
    weight, shift = 0.3, 2.0
    for step in range(101):
        value, (d_weight, d_shift) = g(weight, shift, p, wanted)
        if step % 20 == 0:
            print(f"step {step:3d}: misfit {value:.2e}, weight {weight:.3f}, shift {shift:.3f}")
        weight, shift = weight - 0.005 * d_weight, shift - 0.05 * d_shift
    assert value < 1e-3


if __name__ == "__main__":
    main()
