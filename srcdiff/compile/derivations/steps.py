"""Steps of derivations: the stages of the compiler with the options and arguments of one derivative applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from srcdiff.compile.arguments.differentiability import check_scalar
from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.derivations.forward_for_scalars import (
    along_numbers,
    is_by_few_numbers,
    stores_iterations,
)
from srcdiff.compile.derivations.jacobians import (
    chosen_mode,
    complex_argument,
    matrix,
    part_of_result,
    real_part,
    refuse_complex_hessian,
    summed,
    with_aux,
    with_parts_as_results,
)
from srcdiff.compile.program import Derived
from srcdiff.compile.result_ownership import as_user
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.rule_parser import parse_forward_rule, parse_rule
from srcdiff.ir.core import Function, Node, Tree
from srcdiff.ir.types import is_float
from srcdiff.options import Options
from srcdiff.transforms.passes import Recorder
from srcdiff.transforms.pipeline import ahead, finished, gradient, prepare, simplified, tangent
from srcdiff.transforms.semiring.entropy import entropy_of
from srcdiff.transforms.semiring.pipeline import in_semiring, max_marginals, with_best, with_trees
from srcdiff.transforms.semiring.weights import beginnings, check_weights

WITHOUT: frozenset[str] = frozenset()  # analyses of storage that tests leave out


@dataclass(frozen=True)
class Steps:
    """The steps for one function, with its arguments and options.

    Attributes
    ----------
    machine : bool
        Residuals are chosen for speed, not for short text.
    may_use_tangents : bool
        A gradient with respect to numbers may use tangents: calls that they cannot serve run once more in NumPy.
    """

    derived: Derived
    arguments: Arguments
    recorder: Recorder
    machine: bool = False
    may_use_tangents: bool = False

    @property
    def options(self) -> Options:
        return self.derived.options

    @property
    def storage(self) -> Any:
        """The costs that decide which residuals are stored."""
        chosen = self.options.residuals
        return "machine" if self.machine and chosen == "auto" else chosen

    def finished(self, fn: Function) -> Function:
        """A prepared function itself, ready to be printed."""
        return finished(fn, self.recorder)

    # ---- reverse and forward mode -----------------------------------------------------------------------------

    def reverse(self, primal: Function, value: bool, seeded: bool = False) -> Function:
        """The reverse-mode derivative; `seeded`: the parts of the result have weights."""
        return gradient(
            primal,
            self.derived.wrt,
            parse_rule,
            self.recorder,
            value=value,
            seeded=seeded,
            mode=self.storage,
            as_tuple=self.derived.as_tuple,
            without=WITHOUT,
        )

    def gradient_alone(self, primal: Function) -> Function:
        """The gradient of a scalar, without value and auxiliary results."""
        check_scalar(primal, self.options)
        return self.reverse(primal, value=False)

    def gradient(self, primal: Function, value: bool = False) -> Function:
        """`gradient`, `(value, gradient)`, or with auxiliary results `(gradient, aux)`, `((value, aux), gradient)`."""
        if not (value or self.options.has_aux):
            return self.gradient_alone(primal)
        check_scalar(primal, self.options)
        fn = self.reverse(primal, value=True)
        if value:
            return fn
        assert isinstance(fn.output, Node) and isinstance(fn.output.children[0], Node)
        aux = fn.output.children[0].children[1]
        return replace(fn, output=Node("tuple", (0, 1), (fn.output.children[1], aux)))

    def weighted(self, primal: Function) -> Function:
        """The value, and the derivative of the weighted sum of the result's parts."""
        fn = self.reverse(primal, value=True, seeded=True)
        weights = weights_of(primal, primal.output)
        return replace(fn, derivative=replace(fn.derivative, weights=weights))

    def tangent(self, primal: Function) -> Function:
        wrt = self.derived.wrt
        return tangent(
            primal, wrt, parse_rule, parse_forward_rule, self.recorder, machine=self.machine
        )

    def tangent_of(self, fn: Function, names: Sequence[str] = ()) -> Function:
        """The tangent of a generated function, without its value."""
        fn = self._prepared(fn)
        wrt, rules = self.derived.wrt, (parse_rule, parse_forward_rule)
        return tangent(fn, wrt, *rules, self.recorder, value=False, names=names)

    def by_tangents(self, primal: Function, fn: Function, has_value: bool) -> Function:
        """The gradient `fn` as tangents along its numbers, where that costs less."""
        if not (
            self.may_use_tangents
            and is_by_few_numbers(self.derived, primal)
            and stores_iterations(fn)
        ):
            return fn

        def along(f: Function, k: int) -> Function:
            if f is not primal:
                f = self._prepared(simplified(f, self.recorder))
            return tangent(f, (k,), parse_rule, parse_forward_rule, self.recorder, machine=True)

        found = along_numbers(self.derived.wrt, primal, fn, along, has_value)
        return fn if found is fn else self._complete(found)

    def summed(self, primal: Function) -> Function:
        """The function whose result is the sum of the result's elements."""
        return summed(primal, self.options.has_aux)

    def real_part(self, primal: Function) -> Function:
        """The function whose result is the real part of the result."""
        return real_part(primal, self.derived.wrt, self.options.has_aux)

    def with_aux(self, fn: Function, primal: Function) -> Function:
        """A derivative, and what the function returns besides its value."""
        return self._complete(with_aux(fn, primal))

    def _prepared(self, fn: Function) -> Function:
        """A generated function, prepared for differentiation."""
        return prepare(as_user(fn), self.recorder, None)

    def _complete(self, fn: Function) -> Function:
        return finished(simplified(fn, self.recorder), self.recorder)

    # ---- matrices ---------------------------------------------------------------------------------------------

    def hessian(self, primal: Function) -> Function:
        """The Hessian: a Hessian-vector product for each direction."""
        wrt, has_aux = self.derived.wrt, self.options.has_aux
        refuse_complex_hessian(primal, wrt)
        check_scalar(primal, self.options)
        scalar = with_parts_as_results(primal, wrt, has_aux)
        without_aux = replace(self.options, has_aux=False)
        own = replace(self, derived=replace(self.derived, options=without_aux))
        along = self.tangent_of(own.gradient_alone(scalar))
        fn = matrix(
            self._ahead(along, primal), primal, wrt, self.derived.as_tuple, of_gradient=True
        )
        return self._matrix(fn, primal)

    def jacobian(self, primal: Function, mode: str) -> Function:
        """The Jacobian: by columns in forward mode, by rows in reverse mode."""
        wrt, whole = self.derived.wrt, primal
        is_complex = complex_argument(primal, wrt) is not None
        primal = with_parts_as_results(primal, wrt, self.options.has_aux)
        if is_complex and mode == "forward":
            raise UnsupportedError(
                "a Jacobian with respect to complex numbers uses reverse mode",
                'Leave mode="forward" out, or use jvp for single directions.',
                primal.location,
            )
        mode = "reverse" if is_complex else mode
        mode, compared = chosen_mode(primal, wrt, mode, self.arguments.lengths)
        rows = mode == "reverse"
        along = self.reverse(primal, value=True, seeded=True) if rows else self.tangent(primal)
        along = part_of_result(along, 1)  # the value shows how long it is
        if not rows:
            along = self._ahead(along, primal)
        fn = self._matrix(matrix(along, primal, wrt, self.derived.as_tuple, rows=rows), whole)
        return replace(fn, lengths=replace(fn.lengths, at_most=compared))

    def _ahead(self, along: Function, primal: Function) -> Function:
        count = len(along.params) - len(primal.params)
        return ahead(along, count, self.recorder, self.storage)

    def _matrix(self, fn: Function, whole: Function) -> Function:
        self.recorder.note("directions", fn, 0.0)
        return self.with_aux(fn, whole) if self.options.has_aux else self._complete(fn)

    # ---- semirings --------------------------------------------------------------------------------------------

    def in_semiring(self, fn: Function, semiring: str) -> Function:
        return in_semiring(fn, semiring, self.recorder)

    def with_trees(self, fn: Function) -> Function:
        """The function with its associative loops as trees."""
        return with_trees(fn, self.recorder)

    def with_best(self, fn: Function, k: int) -> Function:
        """The function whose messages are the `k` best."""
        return with_best(fn, k, self.recorder)

    def entropy(self, primal: Function) -> Function:
        """The value less its tangent along the parameters themselves."""
        fn = self._readable().tangent(self.in_semiring(primal, "weighed"))
        fn = self.in_semiring(fn, "plain sums")
        return self.finished(self._prepared(entropy_of(fn, len(primal.params))))

    def max_marginals(self, primal: Function) -> Function:
        """The derivative of the sum, in max-plus: for each leaf, the largest term that it is part of."""
        fn = self.in_semiring(primal, "weights")
        check_weights(self._prepared(fn))
        fn = self._readable().gradient(fn)
        begun = beginnings(fn)
        return self.finished(max_marginals(self._prepared(fn), begun, self.recorder))

    def _readable(self) -> Steps:
        return replace(self, machine=False)


def weights_of(fn: Function, tree: Tree) -> object:
    """Which parts of a result are differentiated; see `Program.weights`."""
    if isinstance(tree, int):
        return is_float(fn.body.yields[tree].type)
    return tuple(weights_of(fn, child) for child in tree.children)
