"""Derivatives of single operations of dynamic programs: each is generated once, as for any other function."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import children, is_float_leaf
from srcdiff.compile.derivations.kinds import Derivation
from srcdiff.eager.derivatives.nested_gradients import InnerGradient
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.wrappers import made_function
from srcdiff.handles.differentiable import generated
from srcdiff.options import Options

OPTIONS = Options(jit=False, on_independent="ignore")

Fixed = tuple[tuple[str, object], ...]  # arguments that are written into the text


class _Leaf:
    """A key for a function: the identity of its code object, which is the same each time that a lambda is evaluated."""

    def __init__(self, leaf: object) -> None:
        self.leaf = leaf
        self.code = getattr(leaf, "__code__", leaf)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Leaf) and self.code is other.code

    def __hash__(self) -> int:
        return id(self.code)


_EXPRESSIONS: dict[int, object] = {}  # code objects by identity, as in `_Leaf`
_CALLS: dict[int, object] = {}


def is_expression(function: object) -> bool:
    """Whether a function is an expression of a dynamic program, which is differentiated as a whole."""
    return id(getattr(function, "__code__", None)) in _EXPRESSIONS


def is_single_call(function: object) -> bool:
    """Whether a function is a single call of a dynamic program, which cannot be split further."""
    return id(getattr(function, "__code__", None)) in _CALLS


def derivative(derivation: Derivation, leaf: Callable[..., object], wrt: tuple[int, ...]) -> Any:
    """`srcdiff.vjp`, `srcdiff.jvp`, ... of an operation."""
    if isinstance(leaf, InnerGradient):
        return leaf.derivative(derivation, wrt)
    code = getattr(leaf, "__code__", None)
    if code is not None and not is_single_call(leaf):
        _EXPRESSIONS[id(code)] = code
    return _derivative(derivation, _Leaf(leaf), wrt)


def _single(leaf: Callable[..., object]) -> Callable[..., object]:
    code = leaf.__code__
    _CALLS[id(code)] = code
    return leaf


@functools.lru_cache(maxsize=4096)
def _derivative(derivation: Derivation, held: _Leaf, wrt: tuple[int, ...]) -> object:
    return generated(derivation, held.leaf, OPTIONS, wrt)


# ---- operations as functions -----------------------------------------------------------------------------------


def leaf_of_call(
    function: object, count: int, keywords: tuple[str, ...] = (), fixed: Fixed = ()
) -> Callable[..., object]:
    """`lambda a, b: function(a, b, axis=0)`."""
    name = getattr(function, "__name__", "function").strip("_<>") or "function"
    return _leaf(f"{name}_({{}})", count, keywords, name, function, repr(fixed), 0)


def leaf_of_method(
    method: str, count: int, keywords: tuple[str, ...] = (), fixed: Fixed = ()
) -> Callable[..., object]:
    """`lambda x: x.method(axis=0)`."""
    return _leaf(f"a0.{method}({{}})", count, keywords, method, None, repr(fixed), 1)


def leaf_of_joined(name: str, count: int) -> Callable[..., object]:
    """`lambda a, b: np.r_[a, b]`."""
    return _leaf(f"np.{name}[{{}}]", count, (), name.strip("_"), None, "()", 0)


def leaf_into(
    function: object, count: int, keywords: tuple[str, ...] = (), fixed: Fixed = ()
) -> Callable[..., object]:
    """`lambda out, x, where: f(x, where=where, out=np.copy(out))`: elements that `where=` excludes come from `out`."""
    name = getattr(function, "__name__", "function")
    call = f"{name}_({{}}, out=np.copy(a0))"
    return _leaf(call, count, keywords, name, function, repr(fixed), 1)


@functools.lru_cache(maxsize=4096)
def _leaf(
    call: str,
    count: int,
    keywords: tuple[str, ...],
    name: str,
    function: object,
    fixed: str,  # as text, since 1, 1.0 and True are equal
    receivers: int,
) -> Callable[..., object]:
    places = [f"a{k}" for k in range(count + receivers)]
    values = [f"value_of_{k}" for k in keywords]
    passed = [
        *places[receivers:],
        *(f"{k}={v}" for k, v in zip(keywords, values, strict=True)),
        *(f"{k}={v!r}" for k, v in ast.literal_eval(fixed)),
    ]
    listed = ", ".join((*places, *values))
    text = f"def {name}({listed}):\n    return {call.format(', '.join(passed))}\n"
    return _single(made_function(text, name, {f"{name}_": function, "np": np}))


@functools.lru_cache(maxsize=4096)
def leaf_that_writes(function: Any, count: int, keywords: tuple[str, ...]) -> Callable[..., object]:
    """A function that writes its first argument, as a function that returns a new array."""
    places = [f"a{k}" for k in range(count)]
    values = [f"value_of_{k}" for k in keywords]
    passed = ["made", *places[1:], *(f"{k}={v}" for k, v in zip(keywords, values, strict=True))]
    ufunc = getattr(function, "__self__", None)
    is_at = isinstance(ufunc, np.ufunc)
    name = f"np.{ufunc.__name__}.at" if is_at and ufunc is not None else f"np.{function.__name__}"
    text = (
        f"def written({', '.join((*places, *values))}):\n"
        f"    made = a0.copy()\n    {name}({', '.join(passed)})\n    return made\n"
    )
    return _single(made_function(text, "written", {"np": np}))


def weighted(
    leaf: Callable[..., object], count: int, paths: tuple[str, ...]
) -> Callable[..., object]:
    """The weighted sum of the results of a function with `count` arguments: a weight for each number."""
    if isinstance(leaf, InnerGradient) and not leaf.is_dynamic:
        leaf = leaf_of_call(leaf.handle, count)
    if isinstance(leaf, InnerGradient):
        raise UnsupportedError(
            f"{leaf.__name__} is the gradient of a dynamic program, which has no third derivative",
            "Take first derivatives of what calls it, or write its function so that it compiles.",
        )
    return _weighted(_Leaf(leaf), count, paths)


@functools.lru_cache(maxsize=4096)
def _weighted(held: _Leaf, count: int, paths: tuple[str, ...]) -> Callable[..., object]:
    places = [f"a{k}" for k in range(count)]
    weights = [f"d{k}" for k in range(len(paths))]
    terms = [f"np.real(np.sum(result{p} * {d}))" for p, d in zip(paths, weights, strict=True)]
    text = (
        f"def weighted({', '.join((*places, *weights))}):\n"
        f"    result = leaf({', '.join(places)})\n"
        f"    return {' + '.join(terms)}\n"
    )
    return made_function(text, "weighted", {"leaf": held.leaf, "np": np})


def paths_of(made: object) -> tuple[str, ...]:
    """The positions of the floats in a result."""
    parts = children(made)
    if parts is None:
        return ("",) if is_float_leaf(made) else ()
    keys = list(made) if isinstance(made, dict) else range(len(parts))
    return tuple(
        f"[{k!r}]{path}" for k, part in zip(keys, parts, strict=True) for path in paths_of(part)
    )
