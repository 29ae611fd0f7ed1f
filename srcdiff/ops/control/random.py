"""Random draws from a `np.random.Generator` argument: each draw is an effect, which no pass moves or removes."""

from __future__ import annotations

import linecache
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.values import Attrs
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.type_rules import of_type
from srcdiff.ops.core.ufuncs import special


def _draw(operands: Sequence[object], attrs: Attrs) -> object:
    places = {f"_{i}": v for i, v in enumerate(operands)}
    return eval(attrs["text"].format(*places), places)


def _text(op: Op) -> str:
    return str(op.attrs["text"])


# `{0}.normal({1}, {2}, size={3})`: operands are the generator and the arguments in the brackets
draw = operation(
    "draw",
    template=_text,
    infer=of_type,
    effect=True,
    raises=True,
    evaluate=_draw,
    advice="Write the value with draws that do not depend on it, as in mu + sigma * rng.standard_normal(), "
    "or pass the draws as an argument.",
)


# The derivatives of a draw `out` with respect to its parameters, for the same noise. Draws of gamma, beta and t
# distributions depend on their shapes as quantiles do, whatever the generator's algorithm (Figurnov, Mohamed, Mnih,
# "Implicit reparameterization gradients", 2018). Derivatives with respect to other parameters are an error.
_PATHS: dict[str, dict[str, str]] = {
    "beta": {
        "a": "paths.beta_path(a, b, out, special.digamma(a + 1.0), special.digamma(a + b))",
        "b": "-paths.beta_path(b, a, 1.0 - out, special.digamma(b + 1.0), special.digamma(a + b))",
    },
    "chisquare": {"df": "paths.gamma_path(0.5 * df, 0.5 * out, special.digamma(0.5 * df + 1.0))"},
    "exponential": {"scale": "out / scale"},
    "gamma": {
        "shape": "scale * paths.gamma_path(shape, out / scale, special.digamma(shape + 1.0))",
        "scale": "out / scale",
    },
    "gumbel": {"loc": "1.0", "scale": "(out - loc) / scale"},
    "laplace": {"loc": "1.0", "scale": "(out - loc) / scale"},
    "logistic": {"loc": "1.0", "scale": "(out - loc) / scale"},
    "lognormal": {"mean": "out", "sigma": "out * (np.log(out) - mean) / sigma"},
    "normal": {"loc": "1.0", "scale": "(out - loc) / scale"},
    "pareto": {"a": "-(1.0 + out) * np.log1p(out) / a"},
    "standard_gamma": {"shape": "paths.gamma_path(shape, out, special.digamma(shape + 1.0))"},
    "standard_t": {
        # out**2 / (out**2 + df) is a beta quantile with parameters 1/2 and df / 2
        "df": "out * (0.5 / df - 0.25 * paths.beta_path(0.5 * df, 0.5, df / (df + out**2), "
        "special.digamma(0.5 * df + 1.0), special.digamma(0.5 * df + 0.5)) * (df + out**2) ** 2 / (df * out**2))"
    },
    "uniform": {"low": "(high - out) / (high - low)", "high": "(out - low) / (high - low)"},
    "weibull": {"a": "-out * np.log(out) / a"},
}

# x = mean + L z for the Cholesky factor L of cov; NumPy takes another root of cov, but the distribution is the same
_NORMAL_RULE = """\
def {name}(rng, mean, cov, *size, out, d_out):
    factor = np.linalg.cholesky(cov)
    z = np.linalg.solve(factor, np.swapaxes(np.reshape(out - mean, (-1, len(mean))), 0, 1))
    d_rows = np.reshape(d_out, (-1, len(mean)))
    d_factor = np.tril(d_rows.T @ z.T)
    inner = np.tril(factor.T @ d_factor)
    inner = inner - 0.5 * np.diag(np.diagonal(inner))
    half = np.linalg.solve(factor.T, np.linalg.solve(factor.T, inner.T).T)
    d_mean = np.sum(d_rows, axis=0)
    d_cov = 0.5 * (half + half.T)
"""


_NORMAL_FORWARD = """\
def {name}(rng, mean, cov, *size, out, {dots}):
    factor = np.linalg.cholesky(cov)
    z = np.linalg.solve(factor, np.swapaxes(np.reshape(out - mean, (-1, len(mean))), 0, 1))
    inner = np.linalg.solve(factor, np.linalg.solve(factor, cov_dot).T)
    inner = np.tril(inner)
    inner = inner - 0.5 * np.diag(np.diagonal(inner))
    out_dot = mean_dot + np.reshape(np.swapaxes(factor @ inner @ z, 0, 1), out.shape)
"""


