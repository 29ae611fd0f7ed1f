"""Another semiring: from the logarithm of a sum of exponentials to its largest term.

    scores = log_alpha[:, None] + log_A             scores = log_alpha[:, None] + log_A
    log_alpha = logsumexp(scores, axis=0)     ->    log_alpha = np.max(scores, axis=0)

and likewise where the sum is spelled with `np.logaddexp`, with a maximum shifted by hand, or in loops: what comes from
`exp` is followed to its logarithm, products on the way become sums, sums become maxima. Whatever else happens to such
a value is refused, with its line. Every sum of exponentials is taken to be one over states: a normaliser that the
function computes itself would be one, too. -inf stays -inf.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import (
    Atom,
    Call,
    Const,
    For,
    Function,
    If,
    Op,
    OpDecl,
    Region,
    Statement,
    Value,
    While,
    const,
    walk,
)
from srcdiff.ir.location import Location
from srcdiff.ir.types import ndim_of
from srcdiff.ops import arithmetic, elementwise, reductions
from srcdiff.transforms.facts import definitions, same_kind

__all__ = ["max_plus"]

_AT_ONCE = {"logsumexp": reductions.max, "logaddexp": arithmetic.maximum}
_COMBINED: dict[str, OpDecl] = {
    "add": arithmetic.maximum,
    "multiply": arithmetic.add,
    "divide": arithmetic.subtract,
}
_MOVED = {
    "index", "read", "copy", "reshape", "transpose", "ravel", "expand_dims", "squeeze", "swapaxes", "broadcast_to",
}  # fmt: skip
_MONOTONE = {"max", "maximum"}


def max_plus(fn: Function) -> Function:
    """`fn` with the largest term of each sum of exponentials in place of the sum's logarithm."""
    found = _exponentials(fn)
    for y in fn.body.yields:
        if y in found:
            raise _refused(fn.location, "the function returns")
    return _MaxPlus(fn, found)(fn)


def _exponentials(fn: Function) -> set[Value]:
    """The values that are exponentials, or sums and products of such."""
    found: set[Value] = set()
    size = -1
    while size != len(found):  # carried round loops
        size = len(found)
        for statement in walk(fn.body):
            for value, sources in _flows(statement):
                if any(s in found for s in sources):
                    found.add(value)
            if isinstance(statement, Op) and statement.decl is elementwise.exp:
                found.add(statement.result)
    return found


def _flows(statement: Statement) -> Iterator[tuple[Value, tuple[Atom, ...]]]:
    """Which values are exponentials if one of others is."""
    match statement:
        case Op():
            name = statement.decl.name
            if name in ("sum", *_COMBINED, *_MOVED, *_MONOTONE):
                yield statement.result, statement.operands
        case If():
            parts = zip(
                statement.results, statement.then.yields, statement.orelse.yields, strict=True
            )
            yield from ((result, (a, b)) for result, a, b in parts)
        case For():
            params = statement.body.params[1:]
            yields = statement.carried_yields
            for p, r, c, y in zip(
                params, statement.carried_results, statement.carried, yields, strict=True
            ):
                yield p, (c, y)
                yield r, (c, y)


