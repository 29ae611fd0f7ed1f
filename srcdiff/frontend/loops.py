"""Loops. What a turn hands to the next is found by reading the body: with the types that names have before the loop, and again with
wider ones (an axis whose length changes, a Python number that becomes a NumPy one) until the end of a turn fits its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gast

from srcdiff.frontend.blocks import block
from srcdiff.frontend.control import assigned_names, has_break, has_return, loop_exits
from srcdiff.frontend.frame import FALSE, TRUE, Frame, Mark, Restart, Unroll, reads
from srcdiff.frontend.iteration import exact_count, iterable
from srcdiff.frontend.joins import UNKNOWN, Done, Unjoinable, branch, coerced, is_same, join_types, take_apart
from srcdiff.frontend.targets import assign
from srcdiff.frontend.truth import static_truth, truth
from srcdiff.frontend.values import MISSING, Conflict, FrontValue, Items, Missing, Partial, Parts, flatten, rebuild
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Atom, Const, For, Region, Value, While, const
from srcdiff.ir.types import FLOAT, Array, List, Scalar, Struct, Type
from srcdiff.ops.control import undefined

__all__ = ["for_loop", "read_loop"]

_ATTEMPTS = 12


# ---- the parts of a loop that do not depend on its kind -----------------------------------------------------


@dataclass
class _Carry:
    """A name that goes from turn to turn."""

    name: str
    init: FrontValue  # MISSING: not bound before the loop
    template: FrontValue  # its structure; MISSING while not known
    types: list[Type] = field(default_factory=list)
    varies: list[set[int]] = field(default_factory=list)  # for each leaf, the axes whose lengths change
    loose: list[set[int]] = field(default_factory=list)  # ... and those of them that may have length 1
    own: list[Value] = field(default_factory=list)  # the parameters of the body

    @property
    def at_start(self) -> FrontValue:
        """What the name stands for when a turn begins."""
        return rebuild(self.template, iter(self.own))

    def params(self, fr: Frame) -> list[Value]:
        """New parameters, with a symbol of its own for every length and integer that changes."""
        self.types = self.fresh_types(fr)
        return self.values(self.types)

    def fresh_types(self, fr: Frame) -> list[Type]:
        leaves = zip(self.types, self.varies, self.loose, strict=True)
        return [_varying(fr.session.shapes, t, v, o, self.name) for t, v, o in leaves]

    def results(self, fr: Frame) -> list[Value]:
        return self.values(self.fresh_types(fr))

    def values(self, types: Sequence[Type]) -> list[Value]:
        hints = list(_hints(self.template, self.name))
        user = self.name.isidentifier() and not isinstance(self.template, Parts)
        return [Value(t, h, user) for t, h in zip(types, hints, strict=True)]


_PSEUDO = {"%value": "value", "%return": "returned", "%broke": "broke", "%sum": "total", "%found": "found", "%list": "items"}


def _hints(template: FrontValue, name: str) -> Iterator[str]:
    """Names for the leaves of a structure."""
    if isinstance(template, Parts):
        for key, part in zip(template.keys, template.values, strict=True):
            yield from _hints(part, f"{name}_{key}")
    elif next(flatten(template), None) is not None:
        base, _, rest = name.partition("_")
        yield _PSEUDO[base] + (f"_{rest}" if rest else "") if base in _PSEUDO else name


def _varying(shapes: Any, type_: Type, varies: set[int], loose: set[int], name: str) -> Type:
    if isinstance(type_, Array):
        lengths = [shapes.fresh("k" if k in loose else "k_") if k in varies else d for k, d in enumerate(type_.shape)]
        return Array(type_.dtype, tuple(lengths))
    if isinstance(type_, Scalar) and type_.dtype == "int64":
        return Scalar("int64", type_.weak, shapes.fresh(name if name.isidentifier() else "i"))
    return type_


def _plain(type_: Type) -> Type:
    return Scalar(type_.dtype, type_.weak) if isinstance(type_, Scalar) else type_


_GUESS = Value(FLOAT)


class _Retry(Exception):
    """The body has to be read again, with what was learned."""


class _Loop:
    """One loop being read."""

    def __init__(self, fr: Frame, node: Any) -> None:
        self.fr = fr
        self.node = node
        self.key = (fr.session.path, id(node))
        self.hints: dict[str, Any] = fr.session.hints.setdefault(self.key, {})
        self.before = fr.env
        self.carries: list[_Carry] = []
        self.ends: list[FrontValue] = []
        self.at_start: dict[str, FrontValue] = {}
        self.cells_at_start: dict[str, Parts] = {}
        flow = fr.source.flow
        names = getattr(node, "carried", None)
        if names is None:
            self.live = flow.turn.get(id(node), frozenset())
            self.entry = flow.entry.get(id(node), frozenset())
            names = self._names(flow.after.get(id(node), frozenset()))
        else:
            self.live = self.entry = frozenset(names)
        self.names: list[str] = names
        self.cells = fr.session.cells
        for name in (*names, *sorted(self.hints.get("%cells", ()))):
            self._plan(name)

    def _names(self, after: frozenset[str]) -> list[str]:
        parts = [self.node.target] if isinstance(self.node, gast.For) else [self.node.test]
        names = [n for n in assigned_names([*parts, *self.node.body]) if n in self.entry or n in after]
        if has_return(self.node):
            only_return = isinstance(self.node, gast.While) and is_endless(self.node) and not has_break(self.node)
            names += ["%value"] if only_return else ["%return", "%value"]
        if self.node.orelse and has_break(self.node):
            names.append("%broke")
        return names

    # ---- what is carried ----

    def guess(self, fr: Frame, name: str) -> None:
        """A name that is read before the body assigns it, and that nothing binds before the loop: an earlier turn does. Its type
        is not known so far; a number is taken until the end of the turn tells."""
        hint = self.hints.setdefault(name, {})
        missing = any(c.name == name and isinstance(c.template, Missing) for c in self.carries)
        if fr is self.fr and missing and name in self.entry and "guess" not in hint:
            hint["guess"] = True
            raise _Retry

    def _plan(self, name: str) -> None:
        hint = self.hints.get(name, {})
        if hint.get("skip"):
            return
        init = self._initial(name)
        if hint.get("unset"):
            init = MISSING
        template = self._settled(init)
        carry = _Carry(name, template, template)
        if isinstance(init, Missing):
            carry.template = hint.get("template", _GUESS if hint.get("guess") else MISSING)
            if carry.template is _GUESS:
                carry.types, carry.varies, carry.loose = [FLOAT], [set()], [set()]
                self.carries.append(carry)
                return
            carry.types = list(hint.get("types", []))
            carry.varies = list(hint.get("varies", []))
            carry.loose = list(hint.get("loose", []))
        else:
            carry.types = [_plain(a.type) for a in flatten(template)]
            if isinstance(template, Value | Const) and isinstance(template.type, Scalar):
                carry.types = [template.type]
            carry.varies = [set() for _ in carry.types]
            carry.loose = [set() for _ in carry.types]
            if "types" in hint and len(hint["types"]) == len(carry.types):
                carry.types = [_widened(fr_type, known) for fr_type, known in zip(carry.types, hint["types"], strict=True)]
                carry.varies = [set(v) for v in hint["varies"]]
                carry.loose = [set(v) for v in hint["loose"]]
        self.carries.append(carry)

    def _initial(self, name: str) -> FrontValue:
        if name in ("%return", "%broke"):
            return FALSE
        if name == "%value":
            return MISSING
        value = self.cells[name] if name in self.cells else self.before.get(name, MISSING)
        while isinstance(value, Partial):
            value = value.value
        return MISSING if isinstance(value, Conflict) else self.fr.session.current(value)

    def _settled(self, value: FrontValue) -> FrontValue:
        """Struct-typed values are taken apart before the loop: the turn will make other parts."""
        if isinstance(value, Value) and isinstance(value.type, Struct):
            return self._settled(take_apart(self.fr, value, self.node))
        if isinstance(value, Parts):
            return replace(value, values=tuple(map(self._settled, value.values)))
        return value

    # ---- reading a turn ----

    def enter(self) -> list[Value]:
        """Set up the environment of a turn; gives the parameters that are known so far."""
        fr = self.fr
        fr.env = dict(self.before)
        fr.session.cells = dict(self.cells)
        for name in self.names:
            if name in ("%return", "%broke"):
                fr.env[name] = FALSE
        for carry in self.carries:
            if isinstance(carry.template, Missing):
                fr.env.pop(carry.name, None)
                continue
            carry.own = carry.params(fr)
            self._set(carry.name, carry.at_start)
        self.at_start = dict(fr.env)
        self.cells_at_start = dict(fr.session.cells)
        fr.env["%go"] = TRUE
        return self.params()

    def _set(self, name: str, value: FrontValue) -> None:
        """Bind a name, or say what a container holds; a name that is carried gets a container of its own."""
        session = self.fr.session
        if name in self.cells:
            assert isinstance(value, Parts)
            session.cells[name] = value
        elif isinstance(value, Parts) and value.cell:
            self.fr.env[name] = session.new_cell(value)
        else:
            self.fr.env[name] = value

    def _get(self, name: str) -> FrontValue:
        session = self.fr.session
        value = session.cells[name] if name in self.cells else self.fr.env.get(name, MISSING)
        return session.current(value)

    def params(self) -> list[Value]:
        return [p for carry in self.carries for p in carry.own]

    def leave(self) -> list[Atom]:
        """The yields at the end of a turn; `_Retry` where they do not fit its beginning."""
        retry = False
        yields: list[Atom] = []
        self.ends = []
        for carry in self.carries:
            end = self._get(carry.name)
            self.ends.append(end)
            partial = isinstance(end, Partial)
            while isinstance(end, Partial):
                end = end.value
            if isinstance(end, Missing | Conflict):
                if not isinstance(carry.template, Missing):
                    self._fail(carry, end)
                continue
            if isinstance(carry.template, Missing) or carry.template is _GUESS:
                end = self._settled(end)
                retry = retry or partial or carry.template is _GUESS
                self._learn(carry, end)
                yields += flatten(end)
                continue
            atoms = self._aligned(carry, end)
            if atoms is None:
                retry = True
                continue
            retry = self._compare(carry, atoms) or retry
            yields += [coerced(self.fr, self.node, a, t) for a, t in zip(atoms, carry.types, strict=True)]
        if retry:
            raise _Retry
        self._skip_invariant()
        return yields

    def _fail(self, carry: _Carry, end: FrontValue) -> None:
        text = end.message if isinstance(end, Conflict) else "may not be bound at the end of a turn"
        self.fr.fail(self.node, f"`{carry.name}` {text}", "Keep one type for a name that is carried through a loop.")

    def _learn(self, carry: _Carry, end: FrontValue) -> None:
        carry.template = end
        carry.types = [_plain(a.type) for a in flatten(end)]
        carry.varies = [self._made_inside(t) for t in carry.types]
        not_one = self.fr.session.shapes.not_one
        carry.loose = [
            {k for k, d in enumerate(t.shape) if not not_one(d)} if isinstance(t, Array) else set() for t in carry.types
        ]
        carry.own = carry.params(self.fr)
        self._remember(carry)

    def _made_inside(self, type_: Type) -> set[int]:
        """The axes whose lengths are not known before the loop."""
        session = self.fr.session
        order, start = session.shapes.order, session.loops[-1]
        if not isinstance(type_, Array):
            return set()
        return {k for k, d in enumerate(type_.shape) if any(order.get(s, -1) >= start for s in d.symbols())}

    def _remember(self, carry: _Carry) -> None:
        own = self.hints.setdefault(carry.name, {})
        own.update(types=list(carry.types), template=carry.template)
        own.update(varies=[set(v) for v in carry.varies], loose=[set(v) for v in carry.loose])

    def _aligned(self, carry: _Carry, end: FrontValue) -> list[Atom] | None:
        """The end's values in the order of the parameters; None if the name starts anew (what it was before does not matter)."""
        settled = self._settled(end) if isinstance(carry.template, Parts) else end
        if _same_structure(carry.template, settled):
            return list(flatten(settled))
        if carry.name in self.entry:
            self.fr.fail(
                self.node,
                f"`{carry.name}` is another kind of value at the end of a turn than before the loop",
                "Give it the same structure before the loop and in each turn.",
            )
        self.hints.setdefault(carry.name, {})["unset"] = True
        return None

    def _compare(self, carry: _Carry, atoms: Sequence[Atom]) -> bool:
        """Whether the types at the end of a turn widen those of its beginning."""
        widened = False
        for k, atom in enumerate(atoms):
            own = carry.types[k]
            joined = self._joined(carry, own, atom.type)
            if isinstance(own, Array) and isinstance(joined, Array):
                assert isinstance(atom.type, Array)
                shapes = self.fr.session.shapes
                pairs = list(enumerate(zip(own.shape, atom.type.shape, strict=True)))
                new = {i for i, (a, b) in pairs if not shapes.same(a, b)}
                loose = {i for i, ab in pairs if i in new and not all(shapes.not_one(shapes.resolve(d)) for d in ab)}
                if own.dtype != joined.dtype or not new <= carry.varies[k] or not loose <= carry.loose[k]:
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

    def _joined(self, carry: _Carry, own: Type, end: Type) -> Type:
        shapes = self.fr.session.shapes
        used, order = dict(shapes.used), dict(shapes.order)
        try:
            joined = join_types(shapes, own, end)
        except Unjoinable as problem:
            self.fr.fail(
                self.node,
                f"`{carry.name}` changes its type in the loop: it {str(problem).replace('on one path', 'before').replace('on another', 'after a turn')}",
                "Start with a value of the type that it has later, such as `np.zeros(n)` for an array.",
            )
        shapes.used, shapes.order = used, order
        return joined

    def _skip_invariant(self) -> None:
        """A name that every turn leaves as it was need not be carried; one that was left out for that has to stay so."""
        again = False
        cells = self.fr.session.cells
        carried = {c.name for c in self.carries}
        for name, before in self.cells_at_start.items():
            if name in self.cells and name not in carried and not is_identical(cells[name], before):
                self.hints.setdefault("%cells", set()).add(name)
                again = True
        for name, hint in self.hints.items():
            if name == "%cells":
                continue
            if hint.get("skip") and not is_identical(self.fr.env.get(name, MISSING), self.at_start.get(name, MISSING)):
                hint["skip"] = False
                again = True
        for carry, end in zip(self.carries, self.ends, strict=True):
            if not isinstance(carry.init, Missing) and carry.own and is_identical(end, carry.at_start):
                self.hints.setdefault(carry.name, {})["skip"] = True
                again = True
        if again:
            raise _Retry

    # ---- what the loop is given and gives ----

    def inits(self) -> list[Atom]:
        out: list[Atom] = []
        for carry in self.carries:
            if isinstance(carry.template, Missing):
                continue
            if isinstance(carry.init, Missing):
                out += [self.fr.op(self.node, undefined, type=_plain(t)) for t in carry.fresh_types(self.fr)]
            else:
                pairs = zip(flatten(carry.init), carry.types, strict=True)
                out += [coerced(self.fr, self.node, a, t) for a, t in pairs]
        return out

    def outcome(self) -> list[Value]:
        """The results, bound to the names that they stand for behind the loop."""
        fr = self.fr
        fr.env, fr.session.cells = self.before, self.cells
        results: list[Value] = []
        for carry, end in zip(self.carries, self.ends, strict=True):
            if isinstance(carry.template, Missing):
                if isinstance(end, Conflict):
                    fr.env[carry.name] = end
                continue
            own = carry.results(fr)
            results += own
            self._set(carry.name, rebuild(carry.template, iter(own)))
        return results


