"""Tries a random program in every mode, and says what is wrong with it.

Reverse and forward mode are compared with differences where these show a derivative, and always with each other, with
the other choices of residuals, and with the loop form as Python runs it; Hessian-vector products with differences of
gradients. How far results may differ depends on how much they change when arguments move by a few units in the last
place.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from fuzz.compare import (
    Expected,
    any_shared,
    expected,
    flat,
    float_positions,
    function_of,
    generated,
    same,
    second_order,
)
from fuzz.known import KNOWN, REFUSALS, Entry
from fuzz.program import Program
from loop_forms import as_python, loop_form

import srcdiff
from srcdiff.compile.arguments.pytree import dot, is_float_leaf, map_leaves
from srcdiff.errors import UnsupportedError
from srcdiff.handles.compiling.jit import plain
from srcdiff.ir.verify import verify
from srcdiff.transforms.lower.loop_nests import NoLoopForm

FURTHER = {
    "store": 5,
    "recompute": 5,
    "loops": 6,
    "second": 4,
    "loops of products": 12,
}  # one of so many seeds is tried in these modes too
MOVE = 1e-13


@dataclass(frozen=True)
class Outcome:
    """What came of a program: all well, also without types, refused for a reason of the list, known, or failed."""

    kind: str  # "ok", "untyped", "refused", "known", "failed"
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """A program's function and gradient function, with what they have to give."""

    program: Program
    f: Any
    gradient: Any
    args: tuple[Any, ...]
    wrt: tuple[int, ...]
    want: Expected

    def given(self) -> tuple[Any, ...]:
        return copy.deepcopy(self.args)

    def slope(self, gradient: Any) -> float:
        return float(
            sum(dot(self.want.directions[k], d) for k, d in zip(self.wrt, gradient, strict=True))
        )

    @property
    def shows(self) -> bool:
        """Whether differences show a derivative."""
        p = self.program
        return not (p.is_exact or p.is_narrow) and self.want.error < 1e-4 * max(
            1.0, abs(self.want.slope)
        )


