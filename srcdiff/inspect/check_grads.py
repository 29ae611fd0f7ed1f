"""Gradient checking: generated derivatives are compared with finite differences in random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from srcdiff.api import grad, jvp, vjp
from srcdiff.compile.arguments.pytree import (
    add_scaled,
    dot,
    float_positions,
    is_float_leaf,
    leaves,
    map_leaves,
    random_like,
)
from srcdiff.compile.arguments.signature import signature_of
from srcdiff.handles.differentiable import plain_function
from srcdiff.handles.primal_call import without_blocks
from srcdiff.waits import shown

STEP = 2e-3  # large enough that rounding does not spoil a difference, for gradients as well
FINE_STEP = 2e-5  # used if a kink or a sharp bend may lie within the larger step


def check_grads(
    f: Callable[..., object],
    *args: object,
    argnums: int | str | tuple[int | str, ...] | None = None,
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    rtol: float = 1e-5,
    atol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Compare the derivatives of `f` at `args` with finite differences along a random direction.

    Parameters
    ----------
    argnums
        The arguments to differentiate with respect to; None: every argument that holds floats.
    order
        2 checks the derivative of the gradient as well (reverse mode, scalar results).
    modes
        Which of "forward" and "reverse" to check.

    Raises
    ------
    AssertionError
        If they differ by more than `atol + rtol * size`; the message has both numbers.
    ValueError
        For an order other than 1 and 2, and for modes that are unknown or empty: nothing would be checked.
    """
    modes = _known_modes(modes)
    if order not in (1, 2) or isinstance(order, bool):
        raise ValueError(f"order must be 1 or 2, got {order!r}")
    wrt = float_positions(args) if argnums is None else signature_of(plain_function(f), argnums).wrt
    rng = np.random.default_rng(seed)
    directions = [
        random_like(a, rng) if k in wrt else map_leaves(lambda _: None, a)
        for k, a in enumerate(args)
    ]

    plain = without_blocks(plain_function(f))

    @cache
    def expected(step: float) -> object:
        return difference(plain, args, directions, step)

    with shown("checking", getattr(f, "__name__", "a function")):
        if "forward" in modes:
            _, tangent = jvp(f, tuple(args), tuple(directions))
            _compare("forward mode", tangent, expected, rtol, atol)
        if "reverse" in modes:
            value, back = vjp(f, *args, argnums=tuple(wrt))
            weights = random_like(value, rng)
            found = sum(dot(d, directions[k]) for d, k in zip(back(weights), wrt, strict=True))
            _compare("reverse mode", found, lambda step: dot(weights, expected(step)), rtol, atol)
            if order > 1 and is_float_leaf(value) and np.ndim(value) == 0:
                _check_second(f, args, wrt, directions, rng, rtol, atol)


def _known_modes(modes: Sequence[str]) -> tuple[str, ...]:
    """The modes as a tuple; a single mode may be a string."""
    given = (modes,) if isinstance(modes, str) else tuple(modes)
    unknown = [m for m in given if m not in ("forward", "reverse")]
    if unknown or not given:
        found = f"got {unknown[0]!r}" if unknown else "got none"
        raise ValueError(f'modes are "forward" and "reverse", {found}')
    return given


def _check_second(
    f: Callable[..., object],
    args: Sequence[object],
    wrt: Sequence[int],
    directions: Sequence[object],
    rng: np.random.Generator,
    rtol: float,
    atol: float,
) -> None:
    """Check the gradient's own derivative, forward over reverse."""
    gradient = grad(f, argnums=tuple(wrt), on_independent="ignore")
    _, tangent = jvp(gradient, tuple(args), tuple(directions))

    @cache
    def differences(step: float) -> Any:
        return difference(gradient, args, directions, step)

    weights = random_like(differences(STEP), rng)

    def expected(step: float) -> float:
        return dot(weights, differences(step))

    _compare("second order", dot(weights, tangent), expected, 10 * rtol, 10 * atol)


def difference(
    f: Callable[..., object], args: Sequence[object], directions: Sequence[object], step: float
) -> Any:
    """The derivative along the directions by Richardson extrapolation: central differences with a step and with half of
    it.
    """

    def along(step: float) -> Any:
        moved = [add_scaled(a, d, step) for a, d in zip(args, directions, strict=True)]
        return f(*moved)

    def slope(step: float) -> Any:
        return map_leaves(lambda p, q: _halved(p, q, step), along(step), along(-step))

    return map_leaves(
        lambda a, b: None if a is None else (4.0 * b - a) / 3.0, slope(step), slope(0.5 * step)
    )


def _halved(p: Any, q: Any, step: float) -> object:
    return (p - q) / (2.0 * step) if is_float_leaf(p) else None


def _compare(
    what: str, found: object, expected: Callable[[float], object], rtol: float, atol: float
) -> None:
    """Raise if the derivative differs from the finite differences with both of the steps."""
    try:
        _compare_values(what, found, expected(STEP), rtol, atol)
    except AssertionError as error:
        try:
            _compare_values(what, found, expected(FINE_STEP), rtol, atol)
        except AssertionError:
            raise error from None


def _compare_values(what: str, found: object, expected: object, rtol: float, atol: float) -> None:
    pairs = [(f, e) for f, e in zip(leaves(found), leaves(expected), strict=True) if e is not None]
    for got, want in pairs:
        size = max((float(np.max(np.abs(w))) for _, w in pairs if np.size(w)), default=0.0)
        if not np.all(np.abs(np.asarray(got) - want) <= atol + rtol * size):
            raise AssertionError(f"{what}: the derivative is {got}, finite differences give {want}")
