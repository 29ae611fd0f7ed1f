"""Checks of users' rules: derivatives by the rule are compared with finite differences of the function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from srcdiff.api import grad, hvp, jvp, vjp
from srcdiff.compile.arguments.pytree import dot, float_positions, map_leaves, random_like
from srcdiff.errors import RuleError, UnsupportedError
from srcdiff.frontend.source.argument_types import describe_arguments
from srcdiff.frontend.source.locations import place_of
from srcdiff.frontend.source.wrappers import calling, made_function
from srcdiff.inspect.check_grads import FINE_STEP, STEP, difference
from srcdiff.ir.core import OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Dim, shape_of
from srcdiff.ir.values import Value
from srcdiff.ops.core.registry import find
from srcdiff.ops.core.type_rules import TypeMistake

_MOST_ELEMENTS = 1000  # the number of elements up to which each one is checked


def check_rule(
    function: object, *args: object, rtol: float = 1e-5, atol: float = 1e-6, seed: int = 0
) -> None:
    """Compare the rule of a function (see `srcdiff.rule`) with finite differences of the function itself at `args`.

    Raises
    ------
    RuleError
        For a derivative that differs by more than `atol + rtol * size`; the message names the input and the place in
        it. If the rule has a second derivative, this is checked, too. Also for a result whose shape or dtype is not the
        one in the rule's declaration.
    """
    decl = find(function)
    if decl is None or decl.rule is None:
        raise ValueError(f"{function!r} has no rule; @srcdiff.rule declares one")
    parameters = inspect.signature(decl.rule).parameters.values()
    named = [p.name for p in parameters if p.name not in ("out", "d_out")]
    if len(args) > len(named):
        raise TypeError(f"the rule takes {', '.join(named)}; {len(args)} arguments were given")
    check = _RuleCheck(decl, calling(function, tuple(named[: len(args)])), args, rtol, atol)
    check.result(function)
    rng = np.random.default_rng(seed)
    for k in float_positions(args):
        if f"d_{named[k]}" in decl.rule.__code__.co_varnames:  # it may declare that there is none
            check.input(k, named[k], rng)
            check.second(k, named[k], rng)


@dataclass(frozen=True)
class _RuleCheck:
    """A rule, a function that calls the rule's function, and the arguments of the check."""

    decl: OpDecl
    f: Callable[..., Any]
    args: Sequence[Any]
    rtol: float
    atol: float

    def fail(self, message: str, advice: str) -> NoReturn:
        raise RuleError(
            f"the rule of `{self.decl.name}`: {message}", advice, place_of(self.decl.rule)
        )

    def result(self, function: Any) -> None:
        """Check that the function's result has the declared shape and dtype."""
        names = [*self.f.__code__.co_varnames[: len(self.args)]]
        values = [np.ascontiguousarray(a) if np.ndim(a) else a for a in self.args]
        types, lengths = describe_arguments(values, names)
        given = dict(zip(names, zip(types, self.args, strict=True), strict=True))
        operands = [Value(t, n) for n, (t, _) in given.items() if n not in self.decl.defaults]
        attrs = {n: a for n, (_, a) in given.items() if n in self.decl.defaults}
        try:
            declared = self.decl.infer(Shapes(actual=lengths, rigid={*lengths}), operands, attrs)
        except TypeMistake as mistake:
            self.fail(str(mistake), "")
        found = function(*self.args)
        found = found if isinstance(found, tuple) else (found,)
        if len(found) != len(declared):
            self.fail(
                f"the function returns {len(found)} values, its declaration {len(declared)}",
                "Return a tuple of as many arrays in result=.",
            )
        for value, type_ in zip(found, declared, strict=True):
            self.same_type(value, type_, lengths)

    def same_type(self, value: Any, type_: Any, lengths: Mapping[str, int]) -> None:
        advice = "Say what it returns: result= with a function whose result is like it."
        shape = tuple(_number(d, lengths) for d in shape_of(type_))
        pairs = zip(np.shape(value), shape, strict=False)
        if np.ndim(value) != len(shape) or any(m is not None and n != m for n, m in pairs):
            declared = f"({', '.join(str(m) if m is not None else '?' for m in shape)})"
            self.fail(f"the result has shape {np.shape(value)}, declared is {declared}", advice)
        dtype = np.asarray(value).dtype.name
        if np.ndim(value) and dtype != type_.dtype:
            self.fail(f"the result has dtype {dtype}, declared is {type_.dtype}", advice)

    def input(self, k: int, name: str, rng: np.random.Generator) -> None:
        """Compare the derivatives with respect to one input, in both modes."""
        value, back = vjp(self.f, *self.args, argnums=k, jit=False, on_independent="ignore")
        is_plain = not isinstance(value, tuple) and (self.decl.elementwise or not np.ndim(value))
        weights = map_leaves(np.ones_like, value) if is_plain else random_like(value, rng)
        adjoint = back(weights)

        def slope(direction: object, step: float) -> float:
            directions = [
                direction if j == k else map_leaves(lambda _: None, a)
                for j, a in enumerate(self.args)
            ]
            return dot(weights, difference(self.f, self.args, directions, step))

        along = random_like(self.args[k], rng)
        if not self.agree(dot(adjoint, along), lambda step: slope(along, step)):
            self.point_out(
                k, name, adjoint, slope, "" if is_plain else "weighted by random numbers, "
            )
        if self.decl.elementwise or self.decl.forward is not None:
            tangents = [along if j == k else None for j in range(len(self.args))]
            _, tangent = jvp(self.f, self.args, tangents, jit=False)
            if not self.agree(dot(weights, tangent), lambda step: slope(along, step)):
                self.fail(
                    f"in forward mode, the derivative with respect to `{name}` along a random direction is "
                    f"{dot(weights, tangent):.6g}, finite differences give {slope(along, STEP):.6g}",
                    "Look at the rule that was given as forward=.",
                )

    def second(self, k: int, name: str, rng: np.random.Generator) -> None:
        """Compare the rule's own derivative with finite differences of the rule's results."""
        value = self.f(*self.args)
        if isinstance(value, tuple) or np.iscomplexobj(value) or np.iscomplexobj(self.args[k]):
            return
        listed = ", ".join(self.f.__code__.co_varnames[: len(self.args)])
        text = f"def weighted({listed}, weights):\n    return np.sum(weights * f({listed}))\n"
        weighted = made_function(text, "weighted", {"np": np, "f": self.f})
        weights, along = random_like(value, rng), random_like(self.args[k], rng)
        first, args = grad(weighted, argnums=k, jit=False), list(self.args)

        def moved(step: float) -> float:
            args[k] = map_leaves(lambda a, v: a + step * v, self.args[k], along)
            return dot(along, first(*args, weights))

        def slope(step: float) -> float:
            return (moved(step) - moved(-step)) / (2.0 * step)

        try:
            curved = hvp(weighted, argnums=k, jit=False)(*self.args, weights, along)
        except UnsupportedError:
            return  # the rule has no second derivative, and raises where one is needed
        if not self.agree(dot(along, curved), slope):
            self.fail(
                f"its own derivative with respect to `{name}` along a random direction is {dot(along, curved):.6g}, "
                f"finite differences of what it gives are {slope(STEP):.6g}",
                f"Write `d_{name}` with the inputs and the result, without srcdiff.stop_gradient.",
            )

    def agree(self, found: float, expected: Callable[[float], float]) -> bool:
        """Whether two numbers are equal but for the errors of finite differences with one of the steps."""
        wanted = (expected(step) for step in (STEP, FINE_STEP))
        return any(abs(found - w) <= self.atol + self.rtol * abs(w) for w in wanted)

    def point_out(
        self,
        k: int,
        name: str,
        adjoint: object,
        slope: Callable[[object, float], float],
        weighted: str,
    ) -> NoReturn:
        """Raise with the element that has the worst derivative."""
        worst, message = -1.0, ""
        shape = np.shape(self.args[k])
        for at in list(np.ndindex(*shape))[:_MOST_ELEMENTS]:
            found = np.asarray(adjoint)[at].item()
            parts: Any = (1.0, 1.0j) if np.iscomplexobj(self.args[k]) else (1.0,)
            wanted = sum(slope(_unit(shape, at, part), FINE_STEP) / part for part in parts)
            if abs(found - wanted) > worst:
                worst = abs(found - wanted)
                where = f"{name}[{', '.join(map(str, at))}]" if shape else name
                message = f"at `{where}` it is {found:.6g}, finite differences give {wanted:.6g}"
        self.fail(
            f"the derivative with respect to `{name}` is wrong: {weighted}{message}",
            f"Look at `d_{name}`.",
        )


def _unit(shape: tuple[int, ...], at: tuple[int, ...], number: complex) -> complex | np.ndarray:
    """Zeros with a 1 in one place; the number 1 if there are no axes."""
    if not shape:
        return number
    unit = np.zeros(shape, type(number))
    unit[at] = number
    return unit


def _number(dim: Dim, lengths: Mapping[str, int]) -> int | None:
    try:
        return dim.evaluate(lengths)
    except KeyError:
        return None