def outcome(p: Program, compiled: bool = False, every: bool = False) -> Outcome:
    """Try a program; `every`: in each mode, whatever its seed; `compiled`: as machine code too."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = trial_of(p)
            found = next(findings(trial, compiled, every), "")
            untyped = why_untyped(trial)
    except UnsupportedError as error:
        message = str(error)
        if (reason := listed(message, REFUSALS)) and "defect of srcdiff" not in message:
            return Outcome("refused", reason)
        found = f"refused: {message}"
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        if reason := listed(found, REFUSALS):  # what only the run knows
            return Outcome("refused", reason)
    if not found:
        return Outcome("untyped", untyped) if untyped else Outcome("ok")
    known = listed(found, KNOWN)
    return Outcome("known", known) if known else Outcome("failed", found)


def listed(message: str, table: tuple[Entry, ...]) -> str:
    """The pattern of a table that a message matches."""
    return next((e.pattern for e in table if re.search(e.pattern, message)), "")


def trial_of(p: Program) -> Trial:
    f = function_of(p.text, p.name)
    wrt = float_positions(p.args)
    return Trial(p, f, generated(f, wrt), p.args, wrt, expected(f, p.args, p.seed))


def why_untyped(trial: Trial) -> str:
    """Why the derivative runs in the interpreter; empty where the program has types."""
    dynamic = trial.gradient.specialise(*trial.given()).program.dynamic
    return dynamic[0] if dynamic else ""


def findings(trial: Trial, compiled: bool, every: bool) -> Iterator[str]:
    """What is wrong with a program."""
    p, f, wrt = trial.program, trial.f, trial.wrt
    gradient: list[Any] = []
    yield from reverse(trial, gradient)
    yield from forward(trial, gradient[0])
    for mode in ("store", "recompute"):
        if every or p.seed % FURTHER[mode] == 1:
            _, other = generated(f, wrt, mode)(*trial.given())
            yield from disagreements(trial, mode, other, gradient[0])
    has_types = not why_untyped(trial)
    if has_types and (every or p.seed % FURTHER["loops"] == 0):
        yield from loops(trial, "loops", trial.gradient, trial.given(), gradient[0])
    if (every or p.seed % FURTHER["second"] == 2) and trial.shows:
        yield from curvature(trial)
    if has_types and (every or p.seed % FURTHER["loops of products"] == 8):
        yield from loops_of_products(trial)
    if has_types and compiled:
        _, other = srcdiff.value_and_grad(f, argnums=wrt, jit=True, on_independent="ignore")(
            *trial.given()
        )
        yield from disagreements(trial, "compiled", other, gradient[0])


def reverse(trial: Trial, gradients: list[Any]) -> Iterator[str]:
    given = trial.given()
    value, gradient = trial.gradient(*given)
    gradients.append(gradient)
    want, tolerance = trial.want.value, 1e-4 if trial.program.is_narrow else 1e-10
    if not abs(float(value) - want) <= tolerance * max(1.0, abs(want)):
        yield f"reverse: value {value}, not {want}"
    slope = trial.slope(gradient)
    if trial.shows and not trial.want.has_slope(slope):
        moved = sensitivity_of(trial.program, trial.gradient, flat(gradient), draws=4)
        if not abs(slope - trial.want.slope) <= 100.0 * moved:
            yield f"reverse: slope {slope}, not {trial.want.slope}"
    if not same(given, trial.args):
        yield "reverse: the arguments were modified"
    if any_shared(given, gradient):
        yield "reverse: a gradient shares memory with an argument or another gradient"


def forward(trial: Trial, gradient: Any) -> Iterator[str]:
    given = trial.given()
    _, slope = srcdiff.jvp(trial.f, given, trial.want.directions, jit=False)
    wanted = trial.slope(gradient)
    if not same(given, trial.args):
        yield "forward: the arguments were modified"
    off = abs(float(slope) - wanted)
    if off != 0.0 and not off <= allowed(trial, np.array([wanted]), flat(gradient)):
        yield f"forward: slope {slope}, reverse {wanted}"


def curvature(trial: Trial) -> Iterator[str]:
    """Hessian-vector products against differences, where rounding errors do not decide them."""
    along = trial.want.directions
    own = tuple(along[k] for k in trial.wrt)
    hvp = srcdiff.hvp(trial.f, argnums=trial.wrt, on_independent="ignore")

    def product(*args: Any) -> tuple[None, Any]:
        return None, hvp(*args, copy.deepcopy(own))

    for found in second_order(trial.f, trial.given(), along, trial.wrt, trial.gradient):
        here = flat(product(*trial.given())[1])
        moved = sensitivity_of(trial.program, product, here, draws=4)
        if not moved > 1e-3 * max(1.0, float(np.max(np.abs(here)))):
            yield found


def loops(trial: Trial, mode: str, g: Any, args: tuple[Any, ...], want: Any) -> Iterator[str]:
    """The loop form against the array form, whose last result is `want`."""
    try:
        form = loop_form(g, copy.deepcopy(args), verify=False)
    except NoLoopForm as reason:
        yield f"not compiled: {reason}"
        return
    if invalid := verify(form):
        yield f"{mode}: not valid: {invalid[0]}"
        return
    bound = g.signature.bind(args, {}, frozenset())
    given = (plain(v, p.type) for v, p in zip(bound.values, form.params, strict=True))
    found = as_python(form)(
        *(np.float64(v) if isinstance(v, float) else v for v in given)
    )  # comparisons as Numba has them
    yield from disagreements(trial, mode, found[-1] if g is trial.gradient else found, want)


def loops_of_products(trial: Trial) -> Iterator[str]:
    """The loop form of Hessian-vector products."""
    hvp = srcdiff.hvp(trial.f, argnums=trial.wrt, on_independent="ignore")
    args = (*trial.given(), tuple(copy.deepcopy(trial.want.directions[k]) for k in trial.wrt))
    yield from loops(trial, "loops of products", hvp, args, hvp(*copy.deepcopy(args)))


def disagreements(trial: Trial, mode: str, found: Any, gradient: Any) -> Iterator[str]:
    """Whether two gradients differ by more than rounding explains."""
    one, other = flat(found), flat(gradient)
    if one.shape != other.shape:
        yield f"{mode}: a gradient of another shape"
        return
    off = float(np.max(np.abs(one - other), initial=0.0))
    is_nan = np.isnan(one).tolist() != np.isnan(other).tolist()
    if is_nan or (off > 0 and off > allowed(trial, other, other)):
        yield f"{mode}: gradient off by {off:.3g}, of {np.max(np.abs(other), initial=0.0):.3g}"


def allowed(trial: Trial, result: np.ndarray, gradient: np.ndarray) -> float:
    """The distance that two right results may have: the change that rounding the arguments causes is added."""
    size = max(1.0, float(np.max(np.abs(gradient), initial=0.0)))
    if trial.program.is_narrow:
        return 2e-3 * size
    return 1e-9 * size + 100.0 * sensitivity_of(trial.program, trial.gradient, gradient)


def sensitivity_of(p: Program, function: Any, gradient: np.ndarray, draws: int = 1) -> float:
    """How far the result of a gradient function moves when the arguments move by rounding errors."""
    rng = np.random.default_rng(p.seed)

    def moved(v: Any) -> Any:
        if isinstance(v, float):
            return type(v)(v * (1.0 + MOVE * rng.uniform(-1, 1)))
        return v * (1.0 + MOVE * rng.uniform(-1, 1, v.shape))

    most = 0.0
    for _ in range(draws):
        args = map_leaves(lambda v: moved(v) if is_float_leaf(v) else v, copy.deepcopy(p.args))
        try:
            _, other = function(*args)
        except UnboundLocalError:  # beside a tie the program itself raises
            return np.inf
        most = max(most, float(np.max(np.abs(flat(other) - gradient), initial=0.0)))
    return most