def is_identical(a: FrontValue, b: FrontValue) -> bool:
    if isinstance(a, Parts) and isinstance(b, Parts):
        return all(map(is_identical, a.values, b.values))
    return is_same(a, b)


def _widened(own: Type, known: Type) -> Type:
    """A type before the loop, widened by what an earlier reading found."""
    if isinstance(own, Scalar) and isinstance(known, Scalar):
        return Scalar(known.dtype, known.weak) if (own.dtype, own.weak) != (known.dtype, known.weak) else own
    if isinstance(own, Array) and isinstance(known, Array):
        return Array(known.dtype, own.shape)
    return known if isinstance(own, List) and own.element == UNKNOWN else own


def _same_structure(a: FrontValue, b: FrontValue) -> bool:
    if isinstance(a, Parts) and isinstance(b, Parts):
        return (a.kind, a.keys, a.cls) == (b.kind, b.keys, b.cls) and all(map(_same_structure, a.values, b.values))
    atoms = [isinstance(v, Value | Const) and next(flatten(v), None) is not None for v in (a, b)]
    return all(atoms) or (not any(atoms) and is_same(a, b))


# ---- reading with retries -------------------------------------------------------------------------------------


def read_loop(fr: Frame, node: Any, attempt: Any) -> None:
    """Call `attempt(loop)` until the types of the loop agree. It appends the loop, or raises `_Retry`."""
    session = fr.session
    env, length, mark = fr.env, len(fr.b.body), session.mark()
    depth = fr.loop_depth
    go = env.get("%go")
    try:
        for _ in range(_ATTEMPTS):
            fr.env = dict(env)
            try:
                loop = _Loop(fr, node)
                attempt(loop)
                break
            except _Retry:
                _undo(fr, env, length, mark, depth)
        else:
            fr.fail(node, "the types of this loop's variables do not settle", "Give them their final types before the loop.")
    except (Unroll, Restart):
        _undo(fr, env, length, mark, depth)
        raise
    if go is None:
        fr.env.pop("%go", None)
    else:
        fr.env["%go"] = go


