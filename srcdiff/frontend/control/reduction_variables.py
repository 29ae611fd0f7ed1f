"""Running sums of arrays that start as a number.

    total = 0                       total = np.zeros(len(x))
    for k in range(n):              if n <= 0:
        total = total + f(x, k)         raise ValueError("...")
                                    for k in range(n): ...

Zeros may stand for the number only where every iteration adds to them and nothing else reads them: then `0 + a` and
`zeros + a` are equal. Without an iteration, the sum would be a number, and the code after the loop was read for an
array.
"""

from __future__ import annotations

from collections.abc import Iterator

import gast

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Items
from srcdiff.frontend.source.jumps import has_break, has_return
from srcdiff.ir.core import If, Region
from srcdiff.ir.types import Array, Dim, Type, dims_of
from srcdiff.ir.values import Atom, Const, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.control import raise_
from srcdiff.ops.elementwise import arithmetic


def is_running_sum(node: gast.AST, name: str, start: FrontValue) -> bool:
    """Whether a loop adds to a name in each iteration, from zero on, and reads it for nothing else."""
    if not isinstance(node, gast.For) or not isinstance(start, Const) or start.value != 0:
        return False
    leaves = has_break(node) or has_return(node)
    leaves = leaves or any(isinstance(n, gast.Continue) for s in node.body for n in gast.walk(s))
    adds = [s for s in node.body if _adds(s, name)]
    others = (s for s in node.body if s not in adds)
    return bool(adds) and not leaves and not any(_reads(s, name) for s in others)


def _adds(s: gast.AST, name: str) -> bool:
    """`name += a`, `name = name + a` or `name = a + name`."""
    if isinstance(s, gast.AugAssign):
        return _is(s.target, name) and isinstance(s.op, gast.Add) and not _reads(s.value, name)
    if not isinstance(s, gast.Assign) or len(s.targets) != 1 or not _is(s.targets[0], name):
        return False
    if not isinstance(s.value, gast.BinOp) or not isinstance(s.value.op, gast.Add):
        return False
    sides = s.value.left, s.value.right
    own = [side for side in sides if _is(side, name)]
    return len(own) == 1 and not any(_reads(side, name) for side in sides if side not in own)


def _is(node: gast.AST, name: str) -> bool:
    return isinstance(node, gast.Name) and node.id == name


def _reads(node: gast.AST, name: str) -> bool:
    return any(_is(n, name) for n in gast.walk(node))


def zeros_for(fr: Frame, node: gast.AST, name: str, type_: Type) -> Atom | None:
    """Zeros of an array's type; None where its lengths are not those of the parameters."""
    shapes, params = fr.session.shapes, fr.session.params
    known = {s for p in params for d in dims_of(p.type) for s in shapes.resolve(d).symbols()}
    if not isinstance(type_, Array):
        return None
    dims = tuple(map(shapes.resolve, type_.shape))
    if any(d.symbols() - known for d in dims):
        return None
    lengths = list(_lengths(fr, node, dims))
    return fr.op(node, memory.zeros, *lengths, name=name, user=True, dtype=type_.dtype)


def _lengths(fr: Frame, node: gast.AST, dims: tuple[Dim, ...]) -> Iterator[Atom]:
    for d in dims:
        yield const(d.const) if d.is_const else fr.op(node, memory.length, dim=d)


def check_iterations(fr: Frame, node: gast.AST, name: str, items: Items) -> None:
    """Raise where a loop that starts with zeros for a number has no iteration."""
    first: Atom = const(0)
    last: Atom = const(items.count) if isinstance(items.count, int) else items.count
    if items.bounds is not None:
        first, last, step = items.bounds
        if not isinstance(step, Const):
            fr.untyped(
                node,
                f"`{name}` is a number before the loop and an array after an iteration, if there is one",
                "Start with zeros of the array's shape.",
            )
        if step.value < 0:
            first, last = last, first
    if isinstance(first, Const) and isinstance(last, Const) and first.value < last.value:
        return
    none = fr.op(node, arithmetic.less_equal, last, first)
    with fr.session.region() as inner:
        text = f"ValueError('{name} is not an array: the loop has no iteration')"
        inner.ops(raise_, text=text, classes={"ValueError": ValueError})
        body = inner.region((), ())
    nothing = Region((), (), ())
    fr.b.append(If(none, body, nothing, (), fr.source.location(node), fr.b.origin))
