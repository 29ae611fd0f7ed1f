"""What users call: derivatives as a decorator and as functions, with the same options everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from srcdiff.compile.enumerate import enumerated
from srcdiff.compile.program import SEMIRINGS
from srcdiff.errors import DifferentiationError
from srcdiff.handles.differentiable import (
    Differentiable,
    Pullback,
    Pushforward,
    generated,
    options_for,
    plain_function,
    shared,
)
from srcdiff.handles.generated import Generated
from srcdiff.options import make_options, plain_axes

__all__ = [
    "adjoint",
    "batch",
    "checkpointed",
    "differentiate",
    "elementwise_grad",
    "grad",
    "hessian",
    "holomorphic_grad",
    "hvp",
    "jacobian",
    "jvp",
    "stop_gradient",
    "transform",
    "value_and_grad",
    "vjp",
]

Function = Callable[..., Any]
MODES = ("auto", "forward", "reverse")


@overload
def differentiate(function: Function) -> Differentiable: ...
@overload
def differentiate(**options: Any) -> Callable[[Function], Differentiable]: ...
def differentiate(function: Function | None = None, **options: Any) -> Any:
    """Decorator that gives a function its derivatives.

    Parameters
    ----------
    argnums : int, str, or a tuple of them
        What to differentiate by: positions or names of parameters. Default: the first.
    residuals : "auto", "store" or "recompute"
        What is kept of the forward part for the backward part.
    rewrite : bool, or dict from rule names to bools
        Whether numerically unstable expressions of the function are rewritten (`log(sigmoid(x))`, ...).
    has_aux : bool
        The function returns `(value, aux)`; the first is differentiated.
    on_independent : "warn", "raise" or "ignore"
        What happens where the result does not depend on an argument that it is differentiated by.

    Examples
    --------
    >>> import numpy as np
    >>> @differentiate
    ... def f(x):
    ...     return np.sum(x**2)
    >>> f.grad(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    if function is None:
        made = make_options(options)
        return lambda f: Differentiable(plain_function(f), made)
    return Differentiable(plain_function(function), make_options(options))


def grad(f: Function, argnums: Any = None, **options: Any) -> Generated:
    """The gradient of a scalar function: `g(*args)` is shaped like the argument.

    For a tuple `argnums` it is a tuple of gradients, even of one.
    With `has_aux`, `g(*args)` gives `(gradient, aux)`. Options as for `differentiate`.
    """
    return generated("grad", f, options_for(f, options, argnums))


def value_and_grad(f: Function, argnums: Any = None, **options: Any) -> Generated:
    """`g(*args)` gives `(value, gradient)`; with `has_aux`, `((value, aux), gradient)`.

    Options as for `differentiate`.
    """
    return generated("value_and_grad", f, options_for(f, options, argnums))


def elementwise_grad(f: Function, argnums: Any = None, **options: Any) -> Generated:
    """The derivative of each element of the result by the element of the argument that it belongs to.

    That is the gradient of the sum of the result, shaped like the argument: of a function that acts on each element,
    the derivative of each. Options as for `differentiate`.
    """
    return generated("elementwise_grad", f, options_for(f, options, argnums))


def holomorphic_grad(f: Function, argnums: Any = None, **options: Any) -> Generated:
    """The complex derivative of a holomorphic function of complex numbers: that of each element of the result by the
    element of the argument that it belongs to, or of a number by all elements.

    Of a function that is not holomorphic, it is the gradient of the real part. Options as for `differentiate`.
    """
    return generated("holomorphic_grad", f, options_for(f, options, argnums))


def hvp(f: Function, argnums: Any = None, **options: Any) -> Generated:
    """`h(*args, v)` is the Hessian of `f` times `v`, which is shaped like the argument (forward over reverse).

    With `has_aux`, `h(*args, v)` gives `(product, aux)`. Options as for `differentiate`.
    """
    return generated("hvp", f, options_for(f, options, argnums))


def jacobian(f: Function, mode: str = "auto", **options: Any) -> Generated:
    """The Jacobian: `g(*args)` has the axes of the result first, then those of the argument.

    Parameters
    ----------
    mode : "auto", "forward" or "reverse"
        Forward mode goes through the elements of the argument, reverse mode through those of the result; "auto" takes
        the smaller number.

    Notes
    -----
    Where the result is a container, so is the Jacobian, with that of each part; where the argument is one, or `argnums`
    a tuple, each of those is. Options as for `differentiate`; with `has_aux`, `g(*args)` gives `(jacobian, aux)`.
    """
    if mode not in MODES:
        known = ", ".join(map(repr, MODES))
        raise ValueError(f"mode={mode!r}: expected one of {known}; positions are given as argnums=")
    return generated("jacobian", f, options_for(f, options), settings=(("mode", mode),))


def hessian(f: Function, argnums: Any = None, **options: Any) -> Generated:
    """The Hessian of a scalar function, `g(*args)`: forward over reverse mode, row by row.

    For a container, or a tuple `argnums`, it is one of such containers: first by which part, then by which other.
    With `has_aux`, `g(*args)` gives `(hessian, aux)`.
    """
    return generated("hessian", f, options_for(f, options, argnums))


def batch(f: Function, in_axes: Any = 0, out_axes: Any = 0, **options: Any) -> Generated:
    """A function of one item as one of many: `g(*args)`, a loop over the items.

    Parameters
    ----------
    in_axes : int, None, or container
        Along which axis of an argument its items lie; None for what all items share. One for all arguments, or a tuple
        with one for each, or a dict by their names; for a container in an argument, one or a container like it.
    out_axes : int, or container
        Along which axis of a result the items are put.

    Notes
    -----
    `f` may be a derivative, and the derivatives of `g` are taken as those of any function.
    """
    axes = (
        ("in_axes", plain_axes(in_axes, "in_axes")),
        ("out_axes", plain_axes(out_axes, "out_axes", is_result=True)),
    )
    return generated("batch", f, options_for(f, options), settings=axes)


def vjp(
    f: Function, *args: Any, argnums: Any = None, **options: Any
) -> tuple[Any, Callable[..., Any]]:
    """The value of `f` at `args`, and the function that takes the adjoint of the value to those of the arguments.

    `back(d_value)` gives a tuple over all arguments, or over `argnums`; bare for an int or name.
    Arguments that hold no floats have the adjoint None.
    """
    return shared(Pullback, plain_function(f, len(args)), options_for(f, options))(
        *args, argnums=argnums
    )


def jvp(
    f: Function, args: Sequence[Any], tangents: Sequence[Any], **options: Any
) -> tuple[Any, Any]:
    """The value of `f` at `args`, and its derivative along `tangents` (one for each argument; None for zero)."""
    return shared(Pushforward, plain_function(f, len(args)), options_for(f, options))(
        args, tangents
    )


def transform(f: Function, name: str, **options: Any) -> Generated:
    """Another program from a function's source: `name` says which.

    Parameters
    ----------
    f : callable
    name : "semiring", "enumerate", "scan" or "simplify"
        "semiring" with `semiring="max"`: the largest term in place of the logarithm of each sum of exponentials
        (max-plus). It is a function as `f` is, and its derivative says which term that is.
        "enumerate" with `over="z", count=k`: the logarithm of the sum of `exp(f(...))` over the parameter `z` = 0, ...,
        k - 1, which it does not have any more.
        "scan": `f` with its loops as trees, where turns can be grouped in any way: where each takes a vector to its
        product with a matrix, in the semiring of `logsumexp` and `+` or of `max` and `+`. That is shown from the
        source, or the loop is refused.
        "simplify": `f` itself, as generated source: what it calls with handlers of effects, objects and functions
        inside is put in place.
    **options
        The others are those of `srcdiff.grad`.

    Examples
    --------
    >>> import numpy as np
    >>> def total(x, y):
    ...     return np.logaddexp(x, y)
    >>> float(transform(total, "semiring", semiring="max")(1.0, 2.0))
    2.0
    """
    if name in ("simplify", "scan"):
        return generated(name, f, options_for(f, options))
    if name == "enumerate":
        program = enumerated(f, options.pop("over", None), options.pop("count", None))
        return generated("simplify", program, options_for(f, options))
    if name != "semiring":
        raise ValueError(
            f"transform: there is no transformation {name!r}; there are 'enumerate', 'scan', 'semiring' and 'simplify'"
        )
    semiring = options.pop("semiring", None)
    if semiring not in SEMIRINGS:
        raise ValueError(f"semiring={semiring!r}: expected one of {', '.join(sorted(SEMIRINGS))}")
    settings = (("k", _number_of_terms(options.pop("k", None))),) if semiring == "kbest" else ()
    return generated(semiring, f, options_for(f, options), settings=settings)


def _number_of_terms(k: Any) -> int:
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise ValueError(f"semiring='kbest' needs k, how many terms are wanted: k={k!r}")
    return int(k)


def stop_gradient(x: Any) -> Any:
    """`x`, through which no derivative passes: a number, an array, or a container of them.

    In generated code it is `x` itself, so that the code needs no srcdiff.
    """
    return x


def adjoint(x: Any) -> Any:
    """In `with srcdiff.adjoint(y) as d_y:`: the block runs in the backward part, where the adjoint of `y` is complete.

    What the block assigns to `d_y` takes the adjoint's place. It may print, assert, raise, call functions, and collect
    in lists and dicts that are outside the function. Without derivatives the block is left out.

    Parameters
    ----------
    x : float or array
        A name of the function that is differentiated, right behind the line that makes it.

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


def checkpointed(turns: range, slots: int) -> range:
    """`for i in srcdiff.checkpointed(range(n), slots=k)`: a loop whose reversal keeps k states at a time.

    What the loop goes on with is kept at the starts of k turns, and computed again from there for the others, by the
    binomial schedule, which needs the fewest turns. In a plain call, and in forward mode, it is the range.

    Parameters
    ----------
    turns : range
        Counting up by 1.
    slots : int
        1 at least.
    """
    if not isinstance(turns, range):
        raise TypeError(f"checkpointed takes a range, not {turns!r}")
    if slots < 1:
        raise ValueError(f"slots={slots}: one state has to be kept at least")
    return turns


checkpointed.marks_checkpoints = True  # type: ignore[attr-defined]


_MAKERS: tuple[Any, ...] = (
    grad, value_and_grad, elementwise_grad, holomorphic_grad, hvp, jacobian, hessian, batch, vjp, jvp,
)  # fmt: skip
for _maker in _MAKERS:
    _maker.makes_derivative = _maker.__name__


def made_inside(kind: str, f: Any, given: dict[str, Any]) -> Generated:
    """A derivative that a program makes which is differentiated itself: `vjp` and `jvp` are functions of weights and
    tangents as well.
    """
    own = given.pop("%options", None)
    if kind not in ("vjp", "jvp"):
        return globals()[kind](f, **given)  # type: ignore[no-any-return]
    wanted = given.pop("argnums")
    return generated(kind, f, options_for(f, given) if own is None else own, wanted)
