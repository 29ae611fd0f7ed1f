"""What users call: derivatives as a decorator and as functions, with the same options everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from srcdiff.compile.arguments.signature import Argnums
from srcdiff.compile.derivations.enumerate import enumerated
from srcdiff.compile.derivations.kinds import (
    DERIVATIONS,
    SEMIRINGS,
    Batch,
    ElementwiseGrad,
    Grad,
    Hessian,
    HolomorphicGrad,
    Hvp,
    Jacobian,
    KBest,
    Scan,
    Simplify,
    ValueAndGrad,
)
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
    function : callable
        A Python function; its source is read when the first derivative is called.
    argnums : int, str, or tuple of these
        The positions or names of the parameters that the derivatives are with respect to. Default: the first.
    jit : "auto", True or False
        Whether calls run compiled code: where Numba compiles it, always, or never.
    target : "cpu" or "cuda"
        Where calls run.
    parallel : "auto", bool or int
        Whether, or on how many threads, long loops of compiled code run.
    residuals : "auto", "store" or "recompute"
        Whether the backward part stores values of the forward part or recomputes them.
    fastmath : bool
        Whether compiled code may reorder sums.
    rewrite : bool, or dict of str to bool
        Whether numerically unstable expressions of the function are rewritten (`log(sigmoid(x))`, ...); a dict
        chooses by the names of the rewritings.
    has_aux : bool
        The function returns `(value, aux)`; the derivative is that of `value`.
    on_independent : "warn", "raise" or "ignore"
        What happens if the result does not depend on an argument in `argnums`.

    Returns
    -------
    Differentiable
        The function, with the attributes `grad`, `value_and_grad`, `vjp`, `jvp`, `hvp`, `jacobian` and `hessian`.

    Raises
    ------
    TypeError
        For an unknown option.
    ValueError
        For a value that an option does not take.

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


def grad(f: Function, argnums: Argnums = None, **options: object) -> Generated:
    """The gradient of a function whose result is one number.

    Parameters
    ----------
    f : callable
    argnums, **options
        As for `differentiate`.

    Returns
    -------
    Generated
        `g(*args)` returns the gradient, which has the shape of the argument. For a tuple `argnums` it returns a tuple
        of gradients. With `has_aux`, it returns `(gradient, aux)`.

    Raises
    ------
    UnsupportedError
        In the first call, for code without a derivative; the error names the line.
    """
    return generated(Grad(), f, options_for(f, options, argnums))


def value_and_grad(f: Function, argnums: Argnums = None, **options: object) -> Generated:
    """The value of a function whose result is one number, and its gradient.

    Parameters
    ----------
    f : callable
    argnums, **options
        As for `differentiate`.

    Returns
    -------
    Generated
        `g(*args)` returns `(value, gradient)`; with `has_aux`, `((value, aux), gradient)`.
    """
    return generated(ValueAndGrad(), f, options_for(f, options, argnums))


def elementwise_grad(f: Function, argnums: Argnums = None, **options: object) -> Generated:
    """The derivative of each element of the result with respect to the element of the argument at its position.

    It is the gradient of the sum of the result. So `f` has to act on each element alone.

    Parameters
    ----------
    f : callable
    argnums, **options
        As for `differentiate`.

    Returns
    -------
    Generated
        `g(*args)` returns an array with the shape of the argument.
    """
    return generated(ElementwiseGrad(), f, options_for(f, options, argnums))


def holomorphic_grad(f: Function, argnums: Argnums = None, **options: object) -> Generated:
    """The complex derivative of a holomorphic function.

    If `f` is not holomorphic, it is the gradient of the real part.

    Parameters
    ----------
    f : callable
        Takes and returns complex numbers.
    argnums, **options
        As for `differentiate`.

    Returns
    -------
    Generated
        `g(*args)` returns the derivative of each element of the result with respect to the element of the argument at
        its position; for a result that is one number, with respect to all elements.
    """
    return generated(HolomorphicGrad(), f, options_for(f, options, argnums))


def hvp(f: Function, argnums: Argnums = None, **options: object) -> Generated:
    """The product of the Hessian with a vector: the tangent of the gradient (forward over reverse mode).

    Parameters
    ----------
    f : callable
        Its result is one number.
    argnums, **options
        As for `differentiate`.

    Returns
    -------
    Generated
        `h(*args, v)` returns the Hessian times `v`. Both have the shape of the argument; for a tuple `argnums` both
        are tuples. With `has_aux`, it returns `(product, aux)`.
    """
    return generated(Hvp(), f, options_for(f, options, argnums))


def jacobian(f: Function, mode: str = "auto", **options: object) -> Generated:
    """The Jacobian.

    Parameters
    ----------
    f : callable
    mode : "auto", "forward" or "reverse"
        Forward mode loops over the elements of the argument, reverse mode over the elements of the result. "auto"
        chooses the smaller number.
    **options
        As for `differentiate`.

    Returns
    -------
    Generated
        `g(*args)` returns an array with the axes of the result first, then the axes of the argument. For a result or an
        argument that is a container, or a tuple `argnums`, it returns a container with the Jacobian of each part. With
        `has_aux`, it returns `(jacobian, aux)`.

    Raises
    ------
    ValueError
        For an unknown mode.
    """
    if mode not in MODES:
        known = ", ".join(map(repr, MODES))
        raise ValueError(f"mode={mode!r}: expected one of {known}; positions are given as argnums=")
    return generated(Jacobian(mode), f, options_for(f, options))


def hessian(f: Function, argnums: Argnums = None, **options: object) -> Generated:
    """The Hessian, row by row (forward over reverse mode).

    Parameters
    ----------
    f : callable
        Its result is one number.
    argnums, **options
        As for `differentiate`.

    Returns
    -------
    Generated
        `g(*args)` returns an array with the axes of the argument twice. For a container, or a tuple `argnums`, it
        returns a container of containers: one part for each pair. With `has_aux`, it returns `(hessian, aux)`.
    """
    return generated(Hessian(), f, options_for(f, options, argnums))


def batch(f: Function, in_axes: object = 0, out_axes: object = 0, **options: object) -> Generated:
    """A function of one item as a function of many items: a loop over the items.

    Parameters
    ----------
    f : callable
        May be a derivative.
    in_axes : int, None, or container
        The axis of each argument along which its items are; None for an argument that all items share. An int is for
        all arguments; a tuple has one entry for each argument, a dict one for each name. For an argument that is a
        container, the entry may be a container with the same structure.
    out_axes : int, or container
        The axis of the result along which the results of the items are.
    **options
        As for `differentiate`.

    Returns
    -------
    Generated
        `g(*args)`. Its derivatives are taken as those of any function.

    Raises
    ------
    ValueError
        For axes that are not ints, None, or containers of these.
    """
    taken, given = plain_axes(in_axes, "in_axes"), plain_axes(out_axes, "out_axes", is_result=True)
    return generated(Batch(taken, given), f, options_for(f, options))


def vjp(
    f: Function, *args: object, argnums: Argnums = None, **options: object
) -> tuple[Any, Callable[..., Any]]:
    """The value of `f` at `args`, and the function that multiplies a vector with the Jacobian (reverse mode).

    Parameters
    ----------
    f : callable
    *args
        Where the derivative is taken.
    argnums, **options
        As for `differentiate`, but without `argnums` the derivative is with respect to all arguments.

    Returns
    -------
    value
        `f(*args)`.
    back : callable
        `back(d_value)` takes the adjoint of the value, which has the shape of the value, and returns the adjoints of
        the arguments: a tuple for all arguments or a tuple `argnums`, one adjoint for an int or a name. Arguments
        without floats have the adjoint None.
    """
    return shared(Pullback, plain_function(f, len(args)), options_for(f, options))(
        *args, argnums=argnums
    )


def jvp(
    f: Function, args: Sequence[object], tangents: Sequence[object], **options: object
) -> tuple[Any, Any]:
    """The value of `f` at `args`, and its derivative along `tangents` (forward mode).

    Parameters
    ----------
    f : callable
    args : tuple
        Where the derivative is taken.
    tangents : tuple
        One for each argument, with its shape; None for an argument that is constant.
    **options
        As for `differentiate`.

    Returns
    -------
    value, tangent
        Both have the shape of the result of `f`.

    Raises
    ------
    TypeError
        If `args` and `tangents` are not tuples of one length.
    ValueError
        If all tangents are None.
    """
    return shared(Pushforward, plain_function(f, len(args)), options_for(f, options))(
        args, tangents
    )


def transform(f: Function, name: str, **options: Any) -> Generated:
    """Another program, generated from the source of a function.

    Parameters
    ----------
    f : callable
    name : "semiring", "enumerate", "scan" or "simplify"
        "semiring" with `semiring="max"`: each logarithm of a sum of exponentials becomes the largest term (max-plus).
        The result is a function like `f`; its gradient selects that term. The other semirings are "argmax", "count",
        "entropy", "kbest" (with `k`), "max_marginals" and "sample".
        "enumerate" with `over="z", count=k`: the logarithm of the sum of `exp(f(...))` over z = 0, ..., k - 1. The
        parameter `z` is gone.
        "scan": `f`, whose associative loops are trees. A loop is associative if each iteration multiplies a vector by
        a matrix, in the semiring of `logsumexp` and `+` or of `max` and `+`. The source has to prove that.
        "simplify": `f` itself, as generated source. Calls with handlers of effects, of objects and of inner functions
        are inlined.
    **options
        As for `differentiate`.

    Returns
    -------
    Generated

    Raises
    ------
    ValueError
        For an unknown transformation or semiring, or "kbest" without `k`.

    Examples
    --------
    >>> import numpy as np
    >>> def total(x, y):
    ...     return np.logaddexp(x, y)
    >>> float(transform(total, "semiring", semiring="max")(1.0, 2.0))
    2.0
    """
    if name == "simplify":
        return generated(Simplify(), f, options_for(f, options))
    if name == "scan":
        return generated(Scan(), f, options_for(f, options))
    if name == "enumerate":
        program = enumerated(f, options.pop("over", None), options.pop("count", None))
        return generated(Simplify(), program, options_for(f, options))
    if name != "semiring":
        raise ValueError(
            f"transform: there is no transformation {name!r}; there are 'enumerate', 'scan', 'semiring' and 'simplify'"
        )
    semiring = options.pop("semiring", None)
    if semiring not in SEMIRINGS:
        raise ValueError(f"semiring={semiring!r}: expected one of {', '.join(sorted(SEMIRINGS))}")
    cls = SEMIRINGS[semiring]
    how = KBest(_number_of_terms(options.pop("k", None))) if cls is KBest else cls()
    return generated(how, f, options_for(f, options))


def _number_of_terms(k: object) -> int:
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise ValueError(f"semiring='kbest' needs k, how many terms are wanted: k={k!r}")
    return int(k)


_MAKERS: dict[str, Any] = {f.__name__: f for f in (
    grad, value_and_grad, elementwise_grad, holomorphic_grad, hvp, jacobian, hessian, batch, vjp, jvp,
)}  # fmt: skip
for _name, _maker in _MAKERS.items():
    _maker.makes_derivative = DERIVATIONS[_name]()


def made_inside(kind: str, f: object, given: dict[str, Any]) -> Generated:
    """The generated function for `grad(f)`, `vjp(f, ...)`, ... inside a function that is differentiated.

    `vjp` and `jvp` are functions of weights and tangents there.
    """
    own, how = given.pop("%options", None), DERIVATIONS[kind]()
    if not how.is_at_point:
        made: Generated = _MAKERS[kind](f, **given)
        return made
    wanted = given.pop("argnums")
    return generated(how, f, options_for(f, given) if own is None else own, wanted)
