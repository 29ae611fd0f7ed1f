"""What users call: derivatives as a decorator and as functions, with the same options everywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, overload

import numpy as np

from srcdiff.generated import Generated
from srcdiff.options import Options, make_options
from srcdiff.programs import Derived
from srcdiff.signature import resolve_argnums, signature_of
from srcdiff.trees import is_float_leaf, leaves, map_leaves

__all__ = ["Differentiable", "differentiate", "grad", "hvp", "jvp", "stop_gradient", "value_and_grad", "vjp"]

Function = Callable[..., Any]


class Differentiable:
    """A function with its derivatives: what `@differentiate` makes. Calling it calls the function.

    Attributes
    ----------
    grad, value_and_grad, vjp, jvp, hvp
        Generated functions; `vjp(*args)` gives `(value, back)`, `jvp(args, tangents)` gives `(value, tangent)`, `hvp(*args, v)` the
        Hessian times v.
    """

    def __init__(self, function: Function, options: Options) -> None:
        functools.update_wrapper(self, function)
        self.options = options

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)  # type: ignore[attr-defined]

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    @functools.cached_property
    def grad(self) -> Generated:
        return _generated("grad", self.__wrapped__, self.options)  # type: ignore[attr-defined]

    @functools.cached_property
    def value_and_grad(self) -> Generated:
        return _generated("value_and_grad", self.__wrapped__, self.options)  # type: ignore[attr-defined]

    @functools.cached_property
    def hvp(self) -> Generated:
        return _generated("hvp", self.__wrapped__, self.options)  # type: ignore[attr-defined]

    def vjp(self, *args: Any, argnums: Any = None) -> tuple[Any, Callable[..., Any]]:
        return _vjp(self.__wrapped__, args, argnums, self.options)  # type: ignore[attr-defined]

    def jvp(self, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        return _jvp(self.__wrapped__, args, tangents, self.options)  # type: ignore[attr-defined]

    def __reduce__(self) -> str:
        return self.__qualname__  # type: ignore[attr-defined, no-any-return]


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
        return lambda f: Differentiable(_plain(f), made)
    return Differentiable(_plain(function), make_options(options))


def grad(f: Function, **options: Any) -> Generated:
    """The gradient of a scalar function: `g(*args)` is shaped like the argument, or a tuple of them for a tuple `argnums`.

    With `has_aux`, `g(*args)` gives `(gradient, aux)`. Options as for `differentiate`.
    """
    return _generated("grad", f, _options(f, options))


def value_and_grad(f: Function, **options: Any) -> Generated:
    """`g(*args)` gives `(value, gradient)`; with `has_aux`, `((value, aux), gradient)`. Options as for `differentiate`."""
    return _generated("value_and_grad", f, _options(f, options))


def hvp(f: Function, **options: Any) -> Generated:
    """`h(*args, v)` is the Hessian of `f` times `v`, which is shaped like the argument (forward over reverse)."""
    return _generated("hvp", f, _options(f, options))


def vjp(f: Function, *args: Any, argnums: Any = None, **options: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of `f` at `args`, and the function that takes the adjoint of the value to those of the arguments.

    `back(d_value)` gives a tuple over all arguments, or over `argnums`; bare for an int or name. Arguments that hold no floats have
    the adjoint None.
    """
    return _vjp(_plain(f), args, argnums, _options(f, options))


def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any], **options: Any) -> tuple[Any, Any]:
    """The value of `f` at `args`, and its derivative along `tangents` (one for each argument; None for zero)."""
    return _jvp(_plain(f), args, tangents, _options(f, options))


def stop_gradient(x: Any) -> Any:
    """`x`, through which no derivative passes."""
    return x


# ---- behind the names ---------------------------------------------------------------------------------


def _plain(f: Any) -> Any:
    """The function under a `Differentiable`; everything else as it is."""
    if isinstance(f, Differentiable):
        return f.__wrapped__  # type: ignore[attr-defined]
    if not callable(f):
        raise TypeError(f"expected a function, got {f!r}")
    return f


def _options(f: Any, given: dict[str, Any]) -> Options:
    return make_options(given, f.options if isinstance(f, Differentiable) else None)


def _generated(kind: str, f: Any, options: Options, argnums: Any = None) -> Generated:
    f = _plain(f)
    wanted = options.argnums if argnums is None else argnums
    count = len(wanted) if isinstance(wanted, tuple | list) else 1
    extra = {"vjp": 1, "jvp": count, "hvp": 1}.get(kind, 0)
    if isinstance(f, Generated):
        names = f.signature.names
        signature = replace(f.signature, wrt=resolve_argnums(names, wanted), extra=extra, name=f.__name__)
    else:
        signature = signature_of(f, wanted, extra)
    is_tuple = isinstance(wanted, tuple | list)
    signature = replace(signature, spread=kind == "hvp" and is_tuple)
    name = f"{'f' if signature.name == '<lambda>' else signature.name}_{kind}"
    return Generated(Derived(kind, f, options, signature.wrt, name, is_tuple), signature)


def _vjp(f: Any, args: Sequence[Any], argnums: Any, options: Options) -> tuple[Any, Callable[..., Any]]:
    wanted = _float_positions(args) if argnums is None else argnums
    g = _generated("vjp", f, options, wanted)
    kept = [_copied(a) for a in args]
    value = f(*[_copied(a) for a in args])

    def back(d_value: Any) -> Any:
        _, found = g(*kept, d_value)
        if argnums is not None:
            return found
        adjoints: list[Any] = [None] * len(args)
        for k, d in zip(wanted, found, strict=True):
            adjoints[k] = d
        return tuple(adjoints)

    return value, back


def _jvp(f: Any, args: Sequence[Any], tangents: Sequence[Any], options: Options) -> tuple[Any, Any]:
    if len(args) != len(tangents):
        raise TypeError(f"jvp needs a tangent for each argument: {len(args)} arguments, {len(tangents)} tangents")
    wanted = tuple(k for k, t in enumerate(tangents) if any(x is not None for x in leaves(t)))
    g = _generated("jvp", f, options, wanted)
    return g(*args, *(tangents[k] for k in wanted))  # type: ignore[no-any-return]


def _float_positions(args: Sequence[Any]) -> tuple[int, ...]:
    return tuple(k for k, a in enumerate(args) if any(map(is_float_leaf, leaves(a))))


def _copied(value: Any) -> Any:
    return map_leaves(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, value)
