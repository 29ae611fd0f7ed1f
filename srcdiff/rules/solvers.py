"""Derivatives of SciPy's solvers (`ops/control/solvers.py`): declarations with rules that are generated as text.

* A root, a fixed point, a minimum: the implicit function theorem (`implicit.py`), for the function, `f(x) - x`,
  or the gradient.
* An integral: values of the integrand at the limits, and the integral of its gradient.
* States of an ODE: the adjoint ODE, solved backward from observation to observation (`ode.py`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

from srcdiff.api import grad, jacobian
from srcdiff.compile.derivations.kinds import Simplify
from srcdiff.frontend.source.wrappers import made_function
from srcdiff.handles.differentiable import generated
from srcdiff.handles.generated import Generated
from srcdiff.ir.core import OpDecl
from srcdiff.markers import stop_gradient
from srcdiff.ops.control.solvers import Solver, result_types, run_solver
from srcdiff.options import make_options
from srcdiff.rules.implicit import rules_of_solution
from srcdiff.rules.ode import orbit_rules, state_rules
from srcdiff.rules.quadrature import integral_rules

Rules = tuple[FunctionType, FunctionType]
Texts = tuple[tuple[str, str], ...]
Kept = TypeVar("Kept")

_KNOWN: dict[object, OpDecl] = {}
_VALUES: dict[object, Generated] = {}
_MOST = 1000


def value_of(function: FunctionType) -> Generated:
    """The function as a generated function, whose text is printed where a solver is called."""
    return _kept(_VALUES, function, lambda: generated(Simplify(), function, make_options({})))


def declaration(
    solver: Solver,
    function: FunctionType,
    names: tuple[str, ...],
    axes: tuple[int, ...],
    options: Texts,
) -> OpDecl:
    """The operation for calls of a solver with a function.

    Parameters
    ----------
    names
        The names of the operands: the solver's start, then the function's parameters.
    axes
        The number of axes of each operand.
    options
        Text of further arguments, for the solvers that rules call.
    """
    key = solver.name, function, names, axes, options
    of_each = dict(zip(names, axes, strict=True))
    return _kept(_KNOWN, key, lambda: _declared(solver, function, of_each, options))


def _kept(known: dict[object, Kept], key: object, make: Callable[[], Kept]) -> Kept:
    if key not in known:
        if len(known) >= _MOST:
            known.clear()
        known[key] = make()
    return known[key]


def _declared(
    solver: Solver, function: FunctionType, axes: dict[str, int], options: Texts
) -> OpDecl:
    names = [*axes]
    bare = OpDecl(
        name=solver.short,
        infer=lambda shapes, operands, attrs: result_types(solver, shapes, operands, attrs),
        spelling=solver.name,
        raises=True,
        optional=len(solver.parts) > 1,
        cost="heavy",
        evaluate=run_solver,
    )
    known: dict[tuple[int, ...], OpDecl] = {}

    def specialised(positions: tuple[int, ...]) -> OpDecl:
        if positions not in known:
            wanted = [names[k] for k in positions]
            rule, forward = _rules(solver, function, axes, wanted, options)
            known[positions] = replace(bare, rule=rule, forward=forward)
        return known[positions]

    return replace(bare, specialised=specialised)


def _rules(
    solver: Solver, f: FunctionType, axes: dict[str, int], wanted: Sequence[str], options: Texts
) -> Rules:
    names = [*axes]
    own = [*inspect.signature(f).parameters]
    if solver.kind == "states":
        return state_rules(f, names, axes, wanted, dict(options))
    if solver.kind == "orbit":
        return orbit_rules(f, names, axes, wanted, dict(options))
    if solver.kind == "integral":
        return integral_rules(solver, f, names, axes, wanted, dict(options))
    limits = dict(options).get("limits", "")
    moving = [n for n in names if n in limits]
    parameters = [n for n in wanted if n in (*own, *moving)]
    if not parameters:
        return _constant(solver, names)
    residual, label = _residual(solver, f, own)
    if limits:
        residual = _between(residual, label, own, moving, limits)
        own += moving
    return rules_of_solution(
        residual, solver.short, own, names, parameters, several=len(solver.parts)
    )


def _constant(solver: Solver, names: Sequence[str]) -> Rules:
    """A rule with a zero derivative: a solver's start has no influence on the solution."""
    listed, zeros = ", ".join(names), "".join(f"    d_{n} = 0.0\n" for n in names)
    dots = ", ".join(f"{n}_dot" for n in names)
    found = "np.zeros_like(out)" if len(solver.parts) == 1 else "np.zeros_like(out[0]), 0.0"
    rule = made_function(f"def rule({listed}, *, out, d_out):\n{zeros}", "rule", {})
    text = f"def forward({listed}, *, out, {dots}):\n    out_dot = {found}\n"
    return rule, made_function(text, "forward", {"np": np})


def _residual(
    solver: Solver, f: FunctionType, own: Sequence[str]
) -> tuple[Callable[..., object], str]:
    """The function that is zero at the solution, and its name."""
    label, listed = f.__name__, ", ".join(own)
    if solver.kind == "zero":
        return f, label
    if solver.kind == "minimum":
        return grad(f, argnums=own[0], on_independent="ignore"), f"{label}_grad"
    if solver.kind == "fixed point":
        text = f"def {label}_residual({listed}):\n    return {label}({listed}) - {own[0]}\n"
        return made_function(text, f"{label}_residual", {label: f}), f"{label}_residual"
    text = f"def {label}_objective({listed}):\n    return 0.5 * np.sum({label}({listed}) ** 2)\n"
    objective = made_function(text, f"{label}_objective", {label: f, "np": np})
    return grad(objective, argnums=own[0], on_independent="ignore"), f"{label}_grad"


_STEP = """\
def {label}_step({listed}):
    curvature = np.abs({label}_jacobian({given}))
    if np.ndim({x}) == 1:
        curvature = np.diag(curvature)
    scale = stop_gradient(np.where(curvature == 0.0, 1.0, curvature))
    return {x} - np.clip({x} - {label}({given}) / scale, {limits})
"""


def _between(
    slope: Callable[..., object], label: str, own: Sequence[str], moving: Sequence[str], limits: str
) -> Any:
    """The residual of a minimum between limits: x minus the clipped end of a step, the slope over the absolute
    curvature.

    If the slope leads out of the limits, the minimum stays at them.
    """
    listed, given = ", ".join((*own, *moving)), ", ".join(own)
    text = _STEP.format(label=label, listed=listed, given=given, x=own[0], limits=limits)
    slopes = jacobian(slope, argnums=own[0], on_independent="ignore")
    outside = {label: slope, f"{label}_jacobian": slopes, "np": np, "stop_gradient": stop_gradient}
    return made_function(text, f"{label}_step", outside)
