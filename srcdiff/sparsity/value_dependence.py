"""Analysis of value dependence: whether a pattern holds for all floats, or must be found anew in each call.

A pattern is found along one path through the program. If a float decides the path, the index of an element or the
length of an array, another float may decide otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from srcdiff.ir.core import Call, For, Function, If, Op, Statement, walk
from srcdiff.ir.recursion import callees_first
from srcdiff.ir.types import Struct, is_float
from srcdiff.ir.values import Atom, Const, Value

_PARTS = ("get", "unpack")  # integers beside floats in a container are not computed from them


def is_decided_by_floats(fn: Function) -> bool:
    """Whether the pattern may differ for other floats in the same shapes."""
    return any(_Flow(f).is_decided() for f in callees_first(fn))


def outside_values(fn: Function) -> Iterator[bytes]:
    """The contents of values from outside the function that are not floats: patterns may depend on them."""
    for f in callees_first(fn):
        for s in walk(f.body):
            if isinstance(s, Op) and s.decl.name == "constant_array":
                value = s.attrs["value"]
                if isinstance(value, np.ndarray) and value.dtype.kind in "biu":
                    yield value.tobytes()


class _Flow:
    """The integers and truth values that are computed from floats, and their uses."""

    def __init__(self, fn: Function) -> None:
        self.fn = fn
        self.made: set[Value] = set()

    def is_made(self, atom: Atom) -> bool:
        return not isinstance(atom, Const) and atom in self.made

    def is_decided(self) -> bool:
        before = -1
        while len(self.made) != before:
            before = len(self.made)
            if any(self.decides(s) for s in walk(self.fn.body)):
                return True
        return False

    def decides(self, s: Statement) -> bool:
        match s:
            case Op():
                return self.op(s)
            case Call():
                self.made.update(r for r in s.results if not is_float(r.type))
                return any(map(self.is_made, s.operands))
            case If():
                self.pass_on((s.then.yields, s.results), (s.orelse.yields, s.results))
                return self.is_made(s.condition)
            case For():
                going = s.body.yields[:1] if s.breaks else ()
                ends = s.carried_yields
                self.pass_on((s.carried, s.body.params[1:]), (ends, s.body.params[1:]))
                self.pass_on((ends, s.carried_results), (s.carried, s.carried_results))
                return any(map(self.is_made, (s.start, s.stop, s.step, *going)))
        ends = s.carried_yields
        params = [s.body.params] if s.test is None else [s.body.params, s.test.params]
        self.pass_on(*((s.carried, p) for p in params), *((ends, p) for p in params))
        self.pass_on((ends, s.results), (s.carried, s.results))
        return self.is_made(s.body.yields[0] if s.test is None else s.test.yields[0])

    def pass_on(self, *pairs: tuple[tuple[Atom, ...], tuple[Value, ...]]) -> None:
        for sources, targets in pairs:
            self.made.update(t for a, t in zip(sources, targets, strict=True) if self.is_made(a))

    def op(self, op: Op) -> bool:
        read = [a for k, a in enumerate(op.operands) if k not in op.decl.shape_of]
        is_made = any(map(self.is_made, read))
        own = {r for r in op.results if not is_float(r.type) or isinstance(r.type, Struct)}
        if op.decl.name == "pack" or (op.decl.name in _PARTS and isinstance(read[0].type, Struct)):
            self.made.update(own if is_made else ())
            return False
        if is_made and (op.decl.writes or (own != {*op.results} and not op.decl.elementwise)):
            return True
        from_floats = any(is_float(a.type) for a in read)
        if from_floats and any(not is_float(op.operands[k].type) for k in op.decl.writes):
            return True
        self.made.update(own if is_made or from_floats else ())
        return False
