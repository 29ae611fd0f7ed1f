"""k-best semiring: each message of a log_Z becomes the list of its k largest terms, in descending order.

    scores = log_alpha[:, :, None] ...                 the k best ways into each state, plus the step
    log_alpha = logsumexp(scores, axis=0)       ->     the k best of all of them

The list is the last axis of the message; -inf fills it if there are fewer terms. A potential is added to each element.
The sum of two messages keeps the k largest of all pairwise sums. A sum of exponentials keeps the k largest of all its
terms. Each of the k results is a sum of potentials, so its derivative holds the statistics of that term.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from srcdiff.ir.build import Builder, Env, lookup
from srcdiff.ir.core import Function, Op
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, List, Type, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import containers, creation, memory
from srcdiff.ops.core.adjoint_builders import lengths_of_axes
from srcdiff.ops.core.index_patterns import has_arrays, items
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.ops.indices import sorting
from srcdiff.ops.shapes import concatenate, permutations, reshapes
from srcdiff.transforms.analysis.reachability import JOINED
from srcdiff.transforms.semiring.argmax_sample import axes_of_sum
from srcdiff.transforms.semiring.message_passes import Messages

_SAME = {"read", "copy"}
_ALONG = {"roll", "flip", "flipud", "fliplr"}
_WITH_AXIS = (permutations.roll, permutations.flip)


def k_best(fn: Function, k: int) -> Function:
    """`fn` returning the array of its `k` largest terms instead of the logarithm of their sum."""
    return _Best.of(fn, k)


class _Best(Messages):
    def __init__(
        self, found: set[Value], shown: frozenset[str], done: dict[Function, Function], k: int
    ) -> None:
        super().__init__(found, shown, done)
        self.k = k

    @property
    def settings(self) -> tuple[int, ...]:
        return (self.k,)

    def new(self, old: Value) -> Value:
        return Value(self.lists(old.type), old.name, old.user)

    def lists(self, type_: Type) -> Type:
        """The type of a retyped message, or of a list of messages."""
        if isinstance(type_, List):
            return List(self.lists(type_.element))
        return Array("float64", (*shape_of(type_), Dim(self.k)))

    def lift(self, atom: Atom, location: Location | None, b: Builder) -> Value:
        """A potential as a list of one term, filled up with -inf."""
        if isinstance(atom, Const) and atom.value == -math.inf:
            return b.op(creation.full, atom, const(self.k))
        made = b.op(memory.empty, *lengths_of_axes(b, atom, self.shown), const(self.k))
        b.ops(memory.store, made, const(-math.inf), where="")
        b.ops(memory.store, made, atom, const(0), where="..., i" if ndim_of(atom.type) else "i")
        return b.op(memory.read, made)

    def named(self, old: Op, new: Atom, env: Env, b: Builder) -> None:
        """Give the new result the name of the old one."""
        *before, made = b.body
        assert isinstance(made, Op) and made.result is new
        result = replace(made.result, name=old.result.name, user=old.result.user)
        b.body[:] = [*before, replace(made, results=(result,))]
        env[old.result] = result

    def retype(self, old: Op, env: Env, b: Builder) -> None:
        name = old.decl.name
        given = [lookup(env, a) for a in old.operands]
        whole = [a in self.found for a in old.operands]
        if name == "logsumexp":
            self.named(old, self.along(old, given[0], whole[0], b), env, b)
        elif name == "logaddexp":
            whole_type = self.lists(old.result.type)
            x, y = (self.operand(a, old.location, env, b) for a in old.operands)
            self.named(old, self.largest(self.side_by_side(x, y, whole_type, b), b), env, b)
        elif name == "sum":
            env[old.result] = self.summed(old, given[0], b)
        elif name in ("add", "subtract"):
            self.total(old, given, whole, env, b)
        elif name == "where":
            condition = given[0]
            if ndim_of(condition.type):
                condition = b.op(memory.index, condition, where="..., None")
            parts = [self.operand(a, old.location, env, b) for a in old.operands[1:]]
            self.named(old, b.op(elementary.where, condition, *parts), env, b)
        else:
            self.moved(old, given, whole, env, b)

    def total(self, old: Op, given: list[Atom], whole: list[bool], env: Env, b: Builder) -> None:
        if old.decl is arithmetic.subtract and whole != [True, False]:
            raise self.refused(old)
        if all(whole):
            found = self.both(given[0], given[1], b)
        elif not any(whole):
            total = b.op(old.decl, *given)
            env[old.result] = self.lift(total, old.location, b)
            return
        else:
            parts = [
                a if is_one or not ndim_of(a.type) else b.op(memory.index, a, where=_after(a))
                for a, is_one in zip(given, whole, strict=True)
            ]
            found = b.op(old.decl, *parts)
        self.named(old, found, env, b)

    def side_by_side(self, x: Atom, y: Atom, whole: Type, b: Builder) -> Value:
        """The lists of two messages, concatenated; messages of different shapes are broadcast."""
        known = {s for p in (x, y) for d in shape_of(p.type) for s in d.symbols()}
        if all(d.symbols() <= known for d in shape_of(whole)):
            x, y = (p if p.type == whole else b.op(memory.expand, p, type=whole) for p in (x, y))
            return b.op(concatenate.concatenate, x, y, axis=-1)
        # the lengths are not known statically, so `where` broadcasts
        x, y = (b.op(concatenate.concatenate, p, p, axis=-1) for p in (x, y))
        is_first = b.op(arithmetic.less, b.op(creation.arange, const(2 * self.k)), const(self.k))
        return b.op(elementary.where, is_first, x, y)

    def both(self, x: Atom, y: Atom, b: Builder) -> Value:
        """The k largest sums of an element of `x` and an element of `y`."""
        own, other = [":"] * (ndim_of(x.type) - 1), [":"] * (ndim_of(y.type) - 1)
        x = b.op(memory.index, x, where=", ".join([*own, ":", "None"]))
        y = b.op(memory.index, y, where=", ".join([*other, "None", ":"]))
        return self.largest(self.flat(b.op(arithmetic.add, x, y), b), b)

    def along(self, old: Op, x: Atom, is_message: bool, b: Builder) -> Atom:
        """The k largest terms along the summed axes."""
        axes = ndim_of(x.type) - is_message
        axis = old.attrs.get("axis")
        if axes == 0:
            return b.op(memory.copy, x) if is_message else self.lift(x, old.location, b)
        reduced = axes_of_sum(axis, axes)
        order = (*(n for n in range(axes) if n not in reduced), *reduced)
        full = (*order, axes) if is_message else order
        if full != tuple(range(len(full))):
            x = b.op(permutations.transpose, x, axes=full)
        for _ in range(len(reduced) - 1 + is_message):
            x = self.flat(x, b)
        if not is_message:
            x = self.padded(x, b)
        found = self.largest(x, b)
        if not old.attrs.get("keepdims"):
            return found
        parts = ["None" if n in reduced else ":" for n in range(axes)]
        return b.op(memory.index, found, where=", ".join([*parts, ":"]))

    def largest_part(self, message: Atom, b: Builder) -> tuple[Atom, Const]:
        where = ", ".join([*[":"] * (ndim_of(message.type) - 1), "i"])
        return b.op(memory.index, message, const(0), where=where), const(-math.inf)

    def flat(self, x: Atom, b: Builder) -> Value:
        """`x` with its last two axes merged."""
        *rest, _, _ = lengths_of_axes(b, x, self.shown)
        return b.op(reshapes.reshape, x, *rest, const(-1), name="candidates")

    def padded(self, x: Atom, b: Builder) -> Value:
        """`x` with k elements of -inf appended along the last axis."""
        nothing = b.op(
            creation.full, const(-math.inf), *lengths_of_axes(b, x, self.shown)[:-1], const(self.k)
        )
        return b.op(concatenate.concatenate, x, nothing, axis=-1)

    def largest(self, x: Atom, b: Builder) -> Value:
        """The k largest along the last axis."""
        rest = shape_of(x.type)[:-1]
        order = b.op(sorting.argsort, b.op(arithmetic.negative, x), axis=-1, kind="stable")
        first: Any = Value(Array("int64", (*rest, Dim(self.k))), "best")
        where = ":e" if not rest else "..., :e"
        b.append(
            Op(
                memory.index,
                (order, const(self.k)),
                (first,),
                {"where": where},
                b.location,
                b.origin,
            )
        )
        places: list[Atom] = []
        lengths = lengths_of_axes(b, x, self.shown)[:-1]
        for after, length in zip(range(len(rest), 0, -1), lengths, strict=True):
            along = b.op(creation.arange, length)
            places.append(b.op(memory.index, along, where=", ".join([":"] + ["None"] * after)))
        pattern = ", ".join(["g"] * (len(rest) + 1))
        return b.op(memory.gather, x, *places, first, where=pattern, distinct=True)

    def moved(self, old: Op, given: list[Atom], whole: list[bool], env: Env, b: Builder) -> None:
        name = old.decl.name
        if name in JOINED:
            self.joined(old, env, b)
        elif name in ("append", "list_set", "store", "add_into"):
            self.write(old, given, whole, env, b)
        elif name in ("empty", "zeros"):
            self.named(old, b.op(memory.empty, *given, const(self.k)), env, b)
            if name == "zeros":
                self.fill(env[old.result], const(0.0), b)
        elif name in ("empty_like", "zeros_like") or old.decl is creation.full:
            is_full = old.decl is creation.full
            lengths = given[1:] if is_full else lengths_of_axes(b, given[0], self.shown)
            # a message has one more axis, for the list
            lengths = lengths[: ndim_of(old.result.type)]
            self.named(old, b.op(memory.empty, *lengths, const(self.k)), env, b)
            if name != "empty_like":
                self.fill(env[old.result], given[0] if is_full else const(0.0), b)
        elif name in _SAME:
            x = given[0] if whole[0] else self.lift(given[0], old.location, b)
            self.named(old, b.op(old.decl, x), env, b)
        elif name == "list_item":
            self.named(old, b.op(memory.read, b.op(containers.list_item, *given)), env, b)
        elif whole[0]:
            self.named(old, self.rearranged(old, given, b), env, b)
        else:
            raise self.refused(old)

    def rearranged(self, old: Op, given: list[Atom], b: Builder) -> Atom:
        """Move elements of a message; the axis of the list stays the last one."""
        name, axes = old.decl.name, ndim_of(old.operands[0].type)
        if name == "index":
            attrs = dict(old.attrs)
            if "..." in attrs["where"]:
                attrs["where"] += ", :"
            found = b.op(memory.index, *given, **attrs)
            # the element is a number, not storage, so its list is a value, too
            return found if isinstance(old.result.type, Array) else b.op(memory.read, found)
        if name in _ALONG:
            return self.along_axes(old, given, b)
        if name in ("diag", "diagonal"):
            return self.diagonal(old, given[0], b)
        if name == "gather":
            where = old.attrs["where"] + (", :" if "..." in old.attrs["where"] else "")
            return b.op(memory.gather, *given, **{**old.attrs, "where": where})
        if name in ("squeeze", "expand_dims", "reshape", "ravel"):
            return self.reshaped(old, given, b)
        if name == "transpose":
            order = tuple(n % axes for n in old.attrs.get("axes") or reversed(range(axes)))
        elif name == "swapaxes":
            order = tuple(permutations.swapped_axes(axes, old.attrs))
        elif name == "moveaxis":
            order = tuple(
                permutations.moved_axes(axes, old.attrs["source"], old.attrs["destination"])
            )
        else:
            raise self.refused(old)
        return b.op(permutations.transpose, given[0], axes=(*order, axes))

    def write(self, old: Op, given: list[Atom], whole: list[bool], env: Env, b: Builder) -> None:
        name = old.decl.name
        if name == "append":
            b.ops(containers.append, given[0], self.operand(old.operands[1], old.location, env, b))
        elif name == "list_set":
            amount = self.operand(old.operands[2], old.location, env, b)
            b.ops(containers.list_set, *given[:2], amount)
        elif name == "store":
            amount = self.operand(old.operands[1], old.location, env, b)
            where = old.attrs["where"] + (", :" if "..." in old.attrs["where"] else "")
            b.ops(memory.store, given[0], amount, *given[2:], where=where)
        elif has_arrays(items(old.attrs["where"])):
            raise self.refused(old)
        elif whole[1]:
            self.put_together(old, given, b)
        else:
            amount = given[1]
            if ndim_of(amount.type):
                amount = b.op(memory.index, amount, where=_after(amount))
            b.ops(memory.add_into, given[0], amount, *given[2:], **old.attrs)

    def along_axes(self, old: Op, given: list[Atom], b: Builder) -> Atom:
        """Move elements along axes, with all axes of the message named, so that the list axis stays."""
        axes, axis = ndim_of(old.operands[0].type), old.attrs.get("axis")
        if old.decl not in _WITH_AXIS:
            return b.op(old.decl, *given, **old.attrs)
        if old.decl is permutations.roll and axis is None and axes > 1:
            raise self.refused(old)
        each = range(axes) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        named = tuple(k % axes for k in each)
        return b.op(old.decl, *given, axis=named if len(named) > 1 else named[0])

    def diagonal(self, old: Op, x: Atom, b: Builder) -> Atom:
        """The lists on the diagonal of a square matrix of messages."""
        n, m = shape_of(old.operands[0].type)[:2]
        if n != m or any(old.attrs.get(k) for k in ("k", "offset")):
            raise self.refused(old)
        places = b.op(creation.arange, lengths_of_axes(b, x, self.shown)[0])
        return b.op(memory.gather, x, places, places, where="g, g", distinct=True)

    def reshaped(self, old: Op, given: list[Atom], b: Builder) -> Atom:
        """Change the axes of a message; the list stays the last axis."""
        x, *lengths = given
        if old.decl.name in ("reshape", "ravel"):
            return b.op(reshapes.reshape, x, *(lengths or [const(-1)]), const(self.k))
        is_less = old.decl.name == "squeeze"
        lengths_of = shape_of((old.operands[0] if is_less else old.result).type)
        axis = old.attrs.get("axis")
        if axis is None:
            axis = tuple(n for n, length in enumerate(lengths_of) if length == Dim(1))
        changed = axes_of_sum(axis, len(lengths_of))
        if is_less:
            return b.op(reshapes.squeeze, x, axis=tuple(changed))
        parts = ["None" if n in changed else ":" for n in range(len(lengths_of))]
        return b.op(memory.index, x, where=", ".join([*parts, ":"]))

    def joined(self, old: Op, env: Env, b: Builder) -> None:
        """Join messages in an array or a list."""
        operands = [self.operand(a, old.location, env, b) for a in old.operands]
        attrs = dict(old.attrs)
        if old.decl is containers.list_new:
            attrs["element"] = self.lists(attrs["element"])
        elif old.decl is not creation.array_of:
            attrs["axis"] = attrs.get("axis", 0) % ndim_of(old.result.type)
        self.named(old, b.op(old.decl, *operands, **attrs), env, b)

    def put_together(self, old: Op, given: list[Atom], b: Builder) -> None:
        """Add a message to an element of an array."""
        target, amount, *places = given
        where = old.attrs["where"]
        part = b.op(memory.index, target, *places, where=where) if places else target
        found = self.both(b.op(memory.read, part), amount, b)
        b.ops(memory.store, target, found, *places, where=where)

    def fill(self, made: Atom, value: Atom, b: Builder) -> None:
        b.ops(memory.store, made, const(-math.inf), where="")
        b.ops(
            memory.store, made, value, const(0), where="..., i" if ndim_of(made.type) > 1 else "i"
        )


def _after(x: Atom) -> str:
    return ", ".join([":"] * ndim_of(x.type) + ["None"])
