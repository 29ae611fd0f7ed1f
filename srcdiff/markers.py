"""Markers inside programs: constants, blocks of the backward part, loops with checkpoints."""

from __future__ import annotations

from typing import Any

from srcdiff.errors import DifferentiationError


def stop_gradient(x: object) -> Any:
    """`x` as a constant: its derivative is zero.

    Parameters
    ----------
    x : number, array, or container of these

    Returns
    -------
    x
        Generated code has `x` itself there, and does not need srcdiff.
    """
    return x


def adjoint(x: object) -> Any:
    """In `with srcdiff.adjoint(y) as d_y:`, the block runs in the backward part, when the adjoint of `y` is complete.

    The value that the block assigns to `d_y` replaces the adjoint. The block may print, assert, raise, call functions,
    and append to lists and dicts outside the function. Calls without derivatives leave the block out.

    Parameters
    ----------
    x : float or array
        A variable of the function. The block stands after the line that assigns it.

    Raises
    ------
    DifferentiationError
        In a plain call: decorate the function with `srcdiff.differentiate`.

    Examples
    --------
    >>> import numpy as np
    >>> @differentiate
    ... def f(x):
    ...     y = x**2
    ...     with adjoint(y) as d_y:
    ...         d_y = np.clip(d_y, -1.0, 1.0)
    ...     return np.sum(y**2)
    >>> f.grad(np.array([0.5, 3.0]))
    array([0.5, 6. ])
    """
    raise DifferentiationError(
        "srcdiff.adjoint() runs in derivatives only, and this is a plain call",
        "Decorate the function with @srcdiff.differentiate: plain calls leave the block out.",
    )


adjoint.marks_adjoint = True  # type: ignore[attr-defined]


def checkpointed(iterations: range, slots: int) -> range:
    """`for i in srcdiff.checkpointed(range(n), slots=k)`: a loop whose reversal stores at most k states at a time.

    The loop-carried values are stored before k of the iterations. The backward part recomputes the others from there,
    by the binomial schedule (revolve), which recomputes the fewest iterations. In a plain call, and in forward mode,
    the loop runs over the range.

    Parameters
    ----------
    iterations : range
        With step 1.
    slots : int
        At least 1.

    Raises
    ------
    TypeError
        For anything but a range.
    ValueError
        If `slots` is less than 1.
    """
    if not isinstance(iterations, range):
        raise TypeError(f"checkpointed takes a range, not {iterations!r}")
    if slots < 1:
        raise ValueError(f"slots={slots}: expected at least 1")
    return iterations


checkpointed.marks_checkpoints = True  # type: ignore[attr-defined]