def _undo(fr: Frame, env: dict[str, FrontValue], length: int, mark: Mark, depth: int) -> None:
    fr.env = env
    del fr.b.body[length:]
    fr.session.reset(mark)
    fr.loop_depth = depth


# ---- for ---------------------------------------------------------------------------------------------------------


@reads(gast.For)
def _for(fr: Frame, node: Any) -> None:
    for_loop(fr, node, iterable(fr, fr.expr(node.iter), node.iter))


def for_loop(fr: Frame, node: Any, items: Items | Parts) -> None:
    if isinstance(items, Parts):
        _unroll(fr, node, list(items.values))
        return
    symbols: list[str] = []
    try:
        read_loop(fr, node, lambda loop: _read_for(fr, loop, items, symbols))
    except Unroll as request:
        if request.symbol not in symbols:
            raise
        count = exact_count(fr, items, node)
        if count is None:
            fr.fail(node, "this loop indexes a container of unlike parts, and its length is not known", "Loop over the container.")
        positions = [const(k) for k in range(count)]
        _unroll(fr, node, [items.element(p) for p in (positions[::-1] if items.reverse else positions)])


def _read_for(fr: Frame, loop: _Loop, items: Items, symbols: list[str]) -> None:
    node = loop.node
    session = fr.session
    with _turn(fr, loop) as b:
        index = _index(fr, node, items)
        assert isinstance(index.type, Scalar) and index.type.expr is not None
        symbols[:] = sorted(index.type.expr.symbols())
        session.indices |= set(symbols)
        loop.enter()
        element: FrontValue = index if items.bounds else items.element(index)
        assign(fr, node.target, element, node.target)
        block(fr, node.body, loop.live)
        go = _flag(fr)
        yields = loop.leave()
        breaks = go is not TRUE
        body = b.region([index, *loop.params()], [go, *yields] if breaks else yields)
    inits = loop.inits()
    start, stop, step = items.bounds or (const(0), _atom(items.count), const(1))
    turns = [Value(Scalar("int64", True, session.shapes.fresh("turns")), "turns")] if breaks else []
    results = (*turns, *loop.outcome())
    location = fr.source.location(node)
    fr.b.append(
        For(start, stop, step, tuple(inits), body, results, items.reverse, breaks, location=location, origin=fr.b.origin)
    )


