"""The values of Python expressions while a function is read: a value of the IR, or something known when compiling.

Structures that the user's code makes (tuples, dicts, ...) stay `Parts`: they cost no statements, and become an
operation only where one value is needed. Everything here is frozen; names are rebound in an environment, never
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import gast

from srcdiff.ir.core import Node, Tree
from srcdiff.ir.types import Scalar, Static
from srcdiff.ir.values import Atom, Const, Value, const

if TYPE_CHECKING:
    from srcdiff.frontend.core.frame import Frame
    from srcdiff.frontend.source.function_source import Source


@dataclass(frozen=True, slots=True)
class Known:
    """A Python object: a function, module, type, dtype, bound method, ..."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A container whose parts are known one by one; fields as in `types.Struct`.

    One that may be written into (a dict or list) has a `cell`, the name under which the session keeps what it
    holds now: then all names for it see a write. The fields say what it held when it was read.
    """

    kind: str
    keys: tuple[Any, ...]
    values: tuple[FrontValue, ...]
    cls: type | None = None
    cell: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A nested function or lambda with the frame that defines it: its free names are looked up there when it is
    called.
    """

    node: gast.AST
    frame: Frame
    defaults: dict[str, FrontValue] = field(default_factory=dict)


@dataclass(eq=False)
class Lifted:
    """A nested function with what it finds around it that is known when compiling."""

    source: Source
    node: gast.AST
    look_up: Callable[[str], tuple[str, Any] | None]
    known: dict[str, FrontValue] = field(default_factory=dict)
    family: dict[Any, Lifted] = field(default_factory=dict)  # those that call each other
    __closure__: Any = None

    @property
    def __code__(self) -> Lifted:
        return self

    @property
    def __name__(self) -> str:
        return self.source.name


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """A call of a generator function: the frame that its body will be read in. `started`, in a cell, is True once a
    loop has iterated over it; `at_once`: all items may be computed before the first is used.
    """

    frame: Frame
    started: Parts
    at_once: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """`iter(source)`. `place`, in a cell, is the position of what comes next; None once a loop takes the rest."""

    source: FrontValue
    place: Parts


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """`receiver.name`, not yet called; `function` is set for methods of the user's classes."""

    receiver: FrontValue
    name: str
    function: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A `functools.partial`: the callable and what is bound already."""

    function: FrontValue
    args: tuple[FrontValue, ...]
    kwargs: tuple[tuple[str, FrontValue], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    lower: FrontValue | None
    upper: FrontValue | None
    step: FrontValue | None


@dataclass(frozen=True, slots=True, eq=False)
class ShapeOf:
    """`x.shape`: a tuple of lengths that are read one by one as they are wanted."""

    array: Atom


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """An f-string: Python text with `{i}` for operands."""

    template: str
    operands: tuple[Atom, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Something to loop over: `count` iterations (an int if known when compiling), and the element of an iteration.

    `bounds` is set where the iterations are those of a `range`: (start, stop, step); `source` is then None.
    """

    count: Atom | int
    element: Callable[[Atom], FrontValue]
    bounds: tuple[Atom, Atom, Atom] | None = None
    reverse: bool = False
    naming: int = -1  # which part of a tuple of targets the index itself is, where one is
    lists: tuple[
        tuple[Value, Any], ...
    ] = ()  # lists of which each iteration reads one item; the node that takes a slice, or None
    slots: int = 0  # states that are kept, where the loop is over `srcdiff.checkpointed`


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A list in a structure that a loop carries: it is the same in every iteration, and is not carried itself."""

    value: Value


@dataclass(frozen=True, slots=True)
class Missing:
    """Not bound (on some path)."""


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """Bound only where `condition` had the value `when`."""

    value: FrontValue
    condition: Atom
    when: bool


@dataclass(frozen=True, slots=True, eq=False)
class Conflict:
    """Bound to things on two paths that no one type describes; an error once it is read."""

    message: str
    condition: Atom | None = None
    advice: str = "Use two names, or make both of one type."


MISSING = Missing()

FrontValue = (
    Value
    | Const
    | Known
    | Parts
    | Closure
    | Generated
    | Method
    | Piece
    | Slice
    | ShapeOf
    | Stream
    | Text
    | Items
    | Held
    | Missing
    | Partial
    | Conflict
)
# of a call
Args = Sequence[FrontValue]
Kwargs = Mapping[str, FrontValue]
Statements = Sequence[gast.AST]
# whether the rest of a block is skipped; None where the end of the block is never reached
Done = Atom | None


def is_none(value: FrontValue) -> bool:
    return isinstance(value, Const) and value.value is None


def maybe(value: FrontValue, filler: Callable[[], FrontValue] = lambda: MISSING) -> Parts:
    """A value that may be None (see `frontend/containers/optional.py`); `filler` makes what stands for nothing."""
    if isinstance(value, Parts) and value.kind == "maybe":
        return value
    there = not is_none(value)
    return Parts("maybe", ("found", ""), (const(there), value if there else filler()))


def part_name(name: str, key: object) -> str:
    if not name:
        return str(key)  # of something that nobody names
    return f"{name}_{key}" if key != "" else name


def sequence(values: Sequence[FrontValue], kind: str = "tuple") -> Parts:
    return Parts(kind, tuple(range(len(values))), tuple(values))


def static_int(value: FrontValue) -> int | None:
    """The integer, where it is known when compiling."""
    if isinstance(value, Const) and isinstance(value.value, int):
        return int(value.value)
    if isinstance(value, Value) and isinstance(value.type, Scalar):
        expr = value.type.expr
        return expr.const if expr is not None and expr.is_const else None
    return None


def is_same(a: FrontValue, b: FrontValue) -> bool:
    """Whether two values are sure to be one."""
    if isinstance(a, Known) and isinstance(b, Known):
        return a.value is b.value
    if isinstance(a, Closure) and isinstance(b, Closure):
        return is_same_function(a, b) and all(map(is_same, parts_of(a), parts_of(b)))
    return a is b or (isinstance(a, Const) and a == b)


def is_same_function(a: Closure, b: Closure) -> bool:
    """Whether two functions differ in nothing but what their parameters are by default."""
    return a.node is b.node and a.frame is b.frame and a.defaults.keys() == b.defaults.keys()


def is_static(value: FrontValue) -> bool:
    """Whether this is one Python object known when compiling."""
    if isinstance(value, Const | Known):
        return True
    if isinstance(value, Parts):
        return value.kind != "object" and all(map(is_static, value.values))
    return static_int(value) is not None


def static(value: FrontValue) -> Any:
    """The Python object that a static value is."""
    if isinstance(value, Const | Known):
        return value.value
    if isinstance(value, Parts):
        inner = [static(v) for v in value.values]
        if value.kind == "tuple":
            return tuple(inner)
        if value.kind == "list":
            return inner
        pairs = dict(zip(value.keys, inner, strict=True))
        return pairs if value.cls is None else value.cls(**pairs)
    number = static_int(value)
    assert number is not None
    return number


def parts_of(value: Parts | Closure) -> Sequence[FrontValue]:
    """The items of a container, or the defaults of a function's parameters."""
    return value.values if isinstance(value, Parts) else tuple(value.defaults.values())


