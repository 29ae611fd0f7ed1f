"""The IR: a typed SSA form that keeps the structure of Python.

    Function = name (params) -> output { Region }
    Region   = (params) { statement* yield atoms }
    statement= Op                           results = decl[attrs](operands)
             | If    condition              { then } { orelse }              results = yields
             | For   start, stop, step      { body(index, *carried) }        results = the last yields
             | While                        { test(*carried) } { body(*carried) }
             | Call  function(operands)
    Atom     = Value | Const

Everything is frozen and compared by identity; a transform builds new statements. Values defined in a region are
visible in the rest of it and in the regions inside it, nowhere else; loops and branches yield their results.

*For* counts `start, start + step, ...` (in reverse order if `reverse`); loop-carried values (`carried`) are the
body's parameters after the index, and its yields. With `breaks`, the body yields a flag in front of the carried values
(False: leave the loop after this iteration), and the first result is the number of iterations.
*While* with a `test` runs `body` as long as `test` yields True. Without, it is `while True` with the exit at
the end: the body yields that flag in front of the carried values (False: leave).

*Memory.* A value of array or list type is a reference to storage. Statements say what they write
(`OpDecl.writes`) and which results are views (`OpDecl.view_of`); see `ir.alias`. After the pass that inserts loads,
the contents of written storage are used by `read`, `index` and similar operations only, so the place of such an
operation determines which version it sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from srcdiff.ir.facts import (
    DerivativeFacts,
    Interface,
    LengthFacts,
    RewriteFacts,
    SourceFacts,
    TargetFacts,
)
from srcdiff.ir.location import Location
from srcdiff.ir.types import Scalar, Type
from srcdiff.ir.values import Atom, Attrs, Value

Origin = Literal["user", "adjoint", "tangent", "compiler", "library"]


@dataclass(frozen=True, eq=False)
class OpDecl:
    """All that the compiler knows of one operation; declared in `srcdiff.ops`, held by every `Op`.

    Attributes
    ----------
    name : str
        As printed in the IR's text form.
    infer : callable
        `infer(shapes, operands, attrs) -> tuple of result types`; `shapes` is a `ops.registry.Shapes`.
    template : str or callable or None
        The Python text, `{0}`, `{1}` for operands (a statement where there is no result), or what makes it from the op.
        None: a call of `spelling` with operands, and attributes that differ from `defaults` as keywords.
    spelling : str
        The dotted name that is called, such as `np.tanh`; `Op.spelling` overrides it (`.sum` is a method).
    callables : tuple
        The Python functions that this operation stands for.
    function : callable or None
        The user's function that the text calls by its name (`spelling`), and that it is given.
    signature : str
        Parameters as in Python: those without a default are operands, those with one static attributes.
    ignored : tuple of str
        Keywords that callers may pass and that change no value.
    bind : callable or None
        Where a signature cannot say it: `bind(args, kwargs) -> (operands, attrs)`.
    rule, forward : callable or None
        The derivative in NumPy, for reverse and forward mode (see `ops.registry.declare`).
    specialised : callable or None
        Where rules depend on which operands have derivatives: the declaration with those for some positions.
    build : callable or None
        The adjoint where NumPy text cannot say it (containers, variadic operations): `build(b, op, d_outs) ->
        contributions`, one an operand, None for none.
    scatter : OpDecl or None
        For operations that pick a part of operand 0 (an element, a slice, a diagonal): the statement that adds
        to that part. `scatter(d_x, d_out, *other operands, **attrs)` is then the whole adjoint.
    elementwise : bool
        Acts on each element after broadcasting.
    broadcasts : bool
        Operands are broadcast to the result's shape, though it is not computed element by element.
    stacks : bool
        Operands are matrices or stacks of them, whose axes in front of the matrices' are broadcast.
    linear : bool
        The result is linear in all float operands together (then forward mode applies the operation to the tangents).
    multilinear : bool
        Linear in each float operand by itself.
    sign : str
        Of the result's elements: "positive" (in exact arithmetic), "at least 0", "zero", "of operands", "of sums", "".
    adjoint : str
        What the rule takes as `d_out`: "any" (a smaller array or a scalar may stand for its broadcast),
        "scalar" (whole, or a scalar for it), or "whole".
    optional : bool
        Of several results: the rule tests whether an adjoint `is None`: that of a result which nothing uses.
    differentiable : bool
        False: results never carry derivatives (comparisons, integers, `argmax`, lengths).
    view_of : int or None
        The result shares the storage of this operand.
    read_only : bool
        For views: NumPy lets nobody write through it, or only sometimes makes a view.
    boxes : bool
        Where there are no axes, NumPy may give an array without axes, which `+=` changes in place.
    writes : tuple of int
        Operands whose storage is written.
    shape_of : tuple of int
        Operands of which only the lengths are used, not the contents.
    holds : bool
        The result, or the list that is written, holds the operands themselves and not their contents.
    lengths_from : int or None
        The attributes name lengths; those that no parameter shows are operands from this number on.
    distinct : bool
        The results are index arrays that, used together, name no place twice.
    as_tuple : bool
        The function gives a tuple even of one result.
    named : callable or None
        `named()` is the class of named tuple that several results are in.
    takes_complex : bool
        Values and derivatives are right for complex operands; others refuse them.
    advice : str
        What to do where the rule does not give a derivative that is wanted.
    effect : bool
        Has to stay even if its result is unused (print, assert, raise).
    raises : bool
        May raise for some operands of the right type, so it is not moved across effects nor speculated.
    cost : str
        "free" (no work: views, lengths), "cheap" (repeat at will), "element" (one pass over its elements),
        "heavy" (products, factorisations, loops: not computed again without need).
    evaluate : callable or None
        `evaluate(operands, attrs)` for the reference evaluator; None: the template is evaluated.
    place, element, loops : callable or None
        The loop form: see `ops.loop_forms`. Elementwise operations have it by themselves.
    reads_once : bool
        The loop form uses each element of its operands once, so the operations that make them may be fused into it.
    fold : (str, number) or None
        For reductions along axes: the operation that combines two elements, and what to begin with.
    expansion : callable or None
        The operation in simpler ones, as NumPy text like a rule: it assigns `result`.
    device_form : callable or None
        The same for devices, which cannot call what NumPy has for it: loops over numbers.
    simpler : callable or None
        The same where NumPy text cannot say it: `simpler(b, op) -> atoms for the results`, None where it stays.
    compiled : str
        The function of `srcdiff.runtime.vmath` that compiled code calls for numbers.
    c_function : str
        The same where it is one of SciPy's: the name in `srcdiff.runtime.scipy_special`.
    routine : str or callable
        The function of `runtime.lapack` that compiled code calls for arrays, or `routine(op)`: its text, or "".
    device : str
        In kernels, in place of the template or of `math`: a template, or a function of `runtime.device`.
    samples : tuple
        How tests draw arguments (see `ops.samples`).
    """

    name: str
    infer: Callable[..., tuple[Type, ...]]
    template: str | Callable[[Op], str] | None = None
    spelling: str = ""
    callables: tuple[Any, ...] = ()
    function: Any = None
    signature: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    bind: Callable[..., Any] | None = None
    rule: Callable[..., object] | None = None
    forward: Callable[..., object] | None = None
    specialised: Callable[[tuple[int, ...]], OpDecl] | None = None
    build: Callable[..., Sequence[Atom | None]] | None = None
    scatter: OpDecl | None = None
    elementwise: bool = False
    broadcasts: bool = False
    stacks: bool = False
    linear: bool = False
    multilinear: bool = False
    sign: str = ""
    adjoint: str = "whole"
    optional: bool = False
    differentiable: bool = True
    view_of: int | None = None
    read_only: bool = False
    boxes: bool = False
    writes: tuple[int, ...] = ()
    shape_of: tuple[int, ...] = ()
    holds: bool = False
    lengths_from: int | None = None
    distinct: bool = False
    as_tuple: bool = False
    named: Callable[[], type] | None = None
    takes_complex: bool = False
    advice: str = ""
    effect: bool = False
    raises: bool = False
    cost: str = "element"
    evaluate: Callable[..., object] | None = None
    place: Callable[..., Sequence[Atom]] | None = None
    element: Callable[..., Atom] | None = None
    loops: Callable[..., Atom | tuple[Atom, ...] | None] | None = None
    reads_once: bool = False
    fold: tuple[str, float] | None = None
    expansion: Callable[..., object] | None = None
    device_form: Callable[..., object] | None = None
    simpler: Callable[..., Sequence[Atom] | None] | None = None
    compiled: str = ""
    c_function: str = ""
    routine: str | Callable[[Op], str] = ""
    device: str = ""
    samples: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"<op {self.name}>"


@dataclass(frozen=True, eq=False, slots=True)
class Region:
    params: tuple[Value, ...]
    body: tuple[Statement, ...]
    yields: tuple[Atom, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    decl: OpDecl
    operands: tuple[Atom, ...]
    results: tuple[Value, ...]
    attrs: Attrs = field(default_factory=dict)
    location: Location | None = None
    origin: Origin = "user"
    spelling: str = ""

    @property
    def result(self) -> Value:
        (value,) = self.results
        return value

    @property
    def view_of(self) -> int | None:
        """The operand whose storage the result shares: a number has none, so `np.reshape(number, (1,))` is new.

        `np.asarray` of a list (its `layout`) makes a new array of the list's items.
        """
        at = self.decl.view_of
        if at is None or at >= len(self.operands) or isinstance(self.operands[at].type, Scalar):
            return None
        return None if self.attrs.get("layout") else at

    @property
    def base(self) -> Atom | None:
        """The operand whose storage the result shares."""
        return None if self.view_of is None else self.operands[self.view_of]


@dataclass(frozen=True, eq=False, slots=True)
class If:
    condition: Atom
    then: Region
    orelse: Region
    results: tuple[Value, ...]
    location: Location | None = None
    origin: Origin = "user"
    pair: int = 0  # as for loops

    @property
    def operands(self) -> tuple[Atom, ...]:
        return (self.condition,)


@dataclass(frozen=True, eq=False, slots=True)
class For:
    start: Atom
    stop: Atom
    step: Atom
    carried: tuple[Atom, ...]
    body: Region
    results: tuple[Value, ...]
    reverse: bool = False
    breaks: bool = False
    pair: int = 0  # the number shared with the loop that reverses this one; 0: none
    location: Location | None = None
    origin: Origin = "user"
    is_parallel: bool = False  # compiled code divides the iterations among threads
    slots: int = 0  # reversed with so many states kept (`transforms.checkpoints`); 0: as any loop

    @property
    def operands(self) -> tuple[Atom, ...]:
        return (self.start, self.stop, self.step, *self.carried)

    @property
    def index(self) -> Value:
        return self.body.params[0]

    @property
    def carried_results(self) -> tuple[Value, ...]:
        return self.results[1:] if self.breaks else self.results

    @property
    def carried_yields(self) -> tuple[Atom, ...]:
        return self.body.yields[1:] if self.breaks else self.body.yields


@dataclass(frozen=True, eq=False, slots=True)
class While:
    carried: tuple[Atom, ...]
    test: Region | None
    body: Region
    results: tuple[Value, ...]
    pair: int = 0
    location: Location | None = None
    origin: Origin = "user"

    @property
    def operands(self) -> tuple[Atom, ...]:
        return self.carried

    @property
    def carried_yields(self) -> tuple[Atom, ...]:
        return self.body.yields if self.test is not None else self.body.yields[1:]


@dataclass(frozen=True, eq=False, slots=True)
class Call:
    """A call of another function of the user's (or of the adjoint made from it). Callees write no argument,
    and their results share no storage with arguments; the frontend inlines those that do. (When derivatives have been
    taken, some of ours write those that are noted as `writes`.)
    """

    function: Function
    operands: tuple[Atom, ...]
    results: tuple[Value, ...]
    location: Location | None = None
    origin: Origin = "user"


Statement = Op | If | For | While | Call


@dataclass(frozen=True, slots=True)
class Node:
    """A container in a function's result: `kind` as in `types.Struct`, children are trees."""

    kind: str
    keys: tuple[Any, ...]
    children: tuple[Tree, ...]
    cls: type | None = None