def _atom(count: Atom | int) -> Atom:
    return const(count) if isinstance(count, int) else count


def _index(fr: Frame, node: Any, items: Items) -> Value:
    target = node.target
    if items.naming >= 0 and isinstance(target, gast.Tuple):
        target = target.elts[items.naming]
        named = isinstance(target, gast.Name)
    else:
        named = bool(items.bounds) and isinstance(target, gast.Name)
    hint = target.id if named else "i"
    symbol = fr.session.shapes.fresh(hint)
    return Value(Scalar("int64", True, symbol), hint, named and hint.isidentifier())


def _flag(fr: Frame) -> Atom:
    go = fr.env.get("%go", TRUE)
    assert isinstance(go, Value | Const)
    return go


class _turn:
    """Open the region of a turn, and put everything back if its reading is broken off."""

    def __init__(self, fr: Frame, loop: _Loop) -> None:
        self.fr = fr
        self.loop = loop
        self.region = fr.session.region()

    def __enter__(self) -> Builder:
        session = self.fr.session
        session.guesses.append(self.loop.guess)
        session.loops.append(len(session.shapes.order))
        self.fr.loop_depth += 1
        return self.region.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        self.fr.loop_depth -= 1
        self.fr.session.loops.pop()
        self.fr.session.guesses.pop()
        return self.region.__exit__(kind, error, trace)


