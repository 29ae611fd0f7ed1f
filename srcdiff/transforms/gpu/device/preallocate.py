"""Preallocation: allocations become parameters, since device code cannot allocate.

    def f(x):                                     def f(x, rows):
        rows = np.empty((len(x), 3))    becomes       for i in range(len(x)):
        for i in range(len(x)):                           rows[i, 0] = ...
            rows[i, 0] = ...

Small storage of static size becomes a local array of the thread (`cuda.local.array`), or shared memory of the block.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from srcdiff.ir.alias import Roots, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup, ranges_of, shapes_for
from srcdiff.ir.core import For, Function, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.facts import Storage
from srcdiff.ir.types import Array, Dim, Scalar, Type, all_dims, inner_lengths, shape_of
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.control import cuda_scalar
from srcdiff.ops.control.cuda_kernel import shared_array
from srcdiff.transforms.analysis.defuse import ALLOCATIONS, defined_in, used_atoms
from srcdiff.transforms.lower.loop_nests import NoLoopForm, element_of, nest, store_element

_LOCAL = 2048  # bytes of a local or shared array, at most
_SHARED = 16384  # bytes of all shared arrays of a block, at most
_SMALL = 512  # bytes of a vector that is worth a specialisation for its length, at most
ZEROS = frozenset({"zeros", "zeros_of", "zeros_like"})
UNFILLED = frozenset({"empty", "empty_of", "empty_like"})


def device_storage(fn: Function, is_block: bool = False) -> Function:
    """`fn` with its storage as further parameters, listed in `target.storage` after the results.

    `is_block`: the threads of a block run it together. Small storage then is shared memory (`cuda.shared.array`), or
    local to a thread within an iteration of a shared loop.

    Raises
    ------
    NoLoopForm
        For storage whose size the arguments do not determine, or that an iteration passes to the next.
    """
    return _Given(fn, is_block).function()


def local_lengths(
    fn: Function, params: Sequence[Value], lengths: Mapping[str, int]
) -> dict[str, int]:
    """The lengths of the user's arrays, by symbol, that have to be static so that small vectors are local to a thread.

    Integer arguments do not count, since they differ from item to item. Storage with several axes does not count, since
    tables grow with the data.
    """
    axes = {d.symbol for p in params for d in shape_of(p.type)}
    found: dict[str, int] = {}
    for s in fn.target.storage:
        own = {name for d in s.type.shape for name in d.symbols()}
        if s.role == "scratch" and s.type.ndim == 1 and own <= lengths.keys() & axes:
            (length,) = (d.evaluate(lengths) for d in s.type.shape)
            if length * np.dtype(s.type.dtype).itemsize <= _SMALL:
                found |= {name: lengths[name] for name in sorted(own)}
    return found


class _Given(Rewriter):
    def __init__(self, fn: Function, is_block: bool) -> None:
        self.fn = fn
        self.roots = storage_roots(fn)
        self.iterations = frozenset(_in_threads(fn.body)) if is_block else frozenset()
        self.shared = _SHARED if is_block else 0  # bytes of shared memory that are left
        self.is_block = is_block
        self.taken = {p.name for p in fn.params} | {fn.name}
        self.known = {d for p in fn.params for d in _symbols(p.type)}
        self.ranges = ranges_of(fn.body)
        self.scratch: list[Storage] = []
        self.given: list[Value] = []
        self.local: list[Op] = []
        self.inner: dict[Op, Op] = {}  # allocations inside shared loops -> local arrays
        self.places: dict[Value, Value] = {}  # allocated array -> its replacement

    def function(self) -> Function:
        fn = self.fn
        for op in _allocations(fn):
            self.place(op)
        b = Builder(shapes_for(fn), "compiler", fn.location)
        b.body += self.local
        env: Env = {}
        for statement in fn.body.body:
            self.statement(statement, env, b)
        yields = tuple(lookup(env, y) for y in fn.body.yields)
        used = {a for s in b.body for a in used_atoms(s)}
        kept = [k for k, v in enumerate(self.given) if v in used]
        scratch = (self.scratch[k] for k in kept)
        target = replace(fn.target, storage=(*fn.target.storage, *scratch))
        params = (*fn.params, *(self.given[k] for k in kept))
        return replace(fn, body=b.region(params, yields), target=target)

    def place(self, op: Op) -> None:
        """Decide where the storage of an allocation is."""
        type_ = op.result.type
        assert isinstance(type_, Array)
        if _escapes_iteration(op.result, self.fn, self.roots):
            raise NoLoopForm(
                "storage that an iteration of a loop allocates and passes on", op.location
            )
        is_own = not self.is_block or op in self.iterations
        if cuda_scalar.is_known(type_) and _bytes(type_) <= _LOCAL and (is_own or self.fits(type_)):
            shape = tuple(Dim(max(d.const, 1)) for d in type_.shape)
            made = Value(type_, op.result.name or "buffer", op.result.user)
            attrs = {"type": replace(type_, shape=shape)}
            decl = cuda_scalar.local_array if is_own else shared_array
            taken = Op(decl, (), (made,), attrs, op.location, op.origin)
            if op in self.iterations:
                self.inner[op] = taken
            else:
                self.local.append(taken)
            self.places[op.result] = made
            return
        shape = tuple(self.at_most(d) for d in type_.shape)
        if not {s for d in shape for s in d.symbols()} <= self.known:
            raise NoLoopForm("storage whose size is known only when the program runs", op.location)
        type_ = replace(type_, shape=shape)
        name = unused(op.result.name or "buffer", self.taken)
        self.scratch.append(Storage(name, type_, "scratch"))
        self.given.append(Value(type_, name))
        self.places[op.result] = self.given[-1]

    def fits(self, type_: Array) -> bool:
        """Reserve shared memory of the block; whether there was enough."""
        room = self.shared >= _bytes(type_)
        self.shared -= _bytes(type_) if room else 0
        return room

    def at_most(self, d: Dim) -> Dim:
        """An upper bound of a length over all iterations of the loops whose indices it contains."""
        for _ in self.ranges:
            inner = [s for s in sorted(d.symbols()) if s in self.ranges and s not in self.known]
            if not inner:
                break
            rises = _rises(d, inner[0])
            end = None if rises is None else self.ranges[inner[0]][rises]
            if end is None:
                break
            d = d.substitute({inner[0]: end}).clamped()
        return d

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and len(old.results) == 1 and old.result in self.places:
            place = env[old.result] = self.places[old.result]
            b.location, b.origin = old.location, old.origin
            if old in self.inner:
                b.append(self.inner[old])
            fill(b, old, place, env)
            return
        super().statement(old, env, b)


def _rises(d: Dim, symbol: str) -> bool | None:
    """Whether a length increases with a symbol; None if it is not known to be monotone."""
    found: set[bool | None] = set()
    for term, k in d.terms:
        if term == symbol:
            found.add(k > 0)
        elif not isinstance(term, str):
            inner = [_rises(f, symbol) for f in inner_lengths(term) if symbol in f.symbols()]
            found |= {None if r is None else r == (k > 0) for r in inner}
    return found.pop() if len(found) == 1 else None


def unused(name: str, taken: set[str]) -> str:
    """A name that is not taken yet; it is added to `taken`."""
    new, k = f"{name}_" if keyword.iskeyword(name) else name, 2
    while new in taken:
        new, k = f"{name}_{k}", k + 1
    taken.add(new)
    return new


def _symbols(type_: Type) -> Iterator[str]:
    """The symbols that the caller knows from an argument: its lengths, or an integer's value."""
    number = type_.expr if isinstance(type_, Scalar) else None
    for d in all_dims(type_) if number is None else (number,):
        yield from d.symbols()


