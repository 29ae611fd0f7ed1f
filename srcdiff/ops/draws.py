"""Random numbers from a `np.random.Generator` that a program is given: an effect, which nothing moves or leaves out."""

from __future__ import annotations

import linecache
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from srcdiff.ir.core import Op, OpDecl
from srcdiff.ops.infer import of_type
from srcdiff.ops.registry import operation

__all__ = ["draw", "draw_of"]


def _draw(operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    places = {f"_{i}": v for i, v in enumerate(operands)}
    return eval(attrs["text"].format(*places), places)


def _text(op: Op) -> str:
    return str(op.attrs["text"])


# `{0}.normal({1}, {2}, size={3})`: operands are the generator, and what stands in the brackets
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


# How a draw moves with its parameters, for the same noise: the derivative of `out` by each. Of the others (shapes of
# gamma, beta and t draws, whose quantiles have no formula) it is an error.
_PATHS: dict[str, dict[str, str]] = {
    "exponential": {"scale": "out / scale"},
    "gamma": {"scale": "out / scale"},
    "gumbel": {"loc": "1.0", "scale": "(out - loc) / scale"},
    "laplace": {"loc": "1.0", "scale": "(out - loc) / scale"},
    "logistic": {"loc": "1.0", "scale": "(out - loc) / scale"},
    "lognormal": {"mean": "out", "sigma": "out * (np.log(out) - mean) / sigma"},
    "normal": {"loc": "1.0", "scale": "(out - loc) / scale"},
    "pareto": {"a": "-(1.0 + out) * np.log1p(out) / a"},
    "uniform": {"low": "(high - out) / (high - low)", "high": "(out - low) / (high - low)"},
    "weibull": {"a": "-out * np.log(out) / a"},
}

# x = mean + L z for the Cholesky factor L of cov: another root than NumPy's gives draws of the same distribution
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


@cache
def draw_of(method: str, parameters: tuple[str, ...]) -> OpDecl:
    """The draw by a method of generators, whose operands are the generator, the parameters, and the size."""
    if method == "multivariate_normal":
        dots = ", ".join(f"{k}_dot" for k in ("rng", *parameters, "size"))
        rule = _made(_NORMAL_RULE.format(name="normal_draw"), "normal_draw")
        text = _NORMAL_FORWARD.format(name="normal_forward", dots=dots)
        return replace(draw, rule=rule, forward=_made(text, "normal_forward"))
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
    """The draw with the rules for some parameters."""
    paths, name = _PATHS[method], f"{method}_draw_by_{'_'.join(wanted)}"
    listed = ", ".join(("rng", *parameters, "*size"))
    lines = "".join(f"    d_{k} = d_out * ({paths[k]})\n" for k in wanted)
    rule = _made(f"def {name}({listed}, out, d_out):\n{lines}", name)
    dots = ", ".join(f"{k}_dot" for k in ("rng", *parameters, "size"))
    terms = " + ".join(f"{k}_dot * ({paths[k]})" for k in wanted)
    text = f"def {name}_forward({listed}, out, {dots}):\n    out_dot = {terms}\n"
    return replace(bare, rule=rule, forward=_made(text, f"{name}_forward"))


def _made(text: str, name: str) -> Any:
    """The function that a text defines; its source is found as that of others is."""
    file = f"<srcdiff {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"np": np, "__name__": "srcdiff_draws"}
    exec(compile(text, file, "exec", dont_inherit=True), namespace)
    return namespace[name]
