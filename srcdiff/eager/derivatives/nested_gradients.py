"""Nested gradients: a gradient that a dynamic program calls is an operation whose derivative is a Hessian product.

    w = x - 0.1 * df(x)        d_x += d_w - 0.1 * H(x) @ d_w

The Hessian H is symmetric, so forward and reverse mode take the same products.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import is_float_leaf, map_leaves
from srcdiff.compile.derivations.kinds import Derivation, Gradient, Hvp, Jvp
from srcdiff.handles.differentiable import generated
from srcdiff.options import Options

_OPTIONS = Options(jit=False, on_independent="ignore")


def is_gradient(handle: Any) -> bool:
    """Whether a generated function returns the gradient of a function that is not itself generated."""
    derived = handle.derived
    is_plain = isinstance(derived.base, FunctionType) and not derived.options.has_aux
    return is_plain and isinstance(derived.derivation, Gradient)


class InnerGradient:
    """A gradient as an operation; `derivative` returns the counterpart of `srcdiff.vjp` or `srcdiff.jvp`."""

    def __init__(self, handle: Any, is_dynamic: bool) -> None:
        self.handle, self.derived, self.is_dynamic = handle, handle.derived, is_dynamic
        self.__name__ = handle.__name__

    def __call__(self, *args: Any) -> object:
        return self.handle(*args)

    def derivative(self, derivation: Derivation, wrt: tuple[int, ...]) -> Callable[..., Any]:
        of = self._tangent if isinstance(derivation, Jvp) else self._adjoints
        return functools.partial(of, wrt)

    def _adjoints(self, wrt: tuple[int, ...], *given: Any) -> tuple[None, list[object]]:
        *args, d_gradient = given
        ds = d_gradient if self.derived.as_tuple else (d_gradient,)
        found = self._product(args, dict(zip(self.derived.wrt, ds, strict=True)), wrt)
        return None, [found[k] for k in wrt]

    def _tangent(self, wrt: tuple[int, ...], *given: object) -> tuple[None, object]:
        args, tangents = given[: -len(wrt)], given[-len(wrt) :]
        own = self.derived.wrt
        found = self._product(args, dict(zip(wrt, tangents, strict=True)), own)
        return None, tuple(found[k] for k in own) if self.derived.as_tuple else found[own[0]]

    def _product(
        self, args: Any, directions: dict[int, Any], of: tuple[int, ...]
    ) -> dict[int, object]:
        """The Hessian times `directions`, by the positions of arguments; `of` are the positions that are needed."""
        places = tuple(sorted({*directions, *of}))
        v = tuple(directions[k] if k in directions else map_leaves(_zero, args[k]) for k in places)
        product = generated(Hvp(), self.derived.base, _OPTIONS, places)
        return dict(zip(places, product(*args, v), strict=True))


def _zero(leaf: object) -> np.ndarray | float | None:
    if not is_float_leaf(leaf):
        return None
    return np.zeros_like(leaf) if isinstance(leaf, np.ndarray) else 0.0
