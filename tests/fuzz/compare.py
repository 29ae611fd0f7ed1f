"""Compares the derivatives of one program with finite differences, in every mode; says which pass broke its meaning."""

from __future__ import annotations

import copy
import dataclasses
import linecache
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import srcdiff
from srcdiff.compile.arguments.pytree import (
    add_scaled,
    dot,
    is_float_leaf,
    leaves,
    map_leaves,
    random_like,
)
from srcdiff.compile.derivations.kinds import DERIVATIONS
from srcdiff.compile.derive import derive
from srcdiff.errors import UnsupportedError
from srcdiff.ir.core import Function
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.verify import verify
from srcdiff.transforms.passes import Recorder

Arguments = tuple[Any, ...]

MODES = ("auto", "store", "recompute")
RTOL = 2e-6


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a program gives, by running it: its value, and the derivative along a direction."""

    value: float
    directions: tuple[Any, ...]
    slope: float
    error: float  # how far the slope may be off: large where the program jumps nearby

    def has_slope(self, found: float) -> bool:
        """Whether a derivative is the one that differences show."""
        return bool(abs(found - self.slope) <= RTOL * max(1.0, abs(self.slope)) + 10.0 * self.error)


def function_of(text: str, name: str = "f") -> Callable[..., Any]:
    """The function that a program's text defines; its source can be found."""
    file = f"<program {zlib.crc32(text.encode())}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": "program"}  # a class says where it is from
    exec(compile(text, file, "exec"), namespace)
    return namespace[name]


def float_positions(args: Arguments) -> tuple[int, ...]:
    return tuple(k for k, a in enumerate(args) if any(map(is_float_leaf, leaves(a))))


def expected(
    f: Callable[..., float], args: Arguments, seed: int = 0, wrt: Sequence[int] | None = None
) -> Expected:
    """By finite differences along one random direction (Richardson's extrapolation)."""
    rng = np.random.default_rng(seed)
    wrt = float_positions(args) if wrt is None else wrt
    directions = tuple(
        random_like(a, rng) if k in wrt else map_leaves(lambda _: None, a)
        for k, a in enumerate(args)
    )

    def along(step: float) -> float:
        pairs = zip(copy.deepcopy(args), directions, strict=True)
        try:
            return float(f(*(add_scaled(a, d, step) for a, d in pairs)))
        except (UnboundLocalError, IndexError):  # it may raise beside a tie
            return np.nan

    best, smallest, row = 0.0, np.inf, []
    for level in range(8):
        h = 4e-3 / 2.0**level
        previous, row = row, [(along(h) - along(-h)) / (2.0 * h)]
        for order, coarser in enumerate(previous, 1):
            row.append(row[-1] + (row[-1] - coarser) / (4.0**order - 1.0))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser))
            if error <= smallest:
                best, smallest = row[-1], error
    if abs(row[0] - best) > 0.1 * max(
        1.0, abs(best)
    ):  # waves shorter than the steps: nothing is shown
        smallest = np.inf
    return Expected(float(f(*copy.deepcopy(args))), directions, float(best), float(smallest))


def is_close(found: float, wanted: float, rtol: float) -> bool:
    return bool(abs(found - wanted) <= rtol * max(1.0, abs(wanted)))


def derivatives(
    f: Callable[..., float],
    args: Arguments,
    seed: int = 0,
    wrt: Sequence[int] | None = None,
    second: bool = False,
) -> Iterator[str]:
    """What is wrong with the derivatives of `f` at `args`; nothing, if all is well. `second`: of the second order too."""
    want = expected(f, args, seed, wrt)
    wrt = float_positions(args) if wrt is None else tuple(wrt)
    gradients = {}
    for mode in MODES:
        given = copy.deepcopy(args)
        value, gradient = generated(f, wrt, mode)(*given)
        slope = sum(dot(want.directions[k], d) for k, d in zip(wrt, gradient, strict=True))
        gradients[mode] = flat(gradient)
        if not is_close(float(value), want.value, 1e-12):
            yield f"{mode}: value {value}, not {want.value}"
        if not want.has_slope(slope):
            yield f"{mode}: slope {slope}, not {want.slope}"
        if not same(given, args):
            yield f"{mode}: the arguments were modified"
        if any_shared(given, gradient):
            yield f"{mode}: a gradient shares memory with an argument or another gradient"
        if not np.allclose(gradients[mode], gradients["auto"], rtol=1e-10, atol=1e-10):
            yield f"{mode}: another gradient than auto"
    given = copy.deepcopy(args)
    value, slope = srcdiff.jvp(f, given, want.directions)
    if not is_close(float(value), want.value, 1e-12):
        yield f"forward: value {value}, not {want.value}"
    if not want.has_slope(float(slope)):
        yield f"forward: slope {slope}, not {want.slope}"
    if not same(given, args):
        yield "forward: the arguments were modified"
    if second:
        yield from second_order(f, args, want.directions, wrt, generated(f, wrt))


