"""Implicit reparameterisation: derivatives of quantiles of the gamma, beta and t distributions with respect to their
parameters.

Where F(x; a) = u, the quantile x(a, u) has dx/da = -(dF/da) / (dF/dx): the implicit function theorem (Figurnov,
Mohamed, Mnih, "Implicit reparameterization gradients", 2018). dF/da is the integral of the score over one side of x.
The integral is taken over the side of smaller probability, in logarithms from x. There the integrand is smooth and
falls off fast, and Gauss-Legendre quadrature is accurate to about 1e-11. The functions act on each element.
"""

import numpy as np

_COUNT = 48
_POINTS, _SHARES = np.polynomial.legendre.leggauss(_COUNT)  # on [-1, 1]
# Python numbers, which keep float32
_NODES, _WEIGHTS = tuple((0.5 * (_POINTS + 1.0)).tolist()), tuple((0.5 * _SHARES).tolist())
_REACH = 40.0  # the integrand is cut off where it has fallen to exp(-40) of its largest value
_TINY = 1e-300


# `c * x + (1 - c) * y` stands for np.where of finite numbers, from which Numba would make arrays


def gamma_path(a, x, digamma_next):
    """The derivative d gammaincinv(a, u) / da at the quantile `x`; `digamma_next` is digamma(a + 1).

    With t = x exp(v): x ∫ (log x + v - digamma(a)) exp(a v - x (exp(v) - 1)) dv, from -inf to 0 with a minus sign, or
    from 0 on. Below x, for small a, the part that falls off only like exp(a v) is integrated analytically.
    """
    x = np.maximum(x, _TINY)
    one = a / a  # one of the dtype of `a`, for products with truth values
    below = one * (x < a)
    slow = below * (a < 1.0)
    gap = np.abs(x - a)
    q = 2.0 * gap - _REACH
    reach_below = 4.0 * _REACH / (q + np.hypot(q, np.sqrt(8.0 * _REACH * a)))
    reach_above = 2.0 * _REACH / (gap + np.hypot(gap, np.sqrt(2.0 * _REACH * x)))
    reach_above = np.minimum(reach_above, np.log1p(2.0 * _REACH / x) + 1e3 * one * (x >= 1.0))
    reach_below = slow * _REACH / (1.0 + a) + (1.0 - slow) * reach_below
    reach = (1.0 - below) * reach_above - below * reach_below
    score = np.log(x) - digamma_next + 1.0 / a
    small = np.minimum(x, 1.0)
    rest = np.exp(small)
    total = slow * rest * (score - 1.0 / a) / (a * np.abs(reach))
    for node, weight in zip(_NODES, _WEIGHTS):  # noqa: B905, for Numba
        v = reach * node
        down = np.minimum(v, 0.0)
        fast = np.exp(a * v - x * np.expm1(v))
        left = rest * np.exp(a * down) * np.expm1(-small * np.exp(down))
        total = total + weight * (score + v) * (slow * left + (1.0 - slow) * fast)
    return x * reach * total


def beta_path(a, b, x, digamma_next, digamma_sum):
    """The derivative d betaincinv(a, b, u) / da at the quantile `x`; `digamma_next` is digamma(a + 1).

    `digamma_sum` is digamma(a + b). As for gamma quantiles, the integral goes from x down to 0, or from 1 - x down to
    0 with exchanged parameters.
    """
    one = a / a
    below = one * (x * (a + b) < a)
    above = 1.0 - below
    p, q = below * a + above * b, below * b + above * a
    z = np.maximum(below * x + above * (1.0 - x), _TINY)
    slow = one * (p < 1.0)
    odds = z / (1.0 - z)
    reach = (_REACH + np.maximum(q - 1.0, 0.0) * np.log1p(odds)) / p
    # Newton's method, for the place where the concave exponent has fallen to -40
    for _ in range(8):
        e = odds * -np.expm1(-reach)
        height = (q - 1.0) * np.log1p(e) - p * reach + _REACH
        slope = (q - 1.0) * odds * np.exp(-reach) / (1.0 + e) - p
        reach = reach - one * (q > 1.0) * height / slope
    reach = slow * _REACH / (1.0 + p) + (1.0 - slow) * reach
    mean_log = digamma_next - 1.0 / a - digamma_sum
    rest = np.exp(-slow * (q - 1.0) * np.log1p(-z))
    by_hand = below * (np.log(z) - digamma_next + digamma_sum) - above * mean_log
    total = slow * rest * by_hand / (p * reach)
    for node, weight in zip(_NODES, _WEIGHTS):  # noqa: B905, for Numba
        v = -reach * node**2
        log_rest = np.log1p(-z * np.exp(v))
        score = below * (np.log(z) + v) + above * log_rest - mean_log
        fast = score * np.exp((q - 1.0) * np.log1p(-odds * np.expm1(v)))
        left = rest * (score * np.expm1((q - 1.0) * log_rest) + above * log_rest)
        total = total + 2.0 * node * weight * np.exp(p * v) * (slow * left + (1.0 - slow) * fast)
    return (above - below) * z * reach * total
