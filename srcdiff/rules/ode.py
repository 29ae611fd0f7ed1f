"""The adjoint method for ordinary differential equations: rules for solutions at observation times.

Backward in time, an observation `ys[i]` adds its adjoint to the adjoint of the state, which then follows the adjoint
equation back to the observation before: d_y' = -(df/dy)^T d_y. The adjoints of parameters are integrals of (df/dp)^T
d_y (Pontryagin; Chen et al., "Neural ordinary differential equations", 2018). The state is reset to the solution at
each observation and integrated with its adjoint, so nothing is stored in between. In forward mode, tangents follow the
variational equations.

The rules are text, so they are printed and can be differentiated again; SciPy solves the equations with the user's
options.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from types import FunctionType

import numpy as np

from srcdiff.compile.derivations.kinds import Jvp, Vjp
from srcdiff.frontend.source.wrappers import made_function
from srcdiff.handles.differentiable import generated
from srcdiff.options import make_options
from srcdiff.rules.text import Axes, as_parts, called, listed, size_of, unpacked, unused_names

Rules = tuple[FunctionType, FunctionType]

_TAKEN = (
    "y", "t", "n", "like", "at", "parameters", "i", "state", "start", "both", "change", "change_dot", "ys",
    "ts", "t0", "t1", "y0", "d_y", "d_ys", "d_ts", "d_t0", "previous", "ys_dot", "ts_dot", "y_dot", "np",
    "odeint", "solve_ivp", "out", "d_out",
)  # fmt: skip


class _Equation:
    """The right-hand side, and the text that the rules of both solvers need."""

    def __init__(
        self,
        f: FunctionType,
        names: Sequence[str],
        axes: Axes,
        wanted: Sequence[str],
        options: Mapping[str, str],
        is_time_first: bool,
    ) -> None:
        own = [*inspect.signature(f).parameters]
        self.f, self.label, self.is_time_first = f, f.__name__, is_time_first
        self.given = unused_names(own[2:], _TAKEN)
        self.wanted = [new for old, new in zip(own[2:], self.given, strict=True) if old in wanted]
        self.axes = {new: axes[old] for old, new in zip(own[2:], self.given, strict=True)}
        self.starts = [
            f"start_{n}" if n in self.given else n for n in names[: len(names) - len(self.given)]
        ]
        self.of_start = [n for n, old in zip(self.starts, names, strict=False) if old in wanted]
        self.options = "".join(f", {k}={v}" for k, v in options.items())
        state = own[1] if is_time_first else own[0]
        parameters = [n for n in own[2:] if n in wanted]
        plain = make_options({"on_independent": "ignore"})
        self.outside: dict[str, object] = {
            "np": np,
            self.label: f,
            f"{self.label}_vjp": generated(Vjp(), f, plain, (state, *parameters)),
            f"{self.label}_jvp": generated(Jvp(), f, plain, (state, *parameters)),
            "odeint": vars(sys.modules["scipy.integrate"])["odeint"],
            "solve_ivp": vars(sys.modules["scipy.integrate"])["solve_ivp"],
        }
        for name, text in (("adjoint", self.adjoint()), ("tangent", self.tangent())):
            made = self.define(f"{self.label}_{name}", text)
            # two numbers or more for each of the user's states; the user's own call has checked its options
            vars(made)["srcdiff_long"] = tuple(inspect.signature(made).parameters)

    def define(self, name: str, text: str) -> FunctionType:
        self.outside[name] = made = made_function(text, name, self.outside)
        return made

    def in_order(self, state: str, time: str) -> tuple[str, str]:
        return (time, state) if self.is_time_first else (state, time)

    def value(self, state: str, time: str) -> str:
        return called(self.label, *self.in_order(state, time), *self.given)

    @property
    def dots(self) -> list[str]:
        return [f"{n}_dot" for n in self.wanted]

    def adjoint(self) -> str:
        """The right-hand side for the state, its adjoint, and the integrals that are the adjoints of parameters."""
        adjoints = listed("d_y", *(f"d_{n}" for n in self.wanted))
        parts = listed("change", "-d_y", *as_parts(self.wanted, self.axes, "-"))
        return (
            f"def {self.label}_adjoint({listed(*self.in_order('state', 't'), 'like', *self.given)}):\n"
            f'    """`{self.label}`, and how adjoints change along its solution."""\n'
            f"    n = len(like)\n"
            f"    y, d_y = np.reshape(state[: 2 * n], (2, n))\n"
            f"    change, ({adjoints},) = {self.label}_vjp({listed(*self.in_order('y', 't'), *self.given, 'd_y')})\n"
            f"    return np.concatenate(({parts}))\n"
        )

    def tangent(self) -> str:
        given = listed(*self.in_order("y", "t"), *self.given, "y_dot", *self.dots)
        return (
            f"def {self.label}_tangent({listed(*self.in_order('state', 't'), 'like', *self.given, *self.dots)}):\n"
            f'    """`{self.label}` and its tangent."""\n'
            f"    y, y_dot = np.reshape(state, (2, len(like)))\n"
            f"    change, change_dot = {self.label}_jvp({given})\n"
            f"    return np.concatenate((change, change_dot))\n"
        )

    def begin_state(self, y: str) -> str:
        return f"np.concatenate(({y}, d_y{', d_parameters' if self.wanted else ''}))"

    @property
    def begin_parameters(self) -> str:
        return (
            f"    d_parameters = np.zeros({size_of(self.wanted, self.axes)})\n"
            if self.wanted
            else ""
        )

    @property
    def own(self) -> str:
        """The text that copies adjoints that are results into arrays of their own."""
        return ".copy()" if self.is_time_first and any(self.axes[n] for n in self.wanted) else ""

    def solved(self, indent: str) -> str:
        """Lines that take the wanted adjoints from the solution of the adjoint equation."""
        lines = [
            "d_y = state[n : 2 * n]",
            *([f"d_parameters = state[2 * n :]{self.own}"] if self.wanted else []),
        ]
        return "".join(f"{indent}{line}\n" for line in lines)

    def rules(self, reverse: str, forward: str) -> Rules:
        """The rules, from their lines."""
        listed_names = listed(*self.starts, *self.given)
        dots = listed(*(f"{n}_dot" for n in (*self.starts, *self.given)))
        rule = f"def {self.label}_rule({listed_names}, *, out, d_out):\n{reverse}"
        text = f"def {self.label}_forward_rule({listed_names}, *, out, {dots}):\n{forward}"
        return (
            made_function(rule, f"{self.label}_rule", self.outside),
            made_function(text, f"{self.label}_forward_rule", self.outside),
        )


def _plain_options(options: Mapping[str, str]) -> dict[str, str]:
    """The options that are valid for equations with more states as well."""
    return {k: v for k, v in options.items() if not v.startswith(("[", "(", "array"))}


# ---- odeint --------------------------------------------------------------------------------------


def state_rules(
    f: FunctionType,
    names: Sequence[str],
    axes: Axes,
    wanted: Sequence[str],
    options: Mapping[str, str],
) -> Rules:
    """The rules of `odeint(f, y0, t, args)`, whose result has a row for each time."""
    e = _Equation(f, names, axes, wanted, _plain_options(options), options.get("tfirst") == "True")
    y0, ts = e.starts
    of_time = ts in e.of_start
    adjoints = [f"d_{n}" for n in e.wanted]
    found = unpacked(e.wanted, e.axes, "d_parameters")
    results = listed("d_y + d_ys[0]", "d_ts" if of_time else "", *found)
    text = (
        f"def {e.label}_backward({listed('d_ys', 'ys', 'ts', *e.given)}):\n"
        f'    """Adjoint of the states that follow `{e.label}`, from observation to observation."""\n'
        f"    n = ys.shape[1]\n"
        f"    like = np.zeros(n)\n"
        f"    d_y = np.zeros(n)\n"
        f"{e.begin_parameters}"
        + ("    d_ts = np.zeros(len(ts))\n" if of_time else "")
        + "    for i in range(len(ts) - 1, 0, -1):\n"
        + (f"        d_ts[i] = d_ys[i] @ {e.value('ys[i]', 'ts[i]')}\n" if of_time else "")
        + "        d_y = d_y + d_ys[i]\n"
        f"        start = {e.begin_state('ys[i]')}\n"
        f"        state = odeint({e.label}_adjoint, start, np.array([ts[i], ts[i - 1]]), "
        f"args=({listed('like', *e.given)},){e.options})[1]\n"
        f"{e.solved('        ')}"
        + (f"    d_ts[0] = -(d_y @ {e.value('ys[0]', 'ts[0]')})\n" if of_time else "")
        + f"    return ({results},)\n"
    )
    e.define(f"{e.label}_backward", text)
    assigned = listed(f"d_{y0}", f"d_{ts}" if of_time else "", *adjoints)
    reverse = f"    {assigned}, = {called(f'{e.label}_backward', 'd_out', 'out', ts, *e.given)}\n"
    e.define(f"{e.label}_forward", _states_forward(e, of_time))
    dots = [f"{n}_dot" for n in e.of_start]
    forward = (
        f"    out_dot = {called(f'{e.label}_forward', 'out', y0, ts, *e.given, *dots, *e.dots)}\n"
    )
    return e.rules(reverse, forward)


def _states_forward(e: _Equation, of_time: bool) -> str:
    dots = [n for n, old in (("y0_dot", e.starts[0]), ("ts_dot", e.starts[1])) if old in e.of_start]
    of_start = "y0_dot" if "y0_dot" in dots else "np.zeros(n)"
    if of_time:
        of_start += f" - {e.value('y0', 'ts[0]')} * ts_dot[0]"
    lines = (
        "    for i in range(len(ts)):\n"
        f"        ys_dot[i] = ys_dot[i] + {e.value('ys[i]', 'ts[i]')} * ts_dot[i]\n"
    )
    return (
        f"def {e.label}_forward({listed('ys', 'y0', 'ts', *e.given, *dots, *e.dots)}):\n"
        f'    """Tangent of the states that follow `{e.label}`."""\n'
        f"    n = len(y0)\n"
        f"    like = np.zeros(n)\n"
        f"    start = np.concatenate((y0, {of_start}))\n"
        f"    both = odeint({e.label}_tangent, start, ts, args=({listed('like', *e.given, *e.dots)},){e.options})\n"
        f"    ys_dot = both[:, n:].copy()\n" + (lines if of_time else "") + "    return ys_dot\n"
    )


# ---- solve_ivp -----------------------------------------------------------------------------------


def orbit_rules(
    f: FunctionType,
    names: Sequence[str],
    axes: Axes,
    wanted: Sequence[str],
    options: Mapping[str, str],
) -> Rules:
    """The rules of `solve_ivp(f, (t0, t1), y0, t_eval=ts, args=args)`, whose results are times, and states as columns.

    Without `t_eval`, the first time is t0 and the last one t1; the times in between are constants.
    """
    e = _Equation(f, names, axes, wanted, _plain_options(options), True)
    t0, t1, y0, *t_eval = e.starts
    e.define(f"{e.label}_backward", _orbit_backward(e))
    adjoints = [f"d_{n}" for n in e.wanted]
    assigned = listed("d_ts", "d_t0", f"d_{y0}", *adjoints)
    given = called(f"{e.label}_backward", "d_ys", "out[1]", "out[0]", t0, y0, *e.given)
    reverse = (
        "    if d_out[1] is None:\n        d_ys = np.zeros_like(out[1])\n    else:\n        d_ys = d_out[1]\n"
        f"    {assigned}, = {given}\n"
        "    if d_out[0] is not None:\n        d_ts = d_ts + d_out[0]\n"
    )
    if t_eval:
        reverse += f"    d_{t0} = d_t0\n    d_{t1} = 0.0\n    d_{t_eval[0]} = d_ts\n"
    else:
        reverse += f"    d_{t0} = d_t0 + d_ts[0]\n    d_{t1} = d_ts[-1]\n"
    e.define(f"{e.label}_forward", _orbit_forward(e))
    ts_dot = f"{t_eval[0]}_dot" if t_eval else "ts_dot"
    ends = (
        f"np.concatenate((np.array([{t0}_dot]), np.zeros(len(out[0]) - 2), np.array([{t1}_dot])))"
    )
    forward = "" if t_eval else f"    ts_dot = {ends}\n"
    dots = listed(ts_dot, f"{t0}_dot", f"{y0}_dot", *e.dots)
    forward += (
        f"    ys_dot = {called(f'{e.label}_forward', 'out[1]', 'out[0]', t0, t1, y0, *e.given, dots)}\n"
        f"    out_dot = {ts_dot}, ys_dot, 0.0\n"
    )
    return e.rules(reverse, forward)


def _orbit_backward(e: _Equation) -> str:
    found = unpacked(e.wanted, e.axes, "d_parameters")
    return (
        f"def {e.label}_backward({listed('d_ys', 'ys', 'ts', 't0', 'y0', *e.given)}):\n"
        f'    """Adjoint of the states that follow `{e.label}`, from observation to observation."""\n'
        f"    n = len(y0)\n"
        f"    like = np.zeros(n)\n"
        f"    d_y = np.zeros(n)\n"
        f"    d_ts = np.zeros(len(ts))\n"
        f"{e.begin_parameters}"
        f"    for i in range(len(ts) - 1, -1, -1):\n"
        f"        d_ts[i] = d_ys[:, i] @ {e.value('ys[:, i]', 'ts[i]')}\n"
        f"        d_y = d_y + d_ys[:, i]\n"
        f"        previous = ts[i - 1] if i > 0 else t0\n"
        f"        if ts[i] != previous:\n"
        f"            start = {e.begin_state('ys[:, i]')}\n"
        f"            state = solve_ivp({e.label}_adjoint, (ts[i], previous), start, "
        f"t_eval=np.array([previous]), args=({listed('like', *e.given)},){e.options}).y[:, 0]\n"
        f"{e.solved('            ')}"
        f"    return d_ts, -(d_y @ {e.value('y0', 't0')}), {listed('d_y', *found)},\n"
    )


def _orbit_forward(e: _Equation) -> str:
    dots = listed("ts_dot", "t0_dot", "y0_dot", *e.dots)
    given = listed("like", *e.given, *e.dots)
    return (
        f"def {e.label}_forward({listed('ys', 'ts', 't0', 't1', 'y0', *e.given, dots)}):\n"
        f'    """Tangent of the states that follow `{e.label}`."""\n'
        f"    n = len(y0)\n"
        f"    like = np.zeros(n)\n"
        f"    start = np.concatenate((y0, y0_dot - {e.value('y0', 't0')} * t0_dot))\n"
        f"    both = solve_ivp({e.label}_tangent, (t0, t1), start, t_eval=ts, args=({given},){e.options}).y\n"
        f"    ys_dot = both[n:].copy()\n"
        f"    for i in range(len(ts)):\n"
        f"        ys_dot[:, i] = ys_dot[:, i] + {e.value('ys[:, i]', 'ts[i]')} * ts_dot[i]\n"
        f"    return ys_dot\n"
    )
