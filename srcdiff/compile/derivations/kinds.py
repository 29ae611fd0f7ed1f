"""Derivations: the kinds of programs that follow from a function, such as gradients, Jacobians, other semirings.

    grad      x, k  ->  d_x                  jvp    x, k, x_dot    ->  value, value_dot
    jacobian  x, k  ->  d_value / d_x        vjp    x, k, d_value  ->  value, (d_x, d_k)

One class describes each derivation completely: the docstring of the generated function, its parameters after those of
the function, and `build`, which composes the IR from `Steps`. Its fields are the settings of one derivative, and part
of all keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:  # for annotations only: the stages take a while to import
    from srcdiff.compile.derivations.steps import Steps
    from srcdiff.ir.core import Function


@dataclass(frozen=True)
class Derivation:
    """How a generated program follows from a function.

    Attributes
    ----------
    name : str
        The suffix of generated functions: `f_grad`.
    doc : str
        The docstring of generated functions, with `{f}` for the function, `{wrt}` for the parameters that the
        derivative is with respect to, and `{further}` for the parameters after those of the function.
    differentiates : bool
        The program is a derivative with respect to some of the parameters.
    is_along : bool
        The further parameters are tangents: each has the type of a parameter in `wrt`.
    by_position : tuple of str
        The parameters of its maker after the function, `grad(f, argnums)`, that may be given by position.
    is_at_point : bool
        Its maker takes the arguments of the function, too: `vjp(f, x)`.
    keeps_source : bool
        The derivation finds a semiring in the user's own lines: they are not rewritten for stability.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    differentiates: ClassVar[bool] = True
    is_along: ClassVar[bool] = False
    by_position: ClassVar[tuple[str, ...]] = ("argnums",)
    is_at_point: ClassVar[bool] = False
    keeps_source: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """The name in errors and reports."""
        return self.name.replace("_", " ")

    def further(self, wrt: Sequence[str]) -> tuple[str, ...]:
        """The parameters after those of the function; the derivative is with respect to `wrt`."""
        return ()

    def program_name(self, function: str) -> str:
        return f"{function}_{self.name}"

    def build(self, steps: Steps, primal: Function) -> Function:
        raise NotImplementedError


# ---- the function itself ------------------------------------------------------------------------------------------


class Value(Derivation):
    name = "value"
    doc = "Value of `{f}`."
    differentiates = False

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.finished(primal)


class Simplify(Value):
    name = "simplify"
    doc = "`{f}`, with what it calls put in place."

    @property
    def label(self) -> str:
        return "simplified source"

    def program_name(self, function: str) -> str:
        return function


class Scan(Derivation):
    name = "scan"
    doc = "`{f}`, with its associative loops as trees."
    differentiates = False
    keeps_source = True

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.finished(steps.with_trees(primal))


@dataclass(frozen=True)
class Batch(Derivation):
    """`derive` makes the loop over the items: it reads the function for one item."""

    name = "batch"
    doc = "`{f}` of many items."
    differentiates = False
    by_position = "in_axes", "out_axes"
    in_axes: object = 0  # in the form of `plain_axes`
    out_axes: object = 0


# ---- first derivatives --------------------------------------------------------------------------------------------


class Gradient(Derivation):
    """The gradient of a function with a scalar result."""

    has_value: ClassVar[bool]

    def build(self, steps: Steps, primal: Function) -> Function:
        fn = steps.gradient(primal, self.has_value)
        return steps.by_tangents(primal, fn, self.has_value)


class Grad(Gradient):
    name = "grad"
    doc = "Gradient of `{f}` with respect to {wrt}."
    has_value = False


class ValueAndGrad(Gradient):
    name = "value_and_grad"
    doc = "Value and gradient of `{f}` with respect to {wrt}."
    has_value = True


class ElementwiseGrad(Derivation):
    name = "elementwise_grad"
    doc = "Elementwise gradient of `{f}` with respect to {wrt}."

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.gradient(steps.summed(primal))


