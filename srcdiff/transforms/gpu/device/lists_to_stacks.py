"""Lists become stacks: an array of fixed capacity, and a count of its elements.

    xs = []                             count[0] = 0
    while ...:                          while ...:
        xs.append(x)        becomes         if count[0] < len(xs):
                                                xs[count[0]] = x
                                            count[0] += 1
                                        if count[0] > len(xs):
                                            raise MemoryError("xs has too little room")

The array is a parameter. If its capacity is too small, nothing is written past its end, and the caller gets an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, ops_of
from srcdiff.ir.core import Call, Function, If, Op, Region, Statement, regions_of, walk
from srcdiff.ir.types import Array, Dim, List, Scalar, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.control import control
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.gpu.device.preallocate import unused
from srcdiff.transforms.lower.loop_nests import loop, store_each, store_element

NO_ROOM = " has too little room"  # the end of the error message

_READS = (containers.list_item, containers.list_pop, containers.list_add, containers.list_set)
_OF_COPIES = (containers.append, containers.list_item, containers.list_pop, containers.list_length)
_USES = (*_READS, containers.append, containers.list_length, memory.zeros_like_list)


def stacks(fn: Function) -> Function:
    """`fn` with stacks in place of its local lists, as further parameters; `target.stacks` holds their names and types.

    Lists that escape, or that are used otherwise, stay lists.
    """
    pass_ = _Stacks(fn)
    if not pass_.made:
        return fn
    new = pass_(fn)
    body = replace(new.body, params=(*fn.params, *(s.storage for s in pass_.made.values())))
    made = tuple((s.storage.name, s.storage.type) for s in pass_.made.values())
    return replace(new, body=body, target=replace(fn.target, stacks=made))


class _Stack:
    def __init__(self, made: Op, name: str) -> None:
        type_ = made.result.type
        assert isinstance(type_, List)
        element = type_.element
        assert isinstance(element, Scalar | Array)
        self.room = Dim.of(f"{name}_room")
        self.count = Value(Array("int64", (Dim(1),)), "count")
        self.is_first = True  # whether it is the first of the stacks that share its count
        self.storage = Value(Array(element.dtype, (self.room, *shape_of(element))), name)


class _Stacks(Rewriter):
    def __init__(self, fn: Function) -> None:
        ops = ops_of(fn)
        self.targets = {s.operands[k] for s in ops for k in s.decl.writes}
        self.uses: dict[Value, list[Statement]] = {}
        for s in walk(fn.body):
            for a in {a for a in s.operands if isinstance(a, Value) and isinstance(a.type, List)}:
                self.uses.setdefault(a, []).append(s)
        self.received = {
            y
            for s in walk(fn.body)
            for r in regions_of(s)
            for y in r.yields
            if isinstance(y, Value)
        } | {y for y in fn.body.yields if isinstance(y, Value)}
        self.regions = [fn.body, *(r for s in walk(fn.body) for r in regions_of(s))]
        self.taken = {p.name for p in fn.params} | {fn.name}
        self.made: dict[Value, _Stack] = {}
        known = {s for p in fn.params for d in shape_of(p.type) for s in d.symbols()}
        # the last append of a group -> its stacks and values
        self.together: dict[Op, list[tuple[_Stack, Atom]]] = {}
        for op in walk(fn.body):
            if isinstance(op, Op) and self.is_stack(op, known):
                self.made[op.result] = _Stack(op, unused(op.result.name or "kept", self.taken))
        self.join()

    def join(self) -> None:
        """Let lists that grow together, by one element in each iteration of one loop, share a count."""
        groups: dict[tuple[int, int], list[tuple[int, Op, Value]]] = {}
        for v in self.made:
            appends = [
                s for s in self.uses.get(v, []) if isinstance(s, Op) and s.decl is containers.append
            ]
            home = next(
                k for k, r in enumerate(self.regions) if any(v in s.results for s in r.body)
            )
            maker = next(s for s in self.regions[home].body if v in s.results)
            others = (s for s in self.uses.get(v, []) if isinstance(s, Op))
            pops = any(s.decl in (containers.list_pop, memory.zeros_like_list) for s in others)
            if len(appends) != 1 or maker.operands or pops or self.counts_between(v, home):
                continue
            at = next(k for k, r in enumerate(self.regions) if appends[0] in r.body)
            place = self.regions[at].body.index(appends[0])
            groups.setdefault((home, at), []).append((place, appends[0], v))
        for members in groups.values():
            self.share([(s, v) for _, s, v in sorted(members, key=lambda m: m[0])])

    def counts_between(self, v: Value, home: int) -> bool:
        """Whether the loop in which a list grows reads its length; the list then needs a count of its own."""
        for s in self.regions[home].body:
            inner = [i for i in walk(*regions_of(s)) if isinstance(i, Op)]
            uses = {i.decl for i in inner if v in i.operands}
            if {containers.append, containers.list_length} <= uses:
                return True
        return False

    def share(self, members: Sequence[tuple[Op, Value]]) -> None:
        order = [v for v in self.made if v in {v for _, v in members}]
        first = self.made[order[0]]
        for v in order[1:]:
            own = self.made[v]
            own.room, own.count, own.is_first = first.room, first.count, False
            type_ = own.storage.type
            assert isinstance(type_, Array)
            own.storage = replace(
                own.storage, type=replace(type_, shape=(first.room, *type_.shape[1:]))
            )
        for s, _ in members[:-1]:
            self.together[s] = []
        self.together[members[-1][0]] = [(self.made[v], s.operands[1]) for s, v in members]

    def is_stack(self, op: Op, known: set[str]) -> bool:
        """Whether all uses of a list have a form with stacks."""
        if op.decl not in (containers.list_new, memory.zeros_like_list):
            return False
        if op.decl is memory.zeros_like_list and op.operands[0] not in self.made:
            return False
        type_ = op.result.type
        if not isinstance(type_, List) or op.result in self.received:
            return False
        element = type_.element
        if isinstance(element, Array):
            return self.holds_copies(op, element, known)
        return isinstance(element, Scalar) and self.is_plain(op)

    def is_plain(self, op: Op) -> bool:
        """Whether all uses have a form, and no loop fills and reads the list: capacity is checked after the loop."""
        found = self.uses.get(op.result, [])
        if not all(
            isinstance(s, Op) and s.decl in _USES and s.operands[0] is op.result for s in found
        ):
            return False
        return not any(self.fills_and_reads(s, op.result) for s in self.beside(op.result))

    def beside(self, v: Value) -> Sequence[Statement]:
        """The statements of the region in which a list is made."""
        return next(r.body for r in self.regions if any(v in s.results for s in r.body))

    def fills_and_reads(self, s: Statement, v: Value) -> bool:
        inner = [i for i in walk(*regions_of(s)) if isinstance(i, Op) and v in i.operands]
        kinds = {i.decl is containers.append for i in inner if i.decl is not containers.list_length}
        return len(kinds) > 1

    def holds_copies(self, op: Op, element: Array, known: set[str]) -> bool:
        """Whether a list of arrays may hold copies: reverse mode made it, and nothing writes to its items."""
        if op.origin == "user" or op.operands or not self.is_plain(op):
            return False
        if not {s for d in element.shape for s in d.symbols()} <= known:
            return False
        found = [s for s in self.uses.get(op.result, []) if isinstance(s, Op)]
        if any(s.decl not in _OF_COPIES for s in found):
            return False
        items = {s.result for s in found if s.results and s.decl is not containers.list_length}
        return items.isdisjoint(self.targets)

    # ---- statements ----

    def region(self, old: Region, env: Env, b: Builder) -> Region:
        own = {r for s in old.body for r in s.results}
        for s in old.body:
            self.statement(s, env, b)
            self.check_rooms(s, own, b)
        yields = tuple(lookup(env, y) for y in old.yields)
        return b.region(old.params, yields)

    def check_rooms(self, s: Statement, own: set[Value], b: Builder) -> None:
        """Check the capacity after a statement that appends: a whole loop, if the list is made before the loop."""
        inner = [s, *walk(*regions_of(s))]
        put = {i.operands[0] for i in inner if isinstance(i, Op) and i.decl is containers.append}
        for v, stack in self.made.items():
            if v in put and v in own and stack.is_first:
                self.check_room(stack, b)

    def check_room(self, stack: _Stack, b: Builder) -> None:
        count = b.op(memory.index, stack.count, const(0), where="i")
        room = b.op(memory.length, dim=stack.room)
        short = b.op(control.test, count, room, text="{0} > {1}")
        control.raise_if(b, short, MemoryError, f"{stack.storage.name}{NO_ROOM}")

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or isinstance(old, Call):
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        if len(old.results) == 1 and old.result in self.made:
            self.begin(old, env, b)
        elif old.operands and old.operands[0] in self.made and isinstance(old.operands[0], Value):
            self.use(old, self.made[old.operands[0]], env, b)
        else:
            super().statement(old, env, b)

    def begin(self, op: Op, env: Env, b: Builder) -> None:
        stack = self.made[op.result]
        if not stack.is_first:
            return
        b.append(
            Op(
                memory.empty,
                (const(1),),
                (stack.count,),
                {"dtype": "int64"},
                op.location,
                op.origin,
            )
        )
        b.ops(memory.store, stack.count, const(0), const(0), where="i")
        if op.decl is memory.zeros_like_list:
            self.fill(stack, self.made[op.operands[0]], b)  # type: ignore[index]
            return
        for a in op.operands:
            self.put([(stack, lookup(env, a))], b)
        if op.operands:
            self.check_room(stack, b)

    def fill(self, stack: _Stack, like: _Stack, b: Builder) -> None:
        """Fill a stack with as many zeros as another stack has elements."""
        count = b.op(memory.index, like.count, const(0), where="i")
        b.ops(memory.store, stack.count, count, const(0), where="i")
        self.check_room(stack, b)
        number = Dim.of(b.shapes.fresh("m").symbol or "m")
        iterations = Value(Scalar("int64", True, number), "m")
        b.append(Op(arithmetic.add, (count, const(0)), (iterations,), {}, b.location, b.origin))
        zero: Atom = const({"f": 0.0, "b": False}.get(_element(stack).dtype[0], 0))

        def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
            store_element(b, stack.storage, zero, at)
            return ()

        loop(b, iterations, (), body, "k")

    def use(self, op: Op, stack: _Stack, env: Env, b: Builder) -> None:
        operands = [lookup(env, a) for a in op.operands[1:]]
        if op.decl is containers.append:
            each = self.together.get(op, [(stack, op.operands[1])])
            if each:
                self.put([(s, lookup(env, a)) for s, a in each], b)
            return
        if op.decl is containers.list_length:
            env[op.result] = self.renamed(
                b.op(memory.index, stack.count, const(0), where="i"), op, b
            )
            return
        if op.decl is containers.list_pop:
            env[op.result] = self.renamed(self.pop(stack, op, b), op, b)
            return
        place = self.place(stack, operands[0], op, b)
        if op.decl is containers.list_item:
            env[op.result] = self.renamed(_item(b, stack, place), op, b)
            return
        decl = memory.add_into if op.decl is containers.list_add else memory.store
        b.ops(decl, stack.storage, operands[1], place, where="i")

    def renamed(self, found: Value, op: Op, b: Builder) -> Value:
        """The result of the last operation, with the name and type of the list operation's result."""
        made = b.body[-1]
        assert isinstance(made, Op) and made.results == (found,)
        new = replace(found, name=op.result.name, user=op.result.user, type=op.result.type)
        b.body[-1] = replace(made, results=(new,))
        return new

    def put(self, each: Sequence[tuple[_Stack, Atom]], b: Builder) -> None:
        """Append to stacks that share a count, if the capacity suffices."""
        first, _ = each[0]
        count = b.op(memory.index, first.count, const(0), where="i", name="position")
        room = b.op(memory.length, dim=first.room)
        has_room = b.op(arithmetic.less, count, room)
        inner = b.inner()
        for stack, value in each:
            store_each(inner, stack.storage, value, (count,))
        nothing = Region((), (), ())
        b.append(If(has_room, inner.region((), ()), nothing, (), b.location, b.origin))
        more = b.op(arithmetic.add, count, const(1))
        b.ops(memory.store, first.count, more, const(0), where="i")

    def pop(self, stack: _Stack, op: Op, b: Builder) -> Value:
        count = b.op(memory.index, stack.count, const(0), where="i")
        if op.origin == "user":
            empty = b.op(control.test, count, text="{0} == 0")
            control.raise_if(b, empty, IndexError, "pop from empty list")
        last = b.op(arithmetic.subtract, count, const(1))
        b.ops(memory.store, stack.count, last, const(0), where="i")
        return _item(b, stack, last)

    def place(self, stack: _Stack, at: Atom, op: Op, b: Builder) -> Atom:
        """The position of an element; the user's index may be negative or out of range."""
        if op.origin != "user":
            return at
        count = b.op(memory.index, stack.count, const(0), where="i")
        wrong = b.op(control.test, at, count, text="not -{1} <= {0} < {1}")
        control.raise_if(b, wrong, IndexError, "list index out of range")
        after = b.op(arithmetic.add, at, count)
        is_negative = b.op(arithmetic.less, at, const(0))
        return b.op(choose, is_negative, after, at)


def _item(b: Builder, stack: _Stack, place: Atom) -> Value:
    """An element of a stack: a number or a row."""
    where = ", ".join(["i", *[":"] * len(shape_of(_element(stack)))])
    return b.op(memory.index, stack.storage, place, where=where)


def _element(stack: _Stack) -> Array:
    """The type of a row; of a number, without axes."""
    type_ = stack.storage.type
    assert isinstance(type_, Array)
    return Array(type_.dtype, type_.shape[1:])
