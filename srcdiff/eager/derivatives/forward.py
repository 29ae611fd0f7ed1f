"""Forward mode of dynamic programs: the tangent of each operation is computed after it. Also forward over reverse."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import children, fit_to, is_float_leaf, map_leaves
from srcdiff.compile.derivations.kinds import Grad, Hvp, Jvp
from srcdiff.eager.derivatives.adjoint_hooks import Block
from srcdiff.eager.derivatives.op_derivatives import derivative, paths_of, weighted
from srcdiff.eager.shadow_values import Shadows
from srcdiff.eager.structures import leaves_of
from srcdiff.eager.tape import Record, Tape
from srcdiff.eager.tape_entries import Addition, Item, Operation, Write, spread
from srcdiff.errors import UnsupportedError


class Tangents(Tape):
    """A `Tape` that computes tangents, and records nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.file = sys._getframe(1).f_code.co_filename
        self.shadows = Shadows()

    def along(self, *tangents: object) -> None:
        for given, tangent in zip(self.inputs, tangents, strict=True):
            spread(self.shadows, self.tracked, given, tangent)

    def tangent(self, value: object) -> object:
        return self.beside(self.shadows, value)

    def note(self, record: Record) -> None:
        shadows = self.shadows
        match record:
            case Operation():
                record.tangents = tuple(
                    map(self._tangent, (record.arguments[k] for k in record.wrt))
                )
                run = derivative(Jvp(), record.leaf, record.wrt)
                _, found = run(*record.kept, *record.tangents)
                self._set(record.made, found)
            case Item():
                shadows.add(record.value, shadows.view(record.array)[record.key])
            case Addition():
                np.add.at(shadows.view(record.array), record.key, shadows.get(record.value))
            case Write():
                is_active = is_float_leaf(record.value) and self.tracked.has(record.value)
                tangent = shadows.get(record.value) if is_active else 0.0
                shadows.view(record.array)[record.key] = tangent

    def block(self, value: object, function: Callable[[object], object]) -> Any:
        return value  # forward mode leaves it out

    def _tangent(self, value: object) -> object:
        return map_leaves(lambda v: self.shadows.get(v) if is_float_leaf(v) else None, value)

    def _set(self, made: object, found: object) -> None:
        parts = children(made)
        if parts is None:
            if is_float_leaf(made):
                self.shadows.add(made, found)
            return
        for part, tangent in zip(parts, children(found) or [], strict=True):
            self._set(part, tangent)


class Curvature(Tangents):
    """A gradient, and its derivative along a direction."""

    def __init__(self) -> None:
        super().__init__()
        self.file = sys._getframe(1).f_code.co_filename
        self.curved = Shadows()  # the derivatives of the adjoints

    def note(self, record: Record) -> None:
        super().note(record)
        self.records.append(record)

    def block(self, value: object, function: Callable[[object], object]) -> Any:
        raise UnsupportedError(
            "a block of srcdiff.adjoint in a dynamic program has no second derivative",
            "Write the function so that it compiles: the warning says what keeps it from that.",
        )

    def curvature(self, wrt: Sequence[int] | None = None) -> tuple[object, ...]:
        """The derivatives of the result of `gradient`."""
        return tuple(self.beside(self.curved, given) for given in self.inputs)

    def reverse(self, record: Record, shadows: Shadows) -> None:
        if isinstance(record, Operation):
            self.reverse_curved(record, shadows)
            return
        assert not isinstance(record, Block)  # blocks are refused earlier
        self.reverse_linear(record, self.curved)
        self.reverse_linear(record, shadows)

    def reverse_curved(self, record: Operation, shadows: Shadows) -> None:
        """The adjoints of an operation's operands are the gradient of its result, weighted by the result's adjoint."""
        outputs = [v for v in leaves_of(record.made) if is_float_leaf(v)]
        pairs = [(shadows.take(v), self.curved.take(v)) for v in outputs]
        if all(t is None for pair in pairs for t in pair):
            return
        ds, curved = (
            [fit_to(v, pair[k], "d_value") for v, pair in zip(outputs, pairs, strict=True)]
            for k in (0, 1)
        )
        leaf = weighted(record.leaf, len(record.kept), paths_of(record.made))
        count = len(record.kept)
        places = record.wrt
        found = derivative(Grad(), leaf, places)(*record.kept, *ds)
        every = (*places, *range(count, count + len(ds)))
        products = derivative(Hvp(), leaf, every)(*record.kept, *ds, (*record.tangents, *curved))
        for k, d, t in zip(places, found, products, strict=False):
            spread(shadows, self.tracked, record.arguments[k], d)
            spread(self.curved, self.tracked, record.arguments[k], t)