def _in_threads(region: Region, within: bool = False) -> Iterator[Statement]:
    """The statements inside shared loops."""
    for s in region.body:
        if within:
            yield s
        for r in regions_of(s):
            yield from _in_threads(r, within or (isinstance(s, For) and s.is_parallel))


def _allocations(fn: Function) -> Iterator[Op]:
    for s in walk(fn.body):
        if not isinstance(s, Op) or s.decl.name not in ALLOCATIONS or s.view_of is not None:
            continue
        if isinstance(s.result.type, Array):
            yield s


def _bytes(type_: Array) -> int:
    return math.prod(d.const for d in type_.shape) * np.dtype(type_.dtype).itemsize


def _escapes_iteration(v: Value, fn: Function, roots: Roots) -> bool:
    """Whether storage that an iteration allocates reaches the next iteration, or the code after the loop."""
    for s in walk(fn.body):
        if isinstance(s, For | While) and any(v in defined_in(r) for r in regions_of(s)):
            yields = (y for r in regions_of(s) for y in r.yields)
            if any(isinstance(y, Value) and v in roots.get(y, ()) for y in yields):
                return True
    return False


def fill(b: Builder, op: Op, place: Value, env: Env) -> None:
    """Append the initialisation of an allocation: nothing, a constant or a copy."""
    if op.decl.name in UNFILLED:
        return
    is_copy = op.decl.name in ("copy", "expand")
    source = lookup(env, op.operands[0]) if is_copy else _number(op)
    shape = shape_of(op.result.type)  # `place` may be larger

    def body(b: Builder, at: Sequence[Atom], _: Sequence[Atom]) -> Sequence[Atom]:
        store_element(b, place, element_of(b, source, at), at)
        return ()

    nest(b, shape, (), body)


def _number(op: Op) -> Atom:
    assert isinstance(op.result.type, Array)
    number = 0 if op.decl.name in ZEROS else 1
    return const({"f": float, "b": bool}.get(op.result.type.dtype[0], int)(number))
