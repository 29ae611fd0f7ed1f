"""Derivatives of integrals by Leibniz' rule: for `quad(f, a, b, args)`, f at the limits, and the integral of f's
gradient.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from srcdiff.compile.derivations.kinds import Jvp, Vjp
from srcdiff.frontend.source.wrappers import made_function
from srcdiff.handles.differentiable import generated
from srcdiff.ops.control.solvers import Solver
from srcdiff.options import make_options
from srcdiff.rules.text import Axes, as_parts, called, listed, unpacked, unused_names

_TAKEN = (
    "x",
    "a",
    "b",
    "weight",
    "total",
    "np",
    "quad",
    "quad_vec",
    "out",
    "d_out",
    "change",
    "value",
)


def integral_rules(
    solver: Solver,
    f: FunctionType,
    names: Sequence[str],
    axes: Axes,
    wanted: Sequence[str],
    options: Mapping[str, str],
) -> tuple[FunctionType, FunctionType]:
    own = [*inspect.signature(f).parameters][1:]
    given = unused_names(own, _TAKEN)
    axes = {new: axes[old] for old, new in zip(own, given, strict=True)}
    parameters = [new for old, new in zip(own, given, strict=True) if old in wanted]
    limits = [limit for limit, name in zip("ab", names, strict=False) if name in wanted]
    label, plain = f.__name__, make_options({"on_independent": "ignore"})
    outside: dict[str, Any] = {
        "np": np,
        label: f,
        "quad": vars(sys.modules["scipy.integrate"])["quad"],
        "quad_vec": vars(sys.modules["scipy.integrate"])["quad_vec"],
    }
    if parameters:
        of = tuple(old for old in own if old in wanted)
        outside[f"{label}_vjp"] = generated(Vjp(), f, plain, of)
        outside[f"{label}_jvp"] = generated(Jvp(), f, plain, of)
        for name, text in (
            (f"{label}_gradient", _gradient(label, given, parameters, axes)),
            (f"{label}_tangent", _tangent(label, given, parameters)),
        ):
            outside[name] = made_function(text, name, outside)
    listed_names = listed("a", "b", *given)
    options_text = "".join(f", {k}={v}" for k, v in options.items() if k != "limit")
    reverse = f"def {label}_rule({listed_names}, *, out, d_out):\n" + _reverse(
        label, given, parameters, axes, limits, options_text
    )
    dots = listed(*(f"{n}_dot" for n in ("a", "b", *given)))
    forward = f"def {label}_forward({listed_names}, *, out, {dots}):\n" + _forward(
        label, given, parameters, limits, options_text, solver.short
    )
    return (
        made_function(reverse, f"{label}_rule", outside),
        made_function(forward, f"{label}_forward", outside),
    )


def _gradient(label: str, given: Sequence[str], parameters: Sequence[str], axes: Axes) -> str:
    """The gradient of the integrand with respect to its parameters: a number for one number, otherwise a vector."""
    adjoints = ", ".join(f"d_{n}" for n in parameters)
    whole = f"np.concatenate(({listed(*as_parts(parameters, axes))},))"
    if len(parameters) == 1:
        (whole,) = as_parts(parameters, axes) if axes[parameters[0]] else (adjoints,)
    return (
        f"def {label}_gradient({listed('x', 'weight', *given)}):\n"
        f'    """Gradient of `{label}` with respect to {", ".join(f"`{n}`" for n in parameters)}, times `weight`."""\n'
        f"    value, ({adjoints},) = {called(f'{label}_vjp', 'x', *given, 'weight')}\n"
        f"    return {whole}\n"
    )


def _tangent(label: str, given: Sequence[str], parameters: Sequence[str]) -> str:
    dots = [f"{n}_dot" for n in parameters]
    return (
        f"def {label}_tangent({listed('x', *given, *dots)}):\n"
        f'    """Tangent of `{label}`."""\n'
        f"    value, change = {called(f'{label}_jvp', 'x', *given, *dots)}\n"
        f"    return change\n"
    )


def _reverse(
    label: str,
    given: Sequence[str],
    parameters: Sequence[str],
    axes: Axes,
    limits: Sequence[str],
    options_text: str,
) -> str:
    text = "    if d_out[0] is None:\n        weight = np.zeros_like(out[0])\n    else:\n        weight = d_out[0]\n"
    for limit, sign in (("a", "-"), ("b", "")):
        if limit in limits:
            text += f"    d_{limit} = {sign}np.sum(weight * {called(label, limit, *given)})\n"
    arguments = f"{label}_gradient, a, b, args=({listed('weight', *given)},){options_text}"
    if len(parameters) == 1 and not axes[parameters[0]]:
        text += f"    d_{parameters[0]} = quad({arguments})[0]\n"
    elif parameters:
        text += f"    total = quad_vec({arguments})[0]\n"
        for n, part in zip(parameters, unpacked(parameters, axes, "total"), strict=True):
            text += f"    d_{n} = {part}\n"
    return text


def _forward(
    label: str,
    given: Sequence[str],
    parameters: Sequence[str],
    limits: Sequence[str],
    options_text: str,
    quadrature: str,
) -> str:
    terms: list[str] = []
    if "b" in limits:
        terms.append(f"{called(label, 'b', *given)} * b_dot")
    if "a" in limits:
        terms.append(f"-{called(label, 'a', *given)} * a_dot")
    if parameters:
        dots = [f"{n}_dot" for n in parameters]
        terms.append(
            f"{quadrature}({label}_tangent, a, b, args=({listed(*given, *dots)},){options_text})[0]"
        )
    return f"    out_dot = {' + '.join(terms)}, 0.0\n"
