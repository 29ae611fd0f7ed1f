"""The tape of the dynamic tier: it runs the operations of a program, and records them for the backward sweep.

    tape = Tape()
    x, a = tape.arguments(x, a, wrt=(0,))
    y = tape.of(lambda x, a: np.sin(x) * a, x, a)      runs, and is recorded if x or a is differentiated
    return tape.gradient(y)                            calls the `srcdiff.vjp` of each record, from last to first

Numbers and arrays are the same objects as without derivatives; adjoints are found by their identity (`shadow_values`).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import (
    fit_to,
    is_float_leaf,
    map_leaves,
)
from srcdiff.compile.arguments.strides import copy_of, has_own_places, owner
from srcdiff.compile.derivations.kinds import Grad, Vjp
from srcdiff.eager import calls, operators, own_classes
from srcdiff.eager.builtins import BUILTINS
from srcdiff.eager.derivatives.adjoint_hooks import Block, marked
from srcdiff.eager.derivatives.op_derivatives import derivative, paths_of, weighted
from srcdiff.eager.rewrite.error_traces import led_there
from srcdiff.eager.rewrite.rewrite_cache import rewritten
from srcdiff.eager.shadow_values import Shadows, Tracked
from srcdiff.eager.stringified_values import note_written
from srcdiff.eager.structures import duplicate, fresh, is_plain, leaves_of, shared
from srcdiff.eager.tape_entries import (
    Addition,
    Item,
    Leaf,
    Operation,
    Write,
    copied,
    is_last,
    is_picking,
    is_same,
    refuse_untracked,
    spread,
    summed_to,
)
from srcdiff.errors import DifferentiationError, IndependentWarning, UnsupportedError

_NOT_READ = object()

calls.SPECIAL.update(BUILTINS)


Record = Operation | Item | Write | Addition | Block


class Tape:
    """Runs the operations of a dynamic program, and takes its derivative backwards."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.tracked = Tracked()
        self.inputs: list[Any] = []
        self.written: set[float] = set()  # numbers that became text
        self.twins: set[int] = set()  # arguments that share memory with others, and were copied
        self.parts: dict[
            int, np.ndarray[Any, Any]
        ] = {}  # arrays and parts of them of another dtype, by identity
        self.file = sys._getframe(1).f_code.co_filename  # code of this file calls the tape itself

    # ---- arguments and results ----

    def arguments(self, *values: object, wrt: Sequence[int]) -> tuple[Any, ...]:
        """Copies of the arguments, which the program may write; the derivative is with respect to those at `wrt`."""

        def own_leaf(leaf: object) -> object:
            return copy_of(leaf) if isinstance(leaf, np.ndarray) else fresh(leaf)

        for v in values:
            own_classes.refuse_unread(v)
        own = tuple(duplicate(v, own_leaf) for v in values)
        for k in wrt:
            for leaf in filter(is_float_leaf, leaves_of(own[k])):
                self.tracked.add(leaf)
        self.inputs = [duplicate(own[k], is_same) for k in wrt]
        given = [a for v in values for a in leaves_of(v) if isinstance(a, np.ndarray)]
        owners = [id(owner(a)) for a in given]
        copies = [a for v in own for a in leaves_of(v) if isinstance(a, np.ndarray)]
        self.twins = {
            id(owner(c)) for c, o in zip(copies, owners, strict=True) if owners.count(o) > 1
        }
        return own

    def gradient(
        self, value: Any, weight: Any = None, on_independent: str = "warn", name: str = ""
    ) -> tuple[Any, ...]:
        """The adjoints of the arguments, from that of the value (1 if it is a number)."""
        if weight is None:
            is_real = is_float_leaf(value) and np.isrealobj(value)
            if not is_real or (np.ndim(value) and np.size(value) != 1):
                is_array = isinstance(value, np.ndarray) and value.ndim
                shape = f"an array of shape {value.shape}" if is_array else f"{value!r}"
                raise DifferentiationError(
                    f"{name or 'the function'} returns {shape}, and a gradient is of a real number",
                    "Take the Jacobian, or sum the result.",
                )
            weight = np.ones(np.shape(value)) if np.ndim(value) else 1.0
        if on_independent != "ignore" and not self.tracked.has_part(value):
            self.report_independent(on_independent, name)
        shadows = Shadows()
        spread(shadows, self.tracked, value, fit_to(value, weight, "d_value"))
        self.take_back(shadows)
        return tuple(self.beside(shadows, given) for given in self.inputs)

    def beside(self, shadows: Shadows, given: object) -> object:
        """The shadows of an argument's floats, in its structure; None for other leaves."""
        return duplicate(given, lambda leaf: shadows.get(leaf) if is_float_leaf(leaf) else None)

    def report_independent(self, on_independent: str, name: str) -> None:
        message = (
            f"the result of {name} does not depend on the arguments of the derivative, which is zero",
            "Leave it out of argnums, or pass on_independent='ignore'.",
        )
        if on_independent == "raise":
            raise DifferentiationError(*message)
        warnings.warn(IndependentWarning(*message), stacklevel=4)

    def result(self, value: object) -> Any:
        """A result with memory of its own."""
        return duplicate(value, copied)

    def ones(self, value: np.ndarray) -> object:
        """The weights of a sum of all elements."""
        return duplicate(value, lambda leaf: np.ones_like(leaf) if np.ndim(leaf) else 1.0)

    # ---- operations ----

    def of(self, leaf: Leaf, *args: object) -> Any:
        """`leaf(*args)`, an expression of the program; split into operations where an argument is another object."""
        if all(map(is_plain, args)):
            return self.operation(leaf, args)
        return rewritten(leaf, is_leaf=True)(self, *args)

    def operation(self, leaf: Leaf, args: tuple[object, ...]) -> Any:
        """A call of a function with a derivative, for numbers, arrays and containers of them."""
        wrt = tuple(k for k, a in enumerate(args) if self.tracked.has_part(a))
        if not wrt:
            return leaf(*args)
        kept = tuple(duplicate(a, copied) for a in args)
        given = tuple(duplicate(a, is_same) for a in args)
        value = leaf(*args)
        arrays = [owner(v) for a in args for v in leaves_of(a) if isinstance(v, np.ndarray)]

        def own(v: object) -> Any:
            if not isinstance(v, np.ndarray):
                return fresh(v)
            base = next((a for a in arrays if owner(v) is a), None)
            is_view = base is not None and v.dtype == base.dtype and v.flags.writeable
            if is_view and has_own_places(v):
                return v
            own = v if v.base is None else copy_of(v)
            if base is not None and v.dtype != base.dtype:  # the copy does not see later writes
                self.parts[id(base)], self.parts[id(owner(own))] = base, own
            return own

        value = map_leaves(own, value)
        made = map_leaves(
            lambda v: (
                None if isinstance(v, np.ndarray) and any(owner(v) is a for a in arrays) else v
            ),
            value,
        )
        refuse_untracked(leaf, leaves_of(made))
        outputs = [v for v in leaves_of(made) if is_float_leaf(v)]
        if outputs:
            for v in outputs:
                self.tracked.add(v)
            self.note(Operation(leaf, wrt, given, kept, shared(value), made))
        return value

    def item(self, base: Any, key: Any) -> Any:
        """`base[key]`."""
        if not isinstance(base, np.ndarray):
            return operators.item_of(self, base, key)
        found = base[key]
        if not is_float_leaf(found) or not self.tracked.has(base):
            return found
        if isinstance(found, np.ndarray) and owner(found) is owner(base):
            return found  # a view, which needs nothing
        found = fresh(found)
        self.tracked.add(found)
        self.note(Item(base, duplicate(key, copied), found))
        return found

    def store(self, base: Any, key: Any, value: Any) -> None:
        """`base[key] = value`."""
        if not isinstance(base, np.ndarray):
            operators.store_into(self, base, key, value)
            return
        self.refuse_parts(base)
        if self.twins and id(owner(base)) in self.twins:
            raise ValueError(
                "an array that is written shares memory with another argument: pass a copy of one of them"
            )
        if isinstance(value, list | tuple):
            value = calls.call(self, np.array, value)
        is_active = is_float_leaf(base) and (is_float_leaf(value) and self.tracked.has(value))
        if base.dtype.kind == "O" and self.tracked.has_part(value):
            refuse_untracked(self.store, [base])
        if not is_active and not self.tracked.has(base):
            base[key] = value
            return
        key = duplicate(key, copied)
        kept = value.copy() if isinstance(value, np.ndarray) else value
        base[key] = kept
        self.tracked.add(base)
        self.note(Write(base, key, value))

    def refuse_parts(self, base: np.ndarray) -> None:
        """Refuse a write that the other of an array and its part of another dtype would see."""
        if self.parts and id(owner(base)) in self.parts:
            raise UnsupportedError(
                "an array is written of which `.real`, `.imag` or `.view(dtype)` has a name",
                "Write before the part is taken, or copy the array.",
            )

    def delete(self, base: object, key: object) -> None:
        """`del base[key]`, where some class defines `__delitem__`."""
        operators.delete_from(self, base, key)

    def add_at(self, base: np.ndarray, key: Any, value: Any) -> None:
        """`np.add.at(base, key, value)`."""
        self.refuse_parts(base)
        np.add.at(base, key, value)
        if is_float_leaf(base) and is_float_leaf(value) and self.tracked.has(value):
            self.tracked.add(base)
            self.note(Addition(base, duplicate(key, copied), value))

    def augmented(self, operator: str, target: object, value: object) -> object:
        """The value that `target += value` binds."""
        if not isinstance(target, np.ndarray):
            return operators.operate(self, operator, target, value, in_place=True)
        new = operators.operate(self, operator, target, value)
        if not np.can_cast(new.dtype, target.dtype, "same_kind") or new.shape != target.shape:
            raise TypeError(
                f"an array of {target.dtype} and shape {target.shape} cannot hold {new.dtype} of shape {new.shape}"
            )
        self.store(target, ..., new)
        return target

    def augment_item(
        self, base: object, key: object, operator: str, value: object, before: object = _NOT_READ
    ) -> None:
        """`base[key] += value`; `before` is the old element, if computing the value may have changed it."""
        if before is _NOT_READ:
            before = self.item(base, key)
        self.store(base, key, self.augmented(operator, before, value))

    def each(self, values: object) -> Any:
        """The items of a loop, or of an unpacking assignment."""
        if isinstance(values, np.ndarray):
            if not values.ndim:
                raise TypeError("iteration over a 0-d array")
            return (self.item(values, k) for k in range(len(values)))
        return operators.iterated(self, values)

    def call(self, function: object, /, *args: object, **kwargs: object) -> Any:
        """`function(*args, **kwargs)`."""
        return calls.call(self, function, *args, **kwargs)

    def operate(self, operator: str, *args: object) -> Any:
        return operators.operate(self, operator, *args)

    def shown(self, value: object) -> Any:
        """A value in the braces of an f-string."""
        note_written(self, value)
        return value

    def attribute(self, base: object, name: str) -> object:
        """`base.name`, where `name` is a property of some class."""
        return operators.attribute_of(self, base, name)

    def set_attribute(self, base: object, name: str, value: object) -> None:
        """`base.name = value`, where `name` is a property of some class."""
        operators.set_attribute(self, base, name, value)

    def context(self, manager: object) -> object:
        """The context manager that `with` enters."""
        return operators.context_of(self, manager)

    def block(self, value: Any, function: Callable[[object], object]) -> Any:
        """`with srcdiff.adjoint(value)`: the value that the name is bound to after the block."""
        return marked(self, value, function)

    # ---- derivatives ----

    def note(self, record: Record) -> None:
        self.records.append(record)

    def take_back(self, shadows: Shadows) -> None:
        """The backward sweep: reverse all records, from the last to the first."""
        for record in reversed(self.records):
            try:
                self.reverse(record, shadows)
            except DifferentiationError as error:
                steps = getattr(record, "steps", ())
                raise led_there(error, steps).with_traceback(error.__traceback__) from None

    def reverse(self, record: Record, shadows: Shadows) -> None:
        """Propagate the adjoint of an operation's result to its operands."""
        if isinstance(record, Operation):
            self.reverse_operation(record, shadows)
        elif isinstance(record, Block):
            record.reverse(shadows)
        else:
            self.reverse_linear(record, shadows)

    def reverse_linear(self, record: Item | Write | Addition, shadows: Shadows) -> None:
        match record:
            case Item():
                d_value = shadows.take(record.value)
                if d_value is not None:
                    np.add.at(shadows.view(record.array), record.key, d_value)
            case Addition():
                d_value = shadows.view(record.array)[record.key]
                shadows.add(record.value, summed_to(d_value, np.shape(record.value)))
            case Write():
                view = shadows.view(record.array)
                d_value = np.array(view[record.key])
                if is_picking(record.key):
                    d_value = np.where(is_last(view.shape, record.key), d_value, 0.0)
                view[record.key] = 0.0
                if is_float_leaf(record.value) and self.tracked.has(record.value):
                    shadows.add(record.value, summed_to(d_value, np.shape(record.value)))

    def reverse_operation(self, record: Operation, shadows: Shadows) -> None:
        taken = map_leaves(lambda v: shadows.take(v) if is_float_leaf(v) else None, record.made)
        pairs = zip(leaves_of(record.made), leaves_of(taken), strict=True)
        ds = [None if d is None else fit_to(v, d, "d_value") for v, d in pairs if is_float_leaf(v)]
        used = tuple(p for p, d in zip(paths_of(record.made), ds, strict=True) if d is not None)
        if not used:
            return
        if len(used) == len(ds):
            back = derivative(Vjp(), record.leaf, record.wrt)
            _, found = back(*record.kept, fit_to(record.value, taken, "d_value"))
        else:  # only of the results that are used: others may have no derivative
            leaf = weighted(record.leaf, len(record.kept), used)
            found = derivative(Grad(), leaf, record.wrt)(
                *record.kept, *(d for d in ds if d is not None)
            )
        for k, d in zip(record.wrt, found, strict=True):
            spread(shadows, self.tracked, record.arguments[k], d)
