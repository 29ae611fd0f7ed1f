"""SciPy's solvers as operations: functions that find roots, minima, orbits and integrals of the user's functions.

A call of a solver is an operation on numbers and arrays. The user's functions are an attribute, `applied`: each as a
Python function, and as the program that is printed before the caller.

    scipy.optimize.brentq(kepler, 0.0, 2.0, args=(M, e))
    %E: float64 = brentq[applied=(kepler,), text='scipy.optimize.brentq(function_0, {0}, {1}, args=({2}, {3}))'] ...
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from srcdiff.ir.core import Function, Op
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Scalar, Type, dims_of, map_dims, shape_of
from srcdiff.ir.values import Atom, Attrs
from srcdiff.ops.core.type_rules import TypeMistake

FLOAT = Scalar("float64", True)


@dataclass(frozen=True, eq=False)
class Applied:
    """A function that a solver calls.

    Attributes
    ----------
    function : FunctionType
        The function that is differentiated: its parameters are the solver's arguments, followed by those in `args`.
    program : Function
        The function that is printed.
    """

    function: FunctionType
    program: Function

    def __repr__(self) -> str:
        return self.program.name


@dataclass(frozen=True)
class Solver:
    """The properties of one of SciPy's solvers.

    Attributes
    ----------
    name : str
        The dotted name.
    kind : str
        The relation of the result to the function: "zero", "fixed point", "minimum", "least squares", "states" (of an
        ODE, one row for each time), "orbit" (`solve_ivp`), "integral".
    function : str
        The parameter that is the function.
    start : tuple of str
        The parameters that are numbers or arrays: the starting point, or the limits.
    helpers : tuple of str
        The parameters that may be functions: derivatives that the solver uses.
    parts : tuple of str
        The parts of the result that programs may use: ".x", "[0]"; "" for the result itself.
    refused : mapping of str to object
        The parameters that must keep these values.
    record : str
        The name of the result if it is an object with attributes.
    """

    name: str
    kind: str
    function: str
    start: tuple[str, ...]
    helpers: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("",)
    refused: Mapping[str, Any] = field(default_factory=dict)
    record: str = ""

    @property
    def short(self) -> str:
        return self.name.rpartition(".")[2]


_WHOLE = {"full_output": False}
_BRACKET = [
    Solver(f"scipy.optimize.{name}", "zero", "f", ("a", "b"), refused=_WHOLE)
    for name in ("brentq", "brenth", "ridder", "bisect", "toms748")
]
_FOUND = (".x", ".success")
SOLVERS: dict[str, Solver] = {
    s.name: s
    for s in (
        *_BRACKET,
        Solver("scipy.optimize.newton", "zero", "func", ("x0", "x1"), ("fprime", "fprime2"), refused=_WHOLE),
        Solver(
            "scipy.optimize.root_scalar", "zero", "f", ("bracket", "x0", "x1"), ("fprime", "fprime2"),
            (".root", ".converged"), record="RootResults",
        ),
        Solver("scipy.optimize.fixed_point", "fixed point", "func", ("x0",)),
        Solver("scipy.optimize.root", "zero", "fun", ("x0",), ("jac",), _FOUND, {"callback": None}, "OptimizeResult"),
        Solver("scipy.optimize.fsolve", "zero", "func", ("x0",), ("fprime",), refused={**_WHOLE, "col_deriv": False}),
        Solver(
            "scipy.optimize.minimize", "minimum", "fun", ("x0",), ("jac", "hess", "hessp"), _FOUND,
            {"constraints": (), "callback": None}, "OptimizeResult",
        ),
        Solver(
            "scipy.optimize.minimize_scalar", "minimum", "fun", ("bracket", "bounds"), (), _FOUND,
            record="OptimizeResult",
        ),
        Solver(
            "scipy.optimize.least_squares", "least squares", "fun", ("x0",), ("jac",), _FOUND,
            {"loss": "linear", "kwargs": {}, "callback": None, "x_scale": 1.0}, "OptimizeResult",
        ),
        Solver(
            "scipy.integrate.odeint", "states", "func", ("y0", "t"), ("Dfun",),
            refused={**_WHOLE, "col_deriv": False, "tcrit": None},
        ),
        Solver(
            "scipy.integrate.solve_ivp", "orbit", "fun", ("t_span", "y0", "t_eval"), ("jac",), (".t", ".y", ".success"),
            {"dense_output": False, "events": None, "vectorized": False}, "OdeResult",
        ),
        Solver(
            "scipy.integrate.quad", "integral", "func", ("a", "b"), (), ("[0]", "[1]"),
            {**_WHOLE, "weight": None, "complex_func": False},
        ),
        Solver(
            "scipy.integrate.quad_vec", "integral", "f", ("a", "b"), (), ("[0]", "[1]"), _WHOLE,
        ),
    )
}  # fmt: skip


def solver_of(function: object) -> Solver | None:
    """The solver of a SciPy function, or None."""
    name = getattr(function, "__name__", None)
    for module in ("scipy.optimize", "scipy.integrate"):
        found = SOLVERS.get(f"{module}.{name}")
        if found is not None and getattr(sys.modules.get(module), found.short, None) is function:
            return found
    return None


# ---- text ----------------------------------------------------------------------------------------


def call_of(op: Op, names: Mapping[Function, str]) -> str:
    text = str(op.attrs["text"])
    for k, applied in enumerate(op.attrs["applied"]):
        text = text.replace(f"function_{k}_", names.get(applied.program, applied.program.name))
    return text


def text_of(op: Op, names: Mapping[Function, str], needed: Sequence[int]) -> str:
    """The text of the call and its used parts, if only some of its results are needed."""
    call, parts = call_of(op, names), [str(op.attrs["parts"][k]) for k in needed]
    if len(parts) == 1:
        return call + parts[0]
    if len(parts) == len(op.attrs["parts"]) and parts[0] == "[0]":
        return call
    named = ", ".join(repr(p.removeprefix(".")) for p in parts)
    return f"operator.attrgetter({named})({call})"


# ---- evaluation ----------------------------------------------------------------------------------


def run_solver(operands: Sequence[object], attrs: Attrs) -> Any:
    """The reference evaluation: SciPy solves, and the functions are evaluated."""
    from srcdiff.ir.reference.interpreter import evaluate  # only tests evaluate

    places = {f"_{i}": v for i, v in enumerate(operands)}
    text = str(attrs["text"]).format(*places)

    def called(program: Function) -> Callable[..., object]:
        return lambda *args: evaluate(program, *args)

    functions = {f"function_{k}_": called(a.program) for k, a in enumerate(attrs["applied"])}
    module = text.partition("(")[0].rpartition(".")[0]
    __import__(module)
    scope = {"scipy": sys.modules["scipy"], "np": sys.modules["numpy"], **places, **functions}
    found = eval(text, scope)
    results = [eval(f"found{part}", {"found": found}) for part in attrs["parts"]]
    return results[0] if len(results) == 1 else tuple(results)


# ---- types ---------------------------------------------------------------------------------------


def result_types(
    solver: Solver, shapes: Shapes, operands: Sequence[Atom], attrs: Attrs
) -> tuple[Type, ...]:
    """The types of the call's results. `places` maps parameter names to positions of operands."""
    for a in operands:
        if getattr(a.type, "dtype", "").startswith("complex"):
            raise TypeMistake(f"`{solver.short}` of complex numbers is not differentiated")
    main = _main_type(solver, shapes, operands, attrs)
    if solver.kind == "orbit":
        return main
    return main[0], *(Scalar("bool") if p.startswith(".") else FLOAT for p in attrs["parts"][1:])


