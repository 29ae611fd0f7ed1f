"""Loop-carried values: the names that the body of a loop assigns, with the types that hold at the start of every
iteration (a fixpoint).

The body is read with the types that the names have before the loop, and again with wider types (an axis whose length
changes, a Python number that becomes a NumPy number), until the end of an iteration fits its beginning. Each reading
leaves what it has shown in `hints`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gast

from srcdiff.frontend.containers.optional import after_iteration, in_a_loop, with_maybes
from srcdiff.frontend.control.reduction_variables import is_running_sum, zeros_for
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.session import FALSE, TRUE
from srcdiff.frontend.core.values import (
    MISSING,
    Conflict,
    FrontValue,
    Missing,
    Partial,
    Parts,
    flatten,
)
from srcdiff.frontend.joins.escape_checks import stays_inside
from srcdiff.frontend.joins.join_types import Unjoinable, coerced, join_types
from srcdiff.frontend.joins.loop_carry import (
    Carry,
    grown_cells,
    held,
    held_as,
    is_identical,
    is_same_part,
    plain_type,
    released,
    same_structure,
    widened,
)
from srcdiff.frontend.joins.may_alias import SLOTS, Slots
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.frontend.source.flow_analysis import assigned_names
from srcdiff.frontend.source.jumps import broke_flag, has_break, has_return, is_endless
from srcdiff.ir.types import FLOAT, Array, List, Scalar, Struct, Type
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.control.control import undefined

GUESS = Value(FLOAT)


class Retry(Exception):
    """The body has to be read again, with what was learned."""


class LoopReader:
    """One loop being read."""

    def __init__(self, fr: Frame, node: gast.AST) -> None:
        self.fr = fr
        self.node = node
        self.key = (fr.session.path, id(node))
        fr.session.hints.setdefault("nodes", []).append(node)  # an id is for good
        self.hints: dict[str, Any] = fr.session.hints.setdefault(self.key, {})
        self.before = fr.env
        self.carries: list[Carry] = []
        self.started: list[str] = []  # running sums that start with zeros for a number
        self.ends: list[FrontValue] = []
        self.at_start: dict[str, FrontValue] = {}
        self.cells_at_start: dict[str, Parts] = {}
        flow = fr.source.flow
        names = getattr(node, "carried", None)
        if names is None:
            self.live = flow.iteration.get(id(node), frozenset())
            self.start = flow.start.get(id(node), frozenset())
            self.entry = flow.entry.get(id(node), frozenset())
            names = self._names()
        else:
            self.live = self.start = self.entry = frozenset(names)
        self.names: list[str] = names
        self.cells = fr.session.cells
        self.slots = Slots(fr.session, self.hints, self.cells)
        self.firsts: dict[str, dict[str, Any]] = {}  # what guessed names are bound to first
        for pair in self.hints.get("%equal", ()):
            fr.session.shapes.take_as_equal(*pair)
        for name in (*names, *sorted(self.hints.get("%cells", ()))):
            self._plan(name)

    def _names(self) -> list[str]:
        parts = [self.node.target] if isinstance(self.node, gast.For) else [self.node.test]
        assigned = assigned_names([*parts, *self.node.body])
        names = [n for n in assigned if n in self.live and not self._is_shared(n)]
        if has_return(self.node):
            only_return = (
                isinstance(self.node, gast.While)
                and is_endless(self.node)
                and not has_break(self.node)
            )
            names += ["%value"] if only_return else ["%return", "%value"]
        if self.node.orelse and has_break(self.node):
            names.append(broke_flag(self.fr.loop_depth + 1))
        return names

    def _is_shared(self, name: str) -> bool:
        """Whether functions inside bind the name as well: what it stands for is carried as a container's part is."""
        value = self.before.get(name)
        return isinstance(value, Parts) and value.kind == "shared"

    # ---- what is carried ----

    def guess(self, fr: Frame, name: str) -> None:
        """A name that is read before the body assigns it, and that nothing binds before the loop: an earlier
        iteration does. Its type is not known yet: it is taken for a number until the end of the iteration shows the
        type.
        """
        hint = self.hints.setdefault(name, {})
        missing = any(c.name == name and isinstance(c.template, Missing) for c in self.carries)
        if fr is self.fr and missing and name in self.entry and "guess" not in hint:
            hint["guess"] = True
            raise Retry

    def _plan(self, name: str) -> None:
        hint = self.hints.get(name, {})
        if "zeros" in hint:
            self._start_with_zeros(name, hint["zeros"])
        if hint.get("skip"):
            return
        init = self._initial(name)
        if hint.get("unset"):
            init = MISSING
        if "maybe" in hint:
            init = in_a_loop(self.fr, self.node, init, hint["maybe"])
        template = self._settled(init)
        if not hint.get("moves"):
            template = held(template)
        carry = Carry(name, template, template, hint=self.fr.session.cell_names.get(name, ""))
        if isinstance(init, Missing):
            carry.template = hint.get("template", GUESS if hint.get("guess") else MISSING)
            if carry.template is GUESS:
                carry.types, carry.varies, carry.loose = [FLOAT], [set()], [set()]
                self.carries.append(carry)
                self.fr.guessed[name] = self._note_first
                return
            carry.types = list(hint.get("types", []))
            carry.varies = list(hint.get("varies", []))
            carry.loose = list(hint.get("loose", []))
        else:
            carry.types = [plain_type(a.type) for a in flatten(template)]
            if isinstance(template, Value | Const) and isinstance(template.type, Scalar):
                carry.types = [template.type]
            carry.varies = [set() for _ in carry.types]
            carry.loose = [set() for _ in carry.types]
            if "types" in hint and len(hint["types"]) == len(carry.types):
                carry.types = [
                    widened(fr_type, known)
                    for fr_type, known in zip(carry.types, hint["types"], strict=True)
                ]
                carry.varies = [set(v) for v in hint["varies"]]
                carry.loose = [set(v) for v in hint["loose"]]
        self.carries.append(carry)

    def _start_with_zeros(self, name: str, type_: Type) -> None:
        """Zeros for the number that a running sum of arrays starts with."""
        made = zeros_for(self.fr, self.node, name, type_)
        if made is not None:
            self.before[name] = made
            self.started.append(name)

    def _initial(self, name: str) -> FrontValue:
        if name == "%return" or name.startswith("%broke"):
            return FALSE
        if name == "%value":
            return MISSING
        value = self.cells[name] if name in self.cells else self.before.get(name, MISSING)
        while isinstance(value, Partial):
            value = value.value
        return MISSING if isinstance(value, Conflict) else self.fr.session.current(value)

    def _settled(self, value: FrontValue) -> FrontValue:
        """Struct-typed values are unpacked before the loop: an iteration makes other parts."""
        if isinstance(value, Value) and isinstance(value.type, Struct):
            return self._settled(unpack_struct(self.fr, value, self.node))
        if isinstance(value, Parts):
            return replace(value, values=tuple(map(self._settled, value.values)))
        return value

    # ---- reading an iteration ----

    def enter(self) -> list[Value]:
        """Set up the environment of an iteration; gives the parameters that are known so far."""
        fr = self.fr
        fr.env = dict(self.before)
        fr.session.cells = dict(self.cells)
        for name in self.names:
            if name == "%return" or name.startswith("%broke"):
                fr.env[name] = FALSE
        self.slots.start()
        for carry in self.carries:
            if isinstance(carry.template, Missing):
                fr.env.pop(carry.name, None)
                continue
            carry.own = carry.params(fr)
            self._set(carry, carry.at_start)
        self.slots.finish()
        self.at_start = dict(fr.env)
        self.cells_at_start = dict(fr.session.cells)
        fr.env["%go"] = TRUE
        return self.params()

    def _set(self, carry: Carry, value: FrontValue) -> None:
        """Bind a name, or say what a container holds; what is carried gets containers of its own."""
        value = self.slots.bound(carry, value)
        if carry.name in self.cells:
            assert isinstance(value, Parts)
            self.fr.session.cells[carry.name] = value
        else:
            self.fr.env[carry.name] = value

    def _get(self, name: str) -> FrontValue:
        session = self.fr.session
        value = session.cells[name] if name in self.cells else self.fr.env.get(name, MISSING)
        return session.current(value)

    def params(self) -> list[Value]:
        return [p for carry in self.carries for p in carry.own]

    def leave(self) -> list[Atom]:
        """The yields at the end of an iteration; `Retry` where they do not fit its beginning."""
        retry = False
        yields: list[Atom] = []
        self.ends = []
        for carry in self.carries:
            end = self._get(carry.name)
            self.ends.append(end)
            partial = isinstance(end, Partial) or (carry.hint or carry.name) in self.start
            while isinstance(end, Partial):
                end = end.value
            if stays_inside(self.fr, self.before, end):
                self.ends[-1] = end = Conflict(
                    "holds what an iteration of a loop made", advice="Make it again after the loop."
                )
            if isinstance(end, Missing | Conflict):
                if not isinstance(carry.template, Missing):
                    self._fail(carry, end)
                continue
            if isinstance(carry.template, Missing) or carry.template is GUESS:
                end = self._settled(end)
                retry = retry or partial or carry.template is GUESS
                self._learn(carry, end)
                yields += flatten(end)
                continue
            if "maybe" in self.hints.get(carry.name, {}):
                end = self.ends[-1] = after_iteration(end, carry.at_start)
            atoms = self._aligned(carry, end)
            if atoms is None:
                retry = True
                continue
            retry = self._compare(carry, atoms) or retry
            yields += [
                coerced(self.fr, self.node, a, t) for a, t in zip(atoms, carry.types, strict=True)
            ]
        if retry or self.slots.learn(zip(self.carries, self.ends, strict=True)):
            raise Retry
        self._skip_invariant()
        return yields

    def _fail(self, carry: Carry, end: FrontValue) -> None:
        text = (
            end.message
            if isinstance(end, Conflict)
            else "may not be bound at the end of an iteration"
        )
        self.fr.untyped(
            self.node,
            f"`{carry.name}` {text}",
            "Keep one type for a name that is carried through a loop.",
        )

    def _learn(self, carry: Carry, end: FrontValue) -> None:
        carry.template = end
        carry.types = [plain_type(a.type) for a in flatten(end)]
        carry.varies = [self._made_inside(t) for t in carry.types]
        carry.loose = [self._loose(t) for t in carry.types]
        carry.own = carry.params(self.fr)
        self._remember(carry)

    def _note_first(self, name: str, value: FrontValue) -> None:
        """An array that an iteration binds a guessed name to, as where `if t == 0:` does."""
        if isinstance(value, Value) and isinstance(value.type, Array):
            type_ = plain_type(value.type)
            learned = {"types": [type_], "template": value, "varies": [self._made_inside(type_)]}
            self.firsts.setdefault(name, {**learned, "loose": [self._loose(type_)]})

    def guessed_wrong(self, name: str) -> bool:
        """Whether another reading may do better: with what an iteration binds a guessed name to first."""
        hint = self.hints.setdefault(name, {})
        if name not in self.firsts or "template" in hint:
            return False
        hint.update(self.firsts[name])
        return True

    def _loose(self, type_: Type) -> set[int]:
        """The axes that may have the length 1."""
        not_one = self.fr.session.shapes.not_one
        if not isinstance(type_, Array):
            return set()
        return {k for k, d in enumerate(type_.shape) if not not_one(d)}

    def _made_inside(self, type_: Type) -> set[int]:
        """The axes whose lengths are not known before the loop."""
        session = self.fr.session
        order, start = session.shapes.order, session.loops[-1]
        if not isinstance(type_, Array):
            return set()
        return {
            k
            for k, d in enumerate(type_.shape)
            if any(order.get(s, -1) >= start for s in d.symbols())
        }

    def _remember(self, carry: Carry) -> None:
        own = self.hints.setdefault(carry.name, {})
        own.update(types=list(carry.types), template=carry.template)
        own.update(varies=[set(v) for v in carry.varies], loose=[set(v) for v in carry.loose])

    def _aligned(self, carry: Carry, end: FrontValue) -> list[Atom] | None:
        """The end's values in the order of the parameters; None if the name starts anew (what it was before
        does not matter).
        """
        settled = self._settled(end) if isinstance(carry.template, Parts) else end
        same = held_as(carry.template, settled)
        if same_structure(carry.template, same):
            return list(flatten(same))
        if same_structure(carry.at_start, settled):  # but for lists that are others now
            self.hints.setdefault(carry.name, {})["moves"] = True
            return None
        if self._may_be_none(carry, settled):
            return None
        for cell in grown_cells(carry.at_start, settled):
            self.fr.session.grow_cell(cell)
        started = self.cells.get(carry.name)
        if carry.name in self.entry or (started is not None and MISSING not in started.values):
            self._refuse_none(carry, end)
            self.fr.untyped(
                self.node,
                f"`{carry.hint or carry.name}` is another kind of value after an iteration than before the loop",
                "Give it the same structure before the loop and in each iteration.",
            )
        self.hints.setdefault(carry.name, {})["unset"] = True
        return None

    def _may_be_none(self, carry: Carry, end: FrontValue) -> bool:
        """Whether the name, or a part of it, is None before the loop, or after an iteration, and something else
        otherwise.
        """
        found = with_maybes(released(carry.template), end)
        if found is None:
            return False
        self.hints.setdefault(carry.name, {})["maybe"] = found
        return True

    def _refuse_none(self, carry: Carry, end: FrontValue) -> None:
        """`best = None` before a loop that looks for something."""
        nothing = [isinstance(v, Const) and v.value is None for v in (carry.template, end)]
        if any(nothing):
            before, after = ("None" if n else "something else" for n in nothing)
            self.fr.untyped(
                self.node,
                f"`{carry.name}` is {before} before the loop and {after} after an iteration",
                "Start with a value of the type that it has later, such as `np.inf` or the first item.",
            )

    def _compare(self, carry: Carry, atoms: Sequence[Atom]) -> bool:
        """Whether the types at the end of an iteration widen those of its beginning."""
        widened = False
        for k, atom in enumerate(atoms):
            own = carry.types[k]
            joined = self._joined(carry, own, atom.type)
            if isinstance(joined, List):
                before = list(flatten(self._initial(carry.name)))[k : k + 1]
                self.fr.session.widen_lists((*before, atom), joined)
            if isinstance(own, Array) and isinstance(joined, Array):
                assert isinstance(atom.type, Array)
                shapes = self.fr.session.shapes
                pairs = list(enumerate(zip(own.shape, atom.type.shape, strict=True)))
                new = {i for i, (a, b) in pairs if not shapes.same(a, b)}
                equal = [p for i, p in pairs if i in new - carry.varies[k] and shapes.may_take(*p)]
                if equal:
                    self.hints.setdefault("%equal", []).extend(equal)
                    raise Retry
                loose = {
                    i
                    for i, ab in pairs
                    if i in new and not all(shapes.not_one(shapes.resolve(d)) for d in ab)
                }
                if (
                    own.dtype != joined.dtype
                    or not new <= carry.varies[k]
                    or not loose <= carry.loose[k]
                ):
                    carry.types[k] = Array(joined.dtype, own.shape)
                    carry.varies[k] |= new
                    carry.loose[k] |= loose
                    widened = True
            elif isinstance(own, Scalar) and isinstance(joined, Scalar):
                if (own.dtype, own.weak) != (joined.dtype, joined.weak):
                    carry.types[k] = Scalar(joined.dtype, joined.weak)
                    widened = True
            elif joined != own:
                carry.types[k] = joined
                widened = True
        if widened:
            self._remember(carry)
        return widened

    def _joined(self, carry: Carry, own: Type, end: Type) -> Type:
        shapes = self.fr.session.shapes
        hint = self.hints.setdefault(carry.name, {})
        is_new = isinstance(own, Scalar) and isinstance(end, Array) and "zeros" not in hint
        if is_new and is_running_sum(self.node, carry.name, self._initial(carry.name)):
            hint["zeros"] = end
            raise Retry
        used, order = dict(shapes.used), dict(shapes.order)
        try:
            joined = join_types(shapes, own, end)
        except Unjoinable as problem:
            words = (
                str(problem)
                .replace("on one path", "before")
                .replace("on another", "after an iteration")
            )
            self.fr.untyped(
                self.node,
                f"`{carry.name}` changes its type in the loop: it {words}",
                "Start with a value of the type that it has later, such as 0.0, or `np.zeros(n)` for an array.",
            )
        shapes.used, shapes.order = used, order
        return joined

    def _skip_invariant(self) -> None:
        """A name that every iteration leaves unchanged is not carried; it has to stay unchanged."""
        again = False
        cells = self.fr.session.cells
        carried = {c.name for c in self.carries}
        for name, before in self.cells_at_start.items():
            if name in self.cells and name not in carried and not is_identical(cells[name], before):
                if name in self.fr.session.on_lists:
                    self.fr.untyped(
                        self.node,
                        f"one {before.kind} is changed in every iteration, and put on a list",
                        "Make a new one in each iteration.",
                    )
                self.hints.setdefault("%cells", set()).add(name)
                again = True
        for name, hint in self.hints.items():
            if name in ("%cells", "%equal", *SLOTS):
                continue
            if hint.get("skip") and not is_same_part(
                self.fr.env.get(name, MISSING), self.at_start.get(name, MISSING)
            ):
                hint["skip"] = False
                again = True
        for carry, end in zip(self.carries, self.ends, strict=True):
            if (
                not isinstance(carry.init, Missing)
                and carry.own
                and is_identical(end, carry.at_start)
                and self.slots.is_left(carry, end)
            ):
                self.hints.setdefault(carry.name, {})["skip"] = True
                again = True
        if again:
            raise Retry

    # ---- what the loop is given and gives ----

    def inits(self) -> list[Atom]:
        out: list[Atom] = []
        for carry in self.carries:
            if isinstance(carry.template, Missing):
                continue
            if isinstance(carry.init, Missing):
                out += [
                    self.fr.op(self.node, undefined, type=plain_type(t))
                    for t in carry.fresh_types(self.fr)
                ]
            else:
                pairs = zip(flatten(carry.init), carry.types, strict=True)
                out += [coerced(self.fr, self.node, a, t) for a, t in pairs]
        return out

    def outcome(self) -> list[Value]:
        """Bind the results of the loop to their names."""
        fr = self.fr
        fr.env, fr.session.cells = self.before, self.cells
        results: list[Value] = []
        self.slots.start()
        for carry, end in zip(self.carries, self.ends, strict=True):
            if isinstance(carry.template, Missing):
                if isinstance(end, Conflict):
                    fr.env[carry.name] = end
                continue
            own = carry.results(fr)
            results += own
            self._set(carry, carry.rebuilt(own))
        self.slots.finish()
        return results