def flatten(value: FrontValue) -> Iterator[Atom]:
    """The values of the IR in a structure, in order; what is static is left out."""
    if isinstance(value, Parts | Closure):
        for part in parts_of(value):
            yield from flatten(part)
    elif isinstance(value, Value) or (
        isinstance(value, Const) and not isinstance(value.type, Static)
    ):
        yield value


def rebuild(template: FrontValue, atoms: Iterator[FrontValue]) -> FrontValue:
    """The structure with other values in the places that `flatten` lists."""
    if isinstance(template, Parts):
        return Parts(
            template.kind,
            template.keys,
            tuple(rebuild(v, atoms) for v in template.values),
            template.cls,
            template.cell,
        )
    if isinstance(template, Closure):
        defaults = {k: rebuild(v, atoms) for k, v in template.defaults.items()}
        return replace(template, defaults=defaults) if defaults else template
    if isinstance(template, Value) or (
        isinstance(template, Const) and not isinstance(template.type, Static)
    ):
        return next(atoms)
    return template


def map_atoms(change: Callable[[Atom], FrontValue], value: FrontValue) -> FrontValue:
    return rebuild(value, map(change, flatten(value)))


def tree_of(value: FrontValue, yields: list[Atom]) -> Tree | None:
    """How `yields` (appended to) form a result; None where a part is no value of the IR."""
    if isinstance(value, Value | Const):
        yields.append(value)
        return len(yields) - 1
    if isinstance(value, Known) and not callable(value.value):
        yields.append(const(value.value))
        return len(yields) - 1
    if not isinstance(value, Parts):
        return None
    if value.kind in ("object", "maybe"):
        return None
    children = [tree_of(v, yields) for v in value.values]
    known = tuple(c for c in children if c is not None)
    return Node(value.kind, value.keys, known, value.cls) if len(known) == len(children) else None