def second_order(
    f: Callable[..., float],
    args: Arguments,
    directions: tuple[Any, ...],
    wrt: tuple[int, ...],
    gradient: Callable[..., Any],
) -> Iterator[str]:
    """What is wrong with Hessian-vector products; nothing is, where differences of the gradient do not show one."""

    def along(step: float) -> np.ndarray:
        moved = (add_scaled(a, d, step) for a, d in zip(args, directions, strict=True))
        return flat(gradient(*moved)[1])

    def difference(step: float) -> np.ndarray:
        return (along(step) - along(-step)) / (2.0 * step)

    coarse, middle, fine = difference(4e-4), difference(2e-4), difference(1e-4)
    rougher, want = (4.0 * middle - coarse) / 3.0, (4.0 * fine - middle) / 3.0
    size = max(1.0, float(np.max(np.abs(want), initial=0.0)))
    error = float(np.max(np.abs(want - rougher), initial=0.0))
    if not error <= 1e-6 * size:
        return
    given, along_them = copy.deepcopy(args), tuple(copy.deepcopy(directions[k]) for k in wrt)
    product = srcdiff.hvp(f, argnums=wrt, on_independent="ignore")(*given, along_them)
    off = float(np.max(np.abs(flat(product) - want), initial=0.0))
    if not off <= 1e-5 * size:
        yield f"second order: off by {off}, of {size}"
    if not same(given, args):
        yield "second order: the arguments were modified"
    if any_shared((given, along_them), product):
        yield "second order: a result shares memory with an argument or another result"


def flat(gradient: Any) -> np.ndarray:
    return np.concatenate([[], *(np.ravel(v) for v in leaves(gradient) if v is not None)])


def any_shared(args: Any, results: Any) -> bool:
    """Whether one of the arrays of `results` has memory in common with another, or with an argument."""
    mine = [v for v in leaves(results) if isinstance(v, np.ndarray)]
    given = [v for v in leaves(args) if isinstance(v, np.ndarray)]
    return any(
        np.shares_memory(v, other) for k, v in enumerate(mine) for other in (*mine[:k], *given)
    )


def same(left: Any, right: Any) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=True)
        for a, b in zip(leaves(left), leaves(right), strict=True)
        if is_float_leaf(a)
    )


def generated(f: Callable[..., Any], wrt: Sequence[int], mode: str = "auto") -> Any:
    """A value-and-gradient function that is made anew."""
    return srcdiff.value_and_grad(f, argnums=tuple(wrt), residuals=mode, on_independent="ignore")


def problems(
    f: Callable[..., float],
    args: Arguments,
    seed: int = 0,
    wrt: Sequence[int] | None = None,
    second: bool = False,
) -> list[str]:
    """What is wrong with a program: wrong numbers, or an exception; refusals count as none."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(derivatives(f, args, seed, wrt, second))
    except UnsupportedError as error:
        return [f"{'defect' if 'defect of srcdiff' in str(error) else 'refused'}: {error}"]
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


# ---- which pass was it? ------------------------------------------------------------------------


class Stages(Recorder):
    """Evaluates the program behind each pass; the first that changed its meaning, or is no valid IR, is in `broken`."""

    def __init__(self, args: Arguments, want: Expected, wrt: Sequence[int]) -> None:
        super().__init__()
        self.args, self.want, self.wrt = args, want, wrt
        self.broken: list[str] = []
        self.kept: list[tuple[str, Function]] = []

    def note(self, name: str, fn: Function, seconds: float) -> None:
        self.kept.append((name, fn))
        found = verify(fn)
        message = f"invalid: {found[0]}" if found else self.difference(fn)
        if message:
            self.broken.append(f"{len(self.kept)} {name}: {message}")

    def difference(self, fn: Function) -> str:
        further = (
            [self.want.directions[k] for k in self.wrt] if len(fn.params) > len(self.args) else []
        )
        try:
            result = evaluate(fn, *copy.deepcopy(self.args), *copy.deepcopy(further))
        except Exception as error:
            return f"{type(error).__name__}: {error} {getattr(error, '__notes__', '')}"
        if not isinstance(result, tuple):
            return "" if is_close(float(result), self.want.value, 1e-12) else f"value {result}"
        value, derivative = result
        if further:
            slope = float(derivative)
        else:
            slope = sum(
                dot(self.want.directions[k], d) for k, d in zip(self.wrt, derivative, strict=True)
            )
        if not is_close(float(value), self.want.value, 1e-12):
            return f"value {value}, not {self.want.value}"
        return "" if self.want.has_slope(slope) else f"slope {slope}, not {self.want.slope}"


def stages(
    kind: str,
    f: Callable[..., float],
    args: Arguments,
    seed: int = 0,
    mode: str = "auto",
    wrt: Sequence[int] | None = None,
) -> Stages:
    """The passes of one derivative, each evaluated."""
    want = expected(f, args, seed, wrt)
    wrt = float_positions(args) if wrt is None else tuple(wrt)
    g = generated(f, wrt, mode)
    arguments = g.signature.bind(args, {}, frozenset())
    record = Stages(arguments.values, want, wrt)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        derive(dataclasses.replace(g.derived, derivation=DERIVATIONS[kind]()), arguments, record)
    return record