class HolomorphicGrad(Derivation):
    name = "holomorphic_grad"
    doc = "Complex derivative of `{f}` with respect to {wrt}."

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.gradient(steps.real_part(steps.summed(primal)))


class Vjp(Derivation):
    name = "vjp"
    doc = "Value of `{f}`, and its derivative with respect to {wrt} weighted by {further}."
    is_at_point = True

    def further(self, wrt: Sequence[str]) -> tuple[str, ...]:
        return ("d_value",)

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.weighted(primal)


class Jvp(Derivation):
    name = "jvp"
    doc = "Value of `{f}` and its derivative along {further}."
    is_along = is_at_point = True

    def further(self, wrt: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{name}_dot" for name in wrt)

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.tangent(primal)


# ---- second derivatives and matrices ------------------------------------------------------------------------------


class Hvp(Derivation):
    name = "hvp"
    doc = "Hessian of `{f}` with respect to {wrt}, times {further}."
    is_along = True

    def further(self, wrt: Sequence[str]) -> tuple[str, ...]:
        return ("v",)

    def build(self, steps: Steps, primal: Function) -> Function:
        fn = steps.tangent_of(
            steps.gradient_alone(primal), () if steps.derived.as_tuple else ("v",)
        )
        return steps.with_aux(fn, primal) if steps.options.has_aux else fn


@dataclass(frozen=True)
class Jacobian(Derivation):
    name = "jacobian"
    doc = "Jacobian of `{f}` with respect to {wrt}."
    by_position = ("mode",)
    mode: str = "auto"

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.jacobian(primal, self.mode)


class Hessian(Derivation):
    name = "hessian"
    doc = "Hessian of `{f}` with respect to {wrt}."

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.hessian(primal)


# ---- other semirings ----------------------------------------------------------------------------------------------


class Semiring(Derivation):
    """The function's sums of exponentials, in another semiring."""

    keeps_source = True


class Max(Semiring):
    name = "max"
    doc = "The largest term of `{f}`: with maxima in place of its sums of exponentials."
    differentiates = False

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.finished(steps.in_semiring(primal, self.name))


class Count(Max):
    name = "count"
    doc = "How many terms `{f}` is the sum of, but for those that -inf forbids."


@dataclass(frozen=True)
class KBest(Semiring):
    name = "kbest"
    doc = "The largest terms of `{f}`, in descending order; -inf where there are fewer."
    differentiates = False
    k: int = 1

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.finished(steps.with_best(primal, self.k))


class Entropy(Semiring):
    name = "entropy"
    doc = "Entropy of what `{f}` sums over, with {wrt} for its potentials."

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.entropy(primal)


class MaxMarginals(Semiring):
    name = "max_marginals"
    doc = "For each element of {wrt}, the largest term of `{f}` that it is part of."

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.max_marginals(primal)


class Argmax(Semiring):
    name = "argmax"
    doc = "The largest term of `{f}`, and its derivative with respect to {wrt}: the statistics of that term."

    def build(self, steps: Steps, primal: Function) -> Function:
        return steps.gradient(steps.in_semiring(primal, self.name), value=True)


class Sample(Argmax):
    name = "sample"
    doc = "Value of `{f}`, and its derivative with respect to {wrt}: statistics of a term drawn with {further}."

    def further(self, wrt: Sequence[str]) -> tuple[str, ...]:
        return ("rng",)


_CLASSES: tuple[type[Derivation], ...] = (
    Value, Simplify, Scan, Batch, Grad, ValueAndGrad, ElementwiseGrad, HolomorphicGrad, Vjp, Jvp, Hvp, Jacobian,
    Hessian, Max, Count, KBest, Entropy, MaxMarginals, Argmax, Sample,
)  # fmt: skip
DERIVATIONS = {cls.name: cls for cls in _CLASSES}
SEMIRINGS = {name: cls for name, cls in DERIVATIONS.items() if issubclass(cls, Semiring)}