def _unroll(fr: Frame, node: Any, elements: list[FrontValue]) -> None:
    """A loop over known parts: its body once for each."""
    live = fr.source.flow.turn.get(id(node), frozenset(getattr(node, "carried", ())))
    saved = fr.env.get("%go")
    if has_return(node):
        fr.env.setdefault("%return", FALSE)
    if node.orelse and has_break(node):
        fr.env["%broke"] = FALSE
    _turns(fr, node, elements, live)
    if saved is None:
        fr.env.pop("%go", None)
    else:
        fr.env["%go"] = saved


def _turns(fr: Frame, node: Any, elements: list[FrontValue], live: frozenset[str]) -> Done:
    for k, element in enumerate(elements):
        fr.env["%go"] = TRUE
        assign(fr, node.target, element, node.target)
        fr.loop_depth += 1
        path = fr.session.path
        fr.session.path = (*path, id(node), k)
        try:
            done = block(fr, node.body, live)
        finally:
            fr.loop_depth -= 1
            fr.session.path = path
        if done is None:
            return FALSE
        go = _flag(fr)
        known = static_truth(fr, go)
        if known is False:
            return FALSE
        if known is None:
            rest = elements[k + 1 :]
            fr.loop_depth += 1
            branch(fr, node, go, lambda: _turns(fr, node, rest, live), lambda: FALSE, live)
            fr.loop_depth -= 1
            return FALSE
    return FALSE


