"""Calls of SciPy's solvers: `odeint(rhs, y0, t, args=(k,))`, `brentq(f, a, b)`, `minimize(loss, x0).x`.

The arguments of a solver become operands. Its functions become programs of their own (`solver_functions`), whose
derivatives are taken (`srcdiff.rules.solvers`, by `services().solver`).
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import gast
import numpy as np

from srcdiff.errors import UnsupportedError
from srcdiff.frontend.calls.outlined import outward_of
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import (
    Args,
    Closure,
    FrontValue,
    Known,
    Kwargs,
    Method,
    Parts,
    Piece,
    is_none,
    is_static,
    sequence,
    static,
)
from srcdiff.frontend.derivatives.derivative_calls import derived_for
from srcdiff.frontend.derivatives.services import services
from srcdiff.frontend.derivatives.solver_functions import (
    Lift,
    Places,
    is_no_array,
    is_own_function,
    limits,
    literal_text,
    parameter_names,
    under_own_name,
)
from srcdiff.ir.core import Node
from srcdiff.ir.types import List, Scalar, Struct, Type, element_type, is_numeric, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.control.solvers import Applied, Solver

_FUNCTIONS = (Closure, Known, Method, Piece)
_VECTOR = ("root", "fsolve", "minimize", "least_squares")  # whose unknowns are an array
_OPTIONS = ("method", "rtol", "atol", "max_step", "mxstep", "epsabs", "epsrel", "limit", "tfirst")
_OWN = {  # what solvers call the arguments that they give, where a function does not say
    "states": ("y", "t"),
    "orbit": ("t", "y"),
}


def call_solver(
    fr: Frame, node: gast.AST, function: object, solver: Solver, args: Args, kwargs: Kwargs
) -> FrontValue:
    """The operation of a call of a solver, with the fields of its result that programs may read."""
    given = _bound(fr, node, function, solver, args, kwargs)
    call = _Call(fr, node, solver, given)
    results = call.results()
    if solver.record:
        names = tuple(p.removeprefix(".") for p in solver.parts)
        values = results
        if solver.kind in ("minimum",):
            names, values = (*names, "fun"), [*results, call.value_at(results[0])]
        cls = namedtuple(solver.record, names)  # type: ignore[misc]
        cls.srcdiff_solver = solver.short  # type: ignore[attr-defined]
        return Parts("namedtuple", names, tuple(values), cls)
    return results[0] if len(results) == 1 else sequence(results)


def _bound(
    fr: Frame, node: gast.AST, function: Any, solver: Solver, args: Args, kwargs: Kwargs
) -> dict[str, FrontValue]:
    """The arguments by the names of parameters."""
    try:
        found = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        fr.fail(node, f"{solver.short}(): {error}")
    given = dict(found.arguments)
    further = given.pop("options", {}) if solver.kind == "orbit" else {}
    given |= further
    for name, value in solver.refused.items():
        if name in given and not (is_static(given[name]) and _is_same(static(given[name]), value)):
            fr.fail(
                node,
                f"`{solver.short}` with {name}= is not differentiated",
                "Leave it out, or give the solver a rule of its own: srcdiff.implicit, srcdiff.rule.",
            )
        given.pop(name, None)
    return given


def _is_same(a: object, b: object) -> bool:
    return a is b or (type(a) in (bool, int, float, str, tuple, dict) and a == b)


class _Call:
    """One call while it is read."""

    def __init__(
        self, fr: Frame, node: gast.AST, solver: Solver, given: dict[str, FrontValue]
    ) -> None:
        self.fr, self.node, self.solver, self.given = fr, node, solver, given
        self.main = given[solver.function]
        if not isinstance(self.main, _FUNCTIONS):
            fr.fail(
                node,
                f"`{solver.short}` takes a function here, not {describe(self.main)}",
                "Pass a function, a lambda, or a nested function.",
            )
        self.operands: list[Atom] = []
        self.places: dict[str, int] = {}
        self.texts: dict[str, str] = {}
        self.limits = ""

    # ---- numbers and arrays ----

    def results(self) -> list[FrontValue]:
        for name in self.solver.start:
            if name in self.given and not is_none(self.given[name]):
                self.texts[name] = self.start(name, self.given[name])
        if self.solver.kind in ("minimum", "least squares"):
            self.bound()
        lift = self.lifted()
        own = self.own_types()
        self.applied = [self.applied_main(lift, own)]
        names = self.operand_names(lift)
        for k, name in enumerate(self.returned(), 1):
            self.helper(lift, name, own, self.main, f"{{}}[{k}]")
        for name in self.solver.helpers:
            if name in self.given:
                self.helper(lift, name, own, self.given[name])
        first = len(self.operands)
        self.operands += lift.leaves.values()
        listed = ", ".join(f"{{{k}}}" for k in range(first, len(self.operands)))
        if lift.leaves:
            self.texts["args"] = f"({listed}{',' * (len(lift.leaves) == 1)})"
        options = self.options()
        axes = tuple(len(shape_of(a.type)) for a in self.operands)
        decl = services().solver(self.solver, self.applied[0].function, tuple(names), axes, options)
        made = self.fr.ops(
            self.node,
            decl,
            *self.operands,
            applied=tuple(self.applied),
            text=self.text(),
            parts=self.solver.parts,
            places=Places(self.places),
        )
        return [*made]

    def start(self, name: str, value: FrontValue) -> str:
        """A start, a bracket or limits as operands; gives their text."""
        fr, node = self.fr, self.node
        is_pair = name in ("t_span", "bracket", "bounds")
        if is_pair:
            if not isinstance(value, Parts) or len(value.values) not in (2, 3):
                fr.fail(node, f"`{name}` is a pair of numbers here", f"Write {name}=(a, b).")
            texts = [self.operand(f"{name}_{k}", v) for k, v in enumerate(value.values)]
            if name == "bounds":
                self.limits = "bounds_0, bounds_1"
            return f"({', '.join(texts)})"
        is_number = isinstance(value, Value | Const) and isinstance(value.type, Scalar)
        is_list = isinstance(value, Value) and isinstance(value.type, Struct | List)
        if isinstance(value, Parts) or is_list or (is_number and _is_vector(self.solver, name)):
            value = fr.call(node, Known(np.atleast_1d), [value])
        return self.operand(name, value)

    def bound(self) -> None:
        """Between which numbers the solution is."""
        value = self.given.get("bounds")
        if value is None or is_none(value) or "bounds" in self.texts:
            return
        self.texts["bounds"] = self.plain("bounds", value)
        bounds = static(value)
        if not isinstance(bounds, list | tuple):
            self.fr.fail(
                self.node,
                f"`bounds` of `{self.solver.short}` are numbers in tuples and lists here, not {describe(value)}",
                "Write bounds=[(low, high), ...].",
            )
        lows, highs = limits(bounds) if self.solver.kind == "minimum" else bounds
        if np.any(np.isfinite(lows)) or np.any(np.isfinite(highs)):
            self.limits = f"{literal_text(lows)}, {literal_text(highs)}"

    def operand(self, name: str, value: FrontValue) -> str:
        fr, node = self.fr, self.node
        atom = fr.as_atom(value, node)
        if not is_numeric(atom.type):
            fr.fail(
                node,
                f"`{name}` of `{self.solver.short}` is a number or an array here, not {describe(atom)}",
            )
        if element_type(atom.type).dtype != "float64":
            if isinstance(atom, Const) and isinstance(atom.value, int):
                atom = const(float(atom.value))
            else:
                if isinstance(atom.type, Scalar):
                    as_float = fr.call(node, Known(float), [atom])
                else:
                    astype = fr.attribute(atom, "astype", node)
                    as_float = fr.call(node, astype, [Known(np.float64)])
                atom = fr.as_atom(as_float, node)
        if len(shape_of(atom.type)) > 1:
            fr.fail(
                node,
                f"`{name}` of `{self.solver.short}` has {len(shape_of(atom.type))} axes",
                "Solvers flatten it: pass it with one axis, and reshape it in the function.",
            )
        self.places[name] = len(self.operands)
        self.operands.append(atom)
        return f"{{{self.places[name]}}}"

    # ---- functions ----

    def lifted(self) -> Lift:
        """The arguments that all functions of the call are given besides their own."""
        lift = Lift(self.fr, self.node, {"out", "d_out", "np", *self.own_names()})
        given = self.given.pop("args", None)
        if given is None or is_none(given):
            args: Sequence[FrontValue] = ()
        else:
            args = given.values if isinstance(given, Parts) and given.kind == "tuple" else (given,)
        names = parameter_names(self.main) or []
        rest = names[len(self.own_names()) :]
        for k, value in enumerate(args):
            lift.args.append(lift.value(value, rest[k] if k < len(rest) else f"argument_{k}"))
        return lift

    def own_names(self) -> list[str]:
        count = 2 if self.solver.kind in ("states", "orbit") else 1
        names = (parameter_names(self.main) or [])[:count]
        usual = _OWN.get(self.solver.kind, ("x",))
        if self.solver.kind == "states" and self.is_time_first():
            usual = usual[::-1]
        return names if len(names) == count else list(usual)

    def is_time_first(self) -> bool:
        value = self.given.get("tfirst")
        return self.solver.kind == "orbit" or (value is not None and bool(static(value)))

    def own_types(self) -> list[Type]:
        """The types of the arguments that the solver passes to its functions."""
        number = Scalar("float64", True)
        kind = self.solver.kind
        if kind in ("states", "orbit"):
            state = self.operands[self.places["y0"]].type
            return [number, state] if self.is_time_first() else [state, number]
        if "x0" in self.places and kind != "integral":
            return [self.operands[self.places["x0"]].type]
        return [number]

    def applied_main(self, lift: Lift, own: Sequence[Type]) -> Applied:
        names = self.own_names()
        whole = "{}[0]" if self.returned() else "{}"
        listed = parameter_names(self.main)
        is_direct = (
            lift.is_direct
            and whole == "{}"
            and is_own_function(self.main)
            and listed is not None
            and len(listed) == len(names) + len(lift.leaves)
        )
        if is_direct:
            assert isinstance(self.main, Known)
            found = self.programmed(self.main.value, lift, own)
            if found is not None:
                return found
        wanted = self.solver.function
        for form in (whole, f"np.array({whole})"):
            lift.outside["np"] = np
            found = self.programmed(lift.function(self.main, wanted, names, form), lift, own)
            if found is not None:
                return found
        self.fr.fail(
            self.node,
            f"the function that `{self.solver.short}` is given returns neither a number nor an array",
            "Return an array, or a list of numbers.",
        )

    def returned(self) -> list[str]:
        """The derivatives that the function returns behind its value: `jac=True`, `fprime=True`."""
        return [n for n in self.solver.helpers if self.given.get(n) == const(True)]

    def programmed(self, function: Any, lift: Lift, own: Sequence[Type]) -> Applied | None:
        """The function for the types of its arguments; None where it returns a container."""
        names = [*inspect.signature(function).parameters]
        atoms = [*(Value(t) for t in own), *lift.leaves.values()]
        env: dict[str, FrontValue] = dict(zip(names, atoms, strict=True))
        handle = services().value_of(function)
        try:
            program, renaming = derived_for(
                self.fr, self.node, handle, env, getattr(function, "srcdiff_long", ())
            )
        except UnsupportedError as error:
            if is_no_array(error):
                return None
            raise
        if isinstance(program.output, Node) or len(program.body.yields) != 1:
            return None
        if not is_numeric(program.body.yields[0].type):
            return None
        outward_of(self.fr, program, renaming)
        return Applied(function, under_own_name(program, function))

    def helper(
        self, lift: Lift, name: str, own: Sequence[Type], value: FrontValue, part: str = "{}"
    ) -> None:
        """A derivative that the user gives the solver; `part`, what of the function's value it is."""
        del self.given[name]
        if is_none(value) or not isinstance(value, _FUNCTIONS):
            if not is_none(value):
                self.texts[name] = self.plain(name, value)
            return
        names, types = self.own_names(), [*own]
        if name == "hessp":
            names, types = [*names, "p"], [*types, *types]
        before = len(lift.leaves)
        for form in (part, f"np.array({part})"):
            function = lift.function(value, name, names, form)
            if len(lift.leaves) != before:
                self.fr.fail(
                    self.node,
                    f"`{name}` uses values that the function itself does not use",
                    "Pass what both use in args.",
                )
            found = self.programmed(function, lift, types)
            if found is not None:
                self.texts[name] = f"function_{len(self.applied)}_"
                self.applied.append(found)
                return
        self.fr.fail(
            self.node,
            f"the function `{name}` returns neither a number nor an array",
            "Return an array, or a list of numbers.",
        )

    def value_at(self, x: FrontValue) -> FrontValue:
        """The function's value at the solution."""
        main = self.applied[0].function
        first = len(self.operands) - (len(inspect.signature(main).parameters) - 1)
        return self.fr.call(self.node, Known(main), [x, *self.operands[first:]])

    # ---- text ----

    def operand_names(self, lift: Lift) -> list[str]:
        """The names of the operands in rules."""
        places = (f"{name}_start" if name in lift.leaves else name for name in self.places)
        return [*places, *lift.leaves]

    def options(self) -> tuple[tuple[str, Any], ...]:
        """The other arguments of the call, as text, for solvers that rules call."""
        texts = [(k, self.plain(k, self.given[k])) for k in _OPTIONS if k in self.given]
        return (*texts, *([("limits", self.limits)] if self.limits else []))

    def plain(self, name: str, value: FrontValue) -> str:
        """Text for what is no number that anything depends on."""
        if not is_static(value):
            self.fr.fail(
                self.node,
                f"`{name}` of `{self.solver.short}` is known only when the program runs",
                "Write it as a number, or pass it to the outermost function by name.",
            )
        return literal_text(static(value))

    def text(self) -> str:
        known = {**self.texts, self.solver.function: "function_0_"}
        for name, value in self.given.items():
            if name not in known and not is_none(value):
                known[name] = self.plain(name, value).replace("{", "{{").replace("}", "}}")
        parts: list[str] = []
        first = [self.solver.function, *(n for n in self.solver.start if n in known)]
        leading = 1 if self.solver.short == "root_scalar" else 3
        if self.solver.short in ("newton", "minimize_scalar", "solve_ivp"):
            leading = 1 + sum(n in ("x0", "t_span", "y0") for n in first)
        for k, name in enumerate(first):
            parts.append(known.pop(name) if k < leading else f"{name}={known.pop(name)}")
        if "args" in known:
            parts.append(f"args={known.pop('args')}")
        parts += [f"{k}={v}" for k, v in known.items()]
        return f"{self.solver.name}({', '.join(parts)})"


def _is_vector(solver: Solver, name: str) -> bool:
    """Whether SciPy makes an array of a number here."""
    return name in ("y0", "t", "t_eval") or (name == "x0" and solver.short in _VECTOR)
