"""Samples of functions that are no operation with samples, and no composite: as programs write them.

What gives whole numbers or truth values is looked at by value; what is constant in pieces has the derivative 0. The
solvers and draws are called with functions and seeds in the text.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcdiff.ops.core.samples import Sample, call

__all__ = ["NAMED", "Named"]


@dataclass(frozen=True)
class Named:
    """A function by its name, as users write it, and calls of it.

    `moved` is the text of what a draw is for other parameters and the same noise, where NumPy's algorithm is no
    function of that: the quantile of the same probability.
    """

    callables: tuple[str, ...]
    samples: tuple[Sample, ...]
    moved: str = ""

    @property
    def name(self) -> str:
        return self.callables[0].replace(".", "_")


def named(names: str, *samples: Sample) -> Named:
    return Named(tuple(names.split()), samples)


def drawn(method: str, wrt: tuple[str, ...] = (), moved: str = "", **arguments: Any) -> Named:
    """A method of generators, of floats by their names: the numbers behind the draws are the seed's.

    `wrt`: what has derivatives; all, where it is empty.
    """
    names = "yzw"[: len(arguments)]
    spelled = ", ".join(f"{k}={n}" for k, n in zip(arguments, names, strict=True))
    values = [np.array(v) if isinstance(v, list) else v for v in arguments.values()]
    sample = Sample(
        lambda rng: (np.random.default_rng(3), *values),
        wrt=tuple(k for k, n in enumerate(arguments, 1) if not wrt or n in wrt),
        text=f"x.{method}({spelled})",
    )
    return replace(named(f"np.random.Generator.{method}", sample), moved=moved)


SPECIAL = "scipy.special"
DRAWN = "np.random.default_rng(3)"
OF_GAMMA = f"{SPECIAL}.gammaincinv(y, {SPECIAL}.gammainc(1.7, {DRAWN}.gamma(1.7)))"
BY_SHARES = (  # of what the ones before leave
    f"(lambda s: (lambda v: np.array([v[0], (1.0 - v[0]) * v[1], (1.0 - v[0]) * (1.0 - v[1])]))({SPECIAL}.betaincinv("
    f"y[:2], np.array([y[1] + y[2], y[2]]), {SPECIAL}.betainc([0.7, 1.3], [3.3, 2.0], s / [1.0, 1.0 - s[0]]))))"
    f"({DRAWN}.dirichlet([0.7, 1.3, 2.0])[:2])"
)


WHOLE = ("all", "any", "argmax", "argmin", "count_nonzero", "isfinite", "isinf", "isnan", "signbit")
NAMED = (
    *(named(f"np.{n}", call(f"np.{n}(x)", (2, 3), wrt=())) for n in WHOLE),
    *(named(f"np.{n}", call(f"np.{n}(x)", [-1.6, 0.3, 2.7])) for n in ("ceil", "floor", "rint", "sign")),
    named("np.trunc", call("np.trunc(x)", [-1.6, 0.3, 2.7])),
    named("np.round np.around", call("np.round(x, 1)", [-1.66, 0.31, 2.72])),
    named("np.eye np.identity", call("np.eye(3) * x", (3,))),
    *(named(f"np.{n}", call(f"np.{n}((2, 3)) * x", (3,))) for n in ("ones", "zeros")),
    *(named(f"np.{n}", call(f"np.{n}(x)", (2, 3))) for n in ("ones_like", "zeros_like")),
    named("np.kron", call("np.kron(x, y)", (2, 3), (3, 2)), call("np.kron(x, y)", (2,), (3,))),
    named("np.nonzero", call("x[np.nonzero(x > 0.0)]", [-1.0, 2.0, 0.5])),
    named("np.add.at", call("(z := x.copy(), np.add.at(z, [0, 2, 0], y), z)[2]", (3,), (3,))),
    named("np.ix_", call("x[np.ix_([0, 2], [1, 0])]", (3, 2))),
    drawn("normal", loc=0.7, scale=1.3),
    drawn("uniform", low=0.7, high=1.3),
    drawn("exponential", scale=1.3),
    drawn("gamma", moved=f"z * {OF_GAMMA}", shape=1.7, scale=1.3),
    drawn("standard_gamma", moved=OF_GAMMA, shape=1.7),
    drawn("chisquare", moved=f"2.0 * {OF_GAMMA.replace('(y', '(0.5 * y')}", df=3.4),
    drawn(
        "beta", moved=f"{SPECIAL}.betaincinv(y, z, {SPECIAL}.betainc(1.7, 1.3, {DRAWN}.beta(1.7, 1.3)))", a=1.7, b=1.3,
    ),
    drawn("dirichlet", moved=BY_SHARES, alpha=[0.7, 1.3, 2.0]),
    drawn("standard_t", moved=f"{SPECIAL}.stdtrit(y, {SPECIAL}.stdtr(3.5, {DRAWN}.standard_t(3.5)))", df=3.5),
    drawn("laplace", loc=0.7, scale=1.3),
    drawn("gumbel", loc=0.7, scale=1.3),
    drawn("logistic", loc=0.7, scale=1.3),
    drawn("lognormal", mean=0.7, sigma=1.3),
    drawn("multivariate_normal", wrt=("mean",), mean=[0.7, 1.3], cov=[[2.0, 0.5], [0.5, 1.0]]),
    named("scipy.integrate.quad", call(
        "scipy.integrate.quad(lambda t: np.exp(-x * t * t), 0.0, y)[0]", 0.7, 1.3,
    )),
    named("scipy.integrate.odeint", call(
        "scipy.integrate.odeint(lambda s, t: -x * s, y, np.linspace(0.0, 1.0, 4), rtol=1e-10, atol=1e-10)", 0.7, [1.3],
    )),
    named("scipy.integrate.solve_ivp", call(
        "scipy.integrate.solve_ivp(lambda t, s: -x * s, (0.0, 1.0), y, "
        "t_eval=[0.5, 1.0], rtol=1e-10, atol=1e-10).y", 0.7, [1.3],
    )),
    named("scipy.optimize.brentq", call(
        "scipy.optimize.brentq(lambda t: np.exp(t) * x - y, -5.0, 5.0, xtol=1e-14)", 0.7, 1.3,
    )),
    named("scipy.optimize.root_scalar", call(
        "scipy.optimize.root_scalar(lambda t: np.exp(t) * x - y, bracket=(-5.0, 5.0), xtol=1e-14).root", 0.7, 1.3,
    )),
    named("scipy.optimize.fixed_point", call(
        "scipy.optimize.fixed_point(lambda t: np.cos(x * t), 0.5, xtol=1e-13)", 0.7,
    )),
    named("scipy.optimize.root", call(
        "scipy.optimize.root(lambda t: np.tanh(t) + t * x - y, np.zeros(2), tol=1e-13).x", 0.7, [1.3, 0.2],
    )),
    named("scipy.optimize.minimize", call(
        "scipy.optimize.minimize(lambda t: np.sum((t - y) ** 2) + x * np.sum(t**4), "
        "np.zeros(2), tol=1e-12).fun", 0.7, [1.3, 0.2],
    )),
)  # fmt: skip