Tree = int | Node  # an int is a position in the yields


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """A function: its region's params are its parameters, `output` is how the yields form what it returns.

    `doc` is the docstring to print. What passes know of the function beside its statements is in groups of facts
    (`ir.facts`); a pass changes a fact by `replace(fn, lengths=replace(fn.lengths, positive=...))`.
    """

    name: str
    body: Region
    output: Tree
    doc: str = ""
    location: Location | None = None
    interface: Interface = field(default_factory=Interface)
    lengths: LengthFacts = field(default_factory=LengthFacts)
    source: SourceFacts = field(default_factory=SourceFacts)
    derivative: DerivativeFacts = field(default_factory=DerivativeFacts)
    rewriting: RewriteFacts = field(default_factory=RewriteFacts)
    target: TargetFacts = field(default_factory=TargetFacts)

    @property
    def params(self) -> tuple[Value, ...]:
        return self.body.params

    @property
    def label(self) -> str:
        """The name, as the user knows it."""
        return (self.location and self.location.function) or self.name

    def with_body(self, body: Region) -> Function:
        return self if body is self.body else replace(self, body=body)


def regions_of(statement: Statement) -> tuple[Region, ...]:
    if type(statement) is Op:  # most are, and each pass looks at all of them
        return ()
    match statement:
        case If():
            return (statement.then, statement.orelse)
        case For():
            return (statement.body,)
        case While():
            return (statement.body,) if statement.test is None else (statement.test, statement.body)
    return ()


def walk(*regions: Region) -> Iterator[Statement]:
    """Every statement in these regions, outer before inner; functions that are called are not entered."""
    for region in regions:
        for statement in region.body:
            yield statement
            if type(statement) is not Op:
                yield from walk(*regions_of(statement))


def carried_values(loop: For | While, k: int) -> list[Value]:
    """The body's parameter for a carried value, the test's, and the loop's result."""
    if isinstance(loop, For):
        return [loop.body.params[k + 1], loop.carried_results[k]]
    test = [] if loop.test is None else [loop.test.params[k]]
    return [loop.body.params[k], *test, loop.results[k]]


def leaves(tree: Tree) -> tuple[int, ...]:
    if isinstance(tree, int):
        return (tree,)
    return tuple(i for child in tree.children for i in leaves(child))