class _MaxPlus(Rewriter):
    def __init__(self, fn: Function, exponentials: set[Value]) -> None:
        self.exponentials = exponentials
        self.made = definitions(fn)
        self.shifted: dict[Value, Op] = {}  # maxima of differences, and the differences

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not self.touches(old):
            self.plain(old, env, b)
        elif isinstance(old, Op):
            self.exponential(old, env, b)
        elif isinstance(old, For | If):
            b.append(self.control(old, env, b))
        else:
            raise _refused(old.location, _what(old))

    def plain(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op):
            super().statement(old, env, b)
            return
        new = self.op(old, env, b)
        if old.decl.name in _AT_ONCE:
            new = replace(new, decl=_AT_ONCE[old.decl.name], spelling="")
        elif old.decl is arithmetic.add:
            new = self.unshifted(new, env)
        b.append(new)

    def unshifted(self, new: Op, env: Env) -> Op:
        """`max(x)` for `max(x - top) + top`."""
        for top, largest in (new.operands, new.operands[::-1]):
            difference = self.shifted.get(largest) if isinstance(largest, Value) else None
            if difference is None or not isinstance(largest, Value):
                continue
            scores, shift = (lookup(env, a) for a in difference.operands)
            attrs = self.made[largest].attrs
            if self.is_along(shift, top, ndim_of(scores.type), attrs.get("axis")):
                return replace(new, decl=reductions.max, operands=(scores,), attrs=attrs)
        return new

    def is_along(self, shift: Atom, top: Atom, axes: int, axis: int | None) -> bool:
        """Whether `shift` is `top`, the same for all that a maximum along `axis` is taken of."""
        if axis is None:
            return shift == top and ndim_of(top.type) == 0
        if shift == top:
            return ndim_of(top.type) == axes - 1 and axis % axes == 0
        made = self.made.get(shift) if isinstance(shift, Value) else None
        if made is None or made.operands[0] != top or ndim_of(top.type) != axes - 1:
            return False
        parts = str(made.attrs.get("where")).split(", ")
        new_axis = [k for k, part in enumerate(parts) if part == "None"]
        return new_axis == [axis % axes] and all(part in (":", "None") for part in parts)

    def op(self, old: Op, env: Env, b: Builder) -> Op:
        new = self.keep(old, env, b)
        assert isinstance(new, Op)
        return new

    def touches(self, old: Statement) -> bool:
        inner = old.body.yields if isinstance(old, While) else ()
        return any(v in self.exponentials for v in (*old.operands, *old.results, *inner))

    # ---- values that are exponentials: the new value of each is its logarithm -------------------------

    def exponential(self, old: Op, env: Env, b: Builder) -> None:
        name = old.decl.name
        b.location, b.origin = old.location, old.origin
        if name == "exp" and old.operands[0] not in self.exponentials:
            x = lookup(env, old.operands[0])
            is_alike = same_kind(x.type, old.result.type)
            env[old.result] = x if is_alike else b.op(arithmetic.float64, x)
        elif name == "log":
            env[old.result] = lookup(env, old.operands[0])
        elif name == "log1p":
            one = (const(0.0), lookup(env, old.operands[0]))
            b.append(replace(old, decl=arithmetic.maximum, operands=one, spelling=""))
        elif name == "sum":
            new = replace(self.op(old, env, b), decl=reductions.max, spelling="")
            exponent = new.operands[0]
            difference = self.made.get(exponent) if isinstance(exponent, Value) else None
            if difference is not None and difference.decl is arithmetic.subtract:
                self.shifted[new.result] = difference
            b.append(new)
        elif name in _COMBINED:
            operands = self.logarithms(old, env, b)
            b.append(replace(old, decl=_COMBINED[name], operands=operands, spelling=""))
        elif name in _MOVED or name in _MONOTONE:
            new = self.op(old, env, b)
            if name in _MONOTONE:
                new = replace(new, operands=self.logarithms(old, env, b))
            b.append(new)
        else:
            raise _refused(old.location, _what(old))

    def logarithms(self, old: Op, env: Env, b: Builder) -> tuple[Atom, ...]:
        return tuple(self.logarithm(a, old.location, env, b) for a in old.operands)

    def logarithm(self, atom: Atom, location: Location | None, env: Env, b: Builder) -> Atom:
        """What stands for an operand: of plain numbers, the logarithm."""
        if atom in self.exponentials:
            return lookup(env, atom)
        if not isinstance(atom, Const):
            return b.op(elementwise.log, lookup(env, atom))
        if not isinstance(atom.value, int | float) or atom.value < 0:
            raise _refused(location, f"{atom.value!r} is put together with")
        return const(math.log(atom.value) if atom.value else -math.inf)

    def control(self, old: For | If, env: Env, b: Builder) -> Statement:
        if isinstance(old, If):
            then = self.yielding(old.then, old.results, env, b)
            orelse = self.yielding(old.orelse, old.results, env, b)
            return replace(old, condition=lookup(env, old.condition), then=then, orelse=orelse)
        starts = [lookup(env, a) for a in (old.start, old.stop, old.step)]
        carried = tuple(
            self.logarithm(c, old.location, env, b) if r in self.exponentials else lookup(env, c)
            for c, r in zip(old.carried, old.carried_results, strict=True)
        )
        body = self.yielding(old.body, old.results, env, b)
        start, stop, step = starts
        return replace(old, start=start, stop=stop, step=step, carried=carried, body=body)

    def yielding(self, old: Region, results: tuple[Value, ...], env: Env, b: Builder) -> Region:
        """A region, with the logarithms of what it yields as exponentials."""
        inner = b.inner()
        for statement in old.body:
            self.statement(statement, env, inner)
        yields = tuple(
            self.logarithm(y, None, env, inner) if r in self.exponentials else lookup(env, y)
            for y, r in zip(old.yields, results, strict=True)
        )
        return inner.region(old.params, yields)


def _what(old: Statement) -> str:
    match old:
        case Op():
            return f"`{old.decl.name}` is applied to"
        case Call():
            return f"`{old.function.name}` is called with"
        case While():
            return "a while loop carries"
    return "something is done with"


def _refused(location: Location | None, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"max-plus: {what} an exponential whose logarithm is not taken",
        "It knows sums, products and quotients of exponentials on the way to their logarithm. "
        "Write the sum with scipy.special.logsumexp.",
        location,
    )
