"""Derivatives of kernel launches in host code: reverse mode launches the adjoint kernel, forward mode the tangent
kernel.

    scale[1, n] %x, %y                 scale[1, n] %x, %y
                          becomes      ...
                                       scale_adjoint[1, n] %x, %y, %d_x, %d_y

The adjoint kernel needs the contents of arrays from before the launch. An array that the kernel both reads and writes
is copied in front of the launch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, Rewriter, map_ops
from srcdiff.ir.core import Function, Op, Statement, walk
from srcdiff.ir.types import Array, Scalar, is_float
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import memory
from srcdiff.ops.control.cuda_launch import first_argument, is_launch, launch_of
from srcdiff.transforms.ad.adjoints.accumulate import Scope
from srcdiff.transforms.ad.adjoints.reverse_state import Reversal


def with_launch_copies(fn: Function) -> Function:
    """`fn` with a copy, in front of each launch, of each array that the kernel both reads and writes."""
    return _Copies()(fn) if any(map(is_launch, walk(fn.body))) else fn


class _Copies(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if (
            isinstance(old, Op)
            and isinstance(new, Op)
            and is_launch(old)
            and not old.attrs.get("before")
        ):
            first = first_argument(new)
            b.location, b.origin = new.location, "compiler"
            before: list[Value] = []
            places: list[int] = []
            for k in new.attrs["reads"]:
                array = new.operands[first + k]
                if first + k in new.decl.writes and isinstance(array, Value):
                    held = b.op(memory.read, array)
                    before.append(b.op(memory.copy, held, name=f"old_{array.name}"))
                    places.append(k)
            attrs = {**new.attrs, "before": tuple(places)}
            new = replace(new, operands=(*new.operands, *before), attrs=attrs)
        b.append(new)


def without_launch_copies(fn: Function) -> Function:
    """`fn` with launches that do not refer to the copies: only copies that the backward part uses stay."""

    def plain(op: Op) -> Op:
        if not is_launch(op) or not op.attrs.get("before"):
            return op
        count = first_argument(op) + op.attrs["count"]
        return replace(op, operands=op.operands[:count], attrs={**op.attrs, "before": ()})

    return map_ops(fn, plain)


def reverse_launch(r: Reversal, op: Op, scope: Scope) -> None:
    """Append the launch of the adjoint kernel, with the adjoints of the arrays."""
    first, count = first_argument(op), op.attrs["count"]
    given = op.operands[first : first + count]
    if not any(r.is_active(op.operands[k]) for k in op.decl.writes):
        return
    _check_launch(op, given, r.is_active)
    before = dict(zip(op.attrs["before"], op.operands[first + count :], strict=True))
    b = scope.b
    extents = [r.forward.primal(a, scope) for a in op.operands[:first]]
    arguments: list[Atom] = []
    writes: list[int] = []
    for k, a in enumerate(given):
        if k in before:  # a private copy, which the adjoint kernel may write
            writes.append(first + k)
            held = r.forward.primal(before[k], scope)
            arguments.append(b.op(memory.copy, held, name=f"old_{_name(a)}"))
        elif a in r.buffers:
            arguments.append(b.op(memory.read, r.forward.primal(a, scope)))
        else:
            arguments.append(r.forward.primal(a, scope))
    shadows: list[Value] = []
    added: list[tuple[Atom, Value]] = []
    for a in given:
        if not isinstance(a, Value) or not isinstance(a.type, Array) or not is_float(a.type):
            continue
        buffer = r.open(a, scope) if r.is_active(a) else None
        if isinstance(buffer, Value) and buffer not in shadows:
            shadows.append(buffer)
            continue
        own = b.op(memory.zeros_like, r.forward.primal(a, scope), name=f"d_{_name(a)}")
        shadows.append(own)
        if buffer is not None:  # an array that is passed twice
            added.append((buffer, own))
    writes += range(first + count, first + count + len(shadows))
    _append(b, op, 0, [*extents, *arguments, *shadows], writes)
    for buffer, own in added:
        b.ops(memory.add_into, buffer, b.op(memory.read, own), where="")


def tangent_launch(op: Op, dot_of: Callable[[Atom], Atom | None], b: Builder) -> None:
    """Append the launch of the tangent kernel, which computes the kernel's results, too."""
    first, count = first_argument(op), op.attrs["count"]
    given = op.operands[first : first + count]
    if not any(dot_of(op.operands[k]) is not None for k in op.decl.writes):
        b.append(op)
        return
    _check_launch(op, given, lambda a: dot_of(a) is not None)
    dots: list[Atom] = []
    writes = list(op.decl.writes)
    for k, a in enumerate(given):
        if isinstance(a, Value) and isinstance(a.type, Array) and is_float(a.type):
            dot = dot_of(a)
            if dot is None:
                dot = b.op(memory.zeros_like, a, name=f"{a.name}_dot")
            if first + k in op.decl.writes:
                writes.append(first + count + len(dots))
            dots.append(dot)
    _append(b, op, 1, [*op.operands[: first + count], *dots], writes)


def _append(b: Builder, op: Op, kind: int, operands: Sequence[Atom], writes: Sequence[int]) -> None:
    derived = op.attrs["derived"][kind]
    given = operands[first_argument(op) :]
    decl = launch_of(derived, derived.__name__, len(given), tuple(writes))
    # it may read all of its arguments
    reads = tuple(k for k, a in enumerate(given) if isinstance(a.type, Array))
    attrs = {"count": len(given), "before": (), "reads": reads, "derived": derived.derived}
    attrs = {**op.attrs, **attrs}
    b.append(replace(op, decl=decl, operands=tuple(operands), attrs=attrs, origin=b.origin))


def _check_launch(op: Op, given: Sequence[Atom], has: Callable[[Atom], bool]) -> None:
    for a in given:
        if isinstance(a.type, Scalar) and has(a):
            raise UnsupportedError(
                f"the kernel {op.decl.spelling} is given a number that is differentiated",
                "Pass it in an array of one element: `np.array([k])`, and `k[0]` in the kernel.",
                op.location,
            )


def _name(a: Atom) -> str:
    return a.name if isinstance(a, Value) else ""
