"""Which variables share a Python name, and what they are called.

Copies that need not be made decide first: a variable and what is copied into it become one, if
they are never live together and bear no two different names of the user's. Then each class gets a
name: the user's, then the hints of passes (`d_x`), then names found in what the value is for. A
name of the user's may serve again when its holder is dead; an invented one is used for one thing
only.
"""

from __future__ import annotations

import builtins
import keyword
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from types import MappingProxyType

from srcdiff.codegen.names.heuristics import distances, made_of, stored_value, suggestions
from srcdiff.codegen.names.liveness import Interval, joined, overlap
from srcdiff.codegen.plan.defuse import Facts
from srcdiff.codegen.plan.plan import Copy, Let, Loop, Plan, assigned_by, walk_nodes
from srcdiff.codegen.text.expression_folding import Folding
from srcdiff.ir.types import INT, Array, Scalar, Type, shape_of, strip
from srcdiff.ir.values import Value

_USED_BUILTINS = {
    "abs", "enumerate", "len", "list", "max", "min", "print", "range", "reversed", "sum", "tuple",
    "zip", "float", "int", "complex", "bool", "isinstance", "dict", "sorted", "round", "pow", "all",
    "any", "ValueError", "IndexError",
}  # fmt: skip


@dataclass(eq=False)
class _Class:
    """Values that share a variable."""

    members: list[Value]
    intervals: list[Interval]
    first: int
    names: dict[str, bool] = field(
        default_factory=dict
    )  # what members are called -> whether by the user


def name_variables(
    plan: Plan,
    facts: Facts,
    folding: Folding,
    intervals: dict[Value, list[Interval]],
    taken: Iterable[str] = (),
    derivatives: Mapping[Value, tuple[Value, str]] = MappingProxyType({}),
    by_kind: bool = False,
) -> dict[Value, str]:
    """A name for every variable of the plan.

    `taken` are names of modules, functions and globals that it uses; `derivatives` says of
    which value another is the adjoint or tangent, and how that makes its name. `by_kind`: only
    values of one type and number of axes share a name, as compiled code needs it.
    """
    return _Naming(plan, facts, folding, intervals, {*taken}, derivatives, by_kind).run()


def kind_of(type_: Type) -> object:
    """What values of a Python name have in common where they are compiled."""
    if isinstance(type_, Array | Scalar):
        return len(shape_of(type_)), type_.dtype
    return type(type_)


def nearest(sources: Sequence[Mapping[str, int]]) -> list[str]:
    """For each of several values, the name that it alone is this near to, as near as the others to theirs.

    `exp(a / T - m)`, `exp(b / T - m)`, `exp(c / T - m)`, where all three have a part in `m`: a, b, c. All are "" where
    there are none.
    """
    for distance in sorted({d for s in sources for d in s.values()}):
        own = [
            [
                n
                for n in s
                if s[n] == distance
                and all(o is s or o.get(n, distance + 1) > distance for o in sources)
            ]
            for s in sources
        ]
        if all(len(names) == 1 for names in own):
            return [names[0] for names in own]
    return [""] * len(sources)


