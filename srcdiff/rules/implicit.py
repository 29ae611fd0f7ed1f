"""Implicit differentiation: derivatives of solutions of equations, by the implicit function theorem.

A solver finds the x at which `f(x, a, b) = 0`, by any method. Where x is a solution, its derivatives follow from the
derivatives of f,

    dx/da = -(df/dx)^-1 df/da

So a solver gets a rule (`custom.py`) in which derivatives of f are called. For `root(a, b)`:

    def root_rule(a, b, *, out, d_out):
        weights = -np.linalg.solve(f_jacobian(out, a, b).T, d_out)
        _, (d_a, d_b) = f_vjp(out, a, b, weights)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from srcdiff.api import jacobian
from srcdiff.compile.derivations.kinds import Jvp, Vjp
from srcdiff.frontend.source.wrappers import function_of, made_function
from srcdiff.handles.differentiable import generated, plain_function
from srcdiff.handles.generated import Generated
from srcdiff.options import make_options
from srcdiff.rules.custom import rule

Function = Callable[..., Any]

_RULE = """\
def {solver}_rule({inputs}, *, out, d_out):
{first}    if np.ndim(out) == 0:
        weights = -d_out / slopes(out, {given})
    elif np.ndim(out) == 1:
        weights = -np.linalg.solve(slopes(out, {given}).T, d_out)
    else:
        matrix = np.reshape(slopes(out, {given}), (out.size, out.size))
        weights = np.reshape(-np.linalg.solve(matrix.T, np.ravel(d_out)), out.shape)
    _, ({adjoints}) = weighted(out, {given}, weights)
{zeros}"""

_FORWARD = """\
def {solver}_forward({inputs}, *, out, {dots}):
{first}    _, change = along(out, {given}, {tangents})
    if np.ndim(out) == 0:
        out_dot = -change / slopes(out, {given})
    elif np.ndim(out) == 1:
        out_dot = -np.linalg.solve(slopes(out, {given}), change)
    else:
        matrix = np.reshape(slopes(out, {given}), (out.size, out.size))
        out_dot = np.reshape(-np.linalg.solve(matrix, np.ravel(change)), out.shape)
{last}"""


def implicit(
    f: Function,
    solve: Function | None = None,
    *,
    argnums: Sequence[str] | str | None = None,
    result: Function | None = None,
) -> object:
    """Give a solver of `f(x, *parameters) = 0` its derivatives, by the implicit function theorem.

    Parameters
    ----------
    f
        A function that srcdiff can read, or a derivative: `srcdiff.grad(objective)` if the solver minimises. Its first
        argument is the solution; it returns as many numbers as the solution has.
    solve
        The solver: a function with f's parameters by their names. The derivative with respect to its other parameters
        (a start, a tolerance) is zero. Without it, `implicit(f)` is a decorator for solvers.
    argnums
        The names of the parameters that have derivatives; the default is all of f's parameters without a default.
    result
        For a solver that srcdiff cannot read, such as those of `scipy.optimize`: a function of the same arguments whose
        result has the type and shape of the solution, such as `lambda a, start: start`.

    Returns
    -------
    callable
        The solver itself. In a function that is differentiated, a call of the solver has a derivative.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.optimize
    >>> import srcdiff
    >>> def kepler(E, M, e):
    ...     return E - e * np.sin(E) - M
    >>> @srcdiff.implicit(kepler, result=lambda M, e: 0.0)
    ... def anomaly(M, e):
    ...     return scipy.optimize.brentq(kepler, M - 1.0, M + 1.0, args=(M, e))
    >>> round(srcdiff.grad(lambda M: anomaly(M, 0.5), jit=False)(1.0), 6)
    1.05966
    """
    if solve is None:
        return lambda solver: implicit(f, solver, argnums=argnums, result=result)
    names, defaults = _parameters(f)
    if len(names) < 2:
        raise ValueError(
            f"{_name(f)} has {len(names)} arguments: it takes a solution, and parameters"
        )
    given = names[1:]
    mine, own_defaults = _parameters(solve)
    for name in given:
        if name not in mine and name not in defaults:
            raise ValueError(
                f"{_name(solve)} has no argument {name!r}, which {_name(f)} takes; its arguments are {', '.join(mine)}"
            )
    given = [n for n in given if n in mine]
    wanted = [n for n in given if n not in own_defaults] if argnums is None else [*_listed(argnums)]
    for name in wanted:
        if name not in given:
            raise ValueError(
                f"argnums: {name!r} is no parameter of {_name(f)}; they are {', '.join(given)}"
            )
    _declare(f, solve, [names[0], *given], mine, own_defaults, wanted, result)
    return solve


def _listed(argnums: Sequence[str] | str) -> Sequence[str]:
    return (argnums,) if isinstance(argnums, str) else argnums


def _name(f: object) -> str:
    name = getattr(f, "__name__", "f")
    return "f" if name == "<lambda>" else name


def _parameters(f: object) -> tuple[list[str], dict[str, object]]:
    """The parameters of a function, and their defaults."""
    if isinstance(f, Generated):
        return [*f.signature.names], dict(f.signature.defaults)
    found = inspect.signature(function_of(plain_function(f))).parameters.values()
    return [p.name for p in found], {p.name: p.default for p in found if p.default is not p.empty}


def _declare(
    f: object,
    solve: Function,
    names: Sequence[str],
    inputs: Sequence[str],
    defaults: Mapping[str, object],
    wanted: Sequence[str],
    result: Function | None,
) -> None:
    """Declare the solver's rule: lines of text that call derivatives of f."""
    written, forward = rules_of_solution(
        plain_function(f), _name(solve), names, inputs, wanted, defaults
    )
    rule(solve, result=result, forward=forward)(written)