# ---- while ---------------------------------------------------------------------------------------------------------


@reads(gast.While)
def _while(fr: Frame, node: Any) -> None:
    always = is_endless(node)
    if always or loop_exits(node) or _binds(node.test):
        read_loop(fr, node, lambda loop: _read_endless(fr, loop, always))
        if always and not has_break(node):
            fr.env["%return"] = TRUE
        return
    read_loop(fr, node, lambda loop: _read_while(fr, loop))


def is_endless(node: Any) -> bool:
    """`while True`."""
    return isinstance(node.test, gast.Constant) and bool(node.test.value)


def _binds(test: Any) -> bool:
    return any(isinstance(n, gast.NamedExpr) for n in gast.walk(test))


def _read_while(fr: Frame, loop: _Loop) -> None:
    """`while` with a condition, left nowhere else."""
    node = loop.node
    with _turn(fr, loop) as before:
        loop.enter()
        own = {carry.name: carry.own for carry in loop.carries}
        condition = truth(fr, node.test)
    if static_truth(fr, condition) is False:
        fr.env = loop.before
        return
    with _turn(fr, loop) as b:
        loop.enter()
        block(fr, node.body, loop.live)
        yields = loop.leave()
        body = b.region(loop.params(), yields)
    params = [p for c in loop.carries for p in own.get(c.name) or c.values(c.types)]
    test = before.region(params, [condition])
    inits = loop.inits()
    fr.b.append(While(tuple(inits), test, body, tuple(loop.outcome()), location=fr.source.location(node), origin=fr.b.origin))


def _read_endless(fr: Frame, loop: _Loop, always: bool) -> None:
    """`while True` with its exit at the end; a condition becomes a branch around the turn."""
    node = loop.node
    statements = node.body
    if not always:
        leave = gast.copy_location(gast.Break(), node)
        leave.at_end = True
        statements = [gast.copy_location(gast.If(node.test, node.body, [leave]), node)]
    with _turn(fr, loop) as b:
        loop.enter()
        done = block(fr, statements, loop.live)
        go = _flag(fr)
        yields = loop.leave()
        if go is TRUE and done is not None:
            fr.fail(node, "this loop never ends", "Leave it by `break` or `return`.")
        body = b.region(loop.params(), [go, *yields])
    inits = loop.inits()
    fr.b.append(While(tuple(inits), None, body, tuple(loop.outcome()), location=fr.source.location(node), origin=fr.b.origin))