def _main_type(
    solver: Solver, shapes: Shapes, operands: Sequence[Atom], attrs: Attrs
) -> tuple[Type, ...]:
    places: Mapping[str, int] = attrs["places"]
    if solver.kind == "states":
        (n,), (count,) = (shape_of(operands[places[name]].type) for name in ("y0", "t"))
        return (Array("float64", (count, n)),)
    if solver.kind == "orbit":
        (n,) = shape_of(operands[places["y0"]].type)
        count = (
            shape_of(operands[places["t_eval"]].type)[0]
            if "t_eval" in places
            else shapes.fresh("k")
        )
        return Array("float64", (count,)), Array("float64", (n, count)), Scalar("bool")
    if solver.kind == "integral":
        return (_value_type(shapes, attrs["applied"][0].program, operands[2:]),)
    if "x0" not in places or not shape_of(operands[places["x0"]].type):
        return (FLOAT,)
    return (Array("float64", shape_of(operands[places["x0"]].type)),)


def _value_type(shapes: Shapes, program: Function, given: Sequence[Atom]) -> Type:
    """The type of a function's result, for a number and the operands, in the lengths of the operands."""
    known: dict[str, Dim] = {}
    for p, a in zip(program.params[1:], given, strict=True):
        for own, dim in zip(dims_of(p.type), dims_of(a.type), strict=False):
            if own.symbol is not None:
                known.setdefault(own.symbol, dim)
    (value,) = program.body.yields
    for symbol in sorted({s for d in dims_of(value.type) for s in d.symbols()} - known.keys()):
        known[symbol] = shapes.fresh("k")
    type_ = map_dims(value.type, lambda d: d.substitute(known))
    return type_ if isinstance(type_, Array) else FLOAT