def rules_of_solution(
    f: Callable[..., object],
    solver: str,
    names: Sequence[str],
    inputs: Sequence[str],
    wanted: Sequence[str],
    defaults: Mapping[str, object] | None = None,
    several: int = 1,
) -> tuple[FunctionType, FunctionType]:
    """The rules, for reverse and forward mode, of a solution of `f(x, *parameters) = 0`.

    Parameters
    ----------
    names
        f's parameters, the solution first; `inputs` are the solver's parameters; those in `wanted` have derivatives.
    several
        The number of the solver's results; the solution is the first.
    """
    defaults = defaults or {}
    plain = make_options({"on_independent": "ignore"})
    outside = {
        "np": np,
        "slopes": jacobian(f, argnums=names[0], on_independent="ignore"),
        "weighted": generated(Vjp(), f, plain, tuple(wanted)),
        "along": generated(Jvp(), f, plain, tuple(wanted)),
    }
    rest = [n for n in inputs if n not in wanted and n not in defaults]
    outside |= {f"default_{n}": value for n, value in defaults.items()}
    further = "".join(", 0.0" for _ in range(several - 1))
    words = {
        "solver": solver,
        "inputs": ", ".join(f"{n}=default_{n}" if n in defaults else n for n in inputs),
        "given": ", ".join(names[1:]),
        "adjoints": ", ".join(f"d_{n}" for n in wanted) + ("," if len(wanted) == 1 else ""),
        "zeros": "".join(f"    d_{n} = 0.0\n" for n in rest),
        "dots": ", ".join(f"{n}_dot" for n in inputs if n not in defaults),
        "tangents": ", ".join(f"{n}_dot" for n in wanted),
    }
    first = "    out = out[0]\n" if further else ""
    last = f"    out_dot = out_dot{further}\n" if further else ""
    reverse = f"{first}    d_out = d_out[0]\n" if further else ""
    written = made_function(_RULE.format(**words, first=reverse), f"{solver}_rule", outside)
    forward = made_function(
        _FORWARD.format(**words, first=first, last=last), f"{solver}_forward", outside
    )
    return written, forward