# Each probability is a share of the rest that the earlier ones leave. The shares are beta draws, with the parameters
# alpha and the sum of the later alphas
_SHARES = """\
    rows = np.reshape(out, (-1, len(alpha)))[:, :-1]
    behind = np.cumsum(alpha[::-1])[::-1][1:]
    left = 1.0 - (np.cumsum(rows, axis=1) - rows)
    share = rows / left
    digamma_sum = special.digamma(alpha[:-1] + behind)
    by_alpha = paths.beta_path(alpha[:-1], behind, share, special.digamma(alpha[:-1] + 1.0), digamma_sum)
    by_behind = -paths.beta_path(behind, alpha[:-1], 1.0 - share, special.digamma(behind + 1.0), digamma_sum)
"""

_DIRICHLET_RULE = (
    "def {name}(rng, alpha, *size, out, d_out):\n"
    + _SHARES
    + """\
    d_rows = np.reshape(d_out, (-1, len(alpha)))
    all_rows = np.reshape(out, (-1, len(alpha)))
    later = np.cumsum((all_rows * d_rows)[:, ::-1], axis=1)[:, ::-1][:, 1:]
    d_share = left * d_rows[:, :-1] - later / (1.0 - share)
    d_own = np.sum(d_share * by_alpha, axis=0)
    d_behind = np.cumsum(np.sum(d_share * by_behind, axis=0))
    d_alpha = np.concatenate((d_own, np.zeros(1))) + np.concatenate((np.zeros(1), d_behind))
"""
)

_DIRICHLET_FORWARD = (
    "def {name}(rng, alpha, *size, out, {dots}):\n"
    + _SHARES
    + """\
    behind_dot = np.cumsum(alpha_dot[::-1])[::-1][1:]
    share_dot = by_alpha * alpha_dot[:-1] + by_behind * behind_dot
    lost = np.cumsum(share_dot / (1.0 - share), axis=1)
    first = left * share_dot - rows * (lost - share_dot / (1.0 - share))
    out_dot = np.reshape(np.concatenate((first, -np.sum(first, axis=1, keepdims=True)), axis=1), out.shape)
"""
)
_WHOLE = {
    "dirichlet": (_DIRICHLET_RULE, _DIRICHLET_FORWARD),
    "multivariate_normal": (_NORMAL_RULE, _NORMAL_FORWARD),
}


@cache
def draw_of(method: str, parameters: tuple[str, ...]) -> OpDecl:
    """The draw by a method of generators; its operands are the generator, the parameters and the size."""
    if method in _WHOLE:
        dots = ", ".join(f"{k}_dot" for k in ("rng", *parameters, "size"))
        rule, forward = _WHOLE[method]
        made = _made(rule.format(name=f"{method}_draw"), f"{method}_draw")
        text = forward.format(name=f"{method}_forward", dots=dots)
        return replace(draw, rule=made, forward=_made(text, f"{method}_forward"))
    paths = {k: v for k, v in _PATHS.get(method, {}).items() if k in parameters}
    if not paths:
        return draw
    bare = replace(draw, broadcasts=True)

    def specialised(positions: tuple[int, ...]) -> OpDecl:
        wanted = tuple(parameters[k - 1] for k in positions)
        return (
            _with_rules(bare, method, parameters, wanted) if set(wanted) <= paths.keys() else bare
        )

    return replace(bare, specialised=specialised)


@cache
def _with_rules(
    bare: OpDecl, method: str, parameters: tuple[str, ...], wanted: tuple[str, ...]
) -> OpDecl:
    """The draw with the rules for the parameters `wanted`."""
    paths, name = _PATHS[method], f"{method}_draw_by_{'_'.join(wanted)}"
    listed = ", ".join(("rng", *parameters, "*size"))
    lines = "".join(f"    d_{k} = d_out * ({paths[k]})\n" for k in wanted)
    rule = _made(f"def {name}({listed}, out, d_out):\n{lines}", name)
    dots = ", ".join(f"{k}_dot" for k in ("rng", *parameters, "size"))
    terms = " + ".join(f"{k}_dot * ({paths[k]})" for k in wanted)
    text = f"def {name}_forward({listed}, out, {dots}):\n    out_dot = {terms}\n"
    return replace(bare, rule=rule, forward=_made(text, f"{name}_forward"))


def _made(text: str, name: str) -> Any:
    """The function that a text defines; its source is registered, so that the frontend can read it."""
    file = f"<srcdiff {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {
        "np": np,
        "special": special,
        "paths": LazyModule("srcdiff.ops.elementwise.implicit_quantiles"),
        "__name__": "srcdiff_draws",
    }
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    return namespace[name]
