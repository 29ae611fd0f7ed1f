"""Finite differences: a derivative that a pass made is compared with differences of the differentiated function."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from srcdiff.ir.core import Function
from srcdiff.transforms.validation.outcomes import Bounded, Outcome, Rounded, leaves_of, outcome

STEP = 1e-4
TOLERANCE = 1e-5  # of differences, relative to the largest of them
Run = Callable[
    [Sequence[Any]], list[np.ndarray] | None
]  # the results as arrays; None where it raises


def inexact_leaves(leaves: Sequence[object]) -> list[np.ndarray]:
    """The real and complex numbers and arrays of double precision."""
    return [np.asarray(x) for x in leaves if _is_double(x)]


def _is_double(x: object) -> bool:
    return np.asarray(x).dtype in (np.float64, np.complex128)


def tangents_of_floats(values: Sequence[object], tangents: Sequence[object]) -> list[object]:
    """The tangents of the leaves in double precision; an integer of a container has a tangent, too."""
    pairs = zip(leaves_of(values), leaves_of(tangents), strict=True)
    return [np.asarray(t) for x, t in pairs if _is_double(x)]


def directions(args: Sequence[object], wrt: Sequence[int], rng: np.random.Generator) -> list[Any]:
    """A random direction for each real leaf of the arguments at `wrt`, in order."""
    found: list[np.ndarray] = []

    def drawn(x: Any) -> Any:
        found.append(rng.standard_normal(np.shape(x)))
        return x

    for k in wrt:
        _map_floats(args[k], drawn)
    return found


def along(
    run: Run, args: Sequence[object], wrt: Sequence[int], v: Sequence[object]
) -> list[Any] | None:
    """The derivative of all results along `v`; None where differences of two steps do not agree, as at kinks."""
    middle = run(args)
    coarse, fine = (_differences(run, middle, args, wrt, v, h) for h in (STEP, STEP / 2))
    if coarse is None or fine is None:
        return None
    scale = max((float(np.max(np.abs(d), initial=0.0)) for d, _ in fine), default=0.0)
    tolerance = TOLERANCE * max(scale, 1e-3)
    for (a, bend), (b, finer_bend) in zip(coarse, fine, strict=True):
        # both sides of a smooth function have slopes that differ by half as much for half the step
        has_kink = (finer_bend > tolerance) & (finer_bend > 0.7 * bend)
        if np.any(~np.isfinite(a - b)) or np.any(np.abs(a - b) > tolerance) or np.any(has_kink):
            return None
    return [(4 * b - a) / 3 for (a, _), (b, _) in zip(coarse, fine, strict=True)]


def compared_derivative(
    name: str, fn: Function, new: Function, wrt: Sequence[int], args: Sequence[object]
) -> tuple[str, str]:
    """A derivative compared with differences: "validated", "uncertain", "skipped" or "wrong", and why.

    `new` takes the parameters of `fn`, and weights of its results ("reverse") or tangents ("forward").
    """
    own, further = args[: len(fn.params)], args[len(fn.params) :]
    if name == "forward":
        v = tangents_of_floats([own[k] for k in wrt], further)
    else:
        v = directions(own, wrt, np.random.default_rng(0))
    try:
        slopes = along(lambda a: _results(outcome(fn, a)), own, wrt, v)
    except (StopIteration, ValueError):
        slopes = None
    if slopes is None:
        return "skipped", "differences of two steps do not agree"
    values = outcome(fn, own).leaves or []
    if any(np.asarray(x).dtype in (np.float32, np.complex64) for x in values):
        return "skipped", "differences are taken of results in double precision"
    seeds = inexact_leaves([*leaves_of(further)]) or [np.asarray(1.0)]
    if name == "reverse" and any(map(lambda w, x: np.shape(w) != np.shape(x), seeds, slopes)):
        return "skipped", "the weights were drawn with lengths of their own"
    expected = slopes if name == "forward" else [_weighted(seeds, slopes)]

    def derivative(cls: type[Bounded]) -> list[Any] | None:
        leaves = outcome(new, args, cls).leaves
        if leaves is None:
            return None
        if name == "forward":
            return tangents_of_floats(values, leaves[len(leaves) - len(values) :])
        gradients = inexact_leaves(leaves)
        return [_weighted(gradients[len(gradients) - len(v) :], v)]

    found = derivative(Bounded)
    if found is None:
        return "skipped", "the derivative did not run"
    if not any(map(is_far, found, expected)):
        return "validated", ""
    rounded = [r for r in (derivative(Rounded) for _ in range(4)) if r is not None]
    for k, (got, wanted) in enumerate(zip(found, expected, strict=True)):
        spread = np.max([np.abs(r[k] - got) for r in rounded], axis=0, initial=0.0)
        if is_far(got, wanted) and np.any(~(np.abs(got - wanted) <= 30 * spread)):
            return "wrong", f"its derivative along {v!r} is {got!r}, differences give {wanted!r}"
    return "uncertain", ""


def _results(found: Outcome) -> list[np.ndarray] | None:
    return None if found.leaves is None else inexact_leaves(found.leaves)


def _weighted(weights: list[np.ndarray], values: Sequence[object]) -> np.ndarray:
    pairs = zip(weights, values, strict=False)
    return np.asarray(sum(np.sum(np.real(w * x)) for w, x in pairs))


def is_far(found: object, expected: Any) -> bool:
    scale = max(float(np.max(np.abs(expected), initial=0.0)), 1e-2)
    return bool(np.any(~(np.abs(np.asarray(found) - expected) <= 10 * TOLERANCE * scale)))


def _differences(
    run: Run,
    middle: list[np.ndarray] | None,
    args: Sequence[object],
    wrt: Sequence[int],
    v: Sequence[object],
    h: float,
) -> list[tuple[Any, Any]] | None:
    """The central difference of each result, and how much the slopes on both sides differ."""
    ahead, behind = (run(_moved(args, wrt, v, t)) for t in (h, -h))
    if middle is None or ahead is None or behind is None:
        return None
    if not [*map(np.shape, ahead)] == [*map(np.shape, middle)] == [*map(np.shape, behind)]:
        return None
    return [
        ((a - b) / (2 * h), np.abs(a - 2 * m + b) / h)
        for a, m, b in zip(ahead, middle, behind, strict=True)
    ]


def _moved(
    args: Sequence[object], wrt: Sequence[int], v: Sequence[object], t: float
) -> list[object]:
    steps: Iterator[Any] = iter(v)
    new = list(args)
    for k in wrt:
        new[k] = _map_floats(args[k], lambda x: x + t * next(steps))
    return new


def _map_floats(tree: object, change: Callable[[object], object]) -> Any:
    if isinstance(tree, float | np.ndarray | np.floating):
        return change(tree) if np.asarray(tree).dtype == np.float64 else tree
    if isinstance(tree, dict):
        return {k: _map_floats(x, change) for k, x in tree.items()}
    if isinstance(tree, tuple | list):
        parts = [_map_floats(x, change) for x in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if is_dataclass(tree) and not isinstance(tree, type):
        new = copy.copy(tree)
        for f in fields(tree):
            object.__setattr__(new, f.name, _map_floats(getattr(tree, f.name), change))
        return new
    return tree