class _Naming:
    def __init__(
        self,
        plan: Plan,
        facts: Facts,
        folding: Folding,
        intervals: dict[Value, list[Interval]],
        taken: set[str],
        derivatives: Mapping[Value, tuple[Value, str]],
        by_kind: bool,
    ) -> None:
        self.by_kind = by_kind
        self.kinds: dict[str, object] = {}  # by name, of what bears it
        self.derivatives = derivatives
        self.plan, self.facts, self.folding = plan, facts, folding
        self.taken = taken
        self.params = set(plan.params)
        self.classes: dict[Value, _Class] = {}
        self.occupied: dict[str, list[Interval]] = {}  # by name
        self.names: dict[Value, str] = {}
        self.initial: set[_Class] = set()
        self.of: dict[_Class, str] = {}  # what sets a value apart from others of its kind
        # the values that each index's loop assigns, and the indices around each value
        self.within: dict[Value, set[Value]] = defaultdict(set)
        for node in walk_nodes(plan.nodes):
            indices = (loop.index for loop in node.loops if loop is not node)
            around = {index for index in indices if index is not None}
            for value in assigned_by(node) if around else ():
                self.within[value] |= around
                for index in around:
                    self.within[index].add(value)
        for value, live in intervals.items():
            known = {
                m.name: m.user
                for m in (*plan.members.get(value, ()), value)
                if m.name.isidentifier()
            }
            known = {n: u or known.get(n, False) for n, u in known.items()}
            self.classes[value] = _Class([value], live, live[0][0], known)

    def run(self) -> dict[Value, str]:
        self.coalesce()
        self.initial = self.initial_values()
        classes = list(dict.fromkeys(self.classes.values()))
        classes.sort(key=lambda c: (c.first, min(m.name for m in c.members)))
        for param in self.plan.params:
            self.give(self.classes[param], self.param_name(param))
        rest = [c for c in classes if c.members[0] not in self.names]
        unread = [c for c in rest if self.is_unread(c)]
        for c in unread:
            self.name_unread(c)
        rest = [c for c in rest if c.members[0] not in self.names]
        for c in rest:
            c.names.pop("_", None)  # the user reads it nowhere, but a pass does now
            if self.is_index(c):
                c.names = {n: u for n, u in c.names.items() if u or not self.is_amount(n)}
        for c in sorted((c for c in rest if c.names), key=self.rank):
            self.name_known(c)
        unnamed = [c for c in rest if not c.names]
        self.of = self.distinguished(unnamed)
        for c in sorted(unnamed, key=self.is_storage):  # storage is named after what it holds
            self.name_invented(c)
        return self.names

    # ---- one variable for a value and its copy ----

    def coalesce(self) -> None:
        pairs = [
            (target, source)
            for node in walk_nodes(self.plan.nodes)
            if isinstance(node, Copy)
            for target, source in zip(node.targets, node.sources, strict=True)
            if isinstance(source, Value) and source in self.classes
        ]
        for same in (True, False):
            for target, source in pairs:
                a, b = self.classes[target], self.classes[source]
                if (
                    a is not b
                    and bool(a.names.keys() & b.names.keys()) == same
                    and self.may_join(a, b)
                ):
                    self.join(a, b)

    def may_join(self, a: _Class, b: _Class) -> bool:
        mine, other = ({n for n, user in c.names.items() if user} for c in (a, b))
        if mine and other and not mine & other:
            return False
        hints, others = ({n for n, user in c.names.items() if not user} for c in (a, b))
        if (hints or mine) and (others or other) and not (a.names.keys() & b.names.keys()):
            return False
        if {*a.members} & self.params and {*b.members} & self.params:
            return False
        return not overlap(a.intervals, b.intervals)

    def join(self, a: _Class, b: _Class) -> None:
        if len(a.members) < len(b.members):
            a, b = b, a
        a.members += b.members
        a.intervals = joined(a.intervals, b.intervals)
        a.first = min(a.first, b.first)
        for name, user in b.names.items():
            a.names[name] = a.names.get(name, False) or user
        for member in b.members:
            self.classes[member] = a

    # ---- names ----

    def give(self, c: _Class, name: str) -> None:
        self.occupied[name] = joined(self.occupied.get(name, []), c.intervals)
        self.kinds.setdefault(name, kind_of(c.members[0].type))
        for member in c.members:
            self.names[member] = name

    def param_name(self, param: Value) -> str:
        """The user's, followed by `_` where the text means something else by it, such as `np` or `max`."""
        names = (param.name + "_" * k for k in count())
        return next(name for name in names if self.is_legal(name) and name not in self.occupied)

    def fits(self, c: _Class, name: str) -> bool:
        kind = kind_of(c.members[0].type)
        if self.by_kind and self.kinds.get(name, kind) != kind:
            return False
        if not c.names.get(name) and any(
            self.names.get(v) == name for m in c.members for v in self.within[m]
        ):
            return False  # what a loop counts is not counted anew in it
        return self.is_legal(name) and not overlap(self.occupied.get(name, []), c.intervals)

    def is_legal(self, name: str) -> bool:
        return (
            name.isidentifier()
            and not keyword.iskeyword(name)
            and name not in self.taken
            and name not in _USED_BUILTINS
        )

    def rank(self, c: _Class) -> tuple[bool, bool]:
        """The user's names go first, and of two values of one name the one that the loop changes."""
        return not any(c.names.values()), c in self.initial

    def initial_values(self) -> set[_Class]:
        """The initial values of a loop's variables that are read later, and so are variables of their own."""
        loops = [n for n in walk_nodes(self.plan.nodes) if isinstance(n, Loop)]
        carried = {v for loop in loops for v in loop.variables}
        found = set()
        for node in walk_nodes(self.plan.nodes):
            pairs = zip(node.targets, node.sources, strict=True) if isinstance(node, Copy) else ()
            for target, source in pairs:
                if target in carried and source in self.classes and source not in carried:
                    assert isinstance(source, Value)
                    start, variable = self.classes[source], self.classes[target]
                    if start is not variable and start.first < variable.first:
                        found.add(start)
        return found

    def is_unread(self, c: _Class) -> bool:
        return not any(self.facts.uses.get(m) for m in c.members) and not {*c.members} & self.params

    def is_storage(self, c: _Class) -> bool:
        makers = [self.facts.maker.get(m) for m in c.members]
        return any(
            isinstance(m, Let) and m.op is not None and m.op.decl.name in ("empty", "list_new")
            for m in makers
        )

    def name_unread(self, c: _Class) -> None:
        for member in c.members:
            self.names[member] = "_"

    def name_known(self, c: _Class) -> None:
        ordered = sorted(c.names, key=lambda n: not c.names[n])
        for name in ordered:
            if self.fits(c, name):
                self.give(c, name)
                return
        self.give(c, next(n for n in self.derived(c, ordered[0]) if self.is_free(n)))

    def derived(self, c: _Class, name: str) -> Iterator[str]:
        """Names for a value whose own name somebody else needs at the same time."""
        value = c.members[0]
        if value in self.folding.copied:
            yield f"old_{name}"
        elif c in self.initial and not name.startswith("d_"):
            yield f"initial_{name}"
        elif not name.startswith("d_"):
            base = name.removeprefix("new_").removeprefix("next_")
            yield from (f"new_{base}", f"next_{base}")
        elif name.startswith("d_"):
            yield f"{name}_part"
        yield from (f"{name}_{k}" for k in range(1, 1000))

    def distinguished(self, unnamed: list[_Class]) -> dict[_Class, str]:
        """`exponent_a` and `exponent_b`, where two values would be called `exponent`: by what each is made of."""
        families: dict[str, list[_Class]] = {}
        for c in (c for c in unnamed if self.is_primal(c)):
            families.setdefault(next(iter(self.suggestions(c)), ""), []).append(c)
        found: dict[_Class, str] = {}
        for noun, family in families.items():
            sources = [made_of(c.members, self.facts) for c in family] if len(family) > 1 else []
            own = [
                next((n for n in mine if not any(n in s for s in sources if s is not mine)), "")
                for mine in sources
            ]
            if len(own) > 2 and not all(own):
                own = nearest([distances(c.members, self.facts) for c in family])
            if all(own) and noun not in ("value", "result"):
                found.update((c, f"{noun}_{n}") for c, n in zip(family, own, strict=False))
        return found

    def is_primal(self, c: _Class) -> bool:
        makers = [self.facts.maker.get(m) for m in c.members]
        return all(isinstance(m, Let) and m.origin == "user" for m in makers)

    def suggestions(self, c: _Class) -> Iterator[str]:
        return suggestions(c.members, self.plan, self.facts, self.folding, self.names)

    def name_invented(self, c: _Class) -> None:
        found = [*self.suggestions(c), "value"]
        if c in self.of and self.of[c].startswith(f"{found[0]}_"):
            found.insert(0, self.of[c])
        sources = [self.derivatives[m] for m in c.members if m in self.derivatives]
        found[:0] = [form.format(self.names[v]) for v, form in sources if v in self.names]
        found = [n for n in found if n.isidentifier()]
        stored = {stored_value(m, self.facts) for m in c.members}
        again = next((self.names[v] for v in stored if v in self.names), None)
        if again is not None and again != "_" and self.fits(c, again):
            self.give(c, again)
            return
        if any(isinstance(self.facts.maker.get(m), Loop) for m in c.members):
            # an index may serve one loop after the other
            again = next((n for n in found if self.fits(c, n)), None)
            if again is not None:
                self.give(c, again)
                return
        numbered = (f"{found[0]}_{k}" for k in range(1, 10**6))
        self.give(c, next(n for n in chain(found, numbered) if self.is_free(n)))

    def is_index(self, c: _Class) -> bool:
        makers = [(self.facts.maker.get(m), m) for m in c.members]
        return any(isinstance(loop, Loop) and loop.index is m for loop, m in makers)

    def is_amount(self, name: str) -> bool:
        """Whether the user has a value of that name that is no count."""
        return any(strip(v.type) != INT for _, v in self.facts.named.get(name, ()))

    def is_free(self, name: str) -> bool:
        of = name.removeprefix("d_")
        if of != name and len(of) == 1 and of in self.facts.named:
            return False  # would be taken for that variable's adjoint
        return self.is_legal(name) and name not in self.occupied and not hasattr(builtins, name)
